"""The methods of a service as messages: the objects that the decorators put into the class.

`@service.cast` over `def enqueue(self, value, *, first=False)` makes a `CastMethod`, and `queue.enqueue(3)` sends
`("Queue.enqueue", 3, False)`. The arguments are bound where the method is called, so that a wrong argument raises
TypeError in the caller and never ends the server.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from inspect import Parameter
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, ParamSpec, Self, TypeVar, overload

from regrow.behaviours.gen.results import MISSING
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import CURRENT
from regrow.kernel.exits import CallingSelf
from regrow.kernel.requests import ANSWERED, CLOSED, FAILED, CallRequest, reply
from regrow.kernel.timers import LONGEST

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

SERVER: Final = "__regrow_server__"  # attribute of a service's object: the server that runs it
INFO: Final = "__regrow_info__"  # attribute of a function: the classes of messages that it takes
EVERY: Final = "__regrow_every__"  # attribute of a function: the seconds between two calls
YIELDS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
SHOWN_CHARACTERS: Final = 100  # of an answer in the repr of a Later


class Later(Generic[R]):
    """An answer that is given later. A `@service.call` returns it, and its caller waits until `reply` is called.

    The same object may be the result of many calls: all callers get the answer, and a call that returns it after
    `reply` is answered at once.
    """

    __slots__ = ("_answer", "_calls", "_room")

    def __init__(self) -> None:
        self._calls: list[CallRequest] = []
        self._answer: Any = MISSING
        self._room = 16

    def __repr__(self) -> str:
        return "Later()" if self._answer is MISSING else f"Later.now({safe_repr(self._answer, SHOWN_CHARACTERS)})"

    @staticmethod
    def now(value: T) -> Later[T]:
        """Return a `Later` that has its answer already."""
        later: Later[T] = Later()
        later.reply(value)
        return later

    def reply(self, value: R) -> None:
        """Answer all calls that returned this object; any process may do so. A second answer is dropped."""
        if self._answer is MISSING:
            self._answer = value
            calls, self._calls = self._calls, []
            for call in calls:
                reply(call, value)

    def add_call(self, call: CallRequest) -> None:
        """Answer a call now if the answer is known, or else when `reply` is called."""
        if self._answer is not MISSING:
            reply(call, self._answer)
            return
        if len(self._calls) >= self._room:  # calls that timed out are dropped when the list has doubled, not each time
            self._calls = [call for call in self._calls if call.state not in (ANSWERED, FAILED, CLOSED)]
            self._room = 2 * len(self._calls) + 16
        self._calls.append(call)

    def answer(self) -> Any:
        """Return the answer; MISSING if there is none yet."""
        return self._answer


class Method:
    """A function of a service that a message calls. In the class it takes the place of the decorated function.

    Attributes:
        function: the decorated function. `Queue.dequeue.function(object)` runs it without a process, as a test may.
        timeout: seconds that a call waits; None waits for ever.
    """

    kind: ClassVar[str] = ""

    def __init__(self, function: Callable[..., Any], timeout: float | None = 5.0) -> None:
        check_function(function, f"@service.{self.kind}")
        self.function = function
        self.timeout = timeout
        self.signature: inspect.Signature = inspect.signature(function)
        self.name: str = function.__name__
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.label: str = function.__qualname__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.label = f"{owner.__name__}.{name}"

    def __repr__(self) -> str:
        return f"<the {self.kind} {self.label}{self.signature}>"

    if not TYPE_CHECKING:  # a type checker reports `Queue.dequeue(…)` itself, because it sees no `__call__`

        def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
            """Raise: the method was called on the class, and not on a handle.

            Raises:
                TypeError: always.
            """
            cls, _, name = self.label.rpartition(".")
            raise TypeError(
                f"{self.label}(…) was called on the class; it is a message to a server. Call it on a handle:\n"
                f"    {cls.lower()} = await {cls}.start_link(…), or {cls}.at(name) for one that runs\n"
                f"    {'await ' if self.kind == 'call' else ''}{cls.lower()}.{name}(…)\n"
                f"  To try it without a process: {self.label}.function(object, …)"
            )

    @property
    def parameters(self) -> list[Parameter]:
        """All parameters but `self`, in the order of the message: `*args` last, because their number varies."""
        parameters = list(self.signature.parameters.values())[1:]
        return sorted(parameters, key=lambda parameter: parameter.kind is Parameter.VAR_POSITIONAL)

    def bound(self, instance: Any) -> Any:
        """Return the method as an attribute of the object: a function that runs in place, or one that sends a message.

        The guide to services explains when a service that calls its own methods runs them in place.

        Raises:
            RuntimeError: the object has no process.
        """
        server: Any = getattr(instance, "__dict__", {}).get(SERVER)
        if server is None:
            raise RuntimeError(no_process(self, instance))
        cls: Any = type(instance)  # pyright: ignore[reportUnknownVariableType]
        if self.kind == "call" or (getattr(cls, self.name, None) is not self and runs_here(server)):
            return partial(self.inside, instance)
        return getattr(server.handle(), self.name)

    def inside(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the function in this process, without a message."""
        return self.function(instance, *args, **kwargs)


