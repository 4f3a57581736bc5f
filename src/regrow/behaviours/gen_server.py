"""A server: one process, one state, one message at a time (OTP's `gen_server`).

    your class                          this module
    ----------                          -----------
    init(arg)                 <-----    start_link(arg)
      Ok(state)               ----->    the starter gets the pid
    handle_call(request, from_, state)
                              <-----    call(server, request)
      Reply(value, state)     ----->    call returns value
    handle_cast(request, state)
                              <-----    cast(server, request)
      NoReply(state)          ----->    waits for the next message
    handle_info(message, state)
                              <-----    whatever was sent otherwise
    terminate(reason, state)  <-----    a callback returned Stop or raised, stop(server), or the parent's end

Every return:

    init                  Ok(state[, then])   IGNORE   Stop(reason)   Error(reason)
    handle_call           Reply(value, state[, then])   and those below
    every other handle_…  NoReply(state[, then])   Stop(reason, state)   Stop(reason, state, reply=value)

`then` is a timeout in seconds, after which `handle_info("timeout", state)` is called if nothing came; `Continue(arg)`,
which calls `handle_continue(arg, state)` before anything else; or HIBERNATE. Callbacks may be `def` or `async def`.

    >>> class Stack(GenServer[list[int]]):
    ...     def init(self, items):
    ...         return Ok(list(items))
    ...
    ...     def handle_call(self, request, from_, items):
    ...         match request:
    ...             case "pop":
    ...                 return Reply(items[-1], items[:-1])
    ...
    ...     def handle_cast(self, request, items):
    ...         match request:
    ...             case ("push", item):
    ...                 return NoReply([*items, item])
    >>> async def main():
    ...     stack = await Stack.start_link([1, 2])
    ...     cast(stack, ("push", 3))
    ...     return await call(stack, "pop")
    >>> import regrow
    >>> regrow.run(main)
    3
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from datetime import timedelta
from typing import Any, ClassVar, Generic, TypeVar

from regrow.behaviours import child_spec, proc_lib, request, system
from regrow.behaviours.proc_lib import Failed, Ignore, Starter, init_ack
from regrow.behaviours.reports import server_terminated, unexpected_message
from regrow.behaviours.request_ids import RequestIds as RequestIds
from regrow.behaviours.request_ids import check_response as check_response
from regrow.behaviours.request_ids import receive_response as receive_response
from regrow.behaviours.request_ids import reqids_add as reqids_add
from regrow.behaviours.request_ids import reqids_new as reqids_new
from regrow.behaviours.request_ids import reqids_size as reqids_size
from regrow.behaviours.request_ids import reqids_to_list as reqids_to_list
from regrow.behaviours.request_ids import send_request as send_request
from regrow.behaviours.request_ids import wait_response as wait_response
from regrow.behaviours.results import (
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
    is_awaitable,
)
from regrow.kernel import exits, mailbox, names
from regrow.kernel.clock import seconds
from regrow.kernel.node import HERE, here
from regrow.kernel.pid import RECEIVING, Pid, Process
from regrow.kernel.signals import ANSWERED, AS_TASK, END, PENDING, RECEIVE, TIMEOUT, Become, Exited, Request, Signal

State = TypeVar("State")
From = Request

CallReturn = Reply[State] | NoReply[State] | Stop[State] | Awaitable[Reply[State] | NoReply[State] | Stop[State]]
CastReturn = NoReply[State] | Stop[State] | Awaitable[NoReply[State] | Stop[State]]
InitReturn = Ok[State] | Ignore | Stop[Any] | Error | Awaitable[Ok[State] | Ignore | Stop[Any] | Error]


class Cast:
    """A request that wants no answer, as it lies in a mailbox (OTP's `{'$gen_cast', request}`)."""

    __slots__ = ("request",)
    __match_args__ = ("request",)

    def __init__(self, request: object) -> None:
        self.request = request

    def __repr__(self) -> str:
        return f"Cast({self.request!r})"


# Client


async def call(server: Any, request_: Any, timeout: float | timedelta | None = 5.0) -> Any:
    """Ask a server and wait for its answer (`gen_server:call/3`). Works from processes and plain asyncio tasks.

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        request_: what `handle_call` gets.
        timeout: seconds; None waits for ever.

    Raises:
        NoProcess: nobody is there.
        CalleeExit: the server ended before it answered.
        CallTimeout: no answer in time. The server may still work on it; its late reply is dropped.
        CallingSelf: it is the caller itself.
        NoNode: there is no node in this thread; see `regrow.from_thread`.
        TypeError: not an address, or not seconds.
        ValueError: a negative timeout, or an unknown registry.
    """
    if timeout != 5.0:
        timeout = seconds(timeout, "call(timeout=)")
    node = HERE.node or here()
    caller = node.scheduler.current
    if caller is None and node.adopted:
        caller = node.caller()
    made = Request(node.guest if caller is None else caller.pid, request_)
    target = server.process if type(server) is Pid else node.names.get(server) if type(server) is type else None
    if (
        target is not None
        and target.status == RECEIVING
        and target.node is node
        and timeout != 0.0
        and node.trace is None
        and node.scheduler.hand_over(target, made)
    ):
        if made.state == ANSWERED and (caller is None or caller.alive):
            return made.answer
        made.server = target
    await request.wait(node, caller, server, made, timeout)  # type: ignore[arg-type]
    if made.state == ANSWERED:
        return made.answer
    place = ("GenServer", "call", [server, request_, timeout])
    raise request.failure(node, made, server, timeout, place)  # type: ignore[arg-type]


def cast(server: Any, request_: object) -> None:
    """Send a request that wants no answer (`gen_server:cast/2`). Never fails: what nobody is there for is dropped.

    Raises:
        NoNode: there is no node in this thread.
        TypeError: `server` is no address.
    """
    node = HERE.node or here()
    if type(server) is Pid:
        target = server.process
    else:
        try:
            pid = names.find(node, server)
        except ValueError:  # there is no such registry, and so nobody
            return
        target = None if pid is None else pid.process
    if node.trace is not None:
        caller = node.caller()
        node.trace.tell("send", node.guest if caller is None else caller.pid, server, Cast(request_))
    if target is None:
        return
    if target.node is node:
        mailbox.put(target, Cast(request_))
    else:
        target.node.door(Signal("send", node.guest, target.pid, Cast(request_), None))


def reply(from_: From, value: object) -> None:
    """Answer a call whose `handle_call` returned NoReply, from any process (`gen_server:reply/2`).

    What nobody waits for any more is dropped.
    """
    request.reply(from_, value)


async def stop(server: Any, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
    """Order a server to terminate with `reason` and wait until it has ended (`gen_server:stop/3`).

    It takes its turn behind the messages that are there already; `terminate` is called.

    Raises:
        CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
    """
    limit = seconds(timeout, "stop(timeout=)")
    await system.stop(server, reason, limit, "GenServer")


def whereis(server: Any) -> Pid | None:
    """The pid that an address stands for now, or None (`GenServer.whereis/1`).

    Raises:
        TypeError: this is no address.
    """
    return names.find(here(), server)


# Server


class GenServer(Generic[State]):
    """The base of all servers; `State` is what your callbacks are given and return.

    Class options, as in `class Queue(GenServer[list[int]], named=True, restart="transient")`:
        named: register every started server under its class.
        id, restart, shutdown, significant: of the child spec (see `ChildSpec`).
    """

    __regrow_named__: ClassVar[bool] = False
    __regrow_spec__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, *, named: bool | None = None, **spec: Any) -> None:
        super().__init_subclass__()
        if named is not None:
            cls.__regrow_named__ = named
        options = child_spec.class_options(cls, spec, "named")
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **options}

    @classmethod
    async def start_link(
        cls, arg: Any = None, *, name: object = None, timeout: float | timedelta | None = None, debug: object = ()
    ) -> Pid:
        """Start a server linked to this process and wait until its `init` is done (`gen_server:start_link/4`).

        Args:
            arg: what `init` gets.
            name: a string, a class, `Global(key)` or `Via(registry, key)`.
            timeout: seconds that `init` may take; then it is killed.
            debug: debug options of `regrow.system`.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` returned Stop or Error, raised, or took too long.
            TypeError: this can be no name.
        """
        return await cls._start(arg, name, timeout, True, debug)

    @classmethod
    async def start(
        cls, arg: Any = None, *, name: object = None, timeout: float | timedelta | None = None, debug: object = ()
    ) -> Pid:
        """The same, without a link (`gen_server:start/4`)."""
        return await cls._start(arg, name, timeout, False, debug)

    @classmethod
    async def _start(cls, arg: Any, name: object, timeout: float | timedelta | None, link: bool, debug: object) -> Pid:
        if name is None and cls.__regrow_named__:
            name = cls
        server = cls()
        options = system.debug_options(debug)

        def body(process: Process, starter: Starter) -> Generator[Any, Any, Any]:
            return run(process, starter, server, arg, options)

        limit = None if timeout is None else seconds(timeout, "start_link(timeout=)")
        return await proc_lib.start(body, cls, initial_call=cls.init, name=name, link=link, timeout=limit)

    @classmethod
    def child_spec(cls, arg: Any = None) -> child_spec.ChildSpec:
        """How a supervisor starts this server: by `start_link(arg)`, under the class as id."""
        return child_spec.of_class(cls, arg, cls.__regrow_spec__)

    # Callbacks

    def init(self, arg: Any, /) -> InitReturn[State]:
        """Make the state. Without one of its own a server's state is its argument."""
        return Ok(arg)

    def handle_call(self, request: Any, from_: From, state: State, /) -> CallReturn[State]:
        """Answer a `call`."""
        raise RuntimeError(f"attempted to call {_name(self)} but no handle_call was provided")

    def handle_cast(self, request: Any, state: State, /) -> CastReturn[State]:
        """Take a `cast`."""
        raise RuntimeError(f"attempted to cast {_name(self)} but no handle_cast was provided")

    def handle_info(self, message: Any, state: State, /) -> CastReturn[State]:
        """Take any other message. Without one of its own a server logs it and goes on."""
        unexpected_message(type(self), message)
        return NoReply(state)

    def handle_continue(self, arg: Any, state: State, /) -> CastReturn[State]:
        """Go on after a return with `Continue(arg)`."""
        raise RuntimeError(f"{_name(self)} was told to continue but no handle_continue was provided")

    def terminate(self, reason: Any, state: State, /) -> Any:
        """Clean up. Called on Stop, on an error, on `stop`, and when the parent ends while this process traps exits."""

    def code_change(self, old_version: Any, state: State, extra: Any, /) -> Any:
        """Turn the state of an older version into this one's: return `Ok(state)`."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """What `system.get_status` and crash reports show: `status` has state, message, reason and log."""
        return status


def _name(server: object) -> str:
    return f"the GenServer {type(server).__name__}"


# The loop


def run(
    process: Process, starter: Starter, server: GenServer[Any], arg: object, debug: system.Debug | None
) -> Generator[Any, Any, Any]:
    """A server's whole life: init, the loop, the end."""
    parent = starter.parent
    try:
        result: Any = server.init(arg)
        if is_awaitable(result):
            yield AS_TASK
            result = yield from result.__await__()
    except BaseException as error:
        if process.alive:
            init_ack(process, starter, Failed(exits.reason_of(error)))
        raise exits.Exit(exits.reason_of(error)) from None
    if result.__class__ is Ok:
        then = check_then(result, result.then)
        init_ack(process, starter, None)
        return Become(loop(process, server, parent, result.state, then, debug))
    if result.__class__ is Ignore:
        init_ack(process, starter, result)
    elif result.__class__ is Error:
        init_ack(process, starter, Failed(result.reason))
    elif result.__class__ is Stop:
        init_ack(process, starter, Failed(result.reason))
        raise exits.Exit(result.reason)
    else:
        problem = BadReturn(server, "init", result, "Ok(state), IGNORE, Stop(reason) or Error(reason)")
        init_ack(process, starter, Failed(problem.reason))
        raise problem
    return END


