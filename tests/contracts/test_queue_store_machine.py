"""A state machine of random commits, moves and steps of the clocks, in every store, against an oracle and `Memory`.

An op of the machine names a job by its number, and a lease by its number; each store has its ids and tokens. The stores
have to give the oracle's results, and to have its jobs after each commit.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.job import Enqueued, JobError
from regrow.servers.queue.ops import (
    Ack,
    Cancel,
    Claim,
    Claimed,
    Count,
    Extend,
    Move,
    Nack,
    NewJob,
    Op,
    Pause,
    Peek,
    Prune,
    Purge,
    Put,
    ReadDead,
    ReadStats,
    Record,
    Resume,
    Retry,
    Show,
)
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.store import Done
from tests.contracts.queue_oracle import LIVE, ZEROS, Known, Oracle
from tests.contracts.queue_store import STORES, Kind, Opened

QUEUES = ["a", "b"]
RATE = Rate(2, per=8.0, burst=3)
EXAMPLES = {"memory": 80, "SQLite": 15}  # in a few seconds; 10 of other stores

queues = st.sampled_from(["a", "a", "b"])
seconds = st.sampled_from([0.0, 0.0, 4.0, 16.0])
leases = st.sampled_from([2.0, 8.0, 32.0])
jobs = st.builds(
    NewJob,
    payload=st.sampled_from([b"1", b"{}", "é".encode()]),
    delay=seconds,
    group=st.sampled_from([None, None, "g", "h"]),
    key=st.sampled_from([None, None, None, "k", "l"]),
    key_for=st.sampled_from([None, 8.0]),
    key_states=st.sampled_from(["live", "all"]),
    max_attempts=st.sampled_from([1, 2, 20]),
)
plain_jobs = st.builds(NewJob, payload=st.just(b"p"), priority=st.integers(-1, 1), delay=seconds)
numbers = st.integers(0, 1 << 10)  # of a job or a lease, modulo their count
errors = st.sampled_from([None, JobError(1, 0.0, "ValueError", "no", "trace")])
verdicts = st.sampled_from(["retry", "retry", "snooze", "release", "dead"])

puts = st.builds(
    Put,
    queues,
    st.lists(st.one_of(jobs, plain_jobs), min_size=1, max_size=4).map(tuple),
    st.sampled_from([None, 2, 3, 6]),
    st.sampled_from(["wait", "drop_oldest"]),
)
claims = st.builds(Claim, queues, st.integers(0, 3), leases, st.just("host:1:<w>"), st.sampled_from([None, None, RATE]))
ends = st.one_of(
    st.builds(Ack, queues, numbers, numbers),
    st.builds(Nack, queues, numbers, numbers, verdicts, seconds, errors),
    st.builds(Extend, queues, st.lists(st.tuples(numbers, numbers), max_size=2).map(tuple), leases),
)
admins = st.one_of(
    st.builds(Cancel, queues, numbers),
    st.builds(Retry, queues, st.lists(numbers, max_size=2).map(tuple)),
    st.builds(Retry, queues),
    st.builds(Purge, queues, st.sampled_from(["waiting", "dead"])),
    st.builds(Pause, queues, st.just("why")),
    st.builds(Resume, queues),
    st.builds(Resume, queues),
    st.builds(Prune, st.sampled_from([2.0, 16.0])),
    st.builds(Move, queues, queues),
)
pauses = st.sampled_from([0.0, 0.0, 0.0, 1.0, 2.0, 8.0, 16.0])
steps = st.sampled_from([0.0] * 12 + [-16.0, -4.0, 4.0, 16.0])
commits = st.lists(st.one_of(puts, puts, claims, claims, ends, ends, ends, admins), min_size=1, max_size=6)


class Side:
    """A store under test: it translates the numbers of jobs and leases into its ids and tokens, and its results back."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.ids: list[int] = [0]
        self.numbers: dict[int, int] = {}
        self.leases: list[int] = [-1]
        self.tokens: dict[int, int] = {}  # the last one of each id

    def run(self, ops: list[Op]) -> tuple[list[Any], Done]:
        """Run a commit; return its results in the terms of the oracle, and all of it."""
        done = self.opened.run(*(self.theirs(op) for op in ops))
        results: list[Any] = list(done.results)
        # A claim may have a job of a put that stands after it.
        for place in sorted(range(len(ops)), key=lambda place: not isinstance(ops[place], Put)):
            results[place] = self.ours(results[place])
        return results, done

    def theirs(self, op: Any) -> Op:
        """Return an op with this store's ids and tokens."""
        match op:
            case Ack() | Nack():
                return replace(op, id=self.ids[op.id], token=self.leases[op.token])
            case Cancel():
                return replace(op, id=self.ids[op.id])
            case Retry():
                return replace(op, ids=tuple(self.ids[id] for id in op.ids))
            case Extend():
                return replace(op, leases=tuple((self.ids[id], self.leases[token]) for id, token in op.leases))
            case _:
                found: Op = op
                return found

    def ours(self, result: Any) -> Any:
        """Return a result with numbers for ids."""
        match result:
            case QueueError():
                return type(result).__name__
            case Enqueued(id, duplicate):
                if not duplicate:
                    assert id not in self.numbers, "an id was used again"
                    self.numbers[id] = len(self.ids)
                    self.ids.append(id)
                return self.numbers[id], duplicate
            case Claimed():
                assert result.token > self.tokens.get(result.id, 0), "a token did not grow"
                self.tokens[result.id] = result.token
                self.leases.append(result.token)
                errors = tuple((error.attempt, error.kind) for error in result.errors)
                return self.numbers[result.id], result.attempt, result.key, round(result.lease_until, 3), errors
            case float():
                return round(result, 3)
            case _:
                return [self.ours(one) for one in result] if hasattr(result, "append") else result

    def jobs(self) -> list[Any]:
        """Return all jobs as the oracle describes them."""
        records: list[Record] = self.opened.do(Show(None, None, 0, 10_000))
        return [
            described(
                self.numbers[record.id],
                record.queue,
                record.state,
                record.attempts,
                record.payload,
                record.due_at,
                record.lease_until or 0.0,
                record.key,
                record.group,
            )
            for record in records
        ]


