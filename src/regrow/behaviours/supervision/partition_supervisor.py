"""Partition supervisors: several instances of one child, selected by a key (Elixir's `PartitionSupervisor`).

    Via(PartitionSupervisor, ("counters", 7))        partition 7 % partitions
    Via(PartitionSupervisor, ("counters", "ann"))    the partition of "ann", always the same
    Via("counters", "ann")                           a shorter form of the line above

Several processes share work that would be too much for one, such as counting, or starting children. A partition
supervisor is a supervisor whose children's ids are their numbers. The partition of a key is read from a table of the
node, without a call to a process.

    >>> class Counter(GenServer[int]):
    ...     def handle_call(self, request, from_, count):
    ...         return Reply(count, count + 1)
    >>> async def main():
    ...     await PartitionSupervisor.start_link(child_spec=(Counter, 40), name="counters", partitions=4)
    ...     await call(Via("counters", "ann"), "next")
    ...     return [await call(Via("counters", who), "next") for who in ("ann", 0)]
    >>> import regrow
    >>> regrow.run(main)
    [41, 40]
"""

from __future__ import annotations

import asyncio
import os
import zlib
from collections.abc import Callable, Hashable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from regrow.behaviours.gen import child_spec as specs
from regrow.behaviours.gen.arguments import at_once
from regrow.behaviours.gen.child_spec import Child, ChildSpec
from regrow.behaviours.supervision.children import ChildError, pid_in
from regrow.behaviours.supervision.restart import Strategy
from regrow.behaviours.supervision.supervisor import ModuleSupervisor, Supervisor
from regrow.behaviours.supervision.supervisor_server import Init, SupervisorFunctions
from regrow.kernel import names, sending
from regrow.kernel.addresses import Name
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import NoProcess, is_word
from regrow.kernel.process_record import Host, Pid, extras
from regrow.kernel.refs import Ref
from regrow.kernel.running import running

Message = TypeVar("Message")


