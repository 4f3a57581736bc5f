"""A table of processes by keys that you choose (Elixir's `Registry`).

    unique       a key has one process           names of any type: Via("rooms", ("lobby", 7))
    duplicate    a key has any number of them    subscribers of a topic: Registry.dispatch("topics", "news", notify)

A process registers itself under a key, with a value. Its entries are removed when it ends, before any `Down` or exit
signal arrives. Reading (`lookup`, `dispatch`, `match`, a `Via`) calls no process: it reads a table of the node.

    >>> class Room(GenServer[list[str]]):
    ...     def handle_call(self, request, from_, people):
    ...         return Reply(people, people)
    >>> async def main():
    ...     await Registry.start_link(keys="unique", name="rooms")
    ...     await Room.start_link(["ann"], name=Via("rooms", "lobby"))
    ...     return await call(Via("rooms", "lobby"), "who is there?")
    >>> import regrow
    >>> regrow.run(main)
    ['ann']

`pattern.py` describes the patterns of `match` and `select`.

A registry is a supervisor of its partitions' servers (`registry_server.py`). Each registered process is linked to one of
them: when the registry ends, the registered processes get its exit signal. In one event loop, more partitions make
nothing faster; their number is the number of processes of a parallel `dispatch`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Literal, TypeVar, cast, overload

from regrow.behaviours.gen.arguments import at_once, listed
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen_server import client
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.naming.pattern import Pattern, Where, fits
from regrow.behaviours.naming.registry_server import Partitions, Refused
from regrow.behaviours.naming.registry_table import KEYS, AlreadyRegistered, Entry, Keys, Record, Table, table_of
from regrow.kernel import bifs, names, sending
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import CalleeExit, is_word
from regrow.kernel.keys import exact
from regrow.kernel.process_record import Pid
from regrow.kernel.refs import Ref
from regrow.kernel.requests import new_request, wait
from regrow.kernel.running import current, running_alive
from regrow.kernel.spawning import spawn_link

__all__ = ["AlreadyRegistered", "Record", "Registry"]

Result = TypeVar("Result")
Message = TypeVar("Message")
Name = str | type
Entries = list[tuple[Pid, Any]]
EVERYTHING: Final = (..., ..., ...)
RAISE: Final[Any] = object()


class Registry:
    """Functions for registries. All are static or class methods; the first argument is the registry's name."""

    # Start

    @classmethod
    async def start_link(
        cls,
        *,
        keys: Keys,
        name: Name,
        partitions: int = 1,
        listeners: Iterable[Name] = (),
        meta: Mapping[Hashable, Any] | None = None,
        compressed: bool = False,
    ) -> Pid:
        """Start a registry, linked (`Registry.start_link/1`).

        Args:
            keys: "unique", or "duplicate": a key may have several entries, of several processes or of one. Duplicates
                are distributed over the partitions by pid; ("duplicate", "key") keeps the entries of a key together.
            name: a string or a class.
            partitions: the number of servers to which the registered processes are linked.
            listeners: names of processes that are sent ("register", registry, key, pid, value) and ("unregister",
                registry, key, pid). The end of a registered process is not sent: a listener can monitor it.
            meta: the initial values for `meta`.
            compressed: accepted as in Elixir, and without effect.

        Raises:
            ValueError: a wrong value for `keys` or `partitions`.
            TypeError: the name is neither a string nor a class, or another option has the wrong type.
            AlreadyStarted: the name is taken.
        """
        _check(keys, name, partitions, compressed, meta)
        listening = tuple(listed("listeners", "names, strings or classes", listeners))
        for listener in listening:
            if not names.is_name(listener):
                raise TypeError(f"listeners: wanted names, strings or classes; got {safe_repr(listener)}")

        def table() -> Table:
            return Table(current_node(), name, keys, partitions, listening, meta or {})

        return await Partitions.start_link(table, name=name)

    @classmethod
    def child_spec(cls, options: Mapping[str, Any] | None = None, **more: Any) -> ChildSpec:
        """Return the child spec of a registry: `Registry.child_spec(keys="unique", name="rooms")`.

        A supervisor also takes `(Registry, {"keys": "unique", "name": "rooms"})`. The id is the name.

        Args:
            options: the arguments of `start_link`, as a mapping.
            more: the arguments of `start_link`.
        """
        merged = {**(options or {}), **more}
        return ChildSpec(merged.get("name", cls), partial(cls.start_link, **merged), type="supervisor", modules=(cls,))

    # Registering

    @staticmethod
    def register(registry: Name, key: Hashable, value: Any = None) -> Pid:
        """Register the running process under a key, with a value (`Registry.register/3`).

        Returns:
            The pid of the registry's server to which the process is linked now.

        Raises:
            AlreadyRegistered: the keys are unique, and this one is taken; its value is not changed.
            ValueError: there is no such registry.
            TypeError: the key is not hashable.
            RuntimeError: the code runs in a plain asyncio task.
        """
        return table_of(registry).register(key, running_alive().pid, value)

    @staticmethod
    def unregister(registry: Name, key: Hashable) -> None:
        """Remove all entries of the running process under a key; it may have none (`Registry.unregister/2`).

        Raises:
            ValueError: there is no such registry.
        """
        table, pid = table_of(registry), current()
        table.unregister(key, pid, table.own_under(key, pid))

    @staticmethod
    def unregister_match(registry: Name, key: Hashable, pattern: Pattern, where: Where | None = None) -> None:
        """Remove the entries of the running process under a key whose values fit (`Registry.unregister_match/4`).

        Args:
            registry: its name.
            key: the key; it is no pattern.
            pattern: a pattern for the value; see `pattern.py`.
            where: a predicate for values that fit the pattern.

        Raises:
            ValueError: there is no such registry.
        """
        table, pid = table_of(registry), current()
        fitting = [entry for entry in table.own_under(key, pid) if _chosen(entry.value, pattern, where)]
        table.unregister(key, pid, fitting)

    @staticmethod
    def update_value(registry: Name, key: Hashable, function: Callable[[Any], Any]) -> tuple[Any, Any] | None:
        """Replace the running process's value under a unique key by `function(value)` (`Registry.update_value/3`).

        Returns:
            The new value and the old one; None if the process is not registered under the key: the function is not
            called then.

        Raises:
            ValueError: the registry's keys are not unique.
            TypeError: the function is `async def`; the value is not changed.
        """
        table = table_of(registry)
        if not table.unique:
            raise ValueError(
                f"update_value: wanted a registry of unique keys; {safe_repr(registry)} may have several values under "
                "one key. Unregister and register again"
            )
        for entry in table.own_under(key, current()):
            old, entry.value = entry.value, at_once("update_value", function, entry.value)
            return entry.value, old
        return None

    # Reading

    @staticmethod
    def lookup(registry: Name, key: Hashable) -> Entries:
        """Return the (pid, value) pairs under a key; at most one if the keys are unique (`Registry.lookup/2`).

        Raises:
            ValueError: there is no such registry.
        """
        return _pairs(table_of(registry).entries(key))

    @staticmethod
    def keys(registry: Name, pid: Pid) -> list[Any]:
        """Return the keys of a process, oldest first, each as often as it has entries (`Registry.keys/2`)."""
        return [entry.key for entry in table_of(registry).own(pid)]

    @staticmethod
    def values(registry: Name, key: Hashable, pid: Pid) -> list[Any]:
        """Return the values of a process under a key (`Registry.values/3`)."""
        return [entry.value for entry in table_of(registry).own_under(key, pid)]

    @staticmethod
    def count(registry: Name) -> int:
        """Return the number of entries (`Registry.count/1`)."""
        return table_of(registry).count()

    @staticmethod
    def match(registry: Name, key: Hashable, pattern: Pattern, where: Where | None = None) -> Entries:
        """Return the (pid, value) pairs under a key whose values fit (`Registry.match/4`).

        Args:
            registry: its name.
            key: the key; it is no pattern.
            pattern: a value with holes, as in `("user", ...)`; see `pattern.py`.
            where: a predicate for values that fit the pattern.

        Raises:
            ValueError: there is no such registry.
        """
        return _pairs(entry for entry in table_of(registry).entries(key) if _chosen(entry.value, pattern, where))

    @staticmethod
    def count_match(registry: Name, key: Hashable, pattern: Pattern, where: Where | None = None) -> int:
        """Return the number of entries under a key whose values fit (`Registry.count_match/4`); arguments as for `match`."""
        return len(Registry.match(registry, key, pattern, where))

    @staticmethod
    def select(registry: Name, *patterns: Pattern, where: Callable[[Record], object] | None = None) -> list[Record]:
        """Return the entries that fit one of the patterns; all entries without a pattern (`Registry.select/2`).

        For example `select("rooms", (("lobby", ...), ..., ...), where=lambda record: record.value > 2)`. In the place of
        a match specification's body, use a comprehension. The function reads all entries of the registry.

        Args:
            registry: its name.
            patterns: triples (key, pid, value) with holes; see `pattern.py`.
            where: a predicate for each Record that fits.

        Raises:
            ValueError: a pattern is no triple, or there is no such registry.
        """
        for pattern in patterns:
            if type(pattern) is not tuple or len(cast("Any", pattern)) != 3:
                raise ValueError(
                    "select: wanted each pattern as a triple (key, pid, value), with ... where anything fits; "
                    f"got {safe_repr(cast('Any', pattern))}"
                )
        records = [Record(entry.key, entry.pid, entry.value) for entry in table_of(registry).all()]
        wanted = patterns or (EVERYTHING,)
        return [
            record
            for record in records
            if any(fits(pattern, record) for pattern in wanted) and (where is None or at_once("select", where, record))
        ]

    @staticmethod
    def count_select(registry: Name, *patterns: Pattern, where: Callable[[Record], object] | None = None) -> int:
        """Return the number of entries that fit one of the patterns (`Registry.count_select/2`).

        Arguments and errors are those of `select`.
        """
        return len(Registry.select(registry, *patterns, where=where))

    # Dispatching

    @overload
    @staticmethod
    def dispatch(
        registry: Name, key: Hashable, function: Callable[[Entries], object], *, parallel: Literal[False] = False
    ) -> None: ...
    @overload
    @staticmethod
    def dispatch(
        registry: Name, key: Hashable, function: Callable[[Entries], object], *, parallel: Literal[True]
    ) -> Awaitable[None]: ...
    @staticmethod
    def dispatch(
        registry: Name, key: Hashable, function: Callable[[Entries], object], *, parallel: bool = False
    ) -> Awaitable[None] | None:
        """Call a function with the (pid, value) pairs under a key, once for each partition (`Registry.dispatch/4`).

        To publish to all subscribers:
        `dispatch("topics", "news", lambda entries: [send(pid, news) for pid, _ in entries])`.
        The function is not called if the key has no entries. With `parallel` the result must be awaited: the function
        runs in a separate process for each partition. With one partition, or if the entries of a key are in one
        partition, it runs in the caller also then.

        Args:
            registry: its name.
            key: the key.
            function: called with a list of (pid, value).
            parallel: whether to run the function in a process for each partition.

        Raises:
            TypeError: the function is `async def`, and `parallel` is not set.
            CalleeExit: in parallel, the function raised in one of the processes, and the caller traps exits.
        """
        table = table_of(registry)
        groups = [_pairs(group) for group in table.groups(key)]
        if parallel:
            return _dispatch_parallel(groups, function, len(table.by_keys) > 1)
        for entries in groups:
            at_once("dispatch", function, entries, advice=", or await dispatch(…, parallel=True)")
        return None

    # Locks

    @overload
    @staticmethod
    async def lock(registry: Name, key: Hashable, function: Callable[[], Awaitable[Result]]) -> Result: ...
    @overload
    @staticmethod
    async def lock(registry: Name, key: Hashable, function: Callable[[], Result]) -> Result: ...
    @staticmethod
    async def lock(registry: Name, key: Hashable, function: Callable[[], Any]) -> Any:
        """Run a function in this process while it holds the lock of a key; return its value (`Registry.lock/3`).

        Locks are independent of registrations. They are granted in the order of the calls, and released when the function
        returns or raises, or the process ends. They must not be nested in one process: the second call waits for the
        first for ever.

        Args:
            registry: its name.
            key: the key of the lock.
            function: `def` or `async def`, without arguments.
        """
        table, owner = table_of(registry), current()
        server: Any = table.partitions[0].server  # None once it has ended: the call says so
        ref = Ref()
        try:
            granted = await call(server, ("lock", exact(key), ref, owner), None)
            if isinstance(granted, Refused):
                raise granted.error
            result = function()
            if is_awaitable(result):
                return await result
            return result
        finally:
            if server is not None:
                client.cast(server, ("unlock", ref))

    # Metadata

    @staticmethod
    def meta(registry: Name, key: Hashable, default: Any = RAISE) -> Any:
        """Return the metadata under a key, as `put_meta` stored it (`Registry.meta/2`).

        Args:
            registry: its name.
            key: the key of the metadata.
            default: the result if there is no such key.

        Raises:
            KeyError: there is no such key, and no default.
        """
        value = table_of(registry).meta.get(exact(key), default)
        if value is RAISE:
            raise KeyError(key)
        return value

    @staticmethod
    def put_meta(registry: Name, key: Hashable, value: Any) -> None:
        """Store metadata under a key, until the registry ends (`Registry.put_meta/3`)."""
        table_of(registry).meta[exact(key)] = value

    @staticmethod
    def delete_meta(registry: Name, key: Hashable) -> None:
        """Delete the metadata under a key (`Registry.delete_meta/2`)."""
        table_of(registry).meta.pop(exact(key), None)

    # The functions for a Via in Elixir's form: Via(Registry, ("rooms", "lobby")) is the same as Via("rooms", "lobby")

    @staticmethod
    def register_name(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any], pid: Pid) -> bool:
        """Register a process under (registry, key) or (registry, key, value); return False if the name is taken."""
        registry, name, *value = key
        return table_of(registry).register_name(name, pid, *value)

    @staticmethod
    def unregister_name(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any]) -> None:
        """Remove the running process's name (registry, key)."""
        table_of(key[0]).unregister_name(key[1])

    @staticmethod
    def whereis_name(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any]) -> Pid | None:
        """Return the pid with the name (registry, key); None if no process has it."""
        return table_of(key[0]).whereis_name(key[1])

    @staticmethod
    def send(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any], message: Message) -> Message:
        """Send a message to the process with the name (registry, key), and return the message (`Registry.send/2`).

        Raises:
            ValueError: no process has the name.
        """
        return sending.send(names.Via(key[0], key[1]), message)


