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

from collections.abc import Awaitable, Generator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Generic, Literal, NoReturn, TypeVar, overload

from regrow.behaviours import child_spec, request, server_loop, starting, system, typed_request, ways_in
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
from regrow.behaviours.starting import Body, Ignore, Starter
from regrow.kernel import mailbox, names
from regrow.kernel.clock import seconds
from regrow.kernel.exits import safe_repr
from regrow.kernel.node import HERE, NODES, NODES_LOCK, Node, here
from regrow.kernel.pid import RECEIVING, Monitor, Pid, Process
from regrow.kernel.signals import ANSWERED, Request, Signal

State = TypeVar("State")
Answer = TypeVar("Answer")
From = Request
Seconds = float | timedelta | None

CallReturn = Reply[State] | NoReply[State] | Stop[State] | Awaitable[Reply[State] | NoReply[State] | Stop[State]]
CastReturn = NoReply[State] | Stop[State] | Awaitable[NoReply[State] | Stop[State]]
InitReturn = Ok[State] | Ignore | Stop[Any] | Error | Awaitable[Ok[State] | Ignore | Stop[Any] | Error]


# Client


# The second is for those that would be taken for the third: a wrong answer is an error, and not Any.
@overload
async def call(server: Any, request_: typed_request.Request[Answer], timeout: Seconds = 5.0) -> Answer: ...
@overload
async def call(server: Any, request_: typed_request.Request[Any], timeout: Seconds = 5.0) -> object: ...
@overload
async def call(server: Any, request_: Any, timeout: Seconds = 5.0) -> Any: ...
async def call(server: Any, request_: Any, timeout: Seconds = 5.0) -> Any:
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


def abcast(name: object, request_: object, *, nodes: Sequence[object] | None = None) -> Literal["abcast"]:
    """Cast to the server of one name on several nodes of this program (`gen_server:abcast/2,3`). Never fails.

    Args:
        name: a string or a class.
        request_: what each `handle_cast` gets.
        nodes: names of nodes, or the nodes themselves; None for all. Those that are not there are left out.

    Raises:
        TypeError: this is no name, or these are no nodes.
    """
    for where in _wanted_nodes(here(), name, nodes, "abcast"):
        cast((name, where), request_)
    return "abcast"


async def multi_call(
    name: object, request_: object, timeout: Seconds = None, *, nodes: Sequence[object] | None = None
) -> tuple[list[tuple[object, Any]], list[object]]:
    """Ask the servers of one name on several nodes of this program, all at once (`gen_server:multi_call/2,3,4`).

    Args:
        name: a string or a class.
        request_: what each `handle_call` gets.
        timeout: seconds for all answers together; None waits for ever. What comes later is dropped.
        nodes: names of nodes, or the nodes themselves; None for all.

    Returns:
        The answers as pairs (node, answer), and the nodes without one: nobody has the name there, it ended, it did not
        answer in time, or there is no such node. Both in the order of `nodes`.

    Raises:
        TypeError: this is no name, these are no nodes, or not seconds.
    """
    limit = seconds(timeout, "multi_call(timeout=)")
    asked = _wanted_nodes(here(), name, nodes, "multi_call")
    made = await request.ask_all([(name, where) for where in asked], request_, limit)
    shown = [where.name if nodes is None and isinstance(where, Node) else where for where in asked]
    answers = [(where, one.answer) for where, one in zip(shown, made, strict=True) if one.state == ANSWERED]
    return answers, [where for where, one in zip(shown, made, strict=True) if one.state != ANSWERED]


def _wanted_nodes(node: Node, name: object, wanted: Sequence[object] | None, what: str) -> Sequence[object]:
    if not names.is_name(name):
        raise TypeError(f"{what}: wanted a name on each node, a string or a class; got {safe_repr(name)}")
    if isinstance(wanted, str | Node):
        raise TypeError(f"{what}(nodes=): wanted a list of nodes; got {wanted!r}")
    if wanted is not None:
        return wanted
    with NODES_LOCK:
        return [node, *(other for other in NODES.values() if other is not node)]


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
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
    ) -> Pid:
        """Start a server linked to this process and wait until its `init` is done (`gen_server:start_link/4`).

        Args:
            arg: what `init` gets.
            name: a string, a class, `Global(key)` or `Via(registry, key)`.
            timeout: seconds that `init` may take; then it is killed.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds; accepted as OTP has it, but nothing is saved here by hibernating.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` returned Stop or Error, raised, or took too long.
            TypeError: this can be no name.
        """
        body, options = cls._prepared(arg, name, timeout, debug, hibernate_after)
        return await starting.start(body, cls, link=True, **options)

    @classmethod
    async def start(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
    ) -> Pid:
        """The same, without a link (`gen_server:start/4`)."""
        body, options = cls._prepared(arg, name, timeout, debug, hibernate_after)
        return await starting.start(body, cls, link=False, **options)

    @classmethod
    async def start_monitor(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
    ) -> tuple[Pid, Monitor]:
        """The same, monitored from its beginning (`gen_server:start_monitor/4`).

        Returns:
            The pid, and the ref of the `Down` that will come. A start that fails leaves none.
        """
        body, options = cls._prepared(arg, name, timeout, debug, hibernate_after)
        return await ways_in.start_monitor(body, cls, **options)

    @classmethod
    def _prepared(
        cls, arg: Any, name: object, timeout: Seconds, debug: object, hibernate_after: Seconds
    ) -> tuple[Body, dict[str, Any]]:
        """What the new process does, and the options of its start."""
        limit = seconds(timeout, "start_link(timeout=)")
        seconds(hibernate_after, "start_link(hibernate_after=)")
        server = cls()
        looks = system.debug_options(debug)

        def body(process: Process, starter: Starter) -> Generator[Any, Any, Any]:
            return server_loop.run(process, starter, server, arg, looks)

        if name is None and cls.__regrow_named__:
            name = cls
        return body, {"initial_call": cls.init, "name": name, "timeout": limit}

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
