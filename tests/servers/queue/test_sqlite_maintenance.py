"""Backups, checks and facts of a SQLite store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regrow.servers.queue.errors import StoreError
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Ack, Count
from tests.contracts.queue_store import Opened
from tests.servers.queue.sqlite_stores import ONE_PUT, opened_at, rows, user


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest.fixture
def opened(path: Path) -> Opened:
    return opened_at(path)


def files(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_backup_has_what_was_committed_and_the_store_goes_on(opened: Opened, path: Path) -> None:
    opened.put(b"1", b"2")
    job = opened.take()
    before = files(path.parent)
    opened.store.backup(str(path.with_name("copy.db")))
    assert files(path.parent) == before | {"copy.db"}
    opened.do(Ack("q", job.id, job.token))
    opened.put(b"3")
    copy = opened_at(path.with_name("copy.db"), opened.clock)
    assert copy.stats() == Stats(ready=1, leased=1)
    assert copy.store.check() == []
    assert copy.put(b"4") == [3]
    copy.store.close()
    assert opened.do(Count("q")) == 2
    opened.store.close()


def test_a_backup_of_another_process_does_not_wait_for_a_writer(opened: Opened, path: Path) -> None:
    opened.put(b"1")
    with user(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM regrow_jobs")
        opened.store.backup(str(path.with_name("copy.db")))
        connection.execute("ROLLBACK")
    assert rows(path.with_name("copy.db"), "SELECT count(*) FROM regrow_jobs") == [(1,)]
    opened.store.close()


def test_a_backup_has_the_tables_of_the_user_as_well(path: Path) -> None:
    with user(path) as connection:
        connection.execute("CREATE TABLE users(name)")
        connection.execute("INSERT INTO users VALUES ('ann')")
    opened = opened_at(path, shared=True)
    opened.store.backup(str(path.with_name("copy.db")))
    assert rows(path.with_name("copy.db"), "SELECT * FROM users") == [("ann",)]
    opened.store.close()


def test_a_backup_overwrites_nothing(opened: Opened, path: Path) -> None:
    target = path.with_name("copy.db")
    target.write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        opened.store.backup(str(target))
    with pytest.raises(StoreError, match="is there already"):
        opened.store.backup(str(path))
    with pytest.raises(StoreError, match="make it first"):
        opened.store.backup(str(path.parent / "none" / "copy.db"))
    assert target.read_text() == "mine"
    assert "copy.db.partial" not in files(path.parent)
    assert opened.do(ONE_PUT) is not None
    opened.store.close()


def test_a_file_that_comes_during_a_backup_is_not_overwritten(
    opened: Opened, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = path.with_name("copy.db")
    sync = os.fsync

    def another_comes(descriptor: int) -> None:
        sync(descriptor)
        target.write_text("mine")

    monkeypatch.setattr(os, "fsync", another_comes)
    with pytest.raises(StoreError, match="is there already"):
        opened.store.backup(str(target))
    assert target.read_text() == "mine"
    assert "copy.db.partial" not in files(path.parent)
    opened.store.close()


def test_a_backup_is_synced_before_it_has_its_name_and_its_folder_after(
    opened: Opened, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = path.with_name("copy.db")
    opened.put(b"1")
    synced: list[tuple[str, bool]] = []

    def note(descriptor: int) -> None:
        synced.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), target.exists()))

    monkeypatch.setattr(os, "fsync", note)
    opened.store.backup(str(target))
    assert synced == [(f"{target}.partial", False), (str(path.parent), True)]
    opened.store.close()


def test_what_a_killed_backup_left_does_not_stop_the_next(opened: Opened, path: Path) -> None:
    path.with_name("copy.db.partial").write_text("half")
    opened.store.backup(str(path.with_name("copy.db")))
    assert "copy.db.partial" not in files(path.parent)
    opened.store.close()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE regrow_queues SET live=9", "9 live and 0 dead jobs were counted, there are 5 and 0"),
        ("UPDATE regrow_queues SET dead=9", "5 live and 9 dead jobs were counted, there are 5 and 0"),
        ("DELETE FROM regrow_queues", "queue 'q' has jobs, and is not in the table of queues"),
        ("UPDATE regrow_jobs SET state='odd' WHERE id=5", "job 5 of queue 'q' has the state 'odd'"),
        ("UPDATE regrow_jobs SET payload='text' WHERE id=5", "its payload is text, not bytes"),
        ("UPDATE regrow_jobs SET state='blocked' WHERE id=5", "job 5 of queue 'q' is blocked, and has no group"),
        ("UPDATE regrow_jobs SET state='ready' WHERE grp='g'", "2 jobs of group 'g' of queue 'q' are not blocked"),
        ("UPDATE regrow_jobs SET state='blocked' WHERE grp='g'", "0 jobs of group 'g' of queue 'q' are not blocked"),
        ("UPDATE regrow_jobs SET lease_until=NULL WHERE id=4", "its lease has no end or no holder"),
        ("UPDATE regrow_jobs SET holder=NULL WHERE id=4", "its lease has no end or no holder"),
        ("UPDATE regrow_jobs SET holder='me' WHERE id=5", "job 5 of queue 'q' is ready, and has a lease"),
        ("UPDATE regrow_jobs SET state='done' WHERE id=5", "job 5 of queue 'q' is done, and its row keeps no key"),
        ("UPDATE regrow_jobs SET key_states=NULL WHERE key='k'", "has a key, and its states are None"),
        ("UPDATE sqlite_sequence SET seq=1", "job 5 has a higher id than the last one that was given, 1"),
        ("UPDATE regrow_queue_meta SET value='x' WHERE key='magic'", "the table regrow_queue_meta has 'x' for 'magic'"),
    ],
)
def test_a_check_finds_what_contradicts_itself(opened: Opened, path: Path, sql: str, problem: str) -> None:
    opened.put(b"1", b"2", group="g")
    opened.put(b"3", key="k", delay=60.0)
    opened.put(b"4", priority=-1)
    opened.take()
    opened.put(b"5")
    assert opened.store.check() == []
    with user(path) as connection:
        connection.execute(sql)
    assert any(problem in line for line in opened.store.check())
    opened.store.close()


def test_a_check_finds_what_sqlite_finds(opened: Opened, path: Path) -> None:
    opened.put(b"1", b"2")
    with user(path) as connection:
        connection.execute("PRAGMA writable_schema=on")
        connection.execute(
            "UPDATE sqlite_master SET sql=replace(sql, 'state=''ready''', 'state=''delayed''') WHERE name='regrow_jobs_ready'"
        )
    opened.store.close()
    opened.store = opened.kind.make(path.parent)
    problems = []
    try:
        opened.store.open(opened.clock)
        problems = opened.store.check()
    except StoreError as error:
        problems = [str(error)]
    assert problems
    opened.store.close()


def test_diagnostics_name_the_file_and_its_sizes(opened: Opened, path: Path) -> None:
    opened.put(b"x" * 10_000)
    found = opened.store.diagnostics()
    assert found["kind"] == "SQLite"
    assert found["path"] == str(path)
    assert (found["schema"], found["opens"], found["queues"]) == (1, 1, 1)
    assert (found["synchronous"], found["shared"]) == ("FULL", False)
    assert found["bytes"] == path.stat().st_size
    assert found["page_size"] * found["page_count"] > 10_000
    opened.store.close()


def test_a_reader_that_stands_still_shows_in_the_bytes_of_the_log(opened: Opened, path: Path) -> None:
    def write() -> int:
        for _ in range(30):
            opened.put(b"x" * 200_000)
            job = opened.take()
            opened.do(Ack("q", job.id, job.token))
        size: int = opened.store.diagnostics()["wal_bytes"]
        return size

    usual = write()
    with user(path) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM regrow_jobs").fetchall()
        grown = write()
        assert grown > usual + 5_000_000
        reader.execute("COMMIT")
    assert write() < grown + usual + 1_000_000  # the log began again, and its file stays as long
    opened.store.close()
