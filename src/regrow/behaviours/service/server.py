"""The GenServer that runs a service: its state is an object of the service, its callbacks are the object's methods."""

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
from regrow.kernel.process_record import Pid
from regrow.kernel.requests import FAILED, answer
from regrow.kernel.running import current
from regrow.kernel.timers import monotonic, send_after

Function = Callable[..., Any]


class Tick:
    """The message that calls an `every` method. At most one is under way for each method."""

    __slots__ = ("due", "interval", "name")

    def __init__(self, name: str, interval: float, due: float) -> None:
        self.name: str = name
        self.interval: float = interval
        self.due: float = due

    def __repr__(self) -> str:
        return f"{self.name}() every {self.interval} s"

    def start(self) -> None:
        """Send this message to the running process when it is due."""
        send_after(current(), self, max(0.0, self.due - monotonic()))

    def again(self) -> None:
        """Send this message at the next time that is still to come. Missed times are skipped; later ones do not shift."""
        self.due += self.interval
        late = monotonic() - self.due
        if late > 0:
            self.due += self.interval * (late // self.interval + 1)
        self.start()


class Server(GenServer[Any]):
    """Runs the object of one service. Each service has a subclass of this class, with the service's name."""

    service: ClassVar[Any] = None
    infos: ClassVar[dict[type, Function]] = {}
    ticks: ClassVar[dict[str, float]] = {}

    calls: ClassVar[Methods] = {}
    casts: ClassVar[Methods] = {}

    pid: Pid
    dispatch: DispatchState

    # Start and end

    def init(self, arg: Any, /) -> Any:
        """Create the object and call its `init`. The object is adopted first: its `__init__` may send to itself."""
        args, kwargs = arg
        cls = self.service
        self.pid = current()
        self.dispatch = DispatchState(self.calls, self.casts)
        instance = cls.__new__(cls, *args, **kwargs)
        self.__regrow_adopt__(instance)
        instance.__init__(*args, **kwargs)
        result = instance.init()
        return self.await_init(instance, result) if is_awaitable(result) else self.init_result(instance, result)

    async def await_init(self, instance: Any, result: Awaitable[Any]) -> Any:
        """Await an `async def init`, and return the result of GenServer's `init`."""
        return self.init_result(instance, await result)

    def init_result(self, instance: Any, result: Any) -> Any:
        """Return the result of GenServer's `init` for the result of the object's `init`; start the ticks.

        Raises:
            BadReturn: `init` may not return this.
        """
        if type(result) in (Ignore, Error, Stop):
            return result
        if result is not None:
            raise BadReturn(instance, "init", result, "nothing, IGNORE, Stop(reason) or Error(reason)")
        then = self.take_next()
        if type(then) is Stop:
            return then  # pyright: ignore[reportUnknownVariableType]
        now = monotonic()
        for name, interval in self.ticks.items():
            Tick(name, interval, now + interval).start()
        return Ok(instance, then)

    def __regrow_adopt__(self, state: Any) -> None:
        """Make an object the state of this server, and store this server in it.

        Raises:
            TypeError: it is no object of the service.
        """
        if not isinstance(state, self.service):
            raise TypeError(f"the state of {self.service.__name__} must be an object of it, got {safe_repr(state)}")
        state.__dict__[SERVER] = self
        self.dispatch.reply, self.dispatch.noreply = Reply(None, state), NoReply(state)

    def terminate(self, reason: Any, state: Any, /) -> Any:
        """Call the object's `terminate`."""
        return state.terminate(reason)

    def handle(self) -> Any:
        """Return a handle for this process."""
        return handle(self.service, self.pid)

    # Messages

    def handle_info(self, message: Any, state: Any, /) -> Any:
        """Run the method for messages of this class, or of its nearest base class."""
        if type(message) is Tick:
            return self.run_tick(message, state)
        for base in type(message).__mro__:
            if base in self.infos:
                return self.run(self.infos[base], state, message)
        return self.run(self.service.handle_info, state, message)

    def handle_continue(self, arg: Any, state: Any, /) -> Any:
        """Call the object's `handle_continue`, after `self.then(Continue(arg))`."""
        return self.run(self.service.handle_continue, state, arg)

    def run_tick(self, tick: Tick, state: Any) -> Any:
        """Run an `every` method, and schedule its next tick."""
        result = self.run(getattr(self.service, tick.name), state)
        if is_awaitable(result):
            return self.await_tick(tick, result)
        tick.again()
        return result

    async def await_tick(self, tick: Tick, result: Awaitable[Any]) -> Any:
        """Await an `async def` that is an `every` method, and schedule its next tick."""
        value = await result
        tick.again()
        return value

    def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
        """Call the object's `code_change`."""
        result = state.code_change(old_version, extra)
        if is_awaitable(result):
            return self.await_code_change(result, state)
        return self.code_change_result(result, state)

    async def await_code_change(self, result: Awaitable[Any], state: Any) -> Any:
        """Await an `async def code_change`, and return the result of GenServer's."""
        return self.code_change_result(await result, state)

    def code_change_result(self, result: Any, state: Any) -> Any:
        """Return the result of GenServer's `code_change` for the result of the object's."""
        if result is None:
            return Ok(state)
        if isinstance(result, Ok):
            self.__regrow_adopt__(cast(Any, result).state)
        return cast(Any, result)

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """Show the state as a dict of the object's attributes, and call the object's `format_status`."""
        state: Any = status["state"]
        if not isinstance(state, self.service):
            return status
        attributes: dict[str, Any] = state.__dict__
        shown = {name: value for name, value in attributes.items() if name != SERVER}
        result: dict[str, Any] = state.format_status({**status, "state": shown})
        return result

    # Results of methods

    def run(self, function: Function, state: Any, *args: Any) -> Any:
        """Run a method for a message without an answer, and return the result of GenServer's callback."""
        self.dispatch.call = None
        return self.cast_result(function(state, *args), state)

    def cast_result(self, result: Any, state: Any) -> Any:
        """Return the result of GenServer's callback for a method whose value is not used."""
        return self.await_cast(result, state) if is_coroutine(result) else self.no_reply(state)

    async def await_cast(self, result: Awaitable[Any], state: Any) -> Any:
        """Await an `async def` whose value is not used, and return the result of GenServer's callback."""
        await result
        return self.no_reply(state)

    def slow_call_result(self, result: Any, from_: From, state: Any) -> Any:
        """Return the result of `handle_call` where the method is `async def`, returned a `Later`, or called `then`."""
        return self.await_call(result, from_, state) if is_coroutine(result) else self.call_result(result, from_, state)

    async def await_call(self, result: Awaitable[Any], from_: From, state: Any) -> Any:
        """Await an `async def`, and return the result of `handle_call`."""
        return self.call_result(await result, from_, state)

    def call_result(self, result: Any, from_: From, state: Any) -> Any:
        """Return the result of GenServer's `handle_call` for a method's value and its `then`."""
        if type(result) is Later:
            result.add_call(from_)
            return self.no_reply(state)
        then = self.take_next()
        if type(then) is Stop:
            return Stop(then.reason, state, reply=result)
        return Reply(result, state, then)

    def no_reply(self, state: Any) -> Any:
        """Return the result of a GenServer callback without an answer."""
        then = self.take_next()
        return Stop(then.reason, state) if type(then) is Stop else NoReply(state, then)

    def take_next(self) -> Any:
        """Return the value that the object passed to `then`, and clear it."""
        then, self.dispatch.next = self.dispatch.next, None
        return then

    def refuse_call(self, request: Any, from_: From, state: Any) -> Any:
        """Fail a call that no method takes. The mistake is the caller's: the error is raised there; the server runs on."""
        known = ", ".join(self.service.__regrow_methods__) or "none"
        letter = (
            f"{self.pid} runs {self.service.__name__}, which has no {safe_repr(request, 200)}. Its messages: {known}.\n"
            f"  The server keeps running. Probably the handle or the name belongs to another service"
        )
        answer(from_, FAILED, UnknownRequestAnswer(NoClause(request), letter))
        return NoReply(state)

    def unexpected_cast(self, request: Any, state: Any) -> Any:
        """Log a cast that no method takes."""
        unexpected_message(self.service, request)
        return NoReply(state)


def server_class(cls: Any) -> Any:
    """Return the GenServer class of a service; the first start creates it."""
    server: Any = cls.__dict__.get("__regrow_server_class__")
    if server is None:
        server = cls.__regrow_server_class__ = _make_server_class(cls)
    return server


def _make_server_class(cls: Any) -> Any:
    calls: dict[str, Function] = {}
    casts: dict[str, Function] = {}
    for base in reversed(cls.__mro__):
        members: dict[str, Any] = base.__dict__
        for name, value in members.items():
            if isinstance(value, Method):  # a message of a base class runs the method that overrides it here
                method: Method = cls.__regrow_methods__[name]
                (calls if method.kind == "call" else casts)[value.label] = positional(value, method.function)
    marked = functions_of(cls)
    infos: dict[type, Function] = {}
    for base in cls.__mro__:  # nearest class first; an overridden method takes no messages
        base_members: dict[str, Any] = base.__dict__
        for name, value in base_members.items():
            if marked[name] is value:
                for kind in getattr(value, INFO, ()):
                    infos.setdefault(kind, value)
    ticks = {name: getattr(value, EVERY) for name, value in marked.items() if hasattr(value, EVERY)}
    init = FunctionType(Server.init.__code__, Server.init.__globals__, "init")
    init.__qualname__ = f"{cls.__qualname__}.init"  # the process is named so in reports and trees
    init.__regrow_service__ = cls  # type: ignore[attr-defined]
    space: dict[str, Any] = {"service": cls, "infos": infos, "ticks": ticks}
    space |= {"calls": calls, "casts": casts}
    space |= {"handle_call": staticmethod(handle_call), "handle_cast": staticmethod(handle_cast)}
    space |= {"init": init, "__module__": cls.__module__, "__qualname__": cls.__qualname__, "__doc__": cls.__doc__}
    return type(cls.__name__, (Server,), space)


def positional(method: Method, function: Function) -> Function:
    """Return a function that takes the object and a message's arguments by position, and calls `function`.

    Its source is generated and compiled, as that of the sender in the handle is: at run time the message is unpacked by
    position alone.
    """
    parameters = method.parameters
    if not any(parameter.kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD) for parameter in parameters):
        return function
    names: list[str] = []
    positional_arguments: list[str] = []
    keyword_arguments: list[str] = []
    for index, parameter in enumerate(parameters):
        name = f"_{index}"
        match parameter.kind:
            case Parameter.KEYWORD_ONLY:
                keyword_arguments.append(f"{parameter.name}={name}")
            case Parameter.VAR_KEYWORD:
                keyword_arguments.append(f"**{name}")
            case Parameter.VAR_POSITIONAL:
                name = f"*{name}"
                positional_arguments.append(name)
            case _:
                positional_arguments.append(name)
        names.append(name)
    arguments = ", ".join(["self", *positional_arguments, *keyword_arguments])
    source = f"lambda self, {', '.join(names)}: function({arguments})"
    result: Function = eval(compile(source, f"{__file__}:{method.label}", "eval"), {"function": function})  # noqa: S307
    return result


def functions_of(cls: type) -> dict[str, Any]:
    """Return all attributes that a class and its bases define, by name; an overriding one replaces the other."""
    attributes: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        attributes.update(vars(base))
    return attributes
