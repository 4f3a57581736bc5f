"""DBOS on SQLite: a workflow is enqueued, and its own queue thread runs it.

Its clients cannot take a job by hand: a client waits until any workflow has run, so two processes cannot be measured: the
workflows of one may run in the other. The queue is polled every millisecond; its default is a second.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import uuid
from typing import Any

if sqlite3.sqlite_version_info < (3, 42):  # DBOS needs unixepoch('subsec')
    import pysqlite3

    sys.modules["sqlite3"] = pysqlite3
    sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2

import sqlalchemy
from dbos import DBOS

from benchmarks.queues.driving import main
from benchmarks.queues.settings import PAYLOAD, Setting

POLL = 0.001
TABLES = ("workflow_status", "workflow_input")
ran = threading.Semaphore(0)


@DBOS.workflow(name="work")
def work(payload: str) -> None:  # noqa: ARG001
    """The workflow: it reports that it has run."""
    ran.release()


class Dbos:
    """One program with its queue."""

    threads = 100

    def open(self, where: str, setting: Setting) -> None:
        logging.disable(logging.CRITICAL)
        self.url = f"sqlite:///{where}/dbos.db"
        DBOS(
            config={
                "name": "bench",
                "system_database_url": self.url,
                "executor_id": uuid.uuid4().hex,
                "application_version": "1",
                "run_admin_server": False,
            }
        )
        DBOS.launch()
        if setting.waiting:
            self.template = DBOS.register_queue("template", worker_concurrency=0)
        self.queue = DBOS.register_queue("bench", worker_concurrency=setting.clients, polling_interval_sec=POLL)

    def fill(self, count: int) -> None:
        """Enqueue one workflow on a queue without workers, and copy its rows."""
        if not count:
            return
        first = self.template.enqueue(work, PAYLOAD).get_workflow_id()
        engine = sqlalchemy.create_engine(self.url)
        with engine.begin() as connection:
            for table in TABLES:
                columns = [row[1] for row in connection.execute(sqlalchemy.text(f"PRAGMA table_info({table})"))]
                new = {"workflow_uuid": "'copy-' || n.i", "queue_name": "'bench'"}
                chosen = ", ".join(new.get(column, column) for column in columns)
                connection.execute(
                    sqlalchemy.text(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
                        f"INSERT INTO {table}({', '.join(columns)}) SELECT {chosen} FROM n, {table} AS old "
                        "WHERE old.workflow_uuid = :first"
                    ),
                    {"count": count, "first": first},
                )
        engine.dispose()

    def put(self, payload: str) -> None:
        self.queue.enqueue(work, payload)

    def take(self) -> Any:
        ran.acquire()

    def done(self, job: Any) -> None:
        pass

    def close(self) -> None:
        DBOS.destroy()


if __name__ == "__main__":
    main(Dbos())
