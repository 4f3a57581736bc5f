"""Names: local ones, `Global` ones in this program, and `Via` ones in another table.

A name is a `str` or a class. An address is anything that a message can be sent to: a pid, a name, an alias, or
`(name, node)`. Names are free again before the end of their holder is reported to any process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.keys import equal, exact, same
from regrow.kernel.process_record import Alias, Pid, Process, extras
from regrow.kernel.user_errors import failed

if TYPE_CHECKING:
    from regrow.kernel.process_record import Host


class Names(Protocol):
    """A table of names that `Via` can point into: OTP's `register_name`, `unregister_name`, `whereis_name`."""

    def register_name(self, key: Any, pid: Pid) -> bool:
        """Give `pid` the name `key`; false when it is taken."""
        ...

    def unregister_name(self, key: Any) -> None:
        """Free the name `key`, if it is taken."""
        ...

    def whereis_name(self, key: Any) -> Pid | None:
        """Return the pid that has the name, or None."""
        ...


class HeldByProcess(Protocol):
    """An object that holds something for a living process, such as a table with its entries; see `ProcessExtras.tables`.

    `release` is called first at the process's end, or at its failed start: names and entries are free again before any
    `Down` or exit signal arrives.
    """

    def release(self, pid: Pid) -> None:
        """Release all that `pid` holds in this table."""
        ...


class Global:
    """A name that is known to all nodes: `Global("leader")`.

    Args:
        key: any hashable term.
    """

    __slots__ = ("key",)
    __match_args__: Final = ("key",)

    def __init__(self, key: Hashable) -> None:
        self.key: Hashable = key

    def __repr__(self) -> str:
        return f"Global({self.key!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Global) and equal(self.key, other.key)

    def __hash__(self) -> int:
        return hash((Global, self.key))


class Via:
    """A name in another table: `Via(registry, key)`.

    Args:
        registry: an object with `register_name`, `unregister_name` and `whereis_name`, or the name of a `Registry` or
            `PartitionSupervisor`.
        key: the name in that table.
        value: what a `Registry` keeps beside the name. As an address the name is the same with any value.
    """

    __slots__ = ("key", "registry", "value")
    __match_args__: Final = ("registry", "key")

    def __init__(self, registry: Any, key: Hashable, value: object = None) -> None:
        self.registry: Any = registry
        self.key: Hashable = key
        self.value: object = value

    def __repr__(self) -> str:
        return f"Via({self.registry!r}, {self.key!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Via) and self.registry == other.registry and equal(self.key, other.key)

    def __hash__(self) -> int:
        return hash((Via, self.key))

    def table(self, node: Host) -> Names:
        """Return the table that this name is in.

        Raises:
            ValueError: there is no such registry.
            TypeError: this is no registry.
        """
        if isinstance(self.registry, str | type) and not hasattr(self.registry, "whereis_name"):
            found = node.registries.get(self.registry)
            if found is None:
                raise ValueError(
                    f"unknown registry: {safe_repr(self.registry)}. Start it first, or pass the object itself"
                )
            registry: Names = found
            return registry
        table: Any = getattr(self.registry, "__regrow_names__", self.registry)  # for a module whose functions wait
        if not hasattr(table, "whereis_name"):
            raise TypeError(
                "Via: wanted a registry, its name, or an object with register_name, unregister_name and whereis_name; "
                f"got {safe_repr(self.registry)}"
            )
        return cast("Names", table)


class Registered:
    """A name that a process has in a user's table, which learns of its end by itself."""

    __slots__ = ("key", "table")

    def __init__(self, table: Names, key: Hashable) -> None:
        self.table: Names = table
        self.key: Hashable = key

    def release(self, pid: Pid) -> None:
        """Free the name if the process lives, because its start has failed. At an end, the table itself frees it."""
        if pid.process is not None and who_has(self.table, self.key) is pid:
            answered(self.table, "unregister_name", self.key)


GLOBAL_LOCK = Lock()
GLOBAL_NAMES: dict[Hashable, Pid] = {}  # by `exact` keys


def forget_names() -> None:
    """Drop all names and locks in a forked child: it has none of its parent's processes."""
    GLOBAL_NAMES.clear()
    for forget in FORGET_IN_A_CHILD:
        forget()
    GLOBAL_LOCK.release()


FORGET_IN_A_CHILD: list[Callable[[], None]] = []
if hasattr(os, "register_at_fork"):
    # The lock is held over the fork, as that of the nodes is.
    os.register_at_fork(before=GLOBAL_LOCK.acquire, after_in_parent=GLOBAL_LOCK.release, after_in_child=forget_names)

FORMS = """wanted a name in one of these forms:
  * None, for no name
  * a string or a class
  * Global(key)
  * Via(registry, key)"""


def is_name(value: object) -> bool:
    """Return whether `value` can be a local name: a string or a class."""
    return type(value) is str or isinstance(value, type)


def check_name(value: object) -> None:
    """Raise unless `value` can be a server's name.

    Raises:
        TypeError: it is none of the forms that a name can have.
    """
    if value is not None and not is_name(value) and not isinstance(value, Global | Via):
        raise TypeError(f"{FORMS}\nGot: {safe_repr(value)}")


