"""The work of a broker, as its dispatchers see it: a `Worker` class and a `@job` function look alike here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import getattr_static
from typing import Any, Protocol, runtime_checkable

from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.queue.job import Job
from regrow.servers.queue.ops import Claimed
from regrow.servers.queue.settings import Settings

Perform = Callable[[Job[Any]], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class WorkSpec:
    """A queue, and the code that performs its jobs.

    Attributes:
        name: the name of the queue.
        settings: the options of the queue; it makes claims and computes delays.
        concurrency: the most jobs that a broker performs at once.
        timeout: seconds of one attempt; None for no limit.
        threaded: the code is `def`: it runs in a thread. If it returns an awaitable nevertheless, that is awaited.
        make: called once by each broker; the result is called with each job.
        job_of: returns a claimed job with its payload. It raises PayloadError for a job that has to be buried.
    """

    name: str
    settings: Settings
    concurrency: int
    timeout: float | None
    threaded: bool
    make: Callable[[], Perform]
    job_of: Callable[[Claimed], Job[Any]]


@runtime_checkable
class HasWork(Protocol):
    """A `Worker` class or a `@job` function: what a broker may be given as a worker."""

    def __regrow_work__(self, broker: Name, /) -> WorkSpec:
        """Return the work for the broker of this name."""
        ...


def spec_of(worker: object, broker: Name) -> WorkSpec:
    """Return the work of a `Worker` class or a `@job` function.

    Args:
        worker: the class or the function.
        broker: the name of the broker that performs the jobs; their `ack` and `nack` go there.

    Raises:
        TypeError: it is neither, cannot be performed, or its payload type cannot be encoded.
        ImportError: the payload type needs a library that is not installed.
    """
    is_method_of_class = isinstance(getattr_static(worker_class(worker), "__regrow_work__", None), classmethod)
    if isinstance(worker, HasWork) and is_method_of_class == isinstance(worker, type):
        return worker.__regrow_work__(broker)
    if is_method_of_class:
        advice = f". Pass the class {type(worker).__name__}; each broker makes an object of it"
    elif callable(worker):
        advice = ". Decorate a function with @job, derive a class from Worker"
    else:
        advice = ""
    raise TypeError(f"workers: wanted Worker classes and @job functions, got {safe_repr(worker)}{advice}")


def worker_class(worker: object) -> type:
    """Return the class that a worker is, or is an object of."""
    return worker if isinstance(worker, type) else type(worker)
