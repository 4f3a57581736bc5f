"""Which files a SQLite store refuses, and that it writes nothing to them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from regrow.servers.queue.errors import (
    StoreDamaged,
    StoreError,
    StoreForeign,
    StoreNewer,
    StoreNotLocal,
    StoreReadOnly,
)
from regrow.servers.queue.sqlite import files as sqlite_files
from regrow.servers.queue.sqlite import store as sqlite_store
from regrow.servers.queue.sqlite.connection import connect
from regrow.servers.queue.sqlite.files import file_system
from regrow.servers.queue.sqlite.store import SQLite
from tests.contracts.queue_store import Clock
from tests.servers.queue.sqlite_stores import ONE_PUT, opened_at, rows, user


def refused(path: Path, error: type[StoreError], match: str, **options: Any) -> None:
    """Check that a store is refused with this error, and that no file beside the database is new or other than before."""
    before = contents(path.parent)
    with pytest.raises(error, match=match):
        SQLite(path, **options).open(Clock())
    assert contents(path.parent) == before


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of the files in a folder; SQLite's shared memory, which readers make as well, does not count."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and file.suffix != ".db-shm"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_file_of_another_program_is_refused_and_not_changed(path: Path, journal: str) -> None:
    with user(path) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE users(name)")
    refused(path, StoreForeign, r"'users'.*shared=True")


def test_the_log_of_a_program_that_was_killed_is_left_as_it_is(path: Path) -> None:
    code = f"""
import os, sqlite3
connection = sqlite3.connect({str(path)!r}, isolation_level=None)
connection.execute("PRAGMA journal_mode=wal")
connection.execute("CREATE TABLE users(name)")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert path.with_name("app.db-wal").stat().st_size > 0
    refused(path, StoreForeign, "'users'")


def test_with_shared_the_tables_are_beside_those_of_the_user(path: Path) -> None:
    with user(path) as connection:
        connection.execute("CREATE TABLE users(name)")
        connection.execute("INSERT INTO users VALUES ('ann')")
        connection.execute("PRAGMA user_version=7")
        connection.execute("PRAGMA application_id=8")
    opened = opened_at(path, shared=True)
    opened.do(ONE_PUT)
    opened.store.close()
    assert rows(path, "SELECT name, (SELECT count(*) FROM regrow_jobs) FROM users") == [("ann", 1)]
    assert rows(path, "PRAGMA user_version") + rows(path, "PRAGMA application_id") == [(7,), (8,)]
    refused(path, StoreForeign, "'users'")


def test_a_view_counts_as_a_table(path: Path) -> None:
    with user(path) as connection:
        connection.execute("CREATE VIEW names AS SELECT 1")
    refused(path, StoreForeign, "'names'")


@pytest.mark.parametrize("shared", [False, True])
def test_what_is_no_database_is_refused(path: Path, shared: bool) -> None:
    path.write_bytes(b"name,mail\nann,ann@example.org\n" * 100)
    refused(path, StoreForeign, "is no SQLite database", shared=shared)


