"""A process that holds a state and runs functions on it (Elixir's `Agent`).

    client                                    agent
    ------                                    -----
    Agent.get(agent, f)            ---->      f(state)             its value is the answer
    Agent.update(agent, f)         ---->      state = f(state)
    Agent.get_and_update(agent, f) ---->      value, state = f(state)
    Agent.cast(agent, f)           ---->      state = f(state)     the client does not wait

The functions run in the agent, one at a time; they may be `def` or `async def`. A future that a function returns is a
value, and is not awaited. While a function runs, all others wait: do slow work in the client, with the value of `get`. A
function that raises ends the agent.

    >>> async def main():
    ...     counter = await Agent.start_link(lambda: 0)
    ...     await Agent.update(counter, lambda count: count + 1)
    ...     before = await Agent.get_and_update(counter, lambda count: (count, count * 10))
    ...     return before, await Agent.get(counter, lambda count: count)
    >>> import regrow
    >>> regrow.run(main)
    (1, 10)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeVarTuple

from regrow.behaviours.gen import child_spec, system
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.debug import DebugOptions
from regrow.behaviours.gen.results import BadReturn, NoClause, NoReply, Ok, Reply
from regrow.behaviours.gen_server import client
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.gen_server.gen_server import From, GenServer
from regrow.kernel.addresses import Address, Name
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.process_record import Pid
from regrow.kernel.running import running

Timeout = float | timedelta | None
Args = TypeVarTuple("Args")


class Agent:
    """Functions for agents. All are static or class methods: `Agent.get(agent, function)`.

    A child of a supervisor is `(Agent, function)`. The class is its id; a subclass may set the values of the child spec
    as class options: id, start, restart, shutdown, type, significant, modules.
    """

    __regrow_spec__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **spec: Any) -> None:
        super().__init_subclass__()
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec)}

    @classmethod
    async def start_link(
        cls,
        function: Callable[[*Args], Any],
        *args: *Args,
        name: Name | None = None,
        timeout: Timeout = None,
        debug: DebugOptions = (),
        hibernate_after: Timeout = None,
    ) -> Pid:
        """Start an agent, linked to this process, with the state `function(*args)` (`Agent.start_link/2`).

        Args:
            function: `def` or `async def`; it runs in the agent.
            args: its arguments.
            name: a string, a class, `Global(key)`, `Via(registry, key)`, or None for no name.
            timeout: seconds that the function may take before the agent is killed; None is any time.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds without a message after which the agent hibernates; None for never.

        Returns:
            The agent's pid.

        Raises:
            AlreadyStarted: the name is taken.
            StartError: the function raised, or took too long.
            TypeError: `function` is no function, or `name` cannot be a name.
        """
        check_function("start_link", function)
        return await AgentServer.start_link(
            (function, args), name=name, timeout=timeout, debug=debug, hibernate_after=hibernate_after
        )

    @classmethod
    async def start(
        cls,
        function: Callable[[*Args], Any],
        *args: *Args,
        name: Name | None = None,
        timeout: Timeout = None,
        debug: DebugOptions = (),
        hibernate_after: Timeout = None,
    ) -> Pid:
        """Start an agent without a link to this process (`Agent.start/2`); arguments and errors as for `start_link`."""
        check_function("start", function)
        return await AgentServer.start(
            (function, args), name=name, timeout=timeout, debug=debug, hibernate_after=hibernate_after
        )

    @classmethod
    def child_spec(cls, function: Any) -> ChildSpec:
        """Return the child spec of an agent that `start_link(function)` starts (`Agent.child_spec/1`)."""
        return child_spec.of_class(cls, function, cls.__regrow_spec__)

    # These three return the coroutine of `call`: an `async def` around it would add a tenth to the time of an update.

    @staticmethod
    def get(
        agent: Address, function: Callable[[Any, *Args], Any], *args: *Args, timeout: Timeout = 5.0
    ) -> Coroutine[Any, Any, Any]:
        """Return the value of `function(state, *args)`; the state is not changed (`Agent.get/3`).

        Args:
            agent: its pid or name.
            function: `def` or `async def`; it runs in the agent.
            args: its arguments after the state.
            timeout: seconds to wait; None waits for ever. The function runs on after a timeout.

        Raises:
            CallExit: there is no such process, the agent ended, or the function took longer.
            TypeError: `function` is no function.
        """
        check_function("get", function)
        return call(agent, ("get", function, args), timeout)

    @staticmethod
    def update(
        agent: Address, function: Callable[[Any, *Args], Any], *args: *Args, timeout: Timeout = 5.0
    ) -> Coroutine[Any, Any, None]:
        """Set the state to `function(state, *args)`, and return None (`Agent.update/3`).

        Arguments and errors are those of `get`.
        """
        check_function("update", function)
        return call(agent, ("update", function, args), timeout)

    @staticmethod
    def get_and_update(
        agent: Address, function: Callable[[Any, *Args], Any], *args: *Args, timeout: Timeout = 5.0
    ) -> Coroutine[Any, Any, Any]:
        """Call `function(state, *args)`, which returns (value, new state); return the value (`Agent.get_and_update/3`).

        Arguments and errors are those of `get`. If the function returns anything else, the agent ends with
        ("bad_return_value", the returned value).
        """
        check_function("get_and_update", function)
        return call(agent, ("get_and_update", function, args), timeout)

    @staticmethod
    def cast(agent: Address, function: Callable[[Any, *Args], Any], *args: *Args) -> None:
        """Set the state to `function(state, *args)`, without waiting for it (`Agent.cast/2`).

        Args:
            agent: its pid or name.
            function: `def` or `async def`; it runs in the agent.
            args: its arguments after the state.

        Raises:
            TypeError: `function` is no function.
        """
        check_function("cast", function)
        client.cast(agent, ("cast", function, args))

    @staticmethod
    async def stop(agent: Address, reason: object = "normal", timeout: Timeout = None) -> None:
        """Stop an agent, and wait until it has ended (`Agent.stop/3`).

        Args:
            agent: its pid or name.
            reason: the reason of its end.
            timeout: seconds to wait; None waits for ever.

        Raises:
            CallExit: there is no such process, it took longer, or it ended with another reason.
        """
        await system.stop(agent, reason, seconds(timeout, "stop(timeout=)"), "Agent")


def check_function(where: str, function: object) -> None:
    """Check in the client that this is a function: in the agent the error would end the agent.

    Raises:
        TypeError: this is no function.
    """
    if not callable(function):
        starts = where in ("start", "start_link")
        wanted = "a function that returns the first state" if starts else "a function of the state"
        raise TypeError(f"Agent.{where}: wanted {wanted}, got {safe_repr(function)}")


CALLS: Final = ("get", "update", "get_and_update")


class AgentServer(GenServer[Any]):
    """The GenServer that runs as every agent."""

    def init(self, arg: tuple[Callable[..., Any], tuple[Any, ...]], /) -> Ok[Any] | Coroutine[Any, Any, Ok[Any]]:
        """Create the state. The function becomes the process's initial call, as in Elixir."""
        function, args = arg
        running().initial_call = function
        value = function(*args)
        return await_state(value) if is_coroutine(value) else Ok(value)

    def handle_call(self, request: Any, from_: From, state: Any, /) -> Reply[Any] | Coroutine[Any, Any, Reply[Any]]:
        """Run a function on the state."""
        match request:
            case (str() as what, function, args) if what in CALLS:
                value = function(state, *args)
                if is_coroutine(value):
                    return self.await_answer(what, function, value, state)
                return self.answer(what, function, value, state)
            case _:
                raise NoClause(request)

    def answer(self, what: str, function: Any, value: Any, state: Any) -> Reply[Any]:
        """Return the answer and the new state for the value of a function.

        Raises:
            BadReturn: a function of `get_and_update` did not return a pair.
        """
        if what == "update":
            return Reply(None, value)
        if what == "get":
            return Reply(value, state)
        if is_pair(value):
            return Reply(value[0], value[1])
        raise BadReturn(self, "Agent.get_and_update", value, "(value, new state)", function)

    async def await_answer(self, what: str, function: Any, value: Awaitable[Any], state: Any) -> Reply[Any]:
        """Await an `async def`, and return the answer and the new state."""
        return self.answer(what, function, await value, state)

    def handle_cast(self, request: Any, state: Any, /) -> NoReply[Any] | Coroutine[Any, Any, NoReply[Any]]:
        """Replace the state by the value of a function."""
        match request:
            case ("cast", function, args):
                value = function(state, *args)
                return await_update(value) if is_coroutine(value) else NoReply(value)
            case _:
                raise NoClause(request)

    def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Ok[Any] | Coroutine[Any, Any, Ok[Any]]:
        """Return the state as the function in `extra` converts it; `extra` is a function, or (function, *args)."""
        parts: list[Any] = list(extra) if isinstance(extra, tuple) else [extra]  # pyright: ignore[reportUnknownArgumentType]
        value = parts[0](state, *parts[1:])
        return await_state(value) if is_coroutine(value) else Ok(value)

    def handle_info(self, message: Any, state: Any, /) -> NoReply[Any]:
        """Ignore a message: an agent handles only calls and casts."""
        return NoReply(state)


def is_pair(value: Any) -> bool:
    """Whether this is (value, new state)."""
    return issubclass(type(value), tuple) and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]


async def await_update(value: Awaitable[Any]) -> NoReply[Any]:
    """Await the new state of a cast."""
    return NoReply(await value)


async def await_state(value: Awaitable[Any]) -> Ok[Any]:
    """Await the state of `init` or `code_change`."""
    return Ok(await value)
