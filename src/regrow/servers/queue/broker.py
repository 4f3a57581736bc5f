"""The broker: the supervisor of a store's writer and of the dispatchers of its workers.

Broker          one_for_one
├── writer      owns the store; registered under the broker's name
├── dispatcher  one for each worker
└── drain       the last child, so the first to end: it lets the dispatchers finish what they perform

>>> from regrow.queue import Broker, Memory, Queue
>>> async def main():
...     await Broker.start_link(Memory())
...     numbers = Queue[int]("numbers")
...     await numbers.put(42)
...     job = await numbers.get()
...     await job.ack()
...     return job.payload, await numbers.size()
>>> import regrow
>>> regrow.run(main)
(42, 0)
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import Any, Final, Literal, NamedTuple

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.request_ids import RequestId, receive_response, send_request
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen.start_errors import AlreadyStarted, StartError
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.gen_server.gen_server import GenServer
from regrow.behaviours.supervision.supervisor import Supervisor
from regrow.kernel import bifs
from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.process_record import Pid
from regrow.kernel.timers import monotonic
from regrow.servers.queue.dispatcher import Dispatcher
from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.job import Stats
from regrow.servers.queue.names import default_broker, name_of
from regrow.servers.queue.ops import ReadStats
from regrow.servers.queue.requests import Ask, Maintain
from regrow.servers.queue.store import Store
from regrow.servers.queue.workspec import WorkSpec, spec_of
from regrow.servers.queue.writer import Writer

DRAIN: Final = 30.0  # seconds that running jobs have at shutdown
AFTER_DRAIN: Final = 15.0  # seconds that a dispatcher has to give back its jobs, before it is killed
MAX_RESTARTS: Final = 10  # of writer and dispatchers, in a minute
MAX_SECONDS: Final = 60.0


class DrainState(NamedTuple):
    """The seconds that a drain may take, None for ever, and the dispatchers by queue, each entered by itself."""

    limit: float | None
    dispatchers: dict[str, Pid]


@default_broker
class Broker:
    """The functions of brokers: `(Broker, "app.db")` in a supervisor's children, or `Broker.start_link("app.db")`."""

    @classmethod
    async def start_link(
        cls,
        store: Store | str | os.PathLike[str],
        *,
        workers: Iterable[Any] = (),
        name: Name | None = None,
        drain: float | timedelta = DRAIN,
        keep_dead: float | timedelta | None = None,
    ) -> Pid:
        """Start a broker, linked to the caller: open its store, and perform the jobs of its workers.

        Args:
            store: a `Memory`, `SQLite` or `Postgres`; a path stands for `SQLite(path)`.
            workers: worker classes and `@job` functions. A program that only enqueues passes none.
            name: the name by which queues find it; None for `Broker`. Its writer is registered under it.
            drain: seconds that running jobs have at shutdown. What still runs then is killed and given back, and its
                attempt does not count.
            keep_dead: seconds after which dead jobs are deleted; None keeps them.

        Raises:
            StartError: the store was refused; `reason` is the StoreError, which says why.
            AlreadyStarted: the name is taken.
            TypeError: `store` is no store, or an element of `workers` is no worker.
            ValueError: two workers have one name, or one belongs to another broker; or `drain` or `keep_dead` is
                negative.
        """
        children = cls._children(store, workers, name, drain, keep_dead)
        try:
            return await Supervisor.start_link(children, max_restarts=MAX_RESTARTS, max_seconds=MAX_SECONDS)
        except StartError as error:
            match error.reason:
                case ("shutdown", ("failed_to_start_child", "writer", QueueError() as reason)):
                    raise StartError(reason, cls) from reason
                case ("shutdown", ("failed_to_start_child", "writer", ("already_started", Pid() as pid))):
                    raise AlreadyStarted(pid, name_of(name)) from error
                case _:
                    raise

    @classmethod
    def child_spec(cls, store: Store | str | os.PathLike[str], **options: Any) -> ChildSpec:
        """Return the child spec of a broker: its id is `Broker`, or `(Broker, name)` if it has a name.

        Args:
            store: the first argument of `start_link`.
            options: the other arguments of `start_link`.

        Raises:
            TypeError: an option is unknown, or an argument has a wrong type.
            ValueError: two workers have one name, or one belongs to another broker.
        """
        workers = tuple(options.pop("workers", ()))
        unknown = options.keys() - {"name", "drain", "keep_dead"}
        if unknown:
            raise TypeError(f"Broker.child_spec: unknown options {sorted(unknown)}; see Broker.start_link")
        cls._children(store, workers, options.get("name"), options.get("drain", DRAIN), options.get("keep_dead"))

        async def start() -> Pid:
            return await cls.start_link(store, workers=workers, **options)

        name = options.get("name")
        return ChildSpec(cls if name is None else (cls, name), start, type="supervisor", modules=(cls,))

    @staticmethod
    def _children(store: Any, workers: Iterable[Any], name: Name | None, drain: Any, keep_dead: Any) -> list[ChildSpec]:
        """Check the arguments of a start, and return the specs of the children."""
        broker: Name = name_of(name)
        limit = seconds(drain, "Broker(drain=)")
        kept = seconds(keep_dead, "Broker(keep_dead=)")
        chosen = as_store(store)
        running: dict[str, Pid] = {}
        specs = [spec_of(worker, broker) for worker in workers]
        check_workers(specs)
        dispatchers = [
            ChildSpec(
                ("worker", spec.name),
                (Dispatcher.start_link, ((spec, broker, running),)),
                shutdown=AFTER_DRAIN,
                modules=(Dispatcher,),
            )
            for spec in specs
        ]

        starts = count()

        async def start_writer() -> Pid:
            return await Writer.start_link((chosen, broker, kept, next(starts) > 0), name=broker)

        writer = ChildSpec("writer", start_writer, shutdown=AFTER_DRAIN, modules=(Writer,))
        shutdown: float | Literal["infinity"] = "infinity" if limit is None else limit + AFTER_DRAIN
        last = ChildSpec(
            "drain", (Drain.start_link, (DrainState(limit, running),)), shutdown=shutdown, modules=(Drain,)
        )
        return [writer, *dispatchers, last] if dispatchers else [writer]

    # Questions and administration

    @staticmethod
    async def backup(path: str | os.PathLike[str], *, name: Name | None = None) -> None:
        """Write a consistent copy of the store to a new file, while others go on.

        Args:
            path: the file, which must not exist.
            name: the broker's name; None for `Broker`.

        Raises:
            StoreError: the file exists or cannot be written, or the store has no backup.
            NoProcess: the broker does not run.
        """
        await asked(name, Maintain("backup", os.fspath(path)))

    @staticmethod
    async def check(*, name: Name | None = None) -> list[str]:
        """Check the whole store; return its problems as lines of text, none if it is sound.

        Args:
            name: the broker's name; None for `Broker`.

        Raises:
            StoreError: the store could not be read.
            NoProcess: the broker does not run.
        """
        found: list[str] = await asked(name, Maintain("check"))
        return found

    @staticmethod
    async def diagnostics(*, name: Name | None = None) -> dict[str, Any]:
        """Return facts about the store for a person: its kind, path, sizes and versions.

        Args:
            name: the broker's name; None for `Broker`.

        Raises:
            StoreError: the store could not be read.
            NoProcess: the broker does not run.
        """
        found: dict[str, Any] = await asked(name, Maintain("diagnostics"))
        return found

    @staticmethod
    async def queues(*, name: Name | None = None) -> dict[str, Stats]:
        """Return the queues of the store, by name, with the number of their jobs in each state.

        Args:
            name: the broker's name; None for `Broker`.

        Raises:
            StoreError: the store could not be read.
            NoProcess: the broker does not run.
        """
        found: dict[str, Stats] = await asked(name, Ask(ReadStats()))
        return found