class CallMethod(Method, Generic[P, R_co]):
    """A method that answers its caller."""

    kind = "call"

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> Callable[P, Coroutine[Any, Any, R_co]]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self.bound(instance)

    async def inside(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the function in place in the service's own process, which cannot answer itself; else send a call.

        Raises:
            CallingSelf: the function returned a `Later` without an answer, for which the process would wait for ever.
        """
        server: Any = instance.__dict__[SERVER]
        if not runs_here(server):
            return await getattr(server.handle(), self.name)(*args, **kwargs)
        result: Any = self.function(instance, *args, **kwargs)
        if is_coroutine(result):
            result = await result
        if type(result) is not Later:
            return result
        if result.answer() is MISSING:
            place = ("GenServer", "call", [server.pid, self.name, self.timeout])
            letter = f"{server.pid} called its own {self.name}(…), and would wait for its own answer for ever"
            raise CallingSelf(("calling_self", place), letter)
        return result.answer()


class CastMethod(Method, Generic[P]):
    """A method that is cast: the sender does not wait."""

    kind = "cast"

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> Callable[P, None]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self.bound(instance)

    def inside(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the function in place, for `super().method(…)`; any other cast of a service to itself is a message.

        Raises:
            TypeError: the function is `async def`.
        """
        if inspect.iscoroutinefunction(self.function):
            raise TypeError(
                f"super().{self.name}(…): this cast is `async def`, and a cast cannot be awaited. "
                f"Write `await {self.function.__qualname__}.function(self, …)`"
            )
        return self.function(instance, *args, **kwargs)


def runs_here(server: Any) -> bool:
    """Whether the running process is a service's own."""
    node = CURRENT.node
    caller = None if node is None else node.caller()
    return caller is not None and caller.pid is server.pid


def no_process(method: Method, instance: Any) -> str:
    """Return the text of the error for a message to an object that was created directly, without `start_link`."""
    name = type(instance).__name__
    return (
        f"{name}(…) has no process: it is the object that a server of {name} would hold. Probably you wrote:\n"
        f"    {name.lower()} = {name}(…)\n"
        f"  Instead, you want:\n"
        f"    {name.lower()} = await {name}.start_link(…)\n"
        f"  To try a method of it without a process: {name}.{method.name}.function({name.lower()}, …)"
    )


# What may be decorated


def check_function(function: Any, what: str) -> None:
    """Check that this is a function with a `self`, and without another decorator of this module.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(function, Method):
        name = function.function.__qualname__
        raise TypeError(
            f"{what}: {name} is a @service.{function.kind} already. A method is one kind of message: "
            f"write two methods, and have both use a third without a decorator"
        )
    if isinstance(function, staticmethod | classmethod | property):
        kind: str = type(function).__name__  # pyright: ignore[reportUnknownArgumentType]
        raise TypeError(f"{what}: wanted a method, got a {kind}. An object handles the message: remove @{kind}")
    if not isinstance(function, FunctionType):
        raise TypeError(f"{what}: wanted a method, `def` or `async def`, got {safe_repr(function)}")
    name = function.__qualname__
    for mark in (INFO, EVERY):
        if hasattr(function, mark):
            other = "info" if mark == INFO else "every"
            raise TypeError(
                f"{what}: {name} is a @service.{other} already. Write two methods, and have both use a third"
            )
    if is_generator(function):
        raise TypeError(f"{what}: {name} yields, and a message has one answer. Return a list instead")
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None or first.kind not in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD):
        raise TypeError(f"{what}: {name} takes no self. An object of the class handles the message")


def is_generator(function: FunctionType) -> bool:
    """Whether a function is a generator. One under `@types.coroutine` is none: it yields to the loop, as coroutines do."""
    flags = function.__code__.co_flags
    return bool(flags & YIELDS) and not flags & inspect.CO_ITERABLE_COROUTINE


def check_takes(function: Callable[..., Any], count: int, what: str, wanted: str) -> None:
    """Check that a function can be called with its object and `count` arguments.

    Raises:
        TypeError: it takes more arguments, or fewer.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*[None] * (count + 1))
    except TypeError:
        raise TypeError(f"{what}: wanted {wanted}, got {function.__qualname__}{signature}") from None


def check_unmarked(function: Any, what: str) -> None:
    """Check a function for `info` or `every`. A method that has `@service.info` may have it again, for another class.

    Raises:
        TypeError: it is no method, or has another decorator of this module.
    """
    marked = getattr(function, INFO, None)
    if marked is not None and what.startswith("@service.info"):
        return
    check_function(function, what)


def interval_seconds(value: float | timedelta) -> float:
    """Return the interval of an `every` in seconds.

    Raises:
        TypeError: it is neither a number nor a timedelta.
        ValueError: it is not more than 0, or not finite.
    """
    if callable(value):
        raise TypeError(f"@service.every: wanted seconds, as in @service.every(1.0); got {safe_repr(value)}")
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"@service.every: wanted seconds or a timedelta, got {safe_repr(value)}")
    if not 0 < value <= LONGEST:
        raise ValueError(
            f"@service.every: wanted more than 0 seconds, and at most {LONGEST:.0f}, got {safe_repr(value)}"
        )
    return float(value)
