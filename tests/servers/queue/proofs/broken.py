"""Stores that lack one mechanism each. A proof has to find a fault in each of them, else it proves nothing.

mechanism                                       without it                       proof that notices
---------                                       ----------                       ------------------
commits with a put or an ack are synced         synchronous normal, off          power cut
acks are synced                                 acks unsynced                    power cut
a reply comes after the commit                  reply before the commit          power cut, kill
one transaction for a batch                     no transaction                   power cut, kill
an opening is counted, and synced               token without opens              power cut
an opening ends the leases of another boot      leases outlive a reboot          power cut
counters are of the transaction                 counters aside                   power cut
ids are never used again                        no AUTOINCREMENT                 power cut
the token of an ack is compared                 token not looked at              power cut, kill, clocks
a claim holds a lease                           claims hold no lease             kill, two processes
a lease that is over is freed                   leases never end                 kill, clocks
a claim counts as an attempt                    attempts not counted             poison
a job of a group waits for the one before it    groups do not wait               kill
the time is read under the write lock           time read before the lock        clocks
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from regrow.servers.queue.ops import UNSYNCED, Ack, Op
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Clocks, Done, Store
from tests.servers.queue.proofs.connection import Cursor, Rewrite

Connect = Callable[..., Any]


def intact(path: str, connect: Connect) -> Store:
    return SQLite(path, connect=connect)


def of(kind: type[SQLite]) -> Callable[[str, Connect], Store]:
    return lambda path, connect: kind(path, connect=connect)


@dataclass(frozen=True, slots=True)
class Broken:
    """A store without a mechanism.

    Attributes:
        make: makes it.
        rewrite: changes its statements.
    """

    make: Callable[[str, Connect], Store] = intact
    rewrite: Rewrite | None = None


def replaced(pattern: str, by: str) -> Rewrite:
    """Return a function that replaces a part of statements."""
    found = re.compile(pattern, re.IGNORECASE)
    return lambda sql: found.sub(by, sql)


def left_out(pattern: str) -> Rewrite:
    """Return a function that leaves statements out."""
    found = re.compile(pattern, re.IGNORECASE)
    return lambda sql: None if found.match(sql) else sql


class AcksUnsynced(SQLite):
    """Counts acks among what needs no sync."""

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        self.unsynced = all(isinstance(op, (*UNSYNCED, Ack)) for op in ops)
        return super().run(ops, clocks)

    @contextmanager
    def _writing(self, synced: bool) -> Generator[None]:
        with super()._writing(synced and not getattr(self, "unsynced", False)):
            yield


class WithoutOpens(SQLite):
    """Counts tokens from 1 after each opening."""

    def open(self, clocks: Clocks, /) -> None:
        super().open(clocks)
        self._opens = 0


class OpeningUnsynced(SQLite):
    """Does not sync the commit that counts an opening."""

    @contextmanager
    def _writing(self, synced: bool) -> Generator[None]:
        with super()._writing(synced and self._opens > 0):
            yield


class AnyToken(SQLite):
    """Accepts an ack with any token."""

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        assert self._connection is not None
        changed: list[Op] = []
        for op in ops:
            if isinstance(op, Ack):
                row = self._connection.execute("SELECT token FROM regrow_jobs WHERE id=?", (op.id,)).fetchone()
                changed.append(op if row is None else replace(op, token=row[0]))
            else:
                changed.append(op)
        return super().run(changed, clocks)


class EarlyTime(SQLite):
    """Reads the time before it waits for the write lock."""

    def open(self, clocks: Clocks, /) -> None:
        now = clocks()
        super().open(lambda: now)

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        now = clocks()
        return super().run(ops, lambda: now)


class Late:
    """A connection that commits when the next statement comes."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.owed = False

    @property
    def in_transaction(self) -> bool:
        return self.inner.in_transaction and not self.owed

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Any:
        if sql == "COMMIT":
            self.owed = True
            return Cursor([], -1)
        self.pay()
        return self.inner.execute(sql, parameters)

    def executemany(self, sql: str, rows: Any, /) -> Any:
        return self.inner.executemany(sql, rows)

    def pay(self) -> None:
        if self.owed:
            self.owed = False
            self.inner.execute("COMMIT")

    def close(self) -> None:
        self.pay()
        self.inner.close()


