"""Power cuts: a run on a disk that records everything, and an examination of what each moment leaves."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from regrow.servers.queue.ops import Show
from regrow.servers.queue.store import Store
from tests.servers.queue.proofs.connection import Connection, Rewrite
from tests.servers.queue.proofs.disk import Disk, Event, Files, cuts, everything, nothing, torn
from tests.servers.queue.proofs.examine import examine
from tests.servers.queue.proofs.ledger import Entry, Ledger
from tests.servers.queue.proofs.workload import Client, Clock, results_of

Connect = Callable[..., Any]
Make = Callable[[str, Connect], Store]  # a store for a path, with this function for its connections

NAMES = itertools.count()


@dataclass(slots=True)
class Run:
    """A run until the power goes.

    Attributes:
        events: what the disk did.
        entries: each entry of the ledger, the number of events before it, and the time.
        files: those from which it began.
        ledger: what was acknowledged before it began.
    """

    events: list[Event]
    entries: list[tuple[int, Entry]]
    files: Files = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    clock: Clock = field(default_factory=Clock)


def connects(rewrite: Rewrite | None = None, vfs: str | None = None) -> Connect:
    """Return a function for a store's connections, whose statements are changed."""

    def connect(path: str, *_: Any, **__: Any) -> Connection:
        return Connection(path, vfs=vfs, rewrite=rewrite, checkpoint=12)

    return connect


@contextmanager
def disk_for(path: Path) -> Generator[Disk]:
    disk = Disk(f"disk{next(NAMES)}", str(path))
    try:
        yield disk
    finally:
        disk.close()


def record(
    folder: Path,
    make: Make,
    *,
    seed: int,
    steps: int,
    size: int,
    rewrite: Rewrite | None = None,
    before: Run | None = None,
) -> Run:
    """Run a client's batches on a recording disk.

    Args:
        folder: an empty one.
        make: makes the store.
        seed: decides what is asked.
        steps: the number of batches.
        size: the requests of each.
        rewrite: changes the store's statements.
        before: a run whose files, ledger and clock this one begins with.
    """
    path = folder / "app.db"
    run = Run([], []) if before is None else before
    for file, content in run.files.items():
        Path(f"{path}{file}").write_bytes(content)
    clock = run.clock
    start = Clock(clock.wall, clock.monotonic)
    random = Random(seed)
    entries: list[tuple[int, Entry]] = []
    with disk_for(path) as disk:
        store = make(str(path), connects(rewrite, disk.name))
        store.open(clock)
        if before is not None:
            run.ledger.compare(results_of(store, clock, Show(after=0, count=100_000))[0])
        client = Client(random, size, lambda entry: entries.append((len(disk.events), entry)), names=f"{seed}-")
        for _ in range(steps):
            client.step(store, clock)
            clock.advance(random.choice((0.0, 0.1, 2.0, 8.0)))
        events = [*disk.events]
        store.close()
    return Run(events, entries, run.files, run.ledger, start)


def faults_of(
    folder: Path,
    run: Run,
    make: Make,
    *,
    rewrite: Rewrite | None = None,
    seed: int = 0,
    enough: int = 1,
    every: int = 1,
) -> Iterator[tuple[str, list[str]]]:
    """Cut the power after each event; yield the moments that leave something wrong, and what.

    Args:
        folder: an empty one.
        run: the run.
        make: makes the store that opens what is left.
        rewrite: changes that store's statements.
        seed: decides what is torn.
        enough: the number of wrong moments after which no more are examined.
        every: 3 examines the moments after each third event.
    """
    random = Random(seed)
    entries = [*run.entries]
    ledger, clock = run.ledger.copy(), Clock(run.clock.wall, run.clock.monotonic)
    seen: set[Any] = set()
    for cut in cuts(run.events, run.files):
        for known in moments(ledger, clock, entries, cut.index):
            if cut.index % every:
                continue
            for how, choose in (("nothing", nothing), ("everything", everything), ("torn", torn(random))):
                files = cut.files(choose)
                key = (hash(tuple(sorted(files.items()))), len(entries))
                if key in seen:
                    continue
                seen.add(key)
                if found := examined(folder, files, known.copy(), Clock(clock.wall, clock.monotonic), make, rewrite):
                    yield f"after event {cut.index} of {len(run.events)}, {how} of the unsynced is kept", found
                    enough -= 1
                    if enough == 0:
                        return


def moments(ledger: Ledger, clock: Clock, entries: list[tuple[int, Entry]], index: int) -> Iterator[Ledger]:
    """Take the entries up to an event into the ledger; yield it after each answer, and at the end."""
    yielded = False
    while entries and entries[0][0] <= index:
        _, entry = entries.pop(0)
        ledger.add(entry)
        clock.wall, clock.monotonic = entry["wall"], entry["at"]
        if ledger.flying is None:
            yielded = True
            yield ledger
    if not yielded:
        yield ledger


def examined(
    folder: Path, files: Files, ledger: Ledger, clock: Clock, make: Make, rewrite: Rewrite | None
) -> list[str]:
    """Write the files that a power cut leaves, and examine them."""
    for old in folder.iterdir():
        old.unlink()
    path = folder / "app.db"
    for file, content in files.items():
        Path(f"{path}{file}").write_bytes(content)
    connect = sqlite3.connect if rewrite is None else connects(rewrite)
    return examine(str(path), ledger, clock, lambda path: make(path, connect), reboot=True)


def resumed(run: Run, index: int) -> Run:
    """Return the beginning of a run with the files that a power cut after this event leaves."""
    ledger, clock = run.ledger.copy(), Clock(run.clock.wall, run.clock.monotonic)
    for _ in moments(ledger, clock, [*run.entries], index):
        pass
    ledger.settle(reboot=True)
    clock.reboot()
    [files] = [cut.files() for cut in cuts(run.events, run.files) if cut.index == index]
    return Run([], [], files, ledger, clock)
