"""What a server does with one message after the other: `init`, the loop, the end (the inside of OTP's `gen_server`).

    begin   init, the word to the starter, and then
    loop    waits, calls a callback, looks at what came back; until an end, which leaves it as an exception:
              Stopping     a callback returned Stop
              BadReturn    it returned something else
              Exit         the parent has ended, or `stop` was called
              any other    it raised
    end     terminate, the report, the last reply

A plain call or cast is handled in the loop itself, for it is what servers do most. The rest is a function each.
"""

# A callback may return anything: what `type(x) is Reply` says of it leaves open of which state.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import TYPE_CHECKING, Any

from regrow.behaviours.gen import reports, request
from regrow.behaviours.gen.deadlock import mark_deferred
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
from regrow.behaviours.gen.starting import Failed, Ignore, StartRequest, Terminated, init_ack, init_failed
from regrow.behaviours.gen.system_requests import SystemHandler, SystemRequest
from regrow.behaviours.gen.user_code import formatted
from regrow.kernel import exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.explained_reasons import returned
from regrow.kernel.mailbox import take
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import ANSWERED, PENDING, CallRequest
from regrow.kernel.schedule import gives_way
from regrow.kernel.signals import Exited
from regrow.kernel.tracebacks import Raised
from regrow.kernel.yields import END, RECEIVE, TIMEOUT, YIELD, Become

if TYPE_CHECKING:
    from regrow.behaviours.gen_server.gen_server import GenServer


def begin(
    process: Process, starter: StartRequest, given: tuple[GenServer[Any], object, Debug | None]
) -> Generator[Any, Any, Any] | None:
    """A server's first step: its init; gives its loop, or nothing if it is not to run."""
    server, arg, debug = given
    try:
        result: Any = server.init(arg)
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
    process: Process, starter: StartRequest, server: GenServer[Any], init: Awaitable[Any], debug: Debug | None
) -> Generator[Any, Any, Any]:
    """The same, of an `async def init`."""
    try:
        result: Any = yield from enter_task(process, init)
        then = check_then(server, "init", result, result.then) if type(result) is Ok else None
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    body = started(process, starter, server, result, then, debug)
    return END if body is None else Become(body)


def started(
    process: Process, starter: StartRequest, server: GenServer[Any], result: Any, then: Then, debug: Debug | None
) -> Generator[Any, Any, Any] | None:
    """The loop that follows an init that gave `result`, which its starter hears of."""
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
    process: Process, server: GenServer[Any], parent: Pid, state: Any, then: Then, debug: Debug | None
) -> Generator[Any, Any, Any]:
    """Wait, handle, look at what came back; until an end. What is not a plain call or cast is decided below."""
    handle_call, handle_cast = type(server).handle_call, type(server).handle_cast  # a bound method is 64 bytes
    message: Any = None
    result: Any
    ending: LoopEnd
    try:
        while True:
            if then is not None and then is not HIBERNATE:
                if type(then) is Continue and (gives_way(process) or not process.node.scheduler.has_time()):
                    yield YIELD
                message = then if type(then) is Continue else (yield then)
            elif process.mailbox is not None and process.node.scheduler.goes_on(process):
                message = take(process)
            else:
                message = yield RECEIVE
            if debug is not None:
                debug = seen(debug, process, message)
            # `type(x) is C` is how mypyc learns what x is: its attributes are then read without a look-up.
            if type(message) is CallRequest:
                result = handle_call(server, message.request, message, state)
                if type(result) is Reply and result.then is None and debug is None:
                    then, state = None, result.state
                    if message.state == PENDING and message.waiter is None and process.alive:
                        message.answer = result.value  # the caller is on the stack below, and looks when we wait
                        message.state = ANSWERED
                    else:
                        request.reply_here(process.node, message, result.value)
                    continue
            elif type(message) is Cast:
                result = handle_cast(server, message.request, state)
                if type(result) is NoReply and result.then is None and debug is None:
                    then, state = None, result.state
                    continue
            elif type(message) is SystemRequest:
                held = SystemHandler(process, server, parent, state, debug)
                result = yield from held.serve(message)
                state, debug = held.state, held.debug
                if result:
                    raise exits.Exit(held.reason)
                continue
            else:
                message = "timeout" if message is TIMEOUT else message
                result = other_message(server, parent, message, state)
            if type(result) is not NoReply and is_awaitable(result):
                result = yield from enter_task(process, result)  # pyright: ignore[reportUnknownVariableType] (a State's own)
            state, then = settled(process, server, message, result)
            if debug is not None:
                debug = debug.record_out(process, message, result)
    except BaseException as error:
        if not process.alive:
            raise
        ending = LoopEnd(error, message, state)
    return (yield from end(process, server, ending, debug))


