"""A process that puts and performs jobs on a file that it shares with others, and what is wrong with their reports.

The monotonic clock is that of the machine, so the times of several processes compare. The end of a lease says when its
claim was committed; for other requests the times before and after the answer are known.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from regrow.servers.queue.errors import LeaseLost
from regrow.servers.queue.ops import Ack, Claim, Count, NewJob, Put
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.store import Store, Times
from tests.servers.queue.proofs.broken import BROKEN
from tests.servers.queue.proofs.power import connects
from tests.servers.queue.proofs.workload import HOLDER, results_of

BOUND: Final = 30
LONG: Final = 30.0  # seconds of a lease that does not end meanwhile
SHORT: Final = 0.02
RATE: Final = Rate(100, burst=4)
QUEUES: Final = ("plain", "limited", "short")
FILLED: Final = "filled"  # each process fills it to its bound, and performs a job of it only when it is full


def clocks() -> Times:
    return Times(time.time(), time.monotonic())


class Sharer:
    """The work of one process: it puts its jobs, and performs those of all until none is left."""

    def __init__(self, store: Store, name: str, jobs: int) -> None:
        self.store = store
        self.name = name
        self.left = jobs
        self.to_fill = jobs
        self.random = Random(name)
        self.reports: list[Any] = []

    def run(self, seconds: float) -> None:
        """Work until no job is left, or for so many seconds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and (
            self.left
            or self.to_fill
            or any(results_of(self.store, clocks, *[Count(queue) for queue in (*QUEUES, FILLED)]))
        ):
            if self.left and self.put(self.random.choice(QUEUES), self.random.choice((None, "a", "b"))):
                self.left -= 1
            if self.to_fill and self.put(FILLED, None):
                self.to_fill -= 1
            else:
                self.perform(FILLED)
            for queue in QUEUES:
                self.perform(queue)

    def put(self, queue: str, group: str | None) -> bool:
        """Put a job, and return whether there was room for it."""
        asked = time.monotonic()
        [put] = results_of(self.store, clocks, Put(queue, (NewJob(b"x", group=group, max_attempts=1_000),), BOUND))
        if put is not None:
            self.reports.append(["put", queue, put[0].id, group, asked, time.monotonic()])
        return put is not None

    def perform(self, queue: str) -> None:
        lease = SHORT if queue == "short" else LONG
        rate = RATE if queue == "limited" else None
        [claimed] = results_of(self.store, clocks, Claim(queue, self.random.choice((1, 3)), lease, HOLDER, rate))
        for job in claimed:
            self.reports.append(
                ["claim", queue, job.id, job.group, job.lease_until - lease, job.lease_until, job.token]
            )
        for job in claimed:
            if queue == "short" and self.random.random() < 0.2:
                time.sleep(self.random.choice((0.01, 0.03)))
            asked = time.monotonic()
            [answer] = results_of(self.store, clocks, Ack(queue, job.id, job.token))
            lost = isinstance(answer, LeaseLost)
            self.reports.append(["lost" if lost else "ack", queue, job.id, job.token, asked, time.monotonic()])


def main() -> None:
    path, name, jobs, seconds, broken_name = sys.argv[1:]
    broken = BROKEN[broken_name]
    store = broken.make(path, connects(broken.rewrite))
    store.open(clocks)
    print("open", flush=True)
    sys.stdin.readline()
    sharer = Sharer(store, name, int(jobs))
    sharer.run(float(seconds))
    store.close()
    # A pipe would hold up the process until it is read.
    reports_of(path, name).write_text(json.dumps(sharer.reports), encoding="utf-8")


def reports_of(path: str | Path, name: str) -> Path:
    """Return the file with the reports of a process."""
    return Path(f"{path}.{name}.json")


# What the reports show


class Claimed(NamedTuple):
    """A claim, with the time of its commit, and the time before which its ack was not asked for; None without."""

    queue: str
    id: int
    group: str | None
    at: float
    until: float
    token: int
    acked: tuple[float, float] | None


def faults_of(reports: Sequence[Any], *, pause: tuple[float, float] | None = None) -> list[str]:
    """Return what is wrong with the reports of all processes together, one line each.

    Args:
        reports: of all processes.
        pause: when the answer to a pause of the queue "plain" came, and when its end was asked for.
    """
    puts = sorted((asked, answered, id) for kind, _, id, _, asked, answered, *_ in reports if kind == "put")
    acks = {(id, token): (asked, answered) for kind, _, id, token, asked, answered, *_ in reports if kind == "ack"}
    claims = [
        Claimed(queue, id, group, at, until, token, acks.get((id, token)))
        for kind, queue, id, group, at, until, token in (report for report in reports if len(report) == 7)
        if kind == "claim"
    ]
    claims.sort(key=lambda claim: (claim.at, claim.token))
    faults = [
        f"ids {earlier[2]}, {later[2]} are not in order"
        for earlier, later in pairwise(puts)
        if not in_order(earlier, later)
    ]
    faults += faults_of_jobs({id for _, _, id in puts}, claims)
    faults += faults_of_groups(claims)
    limited = [claim.at for claim in claims if claim.queue == "limited"]
    for first, start in enumerate(limited):
        for last in range(first, len(limited)):
            if last - first + 1 > RATE.size + RATE.speed * (limited[last] - start) + 1e-3:
                faults.append(f"{last - first + 1} claims in {limited[last] - start:.4f} s")
    if pause is not None:
        faults += [
            f"a claim at {claim.at} of a queue that was paused from {pause[0]} to {pause[1]}"
            for claim in claims
            if claim.queue == "plain" and pause[0] < claim.at < pause[1]
        ]
    return faults


def in_order(earlier: tuple[float, float, int], later: tuple[float, float, int]) -> bool:
    return earlier[1] > later[0] or earlier[2] < later[2]


def faults_of_jobs(ids: set[int], claims: list[Claimed]) -> list[str]:
    faults: list[str] = []
    of_job: defaultdict[int, list[Claimed]] = defaultdict(list)
    for claim in claims:
        of_job[claim.id].append(claim)
    for id, found in of_job.items():
        for one, next_one in pairwise(found):
            if one.acked is not None:
                faults.append(f"job {id} was claimed again after its ack")
            elif next_one.at < one.until - 1e-6:
                faults.append(f"job {id} has two valid leases: until {one.until}, and from {next_one.at}")
            if next_one.token <= one.token:
                faults.append(f"job {id} got the token {next_one.token} after {one.token}")
        if found[-1].acked is None:
            faults.append(f"job {id} was never acknowledged")
        elif found[-1].acked[0] >= found[-1].until:
            faults.append(f"job {id} was acknowledged after its lease")
    faults += [f"job {id} was put and never claimed" for id in ids - of_job.keys()]
    faults += [f"job {id} was claimed and never put" for id in of_job.keys() - ids]
    return faults


def faults_of_groups(claims: list[Claimed]) -> list[str]:
    """A job of a group is claimed after the one before it was acknowledged."""
    faults: list[str] = []
    of_group: defaultdict[tuple[str, str], dict[int, list[Claimed]]] = defaultdict(lambda: defaultdict(list))
    for claim in claims:
        if claim.group is not None:
            of_group[claim.queue, claim.group][claim.id].append(claim)
    for (queue, group), jobs in of_group.items():
        for (one, found), (next_one, later) in pairwise(sorted(jobs.items())):
            done = found[-1].acked
            if done is None or later[0].at < done[0]:
                faults.append(f"job {next_one} of group {group} of {queue} was claimed before job {one} was done")
    return faults


if __name__ == "__main__":
    main()
