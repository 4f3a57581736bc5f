"""The master, an application's process: it runs the callbacks, and is linked to the top of the tree.

    start, start_phase ...   the starter is answered when all of them have returned
    (the tree runs)          until its top ends, `stop` is called, `max_time` is over, or the node stops
    prep_stop                called while the tree is up, unless it has ended by itself
    stop                     called when the tree has ended

At the end, processes of the application outside its tree are killed (OTP's `application_master`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from regrow.behaviours.application.controller import ApplicationEntry, Controller
from regrow.behaviours.application.spec import Application, ApplicationError, find
from regrow.behaviours.gen import reports
from regrow.behaviours.gen.cancelled_starts import Attempt
from regrow.behaviours.gen.results import Error
from regrow.behaviours.gen.start_errors import StartError
from regrow.behaviours.gen.user_code import is_failure
from regrow.behaviours.supervision.shutdown import shut_down
from regrow.kernel import bounded_repr, exits, links, node_shutdown, small_set
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.explained_reasons import Letter, at, explained
from regrow.kernel.mailbox import messages, put_back
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.receiving import receive
from regrow.kernel.requests import CallRequest, reply
from regrow.kernel.running import running
from regrow.kernel.signals import Exited
from regrow.kernel.timers import send_after
from regrow.kernel.user_errors import swallow

OVER = ("max_time", "is over")


async def run_master(controller: Controller, entry: ApplicationEntry, args: Any) -> None:
    """Run an application from its start to its end: the body of the master's process."""
    process = running()
    process.trap_exit = True
    attempt = Attempt(process, None)
    try:
        app, top, state = await _begin(entry, args, attempt)
    except ApplicationError as error:
        entry.has_failed = True
        await _end_started(process, entry)
        if attempt.given_up:
            controller.cancelled(entry)
        else:
            controller.failed(entry, error)
        _answer_all(process, error)
        return
    finally:
        attempt.over()
    entry.top = top
    controller.up(entry)
    reports.application_report(logging.INFO, "started", entry.app)
    if entry.app.__regrow_spec__.max_time is not None:
        send_after(process.pid, OVER, entry.app.__regrow_spec__.max_time)
    reason = await _until_the_end(process, top)
    state = await _run_callback(entry, app.prep_stop, state, state)
    await shut_down(process, top, "infinity")
    await node_shutdown.orphans_end(process.node, entry.app)  # children of a supervisor that was killed
    await _run_callback(entry, app.stop, state, None)
    _end_stragglers(process, entry)
    controller.gone(entry, reason)
    _answer_all(process, None)


async def _until_the_end(process: Process, top: Pid) -> object:
    """Wait until an application must end, and return the reason.

    The request of a `stop` is put back into the mailbox: it is answered when the application has ended.
    """
    while True:
        message = await receive()
        if type(message) is Exited:
            if message.pid is top:
                return message.reason
            if message.pid is process.node.init.pid:
                return "stopped"
        elif message is OVER:
            return "normal"
        elif isinstance(message, CallRequest):
            if message.request == "stop":
                put_back(process, message, 0)
                return "stopped"
            reply(message, None)


def _answer_all(process: Process, answer: object) -> None:
    """Answer all callers that wait for the start or the stop."""
    for message in messages(process):
        if isinstance(message, CallRequest):
            reply(message, answer)


async def _end_started(process: Process, entry: ApplicationEntry) -> None:
    """End all processes of a start that failed: the linked ones in order, the last started first; then the others."""
    await node_shutdown.end_children(process.node, process, "shutdown")
    await node_shutdown.orphans_end(process.node, entry.app)
    _end_stragglers(process, entry)


def _end_stragglers(process: Process, entry: ApplicationEntry) -> None:
    """Kill the processes of an application outside its tree."""
    for other in list(process.node.processes.values()):
        if other.application is entry.app and other is not process:
            links.die(other, "killed")


# The start


async def _begin(entry: ApplicationEntry, args: Any, attempt: Attempt) -> tuple[Application, Pid, Any]:
    """Start the tree and run the phases; return the application, its top supervisor and its state.

    Raises:
        ApplicationError: one of them failed, or the start was cancelled.
    """
    try:
        started = await _start_tree(entry, args)
        if not attempt.given_up:
            await _run_phases(entry, started[0])
        if not attempt.given_up:
            return started
    except asyncio.CancelledError:
        if not attempt.is_cancelled():
            raise
    attempt.take_back()
    raise _start_failed(("cancelled", (entry.app, "start", ["normal", args])), entry.app, "its start was cancelled")


