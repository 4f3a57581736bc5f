"""Registry with unique and duplicate keys, row by row of the catalogue, each with 1 and with 8 partitions."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    Exited,
    Pid,
    Supervisor,
    Via,
    call,
    process,
    send,
    stop,
    system,
)
from regrow.behaviours.naming.registry import Registry
from regrow.kernel.current_node import current_node
from regrow.testing import expect_down, expect_idle, expect_message, kill
from tests.behaviours.naming.registries import KINDS, R, links, me, register, start

pytestmark = [pytest.mark.regrow, pytest.mark.parametrize("partitions", [1, 8])]


both_kinds = pytest.mark.parametrize("keys", KINDS, ids=str)


class TestBothKinds:
    @pytest.mark.otp("RG-001")
    @both_kinds
    async def test_a_crash_leaves_nothing_behind(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        first, second = await register("hello"), await register("world")
        await kill(first)
        await kill(second)
        table = current_node().registries[R]
        assert Registry.count(R) == 0
        assert [Registry.keys(R, pid) for pid in (first, second)] == [[], []]
        assert not any(table.by_keys)
        assert not any(partition.by_pid for partition in table.partitions)
        await expect_idle()
        assert [links(one.server) for one in table.partitions] == [[process.whereis(R)]] * partitions

    @pytest.mark.otp("RG-001")
    @both_kinds
    async def test_entries_are_removed_before_the_end_is_reported(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        seen: list[Any] = []
        holder = await register("hello")

        async def watch() -> None:
            process.link(holder)
            process.trap_exit(True)
            await process.receive(Exited)
            seen.append(Registry.lookup(R, "hello"))

        watcher = process.spawn(watch)
        await expect_idle()
        await kill(holder)
        seen.append(Registry.lookup(R, "hello"))
        await expect_down(watcher)
        assert seen == [[], []]

    @pytest.mark.otp("RG-003")
    @both_kinds
    async def test_count(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        assert Registry.count(R) == 0
        Registry.register(R, "hello", "value")
        Registry.register(R, "hello" if keys != "unique" else "world", "value")
        assert Registry.count(R) == 2

    @pytest.mark.otp("RG-004")
    @both_kinds
    async def test_lock_of_different_keys(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        first, second = locking(1), locking(2)
        await expect_message(("inside", 1).__eq__)
        await expect_message(("inside", 2).__eq__)
        send(first, "leave")
        send(second, "leave")
        await expect_message(("left", 1, "value").__eq__)
        await expect_message(("left", 2, "value").__eq__)
        assert await Registry.lock(R, 1, lambda: "free") == await Registry.lock(R, 2, lambda: "free") == "free"

    @pytest.mark.otp("RG-005")
    @both_kinds
    async def test_lock_of_the_same_key(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        first = locking(1)
        await expect_message(("inside", 1).__eq__)
        second = locking(1)
        with pytest.raises(TimeoutError):
            await process.receive(timeout=0.1)
        send(first, "leave")
        await expect_message(("left", 1, "value").__eq__)
        await expect_message(("inside", 1).__eq__)
        send(second, "leave")
        await expect_message(("left", 1, "value").__eq__)
        assert await Registry.lock(R, 1, lambda: "free") == "free"

    @pytest.mark.otp("RG-008")
    @both_kinds
    async def test_lock_with_a_waiter_killed(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        first = locking(1)
        await expect_message(("inside", 1).__eq__)
        second, third = locking(1), locking(1)
        await expect_idle()
        await kill(second)
        send(first, "leave")
        await expect_message(("left", 1, "value").__eq__)
        await expect_message(("inside", 1).__eq__)
        send(third, "leave")
        await expect_message(("left", 1, "value").__eq__)
        assert await Registry.lock(R, 1, lambda: "free") == "free"

    async def test_lock_is_free_when_its_holder_raises_is_killed_or_gives_up(self, partitions: int) -> None:
        await start("unique", partitions)
        with pytest.raises(ZeroDivisionError):
            await Registry.lock(R, 1, lambda: 1 / 0)
        holder = locking(1)
        await expect_message(("inside", 1).__eq__)
        await kill(holder)
        assert await Registry.lock(R, 1, lambda: "free") == "free"

    @pytest.mark.otp("RG-010")
    async def test_an_unknown_registry(self, partitions: int) -> None:
        await start("unique", partitions)
        with pytest.raises(ValueError, match="unknown registry: 'unknown'"):
            Registry.register("unknown", "hello", "value")
        with pytest.raises(ValueError, match="unknown registry"):
            await call(Via("unknown", "hello"), "request")

    @pytest.mark.otp("RG-011")
    @pytest.mark.parametrize("keys", [("duplicate", "invalid"), "some", None])
    async def test_invalid_keys_option(self, keys: Any, partitions: int) -> None:
        with pytest.raises(ValueError, match='keys: wanted "unique", "duplicate"'):
            await start(keys, partitions)

    async def test_compressed_is_accepted_and_has_no_effect(self, partitions: int) -> None:
        await Registry.start_link(keys="unique", name=R, partitions=partitions, compressed=True)
        Registry.register(R, "hello", "world")
        assert Registry.lookup(R, "hello") == [(me(), "world")]
        with pytest.raises(TypeError, match="compressed: wanted True or False; got 'yes'"):
            await Registry.start_link(keys="unique", name="other", partitions=partitions, compressed="yes")  # type: ignore[arg-type]

    @pytest.mark.otp("RG-012")
    @both_kinds
    async def test_listeners(self, keys: Any, partitions: int) -> None:
        process.register("listener", me())
        await start(keys, partitions, listeners=["listener", "unknown"])
        other = await register("hello", "world")
        assert process.info(me(), "messages") == [("register", R, "hello", other, "world")]
        Registry.register(R, "world", "value")
        Registry.unregister(R, "world")
        assert process.info(me(), "messages")[1:] == [
            ("register", R, "world", me(), "value"),
            ("unregister", R, "world", me()),
        ]

    @pytest.mark.otp("RG-014")
    @both_kinds
    async def test_unregister_with_no_entries(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        Registry.unregister(R, "hello")
        Registry.unregister_match(R, "hello", ...)
        assert Registry.count(R) == 0

    @pytest.mark.otp("RG-017")
    @both_kinds
    async def test_meta(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions, meta={"custom": "given"})
        assert Registry.meta(R, "custom") == "given"
        Registry.put_meta(R, "custom", "put")
        assert Registry.meta(R, "custom") == "put"
        Registry.delete_meta(R, "custom")
        with pytest.raises(KeyError):
            Registry.meta(R, "custom")
        assert Registry.meta(R, "custom", None) is None
        Registry.delete_meta(R, "custom")

    @both_kinds
    async def test_a_registry_starts_the_requested_number_of_partitions(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        assert len(await Supervisor.which_children(R)) == partitions

    @both_kinds
    async def test_a_registry_links_on_register_and_unlinks_on_the_last_unregister(
        self, keys: Any, partitions: int
    ) -> None:
        await start(keys, partitions)
        server = Registry.register(R, "hello")
        assert Registry.register(R, "world") is server
        assert server in links()
        Registry.unregister(R, "hello")
        assert server in links()
        Registry.unregister(R, "world")
        assert server not in links()

    @both_kinds
    async def test_registered_processes_end_with_the_registry(self, keys: Any, partitions: int) -> None:
        process.trap_exit(True)
        registry = await start(keys, partitions)
        holder = await register("hello")
        Registry.register(R, "mine")
        process.exit(registry, "kill")
        await expect_down(holder, "killed")
        with pytest.raises(ValueError, match="unknown registry"):
            Registry.count(R)
        await start(keys, partitions)
        assert Registry.count(R) == 0
        Registry.register(R, "mine")
        assert Registry.keys(R, me()) == ["mine"]

    async def test_the_entries_of_a_partition_that_ends_are_removed(self, partitions: int) -> None:
        process.trap_exit(True)
        await start("unique", partitions)
        server = Registry.register(R, "hello")
        await kill(server)
        await expect_idle()
        assert Registry.lookup(R, "hello") == []
        assert Registry.register(R, "hello") is not server
        await stop(R)

    async def test_a_suspended_server_delays_no_caller(self, partitions: int) -> None:
        await start("unique", partitions)
        holder = await register("hello", "value")
        server = links(holder)[0]
        await system.suspend(server)
        await kill(holder)
        Registry.register(R, "hello", "other")
        assert Registry.lookup(R, "hello") == [(me(), "other")]

    async def test_wrong_arguments_are_refused(self, partitions: int) -> None:
        await start("unique", partitions)
        with pytest.raises(TypeError, match="wanted a hashable key"):
            Registry.register(R, {})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="listeners: wanted names"):
            await Registry.start_link(keys="unique", name="L", listeners=[me()])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
        with pytest.raises(TypeError, match="name: wanted a string or a class"):
            await Registry.start_link(keys="unique", name=Via(R, "r"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match="partitions: wanted a positive integer; got 0"):
            await Registry.start_link(keys="unique", name="P", partitions=0)
        with pytest.raises(AlreadyStarted):
            await start("unique", partitions)

    async def test_child_spec_has_the_name_as_id(self, partitions: int) -> None:
        assert Registry.child_spec(name="custom", keys="unique").id == "custom"
        assert Registry.child_spec().id is Registry
        options = {"keys": "unique", "name": R, "partitions": partitions}
        sup = await Supervisor.start_link([(Registry, options)])
        assert [(row.id, row.type) for row in await Supervisor.which_children(sup)] == [(R, "supervisor")]
        assert Registry.count(R) == 0


def locking(key: Any) -> Pid:
    """Spawn a process that holds a lock until it gets a message, and reports that it has the lock."""
    parent = me()

    async def inside() -> str:
        send(parent, ("inside", key))
        await process.receive("leave".__eq__)
        return "value"

    async def run() -> None:
        send(parent, ("left", key, await Registry.lock(R, key, inside)))

    return process.spawn(run)
