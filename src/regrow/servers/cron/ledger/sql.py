"""The statements of a ledger's tables, the same for SQLite 3.35 and PostgreSQL 12.

Moments are microseconds since 1970 in 64 bits, leases seconds. `BIGINT` and `DOUBLE PRECISION` are SQLite's INTEGER and
REAL by their names' parts. `{text}` orders texts by their bytes, as SQLite and Python do.
"""

from __future__ import annotations

from typing import Final

from regrow.servers.cron.rows import OUTCOMES, REASONS, JobRow, ProcessRow, TickRow

VERSION_KEY: Final = "cron_schema"
IS_OPEN: Final = "outcome IN ('waiting','running')"


def _words(words: tuple[str, ...]) -> str:
    return ",".join(f"'{word}'" for word in words)


# From a version, the statements that lead to the next. A version that was released is never changed.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE regrow_cron_jobs (ledger {text} NOT NULL, name {text} NOT NULL, schedule TEXT NOT NULL,
        anchor BIGINT NOT NULL, changed_at BIGINT NOT NULL, revision BIGINT NOT NULL DEFAULT 1,
        decided_until BIGINT NOT NULL, paused_at BIGINT, note TEXT NOT NULL DEFAULT '', seen_at BIGINT NOT NULL,
        PRIMARY KEY (ledger, name))""",
        f"""CREATE TABLE regrow_cron_ticks (ledger {{text}} NOT NULL, job {{text}} NOT NULL, scheduled_for BIGINT NOT NULL,
        due BIGINT NOT NULL, reason TEXT NOT NULL CHECK (reason IN ({_words(REASONS)})),
        outcome TEXT CHECK (outcome IN ({_words(OUTCOMES)})), attempt BIGINT NOT NULL DEFAULT 0, owner TEXT,
        fence BIGINT NOT NULL DEFAULT 0,
        cancel BIGINT NOT NULL DEFAULT 0, started_at BIGINT, finished_at BIGINT, error TEXT, because BIGINT,
        ticks BIGINT NOT NULL DEFAULT 1, until BIGINT, traceparent TEXT, PRIMARY KEY (ledger, job, scheduled_for))""",
        f"CREATE INDEX regrow_cron_open ON regrow_cron_ticks (ledger, job) WHERE {IS_OPEN}",
        """CREATE TABLE regrow_cron_processes (ledger {text} NOT NULL, owner {text} NOT NULL, host TEXT, pid BIGINT,
        started_at BIGINT, leased_at DOUBLE PRECISION, lease_until DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (ledger, owner))""",
    ),
)
TEXT: Final = {"sqlite": "TEXT", "postgres": 'TEXT COLLATE "C"'}
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(?, 14))"  # PostgreSQL: one process makes the tables

READ_META: Final = "SELECT value FROM regrow_queue_meta WHERE key = ?"
SET_META: Final = """INSERT INTO regrow_queue_meta (key, value) VALUES (?, ?)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
COUNT_CHANGE: Final = """INSERT INTO regrow_queue_meta (key, value) VALUES (?, '1') ON CONFLICT (key)
    DO UPDATE SET value = CAST(CAST(regrow_queue_meta.value AS BIGINT) + 1 AS TEXT)"""


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _set(columns: tuple[str, ...]) -> str:
    return ", ".join(f"{column} = excluded.{column}" for column in columns)


_JOB: Final = ", ".join(JobRow._fields)
_TICK: Final = ", ".join(TickRow._fields)
_PROCESS: Final = ", ".join(ProcessRow._fields)

JOBS: Final = f"SELECT {_JOB} FROM regrow_cron_jobs WHERE ledger = ?"
SOME_JOBS: Final = f"{JOBS} AND name IN "
PUT_JOB: Final = f"""INSERT INTO regrow_cron_jobs (ledger, {_JOB}) VALUES ({_marks(1 + len(JobRow._fields))})
    ON CONFLICT (ledger, name) DO UPDATE SET {_set(JobRow._fields[1:])}"""
FORGET_JOB: Final = "DELETE FROM regrow_cron_jobs WHERE ledger = ? AND name = ? RETURNING 1"
COUNT_TICKS: Final = "SELECT count(*) FROM regrow_cron_ticks WHERE ledger = ? AND job = ?"
FORGET_TICKS: Final = "DELETE FROM regrow_cron_ticks WHERE ledger = ? AND job = ?"

TICK: Final = f"SELECT {_TICK} FROM regrow_cron_ticks WHERE ledger = ? AND job = ? AND scheduled_for = ?"
OPEN_TICKS: Final = f"SELECT {_TICK} FROM regrow_cron_ticks WHERE ledger = ? AND {IS_OPEN}"
SOME_OPEN: Final = f"{OPEN_TICKS} AND job IN "
INSERT_ROW: Final = f"({_marks(1 + len(TickRow._fields))})"
INSERT: Final = f"INSERT INTO regrow_cron_ticks (ledger, {_TICK}) VALUES "
INSERTED: Final = " ON CONFLICT DO NOTHING RETURNING job, scheduled_for"
UPDATE: Final = f"""UPDATE regrow_cron_ticks SET {", ".join(f"{column} = ?" for column in TickRow._fields[2:])}
    WHERE ledger = ? AND job = ? AND scheduled_for = ?"""
HISTORY: Final = f"SELECT {_TICK} FROM regrow_cron_ticks WHERE ledger = ? ORDER BY scheduled_for DESC, job LIMIT ?"
HISTORY_OF: Final = (
    f"SELECT {_TICK} FROM regrow_cron_ticks WHERE ledger = ? AND job = ? ORDER BY scheduled_for DESC LIMIT ?"
)
LAST: Final = f"""SELECT {", ".join(f"t.{column}" for column in TickRow._fields)} FROM regrow_cron_jobs j
    JOIN regrow_cron_ticks t ON t.ledger = j.ledger AND t.job = j.name AND t.scheduled_for = (
        SELECT l.scheduled_for FROM regrow_cron_ticks l WHERE l.ledger = j.ledger AND l.job = j.name
        AND l.outcome IS NOT NULL ORDER BY l.scheduled_for DESC LIMIT 1)
    WHERE j.ledger = ? ORDER BY j.name"""
DONE: Final = """SELECT scheduled_for FROM regrow_cron_ticks WHERE ledger = ? AND job = ? AND scheduled_for >= ?
    AND scheduled_for < ? AND outcome IN ('succeeded','enqueued','waiting','running')"""
PRUNE: Final = f"""DELETE FROM regrow_cron_ticks WHERE ledger = ? AND job = ? AND scheduled_for <= (
        SELECT scheduled_for FROM regrow_cron_ticks WHERE ledger = ? AND job = ?
        ORDER BY scheduled_for DESC LIMIT 1 OFFSET ?)
    AND (outcome IS NULL OR NOT {IS_OPEN})"""

PROCESSES: Final = f"SELECT {_PROCESS} FROM regrow_cron_processes WHERE ledger = ? ORDER BY owner"
PUT_PROCESS: Final = f"""INSERT INTO regrow_cron_processes (ledger, {_PROCESS})
    VALUES ({_marks(1 + len(ProcessRow._fields))})
    ON CONFLICT (ledger, owner) DO UPDATE SET {_set(ProcessRow._fields[1:])}"""
DELETE_PROCESS: Final = "DELETE FROM regrow_cron_processes WHERE ledger = ? AND owner = ?"
