"""The states of the memory store's jobs: each change of a state is here, with the counts, keys and groups that follow."""

from __future__ import annotations

from regrow.servers.queue.memory.rows import LIVE, Line, Order, Queue, Row
from regrow.servers.queue.ops import State
from regrow.servers.queue.outcome import End, lease_over, left, with_error
from regrow.servers.queue.store import Times


class Jobs:
    """All jobs of a memory store.

    Attributes:
        queues: by their names.
        delayed, leased, dead, done: the rows of all queues in these states, by the time at which they leave them.
        short: queues with ready jobs that wait for a token of their rate.
        now: the time of the commit that runs.
        woke: queues in which its jobs have become ready.
        live_before: the live jobs of queues before its first change.
    """

    def __init__(self) -> None:
        self.queues: dict[str, Queue] = {}
        self.last_id = 0
        self.delayed: Order = Order("due_at", "delayed")
        self.leased: Order = Order("lease_until", "leased")
        self.dead: Order = Order("died_at", "dead")
        self.done: Order = Order("key_until", "done")
        self.short: dict[str, Queue] = {}
        self.now: Times = Times(0.0, 0.0)
        self.woke: set[str] = set()
        self.live_before: dict[str, int] = {}

    def begin_commit(self, now: Times) -> None:
        """Begin a commit at this time."""
        self.now = now
        self.woke = set()
        self.live_before = {}

    def freed(self) -> frozenset[str]:
        """Return the queues that have fewer live jobs than before the commit."""
        return frozenset(name for name, live in self.live_before.items() if self.queues[name].live < live)

    # States

    def queue(self, name: str) -> Queue:
        """Return a queue, which is made if it is new."""
        queue = self.queues.get(name)
        if queue is None:
            queue = self.queues[name] = Queue(name)
        return queue

    def _before(self, queue: Queue) -> None:
        """Remember the live jobs before the first change of a commit."""
        if queue.name not in self.live_before:
            self.live_before[queue.name] = queue.live

    def enter(self, row: Row, state: State) -> None:
        """Give a live row another live state."""
        queue = row.of
        queue.counts[row.state] -= 1
        queue.counts[state] += 1
        row.state = state
        if state == "ready":
            queue.ready.push(row)
            if queue.oldest is not None:
                queue.oldest.push(row)
            self.woke.add(queue.name)
        elif state == "delayed":
            self.delayed.push(row)

    def begin(self, row: Row) -> None:
        """Make a row live that was new, dead or in another queue."""
        queue = row.of
        self._before(queue)
        queue.live += 1
        queue.counts["blocked"] += 1
        row.state = "blocked"
        if row.group is not None:
            line = queue.lines.get(row.group)
            if line is None:
                line = queue.lines[row.group] = Line()
            line.rows.push(row)
        self._place(row)

    def _place(self, row: Row) -> None:
        """Give a live row, which has no lease, the state that its time and its group ask for."""
        if row.group is None:
            self.enter(row, "ready" if row.due_at <= self.now.wall else "delayed")
            return
        line = row.of.lines[row.group]
        if line.active is row:
            self.enter(row, "blocked")
            line.active = None
        self._settle(row.of, row.group, line)

    def _settle(self, queue: Queue, group: str, line: Line) -> None:
        """Block all jobs of a group but the oldest; a lease ends first."""
        active = line.active
        if active is not None and active.state == "leased":
            return
        head = line.rows.first()
        if head is None:
            del queue.lines[group]
        elif head is not active:
            if active is not None:
                self.enter(active, "blocked")
            line.active = head
            self.enter(head, "ready" if head.due_at <= self.now.wall else "delayed")

    def end(self, row: Row, state: State | None) -> None:
        """End the life of a live row; None deletes it."""
        queue = row.of
        self._before(queue)
        queue.live -= 1
        queue.counts[row.state] -= 1
        row.lease_until = row.leased_at = row.holder = None
        if state is None:
            row.state = "gone"
            del queue.rows[row.id]
        else:
            row.state = state
            queue.counts[state] += 1
        if row.key is not None and (state is None or row.key_states != "all" or row.key_is_over(self.now.wall)):
            self._clear_key(row)
        if row.group is not None:
            line = queue.lines[row.group]
            if line.active is row:
                line.active = None
            self._settle(queue, row.group, line)

    def bury(self, row: Row) -> None:
        """Send a live row to the dead letters."""
        row.died_at = self.now.wall
        self.end(row, "dead")
        row.of.bury(row.id)
        self.dead.push(row)

    def delete(self, row: Row) -> None:
        """Delete a row in any state."""
        if row.state in LIVE:
            self.end(row, None)
            return
        if row.state == "dead":
            row.of.unbury(row.id)
        row.of.counts[row.state] -= 1
        row.state = "gone"
        del row.of.rows[row.id]
        self._clear_key(row)

    def _clear_key(self, row: Row) -> None:
        if row.key is not None:
            del row.of.keys[row.key]
            row.key = None

    def keeper(self, queue: Queue, key: str) -> Row | None:
        """Return the row that has a key; a row whose window is over gives it up."""
        row = queue.keys.get(key)
        if row is None or not row.key_is_over(self.now.wall):
            return row
        if row.state == "done":
            self.delete(row)
        else:
            self._clear_key(row)
        return None

    # The sweep, and the next one

    def sweep(self) -> None:
        """Free leases that are over, make due jobs ready, and delete done rows whose window is over."""
        wall, monotonic = self.now
        while (row := self.leased.first()) is not None and row.lease_until is not None:
            if row.lease_until > monotonic:
                break
            self.lease_ended(row)
        while (row := self.delayed.first()) is not None and row.due_at <= wall:
            self.enter(row, "ready")
        while (row := self.done.first()) is not None and row.key_is_over(wall):
            self.delete(row)
        for name, queue in list(self.short.items()):
            if self._wait_for_rate(queue) == 0.0:
                del self.short[name]
                if queue.counts["ready"]:
                    self.woke.add(name)

    def lease_ended(self, row: Row) -> None:
        """Free a row whose lease is over."""
        error = lease_over(row.attempts, self.now.wall, row.holder)
        row.errors = with_error(row.errors, error)
        self.leave(row, "lease over", 0.0)

    def leave(self, row: Row, end: End, delay: float) -> None:
        """Take a row out of its lease."""
        state, row.attempts = left(end, row.attempts, row.max_attempts, delay)
        if state == "dead":
            self.bury(row)
            return
        row.lease_until = row.leased_at = row.holder = None
        wall = self.now.wall
        row.due_at = wall + delay if end in {"retry", "snooze"} else min(row.due_at, wall)
        self._place(row)

    def _wait_for_rate(self, queue: Queue) -> float:
        """Return the seconds until a queue has a token of the rate that it was short of."""
        rate = queue.short_of
        if rate is None:
            return 0.0
        return rate.wait(rate.level(queue.tokens, queue.tokens_at, self.now.monotonic))

    def due(self) -> float | None:
        """Return the seconds until the store has work by itself."""
        waits: list[float] = [
            self._wait_for_rate(queue)
            for queue in self.short.values()
            if queue.counts["ready"] and queue.paused is None
        ]
        due_at, lease_until = self.delayed.first_at(), self.leased.first_at()
        if due_at is not None:
            waits.append(due_at - self.now.wall)
        if lease_until is not None:
            waits.append(lease_until - self.now.monotonic)
        return max(0.0, min(waits)) if waits else None
