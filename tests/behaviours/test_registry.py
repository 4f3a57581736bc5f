"""Registry, row by row of the catalogue, each with 1 and with 8 partitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from regrow import (
    AlreadyStarted,
    CallExit,
    Down,
    Exited,
    From,
    GenServer,
    Ok,
    Pid,
    Reply,
    StartError,
    Supervisor,
    Via,
    call,
    process,
    send,
    stop,
    system,
)
from regrow.behaviours.naming.registry import Registry
from regrow.behaviours.naming.registry_table import AlreadyRegistered, Record
from regrow.kernel.current_node import current_node
from regrow.testing import expect_down, expect_idle, expect_message, kill

pytestmark = [pytest.mark.regrow, pytest.mark.parametrize("partitions", [1, 8])]

KINDS: list[Any] = ["unique", "duplicate", ("duplicate", "pid"), ("duplicate", "key")]
both_kinds = pytest.mark.parametrize("keys", KINDS, ids=str)
duplicates = pytest.mark.parametrize("keys", KINDS[1:], ids=str)

R = "R"
GET = "get"


class Doer(GenServer[Any]):
    """Does in its own process what it is asked to."""

    def handle_call(self, request: Any, _from: From, state: Any) -> Reply[Any]:
        return Reply(request() if request is not GET else state, state)


class Failing(GenServer[Any]):
    """Does not start."""

    def init(self, _arg: Any) -> Ok[Any]:
        raise RuntimeError("oops")


async def start(keys: Any, partitions: int, **options: Any) -> Pid:
    return await Registry.start_link(keys=keys, name=R, partitions=partitions, **options)


async def register(key: Any, value: Any = None) -> Pid:
    """Register another process."""
    doer = await Doer.start()
    await call(doer, lambda: Registry.register(R, key, value))
    return doer


def me() -> Pid:
    return process.current()


def links(pid: Pid | None = None) -> Any:
    return process.info(pid or me(), "links")


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
    async def test_entries_are_gone_before_anyone_hears_of_the_end(self, keys: Any, partitions: int) -> None:
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
    async def test_unknown_registry(self, partitions: int) -> None:
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

    async def test_compressed_is_accepted_and_nothing_is(self, partitions: int) -> None:
        await Registry.start_link(keys="unique", name=R, partitions=partitions, compressed=True)
        Registry.register(R, "hello", "world")
        assert Registry.lookup(R, "hello") == [(me(), "world")]
        with pytest.raises(TypeError, match="compressed: wanted True or False; got 'yes'"):
            await Registry.start_link(keys="unique", name="other", partitions=partitions, compressed="yes")  # type: ignore[arg-type]

    @pytest.mark.otp("RG-012")
    @both_kinds
    async def test_listeners(self, keys: Any, partitions: int) -> None:
        process.register("listener", me())
        await start(keys, partitions, listeners=["listener", "nobody"])
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
    async def test_starts_as_many_partitions_as_told(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        assert len(await Supervisor.which_children(R)) == partitions

    @both_kinds
    async def test_links_on_register_and_unlinks_on_the_last_unregister(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        server = Registry.register(R, "hello")
        assert Registry.register(R, "world") is server
        assert server in links()
        Registry.unregister(R, "hello")
        assert server in links()
        Registry.unregister(R, "world")
        assert server not in links()

    @both_kinds
    async def test_those_registered_end_with_the_registry(self, keys: Any, partitions: int) -> None:
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

    async def test_a_partition_that_ends_takes_its_entries_along(self, partitions: int) -> None:
        process.trap_exit(True)
        await start("unique", partitions)
        server = Registry.register(R, "hello")
        await kill(server)
        await expect_idle()
        assert Registry.lookup(R, "hello") == []
        assert Registry.register(R, "hello") is not server
        await stop(R)

    async def test_a_suspended_server_holds_up_nobody(self, partitions: int) -> None:
        await start("unique", partitions)
        holder = await register("hello", "value")
        server = links(holder)[0]
        await system.suspend(server)
        await kill(holder)
        Registry.register(R, "hello", "other")
        assert Registry.lookup(R, "hello") == [(me(), "other")]

    async def test_bad_use(self, partitions: int) -> None:
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
    """A process that holds a lock until it is told to leave, and says so."""
    parent = me()

    async def inside() -> str:
        send(parent, ("inside", key))
        await process.receive("leave".__eq__)
        return "value"

    async def run() -> None:
        send(parent, ("left", key, await Registry.lock(R, key, inside)))

    return process.spawn(run)


class TestUnique:
    @pytest.mark.otp("RG-018")
    async def test_has_unique_registrations(self, partitions: int) -> None:
        await start("unique", partitions)
        assert isinstance(Registry.register(R, "hello", "value"), Pid)
        with pytest.raises(AlreadyRegistered) as caught:
            Registry.register(R, "hello", "other")
        assert caught.value.reason == ("already_registered", me())
        assert Registry.keys(R, me()) == ["hello"]
        assert Registry.values(R, "hello", me()) == ["value"]
        Registry.register(R, "world", "value")
        assert Registry.keys(R, me()) == ["hello", "world"]

    async def test_has_unique_registrations_across_processes(self, partitions: int) -> None:
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
        """A mapping is no key in Python: what is hashable is one, and none is a pattern."""
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
        with pytest.raises(ValueError, match="nobody has this name"):
            send(Via(R, "none"), "message")

    async def test_send(self, partitions: int) -> None:
        await start("unique", partitions)
        Registry.register(R, "hello")
        assert Registry.send((R, "hello"), "message") == "message"
        assert await process.receive() == "message"
        with pytest.raises(ValueError, match="nobody has this name"):
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

    async def test_a_name_is_free_before_the_starter_hears_of_a_failure(self, partitions: int) -> None:
        await start("unique", partitions)
        for _ in range(3):
            with pytest.raises(StartError):
                await Failing.start(name=Via(R, "hello"))
            assert Registry.lookup(R, "hello") == []

    async def test_a_name_in_a_table_of_ones_own_is_freed_when_the_start_fails(self, partitions: int) -> None:
        await start("unique", partitions)
        own = current_node().registries[R]  # as an object, not by its name
        with pytest.raises(StartError):
            await Failing.start(name=Via(own, "hello"))
        assert own.whereis_name("hello") is None

        class Telephone:
            """A table that does not look after those who end."""

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
            partition.server = None  # as while the partitions are started again
        with pytest.raises(ValueError, match="the registry 'R' is being restarted"):
            await Doer.start_link(name=Via(R, "hello"))
        assert process.processes() == there

    @pytest.mark.otp("RG-033")
    async def test_select_empty_and_all(self, partitions: int) -> None:
        """A query is a pattern of (key, pid, value); what it gives are Records."""
        await start("unique", partitions)
        assert Registry.select(R) == []
        pid = await Doer.start_link(name=Via(R, "hello"))
        Registry.register(R, "world", "value")
        everything = [Record("hello", pid, None), Record("world", me(), "value")]
        assert Registry.select(R) == Registry.select(R, (..., ..., ...)) == everything

    @pytest.mark.otp("RG-034")
    async def test_select_full_match_specs(self, partitions: int) -> None:
        """A variable that stands twice is a predicate; a body is a comprehension over the Records."""
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
        """It counts what `select` gives."""
        await start("unique", partitions)
        Registry.register(R, "hello", (1, "atom", 1))
        Registry.register(R, "world", (3, "atom", 4))
        assert Registry.count_select(R, (..., ..., (1, ..., ...))) == 1
        assert Registry.count_select(R, (..., ..., (1.0, ..., ...))) == 0
        assert Registry.count_select(R, where=lambda record: record.value[2] > 0) == 2
        assert Registry.count_select(R, ("hello", ..., ...), ("world", ..., ...)) == 2
        with pytest.raises(ValueError, match="wanted each pattern as a triple"):
            Registry.count_select(R, ("hello", ...))


@duplicates
class TestDuplicate:
    @pytest.mark.otp("RG-039")
    async def test_has_duplicate_registrations(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        assert isinstance(Registry.register(R, "hello", 1), Pid)
        Registry.register(R, "hello", 2)
        Registry.register(R, "world", 3)
        assert Registry.keys(R, me()) == ["hello", "hello", "world"]
        assert Registry.values(R, "hello", me()) == [1, 2]

    @pytest.mark.otp("RG-040")
    async def test_has_duplicates_across_processes(self, keys: Any, partitions: int) -> None:
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

        def tell(entries: list[tuple[Pid, Any]]) -> None:
            for pid, value in entries:
                send(pid, (me(), value))

        Registry.dispatch(R, "hello", tell)
        assert process.info(me(), "messages") == [(me(), 1), (me(), 2)]
        Registry.dispatch(R, "world", tell, parallel=False)
        assert process.info(me(), "messages")[2:] == [(me(), 3)]
        with pytest.raises(TypeError, match="has to be awaited"):
            Registry.dispatch(R, "hello", lambda _: process.sleep(1))

    @pytest.mark.otp("RG-043")
    async def test_dispatch_in_parallel(self, keys: Any, partitions: int) -> None:
        """It is awaited, and over when the processes of all partitions have ended."""
        process.trap_exit(True)
        await start(keys, partitions)
        parent, ran = me(), list[Any]()

        async def tell(entries: list[tuple[Pid, Any]]) -> None:
            await process.sleep(1)
            ran.append((me() is parent, sorted(value for _, value in entries)))

        await Registry.dispatch(R, "hello", tell, parallel=True)
        assert ran == []
        others = [await register("hello", value) for value in range(4)]
        Registry.register(R, "hello", 4)
        Registry.register(R, "hello", 5)
        Registry.register(R, "world", 6)
        began = process.monotonic()
        await Registry.dispatch(R, "hello", tell, parallel=True)
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
        """As with unique keys; a key that looks like a pattern is asked for by a predicate."""
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
        """A mapping is no key in Python: what is hashable is one, and none is a pattern."""
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

    async def test_unregister_drops_all_of_a_key(self, keys: Any, partitions: int) -> None:
        await start(keys, partitions)
        for key in ("hello", "hello", "world"):
            Registry.register(R, key)
        Registry.unregister(R, "hello")
        assert Registry.keys(R, me()) == ["world"]
        Registry.unregister(R, "world")
        assert Registry.keys(R, me()) == []


async def test_a_down_is_seen_after_the_entry_has_gone_also_along_a_chain_of_links(partitions: int) -> None:
    await start("unique", partitions)
    first, second = await register("first"), await register("second")
    await call(second, lambda: process.link(first))
    ref = process.monitor(second)
    process.exit(first, "oops")
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "oops")
    assert Registry.count(R) == 0
