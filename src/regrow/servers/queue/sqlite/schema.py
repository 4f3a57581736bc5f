"""The tables of a SQLite store, their version, and what is refused before anything is written.

    file                                        then
    ----                                        ----
    empty, or not there                         the tables are made
    has tables, none of regrow                  StoreForeign; with shared=True the tables are made beside them
    has tables of regrow and others             StoreForeign, unless shared=True
    has regrow_queue_meta without its magic     StoreForeign
    schema is newer                             StoreNewer
    schema is older                             migrated, one transaction for each version
    is up to 16 MiB long, and damaged           StoreDamaged

`user_version` and `application_id` belong to the program whose file it may be; they are not used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from regrow.servers.queue.errors import StoreForeign, StoreNewer
from regrow.servers.queue.sqlite.connection import Connection, damaged

SCHEMA: Final = 1
MAGIC: Final = "regrow.queue"
CHECKED: Final = 16 << 20  # bytes; a longer file is checked by `check` alone

LIVE: Final = "state IN ('ready','delayed','leased','blocked')"

TABLES: Final = (
    "CREATE TABLE regrow_queue_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    """CREATE TABLE regrow_queues(name TEXT PRIMARY KEY, live INTEGER NOT NULL DEFAULT 0, dead INTEGER NOT NULL DEFAULT 0,
       paused TEXT, tokens REAL, tokens_at REAL) WITHOUT ROWID""",
    """CREATE TABLE regrow_jobs(id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, state TEXT NOT NULL,
       priority INTEGER NOT NULL, payload BLOB NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
       max_attempts INTEGER NOT NULL, created_at REAL NOT NULL, due_at REAL NOT NULL, leased_at REAL, lease_until REAL,
       token INTEGER NOT NULL DEFAULT 0, holder TEXT, grp TEXT, key TEXT, key_until REAL, key_states TEXT, errors TEXT,
       traceparent TEXT)""",
    "CREATE INDEX regrow_jobs_ready ON regrow_jobs(queue, priority, id) WHERE state='ready'",
    "CREATE INDEX regrow_jobs_delayed ON regrow_jobs(due_at) WHERE state='delayed'",
    "CREATE INDEX regrow_jobs_leased ON regrow_jobs(lease_until) WHERE state='leased'",
    f"CREATE INDEX regrow_jobs_group ON regrow_jobs(queue, grp, id) WHERE grp IS NOT NULL AND {LIVE}",
    "CREATE UNIQUE INDEX regrow_jobs_key ON regrow_jobs(queue, key) WHERE key IS NOT NULL",
    "CREATE INDEX regrow_jobs_dead ON regrow_jobs(queue, id) WHERE state='dead'",
    "CREATE INDEX regrow_jobs_died ON regrow_jobs(due_at) WHERE state='dead'",
    "CREATE INDEX regrow_jobs_done ON regrow_jobs(key_until) WHERE state='done'",
)

# From a version, the statements that lead to the next. A version that was released is never changed.
Migration = tuple[str, ...]
MIGRATIONS: Final[dict[int, Migration]] = {}

NAMES: Final = (
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
)
READ_META: Final = "SELECT value FROM regrow_queue_meta WHERE key=?"
SET_META: Final = (
    "INSERT INTO regrow_queue_meta(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value=excluded.value"
)
RECOUNT: Final = (
    "UPDATE regrow_queues SET live=0, dead=0",
    *(
        f"""INSERT INTO regrow_queues(name, {counter}) SELECT queue, count(*) FROM regrow_jobs INDEXED BY {index}
            WHERE {where} GROUP BY queue ON CONFLICT(name) DO UPDATE SET {counter}={counter}+excluded.{counter}"""
        for counter, index, where in (
            ("live", "regrow_jobs_ready", "state='ready'"),
            ("live", "regrow_jobs_delayed", "state='delayed'"),
            ("live", "regrow_jobs_leased", "state='leased'"),
            ("live", "regrow_jobs_group", f"state='blocked' AND grp IS NOT NULL AND {LIVE}"),
            ("dead", "regrow_jobs_dead", "state='dead'"),
        )
    ),
)


def version_of(connection: Connection, path: str, *, shared: bool) -> int | None:
    """Return the version of the tables in a file, None if there are none; only read.

    Raises:
        StoreForeign: the tables are another program's.
        StoreNewer: a newer regrow wrote them.
        StoreDamaged: the file is damaged.
    """
    names = [name for (name,) in connection.execute(NAMES).fetchall()]
    other = next((name for name in names if not name.lower().startswith("regrow_")), None)
    if other is not None and not shared:
        raise StoreForeign(
            f"{path}: has a table {other!r} of another program. Give the queue a file for itself, or put its tables "
            f"beside the others with SQLite({path!r}, shared=True)"
        )
    if "regrow_queue_meta" not in names:
        if "regrow_jobs" in names or "regrow_queues" in names:
            raise StoreForeign(f"{path}: has a table regrow_jobs or regrow_queues that regrow did not make")
        return None
    if meta(connection, "magic") != MAGIC:
        raise StoreForeign(f"{path}: has a table 'regrow_queue_meta' that regrow did not make")
    version = meta(connection, "schema")
    if not isinstance(version, int):
        raise damaged(path, f"its schema's version is {version!r}, and not a number")
    if version > SCHEMA:
        raise newer(path, version)
    if missing := [old for old in range(min(version, SCHEMA), SCHEMA) if old not in MIGRATIONS]:
        raise damaged(path, f"its schema has version {missing[0]}, which never existed")
    return version


def newer(path: str, version: object) -> StoreNewer:
    """Return the error of a file that a newer regrow wrote."""
    return StoreNewer(
        f"{path}: a newer regrow wrote it: its schema has version {version}, this regrow knows versions up to {SCHEMA}. "
        "Install a newer regrow; nothing was changed"
    )


def check_quickly(connection: Connection, path: str) -> None:
    """Check a file that is not long.

    Raises:
        StoreDamaged: it is damaged.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * size > CHECKED:
        return
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise damaged(path, " ".join(str(said).split()))


def meta(connection: Connection, key: str) -> Any:
    """Return a value of the store about itself, or None."""
    row = connection.execute(READ_META, (key,)).fetchone()
    return None if row is None else row[0]


def create(connection: Connection) -> None:
    """Make the tables, inside a transaction."""
    for statement in TABLES:
        connection.execute(statement)
    for key, value in (("magic", MAGIC), ("schema", SCHEMA), ("opens", 0)):
        connection.execute(SET_META, (key, value))


def migrate(connection: Connection, version: int, transaction: Callable[[Callable[[], None]], None]) -> None:
    """Bring the tables from a version to the newest, each step in one transaction."""
    for old in range(version, SCHEMA):
        transaction(lambda old=old: _step(connection, old))  # type: ignore[misc]


def _step(connection: Connection, old: int) -> None:
    """Bring the tables from a version to the next, unless another process has done so meanwhile."""
    if meta(connection, "schema") != old:
        return
    for statement in MIGRATIONS[old]:
        connection.execute(statement)
    connection.execute(SET_META, ("schema", old + 1))
