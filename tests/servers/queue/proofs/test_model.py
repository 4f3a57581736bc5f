"""Drawn programs in drawn schedules: a broker with a store in memory, callers, and workers that fail, against a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow import process
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.errors import Empty, LeaseLost
from regrow.servers.queue.job import Job, Stats
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Ack, Claim, Claimed, Nack, Op, Put
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.signals import Discard, Retry, Snooze
from regrow.servers.queue.store import Clocks, Done, Store
from regrow.servers.queue.worker import Worker
from regrow.testing.simulation.runner import play

schedules = st.lists(st.integers(0, 5), max_size=80)

ATTEMPTS = 3
TIMEOUT = 4.0  # seconds of an attempt
LEASE = 6.0
CONCURRENCY = 2
OUTCOMES = ("ok", "raise", "retry", "snooze", "discard", "hang", "end")


@dataclass
class Plan:
    """A job: what its attempts do, one after another; after these, each is "ok"."""

    name: str
    outcomes: list[str]
    group: str | None = None
    id: int = 0
    performed: int = 0

    def expected(self) -> tuple[str, int]:
        """Return how the job ends, and after how many calls of `perform`."""
        attempts = 0
        for calls, outcome in enumerate([*self.outcomes, "ok"], start=1):
            attempts += outcome != "snooze"
            if outcome == "ok":
                return "done", calls
            if outcome == "discard" or attempts == ATTEMPTS:
                return "dead", calls
        raise AssertionError


@dataclass
class Seen:
    """What a program shows: the jobs by their names, and each call of `perform`."""

    plans: dict[str, Plan] = field(default_factory=dict)
    calls: list[tuple[str, float, float]] = field(default_factory=list)  # name, begin and end
    running: int = 0
    most: int = 0


SEEN = Seen()


class Task(Worker[str], name="tasks", attempts=ATTEMPTS, backoff=Backoff(1.0, 1.0, jitter=0.0), timeout=TIMEOUT,
           lease=LEASE, concurrency=CONCURRENCY):  # fmt: skip
    """Does what the plan of a job says."""

    async def perform(self, job: Job[str]) -> None:
        plan, begin = SEEN.plans[job.payload], process.monotonic()
        outcome = [*plan.outcomes, "ok"][plan.performed]
        plan.performed += 1
        SEEN.running += 1
        SEEN.most = max(SEEN.most, SEEN.running)
        try:
            await process.sleep(0.5)
            await act(outcome)
        finally:
            SEEN.running -= 1
            SEEN.calls.append((plan.name, begin, process.monotonic()))


async def act(outcome: str) -> None:
    match outcome:
        case "raise":
            raise ValueError("planned")
        case "retry":
            raise Retry("planned", delay=2.0)
        case "snooze":
            raise Snooze(3.0)
        case "discard":
            raise Discard("planned")
        case "hang":
            await process.sleep(1_000.0)
        case "end":
            process.exit(process.current(), "kill")
            await process.sleep(1.0)
        case _:
            pass


programs = st.lists(
    st.builds(
        Plan,
        name=st.just(""),
        outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=3),
        group=st.sampled_from((None, None, "a", "b")),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(programs, min_size=1, max_size=3), st.lists(st.integers(0, 2), max_size=2), schedules)
def test_each_job_is_performed_as_often_as_its_attempts_say(
    callers: list[list[Plan]], killed: list[int], schedule: list[int]
) -> None:
    """Callers put jobs; some of them are killed meanwhile, and what became of their last put is unknown."""
    play_tasks(Memory(), callers, killed, schedule)


def play_tasks(store: Store, callers: list[list[Plan]], killed: list[int], schedule: list[int]) -> None:
    async def program() -> None:
        SEEN.plans, SEEN.calls, SEEN.running, SEEN.most = {}, [], 0, 0
        await Broker.start_link(store, workers=[Task])

        async def put(number: int, plans: list[Plan]) -> None:
            for place, plan in enumerate(plans):
                plan.name, plan.performed, plan.id = f"{number}.{place}", 0, 0
                SEEN.plans[plan.name] = plan
                options: Any = {} if plan.group is None else {"group": plan.group}
                plan.id = (await Task.put(plan.name, **options)).id

        pids = [process.spawn(put, number, plans) for number, plans in enumerate(callers)]
        for number in killed:
            process.exit(pids[number % len(pids)], "kill")
        await process.sleep(500.0)
        await check()

    play(program, schedule=schedule)


async def check() -> None:
    dead = {job.payload: job for job in await Task.queue.dead_letters()}
    for plan in SEEN.plans.values():
        end, calls = plan.expected()
        unknown = plan.id == 0 and plan.performed == 0
        assert unknown or plan.performed == calls, plan
        assert unknown or (plan.name in dead) == (end == "dead"), plan
    assert SEEN.most <= CONCURRENCY
    assert await Task.queue.stats() == Stats(dead=len(dead))
    assert sum(plan.performed for plan in SEEN.plans.values()) == len(SEEN.calls)
    for group in ("a", "b"):
        ids = [plan.id for name, *_ in SEEN.calls if (plan := SEEN.plans[name]).group == group and plan.id]
        assert ids == sorted(ids), "a job of a group was performed before an older one was done"


# By hand

HOLD = ("ack", "nack", "discard", "late", "forget", "extend", "die")
hand = st.lists(st.sampled_from(HOLD), max_size=5)


@dataclass
class Held:
    """What holders have seen: of each job the end of its lease and its token, the jobs that ended, and faults."""

    leases: dict[int, tuple[float, int]] = field(default_factory=dict)
    ended: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def got(self, job: Job[int]) -> None:
        until, token = self.leases.get(job.id, (0.0, 0))
        if process.monotonic() < until:
            self.faults.append(f"two valid leases of {job}")
        if job.token <= token:
            self.faults.append(f"the token {job.token} after {token} of {job}")
        if self.ended[job.payload]:
            self.faults.append(f"it came back: {job}")
        self.leases[job.id] = job.lease_until, job.token

    def free(self, job: Job[int]) -> None:
        """The holder is about to end its lease."""
        self.leases[job.id] = 0.0, job.token


async def act_by_hand(held: Held, job: Job[int], word: str) -> None:
    match word:
        case "ack" | "discard":
            held.free(job)
            held.ended[job.payload] += 1
            await (job.ack() if word == "ack" else job.discard("planned"))
        case "nack":
            held.free(job)
            await job.nack(delay=1.0)
        case "late":
            await process.sleep(LEASE + 1.0)
            try:
                await job.ack()
            except LeaseLost:
                return
            held.faults.append(f"an ack after the lease was accepted: {job}")
        case "extend":
            held.leases[job.id] = await job.extend(2 * LEASE), job.token
            await process.sleep(LEASE + 1.0)
            held.free(job)
            held.ended[job.payload] += 1
            await job.ack()
        case _:  # the job is forgotten: its lease ends
            pass


def play_by_hand(store: Store, jobs: int, holders: list[list[str]], schedule: list[int]) -> None:
    numbers = Queue[int]("numbers", lease=LEASE, attempts=100, backoff=Backoff(1.0, 1.0, jitter=0.0))
    held = Held()

    async def hold(words: list[str]) -> None:
        for word in words:
            try:
                job = await numbers.get(timeout=5.0)
            except Empty:
                return
            held.got(job)
            await act_by_hand(held, job, word)

    async def put_all() -> None:
        for number in range(jobs):
            await numbers.put(number)

    async def program() -> None:
        await Broker.start_link(store)
        pids = [process.spawn(hold, words) for words in holders]
        process.spawn(put_all)
        await process.sleep(0.5)
        for pid, words in zip(pids, holders, strict=True):
            if "die" in words:
                process.exit(pid, "kill")  # while it waits for a job, perhaps
        await process.sleep(300.0)
        left = await numbers.get_many(100)
        for job in left:
            held.got(job)
        assert held.faults == []
        assert sorted([*[job.payload for job in left], *held.ended]) == list(range(jobs))
        assert max(held.ended.values(), default=0) <= 1

    play(program, schedule=schedule)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 6), st.lists(hand, min_size=1, max_size=3), schedules)
def test_a_job_has_one_holder_and_ends_once_whatever_its_holders_do(
    jobs: int, holders: list[list[str]], schedule: list[int]
) -> None:
    play_by_hand(Memory(), jobs, holders, schedule)


# The model notices a store that breaks a rule


class Changing(Memory):
    """A store that changes each request before it applies it, and says that leases are `longer` than they are."""

    def __init__(self, change: Callable[[Op], Op], longer: float = 0.0) -> None:
        super().__init__()
        self.change = change
        self.longer = longer

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        done = super().run([self.change(op) for op in ops], clocks)
        return replace(done, results=[self.answer(result) for result in done.results])

    def answer(self, result: Any) -> Any:
        match result:
            case [Claimed(), *_]:
                return [replace(each, lease_until=each.lease_until + self.longer) for each in result]
            case _:
                return result


def without_groups(op: Op) -> Op:
    return replace(op, jobs=tuple(replace(job, group=None) for job in op.jobs)) if isinstance(op, Put) else op


def with_more_attempts(op: Op) -> Op:
    return replace(op, jobs=tuple(replace(job, max_attempts=9) for job in op.jobs)) if isinstance(op, Put) else op


def without_acks(op: Op) -> Op:
    return Nack(op.queue, op.id, op.token, "release") if isinstance(op, Ack) else op


def with_short_leases(op: Op) -> Op:
    return replace(op, lease=1.0) if isinstance(op, Claim) else op


@pytest.mark.parametrize("change", [without_groups, with_more_attempts])
def test_the_model_finds_a_wrong_number_of_attempts_and_a_wrong_order(change: Callable[[Op], Op]) -> None:
    plans = [Plan("", ["raise"] * 3, "a"), Plan("", ["raise", "snooze"], "a"), Plan("", [], "a")]
    with pytest.raises(AssertionError):
        play_tasks(Changing(change), [plans], [], [])


@pytest.mark.parametrize(("change", "longer"), [(without_acks, 0.0), (with_short_leases, LEASE - 1.0)])
def test_the_model_finds_a_job_that_comes_back_and_a_second_holder(change: Callable[[Op], Op], longer: float) -> None:
    with pytest.raises(AssertionError):
        play_by_hand(Changing(change, longer), 2, [["forget", "ack", "ack"], ["ack", "ack", "ack"]], [])
