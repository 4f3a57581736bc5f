"""The reports of servers and keepers, one logging record each (see `kernel/report.py`).

The record of an end has the exception as its `exc_info`. Where nothing is configured, "… the same" and "terminated" are
left out: they are of an end that has been told.

| logger             | kind                      | told when                                               |
|--------------------|---------------------------|---------------------------------------------------------|
| regrow.gen_server  | GenServer terminating     | a server has ended abnormally                           |
|                    | unexpected message        | a server without `handle_info` got a plain message      |
| regrow.gen_statem  | GenStatem terminating     | a state machine has ended abnormally                    |
| regrow.gen_event   | handler terminating       | a handler has failed and is removed                     |
|                    | unhandled info            | a handler without `handle_info` got a plain message     |
| regrow.proc_lib    | process terminating       | … the same: the inside of its process; any that `proc_lib` has spawned |
| regrow.task        | task terminating          | a task has ended abnormally                             |
| regrow.process     | process raised an exception | a process that is no server has                       |
| regrow.supervisor  | started                   | a child was                                             |
|                    | terminated                | a child has ended by itself, abnormally or for a restart |
|                    | failed to start           | a child has                                             |
|                    | shut down abnormally      | a child did not end as it was told                      |
|                    | caused shutdown           | a child was restarted too often                         |
| regrow.application | started, exited           | an application has                                      |
|                    | callback raised           | its `prep_stop` or `stop` did                           |
"""

from __future__ import annotations

import logging
from types import CodeType
from typing import Any

from regrow.kernel import exits, small_set
from regrow.kernel.ancestors import ancestors
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.explained_reasons import Letter
from regrow.kernel.keys import plain
from regrow.kernel.mailbox import queued
from regrow.kernel.names import Global
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.report import Report, client_of, crash, guarded
from regrow.kernel.requests import CallRequest
from regrow.kernel.tracebacks import Raised, trace_of

SERVERS = logging.getLogger("regrow.gen_server")
MACHINES = logging.getLogger("regrow.gen_statem")
MANAGERS = logging.getLogger("regrow.gen_event")
PROCESSES = logging.getLogger("regrow.proc_lib")
TASKS = logging.getLogger("regrow.task")
SUPERVISORS = logging.getLogger("regrow.supervisor")
APPLICATIONS = logging.getLogger("regrow.application")

MOST_MESSAGES = 10
MOST_NEIGHBOURS = 15


def is_wanted(process: Process, logger: logging.Logger) -> bool:
    """Whether anybody reads the report of a process's end: what is shown of it is made by code of the user's."""
    return logger.isEnabledFor(logging.ERROR) and not _is_quiet(process)


@guarded
def server_terminated(process: Process, server: Any, message: object, shown: dict[str, Any], raised: Raised) -> None:
    """A server has ended abnormally: who, why, last message, state, log and client.

    Args:
        process: whose it was.
        server: the object with its callbacks.
        message: what it was handling.
        shown: reason, message, state and log, as its `format_status` makes them.
        raised: what ended it.
    """
    client = client_of(message)
    waiting = None if client is None else client.process
    crash(
        SERVERS,
        Report(
            "GenServer terminating",
            pid=process.pid,
            name=_called(process),
            label=_label(process),
            module=server.__class__,
            reason=shown["reason"],
            message=shown["message"],
            client=client,
            client_name=None if waiting is None else waiting.name,
            client_alive=waiting is not None,
            client_trace=() if waiting is None else _where(waiting),
            state=shown["state"],
            log=shown["log"],
        ),
        raised,
    )


@guarded
def process_crashed(process: Process, reason: object, raised: Raised, *, again: bool = True) -> None:
    """A process that was started by `proc_lib` has ended, abnormally or else (OTP's crash report).

    Args:
        process: which.
        reason: why.
        raised: what it raised, and where: an `Exit` has its lines as well.
        again: it was a server, and there is a report of its end already.
    """
    if exits.is_normal(reason) or _is_quiet(process) or not PROCESSES.isEnabledFor(logging.ERROR):
        return
    error = raised.worth_showing(reason)
    waiting = queued(process)
    crash(
        PROCESSES,
        Report(
            "process terminating",
            pid=process.pid,
            name=process.name,
            label=_label(process),
            reason=reason,
            initial_call=process.initial_call,
            ancestors=ancestors(process),
            message_queue_len=len(waiting),
            messages=waiting[:MOST_MESSAGES],
            links=list(small_set.items(process.links)),
            neighbours=_neighbours(process),
            dictionary={} if process.rare is None else dict(process.rare.dictionary),
            trapping_exits=process.trap_exit,
            trace=() if error is None else trace_of(error),
        ),
        raised,
        again=again,
    )


@guarded
def task_terminated(
    process: Process,
    starter: Pid,
    callers: tuple[Pid, ...],
    function: object,
    args: tuple[object, ...],
    reason: object,
    raised: Raised,
) -> None:
    """A task has ended abnormally: who, started by whom, what it ran and why. There is no other report of its end."""
    if TASKS.isEnabledFor(logging.ERROR) and not _is_quiet(process):
        crash(
            TASKS,
            Report(
                "task terminating",
                pid=process.pid,
                name=process.name,
                label=_label(process),
                starter=starter,
                callers=list(callers),
                function=function,
                args=list(args),
                reason=reason,
            ),
            raised,
        )


