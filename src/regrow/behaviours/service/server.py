"""The inside of a service: the GenServer whose state is an object, and whose callbacks are the object's methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import Parameter
from types import FunctionType
from typing import Any, ClassVar, cast

from regrow.behaviours.gen.reports import unexpected_message
from regrow.behaviours.gen.request import UnknownRequestAnswer
from regrow.behaviours.gen.results import BadReturn, Error, NoClause, NoReply, Ok, Reply, Stop
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen_server.gen_server import From, GenServer
from regrow.behaviours.service.dispatch import DispatchState, Methods, handle_call, handle_cast
from regrow.behaviours.service.handle import handle
from regrow.behaviours.service.methods import EVERY, INFO, SERVER, Later, Method
from regrow.kernel.awaitables import is_awaitable, is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.pid import Pid
from regrow.kernel.requests import FAILED
from regrow.kernel.running import current
from regrow.kernel.timers import monotonic, send_after

Function = Callable[..., Any]


class Tick:
    """The message that an `every` sends to its own server: one at a time, on the times that it was to run at."""

    __slots__ = ("due", "interval", "name")

    def __init__(self, name: str, interval: float, due: float) -> None:
        self.name: str = name
        self.interval: float = interval
        self.due: float = due

    def __repr__(self) -> str:
        return f"{self.name}() every {self.interval} s"

    def start(self) -> None:
        """Let it come when it is due."""
        send_after(current(), self, max(0.0, self.due - monotonic()))

    def again(self) -> None:
        """Let it come at its next time that is not over yet: what was missed is left out, what follows does not move."""
        self.due += self.interval
        late = monotonic() - self.due
        if late > 0:
            self.due += self.interval * (late // self.interval + 1)
        self.start()


class Server(GenServer[Any]):
    """Runs the object of one service. Each service has a subclass of this, under the service's name."""

    service: ClassVar[Any] = None
    infos: ClassVar[dict[type, Function]] = {}
    ticks: ClassVar[dict[str, float]] = {}

    calls: ClassVar[Methods] = {}
    casts: ClassVar[Methods] = {}

    pid: Pid
    desk: DispatchState

    # Start and end

    def init(self, arg: Any, /) -> Any:
        """Make the object. It can send to itself before it is there."""
        args, kwargs = arg
        cls = self.service
        self.pid = current()
        self.desk = DispatchState(self.calls, self.casts)
        made = cls.__new__(cls, *args, **kwargs)
        self.__regrow_adopt__(made)
        made.__init__(*args, **kwargs)
        result = made.init()
        return self.started_later(made, result) if is_awaitable(result) else self.started(made, result)

    async def started_later(self, made: Any, result: Awaitable[Any]) -> Any:
        """The same, of an `async def init`."""
        return self.started(made, await result)

    def started(self, made: Any, result: Any) -> Any:
        """What GenServer's init returns for what the object's has returned."""
        if type(result) in (Ignore, Error, Stop):
            return result
        if result is not None:
            raise BadReturn(made, "init", result, "nothing, IGNORE, Stop(reason) or Error(reason)")
        then = self.taken()
        if type(then) is Stop:
            return then  # pyright: ignore[reportUnknownVariableType]
        now = monotonic()
        for name, interval in self.ticks.items():
            Tick(name, interval, now + interval).start()
        return Ok(made, then)

    def __regrow_adopt__(self, made: Any) -> None:
        """Let an object be the state, and know whose.

        Raises:
            TypeError: it is no object of the service.
        """
        if not isinstance(made, self.service):
            raise TypeError(f"the state of {self.service.__name__} is an object of it, got {safe_repr(made)}")
        made.__dict__[SERVER] = self
        self.desk.reply, self.desk.noreply = Reply(None, made), NoReply(made)

    def terminate(self, reason: Any, state: Any, /) -> Any:
        """The object cleans up."""
        return state.terminate(reason)

    def handle(self) -> Any:
        """How others see the object."""
        return handle(self.service, self.pid)

    # Messages

    def handle_info(self, message: Any, state: Any, /) -> Any:
        """Run the method for messages of this class, the nearest base class first."""
        if type(message) is Tick:
            return self.ticked(message, state)
        for base in type(message).__mro__:
            if base in self.infos:
                return self.run(self.infos[base], state, message)
        return self.run(self.service.handle_info, state, message)

    def handle_continue(self, arg: Any, state: Any, /) -> Any:
        """Go on after `self.then(Continue(arg))`."""
        return self.run(self.service.handle_continue, state, arg)

    def ticked(self, tick: Tick, state: Any) -> Any:
        """Run what is to run every so often, and let it come again."""
        result = self.run(getattr(self.service, tick.name), state)
        if is_awaitable(result):
            return self.ticked_later(tick, result)
        tick.again()
        return result

    async def ticked_later(self, tick: Tick, result: Awaitable[Any]) -> Any:
        """The same, of an `async def`."""
        found = await result
        tick.again()
        return found

    def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
        """The object changes itself."""
        result = state.code_change(old_version, extra)
        return self.changed_later(result, state) if is_awaitable(result) else self.changed(result, state)

    async def changed_later(self, result: Awaitable[Any], state: Any) -> Any:
        """The same, of an `async def`."""
        return self.changed(await result, state)

    def changed(self, result: Any, state: Any) -> Any:
        """What GenServer's code_change returns for what the object's has returned."""
        if result is None:
            return Ok(state)
        if isinstance(result, Ok):
            self.__regrow_adopt__(cast(Any, result).state)
        return cast(Any, result)

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """The state is shown as the attributes of the object."""
        state: Any = status["state"]
        if not isinstance(state, self.service):
            return status
        inside: dict[str, Any] = state.__dict__
        shown = {name: value for name, value in inside.items() if name != SERVER}
        found: dict[str, Any] = state.format_status({**status, "state": shown})
        return found

    # What becomes of a method's value

    def run(self, function: Function, state: Any, *args: Any) -> Any:
        """Run a method whose value nobody waits for."""
        self.desk.asker = None
        return self.ran(function(state, *args), state)

    def ran(self, result: Any, state: Any) -> Any:
        """What a method has returned whose value nobody waits for."""
        return self.waited_for(result, state) if is_coroutine(result) else self.unanswered(state)

    async def waited_for(self, result: Awaitable[Any], state: Any) -> Any:
        """The same, of an `async def`."""
        await result
        return self.unanswered(state)

    def unusual(self, result: Any, from_: From, state: Any) -> Any:
        """The answer of a call that has to be awaited, or is owed; or `then` was said."""
        return self.awaited(result, from_, state) if is_coroutine(result) else self.answered(result, from_, state)

    async def awaited(self, result: Awaitable[Any], from_: From, state: Any) -> Any:
        """The answer of an `async def`."""
        return self.answered(await result, from_, state)

    def answered(self, result: Any, from_: From, state: Any) -> Any:
        """What GenServer's handle_call returns for what a method has returned and said."""
        if type(result) is Later:
            result.owed_to(from_)
            return self.unanswered(state)
        then = self.taken()
        if type(then) is Stop:
            return Stop(then.reason, state, reply=result)
        return Reply(result, state, then)

    def unanswered(self, state: Any) -> Any:
        """What the other callbacks return."""
        then = self.taken()
        return Stop(then.reason, state) if type(then) is Stop else NoReply(state, then)

    def taken(self) -> Any:
        """What the object has said with `then`, once."""
        then, self.desk.next = self.desk.next, None
        return then

    def refused(self, request: Any, from_: From, state: Any) -> Any:
        """Nobody here knows this request: that is told to whoever asked, whose mistake it is, and the server goes on."""
        known = ", ".join(self.service.__regrow_methods__) or "none"
        letter = (
            f"{self.pid} runs {self.service.__name__}, which has no {safe_repr(request, 200)}. Its messages: {known}.\n"
            f"  It goes on. Probably the handle, or the name that was called, is another service's"
        )
        from_.pid.node.settle(from_, FAILED, UnknownRequestAnswer(NoClause(request), letter))
        return NoReply(state)

    def unexpected(self, request: Any, state: Any) -> Any:
        """Nobody here knows this cast."""
        unexpected_message(self.service, request)
        return NoReply(state)


