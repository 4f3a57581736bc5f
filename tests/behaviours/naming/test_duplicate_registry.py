"""Registry with duplicate keys, row by row of the catalogue, each with 1 and with 8 partitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    CallExit,
    Down,
    Pid,
    Via,
    call,
    process,
    send,
)
from regrow.behaviours.naming.registry import Registry
from regrow.behaviours.naming.registry_table import Record
from tests.behaviours.naming.registries import KINDS, Doer, R, me, register, start

pytestmark = [pytest.mark.regrow, pytest.mark.parametrize("partitions", [1, 8])]


duplicates = pytest.mark.parametrize("keys", KINDS[1:], ids=str)


@duplicates
class TestDuplicate:
    @pytest.mark.otp("RG-039")
    async def test_a_duplicate_registry_has_duplicate_registrations(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        assert isinstance(Registry.register(R, "hello", 1), Pid)
        Registry.register(R, "hello", 2)
        Registry.register(R, "world", 3)
        assert Registry.keys(R, me()) == ["hello", "hello", "world"]
        assert Registry.values(R, "hello", me()) == [1, 2]

    @pytest.mark.otp("RG-040")
    async def test_several_processes_may_have_a_key(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        other = await register("hello", "theirs")
        Registry.register(R, "hello", "mine")
        assert Registry.keys(R, other) == Registry.keys(R, me()) == ["hello"]
        assert Registry.values(R, "hello", me()) == ["mine"]
        assert Registry.values(R, "hello", other) == ["theirs"]
        assert sorted(Registry.lookup(R, "hello")) == sorted([(other, "theirs"), (me(), "mine")])

    @pytest.mark.otp("RG-042")
    async def test_dispatch_in_serial(self, keys: Any, partitions: int) -> None:
        process.trap_exit(True)
        await start(keys, partitions)

        def never(_: Any) -> None:
            raise AssertionError("called")

        Registry.dispatch(R, "hello", never)
        Registry.register(R, "hello", 1)
        Registry.register(R, "hello", 2)
        Registry.register(R, "world", 3)

        def notify(entries: list[tuple[Pid, Any]]) -> None:
            for pid, value in entries:
                send(pid, (me(), value))

        Registry.dispatch(R, "hello", notify)
        assert process.info(me(), "messages") == [(me(), 1), (me(), 2)]
        Registry.dispatch(R, "world", notify, parallel=False)
        assert process.info(me(), "messages")[2:] == [(me(), 3)]
        with pytest.raises(TypeError, match="has to be awaited"):
            Registry.dispatch(R, "hello", lambda _: process.sleep(1))

    @pytest.mark.otp("RG-043")
    async def test_dispatch_in_parallel(self, keys: Any, partitions: int) -> None:
        """The dispatch is awaited, and returns when the processes of all partitions have ended."""
        process.trap_exit(True)
        await start(keys, partitions)
        parent, ran = me(), list[Any]()

        async def notify(entries: list[tuple[Pid, Any]]) -> None:
            await process.sleep(1)
            ran.append((me() is parent, sorted(value for _, value in entries)))

        await Registry.dispatch(R, "hello", notify, parallel=True)
        assert ran == []
        others = [await register("hello", value) for value in range(4)]
        Registry.register(R, "hello", 4)
        Registry.register(R, "hello", 5)
        Registry.register(R, "world", 6)
        began = process.monotonic()
        await Registry.dispatch(R, "hello", notify, parallel=True)
        assert process.monotonic() - began == 1
        spread = partitions == 8 and keys != ("duplicate", "key")
        assert [here for here, _ in ran] == [not spread] * len(ran)
        assert sorted(value for _, values in ran for value in values) == list(range(6))
        holders = {pid.number % 8 for pid in (*others, me())}
        assert len(ran) == (len(holders) if spread else 1)
        assert process.info(me(), "messages") == []

    async def test_a_parallel_dispatch_that_raises(self, keys: Any, partitions: int) -> None:
        process.trap_exit(True)
        await start(keys, partitions)
        Registry.register(R, "hello")

        def fail(_: Any) -> None:
            raise ZeroDivisionError

        with pytest.raises((ZeroDivisionError, CallExit)):
            await Registry.dispatch(R, "hello", fail, parallel=True)

    @pytest.mark.otp("RG-045")
    async def test_match_patterns_and_guards(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        one, two = (1, "atom", 1), (2, "atom", 2)
        Registry.register(R, "hello", one)
        Registry.register(R, "hello", two)

        def found(pattern: Any, where: Callable[[Any], object] | None = None) -> list[Any]:
            matched = Registry.match(R, "hello", pattern, where)
            assert Registry.count_match(R, "hello", pattern, where) == len(matched)
            return sorted(value for _, value in matched)

        assert found((1, ..., ...)) == [one]
        assert found((1.0, ..., ...)) == []
        assert found((..., "atom", ...)) == [one, two]
        assert found((..., ..., ...), lambda value: value[0] == value[2]) == [one, two]
        assert found((2, ..., ...)) == [two]
        assert found((2.0, ..., ...)) == []
        assert found(..., lambda value: value[0] < 2) == [one]
        assert found(..., lambda value: value[0] > 3) == []
        assert found(..., lambda value: value[0] < 3) == [one, two]
        assert found(..., lambda value: isinstance(value[1], str)) == [one, two]

    @pytest.mark.otp("RG-046")
    async def test_exact_complex_keys(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        exact: list[Any] = [("a", ...), ("a", "b"), ("a", 1), ("a", 1.0), frozenset({"a"}), frozenset({"a", "b"})]
        for key in exact:
            Registry.register(R, key, key)
        for key in exact:
            assert Registry.match(R, key, ...) == Registry.lookup(R, key) == [(me(), key)]
            assert Registry.values(R, key, me()) == [key]
            assert Registry.count_match(R, key, ...) == 1

    @pytest.mark.otp("RG-047")
    async def test_unregister_match_patterns_and_guards(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        one, two = (1, "atom", 1), (2, "atom", 2)
        other = await register("hello", two)
        Registry.register(R, "hello", one)
        Registry.register(R, "hello", two)
        Registry.unregister_match(R, "hello", (2, ..., ...))
        assert Registry.values(R, "hello", me()) == [one]
        Registry.register(R, "hello", two)
        Registry.unregister_match(R, "hello", (2.0, ..., ...))
        assert Registry.values(R, "hello", me()) == [one, two]
        Registry.unregister_match(R, "hello", ..., lambda value: value[0] < 2)
        assert Registry.values(R, "hello", me()) == [two]
        Registry.unregister_match(R, "hello", (..., "atom", ...))
        assert Registry.lookup(R, "hello") == [(other, two)]

    @pytest.mark.otp("RG-048")
    async def test_via_on_duplicate(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        with pytest.raises(ValueError, match="Via is not supported for duplicate registries"):
            await Doer.start_link(name=Via(R, "hello"))
        with pytest.raises(ValueError, match="update_value: wanted a registry of unique keys"):
            Registry.update_value(R, "hello", lambda value: value)

    @pytest.mark.otp("RG-050")
    async def test_select_and_count_select(self, keys: Any, partitions: int) -> None:
        """As with unique keys; a predicate finds a key that looks like a pattern."""
        await start(keys, partitions)
        assert Registry.select(R) == []
        Registry.register(R, "hello", (1, "atom", 1))
        Registry.register(R, "hello", (1, "atom", 1))
        Registry.register(R, "hello", (2, "atom", 2))
        Registry.register(R, ..., "reserved")

        def found(*patterns: Any, where: Callable[[Record], object] | None = None) -> list[Any]:
            selected = Registry.select(R, *patterns, where=where)
            assert Registry.count_select(R, *patterns, where=where) == len(selected)
            return sorted(record.value for record in selected)

        assert found(("hello", ..., (1, ..., ...))) == [(1, "atom", 1)] * 2
        assert found(("hello", ..., (1.0, ..., ...))) == []
        assert found(("hello", ..., ...), where=lambda record: record.value[0] > 1) == [(2, "atom", 2)]
        assert len(found((..., ..., (1, ..., ...)), (..., ..., (2, ..., ...)))) == 3
        assert found(where=lambda record: record.key is ...) == ["reserved"]
        with pytest.raises(ValueError, match="wanted each pattern as a triple"):
            Registry.select(R, ("hello", ...))

    @pytest.mark.otp("RG-051")
    async def test_keys_that_look_like_patterns_are_literal(self, keys: Any, partitions: int) -> None:
        """Python's mappings are no keys: a key is hashable, and no key is a pattern."""
        await start(keys, partitions)
        superset = frozenset({("a", "b"), ("c", "d")})
        Registry.register(R, superset, "superset")
        for key in (..., (..., "x"), ("$1", "x"), frozenset({("a", "b")})):
            Registry.register(R, key, "foo")
            Registry.register(R, key, "bar")
            Registry.unregister_match(R, key, "foo")
            assert Registry.lookup(R, key) == [(me(), "bar")]
            Registry.register(R, key, "foo")
            Registry.unregister(R, key)
            assert Registry.lookup(R, key) == []
            assert Registry.lookup(R, superset) == [(me(), "superset")]

    async def test_unregister_removes_all_entries_of_a_key(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        for key in ("hello", "hello", "world"):
            Registry.register(R, key)
        Registry.unregister(R, "hello")
        assert Registry.keys(R, me()) == ["world"]
        Registry.unregister(R, "world")
        assert Registry.keys(R, me()) == []


async def test_the_entry_is_gone_when_a_down_arrives_along_a_chain_of_links(partitions: int) -> None:
    await start("unique", partitions)
    first, second = await register("first"), await register("second")
    await call(second, lambda: process.link(first))
    ref = process.monitor(second)
    process.exit(first, "oops")
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "oops")
    assert Registry.count(R) == 0