class Drain(GenServer[DrainState]):
    """The child of a broker that ends first: it waits until the dispatchers have finished their running jobs."""

    def init(self, arg: DrainState, /) -> Ok[DrainState]:
        """Trap exits, so that `terminate` is called at shutdown."""
        bifs.trap_exit(True)
        return Ok(arg)

    async def terminate(self, reason: Any, state: DrainState, /) -> None:
        """Ask all dispatchers at once, so that none claims while another one drains."""
        ends = None if state.limit is None else monotonic() + state.limit
        asked = [send_request(pid, "drain") for pid in state.dispatchers.values()]
        for sent in asked:
            assert isinstance(sent, RequestId)
            await receive_response(sent, None if ends is None else max(0.0, ends - monotonic()))


def as_store(store: Any) -> Store:
    """Return a store; a path stands for SQLite's.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(store, str | os.PathLike):
        from regrow.servers.queue.sqlite.store import SQLite  # start-up: a program on another store does not load it

        return SQLite(os.fspath(store))  # pyright: ignore[reportUnknownArgumentType]
    if all(hasattr(store, name) for name in ("open", "run", "close", "threaded")):
        found: Store = store
        return found
    raise TypeError(
        f"Broker: wanted a store, such as SQLite(path), Postgres(conninfo) or Memory(), or a path; got {safe_repr(store)}"
    )


def check_workers(specs: list[WorkSpec]) -> None:
    """Check that a broker can run these workers.

    Raises:
        ValueError: two have one name.
    """
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            raise ValueError(f"Broker(workers=): two workers have the name {spec.name!r}. Give one another: name=…")
        seen.add(spec.name)


async def asked(name: Name | None, request: Ask | Maintain) -> Any:
    """Return a writer's answer to a request, or raise the error in it."""
    answer = await call(name_of(name), request, None)
    if isinstance(answer, QueueError):
        raise answer
    return answer