def loop(
    process: Process,
    server: GenServer[Any],
    parent: Pid,
    state: Any,
    then: Then,
    debug: system.Debug | None,
) -> Generator[Any, Any, Any]:
    """Wait, handle, look at what came back; until an end. What is not a plain call or cast is decided below."""
    handle_call, handle_cast = type(server).handle_call, type(server).handle_cast  # a bound method is 64 bytes
    message: Any = None
    result: Any
    ending: Ending
    try:
        while True:
            if then is None:
                message = yield RECEIVE
            elif then.__class__ is Continue:
                message = then
            else:
                message = yield RECEIVE if then is HIBERNATE else then
            kind = message.__class__
            if debug is not None and kind is not system.SystemRequest:
                debug = debug.saw_in(process, message)
            if kind is Request:
                result = handle_call(server, message.request, message, state)
                if result.__class__ is Reply and result.then is None and debug is None:
                    then, state = None, result.state
                    if message.state == PENDING and message.waiter is None:
                        message.answer = result.value  # the caller is on the stack below, and looks when we wait
                        message.state = ANSWERED
                    else:
                        request.reply(message, result.value)
                    continue
            elif kind is Cast:
                result = handle_cast(server, message.request, state)
            elif kind is system.SystemRequest:
                held = system.Held(process, server, parent, state, debug)
                if (yield from held.serve(message)):
                    raise exits.Exit(held.reason)
                state, debug = held.state, held.debug
                continue
            else:
                message = "timeout" if message is TIMEOUT else message
                result = other_message(server, parent, message, state)
            if result.__class__ is not NoReply and is_awaitable(result):
                yield AS_TASK
                result = yield from result.__await__()  # pyright: ignore[reportUnknownVariableType] (a State's own)
            state, then = settled(server, message, result)
            if debug is not None:
                debug = debug.saw_out(process, message, result)
    except BaseException as error:
        if not process.alive:
            raise
        ending = Ending(error, message, state)
    return (yield from end(process, server, ending))