def _neighbours(process: Process) -> list[Report]:
    """Who will be taken along: linked processes of this node that do not trap exits, theirs, and so on."""
    found: dict[Pid, Process] = {process.pid: process}
    left = [process]
    while left:
        for pid in small_set.items(left.pop(0).links):
            other = pid.process
            if other is None or other.node is not process.node or other.trap_exit or pid in found:
                continue
            if len(found) > MOST_NEIGHBOURS:
                break
            found[pid] = other
            left.append(other)
    del found[process.pid]
    return [
        Report(
            "neighbour",
            pid=pid,
            name=other.name,
            initial_call=other.initial_call,
            trace=_where(other),
            ancestors=ancestors(other),
        )
        for pid, other in found.items()
    ]


def _called(process: Process) -> object:
    """The name of a server, a local one or else the first global one. None if it has none of these."""
    if process.name is None and process.rare is not None:
        for key in process.rare.global_names:
            return Global(plain(key))
    return process.name


def _is_quiet(process: Process) -> bool:
    return process.rare is not None and process.rare.quiet


def _label(process: Process) -> object:
    return None if process.rare is None else process.rare.label


def _where(process: Process) -> tuple[tuple[CodeType, int], ...]:
    """The lines at which a process waits, outermost first: data, and no frames."""
    if process.node is not current_node():
        return ()
    if process.task is not None:
        return tuple((frame.f_code, frame.f_lineno) for frame in process.task.get_stack())
    loop = getattr(process.body, "gi_frame", None)  # of a server that has run nothing but its loop
    return () if loop is None else ((loop.f_code, loop.f_lineno),)


@guarded
def unexpected_message(module: type, message: object) -> None:
    """A server without `handle_info` got a plain message."""
    process = current_node().caller()
    if process is not None and _is_quiet(process):
        return
    SERVERS.error(
        Report(
            "unexpected message",
            module=module,
            pid=None if process is None else process.pid,
            name=None if process is None else process.name,
            label=None if process is None else _label(process),
            message=message,
        )
    )


@guarded
def supervisor_report(level: int, kind: str, supervisor: object, child: Any, pid: object, reason: object) -> None:
    """What a supervisor says of a child, which is a ChildSpec; `supervisor` is a name or (pid, class name)."""
    if SUPERVISORS.isEnabledFor(level):
        report = Report(kind, supervisor=supervisor, child=child, pid=pid, reason=reason)
        crash(SUPERVISORS, report, None, level=level, again=kind == "terminated")


@guarded
def application_report(
    level: int, kind: str, application: object, reason: object = None, start_type: str | None = None
) -> None:
    """An application has started or ended."""
    if APPLICATIONS.isEnabledFor(level):
        type_ = {} if start_type is None else {"type": start_type}
        report = Report(kind, application=application, reason=reason, node=_node_name(), **type_)
        crash(APPLICATIONS, report, None, level=level)


def _node_name() -> str:
    node = CURRENT.node
    return "a node that is down" if node is None else node.name


@guarded
def callback_raised(application: object, callback: str, reason: object) -> None:
    """One of an application's last callbacks has raised."""
    crash(APPLICATIONS, Report("callback raised", application=application, callback=callback, reason=reason), None)


@guarded
def machine_terminated(process: Process, event: Any, status: dict[str, Any], raised: Raised, **shape: object) -> None:
    """A state machine has ended abnormally: who, why, the event, what it held.

    Args:
        process: whose it was.
        event: the one that was being handled, or None.
        status: what the machine shows of itself.
        raised: what ended it.
        shape: its modules, its callback mode and whether it has enter events.
    """
    match event:
        case (("call", CallRequest() as asked), _):
            client: Pid | None = client_of(asked)
        case _:
            client = None
    waiting = None if client is None else client.process
    crash(
        MACHINES,
        Report(
            "GenStatem terminating",
            pid=process.pid,
            name=_called(process),
            label=_label(process),
            reason=status["reason"],
            queue=status["queue"],
            postponed=status["postponed"],
            state=(status["state"], status["data"]),
            timeouts=(len(status["timeouts"]), status["timeouts"]),
            log=status["log"],
            client=client,
            client_name=None if waiting is None else waiting.name,
            client_alive=waiting is not None,
            client_trace=() if waiting is None else _where(waiting),
            **shape,
        ),
        raised,
    )


@guarded
def handler_terminated(
    process: Process, handler: object, shown: dict[str, Any], raised: Raised | None, letter: Letter | None = None
) -> None:
    """A handler of an event manager has failed and is removed; `shown` is what its `format_status` makes of it."""
    crash(
        MANAGERS,
        Report(
            "handler terminating",
            pid=process.pid,
            name=_called(process),
            label=_label(process),
            handler=handler,
            message=shown["message"],
            state=shown["state"],
            reason=shown["reason"],
            letter=letter,
        ),
        raised,
    )


@guarded
def unexpected_info(module: type, message: object) -> None:
    """A handler without `handle_info` got a plain message."""
    process = current_node().caller()
    if process is not None and _is_quiet(process):
        return
    MANAGERS.warning(
        Report(
            "unhandled info",
            module=module,
            pid=None if process is None else process.pid,
            name=None if process is None else process.name,
            message=message,
        )
    )
