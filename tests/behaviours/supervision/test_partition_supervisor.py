"""PartitionSupervisor, row by row of the catalogue."""

from __future__ import annotations

import os
from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    ChildSpec,
    Exited,
    From,
    GenServer,
    InvalidChild,
    NoProcess,
    Ok,
    Pid,
    Ref,
    Reply,
    StartError,
    Supervisor,
    Via,
    call,
    cast,
    process,
    send,
)
from regrow.behaviours.naming.registry import Registry
from regrow.behaviours.supervision import partition_supervisor
from regrow.behaviours.supervision.children import Counts
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor
from regrow.behaviours.supervision.partition_supervisor import PartitionSupervisor, stable_hash
from regrow.kernel.current_node import current_node
from regrow.testing import expect_down, expect_idle

pytestmark = pytest.mark.regrow

P = "P"


class Agent(GenServer[Any]):
    """A server that answers with its pid and its state."""

    def handle_call(self, _request: Any, _from: From, state: Any) -> Reply[Any]:
        return Reply((process.current(), state), state)


def via(key: Any, name: Any = P) -> Via:
    return Via(PartitionSupervisor, (name, key))


async def start(**options: Any) -> Pid:
    given: dict[str, Any] = {"child_spec": Agent, "name": P, **options}
    return await PartitionSupervisor.start_link(**given)


def numbered(args: list[Any], number: int) -> list[Any]:
    return [(*args, number)]


async def via_name() -> Via:
    await Registry.start_link(keys="unique", name="names")
    return Via("names", "partitions")


@pytest.mark.otp("DS-041")
async def test_child_spec_has_the_name_as_id() -> None:
    spec = PartitionSupervisor.child_spec({"name": "Foo"})
    assert (spec.id, spec.type, spec.modules) == ("Foo", "supervisor", (PartitionSupervisor,))
    start: Any = spec.start
    assert (start.func, start.keywords) == (PartitionSupervisor.start_link, {"name": "Foo"})
    sup = await Supervisor.start_link([(PartitionSupervisor, {"name": P, "child_spec": Agent, "partitions": 2})])
    assert [row.id for row in await Supervisor.which_children(sup)] == [P]


@pytest.mark.otp("DS-042")
async def test_child_spec_with_a_via_name_has_its_term_as_id() -> None:
    assert PartitionSupervisor.child_spec(name=Via("registry", ("term", 1))).id == ("term", 1)


@pytest.mark.otp("DS-043")
async def test_start_link_with_a_plain_name() -> None:
    """The default number of partitions is os.cpu_count()."""
    await start(child_spec=DynamicSupervisor)
    assert await PartitionSupervisor.partitions(P) == os.cpu_count()
    started = [await DynamicSupervisor.start_child(via(Ref()), Agent) for _ in range(100)]
    found: list[Pid] = []
    for row in await PartitionSupervisor.which_children(P):
        found += [one.pid for one in await DynamicSupervisor.which_children(row.pid)]
    assert sorted(found) == sorted(started)


@pytest.mark.otp("DS-044")
async def test_start_link_with_a_via_name() -> None:
    name = await via_name()
    sup = await start(name=name, partitions=1, child_spec=(Agent, "hello"))
    assert process.whereis(name) is sup
    assert await PartitionSupervisor.partitions(name) == 1
    assert (await call(via(0, name), "get"))[1] == "hello"
    assert process.whereis(via(0, sup)) is process.whereis(via(0, name))


async def test_an_integer_key_selects_its_partition() -> None:
    await start(partitions=3)
    pids = {row.id: row.pid for row in await PartitionSupervisor.which_children(P)}
    for key, number in [(0, 0), (1, 1), (2, 2), (3, 0), (4, 1), (-1, 1), (10**30, 10**30 % 3)]:
        assert process.whereis(via(key)) is process.whereis(Via(P, key)) is pids[number]


async def test_send_reaches_a_partition() -> None:
    me = process.current()

    async def partition() -> Pid:
        return process.spawn_link(report)

    async def report() -> None:
        process.send(me, (process.current(), await process.receive()))

    await start(partitions=2, child_spec=ChildSpec("teller", partition, restart="temporary"))
    pid = PartitionSupervisor.whereis_name((P, 1))
    assert PartitionSupervisor.send((P, 1), "message") == "message"
    assert await process.receive() == (pid, "message")
    with pytest.raises(NoProcess):
        PartitionSupervisor.send(("unknown", 1), "message")