async def _start_tree(entry: ApplicationEntry, args: Any) -> tuple[Application, Pid, Any]:
    place = (entry.app, "start", ["normal", args])
    try:
        app = entry.app()
        result: Any = app.start("normal", args)
        if is_awaitable(result):
            result = await result
    except StartError as error:
        raise _start_failed((error.reason, place), entry.app, str(error)) from error.__cause__
    except BaseException as error:
        if not is_failure(running(), error):
            raise
        failed = _start_raised(entry.app, place, exits.reason_of(error))
        raise failed from failed.__cause__
    top: Pid
    state: Any = []
    match result:
        case Pid():
            top = result
        case (Pid() as top, state):
            pass
        case Error():
            letter = f"its start returned {bounded_repr.safe_repr(result)}"
            raise _start_failed((result.reason, place), entry.app, letter)
        case _:
            wanted = "wanted the pid of the top supervisor, or (pid, state)"
            letter = f"its start returned {bounded_repr.safe_repr(result)}; {wanted}{at(entry.app.start)}"
            raise _start_failed(("bad_return", (place, result)), entry.app, letter)
    process = running()
    if not small_set.contains(process.links, top):
        links.link(process, top)  # for a dead process this sends an Exited, and the application ends
    return app, top, state


def _start_raised(app: type[Application], place: object, reason: object) -> ApplicationError:
    letter = f"its start ended with {_in_words(reason)}"
    if exits.is_word(reason, "normal"):
        return _start_failed((("EXIT", reason), place), app, letter)
    return _start_failed(("bad_return", (place, ("EXIT", reason))), app, letter)


def _in_words(reason: object) -> str:
    """Return a reason as text for an error message; the text of an exception keeps its lines."""
    if exits.is_a(reason, Exception):
        try:
            return f"{type(reason).__name__}: {reason}"
        except BaseException as second:  # its `__str__` raised
            swallow(second)
    return bounded_repr.safe_repr(reason)


def _start_failed(reason: Any, app: type[Application], why: str) -> ApplicationError:
    return ApplicationError(explained(reason, Letter(why)), f"{app.__name__} did not start: {why}")


async def _run_phases(entry: ApplicationEntry, app: Application) -> None:
    """Run each phase of the application, and of the applications that it includes.

    Raises:
        ApplicationError: a phase failed.
    """
    instances: dict[type[Application], Application] = {entry.app: app}
    parts = [entry.app, *_included(entry.app, [entry.app])]
    for phase, _ in entry.app.__regrow_spec__.start_phases or ():
        for part in parts:
            phases = dict(part.__regrow_spec__.start_phases or ())
            if phase in phases:
                await _run_phase(entry.app, part, instances, phase, phases[phase])


def _included(app: type[Application], seen: list[type[Application]]) -> list[type[Application]]:
    """Return the applications that an application includes, directly or through others, each once."""
    parts: list[type[Application]] = []
    for name in app.__regrow_spec__.included_applications:
        part = find(name)
        if part is not None and part not in seen:
            seen.append(part)
            parts += [part, *_included(part, seen)]
    return parts


async def _run_phase(
    app: type[Application],
    part: type[Application],
    instances: dict[type[Application], Application],
    phase: Any,
    args: Any,
) -> None:
    place = (part, "start_phase", [phase, "normal", args])
    try:
        if part not in instances:
            instances[part] = part()
        result: Any = instances[part].start_phase(phase, "normal", args)
        if is_awaitable(result):
            result = await result
    except BaseException as error:
        if not is_failure(running(), error):
            raise
        reason = exits.reason_of(error)
        letter = f"its phase {phase!r} ended with {bounded_repr.safe_repr(reason)}"
        failed = _start_failed(("bad_return_value", (place, ("EXIT", reason))), app, letter)
        raise failed from failed.__cause__
    match result:
        case None:
            return
        case str() if result == "ok":
            return
        case Error():
            letter = f"its phase {phase!r} returned {bounded_repr.safe_repr(result)}"
            raise _start_failed((result.reason, place), app, letter)
        case _:
            wanted = f"wanted None, or Error(reason){at(part.start_phase)}"
            letter = f"its phase {phase!r} returned {bounded_repr.safe_repr(result)}; {wanted}"
            raise _start_failed(("bad_return_value", (place, result)), app, letter)


# The end


async def _run_callback(entry: ApplicationEntry, callback: Any, state: Any, otherwise: Any) -> Any:
    """Run `prep_stop` or `stop`, and return its value; report its failure, and return `otherwise`: the end continues."""
    try:
        result = callback(state)
        return await result if is_awaitable(result) else result
    except BaseException as error:
        if not is_failure(running(), error):
            raise
        reports.callback_raised(entry.app, callback.__name__, exits.reason_of(error))
        return otherwise
