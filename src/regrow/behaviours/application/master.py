"""The process of an application: it runs `start` and the phases, keeps the tree, and runs the last callbacks.

    start, start_phase ...   the start is answered when all of them are over
    (the tree runs)          until its top ends, somebody wants it to stop, its time is over, or the node stops
    prep_stop                the tree is still up, if it has not ended by itself
    stop                     the tree is gone

Whatever the application has started outside its tree ends with it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from regrow.behaviours.application.controller import ApplicationEntry, Controller
from regrow.behaviours.application.spec import Application, ApplicationError, find
from regrow.behaviours.gen import reports
from regrow.behaviours.gen.cancelled_starts import Attempt
from regrow.behaviours.gen.request import reply
from regrow.behaviours.gen.results import Error
from regrow.behaviours.gen.start_errors import StartError
from regrow.behaviours.gen.user_code import is_failure
from regrow.behaviours.supervision.shutdown import shut_down
from regrow.kernel import bounded_repr, exits, links, node_shutdown, small_set
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.current_node import swallow
from regrow.kernel.explained_reasons import Letter, at, explained
from regrow.kernel.mailbox import put_back
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.receiving import receive
from regrow.kernel.requests import CallRequest
from regrow.kernel.running import running
from regrow.kernel.signals import Exited
from regrow.kernel.timers import send_after

OVER = ("max_time", "is over")


async def run_master(controller: Controller, entry: ApplicationEntry, args: Any) -> None:
    """The life of an application, from its start to its end."""
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
    state = await _called(entry, app.prep_stop, state, state)
    await shut_down(process, top, "infinity")
    await node_shutdown.orphans_end(process.node, entry.app)  # those that a killed supervisor has left
    await _called(entry, app.stop, state, None)
    _end_stragglers(process, entry)
    controller.gone(entry, reason)
    _answer_all(process, None)


async def _until_the_end(process: Process, top: Pid) -> object:
    """Why an application ends: its tree has, the node does, or somebody wants it to, who is answered when it is over."""
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
    """Tell those who wait for the start or the stop how it went."""
    for message in list(process.mailbox or ()):
        if isinstance(message, CallRequest):
            reply(message, answer)


async def _end_started(process: Process, entry: ApplicationEntry) -> None:
    """Nothing stays of a start that has failed: what is linked is told to end, the last started first."""
    await node_shutdown.end_children(process.node, process, "shutdown")
    await node_shutdown.orphans_end(process.node, entry.app)
    _end_stragglers(process, entry)


def _end_stragglers(process: Process, entry: ApplicationEntry) -> None:
    """What an application has started outside its tree ends with it."""
    for other in list(process.node.processes.values()):
        if other.application is entry.app and other is not process:
            links.die(other, "killed")


# The start


async def _begin(entry: ApplicationEntry, args: Any, attempt: Attempt) -> tuple[Application, Pid, Any]:
    """Start the tree and run the phases.

    Raises:
        ApplicationError: one of them has failed, or the start was cancelled.
    """
    try:
        begun = await _start_tree(entry, args)
        if not attempt.given_up:
            await _run_phases(entry, begun[0])
        if not attempt.given_up:
            return begun
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
        links.link(process, top)  # one that has ended is told as such, and the application ends with it
    return app, top, state


def _start_raised(app: type[Application], place: object, reason: object) -> ApplicationError:
    letter = f"its start ended with {_in_words(reason)}"
    if exits.is_word(reason, "normal"):
        return _start_failed((("EXIT", reason), place), app, letter)
    return _start_failed(("bad_return", (place, ("EXIT", reason))), app, letter)


def _in_words(reason: object) -> str:
    """A reason as it stands in a letter; the letter of an exception keeps its lines."""
    if exits.is_a(reason, Exception):
        try:
            return f"{type(reason).__name__}: {reason}"
        except BaseException as second:  # of its `__str__`
            swallow(second)
    return bounded_repr.safe_repr(reason)


def _start_failed(reason: Any, app: type[Application], why: str) -> ApplicationError:
    return ApplicationError(explained(reason, Letter(why)), f"{app.__name__} did not start: {why}")


async def _run_phases(entry: ApplicationEntry, app: Application) -> None:
    """Run each phase of the application, then of those that it includes.

    Raises:
        ApplicationError: a phase has failed.
    """
    made: dict[type[Application], Application] = {entry.app: app}
    parts = [entry.app, *_included(entry.app, [entry.app])]
    for phase, _ in entry.app.__regrow_spec__.start_phases or ():
        for part in parts:
            phases = dict(part.__regrow_spec__.start_phases or ())
            if phase in phases:
                await _run_phase(entry.app, part, made, phase, phases[phase])


def _included(app: type[Application], seen: list[type[Application]]) -> list[type[Application]]:
    """Those that an application includes, and those that they include, each once."""
    parts: list[type[Application]] = []
    for one in app.__regrow_spec__.included_applications:
        found = find(one)
        if found is not None and found not in seen:
            seen.append(found)
            parts += [found, *_included(found, seen)]
    return parts


async def _run_phase(
    app: type[Application],
    part: type[Application],
    made: dict[type[Application], Application],
    phase: Any,
    args: Any,
) -> None:
    place = (part, "start_phase", [phase, "normal", args])
    try:
        if part not in made:
            made[part] = part()
        result: Any = made[part].start_phase(phase, "normal", args)
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
            wanted = f"wanted nothing, or Error(reason){at(part.start_phase)}"
            letter = f"its phase {phase!r} returned {bounded_repr.safe_repr(result)}; {wanted}"
            raise _start_failed(("bad_return_value", (place, result)), app, letter)


# The end


async def _called(entry: ApplicationEntry, callback: Any, state: Any, otherwise: Any) -> Any:
    """Run one of the last callbacks: an application that fails in it ends all the same."""
    try:
        result = callback(state)
        return await result if is_awaitable(result) else result
    except BaseException as error:
        if not is_failure(running(), error):
            raise
        reports.callback_raised(entry.app, callback.__name__, exits.reason_of(error))
        return otherwise
