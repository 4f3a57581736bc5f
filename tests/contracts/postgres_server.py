"""A PostgreSQL server for tests: one for a whole run, started at the first use, stopped when the run has ended.

`scripts/postgres` starts it in a folder for temporary files. The script waits for the end of pytest's first process and
stops the server then, also after a run that was killed. With pytest-xdist all workers use one server. Each test has its
own schema.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, Final, LiteralString

import pytest

from regrow.servers.queue.ops import Op
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.store import Clocks, Done

SCRIPT: Final = Path(__file__).parents[2] / "scripts" / "postgres"
NONE_HERE: Final = 3  # the exit code of the script when there is no PostgreSQL


@cache
def url() -> str:
    """Return the address of the server.

    Without PostgreSQL the test is skipped; in CI it fails.
    """
    first = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"regrow-postgres-{first}"
    with (folder.parent / f"regrow-postgres-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["url", str(folder)] if folder.exists() else ["start", str(folder), str(first)]
        done = subprocess.run([str(SCRIPT), *command], capture_output=True, text=True, check=False)
    if done.returncode == NONE_HERE and not os.environ.get("CI"):
        pytest.skip(f"no PostgreSQL: {' '.join(done.stderr.split())}")
    if done.returncode:
        pytest.fail(f"scripts/postgres {' '.join(command)}: {done.stderr}")
    return done.stdout.strip()


class HandPostgres(Postgres):
    """The store with the tests' clock in place of the server's."""

    now: ClassVar[LiteralString] = "(SELECT to_timestamp(current_setting('regrow.wall')::float8))"

    def run(self, ops: Sequence[Op], clocks: Clocks, /) -> Done:
        """Run ops at the time of the tests' clock."""
        if self.connection is not None and not self.connection.closed:
            self.connection.execute("SELECT set_config('regrow.wall', %s, false)", (repr(clocks().wall),))
        return super().run(ops, clocks)


def schema_of(folder: Path) -> str:
    """Return the schema that belongs to an empty folder of a test."""
    return f"test {folder.parent.name} {folder.name}"[-63:]


def in_postgres(folder: Path) -> HandPostgres:
    """Return a store in the schema of a folder."""
    return HandPostgres(url(), schema=schema_of(folder))