def other_message(server: GenServer[Any], parent: Pid, message: Any, state: Any) -> Any:
    """What is neither call, cast nor system request: the parent's end, a continue, or a plain message."""
    kind = message.__class__
    if kind is Exited and message.pid is parent:
        raise exits.Exit(message.reason)
    if kind is Continue:
        return server.handle_continue(message.arg, state)
    return server.handle_info(message, state)


def settled(server: GenServer[Any], message: Any, result: Any) -> tuple[Any, Then]:
    """The state and the `then` that a callback returned; a Stop leaves the loop, anything else is a mistake."""
    kind = message.__class__
    if result.__class__ is NoReply:
        return result.state, None if result.then is None else check_then(result, result.then)
    if result.__class__ is Reply and kind is Request:
        then = check_then(
            result, result.then
        )  # before the answer: a caller must not hear from a server that is at fault
        request.reply(message, result.value)
        return result.state, then
    if result.__class__ is Stop:
        raise Stopping(result, message if kind is Request else None)
    if result is None:
        raise NoClause(message.request if kind is Request or kind is Cast else message)
    wanted = "NoReply(state) or Stop(reason, state)"
    if kind is Request:
        wanted = f"Reply(value, state), {wanted}"
    raise BadReturn(server, CALLBACKS.get(kind, "handle_info"), result, wanted)


