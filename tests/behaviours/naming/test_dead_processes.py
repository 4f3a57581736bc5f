"""A killed process that still unwinds gets nothing that it would have to release: no lock, no entry, no monitor."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

import pytest

from regrow import Registry, global_, pg, process, send
from regrow.behaviours.naming.global_ import LOCKS
from regrow.kernel.running import running
from regrow.testing import expect_down, flush

pytestmark = pytest.mark.regrow


async def set_lock() -> None:
    await global_.set_lock(("resource", process.current()))


async def trans() -> None:
    await global_.trans(("resource", process.current()), process.current)


async def register_global() -> None:
    await global_.register_name("name", process.current())


async def lock() -> None:
    await Registry.lock("rooms", "key", process.current)


TAKEN: dict[str, Callable[[], Any]] = {
    "global_.set_lock": set_lock,
    "global_.trans": trans,
    "global_.register_name": register_global,
    "Registry.register": lambda: Registry.register("rooms", "key"),
    "Registry.register_name": lambda: Registry.register_name(("rooms", "key"), process.current()),
    "Registry.lock": lock,
    "pg.join": lambda: pg.join("group", process.current()),
    "pg.monitor": lambda: pg.monitor("group"),
    "pg.monitor_scope": pg.monitor_scope,
    "process.register": lambda: process.register("name", process.current()),
    "process.monitor": lambda: process.monitor("starter"),
    "process.link": lambda: process.link(process.whereis("starter")),  # type: ignore[arg-type]
    "process.alias": process.alias,
    "send_after": lambda: process.send_after("starter", "late", 0.01),
    "send_interval": lambda: process.send_interval("starter", "again", 0.01),
}
GIVEN_BACK: dict[str, Callable[[], Any]] = {
    "global_.del_lock": lambda: global_.del_lock(("resource", process.current())),
    "Registry.unregister": lambda: Registry.unregister("rooms", "key"),
    "Registry.update_value": lambda: Registry.update_value("rooms", "key", str),
    "pg.leave": lambda: pg.leave("group", process.current()),
}


async def started(listeners: Any = ()) -> None:
    await Registry.start_link(keys="unique", name="rooms", listeners=listeners)
    await pg.start_link()
    process.register("starter", process.current())


def left() -> list[Any]:
    """Return everything that is still kept, of every process."""
    found: list[Any] = [*pg.which_groups(), *global_.registered_names(), *Registry.select("rooms")]
    groups: Any = running().node.registries[("pg", "pg")]
    found += [*groups.groups, *groups.monitors, *groups.watching]
    return [*found, *LOCKS.by_resource, *LOCKS.held]


async def dies(what: Callable[[], Any], outcome: list[BaseException | None]) -> None:
    try:
        await process.sleep(None)
    finally:
        try:
            waits = what()
            if hasattr(waits, "__await__"):
                await waits
            outcome.append(None)
        except BaseException as error:
            outcome.append(error)
            raise


@pytest.mark.parametrize("what", TAKEN.values(), ids=TAKEN.keys())
async def test_a_dead_process_gets_nothing(what: Callable[[], Any]) -> None:
    await started()
    outcome: list[BaseException | None] = []
    pid, ref = process.spawn_monitor(dies, what, outcome)
    await process.sleep(0.001)
    process.exit(pid, "kill")
    await expect_down(ref)
    await process.sleep(0.001)
    assert len(outcome) == 1
    assert not isinstance(outcome[0], AssertionError)
    assert left() == []
    assert await global_.set_lock(("resource", "another"), retries=0)
    global_.del_lock(("resource", "another"))


@pytest.mark.parametrize("what", GIVEN_BACK.values(), ids=GIVEN_BACK.keys())
async def test_a_second_release_is_no_mistake(what: Callable[[], Any]) -> None:
    await started(["starter"])
    outcome: list[BaseException | None] = []

    async def takes() -> None:
        Registry.register("rooms", "key")
        pg.join("group", process.current())
        await global_.set_lock(("resource", process.current()))
        await dies(what, outcome)

    pid, ref = process.spawn_monitor(takes)
    await process.sleep(0.001)
    flush()
    process.exit(pid, "kill")
    await expect_down(ref)
    await process.sleep(0.001)
    assert outcome == [None]
    assert left() == []
    assert flush() == []  # listeners are notified of an end by separate monitors


async def test_a_lock_is_not_given_to_a_dead_waiter() -> None:
    await started()
    me = process.current()
    await global_.set_lock(("resource", me))

    async def wants() -> None:
        send(me, "wants")
        try:
            await global_.set_lock(("resource", process.current()))
        except CancelledError:
            await global_.set_lock(("resource", process.current()))

    pid, ref = process.spawn_monitor(wants)
    await process.receive(str)
    await process.sleep(0.2)
    process.exit(pid, "kill")
    await expect_down(ref)
    global_.del_lock(("resource", me))
    await process.sleep(20.0)
    assert left() == []


async def test_a_dead_process_cannot_be_registered_by_another() -> None:
    await started()
    pid, ref = process.spawn_monitor(process.current)
    await expect_down(ref)
    with pytest.raises(ValueError, match="not alive"):
        Registry.register_name(("rooms", "key"), pid)
    assert left() == []
