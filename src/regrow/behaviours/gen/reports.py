"""The reports of behaviours, one logging record each (see `kernel/report.py`).

The record of an abnormal end has the exception as its `exc_info`. Without a logging configuration, "process
terminating" after another report of the same end, and "terminated", are left out, because they repeat that end.

| logger             | kind                        | logged when                                                       |
|--------------------|-----------------------------|-------------------------------------------------------------------|
| regrow.gen_server  | GenServer terminating       | a server has ended abnormally                                     |
|                    | unexpected message          | a server without `handle_info` got a plain message                |
| regrow.gen_statem  | GenStatem terminating       | a state machine has ended abnormally                              |
| regrow.gen_event   | handler terminating         | a handler has failed and is removed                               |
|                    | unhandled info              | a handler without `handle_info` got a plain message               |
| regrow.proc_lib    | process terminating         | a behaviour or a process of `proc_lib` has ended abnormally       |
| regrow.task        | task terminating            | a task has ended abnormally                                       |
| regrow.process     | process raised an exception | a process that is no behaviour has raised                         |
| regrow.supervisor  | started                     | a child has started                                               |
|                    | terminated                  | a child has ended abnormally, or a permanent child has ended      |
|                    | failed to start             | a child has failed to start                                       |
|                    | shut down abnormally        | a child that was shut down ended with another reason              |
|                    | caused shutdown             | a child was restarted too often                                   |
| regrow.application | started, exited             | an application has started, has ended                             |
|                    | callback raised             | an application's `prep_stop` or `stop` has raised                 |
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
from regrow.kernel.process_record import Pid, Process
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
    """Whether the report of a process's end is logged. Checked first, because `format_status` is user code."""
    return logger.isEnabledFor(logging.ERROR) and not _is_quiet(process)


@guarded
def server_terminated(process: Process, server: Any, message: object, shown: dict[str, Any], raised: Raised) -> None:
    """Report that a server has ended abnormally, with its reason, last message, state, log and client.

    Args:
        process: the server's process.
        server: the object with its callbacks.
        message: the message that it was handling.
        shown: reason, message, state and log, as its `format_status` returned them.
        raised: the exception that ended it.
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
    """Report that a behaviour's process, or one started by `proc_lib`, has ended abnormally (OTP's crash report).

    Args:
        process: the process that ends.
        reason: the reason of its end; a normal one is not reported.
        raised: the exception that ended it, with its traceback; an `Exit` has one, too.
        again: whether the behaviour has reported this end already.
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
    """Report that a task has ended abnormally: starter, callers, function and reason.

    It is the only report of its end.
    """
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
    """Describe the processes that this end takes along: linked ones of this node that do not trap exits, and so on."""
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
    """Return the name of a process: its local name, else its first global name; None without a name."""
    if process.name is None and process.rare is not None:
        for key in process.rare.global_names:
            return Global(plain(key))
    return process.name


def _is_quiet(process: Process) -> bool:
    return process.rare is not None and process.rare.quiet


def _label(process: Process) -> object:
    return None if process.rare is None else process.rare.label


def _where(process: Process) -> tuple[tuple[CodeType, int], ...]:
    """Return the lines at which a process waits, outermost first.

    They are pairs (code, line) and not frames, which would keep their variables alive.
    """
    if process.node is not current_node():
        return ()
    if process.task is not None:
        return tuple((frame.f_code, frame.f_lineno) for frame in process.task.get_stack())
    loop = getattr(process.body, "gi_frame", None)  # a server that runs no async callback has only its loop
    return () if loop is None else ((loop.f_code, loop.f_lineno),)


@guarded
def unexpected_message(module: type, message: object) -> None:
    """Report that a server without `handle_info` got a plain message."""
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
    """Report on the child of a supervisor: `child` is a ChildSpec, `supervisor` a name or (pid, class name)."""
    if SUPERVISORS.isEnabledFor(level):
        report = Report(kind, supervisor=supervisor, child=child, pid=pid, reason=reason)
        crash(SUPERVISORS, report, None, level=level, again=kind == "terminated")


@guarded
def application_report(
    level: int, kind: str, application: object, reason: object = None, start_type: str | None = None
) -> None:
    """Report that an application has started or ended."""
    if APPLICATIONS.isEnabledFor(level):
        type_ = {} if start_type is None else {"type": start_type}
        report = Report(kind, application=application, reason=reason, node=_node_name(), **type_)
        crash(APPLICATIONS, report, None, level=level)


def _node_name() -> str:
    node = CURRENT.node
    return "a node that is down" if node is None else node.name


@guarded
def callback_raised(application: object, callback: str, reason: object) -> None:
    """Report that an application's `prep_stop` or `stop` has raised."""
    crash(APPLICATIONS, Report("callback raised", application=application, callback=callback, reason=reason), None)


@guarded
def machine_terminated(process: Process, event: Any, status: dict[str, Any], raised: Raised, **shape: object) -> None:
    """Report that a state machine has ended abnormally, with its reason, event, state, data and queues.

    Args:
        process: the machine's process.
        event: the event that was being handled, or None.
        status: state, data, reason, queue, postponed, timeouts and log, as its `format_status` returned them.
        raised: the exception that ended it.
        shape: modules, callback_mode and state_enter of the machine.
    """
    match event:
        case (("call", CallRequest() as request), _):
            client: Pid | None = client_of(request)
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
    """Report that a handler of an event manager has failed and is removed; `shown` is from its `format_status`."""
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
    """Report that a handler of an event manager, without `handle_info`, got a plain message."""
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
