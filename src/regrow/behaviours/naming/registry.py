"""A table of processes, under keys of your own (Elixir's `Registry`).

    unique       a key has one process       names that need not be strings: Via("rooms", ("lobby", 7))
    duplicate    a key has any number        who listens to a topic: Registry.dispatch("topics", "news", tell)

A process registers itself, with a value beside the key, and is gone from the table before anyone hears of its end.
Reading (`lookup`, `dispatch`, `match`, a `Via`) asks no process: it looks into a table of the node, at once.

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

What `match` and `select` take for a pattern is told in `pattern.py`.

A registry is a supervisor of its partitions' servers (`registry_server.py`). Whoever is registered is linked with one of them: when the
registry ends, so do those registered. In one event loop more partitions make nothing faster; they are how far a
parallel `dispatch` fans out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Literal, TypeVar, cast, overload

from regrow.behaviours.gen.arguments import at_once, listed
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.request import new_request, wait
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
from regrow.kernel.pid import Pid, Ref
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
    """Keeps who is registered under what. All its functions are class methods that begin with a registry's name."""

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
            keys: "unique", or "duplicate": a key may have several entries, of several processes and of one. Duplicates
                are spread over the partitions by pid; ("duplicate", "key") keeps those of a key together.
            name: under which it is found.
            partitions: among how many servers those registered are shared out.
            listeners: names of processes that are sent ("register", registry, key, pid, value) and ("unregister",
                registry, key, pid). Of a process's end they learn by a monitor of their own.
            meta: what `meta` gives from the start.
            compressed: accepted as Elixir has it, but there is nothing here to compress.

        Raises:
            ValueError: keys or partitions of another kind.
            TypeError: the name is neither a string nor a class, or `compressed` is no bool.
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
        """A registry as a child: `Registry.child_spec(keys="unique", name="rooms")`, or `(Registry, {"keys": …})`."""
        given = {**(options or {}), **more}
        return ChildSpec(given.get("name", cls), partial(cls.start_link, **given), type="supervisor", modules=(cls,))

    # Registering

    @staticmethod
    def register(registry: Name, key: Hashable, value: Any = None) -> Pid:
        """Register the running process under `key`, with a value beside it (`Registry.register/3`).

        Returns:
            The server of the registry that the process is linked to now.

        Raises:
            AlreadyRegistered: the keys are unique, and this one is taken. The value that it has stays.
            ValueError: there is no such registry.
            TypeError: the key is not hashable.
            RuntimeError: the code runs in a plain asyncio task.
        """
        return table_of(registry).register(key, running_alive().pid, value)

    @staticmethod
    def unregister(registry: Name, key: Hashable) -> None:
        """Drop all entries that the running process has under `key`; it may have none (`Registry.unregister/2`)."""
        table, pid = table_of(registry), current()
        table.unregister(key, pid, table.own_under(key, pid))

    @staticmethod
    def unregister_match(registry: Name, key: Hashable, pattern: Pattern, where: Where | None = None) -> None:
        """Drop those of the running process's entries under `key` whose value fits (`Registry.unregister_match/4`)."""
        table, pid = table_of(registry), current()
        fitting = [entry for entry in table.own_under(key, pid) if _chosen(entry.value, pattern, where)]
        table.unregister(key, pid, fitting)

    @staticmethod
    def update_value(registry: Name, key: Hashable, function: Callable[[Any], Any]) -> tuple[Any, Any] | None:
        """Replace the value that the running process has under a unique key by `function(value)`.

        Returns:
            The new value and the old one; None, without calling the function, if the key is not this process's
            (`Registry.update_value/3`).

        Raises:
            ValueError: the registry's keys are not unique.
            TypeError: the function is `async def`; the value stays.
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
        """The (pid, value) pairs under a key; of a unique one at most one (`Registry.lookup/2`).

        Raises:
            ValueError: there is no such registry.
        """
        return _pairs(table_of(registry).entries(key))

    @staticmethod
    def keys(registry: Name, pid: Pid) -> list[Any]:
        """The keys of a process, oldest first, each as often as it has entries (`Registry.keys/2`)."""
        return [entry.key for entry in table_of(registry).own(pid)]

    @staticmethod
    def values(registry: Name, key: Hashable, pid: Pid) -> list[Any]:
        """The values that a process has under a key (`Registry.values/3`)."""
        return [entry.value for entry in table_of(registry).own_under(key, pid)]

    @staticmethod
    def count(registry: Name) -> int:
        """How many entries there are (`Registry.count/1`)."""
        return table_of(registry).count()

    @staticmethod
    def match(registry: Name, key: Hashable, pattern: Pattern, where: Where | None = None) -> Entries:
        """The (pid, value) pairs under a key whose value fits (`Registry.match/4`).

        Args:
            registry: its name.
            key: taken as it is: it is no pattern.
            pattern: a value with holes, as in `("user", ...)`; see `pattern.py`.
            where: asked of each value that fits; it stays if this is true.
        """
        return _pairs(entry for entry in table_of(registry).entries(key) if _chosen(entry.value, pattern, where))

    @staticmethod
    def count_match(registry: Name, key: Hashable, pattern: Pattern, where: Where | None = None) -> int:
        """How many `match` gives (`Registry.count_match/4`)."""
        return len(Registry.match(registry, key, pattern, where))

    @staticmethod
    def select(registry: Name, *patterns: Pattern, where: Callable[[Record], object] | None = None) -> list[Record]:
        """The entries that fit one of the patterns; without a pattern, all (`Registry.select/2`).

        A pattern is as in `select("rooms", (("lobby", ...), ..., ...), where=lambda record: record.value > 2)`. What a
        match specification's body makes of an entry, a comprehension does here. This looks at every entry.

        Args:
            registry: its name.
            patterns: each a triple (key, pid, value) with holes.
            where: asked of each Record that fits; it stays if this is true.

        Raises:
            ValueError: a pattern is not a triple.
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
        """How many `select` gives (`Registry.count_select/2`)."""
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
        """Call a function with the (pid, value) pairs under a key, once for each partition that has any.

        To tell all who listen: `dispatch("topics", "news", lambda entries: [send(pid, news) for pid, _ in entries])`.
        The function is not called when there are none (`Registry.dispatch/4`). With `parallel` it runs in a process for each
        partition, and the call is to be awaited: it is over when all have ended. With one partition, and unless
        duplicates are spread by pid, it runs in the caller.

        Raises:
            TypeError: the function is `async def`, which only a parallel dispatch can wait for.
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
        """Run a function, in this process, while no other holds the lock of `key`; gives what it gave.

        Locks have nothing to do with who is registered. They are granted in the order in which they were asked for,
        and freed when the function returns or raises, or its process ends. Not to be nested in one process: the second
        waits for the first, for ever (`Registry.lock/3`).
        """
        table, owner = table_of(registry), current()
        server = table.partitions[0].server
        held = Ref()
        try:
            granted = await call(server, ("lock", exact(key), held, owner), None)
            if isinstance(granted, Refused):
                raise granted.error
            result = function()
            if is_awaitable(result):
                return await result
            return result
        finally:
            if server is not None:
                client.cast(server, ("unlock", held))

    # Metadata

    @staticmethod
    def meta(registry: Name, key: Hashable, default: Any = RAISE) -> Any:
        """What `put_meta` has kept under a key, or the default (`Registry.meta/2`).

        Raises:
            KeyError: nothing is kept there, and no default is given.
        """
        found = table_of(registry).meta.get(exact(key), default)
        if found is RAISE:
            raise KeyError(key)
        return found

    @staticmethod
    def put_meta(registry: Name, key: Hashable, value: Any) -> None:
        """Keep something beside the entries: it stays until the registry ends (`Registry.put_meta/3`)."""
        table_of(registry).meta[exact(key)] = value

    @staticmethod
    def delete_meta(registry: Name, key: Hashable) -> None:
        """Keep it no longer (`Registry.delete_meta/2`)."""
        table_of(registry).meta.pop(exact(key), None)

    # As the table of a Via, spelled as Elixir does: Via(Registry, ("rooms", "lobby")) is Via("rooms", "lobby")

    @staticmethod
    def register_name(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any], pid: Pid) -> bool:
        """Give a starting process its name; false when it is taken."""
        registry, name, *value = key
        return table_of(registry).register_name(name, pid, *value)

    @staticmethod
    def unregister_name(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any]) -> None:
        """Free a name of the running process."""
        table_of(key[0]).unregister_name(key[1])

    @staticmethod
    def whereis_name(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any]) -> Pid | None:
        """Who has a name."""
        return table_of(key[0]).whereis_name(key[1])

    @staticmethod
    def send(key: tuple[Name, Hashable] | tuple[Name, Hashable, Any], message: Message) -> Message:
        """Send a message to whoever has a name (`Registry.send/2`).

        Raises:
            ValueError: nobody has it.
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
        made = new_request(node, ("dispatch", entries))
        made.server = pid.process
        working.append((pid, made))
    for pid, made in working:
        await wait(node, caller, pid, made, None)
        if not is_word(made.answer, "normal"):  # a reason may be an object that compares in its own way
            letter = f"{pid}, which ran {safe_repr(function)} for dispatch, ended: {safe_repr(made.answer)}"
            raise CalleeExit((made.answer, ("Registry", "dispatch", [function])), letter)


async def _work(caller: Pid | None, function: Callable[[Entries], object], entries: Entries) -> None:
    await _run(function, entries)
    if caller is not None:
        bifs.unlink(caller)  # the end of a dispatch that went well is nobody's message


async def _run(function: Callable[[Entries], object], entries: Entries) -> None:
    result = function(entries)
    if is_awaitable(result):
        await result
