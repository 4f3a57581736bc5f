"""The methods of a service as messages: what a decorator leaves in the class, and what travels.

`@service.cast` over `def enqueue(self, value, *, first=False)` leaves a `CastMethod`, and `queue.enqueue(3)` sends
`("Queue.enqueue", 3, False)`. The arguments are bound where the method is called, so that a wrong argument is a
TypeError of the caller and never the end of a server.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from inspect import Parameter
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, ParamSpec, Self, TypeVar, overload

from regrow.behaviours.gen.request import reply
from regrow.behaviours.gen.results import MISSING
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import CURRENT
from regrow.kernel.exits import CallingSelf
from regrow.kernel.requests import ANSWERED, CLOSED, FAILED, CallRequest
from regrow.kernel.timers import LONGEST

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

SERVER: Final = "__regrow_server__"  # in the object of a service: the server that runs it
INFO: Final = "__regrow_info__"  # of a function: the classes of messages that it takes
EVERY: Final = "__regrow_every__"  # of a function: after how many seconds it is called again
YIELDS: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
MOST: Final = 100  # characters of one argument in print


class Later(Generic[R]):
    """An answer that is not there yet. A `@service.call` returns it, and whoever asked waits until somebody replies.

    The same one may be returned to many: all get the answer, and those who ask after it was given get it at once.
    """

    __slots__ = ("_answer", "_askers", "_room")

    def __init__(self) -> None:
        self._askers: list[CallRequest] = []
        self._answer: Any = MISSING
        self._room = 16

    def __repr__(self) -> str:
        return "Later()" if self._answer is MISSING else f"Later.now({safe_repr(self._answer, MOST)})"

    @staticmethod
    def now(value: T) -> Later[T]:
        """One that is answered already."""
        made: Later[T] = Later()
        made.reply(value)
        return made

    def reply(self, value: R) -> None:
        """Give the answer, from any process. A second one is dropped, as `gen_server.reply` does it."""
        if self._answer is MISSING:
            self._answer = value
            askers, self._askers = self._askers, []
            for asker in askers:
                reply(asker, value)

    def owed_to(self, asker: CallRequest) -> None:
        """One more waits for the answer."""
        if self._answer is not MISSING:
            reply(asker, self._answer)
            return
        if len(self._askers) >= self._room:  # those who gave up are forgotten now and then, not at each step
            self._askers = [one for one in self._askers if one.state not in (ANSWERED, FAILED, CLOSED)]
            self._room = 2 * len(self._askers) + 16
        self._askers.append(asker)

    def answer(self) -> Any:
        """The answer, or MISSING."""
        return self._answer


class Method:
    """A function of a service that is called by a message; in the class it stands where the function stood.

    Attributes:
        function: what was decorated. `Queue.dequeue.function(object)` runs it without any process, for a test of it.
        timeout: how long a call waits, in seconds; None for ever.
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

    if not TYPE_CHECKING:  # to a checker it is nothing that can be called

        def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
            """Whoever calls it has the class, and wants a server of it."""
            cls, _, name = self.label.rpartition(".")
            raise TypeError(
                f"{self.label}(…) was called on the class; it is a message to a server. Call it on a handle:\n"
                f"    {cls.lower()} = await {cls}.start_link(…), or {cls}.at(name) of one that runs\n"
                f"    {'await ' if self.kind == 'call' else ''}{cls.lower()}.{name}(…)\n"
                f"  To try it without a process: {self.label}.function(object, …)"
            )

    @property
    def parameters(self) -> list[Parameter]:
        """All but `self`, in the order in which a message carries them: `*args` come last, for they are many."""
        found = list(self.signature.parameters.values())[1:]
        return sorted(found, key=lambda one: one.kind is Parameter.VAR_POSITIONAL)

    def bound(self, instance: Any) -> Any:
        """What the method is to the object itself: see the page on services about a service that calls itself."""
        server: Any = getattr(instance, "__dict__", {}).get(SERVER)
        if server is None:
            raise RuntimeError(no_process(self, instance))
        cls: Any = type(instance)  # pyright: ignore[reportUnknownVariableType]
        if self.kind == "call" or (getattr(cls, self.name, None) is not self and runs_here(server)):
            return partial(self.inside, instance)
        return getattr(server.handle(), self.name)

    def inside(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the function in place."""
        return self.function(instance, *args, **kwargs)


class CallMethod(Method, Generic[P, R_co]):
    """A method that is called, and answers."""

    kind = "call"

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> Callable[P, Coroutine[Any, Any, R_co]]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self.bound(instance)

    async def inside(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Run the function in place, for nobody else could answer while this process waits; elsewhere, ask."""
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
            letter = f"{server.pid} asked itself {self.name}(…), and would wait for its own answer for ever"
            raise CallingSelf(("calling_self", place), letter)
        return result.answer()


class CastMethod(Method, Generic[P]):
    """A method that is cast: nobody waits for it."""

    kind = "cast"

    @overload
    def __get__(self, instance: None, owner: Any) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: Any) -> Callable[P, None]: ...
    def __get__(self, instance: Any, owner: Any) -> Any:
        return self if instance is None else self.bound(instance)

    def inside(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        """Run in place what `super()` was asked for; any other cast of a service to itself is a message."""
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
    """The letter to whoever has made an object of a service by hand."""
    name = type(instance).__name__
    return (
        f"{name}(…) has no process: it is the object that a server of {name} would hold. Probably you did:\n"
        f"    {name.lower()} = {name}(…)\n"
        f"  Instead, you want:\n"
        f"    {name.lower()} = await {name}.start_link(…)\n"
        f"  To try a method of it without a process: {name}.{method.name}.function({name.lower()}, …)"
    )


# What may be decorated


def check_function(function: Any, what: str) -> None:
    """Raise unless this is a function with a `self` that nothing else has decorated yet.

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
        raise TypeError(f"{what}: wanted a method, got a {kind}. A message is handled by an object: leave @{kind} out")
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
        raise TypeError(f"{what}: {name} takes no self. A message is handled by an object of the class")


def is_generator(function: FunctionType) -> bool:
    """Whether a function yields what it gives; one under `@types.coroutine` yields to the loop, as a coroutine does."""
    flags = function.__code__.co_flags
    return bool(flags & YIELDS) and not flags & inspect.CO_ITERABLE_COROUTINE


def check_takes(function: Callable[..., Any], count: int, what: str, wanted: str) -> None:
    """Raise unless a function can be called with its object and so many arguments.

    Raises:
        TypeError: it wants more, or less.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*[None] * (count + 1))
    except TypeError:
        raise TypeError(f"{what}: wanted {wanted}, got {function.__qualname__}{signature}") from None


def check_unmarked(function: Any, what: str) -> None:
    """As `check_function`, but another mark of the same kind may be there: a method may take several classes.

    Raises:
        TypeError: it is something else.
    """
    marked = getattr(function, INFO, None)
    if marked is not None and what.startswith("@service.info"):
        return
    check_function(function, what)


def interval_seconds(value: float | timedelta) -> float:
    """An interval as float seconds.

    Raises:
        TypeError: neither a number nor a timedelta.
        ValueError: not more than 0, or not finite.
    """
    if callable(value):
        raise TypeError(f"@service.every: it wants its seconds, such as @service.every(1.0); got {safe_repr(value)}")
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"@service.every: wanted seconds or a timedelta, got {safe_repr(value)}")
    if not 0 < value <= LONGEST:
        raise ValueError(
            f"@service.every: wanted more than 0 seconds, and at most {LONGEST:.0f}, got {safe_repr(value)}"
        )
    return float(value)
