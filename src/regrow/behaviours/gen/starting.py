"""Starting a process and waiting for its acknowledgement (the mechanism of OTP's `proc_lib:start`).

The starter waits until the new process acknowledges that it is up, that it is not needed, or that it failed. The
process has its name before its `init` runs; after a failure the name is free before the starter continues.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from regrow.behaviours.gen.cancelled_starts import wait_for_ack
from regrow.behaviours.gen.start_errors import AlreadyStarted, Ignored, StartError
from regrow.behaviours.gen.start_request import StartRequest
from regrow.kernel import bifs, exits, links, names, requests
from regrow.kernel.ancestors import descend
from regrow.kernel.awaitables import OTHERS, Foreign
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.mailbox import take_exits
from regrow.kernel.process_record import Host, Pid, Process
from regrow.kernel.requests import ANSWERED, CLOSED, PENDING
from regrow.kernel.running import running_alive, unwind
from regrow.kernel.yields import Opening

if TYPE_CHECKING:
    from regrow.kernel.process_record import Monitor, Pid, Process

# Called with (process, start request, argument); returns the generator of the process's main loop, or None to end it.
Body = Callable[[Process, StartRequest, Any], Generator[Any, Any, Any] | None]


class Ignore:
    """The type of IGNORE, the result of an `init` whose process is not needed now (OTP's `ignore`)."""

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE = Ignore()


class Failed:
    """The acknowledgement of a start that has failed."""

    __slots__ = ("reason",)

    def __init__(self, reason: object) -> None:
        self.reason: object = reason


class Terminated(exits.Exit):
    """The exit of a process that has reported its end already, so that the kernel does not report it again."""


def init_ack(process: Process, starter: StartRequest, answer: object) -> None:
    """Acknowledge a start: `answer` is None or a value if the process is up, IGNORE, or Failed(reason).

    A process that is not up loses its name first: the starter may start it again at once, under the same name.
    """
    if answer is not None and (type(answer) is Ignore or type(answer) is Failed):
        names.release(process)
    if process.node.trace is not None:
        process.node.trace.emit("start", process.pid, starter.pid, answer)
    requests.settle(starter, ANSWERED, answer)
    if starter.given_up and type(answer) is not Ignore and type(answer) is not Failed:
        # The starter was cancelled in the meantime, so the new process is shut down.
        links.exit_signal(process, starter.parent, "shutdown", True)


def init_failed(process: Process, starter: StartRequest, error: BaseException) -> BaseException:
    """Report a failed init to the starter, and return the exception that ends the process.

    KeyboardInterrupt and SystemExit are returned as they are: they end the program.
    """
    reason = exits.reason_of(error)
    if process.alive:
        init_ack(process, starter, Failed(reason))
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else exits.Exit(reason)


async def start(
    body: Body,
    arg: object,
    who: object,
    *,
    initial_call: object,
    name: object = None,
    link: bool = True,
    timeout: float | None = None,
) -> Pid:
    """Start a process whose first step is `body(process, starter, arg)`, wait for its acknowledgement, return its pid.

    Args:
        body: the first step of the process.
        arg: the last argument of `body`.
        who: the class or description of the process, for errors.
        initial_call: the user's function that the process begins with, for `proc_lib.initial_call` and reports.
        name: a name of any form, or None.
        link: whether to link the process to the caller.
        timeout: seconds until the process is killed; None waits for ever.

    Raises:
        AlreadyStarted: the name is taken.
        Ignored: the process acknowledged with IGNORE.
        StartError: the start failed, or took longer than `timeout`; then the process is killed.
        TypeError: `name` cannot be a name.
    """
    node = CURRENT.node or current_node()
    caller = node.scheduler.current
    if caller is None and node.adopted:
        caller = node.caller()
    if caller is not None and not caller.alive:
        await unwind()
    if name is not None:
        names.check_name(name)
        holder = names.find(node, name)
        if holder is not None and (holder.process is not None or holder.node is not node):
            if not node.scheduler.has_time():
                await OTHERS
            raise AlreadyStarted(holder, name)
    process, starter = new_process(node, caller, initial_call, name, link)
    begin(node, process, Opening(body, (starter, arg)), timeout)
    if starter.state != ANSWERED or starter.answer is not None or (caller is not None and not caller.alive):
        await await_ack(node, caller, process, starter, who, timeout)
    return process.pid


def new_process(
    node: Host, caller: Process | None, initial_call: object, name: object, link: bool
) -> tuple[Process, StartRequest]:
    """Return a process that has its name and its link but no body yet, and the request that its start settles.

    Raises:
        AlreadyStarted: the name is taken.
    """
    parent = node.init if caller is None else caller
    process = node.new_process(copy_context(), initial_call)
    descend(process, parent)
    if name is not None:
        try:
            holder = names.claim(process, name)
        except BaseException:  # the registry raised: the process must not stay in the node's table
            links.die(process, "normal")
            raise
        if holder is not None:
            links.die(process, "normal")
            raise AlreadyStarted(holder, name)
    # Without a link a process is its own parent: the end of its starter, or an exit signal from it, is then no order to
    # terminate.
    starter = StartRequest(node.guest if caller is None else caller.pid, parent.pid if link else process.pid)
    if link:
        links.link(parent, process.pid)
    return process, starter


async def begin_and_await_ack(
    node: Host, caller: Process | None, process: Process, starter: StartRequest, who: object, timeout: float | None
) -> Any:
    """Let the process run, wait for its acknowledgement and return the acknowledged value.

    Raises:
        Ignored: the process acknowledged with IGNORE.
        StartError: the start failed, or took longer than `timeout` seconds; then the process is killed.
    """
    begin(node, process, None, timeout)
    return await await_ack(node, caller, process, starter, who, timeout)


def begin(node: Host, process: Process, opening: Opening | None, timeout: float | None) -> None:
    """Let a process take its first step: at once if the scheduler hands over now, else in its turn."""
    if timeout == 0.0 or not node.scheduler.hand_over(process, opening):
        node.scheduler.ready(process, opening)


async def await_ack(
    node: Host, caller: Process | None, process: Process, starter: StartRequest, who: object, timeout: float | None
) -> Any:
    """Wait for the acknowledgement of a process that has begun; returns and raises as `begin_and_await_ack`."""
    if starter.state == PENDING or (caller is not None and not caller.alive):
        starter.server = process
        await Foreign(wait_for_ack(node, caller, process, starter, who, timeout))
    answer = starter.answer
    if starter.state == ANSWERED:
        if type(answer) is not Ignore and type(answer) is not Failed:
            return answer
        if not node.scheduler.has_time():
            await OTHERS
        if type(answer) is Failed:
            raise StartError(answer.reason, who)
        raise Ignored(f"{who} did not start: its init returned IGNORE")
    parent = node.init if caller is None else caller
    if starter.state == CLOSED:
        links.unlink(parent, process.pid)
        links.die(process, "killed")
        raise StartError("timeout", who)
    take_exits(parent, (process.pid,))  # the StartError reports this end; its Exited message is removed
    if not node.scheduler.has_time():
        await OTHERS
    raise StartError(answer, who)


async def start_monitor(
    body: Body, arg: object, who: object, *, initial_call: object, name: object = None, timeout: float | None = None
) -> tuple[Pid, Monitor]:
    """Start a process without a link, and monitor it before its first step, so that its `Down` has its true reason.

    A failed start is reported by the exception alone: its `Down` is removed.

    Raises:
        RuntimeError: the caller is a plain asyncio task, which has no mailbox.
        Exception: any exception that `start` raises.
    """
    watcher = running_alive()
    watching: list[Monitor] = []

    def monitored(process: Process, starter: StartRequest, arg: object) -> Generator[Any, Any, Any] | None:
        watching.append(links.monitor(watcher, process.pid, process.pid))
        return body(process, starter, arg)

    try:
        pid = await start(monitored, arg, who, initial_call=initial_call, name=name, link=False, timeout=timeout)
    except BaseException:
        if watcher.alive and watching:
            bifs.demonitor(watching[0], flush=True)
        raise
    return pid, watching[0]
