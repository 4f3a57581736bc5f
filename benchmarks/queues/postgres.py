"""A PostgreSQL server for the measurement, with the settings that it comes with: every commit is synced.

The server of `scripts/postgres` is for tests: it does not sync.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

from benchmarks.queues.driving import FOLDER, POSTGRES

DEBIAN = Path("/usr/lib/postgresql")
DATABASE = "bench"


@contextlib.contextmanager
def server(environment: dict[str, str]) -> Generator[Server | None]:
    """Start a server in an empty folder, reachable by its socket alone; yield None if PostgreSQL is not installed."""
    programs = folder()
    if programs is None:
        print("PostgreSQL is not installed, and its queues are left out", file=sys.stderr)
        yield None
        return
    place = environment.get(FOLDER)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=place, ignore_cleanup_errors=True) as home:
        found = Server(programs, Path(home), environment)
        found.start()
        try:
            yield found
        finally:
            found.stop()


def folder() -> Path | None:
    """Return the folder of PostgreSQL's programs."""
    found = shutil.which("pg_ctl")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(DEBIAN.glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class Server:
    """A running server."""

    def __init__(self, programs: Path, home: Path, environment: dict[str, str]) -> None:
        self.programs = programs
        self.environment = {**os.environ, **environment}
        self.home = home
        # PostgreSQL refuses to run as root.
        self.prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.user = "postgres" if self.prefix else ""

    def start(self) -> None:
        """Make the cluster and start it."""
        if self.user:
            shutil.chown(self.home, self.user, self.user)
        self.run(
            "initdb", "--auth=trust", "--username=bench", "--encoding=UTF8", "--locale=C", "-D", f"{self.home}/data"
        )
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.home}'"
        self.run("pg_ctl", "start", "-w", "-D", f"{self.home}/data", "-l", f"{self.home}/log", "-o", options)

    def stop(self) -> None:
        """Stop the server at once."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", f"{self.home}/data")

    def fresh(self) -> dict[str, str]:
        """Make the database anew, and return the environment in which a driver finds it."""
        self.sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self.sql(f"CREATE DATABASE {DATABASE}")
        return {POSTGRES: f"host={self.home} user=bench dbname={DATABASE}"}

    def syncs(self) -> int:
        """Return how often the server has synced its log."""
        return int(self.sql("SELECT wal_sync FROM pg_stat_wal").strip())

    def version(self) -> str:
        """Return the server's version."""
        return self.sql("SHOW server_version").split()[0]

    def sql(self, statement: str) -> str:
        """Run one statement."""
        return self.run("psql", "-h", str(self.home), "-U", "bench", "-d", "postgres", "-qAtc", statement)

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs, and return what it prints."""
        command = [*self.prefix, str(self.programs / program), *arguments]
        # pg_ctl's server keeps the output open, so a file takes it, not a pipe.
        with tempfile.TemporaryFile("w+") as said:
            subprocess.run(command, stdout=said, stderr=subprocess.STDOUT, check=True, cwd="/", env=self.environment)
            said.seek(0)
            return said.read()