@pytest.mark.otp("DS-046")
async def test_other_keys_select_a_partition_by_their_hash() -> None:
    await start(partitions=7)
    keys: list[Any] = ["key", b"key", ("a", 1, "b"), None, 1.5, True, Ref(), process.current(), Agent, frozenset("abc")]
    for key in keys:
        assert process.whereis(via(key)) is process.whereis(via(key)) is not None
    assert len({process.whereis(via(f"key {number}")) for number in range(100)}) == 7


@pytest.mark.otp("DS-046")
@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        ("key", 2324736937),
        (b"key", 2324736937),
        (None, 0),
        (("a", 1), 775949791),
        (frozenset({"a", "b"}), 1517727292),
        (Agent, stable_hash(f"{Agent.__module__}.Agent")),
    ],
    ids=["string", "bytes", "None", "tuple", "set", "class"],  # a set's repr differs from run to run
)
def test_the_hash_is_the_same_in_every_run(key: Any, hashed: int) -> None:
    assert stable_hash(key) == hashed


@pytest.mark.otp("DS-047")
@pytest.mark.parametrize("missing", ["name", "child_spec"])
async def test_start_link_raises_without_name_or_child_spec(missing: str) -> None:
    options: dict[str, Any] = {"name": P, "child_spec": Agent}
    del options[missing]
    with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{missing}'"):
        await PartitionSupervisor.start_link(**options)
    options[missing] = None
    with pytest.raises((ValueError, InvalidChild), match=r"name: wanted|a supervisor expects each child"):
        await PartitionSupervisor.start_link(**options)


@pytest.mark.otp("DS-048")
async def test_start_link_raises_on_invalid_options() -> None:
    for partitions in (0, -1, "2", 1.0, True):
        with pytest.raises(ValueError, match=f"partitions: wanted a positive integer; got {partitions!r}"):
            await start(partitions=partitions)
    with pytest.raises(TypeError, match=r"with_arguments: wanted a function .* got 123"):
        await start(with_arguments=123)
    with pytest.raises(TypeError, match="wanted a list of arguments from it; it returned 'no list'"):
        await start(with_arguments=lambda *_: "no list")  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(ValueError, match="auto_shutdown: wanted \"never\"; got 'any_significant'"):
        await start(auto_shutdown="any_significant")
    assert process.whereis(P) is None


async def test_each_partition_gets_its_arguments() -> None:
    await start(child_spec=(Agent, "x"), partitions=2, with_arguments=numbered)
    assert [(await call(via(key), "get"))[1] for key in range(2)] == [("x", 0), ("x", 1)]


async def test_start_link_with_a_taken_name() -> None:
    sup = await start(partitions=1)
    with pytest.raises(AlreadyStarted) as caught:
        await start(partitions=1)
    assert caught.value.pid is sup


async def test_a_partition_supervisor_stops() -> None:
    sup = await start(partitions=2)
    await PartitionSupervisor.stop(P)
    assert not process.alive(sup)
    with pytest.raises(NoProcess):
        process.whereis(via(0))
    assert current_node().registries == {}


@pytest.mark.otp("DS-050")
async def test_a_partition_supervisor_stops_by_its_via_name() -> None:
    name = await via_name()
    sup = await start(name=name, partitions=2)
    await PartitionSupervisor.stop(name)
    assert not process.alive(sup)
    assert process.whereis(name) is None


@pytest.mark.otp("DS-051")
async def test_partitions_of_an_unknown_supervisor() -> None:
    for name in ("unknown", await via_name()):
        for asking in (PartitionSupervisor.partitions(name), PartitionSupervisor.resize(name, 1)):
            with pytest.raises(NoProcess) as caught:
                await asking
            assert caught.value.reason == ("noproc", ("PartitionSupervisor", "partitions", [name]))
    with pytest.raises(NoProcess):
        await call(via(1, "unknown"), "get")


SHRINKING = list(range(8, -1, -1))
GROWING = list(range(9))
SHUFFLED = [3, 8, 0, 5, 1, 7, 2, 6, 4]