def server_class(cls: Any) -> Any:
    """The GenServer of a service, made when it is first started."""
    found: Any = cls.__dict__.get("__regrow_server_class__")
    if found is None:
        found = cls.__regrow_server_class__ = _made(cls)
    return found


def _made(cls: Any) -> Any:
    calls: dict[str, Function] = {}
    casts: dict[str, Function] = {}
    for base in reversed(cls.__mro__):
        members: dict[str, Any] = base.__dict__
        for name, value in members.items():
            if isinstance(value, Method):  # what a base calls dequeue is done by the dequeue that this class has now
                own: Method = cls.__regrow_methods__[name]
                (calls if own.kind == "call" else casts)[value.label] = positional(value, own.function)
    marked = functions_of(cls)
    infos: dict[type, Function] = {}
    for base in cls.__mro__:  # the class that is nearest takes a message, by what stands under the name now
        own_members: dict[str, Any] = base.__dict__
        for name, value in own_members.items():
            if marked[name] is value:
                for kind in getattr(value, INFO, ()):
                    infos.setdefault(kind, value)
    ticks = {name: getattr(value, EVERY) for name, value in marked.items() if hasattr(value, EVERY)}
    init = FunctionType(Server.init.__code__, Server.init.__globals__, "init")
    init.__qualname__ = f"{cls.__qualname__}.init"  # so reports and trees name the process
    init.__regrow_service__ = cls  # type: ignore[attr-defined]
    space: dict[str, Any] = {"service": cls, "infos": infos, "ticks": ticks}
    space |= {"calls": calls, "casts": casts}
    space |= {"handle_call": staticmethod(handle_call), "handle_cast": staticmethod(handle_cast)}
    space |= {"init": init, "__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (Server,), space)


def positional(method: Method, function: Function) -> Function:
    """A function of the object and of what a message carries, in its order, that calls `function`.

    It is compiled, as its counterpart in the handle is: the message is not taken apart at run time.
    """
    carried = method.parameters
    if not any(one.kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD) for one in carried):
        return function
    taken: list[str] = []
    parts: list[str] = []
    named: list[str] = []
    for place, one in enumerate(carried):
        name = f"_{place}"
        match one.kind:
            case Parameter.KEYWORD_ONLY:
                named.append(f"{one.name}={name}")
            case Parameter.VAR_KEYWORD:
                named.append(f"**{name}")
            case Parameter.VAR_POSITIONAL:
                name = f"*{name}"
                parts.append(name)
            case _:
                parts.append(name)
        taken.append(name)
    source = f"lambda self, {', '.join(taken)}: function({', '.join(['self', *parts, *named])})"
    made: Function = eval(compile(source, f"{__file__}:{method.label}", "eval"), {"function": function})  # noqa: S307
    return made


def functions_of(cls: type) -> dict[str, Any]:
    """All that a class and its bases define, by name, as the class sees it."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        found.update(vars(base))
    return found
