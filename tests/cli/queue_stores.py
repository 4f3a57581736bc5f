"""Store files for the tests of `regrow queue`, and the command run inside the test's program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from regrow.cli import main
from regrow.cli.queue_store import times
from regrow.servers.queue.job import JobError
from regrow.servers.queue.ops import Claim, Claimed, Nack, NewJob, Op, Put
from regrow.servers.queue.sqlite.store import SQLite

HOLDER = "host:1:<0.5.0>"


class Ran(NamedTuple):
    """The exit code and the output of the command."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON that it printed: one object."""
        return json.loads(self.out)


Run = Callable[..., Ran]


def runner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *after: str, command: str = "queue"
) -> Run:
    """Return `run("list", "--json")`, which runs `regrow queue list --json` with more arguments after these."""

    def run(*arguments: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["regrow", command, *arguments, *after])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


class File:
    """A store in a file, opened for each use, as separate programs do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, *ops: Op) -> list[Any]:
        """Apply ops, and return their results."""
        store = SQLite(self.path)
        store.open(times)
        try:
            return store.run(ops, times).results
        finally:
            store.close()

    def put(self, queue: str, *payloads: object, **options: Any) -> list[int]:
        """Put payloads, and return the ids of their jobs."""
        raw = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in payloads]
        (jobs,) = self.ask(Put(queue, tuple(NewJob(one, **options) for one in raw)))
        return [job.id for job in jobs]

    def claim(self, queue: str, count: int = 1, lease: float = 60.0) -> list[Claimed]:
        """Claim jobs, and return them."""
        (claimed,) = self.ask(Claim(queue, count, lease, HOLDER))
        return list(claimed)

    def bury(self, queue: str, message: str = "no such address", *, count: int = 1, trace: str = "") -> list[int]:
        """Claim jobs, and send them to the dead letters; return their ids."""
        jobs = self.claim(queue, count)
        error = JobError(1, 0.0, "ValueError", message, trace)
        self.ask(*(Nack(queue, job.id, job.token, "dead", 0.0, error) for job in jobs))
        return [job.id for job in jobs]
