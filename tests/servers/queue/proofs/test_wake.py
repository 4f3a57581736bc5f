"""A put wakes a `get` that waits in another process."""

from __future__ import annotations

import statistics
import time
from functools import partial
from pathlib import Path

import pytest

from regrow.servers.queue.ops import NewJob, Put
from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.queue.proofs.programs import Program, eventually, program
from tests.servers.queue.proofs.sharing import clocks
from tests.servers.queue.proofs.workload import results_of

PROMISED = 0.050  # seconds, on a machine that is not busy
BUSY = 10  # a busy machine may take so many times longer


def put(store: SQLite, number: int) -> float:
    """Put a job; return the time of its commit."""
    results_of(store, clocks, Put("calls", (NewJob(b'"%d"' % number),)))
    return time.monotonic()


def got_at(waiting: Program, number: int) -> list[float]:
    return [report[2] for report in waiting.reports if report[:2] == ["got", str(number)]]


def test_a_put_wakes_a_get_of_another_process(folder: Path) -> None:
    store = SQLite(folder / "app.db")
    store.open(clocks)
    with program("get", folder / "app.db") as waiting:
        waiting.ready()
        latencies: list[float] = []
        for number in range(15):
            time.sleep(0.005 * (number % 5))
            put_at = put(store, number)
            eventually(partial(got_at, waiting, number))
            latencies.append(got_at(waiting, number)[0] - put_at)
    store.close()
    assert statistics.median(latencies) < BUSY * PROMISED


def test_without_a_look_at_what_others_write_no_put_wakes_a_get(folder: Path) -> None:
    store = SQLite(folder / "app.db")
    store.open(clocks)
    with program("get, deaf", folder / "app.db") as waiting:
        waiting.ready()
        for number in range(5):
            put(store, number)
            time.sleep(BUSY * PROMISED)
            if not got_at(waiting, number):
                break
        else:
            pytest.fail("each put has woken the other process")
    store.close()
