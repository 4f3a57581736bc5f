"""The problems and the facts of a SQLite store, for a person.

integrity_check   SQLite's view of the file: pages, indexes, unique keys
counters          live and dead jobs of each queue, as counted in the jobs
groups            one job of each group is not blocked, and a blocked job has a group
leases            leased jobs have an end and a holder, others have none
keys              a done row has a key; a key has its states
ids               no job has a higher id than the file has given
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from regrow.servers.queue.sqlite.connection import Connection, Row, code_of
from regrow.servers.queue.sqlite.files import size_of
from regrow.servers.queue.sqlite.schema import LIVE, MAGIC, SCHEMA, meta

MOST: Final = 100  # lines for one kind of problem

DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# A text, and the statement whose rows it describes; each has more than one column.
PROBLEMS: Final = (
    (
        "the table regrow_queue_meta has {!r} for {!r}",
        f"""SELECT value, key FROM regrow_queue_meta
            WHERE (key='magic' AND value IS NOT '{MAGIC}') OR (key='schema' AND value IS NOT {SCHEMA})""",
    ),
    (
        "job {} of queue {!r} has the state {!r}, which does not exist",
        """SELECT id, queue, state FROM regrow_jobs
           WHERE state NOT IN ('ready','delayed','leased','blocked','dead','done')""",
    ),
    (
        "job {} of queue {!r} is {}, and its payload is {}, not bytes",
        "SELECT id, queue, state, typeof(payload) FROM regrow_jobs WHERE typeof(payload)<>'blob'",
    ),
    (
        "job {} of queue {!r} is blocked, and has no group",
        "SELECT id, queue FROM regrow_jobs WHERE state='blocked' AND grp IS NULL",
    ),
    (
        "{1} jobs of group {2!r} of queue {0!r} are not blocked, and one should be",
        f"""SELECT queue, sum(state<>'blocked') AS open, grp FROM regrow_jobs WHERE grp IS NOT NULL AND {LIVE}
            GROUP BY queue, grp HAVING open<>1""",
    ),
    (
        "job {} of queue {!r} is leased, and its lease has no end or no holder",
        "SELECT id, queue FROM regrow_jobs WHERE state='leased' AND (lease_until IS NULL OR leased_at IS NULL OR holder IS NULL)",
    ),
    (
        "job {} of queue {!r} is {}, and has a lease",
        "SELECT id, queue, state FROM regrow_jobs WHERE state<>'leased' AND (lease_until IS NOT NULL OR holder IS NOT NULL)",
    ),
    (
        "job {} of queue {!r} is done, and its row keeps no key",
        "SELECT id, queue FROM regrow_jobs WHERE state='done' AND key IS NULL",
    ),
    (
        "job {} of queue {!r} has a key, and its states are {!r}",
        """SELECT id, queue, key_states FROM regrow_jobs
           WHERE key IS NOT NULL AND (key_states IS NULL OR key_states NOT IN ('live','all'))""",
    ),
    (
        "queue {!r}: {} live and {} dead jobs were counted, there are {} and {}; the next opening counts again",
        f"""SELECT name, live, dead, is_live, is_dead FROM
            (SELECT name, live, dead, coalesce(is_live, 0) AS is_live, coalesce(is_dead, 0) AS is_dead
             FROM regrow_queues LEFT JOIN
             (SELECT queue, sum({LIVE}) AS is_live, sum(state='dead') AS is_dead FROM regrow_jobs GROUP BY queue)
             ON queue=name) WHERE live<>is_live OR dead<>is_dead""",
    ),
    (
        "queue {!r} has jobs, and is not in the table of queues{}",
        "SELECT DISTINCT queue, '' FROM regrow_jobs WHERE queue NOT IN (SELECT name FROM regrow_queues) AND state<>'done'",
    ),
    (
        "job {} has a higher id than the last one that was given, {}",
        """SELECT max(id) AS most, (SELECT seq FROM sqlite_sequence WHERE name='regrow_jobs') AS last FROM regrow_jobs
           HAVING most > coalesce(last, 0)""",
    ),
)


def problems(connection: Connection) -> list[str]:
    """Return the problems of a store, as lines of text; inside a transaction, so that all are of one state."""
    found = [str(line) for (line,) in _rows(connection, "PRAGMA integrity_check") if line != "ok"]
    for text, sql in PROBLEMS:
        found += [row[0] if len(row) == 1 else text.format(*row) for row in _rows(connection, f"{sql} LIMIT {MOST}")]
    return found


def _rows(connection: Connection, sql: str) -> list[Row]:
    """Return the rows of a statement; if the file is too damaged for it, one row that says so."""
    try:
        rows: list[Row] = connection.execute(sql).fetchall()
    except Exception as error:
        if code_of(error) not in DAMAGE:
            raise
        return [(f"the file is damaged: {error}",)]
    return rows


def facts(connection: Connection, path: str) -> dict[str, Any]:
    """Return facts about a store; the bytes of the log grow while a reader keeps an old state open."""
    number = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_size", "page_count", "freelist_count")
    }
    (version,) = connection.execute("SELECT sqlite_version()").fetchone()
    (queues,) = connection.execute("SELECT count(*) FROM regrow_queues").fetchone()
    return {
        "kind": "SQLite",
        "path": path,
        "sqlite": version,
        "driver": sqlite3.sqlite_version,
        "schema": meta(connection, "schema"),
        "opens": meta(connection, "opens"),
        "queues": queues,
        "bytes": size_of(path),
        "wal_bytes": size_of(f"{path}-wal"),
        "free_bytes": number["freelist_count"] * number["page_size"],
        **number,
    }