class PartitionSupervisor(SupervisorFunctions):
    """The functions of partition supervisors. All are class methods: `await PartitionSupervisor.partitions(name)`."""

    @classmethod
    async def start_link(
        cls,
        *,
        child_spec: Child,
        name: Name,
        partitions: int | None = None,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        auto_shutdown: str = "never",
        with_arguments: Callable[[list[Any], int], list[Any]] | None = None,
    ) -> Pid:
        """Start a partition supervisor, linked to the caller, and its partitions (`PartitionSupervisor.start_link/1`).

        Args:
            child_spec: the child: a class, (class, argument) or a ChildSpec.
            name: a string, a class, Global or Via.
            partitions: the number of partitions; by default the number of processors.
            strategy: the strategy, as in `Supervisor.start_link`.
            max_restarts: the number of restarts that are allowed within `max_seconds`.
            max_seconds: the period for `max_restarts`, in seconds or as a timedelta.
            auto_shutdown: "never" is the only value.
            with_arguments: a function (arguments, number) that returns the list of start arguments for the partition of
                this number; `arguments` is the list in the child's spec.

        Raises:
            ValueError: there is no name, `partitions` is not positive, or `auto_shutdown` is not "never".
            TypeError: `with_arguments` is not callable, or did not return a list.
            InvalidChild: `child_spec` is no valid child.
            AlreadyStarted: the name is taken.
            StartError: a partition did not start; the earlier ones were stopped again.
        """
        if name is None:  # pyright: ignore[reportUnnecessaryComparison]
            raise ValueError("name: wanted a string, a class, Global or Via, by which partitions are found; got None")
        names.check_name(name)
        if partitions is None:
            partitions = os.cpu_count() or 1
        if type(partitions) is not int or partitions < 1:
            raise ValueError(f"partitions: wanted a positive integer; got {safe_repr(partitions)}")
        if auto_shutdown != "never":
            raise ValueError(f'auto_shutdown: wanted "never"; got {safe_repr(auto_shutdown)}')
        spec = specs.child_spec(child_spec)
        arguments = [_arguments(spec, number, with_arguments) for number in range(partitions)]
        flags = {"strategy": strategy, "max_restarts": max_restarts, "max_seconds": max_seconds}
        return await PartitionSupervisorServer.start_link(PartitionPlan(name, spec, arguments, flags), name=name)

    @classmethod
    def child_spec(cls, options: Mapping[str, Any] | None = None, **more: Any) -> ChildSpec:
        """Return the child spec of a partition supervisor (`PartitionSupervisor.child_spec/1`).

        As a child it is `(PartitionSupervisor, {"child_spec": …, "name": …})`. Its id is its name; for a Global or a
        Via name, the key.

        Args:
            options: arguments of `start_link`, as a dict.
            more: arguments of `start_link`, as keywords.
        """
        arguments = {**(options or {}), **more}
        id = specs.id_of(arguments.get("name"), cls)
        return ChildSpec(id, partial(cls.start_link, **arguments), type="supervisor", modules=(cls,))

    @staticmethod
    async def partitions(name: Name) -> int:
        """Return the number of partitions over which keys are spread now (`PartitionSupervisor.partitions/1`).

        Raises:
            NoProcess: there is no partition supervisor of this name.
        """
        return routes_of(name).size

    @staticmethod
    async def resize(name: Name, partitions: int) -> int:
        """Stop the last partitions, or start them again (`PartitionSupervisor.resize!/2`).

        Keys are then spread over the first `partitions` ones; with 0 a key has no partition.

        Returns:
            The number of partitions before.

        Raises:
            ValueError: `partitions` is negative, or more than the supervisor was started with.
            NoProcess: there is no partition supervisor of this name.
            StartError: a partition did not start again; the number stays what it was.
        """
        routes = routes_of(name)
        async with routes.resizing:
            return await _resize(routes, partitions)

    # The functions of a registry for Via names: the key is (name of the supervisor, key).

    @staticmethod
    def whereis_name(key: tuple[Any, Hashable]) -> Pid | None:
        """Return the pid of a key's partition; None while it restarts. The key is (name of the supervisor, key).

        Raises:
            NoProcess: there is no partition supervisor of this name.
            ValueError: it has no partitions.
        """
        name, routed = key
        return routes_of(name).whereis_name(routed)

    @staticmethod
    def send(key: tuple[Any, Hashable], message: Message) -> Message:
        """Send a message to a key's partition, and return the message. The key is (name of the supervisor, key).

        Raises:
            NoProcess: there is no partition supervisor of this name.
            ValueError: it has no partitions.
        """
        pid = PartitionSupervisor.whereis_name(key)
        return message if pid is None else sending.send(pid, message)

    @staticmethod
    def register_name(key: Any, pid: Pid) -> bool:  # noqa: ARG004 - the signature of every registry
        """Raise ValueError: a partition has no other name than its number.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"a process cannot be registered under {safe_repr(key)}: a PartitionSupervisor names its partitions"
        )

    @staticmethod
    def unregister_name(key: Any) -> None:
        """Raise ValueError: a partition has no other name than its number.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"{safe_repr(key)} cannot be unregistered: a PartitionSupervisor names its partitions")


def _arguments(spec: ChildSpec, number: int, with_arguments: Any) -> list[Any]:
    if with_arguments is None:
        return list(spec.args)
    if not callable(with_arguments):
        raise TypeError(
            "with_arguments: wanted a function of the list of arguments and the partition's number; "
            f"got {safe_repr(with_arguments)}"
        )
    arguments = at_once("with_arguments", with_arguments, list(spec.args), number)
    if isinstance(arguments, list):
        return cast("Any", arguments)  # type: ignore[no-any-return]
    raise TypeError(f"with_arguments: wanted a list of arguments from it; it returned {safe_repr(arguments)}")


async def _resize(routes: Routes, partitions: int) -> int:
    before, most = routes.size, len(routes.pids)
    if type(partitions) is not int or not 0 <= partitions <= most:
        raise ValueError(f"resize: wanted a number of partitions between 0 and {most}; got {safe_repr(partitions)}")
    for number in range(before, partitions):
        try:
            await Supervisor.restart_child(routes.supervisor, number)
        except ChildError as error:
            if not is_word(
                error.reason, "running"
            ):  # an earlier resize started it, and then failed at a later partition
                raise
    routes.size = partitions
    for number in range(partitions, before):
        await Supervisor.terminate_child(routes.supervisor, number)
    return before


# Routes