def seen(debug: Debug, process: Process, message: Any) -> Debug | None:
    """Tell those who look at this server what it is about to handle."""
    kind = type(message)
    if kind is SystemRequest:
        return debug
    if kind is Continue:
        return debug.record(process, ("continue", message.arg))
    return debug.record_in(process, "timeout" if message is TIMEOUT else message)


def other_message(server: GenServer[Any], parent: Pid, message: Any, state: Any) -> Any:
    """What is neither call, cast nor system request: the parent's end, a continue, or a plain message."""
    kind = type(message)
    if kind is Exited and message.pid is parent:
        raise exits.Exit(message.reason)
    if kind is Continue:
        return server.handle_continue(message.arg, state)
    return server.handle_info(message, state)


def settled(process: Process, server: GenServer[Any], message: Any, result: Any) -> tuple[Any, Then]:
    """The state and the `then` that a callback returned; a Stop leaves the loop, anything else is a mistake."""
    kind = type(message)
    if type(result) is NoReply:
        if kind is CallRequest:
            mark_deferred(message)
        return result.state, None if result.then is None else check_then(server, asked(kind), result, result.then)
    if type(result) is Reply and kind is CallRequest:
        # First: a caller must not hear from a server that is at fault.
        then = None if result.then is None else check_then(server, "handle_call", result, result.then)
        if message.state == PENDING and message.waiter is None and process.alive:
            message.answer = result.value  # as in the loop
            message.state = ANSWERED
        else:
            request.reply_here(process.node, message, result.value)
        return result.state, then
    if type(result) is Stop and result.has_state and (kind is CallRequest or not result.has_reply):
        raise Stopping(result, message if kind is CallRequest else None)
    wanted = "NoReply(state) or Stop(reason, state)"
    if kind is CallRequest:
        wanted = f"Reply(value, state), {wanted}, or Stop(reason, state, reply=value)"
    if result is None:
        letter = str(returned(server, asked(kind), None, wanted))
        raise NoClause(message.request if kind is CallRequest or kind is Cast else message, letter)
    raise BadReturn(server, asked(kind), result, wanted)


def asked(kind: type) -> str:
    """The callback that a message of this kind is for."""
    return CALLBACKS.get(kind, "handle_info")


CALLBACKS: dict[type, str] = {CallRequest: "handle_call", Cast: "handle_cast", Continue: "handle_continue"}


class Stopping(exits.Exit):
    """A callback returned Stop."""

    def __init__(self, result: Stop[Any], message: CallRequest | None) -> None:
        super().__init__(result.reason)
        self.result = result
        self.message = message


class LoopEnd:
    """Why and with what a loop has ended."""

    __slots__ = ("error", "message", "raised", "reason", "state")

    def __init__(self, error: BaseException, message: object, state: object) -> None:
        self.error: BaseException = error
        self.message: object = None if type(message) is SystemRequest else message
        reason = exits.carried(error)
        # Before `reason_of`, which takes its frames. A word has none to take.
        self.raised: Raised | None = None if type(reason) is str else Raised(error)
        self.reason: object = reason if type(reason) is str else exits.reason_of(error)
        self.state: Any = error.result.state if type(error) is Stopping else state


def end(process: Process, server: GenServer[Any], ending: LoopEnd, debug: Debug | None) -> Generator[Any, Any, Any]:
    """Call `terminate`, report what was abnormal, send the last reply, and leave with the reason."""
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
    # What `terminate` raises is reported whatever it is: it has not cleaned up.
    if failed or not exits.is_normal(reason):
        raised = Raised(error) if raised is None else raised
        if reports.is_wanted(process, reports.SERVERS):
            message = ending.message
            asked = message.request if type(message) is CallRequest else message
            log = [] if debug is None or debug.log is None else list(debug.log)
            status = {"state": ending.state, "message": asked, "reason": reason, "log": log}
            shown = yield from formatted(process, server, status, "state", True)
            reports.server_terminated(process, server, message, shown, raised)
        reports.process_crashed(process, reason, raised)
    if last_reply is not None and last_reply.message is not None:
        request.reply(last_reply.message, last_reply.result.reply)
    if type(error) is not Stopping and exits.is_a(error, KeyboardInterrupt, SystemExit):
        raise error
    raise Terminated(reason) from None