def described(
    id: int,
    queue: str,
    state: str,
    attempts: int,
    payload: bytes,
    due: float,
    until: float,
    key: str | None,
    group: str | None,
) -> Any:
    """Return what all stores have to say of a job: the fields that its state uses."""
    if state == "done":
        return id, queue, state, key
    at = {"delayed": due, "leased": until}.get(state, 0.0)
    return id, queue, state, attempts, payload, round(at, 3), key, group


def known(job: Known) -> Any:
    """Return what the oracle has to say of a job."""
    new = job.new
    return described(job.id, job.queue, job.state, job.attempts, new.payload, job.due, job.until, job.key, new.group)


class Machine(RuleBasedStateMachine):
    """Commits and clocks; a subclass has the kind of store."""

    kind: Kind = STORES["memory"]
    sides: list[Side]

    @initialize()
    def begin(self) -> None:
        self.oracle = Oracle()
        self.folder = tempfile.TemporaryDirectory()
        kinds = [STORES["memory"]] if self.kind is STORES["memory"] else [self.kind, STORES["memory"]]
        self.sides = [Side(Opened(kind.make(Path(self.folder.name)), kind, Path(self.folder.name))) for kind in kinds]
        self.acked: set[int] = set()

    def teardown(self) -> None:
        for side in self.sides:
            side.opened.store.close()
        self.folder.cleanup()

    def chosen(self, op: Any) -> Any:
        """Return an op whose numbers are those of jobs and leases that have been; 0 never was."""
        id = (self.oracle.ids + 1).__rmod__
        token = (self.oracle.leases + 1).__rmod__
        match op:
            case Ack() | Nack():
                if op.id % 8 == 0:
                    return replace(op, id=id(op.id), token=0)
                leased = [job.token for job in self.oracle.jobs if job.state == "leased"]
                lease = leased[op.token % len(leased)] if leased and op.id % 3 else token(op.token)
                # Its job, for a token of another job may be equal; the lease may be over, and the job may be gone.
                held = self.oracle.holders[lease]
                queue = next((job.queue for job in self.oracle.jobs if job.id == held), op.queue)
                return replace(op, queue=queue, id=held, token=lease)
            case Cancel():
                return replace(op, id=id(op.id))
            case Retry():
                return replace(op, ids=tuple(dict.fromkeys(id(number) for number in op.ids)))
            case Extend():
                pairs = [
                    (job.id, job.token) for job in self.oracle.jobs if job.state == "leased" and job.queue == op.queue
                ]
                pairs.append((0, 0))
                return replace(op, leases=tuple(pairs[number % len(pairs)] for number, _ in op.leases))
            case _:
                return op

    # One rule: Hypothesis leaves rules out of a run at random, and a run without commits finds nothing.
    @rule(ops=commits, seconds=pauses, step=steps)
    def commit(self, ops: list[Op], seconds: float, step: float) -> None:
        """Wait, and run a commit: the oracle and each store have the same results and the same jobs."""
        for side in self.sides:
            side.opened.move(seconds, step=step if "monotonic" in self.kind.traits else 0.0)
        ops = [self.chosen(op) for op in ops]
        live = {queue: len(self.oracle.live(queue)) for queue in QUEUES}
        ready = {queue: {job.id for job in self.oracle.live(queue, "ready")} for queue in QUEUES}
        expected = self.oracle.run(ops, self.sides[0].opened.clock())
        fewer = {queue for queue in QUEUES if len(self.oracle.live(queue)) < live[queue]}
        woken = {queue for queue in QUEUES if {job.id for job in self.oracle.live(queue, "ready")} - ready[queue]}
        event = self.oracle.next_event()
        for side in self.sides:
            results, done = side.run(ops)
            assert results == expected
            assert done.freed == fewer
            assert woken <= done.woke
            # A timer may be early, for a rate; it is not late.
            assert event is None or (done.due is not None and done.due <= event + 0.001)
        for op, result in zip(ops, expected, strict=True):
            if isinstance(op, Ack) and result is None:
                self.acked.add(op.id)
        self.check()
        for queue in QUEUES:
            self.read(queue)

    @precondition(lambda self: "durable" in self.kind.traits)
    @rule()
    def reopen(self) -> None:
        self.sides[0].opened.reopen()

    def read(self, queue: str) -> None:
        """Compare what reads say of a queue."""
        ready = sorted(self.oracle.live(queue, "ready"), key=lambda job: (job.new.priority, job.id))[:2]
        dead = sorted((job.id for job in self.oracle.live(queue, "dead")), reverse=True)[:2]
        for side in self.sides:
            peeked, counted, buried = side.opened.results(Peek(queue, 2), Count(queue), ReadDead(queue, 2))
            assert peeked == [job.new.payload for job in ready]
            assert counted == len(self.oracle.live(queue))
            assert [side.numbers[record.id] for record in buried] == dead

    def check(self) -> None:
        """Compare all jobs and counts with the oracle's, and check what holds for every queue."""
        expected = sorted(known(job) for job in self.oracle.jobs)
        for side in self.sides:
            found = side.jobs()
            assert found == expected
            assert {job[0] for job in found if job[2] != "done"}.isdisjoint(self.acked)
            stats = {name: stats for name, stats in side.opened.do(ReadStats()).items() if stats != ZEROS}
            assert stats == self.oracle.stats()
            assert side.opened.store.check() == []
            groups: dict[tuple[str, str], list[Any]] = {}
            for job in found:
                if job[2] in LIVE and job[-1] is not None:
                    groups.setdefault((job[1], job[-1]), []).append(job)
            for line in groups.values():
                (active,) = (job for job in line if job[2] != "blocked")
                assert active[2] == "leased" or active is line[0]


def machine_of(kind: Kind) -> type[Machine]:
    """Return a machine for a kind of store."""
    return type("StoreMachine", (Machine,), {"kind": kind})


@pytest.mark.parametrize("name", list(STORES))
def test_a_store_does_what_the_oracle_says(name: str) -> None:
    kind = STORES[name]
    run_state_machine_as_test(
        machine_of(kind),
        # A failure prints its steps. A search for fewer steps would take minutes, and the time of a test is a minute.
        settings=settings(
            max_examples=EXAMPLES.get(name, 10),
            stateful_step_count=20,
            phases=[Phase.generate],
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