def find(node: Host, address: object) -> Pid | None:
    """Return the pid that an address stands for now; None if no process has the name.

    Raises:
        TypeError: this is no address.
        ValueError: there is no such registry.
    """
    if type(address) is Pid:
        return address
    if is_name(address):
        process = node.names.get(address)
        return None if process is None else process.pid
    if isinstance(address, Global):
        found = GLOBAL_NAMES.get(exact(address.key))
        return found if found is None or found.node is node or found.node.is_up() else None
    if isinstance(address, Via):
        return who_has(address.table(node), address.key)
    if isinstance(address, Alias):
        return address.owner
    if isinstance(address, tuple):
        return find_elsewhere(node, cast("tuple[object, ...]", address))
    if address is None:
        return None
    at = getattr(address, "__regrow_address__", None)
    if at is not None:
        return find(node, at)
    raise TypeError(
        f"wanted an address: a pid, a name (a string or a class), Global, Via or (name, node); got {safe_repr(address)}"
    )


def who_has(table: Any, key: Hashable) -> Pid | None:
    """Return the pid that has a name in a table, or None.

    Raises:
        TypeError: the table returns neither a pid nor None.
    """
    found: object = answered(table, "whereis_name", key)
    if found is None or type(found) is Pid:
        return found
    raise TypeError(
        f"whereis_name: wanted a pid, or None if the name is free, from {safe_repr(table)}; got {safe_repr(found)}"
    )


def answered(table: object, function: str, *args: object) -> Any:
    """Return the result of a table's function, which must not wait.

    Raises:
        TypeError: the function is `async def`.
        RuntimeError: it has raised StopIteration, which a compiled coroutine would take for its own end.
    """
    try:
        answer: Any = getattr(table, function)(*args)
    except StopIteration as error:
        raise RuntimeError(f"{function} of {safe_repr(table)} raised StopIteration") from error
    if not is_coroutine(answer):
        return answer
    answer.close()
    raise TypeError(
        f"{function}: wanted a `def` in the table of a Via, since a look-up of a name cannot wait; got `async def`"
    )


def via_in(address: object) -> Via | Global | None:
    """Return the Via or Global that an address is or contains, because its look-up may run user code."""
    if isinstance(address, Via | Global):
        return address
    if isinstance(address, tuple):
        return via_in(cast("tuple[object, ...]", address)[0]) if address else None
    return via_in(getattr(address, "__regrow_address__", None)) if hasattr(address, "__regrow_address__") else None


def unknown_node(node: Host, address: object) -> object:
    """Return the node's name in an address `(name, node)` if this program has no such node, else None."""
    if not isinstance(address, tuple):
        return None
    pair = cast("tuple[object, ...]", address)
    return pair[1] if len(pair) == 2 and node.find_node(pair[1]) is None else None


def find_elsewhere(node: Host, address: tuple[object, ...]) -> Pid | None:
    """Return the pid that an address `(name, node)` stands for, or None.

    Raises:
        TypeError: this is no address.
    """
    if len(address) != 2:
        raise TypeError(f"wanted (name, node) as an address; got {safe_repr(address)}")
    name, where = address
    other = node.find_node(where)
    return None if other is None else find(other, name)


def claim(process: Process, name: object) -> Pid | None:
    """Give a process a name of any form; return the pid that has it already, or None on success.

    Raises:
        ValueError: a table refuses the name although no process has it; or there is no such registry.
    """
    node = process.node
    if isinstance(name, Global):
        key = exact(name.key)
        with GLOBAL_LOCK:
            held = GLOBAL_NAMES.setdefault(key, process.pid)
        if held is not process.pid:
            # A process of a node whose loop was closed is dead, and no longer holds its names.
            return held if held.node.is_up() else claim(process, name)
        extras(process).global_names[key] = None
        tell_name(process, name)
        return None
    if isinstance(name, Via):
        table: Any = name.table(node)
        value = () if name.value is None else (name.value,)
        if not answered(table, "register_name", name.key, process.pid, *value):
            holder = who_has(table, name.key)
            if holder is None:
                raise ValueError(f"{safe_repr(name)} was refused by its table, in which no process has this name")
            return holder
        if table is name.registry:
            extras(process).tables[Registered(table, name.key)] = None
        tell_name(process, name)
        return None
    taken: Process | None = node.names.get(name)
    if taken is not None:
        return taken.pid
    process.name = name
    node.names[name] = process
    if node.trace is not None:
        tell_name(process, name)
    return None


def tell_name(process: Process, name: object) -> None:
    """Report to the listeners of the node that a process has a name."""
    if process.node.trace is not None:
        process.node.trace.emit("register", process.pid, name)


def release(process: Process) -> None:
    """Free all names of a process that has ended, or whose start has failed."""
    if process.name is not None:
        if process.node.names.get(process.name) is process:
            del process.node.names[process.name]
        process.name = None
    if process.rare is not None and process.rare.global_names:
        with GLOBAL_LOCK:
            for key in process.rare.global_names:
                if GLOBAL_NAMES.get(same(key)) is process.pid:  # by identity: a user's key is not asked again
                    del GLOBAL_NAMES[same(key)]
        process.rare.global_names.clear()
    if process.rare is not None and process.rare.tables:
        tables: list[HeldByProcess] = list(process.rare.tables)
        process.rare.tables.clear()
        for held in tables:
            try:
                held.release(process.pid)
            except BaseException as error:  # a user's table may raise, and the end of a process must not fail
                failed(process.node.loop, f"{process.pid} could not be removed from a table of names", error)
