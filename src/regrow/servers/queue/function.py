"""Functions as jobs: `@job` over `def resize(path: str)` gives it a queue, whose payloads are calls of the function."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, Unpack, cast, overload

from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.queue.job import Enqueued, Job, PutOptions
from regrow.servers.queue.payload.shapes import Arguments, Shape, shape_of
from regrow.servers.queue.payload.types import hints_of
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.settings import WorkerOptions
from regrow.servers.queue.worker import WorkOptions
from regrow.servers.queue.workspec import Perform, WorkSpec

A = ParamSpec("A")
R = TypeVar("R")

VARIADIC: Final = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class ArgumentsQueue(Queue[dict[str, Any]]):
    """The queue of a job function: a payload has the arguments of a call by the names of the parameters."""

    def __init__(self, function: Callable[..., Any], signature: Signature, name: str, options: dict[str, Any]) -> None:
        super().__init__(name, **options)
        self.function = function
        self.signature = signature

    def _shape(self, who: str) -> tuple[Shape, str]:
        parameters = self.signature.parameters
        annotations = {name: one.annotation for name, one in parameters.items() if one.annotation is not one.empty}
        function = inspect.unwrap(self.function)
        hints = hints_of(annotations, getattr(function, "__globals__", {}), who)
        shapes = {name: shape_of(hints.get(name, Any), f"{who}, parameter {name!r}") for name in parameters}
        required = frozenset(name for name, one in parameters.items() if one.default is one.empty)
        return Arguments(shapes, required), f"arguments of {self.name}{self.signature}"

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by the names of their parameters, without defaults: a job gets those of its time.

        Raises:
            TypeError: the function cannot be called like this.
        """
        try:
            return dict(self.signature.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise TypeError(f"put a call of {self.name}{self.signature}: {error}") from None

    def call(self, job: Job[dict[str, Any]]) -> Any:
        """Call the function with the arguments in a job."""
        bound = inspect.BoundArguments(self.signature, cast("Any", job.payload))
        return self.function(*bound.args, **bound.kwargs)


class JobCall(Generic[A]):
    """The puts of a job function with options: `resize.options(delay=60.0)`.

    Args:
        queue: the function's queue.
        put_options: those of each put.
    """

    def __init__(self, queue: ArgumentsQueue, put_options: PutOptions) -> None:
        self._arguments = queue
        self._put_options: PutOptions = put_options

    async def put(self, /, *args: A.args, **kwargs: A.kwargs) -> Enqueued:
        """Store a call of the function as a job. Its arguments are checked here; it is performed later.

        Raises:
            TypeError: the function cannot be called with these arguments.
            PayloadError: an argument does not have its parameter's type, or cannot be encoded; or they are too long.
            Full: no room came in time.
        """
        return await self._arguments.put(self._arguments.arguments(args, kwargs), **self._put_options)

    async def offer(self, /, *args: A.args, **kwargs: A.kwargs) -> Enqueued | None:
        """Store a call of the function as a job if the queue has room now; return None if it has none.

        Raises:
            TypeError: the function cannot be called with these arguments.
            PayloadError: an argument does not have its parameter's type, or cannot be encoded; or they are too long.
        """
        return await self._arguments.offer(self._arguments.arguments(args, kwargs), **self._put_options)

    def put_in(self, connection: Any, /, *args: A.args, **kwargs: A.kwargs) -> Enqueued:
        """Put a call of the function inside the transaction of the caller's own connection; see `Queue.put_in`.

        Raises:
            TypeError: the function cannot be called with these arguments, or it is no such connection.
            PayloadError: an argument does not have its parameter's type, or cannot be encoded; or they are too long.
            Full: the queue has no room.
            StoreError: the database has no tables of the queue, or those of another version.
        """
        return self._arguments.put_in(connection, self._arguments.arguments(args, kwargs), **self._put_options)

    async def put_in_async(self, connection: Any, /, *args: A.args, **kwargs: A.kwargs) -> Enqueued:
        """Put a call of the function inside the transaction of an awaited connection; see `Queue.put_in_async`.

        Raises:
            TypeError: the function cannot be called with these arguments, or it is no such connection.
            PayloadError: an argument does not have its parameter's type, or cannot be encoded; or they are too long.
            Full: the queue has no room.
            StoreError: the database has no tables of the queue, or those of another version.
        """
        payload = self._arguments.arguments(args, kwargs)
        return await self._arguments.put_in_async(connection, payload, **self._put_options)


class JobFunction(JobCall[A], Generic[A, R]):
    """A function that `@job` decorated: still callable, here and now, and a queue of calls for later.

    `put`, `offer`, `put_in` and `put_in_async` have the function's parameters; options of a put stand in `options`.
    """

    __name__: str
    __qualname__: str

    def __init__(self, function: Callable[A, R], options: WorkerOptions) -> None:
        signature = checked_signature(function)
        name = options.get("name", getattr(function, "__qualname__", None))
        if name is None or name.endswith("<lambda>"):
            raise TypeError(f"@job: {safe_repr(function)} has no name for its queue. Give it one: job(name=…)")
        checked = WorkOptions(f"@job {name}", options)
        queue = ArgumentsQueue(function, signature, name, checked.of_queue)
        super().__init__(queue, {})
        functools.update_wrapper(self, function, updated=())
        self.queue: Queue[dict[str, Any]] = queue
        self._function: Callable[A, R] = function
        self._checked = checked

    def __call__(self, /, *args: A.args, **kwargs: A.kwargs) -> R:
        """Call the function, here and now."""
        return self._function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<the job function {self._arguments.name}{self._arguments.signature}>"

    def __reduce__(self) -> str:
        return self._function.__qualname__  # as any function: the importing side has it by its name

    def options(self, **options: Unpack[PutOptions]) -> JobCall[A]:
        """Return the puts of this function with options: `await resize.options(delay=60.0).put("cat.png")`.

        Raises:
            TypeError: an option is unknown, or has a wrong type.
            ValueError: an option is out of its range, or contradicts another.
        """
        self.queue.settings.new_job(b"", options)
        return JobCall(self._arguments, options)

    def __regrow_work__(self, broker: Name, /) -> WorkSpec:
        """Return the work for a broker.

        Raises:
            TypeError: the type of a parameter cannot be encoded.
            ImportError: the library for a parameter's type is not installed.
        """
        queue = self._arguments.at(broker)

        def make() -> Perform:
            return queue.call

        return self._checked.spec(queue, not is_async(self._function), make)


class JobDecorator(Protocol):
    """The decorator that `job(**options)` returns."""

    def __call__(self, function: Callable[A, R], /) -> JobFunction[A, R]:
        """Return the function as a job."""
        ...


@overload
def job(function: Callable[A, R], /) -> JobFunction[A, R]: ...
@overload
def job(**options: Unpack[WorkerOptions]) -> JobDecorator: ...
def job(function: Callable[..., Any] | None = None, /, **options: Unpack[WorkerOptions]) -> Any:
    """Give a function a queue, as `@job` or `@job(attempts=3, timeout=30.0)`. It may be `def` or `async def`.

    >>> @job(attempts=3)
    ... def resize(path: str, width: int = 800) -> None:
    ...     print(path, width)
    >>> resize("cat.png")
    cat.png 800

    `await resize.put("cat.png", width=400)` stores the call `{"path": "cat.png", "width": 400}`, whose values have the
    types of the parameters. A broker that gets `workers=[resize]` performs it, a `def` in a thread. Defaults are those
    of the time of the call.

    Args:
        function: the function to decorate.
        options: those of `Worker`; the queue's name is by default the function's `__qualname__`.

    Raises:
        TypeError: the function has `*args` or `**kwargs`, is a method or a generator; or an option is unknown or has a
            wrong type.
        ValueError: an option is out of its range.
    """
    if function is not None:
        return JobFunction(function, options)

    def decorate(function: Callable[..., Any]) -> JobFunction[..., Any]:
        return JobFunction(function, options)

    return decorate


def checked_signature(function: Any) -> Signature:
    """Return the signature of a function that can be a job.

    Raises:
        TypeError: it cannot be one.
    """
    if isinstance(function, JobFunction):
        raise TypeError(f"@job: {function!r} is one already")  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(function, type) or not callable(function):
        advice = "; derive a class from Worker" if isinstance(function, type) else ""
        raise TypeError(f"@job: wanted a function, got {safe_repr(function)}{advice}")
    name = getattr(function, "__qualname__", safe_repr(function))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"@job: {name} contains `yield`, so that a call of it would not run it")
    try:
        signature = inspect.signature(function)
    except ValueError as error:
        raise TypeError(f"@job: {name}: {error}") from None
    parameters = list(signature.parameters.values())
    for one in parameters:
        if one.kind in VARIADIC:
            stars = "*" if one.kind is Parameter.VAR_POSITIONAL else "**"
            raise TypeError(
                f"@job: {name} has {stars}{one.name}, and a payload names each argument by its parameter. "
                "Name the parameters, or take one list or dict"
            )
    in_class = "." in name and not name.rpartition(".")[0].endswith("<locals>")
    if in_class and parameters and parameters[0].name in {"self", "cls"}:
        raise TypeError(
            f"@job: {name} is a method, and its {parameters[0].name} is not in the payload. "
            "Decorate a function, or derive the class from Worker"
        )
    return signature


def is_async(function: Any) -> bool:
    """Return whether a call of the function has to be awaited."""
    called: Any = function if _is_plain(function) else function.__class__.__call__
    return inspect.iscoroutinefunction(called)


def _is_plain(function: object) -> bool:
    """Return whether this is a function, and no object with a method `__call__`."""
    return inspect.isroutine(function) or isinstance(function, functools.partial)
