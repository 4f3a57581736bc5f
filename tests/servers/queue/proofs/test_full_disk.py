"""A full disk: what is refused, what still works, and how it goes on."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from regrow.servers.queue.errors import StoreFull
from regrow.servers.queue.ops import Ack, Claim, Extend, NewJob, Put
from regrow.servers.queue.sqlite.store import SQLite
from tests.once import once
from tests.servers.queue.proofs.broken import intact
from tests.servers.queue.proofs.connection import Connection
from tests.servers.queue.proofs.examine import examine
from tests.servers.queue.proofs.ledger import Entry, Ledger, failed
from tests.servers.queue.proofs.power import Run, connects, disk_for, faults_of
from tests.servers.queue.proofs.workload import HOLDER, Client, Clock, results_of

pytestmark = once


def test_on_a_full_disk_an_ack_works_and_the_puts_of_its_batch_are_refused(folder: Path) -> None:
    path, clock = folder / "app.db", Clock()
    with disk_for(path) as disk:
        store = SQLite(path, connect=lambda path: Connection(path, vfs=disk.name))
        store.open(clock)
        store.run([Put("q", tuple(NewJob(b"x" * 500) for _ in range(20)))], clock)
        [held] = results_of(store, clock, Claim("q", 5, 30.0, HOLDER))
        store.close()  # which writes all pages to the file of the database
        store.open(clock)
        for _ in range(10):  # pages that the file has already fill the log
            store.run([Extend("q", tuple((job.id, job.token) for job in held), 30.0)], clock)

        disk.capacity = sum(disk.sizes.values())
        put = Put("q", (NewJob(b"new"),))
        results = results_of(store, clock, put, Ack("q", held[0].id, held[0].token), put)
        assert [type(result) for result in results] == [StoreFull, type(None), StoreFull]

        disk.capacity = sum(disk.sizes.values())
        with pytest.raises(StoreFull, match="goes on by itself"):
            store.run([Put("q", tuple(NewJob(b"x" * 5_000) for _ in range(20)))], clock)

        disk.capacity = None
        [[stored], none] = results_of(store, clock, put, Ack("q", held[1].id, held[1].token))
        assert (stored.id, none) == (21, None)
        assert store.check() == []
        store.close()


@pytest.mark.parametrize(("size", "steps", "seed"), [(1, 40, 1), (8, 12, 2)])
def test_a_disk_that_is_full_now_and_then_loses_nothing_not_even_at_a_power_cut(
    folder: Path, size: int, steps: int, seed: int
) -> None:
    run_folder, cut_folder = folder / "run", folder / "cut"
    run_folder.mkdir()
    cut_folder.mkdir()
    path, clock, random = run_folder / "app.db", Clock(), Random(seed)
    entries: list[tuple[int, Entry]] = []
    refused = 0
    with disk_for(path) as disk:
        store = SQLite(path, connect=connects(vfs=disk.name))
        store.open(clock)
        client = Client(random, size, lambda entry: entries.append((len(disk.events), entry)))
        for step in range(steps):
            if step % 10 == 2:
                disk.capacity = sum(disk.sizes.values()) + 2_000
            elif step % 10 == 9:
                disk.capacity = None
            try:
                client.step(store, clock)
            except StoreFull:
                refused += 1
                entries.append((len(disk.events), failed(clock.monotonic, clock.wall)))
            clock.advance(random.choice((0.0, 0.1, 2.0, 8.0)))
        assert refused > 0
        disk.capacity = None
        client.step(store, clock)
        run = Run([*disk.events], entries)
        store.close()

    assert [*faults_of(cut_folder, run, intact, enough=3, every=3)] == []
    ledger = Ledger()
    for _, entry in entries:
        ledger.add(entry)
    assert examine(str(path), ledger, clock, SQLite, reboot=False) == []
