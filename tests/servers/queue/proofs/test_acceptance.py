"""A thread, a web server and a second program put jobs for one worker, which is killed again and again.

REGROW_KILLS sets the number of kills: `make proofs` kills ten times in a minute.
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections import defaultdict
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from regrow.servers.queue.ops import ReadDead, ReadStats
from regrow.servers.queue.sqlite.store import SQLite
from tests.servers.queue.proofs.application import LEASE, PAUSE
from tests.servers.queue.proofs.programs import Program, eventually, program
from tests.servers.queue.proofs.sharing import clocks
from tests.servers.queue.proofs.workload import results_of

KILLS = int(os.environ.get("REGROW_KILLS", "2"))
APART = 6.0 if "REGROW_KILLS" in os.environ else 0.7  # seconds between two kills


def order_by_http(port: int, accepted: list[str], stop: threading.Event) -> None:
    """Send requests until the end; note those that the server has accepted."""
    number = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while not stop.is_set():
        number += 1
        connection.request("POST", "/", f"web {number}")
        response = connection.getresponse()
        response.read()
        assert response.status == 202
        accepted.append(f"web {number}")
        time.sleep(PAUSE)
    connection.close()


def kill_again_and_again(path: Path) -> list[Any]:
    """Run the worker and kill it; return what all of them have reported. The last one still runs."""
    reports: list[Any] = []
    for _ in range(KILLS):
        with program("work", path) as worker:
            worker.ready()
            before = len(worker.reports)
            eventually(partial(has_more_than, worker, before))
            time.sleep(APART)
            worker.kill()
            reports += worker.reports
    return reports


def has_more_than(program: Program, reports: int) -> bool:
    return len(program.reports) > reports


def work_off(path: Path) -> list[Any]:
    store = SQLite(path)
    store.open(clocks)
    with program("work", path) as worker:
        eventually(lambda: live(store) == 0)
        reports = worker.reports
    assert results_of(store, clocks, ReadDead("orders")) == [[]]
    assert store.check() == []
    store.close()
    return reports


def live(store: SQLite) -> int:
    [stats] = results_of(store, clocks, ReadStats("orders"))
    found = stats["orders"]
    return int(found.ready + found.delayed + found.leased + found.blocked)


def puts(*programs: Program) -> set[str]:
    return {report[1] for each in programs for report in each.reports if report[0] == "put"}


def test_every_acknowledged_job_is_done_while_its_worker_is_killed_again_and_again(folder: Path) -> None:
    path = folder / "app.db"
    accepted, stop = list[str](), threading.Event()
    with program("serve", path) as web, program("put", path) as second:
        _, port = web.ready()
        client = threading.Thread(target=order_by_http, args=(port, accepted, stop))
        client.start()
        second.ready()
        reports = kill_again_and_again(path)
        stop.set()
        client.join(30)
        web.kill()
        second.kill()
        put = {*accepted, *puts(web, second)}
    reports += work_off(path)

    assert {word.split()[0] for word in put} == {"web", "thread", "program"}
    done = {report[1] for report in reports if report[0] == "end"}
    assert put - done == set()

    leases: defaultdict[str, list[Any]] = defaultdict(list)
    for report in reports:
        if report[0] == "begin":
            leases[report[1]].append(report[2:])
    for payload, found in leases.items():
        for (token, until, _), (next_token, next_until, begun) in pairwise(found):
            assert next_token > token, payload
            assert next_until - LEASE >= until - 1e-6, f"{payload}: two valid leases"
            assert begun >= until, f"{payload}: two valid leases"
    assert any(len(found) > 1 for found in leases.values()), "no kill hit a job"
