"""The examination of a store after a crash: a fresh store opens what is left, and works it off."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from regrow.servers.queue.errors import QueueError
from regrow.servers.queue.ops import Ack, Claim, Count, NewJob, Op, Put, ReadStats, Resume, Show
from regrow.servers.queue.store import Done, Store
from tests.servers.queue.proofs.ledger import Ledger, answered, asked
from tests.servers.queue.proofs.workload import HOLDER, QUEUES, Clock, results_of

Open = Callable[[str], Store]  # a path to a store that is not open yet

COUNTERS: Final = """
    SELECT name, coalesce(live, 0), (SELECT count(*) FROM regrow_jobs WHERE queue = name
                                     AND state IN ('ready', 'delayed', 'leased', 'blocked')),
                 coalesce(dead, 0), (SELECT count(*) FROM regrow_jobs WHERE queue = name AND state = 'dead')
    FROM (SELECT queue AS name FROM regrow_jobs UNION SELECT name FROM regrow_queues) LEFT JOIN regrow_queues USING (name)"""


def examine(path: str, ledger: Ledger, clock: Clock, make: Open, *, reboot: bool) -> list[str]:
    """Return what is wrong with a store that a crash has left, as lines; empty if all is well.

    Args:
        path: its file; it is worked off.
        ledger: what was acknowledged before the crash; it is changed.
        clock: the time of the crash; it is changed.
        make: makes a store for the file.
        reboot: whether the machine went down, too.
    """
    ledger.settle(reboot=reboot)
    if reboot:
        clock.reboot()
    store = make(path)
    try:
        ledger.faults += damage(path)
        store.open(clock)
        Examiner(store, ledger, clock).run(reboot=reboot)
    except (QueueError, sqlite3.Error) as error:
        ledger.faults.append(f"the store is damaged: {error!r}")
    finally:
        store.close()
    return ledger.faults


def damage(path: str) -> list[str]:
    """Return the damage of a file, and the counters that differ from the counts."""
    if not Path(path).exists():
        return []
    with closing(sqlite3.connect(path)) as connection:
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'regrow_queues'").fetchone():
            problems += [
                f"queue {name}: the counters say {live} live, {dead} dead; there are {lives}, {deads}"
                for name, live, lives, dead, deads in connection.execute(COUNTERS)
                if (live, dead) != (lives, deads)
            ]
    return problems


class Examiner:
    """Works off an opened store."""

    def __init__(self, store: Store, ledger: Ledger, clock: Clock) -> None:
        self.store = store
        self.ledger = ledger
        self.clock = clock
        self.queues = sorted({*QUEUES, *[known.queue for known in ledger.jobs.values()]})

    def ask(self, *ops: Op) -> Done:
        now = self.clock()
        self.ledger.add(asked(ops, now.monotonic, now.wall))
        done = self.store.run(ops, self.clock)
        self.ledger.add(answered(ops, done.results, now.monotonic, now.wall))
        return done

    def records(self) -> list[Any]:
        [records] = results_of(self.store, self.clock, Show(after=0, count=100_000))
        return list(records)

    def run(self, *, reboot: bool = False) -> None:
        self.ledger.compare(self.records(), reboot=reboot)
        self.put_keys_again()
        self.ask(*[Resume(queue) for queue in self.queues])
        self.work_off()
        self.look_at_the_end()

    def put_keys_again(self) -> None:
        """A key of a live job still holds."""
        for known in [*self.ledger.jobs.values()]:
            if known.key is not None and known.states == {"live"}:
                [[stored]] = list[Any](self.ask(Put(known.queue, (NewJob(b"again", key=known.key),))).results)
                if stored != (known.id, True):
                    self.ledger.faults.append(f"a put with the key {known.key!r} of job {known.id} got {stored}")

    def work_off(self) -> None:
        for _ in range(10 + 2 * len(self.ledger.jobs)):
            done = self.ask(*[Claim(queue, 10, 30.0, HOLDER) for queue in self.queues])
            claimed = [each for result in list[Any](done.results) for each in result]
            if claimed:
                self.acknowledge(claimed)
            elif done.due is not None:
                self.clock.advance(done.due + 0.001)
            else:
                return
        self.ledger.faults.append("the work does not end")

    def acknowledge(self, claimed: list[Any]) -> None:
        """Acknowledge jobs, first with each token that an earlier holder has."""
        stale = [Ack(job.queue, job.id, token) for job in claimed for token in self.ledger.jobs[job.id].tokens[:-1]]
        if stale:
            self.ask(*stale)
        self.ask(*[Ack(job.queue, job.id, job.token) for job in claimed])

    def look_at_the_end(self) -> None:
        left = [known.id for known in self.ledger.jobs.values() if known.states == {"live"}]
        if left:
            self.ledger.faults.append(f"jobs {left} were never handed out")
        counts = results_of(self.store, self.clock, *[Count(queue) for queue in self.queues])
        if any(counts):
            self.ledger.faults.append(f"counts of live jobs at the end: {counts}")
        [stats] = results_of(self.store, self.clock, ReadStats())
        for queue, each in stats.items():
            dead = sum("dead" in known.states and known.queue == queue for known in self.ledger.jobs.values())
            if each.dead != dead or each.ready or each.delayed or each.leased or each.blocked:
                self.ledger.faults.append(f"stats at the end: {each} of {queue}, with {dead} known dead")
        self.ask(Put(QUEUES[0], (NewJob(b"new"),)))
