"""A process that holds a state and runs functions on it (Elixir's `Agent`).

    client                                    agent
    ------                                    -----
    Agent.get(agent, f)            ---->      f(state)             its value is the answer
    Agent.update(agent, f)         ---->      state = f(state)
    Agent.get_and_update(agent, f) ---->      value, state = f(state)
    Agent.cast(agent, f)           ---->      state = f(state), and nobody waits

The functions run in the agent, one at a time; they may be `def` or `async def`. A future is a value like any other.
What takes long is better done by the client, with what `get` gave it: while a function runs, all others wait. One that
raises ends the agent.

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
from regrow.behaviours.gen.results import BadReturn, NoClause, NoReply, Ok, Reply
from regrow.behaviours.gen_server import client
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.gen_server.gen_server import From, GenServer
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.pid import Pid
from regrow.kernel.running import running

Timeout = float | timedelta | None
Args = TypeVarTuple("Args")


class Agent:
    """Holds a state. All its functions are class methods: `Agent.get(agent, function)`.

    As a child of a supervisor: `(Agent, function)`. A subclass has an id of its own, and what a child spec has as
    class options: id, start, restart, shutdown, type, significant, modules.
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
        name: object = None,
        timeout: Timeout = None,
        debug: object = (),
        hibernate_after: Timeout = None,
    ) -> Pid:
        """Start an agent, linked, whose state is what `function(*args)` gives (`Agent.start_link/2`).

        Args:
            function: runs in the agent.
            args: its arguments.
            name: a string, a class, `Global(key)` or `Via(registry, key)`.
            timeout: seconds that the function may take; then the agent is killed.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds, as a `GenServer` takes them.

        Raises:
            AlreadyStarted: the name is taken.
            StartError: the function raised or took too long.
            TypeError: this is no function, or can be no name.
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
        name: object = None,
        timeout: Timeout = None,
        debug: object = (),
        hibernate_after: Timeout = None,
    ) -> Pid:
        """The same, without a link (`Agent.start/2`)."""
        check_function("start", function)
        return await AgentServer.start(
            (function, args), name=name, timeout=timeout, debug=debug, hibernate_after=hibernate_after
        )

    @classmethod
    def child_spec(cls, function: Any) -> ChildSpec:
        """How a supervisor starts it: by `start_link(function)`, under the class as id (`Agent.child_spec/1`)."""
        return child_spec.of_class(cls, function, cls.__regrow_spec__)

    # The next three give the coroutine of `call` itself: one of their own round it is a tenth of an update.

    @staticmethod
    def get(
        agent: Any, function: Callable[[Any, *Args], Any], *args: *Args, timeout: Timeout = 5.0
    ) -> Coroutine[Any, Any, Any]:
        """What `function(state, *args)` gives (`Agent.get/3`).

        Args:
            agent: its pid or name.
            function: runs in the agent.
            args: what the function gets after the state.
            timeout: seconds to wait; None waits for ever. The function is not stopped by it.

        Raises:
            CallExit: nobody is there, the agent ended, or it took longer.
            TypeError: this is no function.
        """
        check_function("get", function)
        return call(agent, ("get", function, args), timeout)

    @staticmethod
    def update(
        agent: Any, function: Callable[[Any, *Args], Any], *args: *Args, timeout: Timeout = 5.0
    ) -> Coroutine[Any, Any, None]:
        """Let the state be what `function(state, *args)` gives (`Agent.update/3`); arguments and errors as of `get`."""
        check_function("update", function)
        return call(agent, ("update", function, args), timeout)

    @staticmethod
    def get_and_update(
        agent: Any, function: Callable[[Any, *Args], Any], *args: *Args, timeout: Timeout = 5.0
    ) -> Coroutine[Any, Any, Any]:
        """`function(state, *args)` gives (value, new state): returns the value (`Agent.get_and_update/3`).

        Arguments and errors as of `get`. An agent whose function gives something else ends with
        ("bad_return_value", what it gave).
        """
        check_function("get_and_update", function)
        return call(agent, ("get_and_update", function, args), timeout)

    @staticmethod
    def cast(agent: Any, function: Callable[[Any, *Args], Any], *args: *Args) -> None:
        """Let the state become what `function(state, *args)` gives, and do not wait for it (`Agent.cast/2`)."""
        check_function("cast", function)
        client.cast(agent, ("cast", function, args))

    @staticmethod
    async def stop(agent: Any, reason: object = "normal", timeout: Timeout = None) -> None:
        """Stop an agent and wait until it has ended (`Agent.stop/3`).

        Raises:
            CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
        """
        await system.stop(agent, reason, seconds(timeout, "stop(timeout=)"), "Agent")


def check_function(where: str, function: object) -> None:
    """Raise here, and not in the agent, whose end it would be.

    Raises:
        TypeError: this is no function.
    """
    if not callable(function):
        gives = (
            "a function that gives the first state" if where in ("start", "start_link") else "a function of the state"
        )
        raise TypeError(f"Agent.{where}: wanted {gives}, got {safe_repr(function)}")


CALLS: Final = ("get", "update", "get_and_update")


class AgentServer(GenServer[Any]):
    """The server behind every agent."""

    def init(self, arg: tuple[Callable[..., Any], tuple[Any, ...]], /) -> Ok[Any] | Coroutine[Any, Any, Ok[Any]]:
        """Make the state. The function is the process's initial call, as in Elixir."""
        function, args = arg
        running().initial_call = function
        value = function(*args)
        return begun(value) if is_coroutine(value) else Ok(value)

    def handle_call(self, request: Any, from_: From, state: Any, /) -> Reply[Any] | Coroutine[Any, Any, Reply[Any]]:
        """Run a function on the state."""
        match request:
            case (str() as what, function, args) if what in CALLS:
                value = function(state, *args)
                return (
                    self.later(what, function, value, state)
                    if is_coroutine(value)
                    else self.answer(what, function, value, state)
                )
            case _:
                raise NoClause(request)

    def answer(self, what: str, function: Any, value: Any, state: Any) -> Reply[Any]:
        """What is answered, and the new state, once a function has given a value."""
        if what == "update":
            return Reply(None, value)
        if what == "get":
            return Reply(value, state)
        if is_pair(value):
            return Reply(value[0], value[1])
        raise BadReturn(self, "Agent.get_and_update", value, "(value, new state)", function)

    async def later(self, what: str, function: Any, value: Awaitable[Any], state: Any) -> Reply[Any]:
        """The same for an `async def`."""
        return self.answer(what, function, await value, state)

    def handle_cast(self, request: Any, state: Any, /) -> NoReply[Any] | Coroutine[Any, Any, NoReply[Any]]:
        """Update the state."""
        match request:
            case ("cast", function, args):
                value = function(state, *args)
                return updated(value) if is_coroutine(value) else NoReply(value)
            case _:
                raise NoClause(request)

    def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Ok[Any] | Coroutine[Any, Any, Ok[Any]]:
        """The state as `extra` makes it: a function, or (function, *args)."""
        pieces: list[Any] = list(extra) if isinstance(extra, tuple) else [extra]  # pyright: ignore[reportUnknownArgumentType]
        value = pieces[0](state, *pieces[1:])
        return begun(value) if is_coroutine(value) else Ok(value)

    def handle_info(self, message: Any, state: Any, /) -> NoReply[Any]:
        """An agent takes no messages."""
        return NoReply(state)


def is_pair(value: Any) -> bool:
    """Whether this is (value, new state)."""
    return issubclass(type(value), tuple) and len(value) == 2  # pyright: ignore[reportUnknownArgumentType]


async def updated(value: Awaitable[Any]) -> NoReply[Any]:
    """The state that a coroutine gives."""
    return NoReply(await value)


async def begun(value: Awaitable[Any]) -> Ok[Any]:
    """The state that a coroutine gives to begin with."""
    return Ok(await value)
