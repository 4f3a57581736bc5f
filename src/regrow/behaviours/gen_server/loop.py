"""The process of a server: `init`, the loop, the end (the server side of OTP's `gen_server`).

    begin   calls init, and acknowledges the start
    loop    waits, calls a callback, applies its result; an exception leaves the loop:
              Stopping     a callback returned Stop
              BadReturn    a callback returned an invalid result
              Exit         the parent has ended, or `stop` was called
              any other    a callback raised it
    end     calls terminate, reports an abnormal end, sends the last reply

The loop handles plain calls and casts inline, because servers spend most of their time there. All else is a function.
"""

# A callback may return anything: `type(x) is Reply` leaves the type of its state unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Protocol

from regrow.behaviours.gen import reports
from regrow.behaviours.gen.debug import Debug
from regrow.behaviours.gen.request import Cast
from regrow.behaviours.gen.results import (
    HIBERNATE,
    BadReturn,
    Continue,
    Error,
    NoClause,
    NoReply,
    Ok,
    Reply,
    Stop,
    Then,
    check_then,
)
from regrow.behaviours.gen.start_request import StartRequest
from regrow.behaviours.gen.starting import Failed, Ignore, Terminated, init_ack, init_failed
from regrow.behaviours.gen.system_requests import SystemHandler, SystemRequest
from regrow.behaviours.gen.user_code import formatted
from regrow.kernel import exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.explained_reasons import returned
from regrow.kernel.mailbox import take
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import ANSWERED, PENDING, CallRequest, mark_deferred, reply, reply_here
from regrow.kernel.schedule import gives_way
from regrow.kernel.signals import Exited
from regrow.kernel.tracebacks import Raised
from regrow.kernel.yields import END, RECEIVE, TIMEOUT, YIELD, Become


class Callbacks(Protocol):
    """The callbacks of a server, as the loop calls them; `gen_server.GenServer` documents each."""

    def init(self, arg: Any, /) -> Any:
        """Return the first state."""

    def handle_call(self, request: Any, from_: CallRequest, state: Any, /) -> Any:
        """Handle a call, and answer it or not."""

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        """Handle a cast, which has no answer."""

    def handle_info(self, message: Any, state: Any, /) -> Any:
        """Handle any other message."""

    def handle_continue(self, arg: Any, state: Any, /) -> Any:
        """Handle what a callback has returned as `Continue`."""

    def terminate(self, reason: object, state: Any, /) -> Any:
        """Release what the server holds."""


def begin(
    process: Process, starter: StartRequest, arg: tuple[Callbacks, object, Debug | None]
) -> Generator[Any, Any, Any] | None:
    """Run the first step of a server: call `init`, and return the generator of the loop, or None to end the process."""
    server, init_arg, debug = arg
    try:
        result: Any = server.init(init_arg)
        if type(result) is Ok:
            then = check_then(server, "init", result, result.then)
        elif is_awaitable(result):
            return begin_later(process, starter, server, result, debug)
        else:
            then = None
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    return started(process, starter, server, result, then, debug)


def begin_later(
    process: Process, starter: StartRequest, server: Callbacks, init: Awaitable[Any], debug: Debug | None
) -> Generator[Any, Any, Any]:
    """Await an `async def init`, and become the loop, or end."""
    try:
        result: Any = yield from enter_task(process, init)
        then = check_then(server, "init", result, result.then) if type(result) is Ok else None
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    body = started(process, starter, server, result, then, debug)
    return END if body is None else Become(body)


def started(
    process: Process, starter: StartRequest, server: Callbacks, result: Any, then: Then, debug: Debug | None
) -> Generator[Any, Any, Any] | None:
    """Acknowledge the start by the `result` of `init`, and return the loop, or None to end the process."""
    if type(result) is Ok:
        init_ack(process, starter, None)
        return loop(process, server, starter.parent, result.state, then, debug)
    if type(result) is Ignore:
        init_ack(process, starter, result)
    elif type(result) is Error:
        init_ack(process, starter, Failed(result.reason))
    elif type(result) is Stop and not result.has_state and not result.has_reply:
        init_ack(process, starter, Failed(result.reason))
        raise exits.Exit(result.reason)
    else:
        problem = BadReturn(server, "init", result, "Ok(state), IGNORE, Stop(reason) or Error(reason)")
        init_ack(process, starter, Failed(problem.reason))
        raise problem
    return None