@pytest.mark.otp("DS-052")
@pytest.mark.parametrize("sizes", [SHRINKING, GROWING, SHUFFLED], ids=["8 to 0", "0 to 8", "shuffled"])
async def test_resize_changes_the_number_of_partitions(sizes: list[int]) -> None:
    await start(partitions=8)
    before = 8
    for size in sizes:
        assert await PartitionSupervisor.resize(P, size) == before
        assert await PartitionSupervisor.partitions(P) == size
        assert await PartitionSupervisor.count_children(P) == Counts(specs=8, active=size, supervisors=0, workers=8)
        if size == 0:
            with pytest.raises(ValueError, match="it has no partition"):
                process.whereis(via(0))
        else:
            found = {process.whereis(via(key)) for key in range(8)}
            assert len(found) == size
            assert all(pid is not None and process.alive(pid) for pid in found)
        before = size


@pytest.mark.otp("DS-054")
@pytest.mark.parametrize("size", [9, -1, "1", 1.0])
async def test_an_invalid_size_is_refused(size: Any) -> None:
    await start(partitions=8)
    with pytest.raises(ValueError, match=f"a number of partitions between 0 and 8; got {size!r}"):
        await PartitionSupervisor.resize(P, size)


async def test_resize_fails_when_a_partition_does_not_restart() -> None:
    process.trap_exit(True)
    fails = False

    class Moody(Agent):
        def init(self, arg: Any) -> Ok[Any]:
            if fails and arg == (0, 3):
                raise RuntimeError("moody")
            return Ok(arg)

    await start(child_spec=(Moody, 0), partitions=4, with_arguments=numbered)
    await PartitionSupervisor.resize(P, 1)
    fails = True
    with pytest.raises(StartError):
        await PartitionSupervisor.resize(P, 4)
    assert await PartitionSupervisor.partitions(P) == 1
    fails = False
    assert await PartitionSupervisor.resize(P, 4) == 1
    assert [(await call(via(key), "get"))[1] for key in range(4)] == [(0, number) for number in range(4)]


async def test_resizes_at_the_same_time_take_turns() -> None:
    await start(partitions=8)
    parent = process.current()

    async def resize(size: int) -> None:
        send(parent, ("was", await PartitionSupervisor.resize(P, size)))

    for size in (2, 6, 3):
        process.spawn(resize, size)
    assert [(await process.receive(timeout=1.0))[1] for _ in range(3)] == [8, 2, 6]
    assert (await PartitionSupervisor.count_children(P)).active == 3


@pytest.mark.otp("DS-055")
async def test_which_children_lists_the_partitions() -> None:
    await start(partitions=3)
    rows = await PartitionSupervisor.which_children(P)
    assert sorted(rows) == [(number, process.whereis(via(number)), "worker", (Agent,)) for number in range(3)]


@pytest.mark.otp("DS-056")
@pytest.mark.parametrize("child", [Agent, DynamicSupervisor], ids=["workers", "supervisors"])
@pytest.mark.parametrize("by_via", [False, True], ids=["plain", "via"])
async def test_count_children_counts_the_partitions(child: type, by_via: bool) -> None:
    name = await via_name() if by_via else P
    await start(name=name, child_spec=child, partitions=4)
    workers = 4 if child is Agent else 0
    counts = Counts(specs=4, active=4, supervisors=4 - workers, workers=workers)
    assert await PartitionSupervisor.count_children(name) == counts


async def test_a_partition_that_ends_is_restarted_in_its_place() -> None:
    await start(partitions=2)
    first, second = process.whereis(via(0)), process.whereis(via(1))
    assert first is not None
    process.exit(first, "kill")
    await expect_down(first)
    await expect_idle()
    again = process.whereis(via(0))
    assert again not in (None, first)
    assert process.whereis(via(1)) is second
    cast(via(0), "unknown to it")


async def test_a_partition_takes_no_name() -> None:
    await start(partitions=1)
    for name in (via(0), Via(P, 0)):
        with pytest.raises(AlreadyStarted):
            await Agent.start_link(name=name)
    await PartitionSupervisor.resize(P, 0)
    with pytest.raises(ValueError, match="cannot be registered under"):
        PartitionSupervisor.register_name((P, 0), process.current())
    with pytest.raises(ValueError, match="cannot be unregistered"):
        current_node().registries[P].unregister_name(0)
    assert partition_supervisor.routes_of(P).size == 0


async def test_requests_after_the_end_of_the_supervisor_fail_at_once() -> None:
    process.trap_exit(True)
    sup = await start(partitions=2)
    process.exit(sup, "kill")
    assert current_node().registries == {}
    assert await process.receive(Exited) == Exited(sup, "killed")
