"""PostgreSQL's plans: what each commit begins with does not read the whole table."""

from __future__ import annotations

from pathlib import Path

import psycopg

from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.postgres.sql import compose
from regrow.servers.queue.postgres.store import Postgres
from regrow.servers.queue.store import Times
from tests.contracts.postgres_server import schema_of, url

WAITING = 5_000


def clocks() -> Times:
    return Times(1_700_000_000.0, 5_000.0)


def test_the_look_of_a_commit_reads_indexes_alone(tmp_path: Path) -> None:
    schema = schema_of(tmp_path)
    store = Postgres(url(), schema=schema)
    store.open(clocks)
    store.run([Put("bench", (NewJob(b"1"),) * WAITING)], clocks)
    store.close()
    with psycopg.connect(url()) as connection:
        plan = connection.execute(b"EXPLAIN " + compose(schema).look).fetchall()
    lines = "\n".join(row[0] for row in plan)
    assert "regrow_jobs_group" in lines
    assert "Seq Scan" not in lines