def loop(  # noqa: C901 (what is split off costs every message one more call)
    process: Process, server: Callbacks, parent: Pid, state: Any, then: Then, debug: Debug | None
) -> Generator[Any, Any, Any]:
    """Wait for a message, call its callback, apply the result, until an end. The rarer cases are functions below.

    hot: doubles `settled` for `Reply` and `NoReply` without a `then`, which saves a function call and a tuple per
    message. Queued messages are taken without a turn for others as long as `goes_on` allows it (decision 0009).
    """
    handle_call, handle_cast = type(server).handle_call, type(server).handle_cast  # saves two bound methods of 64 bytes
    message: Any = None
    result: Any
    ending: LoopEnd
    try:
        while True:
            if then is not None and then is not HIBERNATE:
                if type(then) is Continue and (gives_way(process) or not process.node.scheduler.has_time()):
                    yield YIELD
                message = then if type(then) is Continue else (yield then)
            elif process.mailbox is not None and process.node.scheduler.server_keeps_turn(process):
                message = take(process)
            else:
                message = yield RECEIVE
            if debug is not None:
                debug = seen(debug, process, message)
            # mypyc narrows x to C after `type(x) is C`, and then reads its attributes without a look-up.
            if type(message) is CallRequest:
                result = handle_call(server, message.request, message, state)
                if type(result) is Reply and result.then is None and debug is None:
                    then, state = None, result.state
                    if message.state == PENDING and message.waiter is None and process.alive:
                        message.answer = result.value  # the caller is below on the stack; it reads this when we yield
                        message.state = ANSWERED
                    else:
                        reply_here(process.node, message, result.value)
                    continue
            elif type(message) is Cast:
                result = handle_cast(server, message.request, state)
                if type(result) is NoReply and result.then is None and debug is None:
                    then, state = None, result.state
                    continue
            elif type(message) is SystemRequest:
                handler = SystemHandler(process, server, parent, state, debug)
                result = yield from handler.serve(message)
                state, debug = handler.state, handler.debug
                if result:
                    raise exits.Exit(handler.reason)
                continue
            else:
                message = "timeout" if message is TIMEOUT else message
                result = other_message(server, parent, message, state)
            if type(result) is not NoReply and is_awaitable(result):
                result = yield from enter_task(process, result)  # pyright: ignore[reportUnknownVariableType]
            state, then = settled(process, server, message, result)
            if debug is not None:
                debug = debug.record_out(process, message, result)
    except BaseException as error:
        if not process.alive:
            raise
        ending = LoopEnd(error, message, state)
    return (yield from end(process, server, ending, debug))


def seen(debug: Debug, process: Process, message: Any) -> Debug | None:
    """Record the next message for the debug hooks (log, trace, statistics); return the debug, None if all are off."""
    kind = type(message)
    if kind is SystemRequest:
        return debug
    if kind is Continue:
        return debug.record(process, ("continue", message.arg))
    return debug.record_in(process, "timeout" if message is TIMEOUT else message)


def other_message(server: Callbacks, parent: Pid, message: Any, state: Any) -> Any:
    """Call the callback of a continue or a plain message, and return its result; raise Exit for the parent's end."""
    kind = type(message)
    if kind is Exited and message.pid is parent:
        raise exits.Exit(message.reason)
    if kind is Continue:
        return server.handle_continue(message.arg, state)
    return server.handle_info(message, state)


