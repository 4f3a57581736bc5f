"""The reports of servers and keepers, one logging record each (see `kernel/reports.py`)."""

from __future__ import annotations

import logging
from typing import Any

from regrow.kernel.exits import trace_of
from regrow.kernel.node import here
from regrow.kernel.pid import Process
from regrow.kernel.reports import Report, client_of
from regrow.kernel.signals import Request

SERVERS = logging.getLogger("regrow.gen_server")
PROCESSES = logging.getLogger("regrow.proc_lib")
SUPERVISORS = logging.getLogger("regrow.supervisor")
APPLICATIONS = logging.getLogger("regrow.application")


def server_terminated(process: Process, server: Any, reason: object, message: object, state: object) -> None:
    """A server has ended abnormally: who, why, the last message, the state, the client; then the process itself."""
    if process.rare is not None and process.rare.quiet:
        return
    client = client_of(message)
    shown = _formatted(server, reason, message, state)
    SERVERS.error(
        Report(
            "GenServer terminating",
            pid=process.pid,
            name=process.name,
            label=None if process.rare is None else process.rare.label,
            module=type(server),
            reason=reason,
            message=shown["message"],
            client=client,
            client_name=None if client is None or client.process is None else client.process.name,
            client_alive=client is not None and client.process is not None,
            state=shown["state"],
            log=shown["log"],
        )
    )
    process_crashed(process, reason)


def _formatted(server: Any, reason: object, message: object, state: object) -> dict[str, Any]:
    asked = message.request if isinstance(message, Request) else message
    status = {"state": state, "message": asked, "reason": reason, "log": []}
    try:
        return {**status, **server.format_status(dict(status))}
    except Exception as error:
        return {**status, "state": f"<format_status raised {type(error).__name__}>"}


def process_crashed(process: Process, reason: object) -> None:
    """A process that was started by `proc_lib` has ended abnormally (OTP's crash report)."""
    if not isinstance(reason, BaseException):
        return
    PROCESSES.error(
        Report(
            "process terminating",
            pid=process.pid,
            name=process.name,
            reason=reason,
            initial_call=process.initial_call,
            ancestors=list(process.ancestors),
            message_queue_len=len(process.mailbox or ()),
            links=[] if process.links is None else _pids(process.links),
            dictionary={} if process.rare is None else dict(process.rare.dictionary),
            trapping_exits=process.trap_exit,
            trace=trace_of(reason),
        )
    )


def _pids(links: object) -> list[object]:
    return list(links) if isinstance(links, dict) else [links]


def unexpected_message(server: Any, message: object) -> None:
    """A server without `handle_info` got a plain message."""
    process = here().caller()
    SERVERS.error(
        Report(
            "unexpected message",
            module=type(server),
            pid=None if process is None else process.pid,
            name=None if process is None else process.name,
            message=message,
        )
    )


def supervisor_report(level: int, kind: str, supervisor: object, child: Any, pid: object, reason: object) -> None:
    """What a supervisor says of a child: started, terminated, failed to start, shut down abnormally, caused shutdown."""
    if SUPERVISORS.isEnabledFor(level):
        SUPERVISORS.log(level, Report(kind, supervisor=supervisor, child=child, pid=pid, reason=reason))


def application_report(level: int, kind: str, application: object, reason: object = None) -> None:
    """An application has started or ended."""
    APPLICATIONS.log(level, Report(kind, application=application, reason=reason))