class Routes:
    """The table of a partition supervisor: the pid of each partition, and the partition of each key.

    It is found in the node's registries, under the supervisor's pid and its local name.
    """

    def __init__(self, node: Host, name: Any, supervisor: Pid, partitions: int) -> None:
        self.node = node
        self.name = name
        self.supervisor = supervisor
        self.pids: list[Pid | None] = [None] * partitions
        self.size = partitions
        self.resizing: asyncio.Lock = asyncio.Lock()
        self.places: tuple[Pid, Any] | tuple[Pid] = (supervisor, name) if names.is_name(name) else (supervisor,)
        for place in self.places:
            node.registries[place] = self

    def release(self, _: Pid) -> None:
        """Remove the table from the node's registries, because the supervisor has ended."""
        for place in self.places:
            if self.node.registries.get(place) is self:
                del self.node.registries[place]

    def whereis_name(self, key: Hashable) -> Pid | None:
        """Return the pid of a key's partition; None while it restarts.

        Its number is the absolute value of an integer key, or the stable hash of any other key, modulo `size`.

        Raises:
            ValueError: there are no partitions now.
        """
        if self.size == 0:
            raise ValueError(
                f"the PartitionSupervisor {safe_repr(self.name)} has been resized to 0: it has no partition"
            )
        number: int = abs(key) if isinstance(key, int) and type(key) is not bool else stable_hash(key)
        return self.pids[number % self.size]

    def register_name(self, key: Hashable, pid: Pid) -> bool:
        """Raise ValueError: a partition has no other name than its number."""
        return PartitionSupervisor.register_name((self.name, key), pid)

    def unregister_name(self, key: Hashable) -> None:
        """Raise ValueError, as `register_name` does: a partition has no other name than its number."""
        PartitionSupervisor.unregister_name((self.name, key))

    async def start_partition(self, number: int, spec: ChildSpec, arguments: list[Any]) -> Any:
        """Start a partition, in the supervisor's process, and record its pid."""
        started: Any = spec.start(*arguments)
        if is_awaitable(started):
            started = await started
        pid = pid_in(started)
        if pid is not None:  # else the start failed, and the supervisor reports it
            self.pids[number] = pid
        return started


def routes_of(name: Any) -> Routes:
    """Return the table of a partition supervisor of this node, by its name or pid.

    Raises:
        NoProcess: there is no such partition supervisor.
    """
    node = current_node()
    found = node.registries.get(names.find(node, name))
    if not isinstance(found, Routes):
        letter = f"no process: there is no PartitionSupervisor {safe_repr(name)}"
        raise NoProcess(("noproc", ("PartitionSupervisor", "partitions", [name])), letter)
    return found


def stable_hash(key: Hashable) -> int:
    """Return a hash that is equal for equal keys, and the same in every run (like `erlang:phash2/1`).

    This holds for None, numbers, strings, bytes, pids, refs, classes, and tuples and frozensets of these. Any other key
    has Python's hash, which may differ between runs.
    """
    match key:
        case str():
            return zlib.crc32(key.encode("utf-8", "surrogatepass"))
        case bytes():
            return zlib.crc32(key)
        case None:
            return 0
        case Pid() | Ref():
            return key.number
        case type():
            return stable_hash(f"{key.__module__}.{key.__qualname__}")
        case tuple():
            mixed = 1
            for part in cast("tuple[Hashable, ...]", key):
                mixed = (mixed * 31 + stable_hash(part)) & 0xFFFFFFFF
            return mixed
        case frozenset():
            return sum(stable_hash(part) for part in cast("frozenset[Hashable]", key)) & 0xFFFFFFFF
        case _:
            return hash(key)


# The supervisor


class PartitionPlan(NamedTuple):
    """The start argument of a partition supervisor's process."""

    name: Any
    spec: ChildSpec
    arguments: list[list[Any]]
    flags: dict[str, Any]


class PartitionSupervisorServer(ModuleSupervisor):
    """The process of a partition supervisor. Its table is removed when it ends."""

    def init(self, plan: PartitionPlan, /) -> Init:
        """Register the table with the node, and return the partitions as children."""
        process = running()
        routes = Routes(process.node, plan.name, process.pid, len(plan.arguments))
        extras(process).tables[routes] = None
        spec = plan.spec
        children = [
            spec.replace(id=number, start=(routes.start_partition, (number, spec, arguments)), modules=spec.modules)
            for number, arguments in enumerate(plan.arguments)
        ]
        return Supervisor.init(children, **plan.flags)
