"""An outside ledger: what a store has acknowledged, and the faults that later answers of the store show.

It knows nothing of a store but its requests and their answers. A request without an answer has an unknown outcome: it may
have happened, or not. An entry is made of plain values, so that a process can send it through a pipe as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from regrow.servers.queue.errors import LeaseLost, QueueError, StoreFull
from regrow.servers.queue.job import MOST_ERRORS
from regrow.servers.queue.ops import Ack, Cancel, Claim, Extend, Nack, Op, Purge, Put, Record, Retry

Entry = dict[str, Any]
Fact = list[Any]

ORDER: Final = ("ack", "nack", "extend", "put", "retry", "cancel", "purge", "other", "claim")
LOST: Final = "lost"  # an answer: the lease was over
LIVE: Final = frozenset({"ready", "delayed", "blocked", "leased"})


def asked(ops: Sequence[Op], at: float, wall: float) -> Entry:
    """Return the entry of requests that a store is about to get."""
    return {"at": at, "wall": wall, "ops": [fact_of(op) for op in ops], "results": None}


def answered(ops: Sequence[Op], results: Sequence[Any], at: float, wall: float) -> Entry:
    """Return the entry of requests that a store has answered."""
    return asked(ops, at, wall) | {"results": [plain(result) for result in results]}


def failed(at: float, wall: float) -> Entry:
    """Return the entry of requests that a store has refused: nothing of them was stored."""
    return {"at": at, "wall": wall, "ops": [], "results": None, "failed": True}


def fact_of(op: Op) -> Fact:
    match op:
        case Put(queue, jobs):
            return [
                "put",
                queue,
                [[job.payload.decode(), job.group, job.key, job.delay, job.max_attempts] for job in jobs],
            ]
        case Claim(queue, count, lease):
            return ["claim", queue, count, lease]
        case Ack(_, id, token):
            return ["ack", id, token]
        case Nack(_, id, token, verdict, delay, error):
            return ["nack", id, token, verdict, delay, None if error is None else error.message]
        case Extend(_, leases, lease):
            return ["extend", [list(pair) for pair in leases], lease]
        case Retry(queue, ids):
            return ["retry", queue, list(ids)]
        case Cancel(_, id):
            return ["cancel", id]
        case Purge(queue, state):
            return ["purge", queue, state]
        case _:
            return ["other"]


def plain(result: Any) -> Any:
    match result:
        case LeaseLost():
            return LOST
        case StoreFull():
            return {"full": True}
        case QueueError():
            return {"error": repr(result)}
        case [*many]:
            return [plain(each) for each in many]
        case _ if hasattr(result, "lease_until"):
            return [result.id, result.token, result.attempt, result.lease_until, result.payload.decode()]
        case _ if hasattr(result, "duplicate"):
            return [result.id, result.duplicate]
        case _:
            return result


@dataclass(slots=True)
class Known:
    """What the ledger knows of a job.

    Attributes:
        state: "live", "dead" or "gone", as last acknowledged.
        may_be: the states to which requests of unknown outcome may have brought it.
        least: the number of attempts that the last acknowledged put, nack or retry left; claims may be forgotten.
        last: the number of the last attempt.
        tokens: all tokens that its holders got, the greatest last.
        token: that of the lease that was acknowledged and not ended; None without.
        until: the end of that lease, monotonic.
        due: Unix seconds before which it is not claimed.
        most: the most attempts.
    """

    id: int
    queue: str
    payload: str
    group: str | None
    key: str | None
    due: float
    most: int
    state: str = "live"
    may_be: set[str] = field(default_factory=set)
    least: int = 0
    last: int = 0
    tokens: list[int] = field(default_factory=list)
    token: int | None = None
    until: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def states(self) -> set[str]:
        """The states in which a look at the store may find it."""
        if self.state == "live" and self.last >= self.most:
            return {"live", "dead", *self.may_be}  # the end of its last lease is a matter of time
        return {self.state, *self.may_be}


class Ledger:
    """What the store has acknowledged so far.

    Attributes:
        jobs: by id.
        flying: the requests that have no answer.
        faults: what the answers showed, one line each.
    """

    def __init__(self) -> None:
        self.jobs: dict[int, Known] = {}
        self.flying: Entry | None = None
        self.puts_flying: list[tuple[str, list[list[Any]]]] = []  # puts of unknown outcome, until a look at the store
        self.faults: list[str] = []
        self.began = 0.0

    def add(self, entry: Entry) -> None:
        """Take a request, or its answer."""
        if entry["results"] is None:
            self.flying = None if "failed" in entry else entry
            return
        # With the clocks of the machine a commit is between its two entries, and its delays count from there.
        self.began = entry["wall"] if self.flying is None else self.flying["wall"]
        self.flying = None
        # A store applies the requests of one batch in this order, whatever theirs is.
        for fact, result in sorted(
            zip(entry["ops"], entry["results"], strict=True), key=lambda pair: ORDER.index(pair[0][0])
        ):
            if result == {"full": True}:
                continue
            if isinstance(result, dict):
                self.faults.append(f"{fact} failed: {result['error']}")
            else:
                self.take(fact, result, entry["at"], entry["wall"])

    def take(self, fact: Fact, result: Any, at: float, wall: float) -> None:
        match fact, result:
            case ["put", queue, jobs], [*ids]:
                for job, (id, duplicate) in zip(jobs, ids, strict=True):
                    self.put(queue, job, id, duplicate, self.began)
            case ["claim", queue, _, _], [*claimed]:
                for id, token, attempt, until, payload in sorted(claimed):
                    self.claimed(queue, id, token, attempt, until, payload, at, wall)
            case ["ack", id, token], "lost":
                self.refused("ack", id, token, at)
            case ["ack", id, token], None:
                self.held("ack", id, token, at).state = "gone"
            case ["nack", id, token, *_], "lost":
                self.refused("nack", id, token, at)
            case ["nack", id, token, verdict, delay, error], state:
                self.nacked(self.held("nack", id, token, at), verdict, delay, error, state, self.began)
            case ["extend", [*pairs], _], [*ends]:
                for (id, token), end in zip(pairs, ends, strict=True):
                    if end is None:
                        self.refused("extend", id, token, at)
                    elif (known := self.jobs.get(id)) is not None and known.token == token:
                        known.until = end
            case ["cancel", id], True:
                self.jobs[id].state = "gone"
            case ["retry", _, [id]], 1:
                self.jobs[id] = replace(self.jobs[id], state="live", least=0, last=0, due=0.0, key=None)
            case _:
                pass

    def put(self, queue: str, job: list[Any], id: int, duplicate: bool, wall: float) -> None:
        payload, group, key, delay, most = job
        if duplicate:
            first = self.jobs.get(id)
            if first is None or "live" not in first.states:
                self.faults.append(f"put {payload} is a duplicate of job {id}, which does not live")
            return
        if id in self.jobs:
            self.faults.append(f"put {payload} got the id {id} of another job")
        for other in self.jobs.values():
            if key is not None and (other.queue, other.key) == (queue, key) and other.states == {"live"}:
                self.faults.append(f"put {payload} has the key {key!r} of job {other.id}, which lives")
        self.jobs[id] = Known(id, queue, payload, group, key, wall + delay, most)

    def claimed(
        self, queue: str, id: int, token: int, attempt: int, until: float, payload: str, at: float, wall: float
    ) -> None:
        known = self.jobs.get(id)
        if known is None:
            self.faults.append(f"job {id} ({payload}) was claimed but never put")
            known = self.jobs[id] = Known(id, queue, payload, None, None, 0.0, attempt)
        if known.states == {"gone"}:
            self.faults.append(f"job {id} was handed out again after it was acknowledged as done")
        if known.states == {"dead"}:
            self.faults.append(f"job {id} was handed out from the dead letters")
        if known.payload != payload:
            self.faults.append(f"job {id} has the payload {payload}, not {known.payload}")
        if known.token is not None and at < known.until:
            self.faults.append(f"job {id} has two valid leases: {known.token} until {known.until}, and {token} at {at}")
        if known.tokens and token <= max(known.tokens):
            self.faults.append(f"job {id} got the token {token} after {max(known.tokens)}")
        if wall < known.due:
            self.faults.append(f"job {id} was claimed {known.due - wall:.3f} s before it was due")
        if not known.least < attempt <= known.last + 1:
            self.faults.append(f"job {id}: attempt {attempt} after {known.least} to {known.last}")
        for other in self.jobs.values():
            if (
                other.group is not None
                and (other.queue, other.group) == (known.queue, known.group)
                and (
                    (other.id < id and other.states == {"live"})
                    or (other.id != id and other.token is not None and at < other.until)
                )
            ):
                self.faults.append(f"job {id} of group {known.group} was claimed before job {other.id} was done")
        known.state, known.may_be = "live", set()
        known.tokens.append(token)
        known.token, known.until = token, until
        known.last = attempt

    def nacked(self, known: Known, verdict: str, delay: float, error: str | None, state: str, wall: float) -> None:
        known.state = "dead" if state == "dead" else "live"
        known.key = None if state == "dead" else known.key
        known.due = wall + delay if verdict in {"retry", "snooze"} else known.due
        known.last -= 1 if verdict in {"snooze", "release"} else 0
        known.least = known.last
        if error is not None:
            known.errors.append(error)

    def held(self, what: str, id: int, token: int, at: float) -> Known:
        """Return a job whose lease was ended with success, and note a fault if that must not be."""
        known = self.jobs[id]
        if token != known.token:
            self.faults.append(f"{what} of job {id} with the old token {token} was accepted")
        elif at >= known.until:
            self.faults.append(f"{what} of job {id} was accepted after its lease")
        known.token, known.may_be = None, set()
        return known

    def refused(self, what: str, id: int, token: int, at: float) -> None:
        known = self.jobs[id]
        if known.token == token and at < known.until and not known.may_be:
            self.faults.append(f"{what} of job {id} was refused within its lease")

    # After a crash

    def join(self, other: Ledger) -> None:
        """Take over the ledger of another process, whose queues are different."""
        self.jobs |= other.jobs
        self.puts_flying += other.puts_flying
        self.faults += other.faults

    def copy(self) -> Ledger:
        new = Ledger()
        new.jobs = {
            id: replace(known, may_be={*known.may_be}, tokens=[*known.tokens], errors=[*known.errors])
            for id, known in self.jobs.items()
        }
        new.flying, new.puts_flying, new.faults = self.flying, [*self.puts_flying], [*self.faults]
        return new

    def settle(self, *, reboot: bool) -> None:
        """Note what the requests without an answer may have done. A reboot ends all leases."""
        flying, self.flying = self.flying, None
        facts: list[Any] = [] if flying is None else flying["ops"]
        for fact in facts:
            match fact:
                case ["put", queue, jobs]:
                    self.puts_flying.append((queue, jobs))
                case ["claim", queue, *_]:
                    for known in self.jobs.values():
                        known.last += known.queue == queue and known.state == "live"
                case ["ack", id, _] | ["cancel", id]:
                    self.maybe(id, "gone")
                case ["nack", id, _, verdict, _, _]:
                    self.maybe(id, "dead", "live")
                    self.jobs[id].least -= 1 if verdict in {"snooze", "release"} else 0
                case ["retry", _, ids]:
                    for id in ids:
                        self.maybe(id, "live", "dead")
                        self.jobs[id].least, self.jobs[id].due = 0, 0.0
                case ["extend", pairs, _]:
                    for id, _ in pairs:
                        self.jobs[id].until = min(self.jobs[id].until, flying["at"] if flying else 0.0)
                case _:
                    pass
        if reboot:
            for known in self.jobs.values():
                known.token = None

    def maybe(self, id: int, *states: str) -> None:
        known = self.jobs[id]
        known.may_be |= {*states}
        known.token = None

    def compare(self, records: Sequence[Record], *, reboot: bool = False) -> None:
        """Compare the jobs that a store has after a crash, and settle what was unknown."""
        if reboot:
            leased = [record.id for record in records if record.state == "leased"]
            self.faults += [f"job {id} is still leased after a reboot" for id in leased]
        found = {record.id: record for record in records}
        for id, known in self.jobs.items():
            record = found.pop(id, None)
            state = "gone" if record is None or record.state == "done" else "dead" if record.state == "dead" else "live"
            if state not in known.states:
                self.faults.append(f"job {id} ({known.payload}) is {state}, acknowledged as {known.state}")
            known.state, known.may_be = state, set()
            if record is not None and record.state != "done":
                self.compare_content(known, record)
        for queue, jobs in self.puts_flying:
            self.compare_put(queue, jobs, found)
        self.puts_flying = []
        self.faults += [f"job {record.id} ({record.payload!r}) was never put" for record in found.values()]

    def compare_content(self, known: Known, record: Record) -> None:
        same = (known.queue, known.payload, known.group) == (record.queue, record.payload.decode(), record.group)
        if not same or (known.key is not None and known.state == "live" and record.key != known.key):
            self.faults.append(f"job {known.id} is another: {record}, not {known}")
        messages = [error.message for error in record.errors]
        if len(messages) < MOST_ERRORS:
            missing = [error for error in known.errors if error not in messages]
            self.faults += [f"job {known.id} has lost the report {error!r}" for error in missing]

    def compare_put(self, queue: str, jobs: list[list[Any]], found: dict[int, Record]) -> None:
        """Take the jobs of a put of unknown outcome into the ledger: all of them, or none."""
        ids = {record.payload.decode(): id for id, record in sorted(found.items()) if record.queue == queue}
        stored = [ids[job[0]] for job in jobs if job[0] in ids]
        if len(stored) < len(jobs) and stored and not any(job[2] for job in jobs):
            self.faults.append(f"{len(stored)} of {len(jobs)} jobs of one put were stored")
        if stored != sorted(stored):
            self.faults.append(f"the jobs of one put got ids out of order: {stored}")
        for payload, group, key, _, most in jobs:
            if payload in ids:
                record = found.pop(ids[payload])
                self.jobs[record.id] = Known(
                    record.id, queue, payload, group, key, record.due_at, most, last=record.attempts
                )
