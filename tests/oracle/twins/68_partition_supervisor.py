"""A partition supervisor: routing, arguments, restarts, partitioned dynamic supervisors."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, Ok, Reply, Via, call, process
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor
from regrow.behaviours.supervision.partition_supervisor import PartitionSupervisor
from tests.oracle.twin import Twin, ev, kill, result, say, settle, try_say

twin = Twin("68_partition_supervisor")


class W(GenServer[Any]):
    def init(self, arg: Any) -> Ok[Any]:
        ev("init", arg)
        return Ok(arg)

    def handle_call(self, _request: Any, _from: From, state: Any) -> Reply[Any]:
        return Reply((process.current(), state), state)


async def start(name: str, child: Any, partitions: int) -> None:
    await PartitionSupervisor.start_link(child_spec=child, name=name, partitions=partitions)


def via(name: str, key: Any) -> Via:
    return Via(PartitionSupervisor, (name, key))


@twin.block("partitions, via, which_children")
async def partitions() -> None:
    await start("P", (W, "arg"), 3)
    say("partitions", await PartitionSupervisor.partitions("P"))
    say("count", await PartitionSupervisor.count_children("P"))
    say("which (sorted)", sorted(await PartitionSupervisor.which_children("P")))
    for key in (0, 1, 2, 3, 4, -1):
        say(f"key {key} goes to partition rem(abs(k), 3)", await call(via("P", key), "who"))
    same = [await call(via("P", "key"), "who") for _ in range(5)]
    say("a key always goes to the same", len(set(same)))


@twin.block("with_arguments gives each its number")
async def with_arguments() -> None:
    def numbered(args: list[Any], number: int) -> list[Any]:
        return [(*args, number)]

    await PartitionSupervisor.start_link(child_spec=(W, "x"), name="P2", partitions=2, with_arguments=numbered)


@twin.block("restart of one partition")
async def restart() -> None:
    await start("P3", (W, "arg"), 2)
    first, _ = await call(via("P3", 0), "who")
    second, _ = await call(via("P3", 1), "who")
    await kill(first)
    await settle()
    again, _ = await call(via("P3", 0), "who")
    say("0 is new", again is not first)
    say("1 is the same", (await call(via("P3", 1), "who"))[0] is second)


@twin.block("partitioned DynamicSupervisors")
async def dynamic() -> None:
    await start("P4", DynamicSupervisor, 2)
    say("start_child", await result(DynamicSupervisor.start_child(via("P4", "k"), (W, 1))))


@twin.block("errors")
async def errors() -> None:
    no_child: dict[str, Any] = {"name": "P5"}
    no_name: dict[str, Any] = {"child_spec": W}
    await try_say("no child_spec", lambda: PartitionSupervisor.start_link(**no_child))
    await try_say("no name", lambda: PartitionSupervisor.start_link(**no_name))
    await try_say("partitions 0", lambda: PartitionSupervisor.start_link(child_spec=W, name="P5", partitions=0))
    await try_say("whereis of an unknown", lambda: process.whereis(via("NoP", 1)))


def missing(label: str, option: str) -> None:
    twin.differs(
        "errors",
        f'{label}: {{:ERROR, %ArgumentError{{message: "the :{option} option must be given to PartitionSupervisor"}}}}',
        f"{label}: {{:ERROR, %TypeError{{message: "
        f"\"PartitionSupervisor.start_link() missing 1 required keyword-only argument: '{option}'\"}}}}",
        because="in Python a keyword that must be given is missing",
    )


missing("no child_spec", "child_spec")
missing("no name", "name")
twin.differs(
    "errors",
    'partitions 0: {:ERROR, %ArgumentError{message: "the :partitions option must be a positive integer, got: 0"}}',
    'partitions 0: {:ERROR, %ValueError{message: "partitions: wanted a positive integer; got 0"}}',
    because="an ArgumentError is a ValueError or a TypeError, and an error is a letter: what was wanted, what came",
)