@pytest.mark.parametrize("table", ["regrow_queue_meta", "regrow_jobs", "regrow_queues"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_table_with_a_name_of_regrow_that_regrow_did_not_make_is_refused(
    path: Path, table: str, shared: bool
) -> None:
    with user(path) as connection:
        connection.execute(f"CREATE TABLE {table}(key, value)")
    refused(path, StoreForeign, "regrow did not make", shared=shared)


def test_a_file_of_a_newer_version_is_refused_with_both_numbers(path: Path) -> None:
    opened_at(path).store.close()
    with user(path) as connection:
        connection.execute("UPDATE regrow_queue_meta SET value=9 WHERE key='schema'")
    refused(path, StoreNewer, r"version 9.*versions up to 1")


@pytest.mark.parametrize("version", [None, "one", -3])
def test_a_version_that_never_was_is_damage(path: Path, version: object) -> None:
    opened_at(path).store.close()
    with user(path) as connection:
        connection.execute("UPDATE regrow_queue_meta SET value=? WHERE key='schema'", (version,))
    refused(path, StoreDamaged, "version")


def test_a_store_whose_file_another_process_migrates_stops(path: Path) -> None:
    opened = opened_at(path)
    with user(path) as connection:
        connection.execute("UPDATE regrow_queue_meta SET value=2 WHERE key='schema'")
    with pytest.raises(StoreNewer, match="version 2"):
        opened.run(ONE_PUT)
    opened.store.close()


def damaged(path: Path) -> Path:
    """Overwrite the middle of a database that has jobs."""
    opened = opened_at(path)
    opened.put(*[b"x" * 2_000] * 200)
    opened.store.close()
    data = bytearray(path.read_bytes())
    for page in range(len(data) // 4096 // 2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(data)
    return path


def test_a_damaged_file_is_refused_and_the_error_names_the_ways_out(path: Path) -> None:
    refused(damaged(path), StoreDamaged, r"backup.*\.recover")


def test_a_long_file_is_not_read_as_a_whole_when_it_is_opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.servers.queue.sqlite.schema.CHECKED", 4096)
    damaged(path)
    store = SQLite(path)
    store.open(Clock())
    assert any("damaged" in line for line in store.check())
    store.close()


def test_a_missing_folder_and_a_folder_as_a_file_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"its folder '.*none' is not there"):
        SQLite(tmp_path / "none" / "app.db").open(Clock())
    path.mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        SQLite(path).open(Clock())


def test_a_file_that_cannot_be_written_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_at(path).store.close()
    path.with_name("app.db-lock").unlink()

    def cannot_write(_path: object, mode: int) -> bool:
        return not mode & os.W_OK

    monkeypatch.setattr(os, "access", cannot_write)
    refused(path, StoreReadOnly, "cannot be written")


def test_a_connection_that_cannot_write_is_refused(path: Path) -> None:
    opened_at(path).store.close()

    def read_only(name: str) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=0.0, isolation_level=None)

    before = path.read_bytes()
    with pytest.raises(StoreReadOnly, match="readonly database"):
        SQLite(path, connect=read_only).open(Clock())
    assert path.read_bytes() == before


MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 22 0:25 / /home rw - nfs4 server:/home rw
31 30 8:1 / /home/local rw master:1 - xfs /dev/sda rw
32 22 0:30 / /mnt/my\040share rw - cifs //server/share rw
33 22 0:31 / /over rw - ext4 /dev/sdb rw
34 22 0:32 / /over rw - fuse.sshfs host: rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/app.db", "ext4"),
        ("/home/ann/app.db", "nfs4"),
        ("/homes/app.db", "ext4"),
        ("/home/local/app.db", "xfs"),
        ("/mnt/my share/app.db", "cifs"),
        ("/over/app.db", "fuse.sshfs"),
    ],
)
def test_the_table_of_mounts_says_which_file_system_a_path_is_on(path: str, kind: str) -> None:
    assert file_system(path, MOUNTS) == kind


def test_a_network_file_system_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_files, "mounts", lambda: f"1 0 0:1 / {path.parent} rw - nfs4 server:/ rw\n")
    refused(path, StoreNotLocal, "nfs4")
    assert not path.exists()


def test_where_there_is_no_table_of_mounts_nothing_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_files, "MOUNTS", "/nowhere")
    opened_at(path).store.close()


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_store, "OLDEST", (99, 0, 0))
    refused(path, StoreError, r"wanted SQLite 99\.0\.0 or newer")


def test_a_database_without_a_write_ahead_log_is_refused(path: Path) -> None:
    def in_memory(_: str) -> sqlite3.Connection:
        return connect(":memory:")

    with pytest.raises(StoreError, match="refused the write-ahead log"):
        SQLite(path, connect=in_memory).open(Clock())


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"path": ":memory:"}, r"Memory\(\)"),
        ({"path": ""}, r"Memory\(\)"),
        ({"path": "a.db", "synchronous": "OFF"}, "'FULL' or 'NORMAL'"),
        ({"path": "a.db", "busy": -1.0}, "busy"),
        ({"path": "a.db", "busy": float("nan")}, "busy"),
    ],
)
def test_an_option_without_meaning_is_a_value_error(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        SQLite(**options)
