"""A repeatable mixture of requests, and a clock that a test turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Ack, Cancel, Claim, Claimed, Extend, Nack, NewJob, Op, Put, Retry, Verdict
from regrow.servers.queue.store import Done, Store, Times
from tests.servers.queue.proofs.ledger import Entry, answered, asked

QUEUES: Final = ("mail", "bulk")
BOUND: Final = {"mail": None, "bulk": 40}
LEASE: Final = 30.0
HOLDER: Final = "host:1:<0.7.0>"

VERDICTS: Final[tuple[Verdict, ...]] = ("retry", "retry", "snooze", "release", "dead")
WEIGHTS: Final = {"put": 10, "claim": 8, "ack": 8, "nack": 3, "extend": 1, "cancel": 1, "retry": 1}


class Clock:
    """The wall and the monotonic time, which stand still until `advance`."""

    def __init__(self, wall: float = 1_700_000_000.0, monotonic: float = 5_000.0) -> None:
        self.wall = wall
        self.monotonic = monotonic

    def __call__(self) -> Times:
        return Times(self.wall, self.monotonic)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def reboot(self, *, away: float = 60.0) -> None:
        """The machine was off for some seconds, and its monotonic clock begins again."""
        self.wall += away
        self.monotonic = min(3.0, self.monotonic / 2)  # a reboot that this clock shows


def results_of(store: Store, clock: Callable[[], Times], *ops: Op) -> list[Any]:
    """Return the results of ops in one commit."""
    return list(store.run(ops, clock).results)


class RealClock(Clock):
    """The clocks of the machine, which several processes share."""

    def __call__(self) -> Times:
        return Times(time.time(), time.monotonic())


class Client:
    """Asks a store for one batch after another, and reports each request and each answer.

    Args:
        random: decides what is asked.
        size: the requests of a batch.
        report: gets each entry for the ledger.
        names: begins each payload, so that payloads of two clients differ.
        suffix: ends the name of each queue, so that two clients use different ones.
    """

    def __init__(
        self, random: Random, size: int, report: Callable[[Entry], None], *, names: str = "", suffix: str = ""
    ) -> None:
        self.random = random
        self.size = size
        self.report = report
        self.names = names
        self.suffix = suffix
        self.count = 0
        self.held: list[Claimed] = []
        self.cancellable: list[tuple[str, int]] = []
        self.dead: list[tuple[str, int]] = []
        self.grouped: set[int] = set()

    def step(self, store: Store, clock: Callable[[], Times]) -> Done:
        """Ask for one batch.

        Raises:
            StoreError: the store refused it. The last entry has no answer.
        """
        ops = [self.op() for _ in range(self.size)]
        now = clock()
        self.report(asked(ops, now.monotonic, now.wall))
        done = store.run(ops, clock)
        now = clock()
        self.report(answered(ops, done.results, now.monotonic, now.wall))
        self.take(ops, done.results)
        return done

    def op(self) -> Op:
        names = [name for name in WEIGHTS if name in {"put", "claim"} or self.choices(name)]
        queue = self.random.choice(QUEUES) + self.suffix
        match self.random.choices(names, [WEIGHTS[name] for name in names])[0]:
            case "put":
                return self.put(queue)
            case "claim":
                return Claim(queue, self.random.choice((1, 1, 2, 3)), LEASE, HOLDER)
            case "ack":
                held = self.pop(self.held)
                return Ack(held.queue, held.id, held.token)
            case "nack":
                return self.nack(self.pop(self.held))
            case "extend":
                held = self.random.choice(self.held)
                return Extend(held.queue, ((held.id, held.token),), LEASE)
            case "cancel":
                return Cancel(*self.pop(self.cancellable))
            case _:
                queue, id = self.pop(self.dead)
                return Retry(queue, (id,))

    def choices(self, name: str) -> Sequence[Any]:
        return {"cancel": self.cancellable, "retry": self.dead}.get(name, self.held)

    def pop(self, items: list[Any]) -> Any:
        return items.pop(self.random.randrange(len(items)))

    def put(self, queue: str) -> Put:
        kind = self.random.choice(("plain", "plain", "group", "group", "key", "delay", "priority", "many"))
        many = self.random.randint(2, 5) if kind == "many" else 1
        return Put(queue, tuple(self.job(kind) for _ in range(many)), BOUND[queue.removesuffix(self.suffix)])

    def job(self, kind: str) -> NewJob:
        self.count += 1
        payload = f"{self.names}{self.count}".encode()
        match kind:
            case "group":
                return NewJob(payload, group=self.random.choice("ab"), max_attempts=3)
            case "key":
                return NewJob(payload, key=self.random.choice(("k1", "k2", "k3")), max_attempts=2)
            case "delay":
                return NewJob(payload, delay=self.random.choice((1.0, 100.0)), max_attempts=2)
            case "priority":
                return NewJob(payload, priority=self.random.randint(-2, 2))
            case _:
                return NewJob(payload, max_attempts=2)

    def nack(self, held: Claimed) -> Nack:
        verdict = self.random.choice(VERDICTS)
        delay = self.random.choice((0.0, 5.0)) if verdict in {"retry", "snooze"} else 0.0
        self.count += 1
        message = f"{self.names}report {self.count}"
        error = JobError(held.attempt, 0.0, "ValueError", message) if verdict in {"retry", "dead"} else None
        return Nack(held.queue, held.id, held.token, verdict, delay, error)

    def take(self, ops: Sequence[Op], results: Sequence[Any]) -> None:
        """Remember what later requests may name."""
        for op, result in zip(ops, results, strict=True):
            match op, result:
                case Claim(), [*claimed]:
                    self.held += claimed
                    taken = {each.id for each in claimed}
                    self.grouped |= {each.id for each in claimed if each.group is not None}
                    self.cancellable = [pair for pair in self.cancellable if pair[1] not in taken]
                case Put(queue), [first, *_] if not first.duplicate and self.random.random() < 0.1:
                    self.cancellable.append((queue, first.id))
                case Nack(queue, id), "dead" if id not in self.grouped and self.random.random() < 0.3:
                    self.dead.append((queue, id))
                case _:
                    pass
