"""Making processes: alone, linked, monitored or by request, and of a running asyncio task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from types import TracebackType
from typing import Any, Literal, NoReturn, cast, overload

from regrow.kernel import bounded_repr, exits, links, mailbox
from regrow.kernel.ancestors import descend
from regrow.kernel.current_node import current_node
from regrow.kernel.node_shutdown import runs_a_function
from regrow.kernel.process_record import RUNNING, Monitor, Pid, Process, extras
from regrow.kernel.refs import Ref
from regrow.kernel.running import running_alive, unless_dead

REPLIES = ("yes", "no", "error_only", "success_only")
ALIASES = ("explicit_unalias", "demonitor", "reply_demonitor")


def spawn(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process that runs `function(*args)`, `async def` or `def` (`erlang:spawn/1`). It runs when its turn comes.

    It ends with reason "normal" when the function returns, and with the exception when it raises.

    Raises:
        TypeError: this is no function.
    """
    node = current_node()
    caller = node.caller()
    if caller is not None and not caller.alive:
        unless_dead(caller)
    return node.launch(checked(function, "spawn"), args, caller).pid


def spawn_link(function: Callable[..., Any], *args: Any) -> Pid:
    """Start a process linked to this one (`erlang:spawn_link/1`); from a plain task, to the node's first process.

    Raises:
        TypeError: this is no function.
    """
    node = current_node()
    caller = node.caller()
    if caller is not None and not caller.alive:
        running_alive()
    process = node.launch(checked(function, "spawn_link"), args, caller)
    links.link(node.init if caller is None else caller, process.pid)
    return process.pid


def spawn_monitor(
    function: Callable[..., Any], *args: Any, alias: str | None = None, tag: object = None
) -> tuple[Pid, Monitor]:
    """Start a process and monitor it (`erlang:spawn_monitor/1`).

    Args:
        function: what it runs.
        args: what the function is given.
        alias: as of `monitor`.
        tag: as of `monitor`.

    Raises:
        TypeError: this is no function.
        ValueError: unknown kind of alias.
    """
    check_alias(alias, "spawn_monitor")
    caller = running_alive()
    pid = caller.node.launch(checked(function, "spawn_monitor"), args, caller).pid
    return pid, links.monitor(caller, pid, pid, tag, alias or "")


@overload
def spawn_opt(function: Callable[..., Any], *args: Any, link: bool = False, monitor: Literal[False] = False) -> Pid: ...
@overload
def spawn_opt(
    function: Callable[..., Any],
    *args: Any,
    link: bool = False,
    monitor: Literal[True],
    alias: str | None = None,
    tag: object = None,
) -> tuple[Pid, Monitor]: ...
def spawn_opt(
    function: Callable[..., Any],
    *args: Any,
    link: bool = False,
    monitor: bool = False,
    alias: str | None = None,
    tag: object = None,
) -> Pid | tuple[Pid, Monitor]:
    """Start a process with options (`erlang:spawn_opt/2`).

    Args:
        function: what it runs.
        args: what the function is given.
        link: link it to this process.
        monitor: monitor it; then the ref is given, too.
        alias: of the monitor: make the ref an alias, too, as `monitor(…, alias=)` does.
        tag: of the monitor: comes back as `Down.tag`.

    Raises:
        TypeError: this is no function.
        ValueError: unknown kind of alias, or options of a monitor where none is asked for.
    """
    check_alias(alias, "spawn_opt")
    if not monitor and (alias is not None or tag is not None):
        raise ValueError("spawn_opt: alias and tag are options of a monitor; give monitor=True as well")
    caller = running_alive()
    process = caller.node.launch(checked(function, "spawn_opt"), args, caller)
    if link:
        links.link(caller, process.pid)
    if not monitor:
        return process.pid
    return process.pid, links.monitor(caller, process.pid, process.pid, tag, alias or "")


