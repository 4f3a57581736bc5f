"""The store that `regrow queue` works on: found, opened as one more process, and asked."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import typer

from regrow.cli.exit_codes import NOT_THERE, REFUSED
from regrow.cli.project import Problem, Project, find_project
from regrow.cli.queue_text import plain
from regrow.kernel.clock import Clock
from regrow.ops.redaction import redact_text
from regrow.servers.queue.errors import QueueError, StoreError
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Op, ReadStats
from regrow.servers.queue.store import Store, Times

CLOCK: Final = Clock()
SCHEME: Final = re.compile(r"[A-Za-z][\w+.-]+://")
POSTGRES: Final = ("postgresql://", "postgres://")
META: Final = "regrow_queue_meta"  # the table that every SQLite store has
NO_STORE: Final = """\
no store is named. Give one with --store FILE or --store postgresql://…, or name it in pyproject.toml:

    [tool.regrow]
    store = "app.db\""""


class OpenStore:
    """A store that is open.

    Attributes:
        store: the store.
        name: its path, or its URL without the password.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name

    def ask(self, op: Op) -> Any:
        """Apply an op, and return its result.

        Raises:
            QueueError: the store could not apply it.
        """
        return self.ask_all([op])[0]

    def ask_all(self, ops: list[Op]) -> list[Any]:
        """Apply ops in one transaction, and return their results.

        Raises:
            QueueError: the store could not apply one of them.
        """
        results = self.store.run(ops, times).results
        for result in results:
            if isinstance(result, QueueError):
                raise result
        return results

    def until_done(self, op: Callable[[], Op], most: int) -> int:
        """Apply an op that is limited to `most` jobs until it finds no more; return the number of jobs."""
        total = 0
        while True:
            number: int = self.ask(op())
            total += number
            if number < most:
                return total

    def queues(self) -> dict[str, Stats]:
        """Return the numbers of all queues, by name."""
        found: dict[str, Stats] = self.ask(ReadStats())
        return dict(sorted(found.items()))

    def queue(self, name: str) -> Stats:
        """Return the numbers of a queue.

        Raises:
            Problem: the store has no queue of this name.
        """
        known = self.queues()
        if name not in known:
            names = ", ".join(plain(one) for one in list(known)[:20]) or "none yet"
            more = f" and {len(known) - 20:,} more" if len(known) > 20 else ""
            raise Problem(f"{self.name} has no queue {plain(name)!r}. Its queues: {names}{more}", NOT_THERE)
        return known[name]


def times() -> Times:
    """Return the time of this machine, for the commits of a store."""
    return Times(CLOCK.wall(), CLOCK.now())


@contextmanager
def opened(
    named: str | None, project: Path | None, *, create: bool = False, shared: bool = False
) -> Generator[OpenStore]:
    """Open the store of the option `--store`, or of the project, and close it at the end.

    Args:
        named: a path or a URL; None for the store that the project names.
        project: a folder of the project; None for the current one.
        create: whether a file that does not exist is created.
        shared: whether tables are added to a file of another program.

    Raises:
        Problem: there is no store, or it is refused.
    """
    target = named if named is not None else project_store(project)
    name = plain(redact_text(target))
    try:
        store = make_store(target, create=create, shared=shared)
        store.open(times)
        try:
            yield OpenStore(store, name)
        finally:
            store.close()
    except QueueError as error:
        kind = "" if type(error) is StoreError else f"{type(error).__name__}: "
        raise Problem(plain_lines(f"{name}: {kind}{redact_text(str(error))}"), REFUSED) from None


def plain_lines(text: str) -> str:
    """Return a text of several lines without control characters."""
    return "\n".join(plain(line) for line in text.split("\n"))


def project_store(start: Path | None) -> str:
    """Return the store that a project names: `store` in `[tool.regrow]`. A relative path begins in the project's folder.

    Raises:
        Problem: there is no project, or it names no store.
    """
    try:
        project: Project = find_project(start)
    except Problem as problem:
        if start is None and "no project found" in str(problem):
            raise Problem(NO_STORE) from None
        raise
    path = project.folder / "pyproject.toml"
    store = project.settings.get("store")
    if store is None:
        raise Problem(f"{path}: {NO_STORE}")
    if not isinstance(store, str) or not store:
        raise Problem(f"{path}: store = {store!r} in [tool.regrow]. Wanted the path of a file, or a URL, as text")
    return store if SCHEME.match(store) else str(project.folder / store)


def make_store(target: str, *, create: bool, shared: bool) -> Store:
    """Return the store of a path or URL, not opened yet.

    Raises:
        Problem: the file does not exist, or the URL is of another kind of store.
    """
    if target.startswith(POSTGRES):
        return make_postgres(target, create=create)
    if not target or target.startswith((":memory:", "file:")) or SCHEME.match(target):
        raise Problem(
            f"--store: wanted the path of a SQLite file, or a URL that begins with postgresql://;"
            f" got {plain(redact_text(target))!r}"
        )
    path = Path(target)
    if not create and not path.exists():
        raise Problem(
            f"there is no store {plain(target)}. A broker creates it when the application starts, or regrow queue"
            " migrate does",
            NOT_THERE,
        )
    tables = tables_of(path) if path.is_file() else None
    if tables == [] and not create:
        raise Problem(f"{plain(target)} has no queues: it is empty. regrow queue migrate makes their tables", NOT_THERE)
    from regrow.servers.queue.sqlite.store import SQLite  # start-up: sqlite3 is not needed for PostgreSQL

    return SQLite(path, shared=shared or META in (tables or []))


def make_postgres(target: str, *, create: bool) -> Store:
    """Return the store of a URL of PostgreSQL, not opened yet; its parameter `schema` names the schema of the tables.

    Raises:
        Problem: the URL cannot be read, or the schema has no tables of regrow.
        StoreError: the server cannot be reached.
    """
    from regrow.servers.queue.postgres import connection as postgres_connection  # start-up: not needed for SQLite
    from regrow.servers.queue.postgres import store as postgres_store

    address, _, query = target.partition("?")
    parameters = [part.partition("=") for part in query.split("&") if part]
    schema = next((unquote(value) for key, _, value in reversed(parameters) if key == "schema"), "public")
    others = "&".join("".join(part) for part in parameters if part[0] != "schema")
    conninfo = f"{address}?{others}" if others else address
    try:
        store = postgres_store.Postgres(conninfo, schema=schema)
    except ValueError as error:
        raise Problem(f"--store: {plain(str(error))}") from None
    if not create:
        with closing(postgres_connection.connect(conninfo)) as connection:
            found = connection.execute(
                "SELECT FROM pg_tables WHERE schemaname=%s AND tablename=%s", (schema, META)
            ).fetchone()
        if found is None:
            raise Problem(
                f"{plain(redact_text(target))} has no queues: its schema {plain(schema)} has no tables of regrow. regrow"
                " queue migrate makes them",
                NOT_THERE,
            )
    return store


def tables_of(path: Path) -> list[str] | None:
    """Return the names of the tables in a SQLite file, None if it cannot be read; nothing is created.

    A file with tables of regrow and others is opened as a shared one: the program that made it has agreed.
    """
    import sqlite3  # start-up: not needed for PostgreSQL

    try:
        # Not mode=ro: after a crash the log of the file has to be replayed first.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            return [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    except sqlite3.Error:
        return None


def confirm(question: str, *, yes: bool) -> None:
    """Ask at a terminal whether to go on. Without a terminal, or with `yes`, there is no question.

    Raises:
        Problem: the answer is no.
    """
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    if not typer.confirm(question, err=True):
        raise Problem("nothing was changed", NOT_THERE)
