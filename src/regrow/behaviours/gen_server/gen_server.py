"""The class `GenServer`, its callbacks and its ways to start. `regrow.gen_server` is the page of the concept."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from regrow.behaviours.gen import child_spec, loop_entry, starting
from regrow.behaviours.gen import request as requests
from regrow.behaviours.gen.debug import Debug, debug_options
from regrow.behaviours.gen.reports import unexpected_message
from regrow.behaviours.gen.results import Continue, Error, Hibernate, NoReply, Ok, Reply, Stop, Then
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen_server import loop
from regrow.behaviours.gen_server.blocking import Blocking
from regrow.kernel import bounded_repr
from regrow.kernel.clock import seconds
from regrow.kernel.pid import Monitor, Pid
from regrow.kernel.requests import CallRequest

State = TypeVar("State")
From = CallRequest
Seconds = float | timedelta | None

CallReturn = Reply[State] | NoReply[State] | Stop[State] | Awaitable[Reply[State] | NoReply[State] | Stop[State]]
CastReturn = NoReply[State] | Stop[State] | Awaitable[NoReply[State] | Stop[State]]
InitReturn = Ok[State] | Ignore | Stop[Any] | Error | Awaitable[Ok[State] | Ignore | Stop[Any] | Error]


def reply(from_: From, value: object) -> None:
    """Answer a call whose `handle_call` returned NoReply, from any process (`gen_server:reply/2`).

    What nobody waits for any more is dropped.

    Raises:
        TypeError: this is not the `from_` of a call.
    """
    given: object = from_  # here, in Python: a compiled function would say in words of its own what it wants
    if not isinstance(given, CallRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"reply: wanted the from_ that handle_call was given, got {bounded_repr.safe_repr(given)}")
    requests.reply(from_, value)


class GenServer(Generic[State]):
    """The base of all servers; `State` is what your callbacks are given and return.

    Class options, as in `class Queue(GenServer[list[int]], named=True, restart="transient")`:
        named: register every started server under its class.
        id, start, restart, shutdown, type, significant, modules: of the child spec (see `ChildSpec`).
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
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
        blocking: bool = False,
    ) -> Pid:
        """Start a server linked to this process and wait until its `init` is done (`gen_server:start_link/4`).

        Args:
            arg: what `init` gets.
            name: a string, a class, `Global(key)` or `Via(registry, key)`.
            timeout: seconds that `init` may take; then it is killed.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds; accepted as OTP has it, but nothing is saved here by hibernating.
            blocking: run its `def` callbacks in a thread of their own, where they may block, and where only
                `from_thread` and `reply` reach other processes. Its `async def` callbacks stay in the event loop.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` returned Stop or Error, raised, or took too long.
            TypeError: this can be no name.
        """
        given, name, limit = cls._prepared(arg, name, timeout, debug, hibernate_after, blocking)
        return await starting.start(loop.begin, given, cls, initial_call=cls.init, name=name, link=True, timeout=limit)

    @classmethod
    async def start(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
        blocking: bool = False,
    ) -> Pid:
        """The same, without a link (`gen_server:start/4`)."""
        given, name, limit = cls._prepared(arg, name, timeout, debug, hibernate_after, blocking)
        return await starting.start(loop.begin, given, cls, initial_call=cls.init, name=name, link=False, timeout=limit)

    @classmethod
    async def start_monitor(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
        blocking: bool = False,
    ) -> tuple[Pid, Monitor]:
        """The same, monitored from its beginning (`gen_server:start_monitor/4`).

        Returns:
            The pid, and the ref of the `Down` that will come. A start that fails leaves none.
        """
        given, name, limit = cls._prepared(arg, name, timeout, debug, hibernate_after, blocking)
        return await starting.start_monitor(loop.begin, given, cls, initial_call=cls.init, name=name, timeout=limit)

    @classmethod
    def _prepared(
        cls, arg: Any, name: object, timeout: Seconds, debug: object, hibernate_after: Seconds, blocking: bool
    ) -> tuple[tuple[Any, object, Debug | None], object, float | None]:
        """What the new process begins with, its name, and the seconds that its start may take."""
        limit = None if timeout is None else seconds(timeout, "start_link(timeout=)")
        if hibernate_after is not None:
            seconds(hibernate_after, "start_link(hibernate_after=)")
        server: Any = Blocking(cls(), GenServer) if blocking else cls()
        if name is None and cls.__regrow_named__:
            name = cls
        return (server, arg, debug_options(debug) if debug else None), name, limit

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


async def enter_loop(
    module: type[GenServer[State]],
    state: State,
    then: float | timedelta | Continue | Hibernate | None = None,
    *,
    name: object = None,
    debug: object = (),
    hibernate_after: Seconds = None,
) -> NoReturn:
    """Make the running process a server, after whatever it did to begin with (`gen_server:enter_loop/5`). Never returns.

    Any process may, for every process of regrow knows its parent. What is left of its own function is unwound at the end.

    Args:
        module: the class; its `init` is not called.
        state: the first state.
        then: a timeout in seconds, Continue(arg), HIBERNATE or nothing, as behind the state that `init` returns.
        name: a name of any form, which must be this process's already.
        debug: debug options of `regrow.system`.
        hibernate_after: seconds, as `start_link` takes them.

    Raises:
        Exit: the name is not this process's.
        RuntimeError: this runs in an asyncio task, which may have been adopted as a process, but is driven by asyncio.
    """
    seconds(hibernate_after, "enter_loop(hibernate_after=)")
    first: Then = then if isinstance(then, Continue | Hibernate) else seconds(then, "enter_loop(then=)")
    looks = debug_options(debug)
    running, parent = loop_entry.check_enter_loop(name)
    await loop_entry.LoopAwaitable(loop.loop(running, module(), parent, state, first, looks))
    raise AssertionError("a server's loop ends with an exception")