def settled(process: Process, server: Callbacks, message: Any, result: Any) -> tuple[Any, Then]:
    """Apply a callback's result: return the new state and `then`, or raise Stopping, NoClause or BadReturn.

    A `then` is checked before the reply is sent: a caller must not get an answer from a server that then fails.
    """
    kind = type(message)
    if type(result) is NoReply:
        if kind is CallRequest:
            mark_deferred(message)
        return result.state, None if result.then is None else check_then(server, callback_of(kind), result, result.then)
    if type(result) is Reply and kind is CallRequest:
        then = None if result.then is None else check_then(server, "handle_call", result, result.then)
        if message.state == PENDING and message.waiter is None and process.alive:
            message.answer = result.value  # the caller is below on the stack, as in the loop
            message.state = ANSWERED
        else:
            reply_here(process.node, message, result.value)
        return result.state, then
    if type(result) is Stop and result.has_state and (kind is CallRequest or not result.has_reply):
        raise Stopping(result, message if kind is CallRequest else None)
    wanted = "NoReply(state) or Stop(reason, state)"
    if kind is CallRequest:
        wanted = f"Reply(value, state), {wanted}, or Stop(reason, state, reply=value)"
    if result is None:
        letter = str(returned(server, callback_of(kind), None, wanted))
        raise NoClause(message.request if kind is CallRequest or kind is Cast else message, letter)
    raise BadReturn(server, callback_of(kind), result, wanted)


def callback_of(kind: type) -> str:
    """Return the name of the callback that handles messages of this type."""
    return CALLBACKS.get(kind, "handle_info")


CALLBACKS: dict[type, str] = {CallRequest: "handle_call", Cast: "handle_cast", Continue: "handle_continue"}


class Stopping(exits.Exit):
    """The exception that leaves the loop when a callback has returned Stop."""

    def __init__(self, result: Stop[Any], message: CallRequest | None) -> None:
        super().__init__(result.reason)
        self.result = result
        self.message = message


class LoopEnd:
    """The reason, exception, last message and state with which a loop has ended."""

    __slots__ = ("error", "message", "raised", "reason", "state")

    def __init__(self, error: BaseException, message: object, state: object) -> None:
        self.error: BaseException = error
        self.message: object = None if type(message) is SystemRequest else message
        reason = exits.carried(error)
        # Before `reason_of`, which strips the traceback. A reason that is a str has no traceback.
        self.raised: Raised | None = None if type(reason) is str else Raised(error)
        self.reason: object = reason if type(reason) is str else exits.reason_of(error)
        self.state: Any = error.result.state if type(error) is Stopping else state


def end(process: Process, server: Callbacks, ending: LoopEnd, debug: Debug | None) -> Generator[Any, Any, Any]:
    """Call `terminate`, report an abnormal end, send the last reply, and raise Terminated with the reason."""
    error, reason, raised, failed = ending.error, ending.reason, ending.raised, False
    last_reply: Stopping | None = error if type(error) is Stopping and error.result.has_reply else None
    try:
        result: Any = server.terminate(reason, ending.state)
        if is_awaitable(result):
            yield from enter_task(process, result)
    except BaseException as second:
        if not process.alive:
            raise
        error, raised, failed = second, Raised(second), True
        reason = exits.reason_of(second)
    # An exception of `terminate` is reported even if its reason is normal: the server has not cleaned up.
    if failed or not exits.is_normal(reason):
        raised = Raised(error) if raised is None else raised
        if reports.is_wanted(process, reports.SERVERS):
            message = ending.message
            last = message.request if type(message) is CallRequest else message
            log = [] if debug is None or debug.log is None else list(debug.log)
            status = {"state": ending.state, "message": last, "reason": reason, "log": log}
            shown = yield from formatted(process, server, status, "state", True)
            reports.server_terminated(process, server, message, shown, raised)
        reports.process_crashed(process, reason, raised)
    if last_reply is not None and last_reply.message is not None:
        reply(last_reply.message, last_reply.result.reply)
    if type(error) is not Stopping and exits.is_a(error, KeyboardInterrupt, SystemExit):
        raise error
    raise Terminated(reason) from None
