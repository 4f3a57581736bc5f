"""The table of a registry: the entries by key and by pid.

A table belongs to its node, not to a process: reading it needs no message and no wait. Both look-ups take constant time.
The entries of a process are removed when it ends, before any `Down` or exit signal arrives (`HeldByProcess` in
`kernel/names.py`).

    by_key    exact key -> its entries         one dict; for duplicates by pid one for each partition
    by_pid    pid -> its entries               one dict for each partition

Entries are kept in a `small_set`, since most keys and pids have one: None, then the entry, then a dict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

from regrow.kernel import links, small_set
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.keys import exact, same
from regrow.kernel.mailbox import put
from regrow.kernel.names import find
from regrow.kernel.process_record import Host, Pid, extras

Keys = Literal["unique", "duplicate"] | tuple[Literal["duplicate"], Literal["pid", "key"]]
KEYS: Final = ("unique", "duplicate", ("duplicate", "pid"), ("duplicate", "key"))


class Record(NamedTuple):
    """An entry of a registry, as `select` returns it."""

    key: Any
    pid: Pid
    value: Any


class AlreadyRegistered(Exception):
    """Raised in a registry with unique keys if a process is registered under the key already.

    Attributes:
        registry: the registry's name.
        key: the key.
        pid: the registered process.
        reason: ("already_registered", pid).
    """

    def __init__(self, registry: object, key: object, pid: Pid) -> None:
        super().__init__(registry, key, pid)
        self.registry = registry
        self.key = key
        self.pid = pid
        self.reason: tuple[str, Pid] = ("already_registered", pid)

    def __str__(self) -> str:
        return (
            f"{self.pid} is registered as {safe_repr(self.key)} in {safe_repr(self.registry)}, whose keys are unique. "
            'Unregister it first, or start a registry with keys="duplicate"'
        )


class Entry:
    """One registration of a process under a key."""

    __slots__ = ("key", "pid", "stored_key", "value")

    def __init__(self, key: Any, pid: Pid, value: Any) -> None:
        self.key: Any = key
        self.stored_key: Any = exact(key)  # the key in the table, also if the key is mutable and changes
        self.pid: Pid = pid
        self.value: Any = value


class Partition:
    """A part of the registered processes, and the server to which they are linked."""

    __slots__ = ("by_key", "by_pid", "server")

    def __init__(self, by_key: dict[Any, Any]) -> None:
        self.server: Pid | None = None
        self.by_key: dict[Any, Any] = by_key
        self.by_pid: dict[Pid, Any] = {}

    def serve(self, server: Pid) -> None:
        """Set the server; when it ends, the entries are removed."""
        assert server.process is not None
        self.server = server
        extras(server.process).tables[self] = None

    def release(self, pid: Pid) -> None:
        """Remove the entries of a process that has ended; if it is the server, all entries."""
        for entry in list(self.entries_of(pid)):
            self.remove(entry)
        if pid is self.server:
            self.server = None
            for other in list(self.by_pid):
                self.release(other)
                if other.process is not None:
                    extras(other.process).tables.pop(self, None)

    def entries_of(self, pid: Pid) -> Iterable[Entry]:
        """Return the entries of a process in this partition."""
        return small_set.items(self.by_pid.get(pid))

    def add(self, entry: Entry) -> Pid:
        """Add an entry of a live process, link the process to the server, and return the server."""
        server, holder = self.server, entry.pid.process
        assert server is not None
        assert holder is not None
        entries: Any = self.by_key.get(entry.stored_key)
        if entries is not None:
            entry.stored_key = next(iter(small_set.items(entries))).stored_key
        self.by_key[entry.stored_key] = small_set.add(entries, entry)
        self.by_pid[entry.pid] = small_set.add(self.by_pid.get(entry.pid), entry)
        extras(holder).tables[self] = None
        links.link(holder, server)
        return server

    def remove(self, entry: Entry) -> None:
        """Remove an entry from both dicts."""
        _remove(self.by_key, same(entry.stored_key), entry)
        _remove(self.by_pid, entry.pid, entry)

    def unlink_if_empty(self, pid: Pid) -> None:
        """Unlink a live process from the server, if it has no entry here any more."""
        process = pid.process
        if process is not None and pid not in self.by_pid:
            extras(process).tables.pop(self, None)
            if self.server is not None:
                links.unlink(process, self.server)


def _remove(entries: dict[Any, Any], key: Any, entry: Entry) -> None:
    left = small_set.discard(entries.get(key), entry)
    if left is None:
        entries.pop(key, None)
    else:
        entries[key] = left


class Table:
    """The table of a registry; a `Via` finds it under the registry's name."""

    def __init__(
        self, node: Host, name: object, keys: Keys, partitions: int, listeners: Iterable[Any], meta: Mapping[Any, Any]
    ) -> None:
        self.node = node
        self.name = name
        self.unique: bool = keys == "unique"
        self.listeners: tuple[Any, ...] = tuple(listeners)
        self.meta: dict[Any, Any] = {exact(key): value for key, value in meta.items()}
        by_pid = keys in ("duplicate", ("duplicate", "pid"))
        # Only duplicates by pid have several dicts: their dispatch calls its function once for each partition.
        self.by_keys: list[dict[Any, Any]] = [{} for _ in range(partitions if by_pid else 1)]
        self.partitions: list[Partition] = [
            Partition(self.by_keys[number if by_pid else 0]) for number in range(partitions)
        ]

    def release(self, _: Pid) -> None:
        """Remove the table from the node's registries, when the registry has ended."""
        if self.node.registries.get(self.name) is self:
            del self.node.registries[self.name]

    # Reading

    def groups(self, key: Any) -> Iterator[list[Entry]]:
        """Yield the entries of a key, one list for each partition that has any."""
        stored_key = exact(key)
        for by_key in self.by_keys:
            entries = by_key.get(stored_key)
            if entries is not None:
                yield list(small_set.items(entries))

    def entries(self, key: Any) -> list[Entry]:
        """Return the entries of a key."""
        return [entry for group in self.groups(key) for entry in group]

    def all(self) -> list[Entry]:
        """Return all entries of the registry."""
        return [entry for by_key in self.by_keys for entries in by_key.values() for entry in small_set.items(entries)]

    def own(self, pid: Pid) -> list[Entry]:
        """Return the entries of a process, oldest first."""
        return list(self.partition_of(pid).entries_of(pid))

    def own_under(self, key: Any, pid: Pid) -> list[Entry]:
        """Return the entries of a process under a key, also if the key is the same object with a changed hash."""
        if type(key) is not str and type(key) is not tuple:
            same_object = [entry for entry in self.own(pid) if entry.key is key]
            if same_object:
                return same_object
        if self.unique:
            return [entry for entry in self.entries(key) if entry.pid is pid]
        stored_key = exact(key)
        return [entry for entry in self.own(pid) if entry.stored_key == stored_key]

    def count(self) -> int:
        """Return the number of entries."""
        return sum(
            len(cast("dict[Entry, None]", entries)) if type(entries) is dict else 1
            for by_key in self.by_keys
            for entries in by_key.values()
        )

    def partition_of(self, pid: Pid) -> Partition:
        """Return the partition of a process."""
        return self.partitions[pid.number % len(self.partitions)]

    # Writing

    def register(self, key: Any, pid: Pid, value: Any) -> Pid:
        """Add an entry, and return the server to which the process is linked.

        Raises:
            AlreadyRegistered: the keys are unique, and this one is taken.
            ValueError: the registry is being restarted, or the process is not alive, or belongs to another node.
        """
        if pid.process is None or pid.node is not self.node:
            why = "it is not alive" if pid.node is self.node else f"it belongs to another node, {pid.node!r}"
            raise ValueError(f"could not register {pid} as {safe_repr(key)}: {why}")
        if self.unique:
            for entry in self.entries(key):
                raise AlreadyRegistered(self.name, key, entry.pid)
        partition = self.partition_of(pid)
        if partition.server is None:
            raise ValueError(f"the registry {safe_repr(self.name)} is being restarted. Try again when it is up")
        server = partition.add(Entry(key, pid, value))
        self.notify(("register", self.name, key, pid, value))
        return server

    def unregister(self, key: Any, pid: Pid, entries: Iterable[Entry]) -> None:
        """Remove entries of a process, and notify the listeners."""
        partition = self.partition_of(pid)
        for entry in entries:
            partition.remove(entry)
        partition.unlink_if_empty(pid)
        if pid.process is not None:  # listeners are not sent the end of a process: they can monitor it
            self.notify(("unregister", self.name, key, pid))

    def notify(self, event: object) -> None:
        """Send an event to the listeners; a listener that does not run misses it."""
        for listener in self.listeners:
            pid = find(self.node, listener)
            if pid is not None and pid.process is not None:
                put(pid.process, event)

    # The functions for a Via

    def register_name(self, key: Any, pid: Pid, value: Any = None) -> bool:
        """Register a process that is starting under its name; return False if the name is taken.

        Raises:
            ValueError: the keys are not unique.
        """
        if self.whereis_name(key) is not None:
            return False
        self.register(key, pid, value)
        return True

    def unregister_name(self, key: Any) -> None:
        """Remove a name of the running process."""
        caller = self.node.caller()
        if caller is not None:
            self.unregister(key, caller.pid, self.own_under(key, caller.pid))

    def whereis_name(self, key: Any) -> Pid | None:
        """Return the pid under a unique key; None if there is none.

        Raises:
            ValueError: the keys are not unique.
        """
        if not self.unique:
            raise ValueError(
                f"Via is not supported for duplicate registries: {safe_repr(self.name)} may have several processes "
                f"under {safe_repr(key)}. Use lookup or dispatch"
            )
        entry = self.by_keys[0].get(exact(key))
        return None if entry is None else cast("Entry", entry).pid


def table_of(registry: object) -> Table:
    """Return the table of a registry of this node.

    Raises:
        ValueError: there is no registry with this name.
    """
    table = current_node().registries.get(registry)
    if not isinstance(table, Table):
        raise ValueError(  # noqa: TRY004 - the name has the right type, and is not registered
            f"unknown registry: {safe_repr(registry)}. Start it first, with Registry.start_link(keys=…, name=…), "
            "under a supervisor before the processes that use it"
        )
    return table
