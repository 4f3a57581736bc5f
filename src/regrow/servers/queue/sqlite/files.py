"""Files of a SQLite store: where one may lie, what may be written, and copies.

The database file itself is never opened here: closing it would drop the POSIX locks that SQLite has on it for every
connection of this process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from regrow.servers.queue.errors import StoreError, StoreNotLocal, StoreReadOnly

MOUNTS: Final = "/proc/self/mountinfo"
# File systems of other machines, or of a host: processes there do not see the shared memory that the log needs.
NOT_LOCAL: Final = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "ncpfs",
        "nfs",
        "nfs4",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
    }
)


def refuse_place(path: str) -> None:
    """Refuse a path where no store can be; nothing is written.

    Raises:
        StoreError: its folder is missing, or it is a folder.
        StoreReadOnly: the file or its folder cannot be written.
        StoreNotLocal: it is on a network file system.
    """
    file = Path(path)
    if not file.parent.is_dir():
        raise StoreError(f"{path}: its folder {str(file.parent)!r} is not there; make it first")
    if file.is_dir():
        raise StoreError(f"{path}: is a folder; give the path of a file in it")
    kind = file_system(path, mounts())
    if kind in NOT_LOCAL:
        raise StoreNotLocal(
            f"{path}: is on a network file system ({kind}), where SQLite's write-ahead log does not work, for its "
            "processes need shared memory. Put the file on a disk of this machine, or use Postgres(…)"
        )
    if not is_writable(path):
        raise StoreReadOnly(f"{path}: the file or its folder cannot be written by this user")


def is_writable(path: str) -> bool:
    """Return whether the file, and the folder where SQLite puts its log, may be written."""
    file = Path(path)
    return os.access(file.parent, os.W_OK | os.X_OK) and (not file.exists() or os.access(file, os.W_OK))


def mounts() -> str:
    """Return the system's table of mounts; empty where there is none."""
    try:
        return Path(MOUNTS).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""


def file_system(path: str, table: str) -> str | None:
    """Return the type of the file system that a path is on, by a table of mounts as in Linux; None if it is unknown."""
    found: tuple[int, str | None] = (0, None)
    for line in table.splitlines():
        fields, _, rest = line.partition(" - ")
        columns = fields.split(" ")
        if len(columns) < 5 or not rest:
            continue
        point = _unescaped(columns[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= found[0]:  # of two mounts at one place, the later one covers the earlier one
            found = len(point), rest.split(" ", 1)[0]
    return found[1]


def _unescaped(point: str) -> str:
    """Return a mount point without the octal escapes of blanks."""
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(escape, character)
    return point


def size_of(path: str) -> int:
    """Return the bytes of a file; 0 if it is not there."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def keep_copy(partial: Path, path: Path) -> None:
    """Give a finished copy its name, on the disk.

    Raises:
        StoreError: a file has this name already.
    """
    _sync(partial, os.O_RDWR)
    try:
        os.link(partial, path)  # a rename would overwrite a file that came meanwhile
    except FileExistsError as error:
        raise exists(path) from error
    except OSError:  # a file system without links
        if path.exists():
            raise exists(path) from None
        partial.rename(path)
    partial.unlink(missing_ok=True)
    if os.name == "posix":
        _sync(path.parent, os.O_RDONLY)


def exists(path: Path) -> StoreError:
    """Return the error of a backup whose name is taken."""
    return StoreError(f"{path}: is there already, and a backup overwrites nothing; give another name")


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
