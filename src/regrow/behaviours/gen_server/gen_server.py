"""The class `GenServer`: its callbacks and its start functions. `regrow.gen_server` documents the concept."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from regrow.behaviours.gen import child_spec, loop_entry, starting
from regrow.behaviours.gen.debug import Debug, DebugOptions, debug_options
from regrow.behaviours.gen.init_argument import Arg, HasInit
from regrow.behaviours.gen.reports import unexpected_message
from regrow.behaviours.gen.results import Continue, Error, Hibernate, NoReply, Ok, Reply, Stop, Then
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen_server import loop
from regrow.behaviours.gen_server.blocking import Blocking
from regrow.kernel import bounded_repr, requests
from regrow.kernel.addresses import Name
from regrow.kernel.clock import seconds
from regrow.kernel.process_record import Monitor, Pid
from regrow.kernel.requests import CallRequest

State = TypeVar("State")
From = CallRequest
Seconds = float | timedelta | None

CallReturn = Reply[State] | NoReply[State] | Stop[State] | Awaitable[Reply[State] | NoReply[State] | Stop[State]]
CastReturn = NoReply[State] | Stop[State] | Awaitable[NoReply[State] | Stop[State]]
InitReturn = Ok[State] | Ignore | Stop[Any] | Error | Awaitable[Ok[State] | Ignore | Stop[Any] | Error]


def reply(from_: From, value: object) -> None:
    """Answer a call whose `handle_call` returned NoReply, from any process (`gen_server:reply/2`).

    The first answer counts. An answer that comes after the caller's timeout or end is dropped.

    Args:
        from_: the second argument of `handle_call`.
        value: the answer.

    Raises:
        TypeError: `from_` is not the `from_` of a call.
    """
    call: object = from_  # checked in interpreted code: mypyc's own TypeError would not name the from_
    if not isinstance(call, CallRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"reply: wanted the from_ that handle_call got; got {bounded_repr.safe_repr(call)}")
    requests.reply(from_, value)


def is_waiting(from_: From) -> bool:
    """Return whether the caller of a deferred call still waits for its answer.

    It is False after an answer, after the caller's timeout, cancellation or death, and when the caller's node has ended.
    A server that collects calls leaves out those whose caller waits no longer.

    The caller may be a process, a plain asyncio task or another thread. The end of a wait on another node is known here
    once that node has noted it: True may be out of date by a moment. False is final.

    Args:
        from_: the second argument of `handle_call`.

    Raises:
        TypeError: `from_` is not the `from_` of a call.
    """
    call: object = from_  # checked in interpreted code, as in `reply`
    if not isinstance(call, CallRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"is_waiting: wanted the from_ that handle_call got; got {bounded_repr.safe_repr(call)}")
    return requests.is_waiting(from_)


class GenServer(Generic[State]):
    """The base class of all servers; `State` is the type of the state that the callbacks take and return.

    Class options, as in `class Queue(GenServer[list[int]], named=True, restart="transient")`:
        named: register every started server under its class.
        id, start, restart, shutdown, type, significant, modules: values of the child spec (see `ChildSpec`).
    """

    __regrow_named__: ClassVar[bool] = False
    __regrow_spec__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, *, named: bool | None = None, **spec: Any) -> None:
        super().__init_subclass__()
        if named is not None:
            cls.__regrow_named__ = named
        options = child_spec.class_options(cls, spec, "named")
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **options}

    # The options stand in each of the three functions, and in those of GenStatem, not once in a TypedDict with Unpack:
    # help() and completion at a prompt then show their names, types and defaults, and Python refuses a misspelled one.
    @classmethod
    async def start_link(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
        timeout: Seconds = None,
        debug: DebugOptions = (),
        hibernate_after: Seconds = None,
        blocking: bool = False,
    ) -> Pid:
        """Start a server linked to the caller, wait for its `init` and return its pid (`gen_server:start_link/4`).

        Args:
            arg: the argument of `init`.
            name: a string, a class, `Global(key)` or `Via(registry, key)`; None for no name.
            timeout: seconds that `init` may take, after which the server is killed; None for any time.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds; accepted for compatibility with OTP, without effect.
            blocking: run the `def` callbacks in a separate thread, where they may block. In that thread only
                `from_thread` and `reply` reach other processes. `async def` callbacks stay in the event loop.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` returned Stop or Error, raised, or took too long.
            TypeError: `name` cannot be a name, or another argument has a wrong type.
        """
        server: Any = cls
        begin_arg, name, limit = _prepared(server, arg, name, timeout, debug, hibernate_after, blocking)
        return await starting.start(
            loop.begin, begin_arg, server, initial_call=server.init, name=name, link=True, timeout=limit
        )

    @classmethod
    async def start(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
        timeout: Seconds = None,
        debug: DebugOptions = (),
        hibernate_after: Seconds = None,
        blocking: bool = False,
    ) -> Pid:
        """Start a server without a link, wait for its `init` and return its pid (`gen_server:start/4`).

        Arguments and errors are those of `start_link`.
        """
        server: Any = cls
        begin_arg, name, limit = _prepared(server, arg, name, timeout, debug, hibernate_after, blocking)
        return await starting.start(
            loop.begin, begin_arg, server, initial_call=server.init, name=name, link=False, timeout=limit
        )

    @classmethod
    async def start_monitor(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
        timeout: Seconds = None,
        debug: DebugOptions = (),
        hibernate_after: Seconds = None,
        blocking: bool = False,
    ) -> tuple[Pid, Monitor]:
        """Start a server that the caller monitors, without a link (`gen_server:start_monitor/4`).

        The monitor exists before `init` runs. Arguments and errors are those of `start_link`; a failed start leaves no
        monitor and sends no `Down`.

        Returns:
            The pid and the monitor's ref, which is the `ref` of its `Down`.
        """
        server: Any = cls
        begin_arg, name, limit = _prepared(server, arg, name, timeout, debug, hibernate_after, blocking)
        return await starting.start_monitor(
            loop.begin, begin_arg, server, initial_call=server.init, name=name, timeout=limit
        )

    @classmethod
    def child_spec(cls, arg: Any = None) -> child_spec.ChildSpec:
        """Return the child spec of this server: the class is its id, and `start_link(arg)` starts it.

        Args:
            arg: the argument of `init`.
        """
        return child_spec.of_class(cls, arg, cls.__regrow_spec__)

    # Callbacks

    def init(self, arg: Any, /) -> InitReturn[State]:
        """Return the first state, in the new process: Ok(state), IGNORE, Stop(reason) or Error(reason).

        The default is `Ok(arg)` (`gen_server`'s `init/1`).
        """
        return Ok(arg)

    def handle_call(self, request: Any, from_: From, state: State, /) -> CallReturn[State]:
        """Handle a `call`: return Reply(value, state), NoReply(state) or Stop(reason, state, reply=value).

        Args:
            request: the request of the caller.
            from_: identifies the call, for a later `reply(from_, value)`.
            state: the server's state.
        """
        raise RuntimeError(f"attempted to call {_name(self)} but no handle_call was provided")

    def handle_cast(self, request: Any, state: State, /) -> CastReturn[State]:
        """Handle a `cast`: return NoReply(state) or Stop(reason, state)."""
        raise RuntimeError(f"attempted to cast {_name(self)} but no handle_cast was provided")

    def handle_info(self, message: Any, state: State, /) -> CastReturn[State]:
        """Handle any other message, or "timeout": return NoReply(state) or Stop(reason, state). The default logs it."""
        unexpected_message(type(self), message)
        return NoReply(state)

    def handle_continue(self, arg: Any, state: State, /) -> CastReturn[State]:
        """Continue after a callback that returned `Continue(arg)`: return NoReply(state) or Stop(reason, state)."""
        raise RuntimeError(f"{_name(self)} attempted to continue but no handle_continue was provided")

    def terminate(self, reason: Any, state: State, /) -> Any:
        """Clean up before the server ends; the result is ignored.

        Called after Stop, after an exception in a callback, on `stop`, and on the parent's end if this process traps
        exits.
        """

    def code_change(self, old_version: Any, state: State, extra: Any, /) -> Any:
        """Convert the state of an older version: return `Ok(state)`. Called by `system.change_code`."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """Return the status for `system.get_status` and crash reports: a dict of state, message, reason and log."""
        return status


def _prepared(
    cls: Any,
    arg: Any,
    name: Name | None,
    timeout: Seconds,
    debug: DebugOptions,
    hibernate_after: Seconds,
    blocking: bool,
) -> tuple[tuple[Any, object, Debug | None], Name | None, float | None]:
    """Check the arguments of a start; return the argument of `loop.begin`, the name and the timeout in seconds."""
    limit = None if timeout is None else seconds(timeout, "start_link(timeout=)")
    if hibernate_after is not None:
        seconds(hibernate_after, "start_link(hibernate_after=)")
    server: Any = Blocking(cls(), GenServer) if blocking else cls()
    if name is None and cls.__regrow_named__:
        name = cls
    return (server, arg, debug_options(debug) if debug else None), name, limit


def _name(server: object) -> str:
    return f"the GenServer {type(server).__name__}"


async def enter_loop(
    module: type[GenServer[State]],
    state: State,
    then: float | timedelta | Continue | Hibernate | None = None,
    *,
    name: Name | None = None,
    debug: DebugOptions = (),
    hibernate_after: Seconds = None,
) -> NoReturn:
    """Make the running process a server (`gen_server:enter_loop/5`). Never returns.

    Any process may call it, whichever way it was spawned. When the server ends, the frames of the process's function
    are unwound, so that its `finally` blocks run.

    Args:
        module: the class; its `init` is not called.
        state: the first state.
        then: a timeout in seconds, Continue(arg), HIBERNATE or None, as `Ok` takes it.
        name: the registered name of this process, in any form; None if it has none.
        debug: debug options of `regrow.system`.
        hibernate_after: seconds; accepted for compatibility with OTP, without effect.

    Raises:
        Exit: this process does not have the name.
        RuntimeError: the caller is an asyncio task, which asyncio drives, even if it was adopted as a process.
    """
    seconds(hibernate_after, "enter_loop(hibernate_after=)")
    first: Then = then if isinstance(then, Continue | Hibernate) else seconds(then, "enter_loop(then=)")
    options = debug_options(debug)
    running, parent = loop_entry.check_enter_loop(name)
    await loop_entry.LoopAwaitable(loop.loop(running, module(), parent, state, first, options))
    raise AssertionError("a server's loop ends with an exception")
