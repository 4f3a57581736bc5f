"""A disk that can lose power, run out of room, or kill the process at a counted write: a VFS of SQLite for the tests.

The files are real, so that the shared memory of the WAL and the locks are those of the operating system. The disk records
each write, truncation, deletion and sync. `cuts` builds from this record the files as a power cut leaves them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal

import apsw

Kind = Literal["write", "truncate", "delete", "sync"]
Files = dict[str, bytes]  # by the end of the name: "", "-wal", "-journal"

BASE: Final = ""  # the VFS of the operating system


@dataclass(frozen=True, slots=True)
class Event:
    """What was done to a file; `offset` is the new size of a truncation."""

    kind: Kind
    file: str
    offset: int = 0
    data: bytes = b""


class Disk(apsw.VFS):
    """A VFS over that of the system, for the files of one database. `close` it."""

    def __init__(self, name: str, path: str, *, before: Callable[[int], None] | None = None) -> None:
        super().__init__(name, BASE)
        self.name = name
        self.path = path
        self.events: list[Event] = []
        self.before = before
        self.capacity: int | None = None  # bytes of all files together; None has no limit
        self.sizes: dict[str, int] = {}
        self.syncs = 0

    def close(self) -> None:
        self.unregister()

    def xOpen(self, name: Any, flags: list[int]) -> DiskFile:  # noqa: N802 - SQLite's name
        return DiskFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        file = self.file_of(filename)
        self.record(Event("delete", file, offset=int(syncdir)))
        self.sizes[file] = 0
        super().xDelete(filename, syncdir)

    def file_of(self, name: Any) -> str:
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return text.removeprefix(self.path)

    def record(self, event: Event) -> None:
        if self.before is not None:
            self.before(len(self.events))
        self.events.append(event)

    def grow(self, file: str, size: int) -> None:
        """Take room for a file of this size.

        Raises:
            apsw.FullError: the disk has less.
        """
        more = size - self.sizes.get(file, 0)
        if more > 0:
            if self.capacity is not None and sum(self.sizes.values()) + more > self.capacity:
                raise apsw.exception_for(apsw.SQLITE_FULL)
            self.sizes[file] = size


class DiskFile(apsw.VFSFile):
    """A file of a disk."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__(BASE, name, flags)
        self.disk = disk
        self.file = disk.file_of(name)
        disk.sizes[self.file] = self.xFileSize()

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802 - SQLite's name
        self.disk.grow(self.file, offset + len(data))
        self.disk.record(Event("write", self.file, offset, bytes(data)))
        super().xWrite(data, offset)  # pyright: ignore[reportUnknownMemberType]

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        self.disk.record(Event("truncate", self.file, newsize))
        self.disk.sizes[self.file] = newsize
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802 - SQLite's name
        """Record a sync. The file itself is not synced: the process that reads it is on the same machine."""
        self.disk.syncs += 1
        self.disk.record(Event("sync", self.file))


# What a power cut leaves


@dataclass(slots=True)
class Platter:
    """One file: its synced content (None before it exists), and what was done to it since."""

    synced: bytearray | None = None
    pending: list[Event] = field(default_factory=list)

    def sync(self) -> None:
        self.synced = applied(self.synced, self.pending) or bytearray()
        self.pending = []

    def forget(self) -> None:
        """Make a deletion safe, as a sync of the folder does."""
        for index in reversed(range(len(self.pending))):
            if self.pending[index].kind == "delete":
                self.synced, self.pending = None, self.pending[index + 1 :]
                return

    def left(self, choose: Callable[[Sequence[Event]], Sequence[Event]]) -> bytearray | None:
        return applied(self.synced, choose(self.pending))


def applied(content: bytearray | None, events: Sequence[Event]) -> bytearray | None:
    """Return a copy of a file's content after these events."""
    new = None if content is None else bytearray(content)
    for event in events:
        if event.kind == "delete":
            new = None
            continue
        new = bytearray() if new is None else new
        if event.kind == "truncate":
            del new[event.offset :]
            new.extend(bytes(max(0, event.offset - len(new))))
        else:
            new.extend(bytes(max(0, event.offset - len(new))))
            new[event.offset : event.offset + len(event.data)] = event.data
    return new


def nothing(_: Sequence[Event]) -> Sequence[Event]:
    """Choose no event: what was not synced is lost."""
    return ()


def everything(pending: Sequence[Event]) -> Sequence[Event]:
    """Choose all events: the disk wrote them although no sync asked for it."""
    return pending


def torn(random: Random) -> Callable[[Sequence[Event]], Sequence[Event]]:
    """Choose some events in any order of arrival, and one half of the last write."""

    def choose(pending: Sequence[Event]) -> Sequence[Event]:
        if not pending:
            return ()
        *chosen, last = pending
        if random.random() < 0.5:  # a prefix, else any subset
            chosen = chosen[: random.randint(0, len(chosen))]
        else:
            chosen = [event for event in chosen if random.random() < 0.5]
        if last.kind == "write":
            middle = len(last.data) // 2
            if random.random() < 0.5:
                last = Event("write", last.file, last.offset, last.data[:middle])
            else:
                last = Event("write", last.file, last.offset + middle, last.data[middle:])
        return [*chosen, last]

    return choose


@dataclass(slots=True)
class Cut:
    """A moment after `index` events, at which the power goes."""

    index: int
    platters: dict[str, Platter]

    def files(self, choose: Callable[[Sequence[Event]], Sequence[Event]] = nothing) -> Files:
        """Return the files that are found afterwards."""
        return {
            file: bytes(left) for file, platter in self.platters.items() if (left := platter.left(choose)) is not None
        }


def cuts(events: Sequence[Event], before: Files | None = None) -> Iterator[Cut]:
    """Yield the moment before the first event, and after each one. A cut is valid until the next is asked for."""
    platters = {file: Platter(bytearray(content)) for file, content in (before or {}).items()}
    yield Cut(0, platters)
    for index, event in enumerate(events, start=1):
        platter = platters.setdefault(event.file, Platter())
        # SQLite syncs the folder with the first sync of a new journal or WAL, and with a deletion if it says so.
        new = event.kind == "sync" and event.file != "" and platter.synced is None
        if event.kind == "sync":
            platter.sync()
        else:
            platter.pending.append(event)
        if new or (event.kind == "delete" and event.offset):
            for each in platters.values():
                each.forget()
        yield Cut(index, platters)
