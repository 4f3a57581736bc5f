"""`regrow queue` on a real PostgreSQL server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from regrow.cli.queue_store import times
from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Claim, Nack, NewJob, Put
from regrow.servers.queue.postgres.store import Postgres
from tests.cli.queue_stores import HOLDER, Run, runner
from tests.contracts.postgres_server import schema_of, url


@pytest.fixture
def store(tmp_path: Path) -> str:
    """Return the URL of a schema that does not exist yet."""
    address = url()
    return f"{address}{'&' if '?' in address else '?'}schema={quote(schema_of(tmp_path))}"


@pytest.fixture
def run(store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "--store", store)


def test_looking_makes_no_tables(run: Run) -> None:
    for command in (["list"], ["stats"], ["purge", "mail"], ["tail", "--seconds", "0"]):
        done = run(*command)
        assert (done.code, done.out) == (1, "")
        assert "has no tables of regrow. regrow queue migrate makes them" in done.err
    assert run("migrate").code == 0
    assert run("list", "--json").data["queues"] == []


def test_queues_are_shown_and_administered(run: Run, tmp_path: Path) -> None:
    store = Postgres(url(), schema=schema_of(tmp_path))
    store.open(times)
    try:
        store.run([Put("mail", tuple(NewJob(b'{"token": "x"}') for _ in range(3)))], times)
        claimed: Any = store.run([Claim("mail", 2, 600.0, HOLDER)], times).results[0]
        error = JobError(1, 0.0, "ValueError", "no such address")
        store.run([Nack("mail", claimed[0].id, claimed[0].token, "dead", 0.0, error)], times)
        assert run("list").out.endswith("mail      2     1  -\n")
        (dead,) = run("dead", "mail", "--json").data["jobs"]
        assert (dead["payload"], dead["errors"][0]["message"]) == ({"token": "[redacted]"}, "no such address")
        leased = run("show", str(claimed[1].id), "--json").data
        assert (leased["holder"], 500 < leased["lease_left"] <= 600) == (HOLDER, True)
        assert run("retry", "mail").out == "1 job retried\n"
        assert run("move", "mail", "post", "--json").data == {"from": "mail", "to": "post", "moved": 2, "leased": 1}
        assert run("purge", "post").out == "2 waiting jobs deleted\n"
        assert run("check").code == 0
        assert run("tail", "--seconds", "0").code == 0
        assert run("backup", "copy.db").code == 3
    finally:
        store.close()


@pytest.mark.parametrize(
    ("store", "code"),
    [
        ("postgresql://ann:hunter2@127.0.0.1:1/app?connect_timeout=2", 3),
        ("postgresql://ann:hunter2@db/app?schema=", 2),
        ("postgresql://ann:hunter2@db/app?nothing=1", 3),
    ],
)
def test_a_refusal_has_no_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: str, code: int
) -> None:
    done = runner(monkeypatch, capsys, "--store", store)("list")
    assert (done.code, done.out) == (code, "")
    assert "hunter2" not in done.err