def _check(keys: object, name: object, partitions: object, compressed: object, meta: object) -> None:
    if keys not in KEYS:
        raise ValueError(
            f'keys: wanted "unique", "duplicate", ("duplicate", "pid") or ("duplicate", "key"); got {safe_repr(keys)}'
        )
    if not names.is_name(name):
        raise TypeError(f"name: wanted a string or a class; got {safe_repr(name)}")
    if type(partitions) is not int or partitions < 1:
        raise ValueError(f"partitions: wanted a positive integer; got {safe_repr(partitions)}")
    if not isinstance(compressed, bool):
        raise TypeError(f"compressed: wanted True or False; got {safe_repr(compressed)}")
    if meta is not None and not isinstance(meta, Mapping):
        raise TypeError(f"meta: wanted a mapping; got {safe_repr(meta)}")


def _chosen(value: Any, pattern: Pattern, where: Where | None) -> bool:
    return fits(pattern, value) and (where is None or bool(at_once("where", where, value)))


def _pairs(entries: Iterable[Entry]) -> Entries:
    return [(entry.pid, entry.value) for entry in entries]


async def _dispatch_parallel(groups: list[Entries], function: Callable[[Entries], object], spread: bool) -> None:
    if not spread:
        for entries in groups:
            await _run(function, entries)
        return
    node = current_node()
    caller = node.caller()
    working: list[tuple[Pid, Any]] = []
    for entries in groups:
        pid = spawn_link(_work, None if caller is None else caller.pid, function, entries)
        request = new_request(node, ("dispatch", entries))
        request.server = pid.process
        working.append((pid, request))
    for pid, request in working:
        await wait(node, caller, pid, request, None)
        if not is_word(request.answer, "normal"):  # not `==`: the reason may be a user's object with its own `__eq__`
            letter = f"{pid}, which ran {safe_repr(function)} for dispatch, ended: {safe_repr(request.answer)}"
            raise CalleeExit((request.answer, ("Registry", "dispatch", [function])), letter)


async def _work(caller: Pid | None, function: Callable[[Entries], object], entries: Entries) -> None:
    await _run(function, entries)
    if caller is not None:
        bifs.unlink(caller)  # no Exited message about a successful dispatch, if the caller traps exits


async def _run(function: Callable[[Entries], object], entries: Entries) -> None:
    result = function(entries)
    if is_awaitable(result):
        await result
