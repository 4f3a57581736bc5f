"""Keys whose hash changes, or that raise when they are hashed or compared: a table stores them by identity.

The end of a process neither hashes nor compares such a key. Otherwise the end would fail, and an entry would stay.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from regrow import Agent, ChildSpec, Exit, GenServer, Registry, Reply, Supervisor, Via, call, global_, pg, process, send
from regrow.behaviours.gen.child_spec import InvalidChild
from regrow.kernel.keys import exact, same
from regrow.testing import capture_reports, expect_down, flush

pytestmark = pytest.mark.regrow


class Changing:
    """A key that hashes and compares as it is set to: "well", "otherwise" or "not"."""

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self.mood = "well"

    def __hash__(self) -> int:
        if self.mood == "not":
            raise Exit("no hash")
        return 7 if self.mood == "well" else 8  # all keys fall into one place of a dict, so that they are compared

    def __eq__(self, other: object) -> bool:
        if self.mood == "not":
            raise Exit("not comparable")
        return isinstance(other, Changing) and self.number == other.number


MOODS = ["otherwise", "not"]
moods = pytest.mark.parametrize("mood", MOODS)


async def waits(*ready: Any) -> None:
    for one in ready:
        one()
    await process.sleep(None)


@pytest.mark.parametrize("keys", ["unique", "duplicate", ("duplicate", "key")])
@moods
async def test_a_registry_keeps_no_dead_process_under_a_key_that_has_changed(keys: Any, mood: str) -> None:
    await Registry.start_link(keys=keys, name="rooms")
    changing, beside = Changing(1), Changing(2)

    def enters() -> None:
        Registry.register("rooms", beside, "beside")
        Registry.register("rooms", changing, "changing")

    pid, ref = process.spawn_monitor(waits, enters)
    await process.sleep(0.001)
    assert Registry.count("rooms") == 2
    changing.mood = beside.mood = mood
    with capture_reports() as reports:
        process.exit(pid, "kill")
        await expect_down(ref)
    assert Registry.count("rooms") == 0
    assert Registry.select("rooms") == []
    assert list(reports) == []


@pytest.mark.parametrize("keys", ["unique", "duplicate"])
@moods
async def test_the_owner_unregisters_the_very_object(keys: Any, mood: str) -> None:
    await Registry.start_link(keys=keys, name="rooms")
    changing = Changing()
    Registry.register("rooms", changing, 1)
    changing.mood = mood
    if keys == "unique":
        assert Registry.update_value("rooms", changing, lambda value: value + 1) == (2, 1)
    Registry.unregister("rooms", changing)
    assert Registry.count("rooms") == 0


@moods
async def test_a_name_in_a_registry_is_free_after_the_end(mood: str) -> None:
    class Room(GenServer[None]):
        def handle_call(self, request: Any, _from: Any, state: None, /) -> Any:
            return Reply(request, state)

    await Registry.start_link(keys="unique", name="rooms")
    changing = Changing()
    room = await Room.start(name=Via("rooms", changing))
    ref = process.monitor(room)
    changing.mood = mood
    process.exit(room, "kill")
    await expect_down(ref)
    changing.mood = "well"
    again = await Room.start_link(name=Via("rooms", changing))
    assert await call(Via("rooms", Changing()), "hello") == "hello"
    assert Registry.keys("rooms", again) == [changing]


@moods
async def test_a_registry_that_ends_keeps_nothing(mood: str) -> None:
    registry = await Registry.start_link(keys="unique", name="rooms")
    changing = Changing()
    pid, ref = process.spawn_monitor(waits, lambda: Registry.register("rooms", changing))
    await process.sleep(0.001)
    changing.mood = mood
    process.unlink(registry)
    process.exit(registry, "kill")
    await expect_down(ref)
    assert not process.alive(pid)


@moods
async def test_a_group_keeps_no_dead_member_under_a_name_that_has_changed(mood: str) -> None:
    await pg.start_link()
    changing, beside = Changing(1), Changing(2)
    pid, ref = process.spawn_monitor(waits)
    watcher, watching = process.spawn_monitor(waits, lambda: pg.monitor(changing))
    await process.sleep(0.001)
    watched, _ = pg.monitor_scope()
    pg.join(beside, pid)
    pg.join(changing, [pid, pid])
    flush()
    changing.mood = beside.mood = mood
    with capture_reports() as reports:
        process.exit(watcher, "kill")
        await expect_down(watching)
        process.exit(pid, "kill")
        await expect_down(ref)
    assert pg.which_groups() == []
    assert [message[:2] for message in flush()] == [(watched, "leave")] * 3
    assert list(reports) == []


@moods
async def test_a_member_leaves_a_group_by_the_very_object(mood: str) -> None:
    await pg.start_link()
    changing = Changing()
    pg.join(changing, process.current())
    changing.mood = mood
    assert pg.leave(changing, process.current())
    assert pg.which_groups() == []


@moods
async def test_a_global_lock_is_released_though_its_resource_has_changed(mood: str) -> None:
    changing, beside, me = Changing(1), Changing(2), process.current()

    async def holds() -> None:
        await global_.set_lock((beside, "holder"))
        await global_.set_lock((changing, changing))
        send(me, "held")
        await process.sleep(None)

    pid, ref = process.spawn_monitor(holds)
    await process.receive(str)
    assert not await global_.set_lock((changing, me), retries=0)
    changing.mood = beside.mood = mood
    process.exit(pid, "kill")
    await expect_down(ref)
    changing.mood = beside.mood = "well"
    assert await global_.set_lock((changing, me), retries=0)
    changing.mood = mood
    global_.del_lock((changing, me))
    changing.mood = "well"

    def changes() -> str:
        changing.mood = mood
        return "changed"

    assert await global_.trans((changing, "other"), changes, retries=0) == "changed"
    changing.mood = "well"
    assert await global_.set_lock((changing, me), retries=0)
    global_.del_lock((changing, me))


@moods
async def test_a_lock_of_a_registry_is_released_though_its_key_has_changed(mood: str) -> None:
    await Registry.start_link(keys="unique", name="rooms")
    changing, me = Changing(), process.current()

    async def holds() -> None:
        async def stays() -> None:
            send(me, "held")
            await process.sleep(None)

        await Registry.lock("rooms", changing, stays)

    pid, ref = process.spawn_monitor(holds)
    await process.receive(str)
    changing.mood = mood
    process.exit(pid, "kill")
    await expect_down(ref)
    changing.mood = "well"
    assert await Registry.lock("rooms", changing, lambda: 3) == 3


async def test_a_lock_whose_key_raises_in_a_comparison_is_refused() -> None:
    await Registry.start_link(keys="unique", name="rooms")
    held, me = Changing(), process.current()

    async def holds() -> None:
        async def stays() -> None:
            send(me, "held")
            await process.sleep(None)

        await Registry.lock("rooms", held, stays)

    process.spawn_link(holds)
    await process.receive(str)
    held.mood = "not"
    with pytest.raises(Exit, match="not comparable"):
        await Registry.lock("rooms", Changing(), lambda: 3)
    held.mood = "well"
    assert await Registry.lock("rooms", "another", lambda: 4) == 4


@moods
async def test_a_supervisor_continues_though_the_id_of_a_child_has_changed(mood: str) -> None:
    supervisor = await Supervisor.start_link([])
    changing, beside = Changing(1), Changing(2)
    for id, restart in ((beside, "permanent"), (changing, "temporary")):
        await Supervisor.start_child(supervisor, ChildSpec(id, (Agent.start_link, (dict,)), restart=restart))  # type: ignore[arg-type]
    children = await Supervisor.which_children(supervisor)
    changing.mood = beside.mood = mood
    with capture_reports():
        for child in children:
            process.exit(child.pid, "kill")
        await process.sleep(0.001)
    (left,) = await Supervisor.which_children(supervisor)
    assert left.id is beside
    assert process.alive(left.pid)
    with capture_reports(), pytest.raises((InvalidChild, Exit)):
        await Supervisor.start_child(supervisor, ChildSpec(Raising(), (Agent.start_link, (dict,))))
    assert await Supervisor.count_children(supervisor) == (1, 1, 0, 1)


class Raising(Changing):
    """A key that can be hashed, and not compared."""

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        raise Exit("not comparable")


async def registers(key: Any) -> None:
    Registry.register("rooms", key)


async def joins(key: Any) -> None:
    pg.join(key, process.current())


async def sets_a_lock(key: Any) -> None:
    await global_.set_lock((key, 1))


async def calls(key: Any) -> None:
    await call(Via("rooms", key), "hello")


@pytest.mark.parametrize("uses", [registers, joins, sets_a_lock, calls])
async def test_a_key_that_raises_from_the_beginning_raises_in_the_caller(uses: Any) -> None:
    await Registry.start_link(keys="unique", name="rooms")
    await pg.start_link()
    broken = Changing()
    broken.mood = "not"
    with pytest.raises(Exit, match="no hash"):
        await uses(broken)
    assert Registry.count("rooms") == 0
    assert pg.which_groups() == []


async def test_a_requester_equal_to_nothing_gets_a_free_lock() -> None:
    nan = float("nan")
    assert await global_.set_lock(("resource", nan), retries=0)
    global_.del_lock(("resource", nan))
    unhashable: Any = [1]
    assert await global_.set_lock(("resource", unhashable), retries=0)
    global_.del_lock(("resource", [1]))  # type: ignore[arg-type]
    assert await global_.set_lock(("resource", 1), retries=0)
    assert not await global_.set_lock(("resource", True), retries=0)
    global_.del_lock(("resource", 1.0))
    assert not await global_.set_lock(("resource", True), retries=0)


class Colour(str, Enum):  # noqa: UP042 (the form that Python 3.10 needs)
    RED = "red"


def test_an_object_equal_to_a_plain_key_finds_it() -> None:
    table = {exact("red"): 1, exact(("a", "red")): 2, exact(Colour.RED): 3}
    assert len(table) == 2
    assert table[exact("red")] == 3
    assert table[exact(("a", Colour.RED))] == 2
    assert exact((1,)) != exact((True,))
    assert exact(Colour.RED) == "red"


def test_a_changing_key_equals_only_itself() -> None:
    one, other = exact(Changing(1)), exact(Changing(1))
    table = {one: 1}
    assert table[other] == 1
    assert same(other) not in table
    assert table.pop(same(one)) == 1
    assert same("red") == "red"