def late(path: str, connect: Connect) -> Store:
    return SQLite(path, connect=lambda path: Late(connect(path)))


BROKEN: Final[dict[str, Broken]] = {
    "": Broken(),
    "synchronous normal": Broken(rewrite=replaced("(PRAGMA synchronous) *=.*", r"\1=NORMAL")),
    "synchronous off": Broken(rewrite=replaced("(PRAGMA synchronous) *=.*", r"\1=OFF")),
    "acks unsynced": Broken(of(AcksUnsynced)),
    "reply before the commit": Broken(late),
    "no transaction": Broken(rewrite=left_out("BEGIN|COMMIT|ROLLBACK$")),
    "token without opens": Broken(of(WithoutOpens)),
    "opening unsynced": Broken(of(OpeningUnsynced)),
    "leases outlive a reboot": Broken(rewrite=replaced(r"leased_at *> *\?", r"leased_at>?+1e9")),
    "counters aside": Broken(rewrite=left_out("INSERT INTO regrow_queues\\(name, live, dead\\)")),
    "no AUTOINCREMENT": Broken(rewrite=replaced("AUTOINCREMENT", "")),
    "token not looked at": Broken(of(AnyToken)),
    "claims hold no lease": Broken(
        rewrite=replaced("UPDATE regrow_jobs SET state='leased'", "UPDATE regrow_jobs SET state='ready'")
    ),
    "leases never end": Broken(rewrite=replaced(r"\blease_until *<= *\?", r"lease_until<=?-1e9")),
    "attempts not counted": Broken(rewrite=replaced(r"(SET state='leased', attempts)=\?", r"\1=0*?")),
    "groups do not wait": Broken(rewrite=replaced("THEN 'blocked' ELSE", "THEN 'ready' ELSE")),
    "bound not counted": Broken(rewrite=replaced("SELECT live, paused", "SELECT 0, paused")),
    "rate not stored": Broken(rewrite=replaced("paused, tokens, tokens_at FROM", "paused, NULL, NULL FROM")),
    "pause not looked at": Broken(rewrite=replaced("live, paused, tokens", "live, NULL, tokens")),
    "time read before the lock": Broken(of(EarlyTime)),
}

# What each proof shows without a mechanism: words of the fault.

POWER_CUT: Final[dict[str, str]] = {
    "synchronous normal": "is gone, acknowledged as live",
    "synchronous off": "is gone, acknowledged as live",
    "acks unsynced": "acknowledged as gone",
    "reply before the commit": "is gone, acknowledged as live",
    "no transaction": "the counters say",
    "token without opens": "got the token",
    "leases outlive a reboot": "still leased after a reboot",
    "counters aside": "the counters say",
    "no AUTOINCREMENT": "of another job",
    "token not looked at": "was accepted",
}
KILL: Final[dict[str, str]] = {
    "reply before the commit": "is gone, acknowledged as live",
    "no transaction": "the counters say",
    "claims hold no lease": "has two valid leases",
    "leases never end": "were never handed out",
    "groups do not wait": "was claimed before job",
    "token not looked at": "was accepted",
}
TWO_PROCESSES: Final[dict[str, str]] = {
    "claims hold no lease": "two valid leases",
    "bound not counted": "whose bound is",
    "rate not stored": "claims in",
    "pause not looked at": "that was paused",
    "groups do not wait": "was claimed before job",
}
LOCK: Final[dict[str, tuple[str, ...]]] = {
    "time read before the lock": ("a claim at", "an ack at", "an opening ended"),
}
POISON: Final[dict[str, int]] = {"": 3, "attempts not counted": 10}  # claims of a job with three attempts
SECOND_CUT: Final[dict[str, str]] = {"opening unsynced": "got the token"}
PROOFS: Final[tuple[Mapping[str, object], ...]] = (
    POWER_CUT,
    SECOND_CUT,
    KILL,
    TWO_PROCESSES,
    LOCK,
    {name: claims for name, claims in POISON.items() if name},
)
