"""Registry with unique keys, row by row of the catalogue, each with 1 and with 8 partitions."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from regrow import (
    AlreadyStarted,
    GenServer,
    Ok,
    Pid,
    StartError,
    Via,
    call,
    process,
    send,
    stop,
)
from regrow.behaviours.naming.registry import Registry
from regrow.behaviours.naming.registry_table import AlreadyRegistered, Record
from regrow.kernel.current_node import current_node
from tests.behaviours.naming.registries import GET, Doer, R, links, me, register, start

pytestmark = [pytest.mark.regrow, pytest.mark.parametrize("partitions", [1, 8])]


class Failing(GenServer[Any]):
    """A server that does not start."""

    def init(self, _arg: Any) -> Ok[Any]:
        raise RuntimeError("oops")


class TestUnique:
    @pytest.mark.otp("RG-018")
    async def test_a_unique_registry_has_unique_registrations(self, partitions: int) -> None:
        await start("unique", partitions)
        assert isinstance(Registry.register(R, "hello", "value"), Pid)
        with pytest.raises(AlreadyRegistered) as caught:
            Registry.register(R, "hello", "other")
        assert caught.value.reason == ("already_registered", me())
        assert Registry.keys(R, me()) == ["hello"]
        assert Registry.values(R, "hello", me()) == ["value"]
        Registry.register(R, "world", "value")
        assert Registry.keys(R, me()) == ["hello", "world"]

    async def test_one_process_may_have_a_key(self, partitions: int) -> None:
        await start("unique", partitions)
        other = await register("hello")
        with pytest.raises(AlreadyRegistered, match="is registered as 'hello' in 'R'") as caught:
            Registry.register(R, "hello")
        assert caught.value.pid is other
        assert Registry.keys(R, me()) == []
        assert links() == [process.whereis(R)]

    async def test_keys_are_compared_by_value_and_type(self, partitions: int) -> None:
        await start("unique", partitions)
        for key in (1, 1.0, True, (1, "a"), (1.0, "a"), ((True,), 1)):
            Registry.register(R, key, type(key))
        assert Registry.count(R) == 6
        assert Registry.lookup(R, 1.0) == [(me(), float)]
        assert [type(key) for key in Registry.keys(R, me())] == [int, float, bool, tuple, tuple, tuple]
        Registry.unregister(R, 1.0)
        assert [Registry.lookup(R, key) for key in (1, 1.0)] == [[(me(), int)], []]

    @pytest.mark.otp("RG-022")
    async def test_guards(self, partitions: int) -> None:
        """Guards on variables are a predicate of the value."""
        await start("unique", partitions)
        value = (1, "atom", 2)
        Registry.register(R, "hello", value)
        assert Registry.match(R, "hello", (..., ..., ...), lambda value: value[2] > 1) == [(me(), value)]
        assert Registry.match(R, "hello", (..., ..., ...), where=lambda value: value[2] > 2) == []
        assert Registry.match(R, "hello", ..., lambda value: isinstance(value[1], str)) == [(me(), value)]

    async def test_match_patterns(self, partitions: int) -> None:
        await start("unique", partitions)
        value = (1, "atom", 1)
        Registry.register(R, "hello", value)
        for pattern, fits in [
            ((1, ..., ...), True),
            ((1.0, ..., ...), False),
            ((..., "atom", ...), True),
            ((..., ...), False),
            ([1, "atom", 1], False),
            (..., True),
        ]:
            assert Registry.match(R, "hello", pattern) == ([(me(), value)] if fits else [])
            assert Registry.count_match(R, "hello", pattern) == int(fits)
        assert Registry.match(R, "hello", (..., ..., ...), lambda value: value[0] == value[2]) == [(me(), value)]
        assert Registry.match(R, ..., ...) == []
        Registry.register(R, "world", {"a": "a", "b": "b"})
        assert Registry.count_match(R, "world", {"b": "b"}) == 1
        assert Registry.count_match(R, "world", {"b": ..., "c": ...}) == 0

    @pytest.mark.otp("RG-023")
    async def test_keys_that_look_like_patterns_are_literal(self, partitions: int) -> None:
        """Python's mappings are no keys: a key is hashable, and no key is a pattern."""
        await start("unique", partitions)
        keys = [..., (..., "x"), ("$1", "x"), frozenset({("a", "b")}), None]
        superset = frozenset({("a", "b"), ("c", "d")})
        Registry.register(R, superset, "superset")
        for key in keys:
            Registry.register(R, key, "foo")
            assert Registry.match(R, key, "foo") == Registry.lookup(R, key) == [(me(), "foo")]
            assert Registry.count_match(R, key, "foo") == 1
            Registry.unregister_match(R, key, "foo")
            assert Registry.lookup(R, key) == []
            Registry.register(R, key, "foo")
            Registry.unregister(R, key)
            assert Registry.keys(R, me()) == [superset]

    @pytest.mark.otp("RG-025")
    async def test_unregister_match_patterns(self, partitions: int) -> None:
        await start("unique", partitions)
        value = (1, "atom", 1)
        Registry.register(R, "hello", value)
        Registry.unregister_match(R, "hello", (2, ..., ...))
        assert Registry.lookup(R, "hello") == [(me(), value)]
        Registry.unregister_match(R, "hello", (1.0, ..., ...))
        assert Registry.lookup(R, "hello") == [(me(), value)]
        Registry.unregister_match(R, "hello", (..., "atom", ...))
        assert Registry.lookup(R, "hello") == []

    @pytest.mark.otp("RG-026")
    async def test_unregister_match_guards(self, partitions: int) -> None:
        """A guard is a predicate of the value."""
        await start("unique", partitions)
        Registry.register(R, "hello", (1, "atom", 1))
        Registry.unregister_match(R, "hello", (..., ..., ...), lambda value: value[0] < 2)
        assert Registry.lookup(R, "hello") == []

    @pytest.mark.otp("RG-028")
    async def test_update_value(self, partitions: int) -> None:
        await start("unique", partitions)

        def never(_: Any) -> Any:
            raise AssertionError("called")

        assert Registry.update_value(R, "hello", never) is None
        await register("hello")
        assert Registry.update_value(R, "hello", never) is None
        Registry.register(R, "world", 1)
        assert Registry.update_value(R, "world", lambda value: value + 1) == (2, 1)
        assert Registry.lookup(R, "world") == [(me(), 2)]

    @pytest.mark.otp("RG-029")
    async def test_dispatch_to_a_single_key(self, partitions: int) -> None:
        await start("unique", partitions)
        calls: list[Any] = []
        Registry.dispatch(R, "hello", calls.append)
        assert calls == []
        Registry.register(R, "hello", "value")
        Registry.dispatch(R, "hello", calls.append)
        await Registry.dispatch(R, "hello", calls.append, parallel=True)
        assert calls == [[(me(), "value")]] * 2

    @pytest.mark.otp("RG-030")
    async def test_unregister_by_key(self, partitions: int) -> None:
        await start("unique", partitions)
        Registry.register(R, "hello")
        Registry.register(R, "world")
        Registry.unregister(R, "hello")
        assert Registry.keys(R, me()) == ["world"]
        Registry.unregister(R, "world")
        assert Registry.keys(R, me()) == []

    async def test_only_the_owner_unregisters(self, partitions: int) -> None:
        await start("unique", partitions)
        other = await register("hello")
        Registry.unregister(R, "hello")
        Registry.unregister_match(R, "hello", ...)
        assert Registry.lookup(R, "hello") == [(other, None)]

    @pytest.mark.otp("RG-031")
    @pytest.mark.parametrize("name", [Via(R, "hello"), Via(Registry, (R, "hello"))], ids=["short", "as Elixir's"])
    async def test_via_callbacks(self, name: Via, partitions: int) -> None:
        await start("unique", partitions)
        pid = await Doer.start_link("state", name=name)
        assert await call(name, GET) == "state"
        with pytest.raises(AlreadyStarted) as caught:
            await Doer.start("state", name=name)
        assert caught.value.pid is pid
        assert process.whereis(name) is pid
        send(name, "message")
        await stop(name)
        assert process.whereis(name) is None
        with pytest.raises(StartError):
            await Failing.start(name=name)
        assert Registry.count(R) == 0
        await Doer.start("again", name=name)
        with pytest.raises(ValueError, match="no process has this name"):
            send(Via(R, "none"), "message")

    async def test_send(self, partitions: int) -> None:
        await start("unique", partitions)
        Registry.register(R, "hello")
        assert Registry.send((R, "hello"), "message") == "message"
        assert await process.receive() == "message"
        with pytest.raises(ValueError, match="no process has this name"):
            Registry.send((R, "none"), "message")
        with pytest.raises(ValueError, match="unknown registry"):
            Registry.send(("unknown", "hello"), "message")

    async def test_via_with_a_value(self, partitions: int) -> None:
        await start("unique", partitions)
        first = await Doer.start_link(name=Via(R, "first", "value"))
        second = await Doer.start_link(name=Via(Registry, (R, "second", "value")))
        assert Registry.lookup(R, "first") == [(first, "value")]
        assert Registry.lookup(R, "second") == [(second, "value")]
        assert Via(R, "first") == Via(R, "first", "value")

    async def test_a_name_is_free_when_the_starter_gets_a_failure(self, partitions: int) -> None:
        await start("unique", partitions)
        for _ in range(3):
            with pytest.raises(StartError):
                await Failing.start(name=Via(R, "hello"))
            assert Registry.lookup(R, "hello") == []

    async def test_a_name_in_a_custom_table_is_free_after_a_failed_start(self, partitions: int) -> None:
        await start("unique", partitions)
        own = current_node().registries[R]  # as an object, not by its name
        with pytest.raises(StartError):
            await Failing.start(name=Via(own, "hello"))
        assert own.whereis_name("hello") is None

        class Telephone:
            """A table that does not remove processes that end."""

            numbers: ClassVar[dict[Any, Pid]] = {}

            @classmethod
            def register_name(cls, key: Any, pid: Pid) -> bool:
                return cls.numbers.setdefault(key, pid) is pid

            @classmethod
            def unregister_name(cls, key: Any) -> None:
                del cls.numbers[key]

            @classmethod
            def whereis_name(cls, key: Any) -> Pid | None:
                return cls.numbers.get(key)

        with pytest.raises(StartError):
            await Failing.start(name=Via(Telephone, 7))
        assert Telephone.numbers == {}
        pid = await Doer.start(name=Via(Telephone, 7))
        await stop(pid)
        assert Telephone.numbers == {7: pid}

    async def test_a_table_that_cannot_take_a_name_leaves_no_process_behind(self, partitions: int) -> None:
        await start("unique", partitions)
        there = process.processes()
        for partition in current_node().registries[R].partitions:
            partition.server = None  # as while the partitions are restarted
        with pytest.raises(ValueError, match="the registry 'R' is being restarted"):
            await Doer.start_link(name=Via(R, "hello"))
        assert process.processes() == there

    @pytest.mark.otp("RG-033")
    async def test_select_empty_and_all(self, partitions: int) -> None:
        """A query is a pattern of (key, pid, value); the results are Records."""
        await start("unique", partitions)
        assert Registry.select(R) == []
        pid = await Doer.start_link(name=Via(R, "hello"))
        Registry.register(R, "world", "value")
        everything = [Record("hello", pid, None), Record("world", me(), "value")]
        assert Registry.select(R) == Registry.select(R, (..., ..., ...)) == everything

    @pytest.mark.otp("RG-034")
    async def test_select_full_match_specs(self, partitions: int) -> None:
        """A variable that occurs twice is a predicate; a body is a comprehension over the Records."""
        await start("unique", partitions)
        value = (1, "atom", 1)
        Registry.register(R, "hello", value)
        entry = Record("hello", me(), value)
        for pattern, found in [
            (("hello", ..., ...), [entry]),
            (("world", ..., ...), []),
            ((..., me(), ...), [entry]),
            ((..., process.whereis(R), ...), []),
            ((..., ..., value), [entry]),
            ((..., ..., (1, ..., ...)), [entry]),
            ((..., ..., (1.0, ..., ...)), []),
            ((..., ..., (..., "atom", ...)), [entry]),
        ]:
            assert Registry.select(R, pattern) == found
        twice = Registry.select(R, (..., ..., (..., ..., ...)), where=lambda record: record.value[0] == record.value[2])
        assert [record.key for record in twice] == ["hello"]
        Registry.register(R, "world", {"a": "a", "b": "b"})
        assert [record.key for record in Registry.select(R, (..., ..., {"b": "b"}))] == ["world"]

    @pytest.mark.otp("RG-035")
    async def test_select_guards_and_multiple_specs(self, partitions: int) -> None:
        """A guard is a predicate of the Record; several patterns give the union."""
        await start("unique", partitions)
        Registry.register(R, "hello", (1, "atom", 2))
        Registry.register(R, "world", (3, "atom", 4))
        entries = {record.key: record for record in Registry.select(R)}
        found = Registry.select(R, (..., ..., (..., ..., ...)), where=lambda record: record.value[2] > 2)
        assert found == [entries["world"]]
        assert Registry.select(R, ("hello", ..., ...), ("world", ..., ...), ("hello", ..., ...)) == [*entries.values()]

    @pytest.mark.otp("RG-036")
    async def test_select_of_a_wrong_shape(self, partitions: int) -> None:
        """A pattern that is no triple is a ValueError."""
        await start("unique", partitions)
        for pattern in (("hello", ...), "hello", ["hello", ..., ...], ...):
            with pytest.raises(ValueError, match="wanted each pattern as a triple"):
                Registry.select(R, pattern)

    @pytest.mark.otp("RG-037")
    async def test_count_select(self, partitions: int) -> None:
        """The count is that of the results of `select`."""
        await start("unique", partitions)
        Registry.register(R, "hello", (1, "atom", 1))
        Registry.register(R, "world", (3, "atom", 4))
        assert Registry.count_select(R, (..., ..., (1, ..., ...))) == 1
        assert Registry.count_select(R, (..., ..., (1.0, ..., ...))) == 0
        assert Registry.count_select(R, where=lambda record: record.value[2] > 0) == 2
        assert Registry.count_select(R, ("hello", ..., ...), ("world", ..., ...)) == 2
        with pytest.raises(ValueError, match="wanted each pattern as a triple"):
            Registry.count_select(R, ("hello", ...))
