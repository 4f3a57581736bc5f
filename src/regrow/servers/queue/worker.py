"""Worker classes: `class SendEmail(Worker[Email])` is a queue, and the code that performs its jobs."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Iterable
from typing import Any, ClassVar, Final, Generic, TypeVar, Unpack, cast

from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.servers.queue import checks
from regrow.servers.queue.job import Enqueued, Job, PutOptions
from regrow.servers.queue.payload.types import argument_of, modules_of
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.settings import WorkerOptions, check_names
from regrow.servers.queue.workspec import Perform, WorkSpec

P = TypeVar("P")
Q = TypeVar("Q")

CONCURRENCY: Final = 10
WORKER_OPTIONS: Final = frozenset(WorkerOptions.__required_keys__ | WorkerOptions.__optional_keys__)


class WorkOptions:
    """The checked options of a worker or a job function.

    Args:
        who: the class or function, for errors.
        options: those that the user gave.
    """

    def __init__(self, who: str, options: WorkerOptions) -> None:
        check_names(who, options, WORKER_OPTIONS)
        self.concurrency: int = checks.integer(options.get("concurrency", CONCURRENCY), f"{who}: concurrency")
        timeout = options.get("timeout")
        self.timeout: float | None = seconds(timeout, f"{who}: timeout")
        if self.timeout == 0.0:
            raise ValueError(f"{who}: timeout: wanted seconds greater than 0, got {safe_repr(timeout)}")
        if self.timeout is not None and self.timeout > checks.MOST_SECONDS:
            self.timeout = None  # a timer cannot wait for so long
        others = {"name", "concurrency", "timeout"}
        self.of_queue: dict[str, Any] = {name: value for name, value in options.items() if name not in others}

    def spec(self, queue: Queue[Any], threaded: bool, make: Any) -> WorkSpec:
        """Return the work of a queue; its payload type is looked at now, before there are jobs."""
        _ = queue.encoding
        return WorkSpec(queue.name, queue.settings, self.concurrency, self.timeout, threaded, make, queue.job_of)


class WorkerQueue(Queue[Any]):
    """The queue of a worker class: its payload type is that of the class."""

    def __init__(self, worker: type[Any], name: str, options: dict[str, Any]) -> None:
        super().__init__(name, **options)
        self.worker = worker

    def declared_type(self) -> tuple[Any, list[str]]:
        """Return the type in the brackets of the class or of a base, and the modules that know its names."""
        return argument_of(self.worker, Worker), modules_of(self.worker)


class QueueOf:
    """The attribute `queue` of worker classes."""

    def __get__(self, _: object, owner: type[Worker[Q]]) -> Queue[Q]:
        if owner is Worker:
            raise AttributeError("Worker has no queue; a class derived from it has")
        return cast("Queue[Q]", owner.__dict__["__regrow_queue__"])


class Worker(Generic[P]):
    """The base class of workers: a queue, and the code that performs its jobs.

    >>> class Greet(Worker[str], attempts=3, concurrency=5):
    ...     async def perform(self, job):
    ...         print("Hello,", job.payload)

    A broker that gets the class in `workers=` makes one object of it and calls `perform` with each job. When `perform`
    returns, the job is acknowledged. An exception is a failed attempt; `Retry`, `Snooze` and `Discard` say more.

    The options of the class are those of `Queue`; a derived class inherits all but the name. There are also:

        name          of the queue; by default the `__qualname__` of the class, without the module: moving a class to
                      another module strands no jobs
        concurrency   the most jobs that a broker performs at once; 10 unless given
        timeout       seconds of one attempt; None, the default, for no limit. It is then ended with `TimeoutError`

    Raises:
        TypeError: an option is unknown, or has a wrong type.
        ValueError: an option is out of its range.
    """

    __regrow_options__: ClassVar[WorkerOptions] = {}
    __regrow_checked__: ClassVar[WorkOptions]
    queue: ClassVar[QueueOf] = QueueOf()

    def __init_subclass__(cls, **options: Unpack[WorkerOptions]) -> None:
        super().__init_subclass__()
        who = f"class {cls.__qualname__}"
        inherited: dict[str, Any] = {**cls.__regrow_options__}
        inherited.pop("name", None)
        merged: Any = inherited | dict(options)
        cls.__regrow_checked__ = checked = WorkOptions(who, merged)
        cls.__regrow_options__ = merged
        queue = WorkerQueue(cls, merged.get("name", cls.__qualname__), checked.of_queue)
        cls.__regrow_queue__ = queue  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]

    def perform(self, job: Job[P], /) -> Awaitable[None] | None:
        """Perform a job; a `def` runs in a thread. The derived class defines it, as `def` or `async def`.

        Args:
            job: its `payload` is what was put.
        """
        raise NotImplementedError(f"{type(self).__qualname__} has no perform(self, job)")

    @classmethod
    async def put(cls, payload: P, **options: Unpack[PutOptions]) -> Enqueued:
        """Store a job of this worker; see `Queue.put`."""
        return await cls._queue().put(payload, **options)

    @classmethod
    async def offer(cls, payload: P, **options: Unpack[PutOptions]) -> Enqueued | None:
        """Store a job of this worker if its queue has room now; see `Queue.offer`."""
        return await cls._queue().offer(payload, **options)

    @classmethod
    async def put_many(cls, payloads: Iterable[P], **options: Unpack[PutOptions]) -> list[Enqueued]:
        """Store several jobs of this worker, all or none; see `Queue.put_many`."""
        return await cls._queue().put_many(payloads, **options)

    @classmethod
    def put_in(cls, connection: Any, payload: P, **options: Unpack[PutOptions]) -> Enqueued:
        """Put a job of this worker inside the transaction of the caller's own connection; see `Queue.put_in`."""
        return cls._queue().put_in(connection, payload, **options)

    @classmethod
    async def put_in_async(cls, connection: Any, payload: P, **options: Unpack[PutOptions]) -> Enqueued:
        """Put a job of this worker inside the transaction of an awaited connection; see `Queue.put_in_async`."""
        return await cls._queue().put_in_async(connection, payload, **options)

    @classmethod
    def _queue(cls) -> Queue[P]:
        return cls.queue

    @classmethod
    def __regrow_work__(cls, broker: Name, /) -> WorkSpec:
        """Return the work for a broker.

        Raises:
            TypeError: the class has no `perform`, its `__init__` has parameters, or its payload type cannot be encoded.
            ImportError: the library for its payload type is not installed.
        """
        who = cls.__qualname__
        perform: Any = cls.perform
        if perform is vars(Worker)["perform"]:
            raise TypeError(f"worker {who}: wanted a method perform(self, job), `def` or `async def`")
        if inspect.isgeneratorfunction(perform) or inspect.isasyncgenfunction(perform):
            raise TypeError(f"worker {who}: perform contains `yield`, so that a call of it would not run it")
        try:
            inspect.signature(cls).bind()
        except TypeError as error:
            raise TypeError(
                f"worker {who}: its broker makes an object without arguments: __init__(self), and {error}"
            ) from None
        threaded = not inspect.iscoroutinefunction(perform)

        def make() -> Perform:
            return cls().perform

        return cls.__regrow_checked__.spec(cls._queue().at(broker), threaded, make)