CALLBACKS: dict[type, str] = {Request: "handle_call", Cast: "handle_cast", Continue: "handle_continue"}


class Stopping(exits.Exit):
    """A callback returned Stop."""

    def __init__(self, result: Stop[Any], message: Request | None) -> None:
        super().__init__(result.reason)
        self.result = result
        self.message = message


class Ending:
    """Why and with what a loop has ended."""

    __slots__ = ("error", "message", "reason", "state")

    def __init__(self, error: BaseException, message: object, state: object) -> None:
        self.error = error
        self.message = message
        self.reason = exits.reason_of(error)
        self.state = state
        if isinstance(error, Stopping) and error.result.has_state:
            self.state = error.result.state


def end(process: Process, server: GenServer[Any], ending: Ending) -> Generator[Any, Any, Any]:
    """Call `terminate`, report what was abnormal, send the last reply, and leave with the reason."""
    error, reason = ending.error, ending.reason
    last_reply: Stopping | None = error if isinstance(error, Stopping) and error.result.has_reply else None
    try:
        if overrides(server, "terminate"):
            result: Any = server.terminate(reason, ending.state)
            if is_awaitable(result):
                yield AS_TASK
                yield from result.__await__()
    except BaseException as second:
        if not process.alive:
            raise
        error, reason = second, exits.reason_of(second)
    if not exits.is_normal(reason):
        server_terminated(process, server, reason, ending.message, ending.state)
    if last_reply is not None and last_reply.message is not None:
        request.reply(last_reply.message, last_reply.result.reply)
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    raise Terminated(reason) from None


def overrides(server: object, callback: str) -> bool:
    """Whether a server has a callback of its own."""
    own: object = getattr(type(server), callback)
    base: object = getattr(GenServer, callback)
    return own is not base


class Terminated(exits.Exit):
    """The end of a server that has reported it itself."""