def spawn_request(
    function: Callable[..., Any],
    *args: Any,
    link: bool = False,
    monitor: bool = False,
    alias: str | None = None,
    tag: object = None,
    reply_tag: object = "spawn_reply",
    reply: str = "yes",
) -> Ref:
    """Start a process and receive its pid as a message: `(reply_tag, ref, "ok", pid)` (`erlang:spawn_request/2`).

    The process is there at once, and the message in the mailbox before any `Exited` or `Down` of it.

    Args:
        function: what it runs.
        args: what the function is given.
        link: as of `spawn_opt`.
        monitor: as of `spawn_opt`; then the ref is the monitor's.
        alias: as of `spawn_opt`.
        tag: as of `spawn_opt`.
        reply_tag: what the message begins with.
        reply: "yes", "no", "success_only", or "error_only", which here is "no": what goes wrong is raised.

    Returns:
        The ref of the message.

    Raises:
        TypeError: this is no function.
        ValueError: an unknown kind of reply or alias, or options of a monitor where none is asked for.
    """
    if reply not in REPLIES:
        raise ValueError(f"spawn_request: reply is one of {', '.join(REPLIES)}; got {bounded_repr.safe_repr(reply)}")
    ref: Ref
    if monitor:
        pid, ref = spawn_opt(function, *args, link=link, monitor=True, alias=alias, tag=tag)
    elif alias is not None or tag is not None:
        raise ValueError("spawn_request: alias and tag are options of a monitor; give monitor=True as well")
    else:
        pid, ref = spawn_opt(function, *args, link=link), Ref()
    if reply in ("yes", "success_only"):
        mailbox.put(running_alive(), (reply_tag, ref, "ok", pid))
    return ref


def spawn_request_abandon(ref: Ref) -> bool:
    """Return False: a requested process starts at once, so there is nothing to abandon (`erlang:spawn_request_abandon/1`).

    Raises:
        TypeError: this is no reference.
    """
    if not isinstance(cast("object", ref), Ref):
        raise TypeError(
            f"spawn_request_abandon: wanted the ref that spawn_request() gave, got {bounded_repr.safe_repr(ref)}"
        )
    return False


def adopt() -> Adoption:
    """Make the current asyncio task a process for the length of the block: it has a pid, a mailbox, links.

    An exit signal that would end the process cancels the task. The process ends with the block: "normal", or with
    the exception that leaves it.

    Raises:
        RuntimeError: the task is a process already.
    """
    return Adoption()


class Adoption:
    """The block in which an asyncio task is a process; see `adopt`.

    It is no `@asynccontextmanager`, which sets the traceback of what leaves it, and fails where that refuses.
    """

    __slots__ = ("process", "task")

    process: Process
    task: asyncio.Task[Any] | None

    async def __aenter__(self) -> Pid:
        node = current_node()
        if node.caller() is not None:
            raise RuntimeError(f"{node.caller()!r} is a process already")
        task = asyncio.current_task()
        process = node.new_process(copy_context())
        process.status = RUNNING
        descend(process, node.init)
        extras(process).adopted = task
        node.adopted[task] = process
        self.task, self.process = task, process
        return process.pid

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.process.node.adopted.pop(self.task, None)
        # The code around the block handles the error next, with its traceback: the reason is a copy.
        links.die(self.process, "normal" if error is None else exits.reason_beside(error))


async def hibernate(function: Callable[..., Any], *args: Any) -> NoReturn:
    """Wait for a message with an empty stack, then run `function(*args)` (`erlang:hibernate/3`).

    The running code is left as by an uncaught exception: `finally` and `async with` release what they hold. The
    message stays in the mailbox until the function receives it. This is for processes that run a user's function; a
    server returns HIBERNATE.

    Raises:
        TypeError: this is no function.
        RuntimeError: this process is a server, or an adopted task.
    """
    process = running_alive()
    if not runs_a_function(process):
        raise RuntimeError(
            f"{process.pid} runs no function of yours: hibernate() would leave its loop.\n"
            "  A server hibernates by returning HIBERNATE beside its new state"
        )
    raise exits.Continuation(checked(function, "hibernate"), args)


def checked(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Return `function` if it can be called.

    Raises:
        TypeError: it is none.
    """
    given: object = function
    if not callable(given):
        hint = ". Pass the function and its arguments, without calling it" if isinstance(given, Coroutine) else ""
        raise TypeError(f"{what}: wanted a function to run, got {bounded_repr.safe_repr(given)}{hint}")
    return function


def check_alias(alias: str | None, what: str) -> None:
    """Raise unless `alias` can be the kind of a monitor's alias.

    Raises:
        ValueError: it cannot.
    """
    if alias is not None and alias not in ALIASES:
        raise ValueError(f"{what}: alias is one of {', '.join(ALIASES)}; got {bounded_repr.safe_repr(alias)}")
