"""`regrow queue tail`: new jobs and changes of state, one on each line.

The store is read at most ten times a second, and only if another process has written or a second has passed. A look reads
the jobs that are followed, by id, and those with greater ids than the greatest so far. Of many jobs those with the smallest
ids are followed, for they are claimed first; as they end, the next ones take their places.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from math import isfinite
from typing import Any, Final

from regrow.cli.project import Problem
from regrow.cli.queue_store import OpenStore, times
from regrow.cli.queue_text import Payload, columns, cut, dumps, error_as_data, error_line, lasting, plain
from regrow.servers.queue.ops import Record, Show

FEWEST_SECONDS: Final = 0.1  # between two looks
MOST_SECONDS: Final = 1.0  # until a look without a sign of another process
SHARE: Final = 5.0  # a look of one second is followed by a pause of so many
MOST_FOLLOWED: Final = 1_000  # live jobs, and as many dead ones
PAGE: Final = 500  # jobs that are read at once
PAGES: Final = 4  # of jobs to follow, in one look


class Change:
    """A new job, or a change of a job's state.

    Attributes:
        was: the job before; None for a new one.
        now: the job; None if it is gone.
    """

    def __init__(self, was: Record | None, now: Record | None) -> None:
        self.was = was
        self.now = now

    @property
    def job(self) -> Record:
        """The job as it was seen last."""
        last = self.now or self.was
        assert last is not None
        return last

    @property
    def failed(self) -> bool:
        """Whether an attempt has failed since the last look."""
        before = () if self.was is None else self.was.errors
        return self.now is not None and bool(self.now.errors) and self.now.errors != before

    def line(self, wall: float, *, reveal: bool) -> str:
        """Return the change as a line of text."""
        stamp = datetime.fromtimestamp(wall).astimezone().strftime("%H:%M:%S")
        return f"{stamp}  {plain(self.job.queue)}  {self.job.id}  {self.words(wall, reveal=reveal)}"

    def words(self, wall: float, *, reveal: bool) -> str:
        """Return the change in words, without the job."""
        job = self.job
        if self.now is None:
            return "done" if job.state == "leased" else f"gone; it was {job.state}"
        if self.was is not None and self.was.queue != job.queue:
            return f"moved from {plain(self.was.queue)}"
        text: str = job.state
        if job.state == "leased":
            text = f"leased by {plain(job.holder or 'an unknown holder')}, attempt {job.attempts} of {job.max_attempts}"
        elif job.state == "delayed" and job.due_at > wall:
            text = f"delayed for {lasting(job.due_at - wall)}"
        if self.was is None:
            return f"{'put' if job.state == 'ready' else f'put, {text}'}: {Payload(job.payload, reveal=reveal).line()}"
        if self.failed:
            text += f", attempt {job.errors[-1].attempt} failed: {plain(error_line(job.errors, reveal=reveal) or '')}"
        return text

    def data(self, wall: float, *, reveal: bool) -> dict[str, Any]:
        """Return the change as JSON."""
        job = self.job
        fields = {
            "at": round(wall, 3),
            "queue": job.queue,
            "id": job.id,
            "was": None if self.was is None else self.was.state,
            "state": "gone" if self.now is None else job.state,
            "attempts": job.attempts,
            "max_attempts": job.max_attempts,
            "holder": job.holder if self.now is not None and job.state == "leased" else None,
            "error": error_as_data(job.errors[-1], reveal=reveal) if self.failed else None,
        }
        return fields if self.was is not None else fields | Payload(job.payload, reveal=reveal).fields()


class Follower:
    """The jobs that are followed, and what changes of them from one look to the next.

    Args:
        seen: the store.
        name: a queue; None for all.
    """

    def __init__(self, seen: OpenStore, name: str | None) -> None:
        self.seen = seen
        self.name = name
        self.live: dict[int, Record] = {}
        self.dead: dict[int, Record] = {}  # they may be retried
        self.newest: int = last_id(lambda after: bool(seen.ask(Show(after=after, count=1))))
        self.reached: int = 0  # jobs up to this id are followed, or have ended, or are dead
        self.fill()

    def look(self) -> list[Change]:
        """Return the changes since the last look."""
        changes = [*self.changed(), *self.new()]
        self.fill()
        return changes

    def changed(self) -> list[Change]:
        """Return the changes of the jobs that are followed."""
        changes: list[Change] = []
        jobs = self.live | self.dead
        ids = list(jobs)
        for first in range(0, len(ids), PAGE):
            page = ids[first : first + PAGE]
            for number, found in zip(page, self.seen.ask_all([Show(id=one) for one in page]), strict=True):
                was, now = jobs[number], found[0] if found and found[0].state != "done" else None
                if now is None:
                    self.live.pop(number, None)
                    self.dead.pop(number, None)
                else:
                    self.keep(now)
                if now is None or (now.state, now.token, now.queue) != (was.state, was.token, was.queue):
                    changes.append(Change(was, now))
        return changes

    def new(self) -> list[Change]:
        """Return the jobs that have been put since the last look, and follow them if none is waiting to be followed."""
        changes: list[Change] = []
        while True:
            page: list[Record] = self.seen.ask(Show(self.name, after=self.newest, count=PAGE))
            for job in page:
                self.follow(job)
            changes += [Change(None, job) for job in page if job.state != "done"]
            if page:
                self.newest = page[-1].id
            if len(page) < PAGE:
                return changes

    def follow(self, job: Record) -> None:
        """Follow a new job, if all older ones are followed and there is room."""
        if self.reached == self.newest and self.room() > 0:
            self.keep(job)
            self.reached = self.newest = job.id

    def fill(self) -> None:
        """Follow older jobs while there is room."""
        for _ in range(PAGES):
            room = min(PAGE, self.room())
            if room <= 0 or self.reached >= self.newest:
                return
            page: list[Record] = self.seen.ask(Show(self.name, after=self.reached, count=room))
            for job in page:
                if job.id <= self.newest:
                    self.keep(job)
            self.reached = min(page[-1].id, self.newest) if page else self.newest

    def keep(self, job: Record) -> None:
        """Follow a job, unless it is done; the oldest of many dead ones is dropped."""
        if job.state == "done":
            return
        kept, other = (self.dead, self.live) if job.state == "dead" else (self.live, self.dead)
        other.pop(job.id, None)
        kept[job.id] = job
        if len(self.dead) > MOST_FOLLOWED:
            del self.dead[next(iter(self.dead))]

    def room(self) -> int:
        """Return how many more live jobs may be followed."""
        return MOST_FOLLOWED - len(self.live)


def last_id(any_after: Callable[[int], bool]) -> int:
    """Return the greatest id in a store, found by halves.

    Args:
        any_after: whether there is a job with a greater id.
    """
    if not any_after(0):
        return 0
    least, most = 1, 2
    while any_after(most):
        least, most = most, 2 * most
    while least < most:  # the greatest id is in this range
        middle = (least + most) // 2
        least, most = (middle + 1, most) if any_after(middle) else (least, middle)
    return least


def follow(seen: OpenStore, name: str | None, seconds: float | None, *, reveal: bool, as_json: bool) -> None:
    """Print new jobs and changes of state until Ctrl-C, or for a number of seconds.

    Raises:
        Problem: there is no such queue, or the number of seconds is not finite.
    """
    if seconds is not None and not isfinite(seconds):
        raise Problem(f"--seconds: wanted a number of seconds, 0 or more; got {seconds}")
    if name is not None:
        seen.queue(name)
    with suppress(KeyboardInterrupt):
        _follow(Follower(seen, name), seconds, reveal=reveal, as_json=as_json)


def _follow(follower: Follower, seconds: float | None, *, reveal: bool, as_json: bool) -> None:
    whose = "all queues" if follower.name is None else plain(follower.name)
    print(f"following {whose} of {follower.seen.name}; Ctrl-C ends it", file=sys.stderr, flush=True)
    looked = times().monotonic
    ends = looked + seconds if seconds is not None else float("inf")
    while (now := times().monotonic) < ends:
        time.sleep(min(FEWEST_SECONDS, ends - now))
        begun = times().monotonic
        if begun < ends and not follower.seen.store.changed() and begun - looked < MOST_SECONDS:
            continue
        wall = times().wall
        for change in follower.look():
            show(change, wall, reveal=reveal, as_json=as_json)
        sys.stdout.flush()
        looked = times().monotonic
        time.sleep(max(0.0, min(MOST_SECONDS, SHARE * (looked - begun), ends - looked)))


def show(change: Change, wall: float, *, reveal: bool, as_json: bool) -> None:
    """Print a change as a line of text, or of JSON."""
    if as_json:
        print(dumps(change.data(wall, reveal=reveal)))
    else:
        print(cut(change.line(wall, reveal=reveal), columns(sys.stdout)))
