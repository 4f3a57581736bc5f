"""The outside ledger finds no fault in a right store, and one in each store that lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Ack, Cancel, Claim, Claimed, Nack, Op, Put
from regrow.servers.queue.store import Clocks, Done, Store
from tests.once import once
from tests.servers.queue.proofs.examine import Examiner
from tests.servers.queue.proofs.ledger import Ledger
from tests.servers.queue.proofs.workload import Client, Clock

pytestmark = once


def faults(store: Store, *, seed: int, size: int, steps: int) -> list[str]:
    clock, ledger, random = Clock(), Ledger(), Random(seed)
    store.open(clock)
    client = Client(random, size, ledger.add)
    for _ in range(steps):
        client.step(store, clock)
        clock.advance(random.choice((0.0, 0.1, 2.0, 8.0)))
    ledger.settle(reboot=False)
    Examiner(store, ledger, clock).run()
    return ledger.faults


@pytest.mark.parametrize("seed", range(8))
def test_the_ledger_finds_no_fault_in_the_store_in_memory(seed: int) -> None:
    assert faults(Memory(), seed=seed, size=1, steps=60) == []
    assert faults(Memory(), seed=seed, size=20, steps=20) == []


class Lying(Memory):
    """A store that applies other requests than it got, and answers as if it had not."""

    def __init__(self, lie: Callable[[Op], Op], answer: Callable[[Op, Any], Any]) -> None:
        super().__init__()
        self.lie = lie
        self.answer = answer

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        done = super().run([self.lie(op) for op in ops], clocks)
        return replace(done, results=[self.answer(op, result) for op, result in zip(ops, done.results, strict=True)])


def changed_jobs(**changes: Any) -> Callable[[Op], Op]:
    def lie(op: Op) -> Op:
        return replace(op, jobs=tuple(replace(job, **changes) for job in op.jobs)) if isinstance(op, Put) else op

    return lie


def forget_acks(op: Op) -> Op:
    return Nack(op.queue, op.id, op.token, "retry") if isinstance(op, Ack) else op


def short_leases(op: Op) -> Op:
    return replace(op, lease=1.0) if isinstance(op, Claim) else op


def as_it_is(_op: Op, result: Any) -> Any:
    return result


def accepted(op: Op, result: Any) -> Any:
    return None if isinstance(op, Ack) else result


def longer_leases(_op: Op, result: Any) -> Any:
    match result:
        case [Claimed(), *_]:
            return [replace(each, lease_until=each.lease_until + 29.0) for each in result]
        case _:
            return result


def tokens_of_one(_op: Op, result: Any) -> Any:
    match result:
        case [Claimed(), *_]:
            return [replace(each, token=1) for each in result]
        case _:
            return result


LIES: dict[str, tuple[Callable[[Op], Op], Callable[[Op, Any], Any], str]] = {
    "acks are forgotten": (forget_acks, accepted, "handed out again"),
    "late acks are accepted": (lambda op: op, accepted, "was accepted"),
    "leases end early": (short_leases, longer_leases, "two valid leases"),
    "tokens repeat": (lambda op: op, tokens_of_one, "got the token"),
    "groups are ignored": (changed_jobs(group=None), as_it_is, "was claimed before job"),
    "delays are ignored": (changed_jobs(delay=0.0), as_it_is, "before it was due"),
    "keys are ignored": (changed_jobs(key=None), as_it_is, "which lives"),
    "payloads differ": (changed_jobs(payload=b"other"), as_it_is, "has the payload"),
}


@pytest.mark.parametrize(("lie", "answer", "fault"), LIES.values(), ids=LIES)
def test_the_ledger_finds_each_lie(lie: Callable[[Op], Op], answer: Callable[[Op, Any], Any], fault: str) -> None:
    found = faults(Lying(lie, answer), seed=1, size=3, steps=60)
    assert any(fault in line for line in found), found


def test_the_ledger_finds_a_lost_job() -> None:
    class Losing(Memory):
        def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
            done = super().run(ops, clocks)
            for op, result in zip(ops, list[Any](done.results), strict=True):
                if isinstance(op, Put) and result and op.jobs[0].payload == b"90":
                    assert super().run([Cancel(op.queue, result[0].id)], clocks).results == [True]
            return done

    assert any("is gone, acknowledged as live" in line for line in faults(Losing(), seed=1, size=3, steps=60))
