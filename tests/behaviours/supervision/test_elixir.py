"""Supervisors: rows that come from Elixir's `Supervisor`."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    IGNORE,
    AlreadyStarted,
    ChildSpec,
    Global,
    Ignored,
    InvalidChild,
    ModuleSupervisor,
    Pid,
    StartError,
    Supervisor,
    Via,
    call,
    child_spec,
    process,
)
from regrow.testing import expect_down
from tests.behaviours.probes import news, probe, start_probe
from tests.behaviours.supervision.supervised import Plain, Pool, ids, start_instance

pytestmark = pytest.mark.regrow


class TestElixir:
    @pytest.mark.otp("SU-107")
    def test_a_supervisor_has_a_child_spec(self) -> None:
        spec = child_spec((Pool, 1), id="other")
        assert (spec.id, spec.type, spec.restart, spec.shutdown) == ("other", "supervisor", "transient", "infinity")

    @pytest.mark.otp("SU-107")
    def test_a_class_may_set_every_part_of_its_child_spec(self) -> None:
        class Other(ModuleSupervisor, id="id", restart="temporary", start=(start_instance, ({},)), modules="dynamic"):
            pass

        spec = Other.child_spec("not used")
        assert (spec.id, spec.restart, spec.start, spec.args) == ("id", "temporary", start_instance, ({},))
        assert (spec.type, spec.shutdown, spec.modules) == ("supervisor", "infinity", ("dynamic",))

    @pytest.mark.otp("SU-108")
    def test_child_spec_takes_a_child_in_each_form(self) -> None:
        alone, given = child_spec(Plain), child_spec((Plain, "arg"))
        assert (alone.id, alone.start, alone.args) == (Plain, Plain.start_link, ())
        assert (given.id, given.start, given.args) == (Plain, Plain.start_link, ("arg",))
        spec = ChildSpec("x", start_probe)
        assert child_spec(spec) is spec
        assert child_spec(spec, id="y", restart="temporary").restart == "temporary"

    def test_child_spec_may_override_options(self) -> None:
        assert Supervisor.child_spec(Plain) == child_spec(Plain)
        assert Supervisor.child_spec((Plain, "arg")) == child_spec((Plain, "arg"))
        spec = ChildSpec("x", start_probe)
        assert Supervisor.child_spec(spec) is spec
        changed = Supervisor.child_spec((Plain, Plain), id="y", restart="temporary", shutdown=1.0)
        assert (changed.id, changed.args, changed.restart, changed.shutdown) == ("y", (Plain,), "temporary", 1.0)
        several = Supervisor.child_spec((Plain, (Pool, 1)))
        assert (several.id, several.args) == (Supervisor, ([Plain, (Pool, 1)],))

    @pytest.mark.otp("SU-110")
    @pytest.mark.parametrize("wrong", [1, "Worker", None, {}, (1, 2), ("W",), object])
    async def test_an_invalid_child_is_refused(self, wrong: Any) -> None:
        with pytest.raises(InvalidChild, match=r"each child to be one of|has no child_spec"):
            await Supervisor.start_link([probe("a"), wrong])
        assert news() == []

    @pytest.mark.otp("SU-111")
    def test_init_returns_flags_and_children(self) -> None:
        made = Supervisor.init([Plain], strategy="one_for_one")
        flags = made.flags
        assert (flags.max_restarts, flags.max_seconds, flags.auto_shutdown) == (3, 5.0, "never")
        assert made.specs == [child_spec(Plain)]
        flags = Supervisor.init([], strategy="rest_for_one", max_restarts=1, max_seconds=2).flags
        assert (flags.strategy, flags.max_restarts, flags.max_seconds) == ("rest_for_one", 1, 2.0)

    @pytest.mark.otp("SU-112")
    def test_init_needs_a_strategy(self) -> None:
        init: Any = Supervisor.init
        with pytest.raises(TypeError, match="'strategy'"):
            init([Plain])

    @pytest.mark.otp("SU-114")
    @pytest.mark.parametrize("name", ["the.sup", Pool, Global("sup"), "via"])
    async def test_a_supervisor_may_have_each_form_of_a_name(self, name: Any) -> None:
        if name == "via":
            name = Via(Names(), "sup")
        await Supervisor.start_link([probe("a")], name=name)
        assert ids(await Supervisor.which_children(name)) == ["a"]
        with pytest.raises(AlreadyStarted, match="is running already"):
            await Supervisor.start_link([], name=name)

    @pytest.mark.otp("SU-116")
    async def test_a_supervisor_may_be_named_by_its_class(self) -> None:
        sup = await Pool.start_link(Supervisor.init([probe("a")], strategy="one_for_one"), name=Pool)
        assert ids(await Supervisor.which_children(Pool)) == ["a"]
        assert await call("a", "who") is process.whereis("a")
        assert await Supervisor.get_callback_module(sup) is Pool

    @pytest.mark.otp("SU-117")
    async def test_start_child_takes_a_child_in_each_form(self) -> None:
        sup = await Supervisor.start_link()
        first = await Supervisor.start_child(sup, (Plain, "arg"))
        second = await Supervisor.start_child(sup, ChildSpec("x", Plain.start_link))
        assert [row.pid for row in await Supervisor.which_children(sup)] == [second, first]
        await Supervisor.terminate_child(sup, Plain)
        await Supervisor.delete_child(sup, Plain)
        assert process.alive(await Supervisor.start_child(sup, Plain))

    @pytest.mark.otp("SU-118")
    async def test_start_child_refuses_an_invalid_child(self) -> None:
        """Adapted: an incomplete spec cannot be made, and an invalid one is refused where it is made."""
        sup = await Supervisor.start_link()
        incomplete: Any = ChildSpec
        for parts in ({}, {"id": "x"}, {"start": start_probe}):
            with pytest.raises(TypeError, match="missing"):
                await Supervisor.start_child(sup, incomplete(**parts))
        wrongs: list[Any] = [(1, 2, 3), (1, 2), {}, None]
        for wrong in wrongs:
            with pytest.raises(InvalidChild):
                await Supervisor.start_child(sup, wrong)
        assert await Supervisor.which_children(sup) == []

    @pytest.mark.otp("SU-119")
    @pytest.mark.parametrize("shutdown", [0, 1])
    async def test_start_child_with_a_short_shutdown(self, shutdown: int) -> None:
        sup = await Supervisor.start_link()
        pid = await Supervisor.start_child(sup, probe("a", shutdown=shutdown))
        process.exit(pid, "shutdown")
        await expect_down(pid)

    def test_no_shutdown_limit_means_infinity(self) -> None:
        assert ChildSpec("x", start_probe, shutdown=float("inf")).shutdown == "infinity"

    async def test_init_ignores_the_start(self) -> None:
        with pytest.raises(Ignored):
            await Pool.start_link(IGNORE)

    async def test_init_returns_an_invalid_result(self) -> None:
        process.trap_exit(True)
        with pytest.raises(
            StartError, match=r"Pool did not start: Pool\.init returned \[.*Wanted: Supervisor\.init"
        ) as caught:
            await Pool.start_link(["nonsense"])
        found: Any = caught.value.reason
        assert found == ("bad_return", (Pool, "init", found[1][2]))

    async def test_a_class_without_init(self) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError, match=r"needs an init\(arg\) that returns Supervisor\.init"):
            await ModuleSupervisor.start_link()


class Names:
    """A name table for a Via."""

    def __init__(self) -> None:
        self.pids: dict[object, Pid] = {}

    def register_name(self, key: object, pid: Pid) -> bool:
        return self.pids.setdefault(key, pid) is pid

    def unregister_name(self, key: object) -> None:
        self.pids.pop(key, None)

    def whereis_name(self, key: object) -> Pid | None:
        return self.pids.get(key)
