"""Starting a process and hearing from it that it is up (the inside of OTP's `proc_lib:start`).

The starter waits until the new process acknowledges: it is up, it does not want to be, or it failed. The process has
its name before its `init` runs, and has lost it again before the starter hears of a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from regrow.behaviours.gen.cancelled_starts import word
from regrow.behaviours.gen.start_errors import AlreadyStarted, Ignored, StartError
from regrow.kernel import bifs, exits, links, names, requests
from regrow.kernel.ancestors import descend
from regrow.kernel.awaitables import OTHERS, Foreign
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.mailbox import take_exits
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import ANSWERED, CLOSED, PENDING, CallRequest
from regrow.kernel.running import running_alive, unwind
from regrow.kernel.yields import Opening

if TYPE_CHECKING:
    from regrow.kernel.pid import Monitor, Pid
    from regrow.kernel.process_record import Process

# Given the new process, whoever waits for its word, and what was handed on for it; gives the loop that it goes on as.
Body = Callable[[Process, "StartRequest", Any], Generator[Any, Any, Any] | None]


class Ignore:
    """What `init` returns to say that this process is not wanted now."""

    def __repr__(self) -> str:
        return "IGNORE"


IGNORE = Ignore()


class Failed:
    """An acknowledgement: the start has failed."""

    __slots__ = ("reason",)

    def __init__(self, reason: object) -> None:
        self.reason: object = reason


class Terminated(exits.Exit):
    """The end of a process that has reported it itself."""


class StartRequest(CallRequest):
    """Who waits for the acknowledgement."""

    __slots__ = ("given_up", "parent")

    parent: Pid  # of the new process
    given_up: bool  # the starter was cancelled

    def __init__(self, asker: Pid, parent: Pid) -> None:
        super().__init__(asker, None)
        self.parent = parent
        self.given_up = False


def init_ack(process: Process, starter: StartRequest, answer: object) -> None:
    """Tell the starter how the start went. Of a failed one the name is freed first, so that it can be tried again."""
    if answer is not None and (type(answer) is Ignore or type(answer) is Failed):
        names.release(process)
    if process.node.trace is not None:
        process.node.trace.tell("start", process.pid, starter.pid, answer)
    requests.settle(starter, ANSWERED, answer)
    if starter.given_up and type(answer) is not Ignore and type(answer) is not Failed:
        links.exit_signal(process, starter.parent, "shutdown", True)  # it is up, and nobody wants it any more


def init_failed(process: Process, starter: StartRequest, error: BaseException) -> BaseException:
    """With what a process ends whose init has raised; its starter is told. `sys.exit` is more than the process's end."""
    reason = exits.reason_of(error)
    if process.alive:
        init_ack(process, starter, Failed(reason))
    return error if isinstance(error, KeyboardInterrupt | SystemExit) else exits.Exit(reason)


async def start(
    body: Body,
    given: object,
    who: object,
    *,
    initial_call: object,
    name: object = None,
    link: bool = True,
    timeout: float | None = None,
) -> Pid:
    """Start a process whose first step is `body(process, starter, given)`, and wait until that has called `init_ack`.

    Raises:
        AlreadyStarted: the name is taken.
        Ignored: the process was not wanted.
        StartError: the start failed, or took longer than `timeout` seconds; then the process is killed.
        TypeError: this can be no name.
    """
    node = CURRENT.node or current_node()
    caller = node.scheduler.current
    if caller is None and node.adopted:
        caller = node.caller()
    if caller is not None and not caller.alive:
        await unwind()
    if name is not None:
        names.check_name(name)
        held = names.find(node, name)
        if held is not None and (held.process is not None or held.node is not node):
            if not node.scheduler.has_time():
                await OTHERS
            raise AlreadyStarted(held, name)
    process, starter = new_process(node, caller, initial_call, name, link)
    begin(node, process, Opening(body, (starter, given)), timeout)
    if starter.state != ANSWERED or starter.answer is not None or (caller is not None and not caller.alive):
        await await_ack(node, caller, process, starter, who, timeout)
    return process.pid


def new_process(
    node: Node, caller: Process | None, initial_call: object, name: object, link: bool
) -> tuple[Process, StartRequest]:
    """A process that has its name and its link, but no body yet; and who waits for its word.

    Raises:
        AlreadyStarted: the name is taken.
    """
    parent = node.init if caller is None else caller
    process = node.new_process(copy_context(), initial_call)
    descend(process, parent)
    if name is not None:
        try:
            held = names.claim(process, name)
        except BaseException:  # a table that cannot take the name: the process has never been
            links.die(process, "normal")
            raise
        if held is not None:
            links.die(process, "normal")
            raise AlreadyStarted(held, name)
    # Without a link a process is its own parent: whoever started it ends, or sends an exit signal, as any stranger does.
    starter = StartRequest(node.guest if caller is None else caller.pid, parent.pid if link else process.pid)
    if link:
        links.link(parent, process.pid)
    return process, starter


async def begin_and_await_ack(
    node: Node, caller: Process | None, process: Process, starter: StartRequest, who: object, timeout: float | None
) -> Any:
    """Let the process run, and wait for its word; gives what it acknowledged with.

    Raises:
        Ignored: the process was not wanted.
        StartError: the start failed, or took longer than `timeout` seconds; then the process is killed.
    """
    begin(node, process, None, timeout)
    return await await_ack(node, caller, process, starter, who, timeout)


def begin(node: Node, process: Process, opening: Opening | None, timeout: float | None) -> None:
    """Let a process take its first step, at once if that is allowed now."""
    if timeout == 0.0 or not node.scheduler.hand_over(process, opening):
        node.scheduler.ready(process, opening)


async def await_ack(
    node: Node, caller: Process | None, process: Process, starter: StartRequest, who: object, timeout: float | None
) -> Any:
    """Wait for the word of a process that has begun; gives and raises what `begin_and_await_ack` does."""
    if starter.state == PENDING or (caller is not None and not caller.alive):
        starter.server = process
        await Foreign(word(node, caller, process, starter, who, timeout))
    answer = starter.answer
    if starter.state == ANSWERED:
        if type(answer) is not Ignore and type(answer) is not Failed:
            return answer
        if not node.scheduler.has_time():
            await OTHERS
        if type(answer) is Failed:
            raise StartError(answer.reason, who)
        raise Ignored(f"{who} is not wanted: its init returned IGNORE")
    parent = node.init if caller is None else caller
    if starter.state == CLOSED:
        links.unlink(parent, process.pid)
        links.die(process, "killed")
        raise StartError("timeout", who)
    take_exits(parent, (process.pid,))  # it is told here, and not once more by a message
    if not node.scheduler.has_time():
        await OTHERS
    raise StartError(answer, who)


async def start_monitor(
    body: Body, given: object, who: object, *, initial_call: object, name: object = None, timeout: float | None = None
) -> tuple[Pid, Monitor]:
    """Start a process without a link and monitor it before its first step: its `Down` says why it ended, however early.

    Of a start that fails there is no `Down`.

    Raises:
        RuntimeError: this runs in a plain asyncio task, which has no mailbox.
        Exception: what `start` raises.
    """
    watcher = running_alive()
    watching: list[Monitor] = []

    def watched(process: Process, starter: StartRequest, given: object) -> Generator[Any, Any, Any] | None:
        watching.append(links.monitor(watcher, process.pid, process.pid))
        return body(process, starter, given)

    try:
        pid = await start(watched, given, who, initial_call=initial_call, name=name, link=False, timeout=timeout)
    except BaseException:
        if watcher.alive and watching:
            bifs.demonitor(watching[0], flush=True)
        raise
    return pid, watching[0]
