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
    handle_call           Reply(value, state[, then])   Stop(reason, state, reply=value)   and those below
    every other handle_…  NoReply(state[, then])   Stop(reason, state)

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

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

from regrow.behaviours import child_spec, server_loop, starting, system, ways_in
from regrow.behaviours import request as requests
from regrow.behaviours.blocking import Blocking
from regrow.behaviours.client import abcast as abcast
from regrow.behaviours.client import call as call
from regrow.behaviours.client import cast as cast
from regrow.behaviours.client import multi_call as multi_call
from regrow.behaviours.client import stop as stop
from regrow.behaviours.client import whereis as whereis
from regrow.behaviours.reports import unexpected_message
from regrow.behaviours.request_ids import RequestIds as RequestIds
from regrow.behaviours.request_ids import check_response as check_response
from regrow.behaviours.request_ids import receive_response as receive_response
from regrow.behaviours.request_ids import reqids_add as reqids_add
from regrow.behaviours.request_ids import reqids_new as reqids_new
from regrow.behaviours.request_ids import reqids_size as reqids_size
from regrow.behaviours.request_ids import reqids_to_list as reqids_to_list
from regrow.behaviours.request_ids import send_request as send_request
from regrow.behaviours.request_ids import wait_response as wait_response
from regrow.behaviours.results import Continue, Error, Hibernate, NoReply, Ok, Reply, Stop, Then
from regrow.behaviours.server_loop import Cast as Cast
from regrow.behaviours.starting import Ignore
from regrow.kernel import exits
from regrow.kernel.clock import seconds
from regrow.kernel.pid import Monitor, Pid
from regrow.kernel.signals import Request

State = TypeVar("State")
From = Request
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
    if not isinstance(given, Request):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"reply: wanted the from_ that handle_call was given, got {exits.safe_repr(given)}")
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
        return await starting.start(
            server_loop.begin, given, cls, initial_call=cls.init, name=name, link=True, timeout=limit
        )

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
        return await starting.start(
            server_loop.begin, given, cls, initial_call=cls.init, name=name, link=False, timeout=limit
        )

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
        return await ways_in.start_monitor(
            server_loop.begin, given, cls, initial_call=cls.init, name=name, timeout=limit
        )

    @classmethod
    def _prepared(
        cls, arg: Any, name: object, timeout: Seconds, debug: object, hibernate_after: Seconds, blocking: bool
    ) -> tuple[tuple[Any, object, system.Debug | None], object, float | None]:
        """What the new process begins with, its name, and the seconds that its start may take."""
        limit = None if timeout is None else seconds(timeout, "start_link(timeout=)")
        if hibernate_after is not None:
            seconds(hibernate_after, "start_link(hibernate_after=)")
        server: Any = Blocking(cls(), GenServer) if blocking else cls()
        if name is None and cls.__regrow_named__:
            name = cls
        return (server, arg, system.debug_options(debug) if debug else None), name, limit

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
    looks = system.debug_options(debug)
    running, parent = ways_in.entering(name)
    await ways_in.Entered(server_loop.loop(running, module(), parent, state, first, looks))
    raise AssertionError("a server's loop ends with an exception")
