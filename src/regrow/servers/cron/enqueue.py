"""Jobs that put into the durable queue: one queue job a tick, in the transaction that decides the tick."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Unpack, cast

from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.queue.broker import asked
from regrow.servers.queue.errors import Full
from regrow.servers.queue.function import JobFunction
from regrow.servers.queue.job import PutOptions
from regrow.servers.queue.names import name_of
from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.requests import Ask
from regrow.servers.queue.worker import Worker

if TYPE_CHECKING:
    from regrow.servers.cron.tick import Tick


class PayloadFailed(RuntimeError):
    """The payload of a tick could not be made."""


class Enqueue:
    """The function of a job that enqueues; `enqueue` returns it.

    Args:
        target: a Worker class, a `@job` function or a Queue.
        payload: the payload, or a function from the tick to it.
        options: those of the put.

    Attributes:
        queue: the queue.
        queue_name: its name.
        example: a put like those of the ticks, for the locks of the store.
    """

    def __init__(self, target: Any, payload: Any, options: PutOptions) -> None:
        self.queue: Queue[Any] = queue_of(target)
        self.queue_name: str = self.queue.name
        self._payload = payload
        self._options = options
        if "timeout" in options:
            raise ValueError(f"enqueue into {self.queue_name!r}: timeout: a tick does not wait for room")
        if inspect.iscoroutinefunction(payload):
            raise TypeError(
                f"enqueue into {self.queue_name!r}: payload: wanted a value or a `def`, got {safe_repr(payload)}: it is "
                "called inside a transaction, which does not wait"
            )
        self._new: NewJob = self.queue.settings.new_job(b"", options)
        self.example: Put = self._put(self._new)
        if not callable(payload):
            self.queue.encoding.encode(payload)  # an error here is one of the program, and not of a tick

    def __repr__(self) -> str:
        return f"enqueue({self.queue_name!r})"

    def __call__(self, *_: Any) -> None:
        """Refuse: the cron server puts.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self!r} is the function of a CronJob; call the queue's `put` to put a job now")

    @property
    def broker(self) -> Name:
        """The name of the broker that performs the queue's jobs."""
        return name_of(self.queue.broker)

    def _put(self, job: NewJob) -> Put:
        return Put(self.queue_name, (job,), self.queue.settings.bound, self.queue.settings.full)

    def put_of(self, tick: Tick, key: str | None = None) -> Put:
        """Return the put of a tick.

        Args:
            tick: the tick.
            key: makes a second put of the same tick harmless, where the tick and the job are not in one transaction.

        Raises:
            PayloadFailed: the user's function, or the encoding, has failed; the text says how.
        """
        try:
            payload = self._payload(tick) if callable(self._payload) else self._payload
            encoded = self.queue.encoding.encode(payload)
        except BaseException as error:  # SystemExit, too: the tick fails, and the cron server goes on
            raise PayloadFailed(
                f"the payload for {self.queue_name!r}: {type(error).__name__}: {safe_str(error)}"
            ) from error
        job = replace(self._new, payload=encoded)
        if key is not None and job.key is None:
            job = replace(job, key=key, key_states="all", key_for=None)
        return self._put(job)

    async def put(self, tick: Tick, ledger: str) -> None:
        """Put the job of a tick into the store of another broker, where a second put of the tick changes nothing.

        Raises:
            PayloadFailed: the payload could not be made.
            Full: the queue has no room.
            StoreError: the store could not do it.
            NoProcess: the broker does not run.
        """
        key = f"{ledger}/{tick.key.replace('@', '/', 1)}"
        if await asked(self.queue.broker, Ask(self.put_of(tick, key))) is None:
            raise Full(f"the queue {self.queue_name!r} has no room")

    def is_own(self, error: Exception) -> bool:
        """Whether an error is that of a payload."""
        return isinstance(error, PayloadFailed)


def enqueue(
    target: type[Worker[Any]] | JobFunction[..., Any] | Queue[Any],
    payload: Any | Callable[[Tick], Any],
    **put_options: Unpack[PutOptions],
) -> Enqueue:
    """Return the function of a job that puts into the durable queue: `CronJob(enqueue(SendEmail, email), cron("0 8 * * *"))`.

    Where the queue and the ledger are in one store, the tick and the queue's job are one transaction: exactly one job a
    tick. Else the put has a unique key, so that a second one is harmless.

    Args:
        target: a Worker class, a `@job` function or a Queue. The payload of a `@job` function is a dict of its arguments.
        payload: the payload, or a `def` that returns it for a `Tick`; it is called without waiting.
        put_options: see `PutOptions`; there is no `timeout`.

    Raises:
        TypeError: the target is none of them, the payload function is `async`, or an option has a wrong type.
        ValueError: an option is out of its range.
        PayloadError: the payload does not have the queue's type.
    """
    return Enqueue(target, payload, put_options)


def queue_of(target: Any) -> Queue[Any]:
    """Return the queue of a target.

    Raises:
        TypeError: it has none.
    """
    given: object = target
    if isinstance(given, Queue):
        return target  # type: ignore[no-any-return]
    if isinstance(given, JobFunction) or (
        isinstance(given, type) and issubclass(given, Worker) and given is not Worker
    ):
        return cast("Queue[Any]", target.queue)
    raise TypeError(f"enqueue: wanted a class of Worker, a @job function or a Queue, got {safe_repr(target)}")


def safe_str(error: BaseException) -> str:
    """Return the text of an error, whose `__str__` may fail."""
    try:
        return str(error)
    except Exception:
        return safe_repr(error)
