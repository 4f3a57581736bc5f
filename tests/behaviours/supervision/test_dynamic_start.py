"""Dynamic supervisors: specs and starts of children."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    IGNORE,
    AlreadyStarted,
    ChildError,
    ChildSpec,
    Exit,
    Global,
    Ignored,
    InvalidChild,
    InvalidFlags,
    NoProcess,
    Pid,
    Registry,
    StartError,
    Supervisor,
    Via,
    cast,
    process,
    system,
)
from regrow.behaviours.supervision.children import Counts
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor, ModuleDynamicSupervisor
from regrow.testing import expect_idle
from tests.behaviours.probes import probe
from tests.behaviours.supervision.dynamic import Failing, Idle, starting

pytestmark = pytest.mark.regrow


class TestSpecsAndStart:
    @pytest.mark.otp("DS-001")
    async def test_a_dynamic_supervisor_can_be_supervised(self) -> None:
        await Supervisor.start_link([DynamicSupervisor.child_spec(name="dynamic")])
        assert await DynamicSupervisor.which_children("dynamic") == []

    async def test_several_dynamic_supervisors_have_their_names_as_ids(self) -> None:
        await Registry.start_link(keys="unique", name="rooms")
        named: list[Any] = ["simple", Global("global"), Via(Registry, ("rooms", "via"))]
        kind, options = DynamicSupervisor, {"strategy": "one_for_one"}
        sup = await Supervisor.start_link([(kind, {**options, "name": name}) for name in named])
        nameless = await Supervisor.start_child(sup, (kind, options))
        for one in (*named, nameless):
            assert await DynamicSupervisor.which_children(one) == []
        with pytest.raises(AlreadyStarted) as caught:
            await Supervisor.start_child(sup, (kind, options))
        assert caught.value.pid is nameless
        ids = [row.id for row in await Supervisor.which_children(sup)]
        assert ids == [DynamicSupervisor, ("rooms", "via"), "global", "simple"]

    @pytest.mark.otp("DS-003")
    async def test_child_spec_of_a_module(self) -> None:
        class Pool(ModuleDynamicSupervisor):
            pass

        class Other(ModuleDynamicSupervisor, id="other", restart="temporary", shutdown="brutal_kill"):
            pass

        assert Pool.child_spec("hello") == ChildSpec(
            Pool, (Pool.start_link, ("hello",)), type="supervisor", modules=(Pool,)
        )
        assert Pool.child_spec().shutdown == "infinity"
        spec = Other.child_spec("hello")
        assert (spec.id, spec.restart, spec.shutdown, spec.type) == ("other", "temporary", "brutal_kill", "supervisor")

    async def test_child_spec_has_the_name_as_id(self) -> None:
        assert DynamicSupervisor.child_spec().id is DynamicSupervisor
        assert DynamicSupervisor.child_spec(name="dynamic").id == "dynamic"
        assert DynamicSupervisor.child_spec(name=Global("key")).id == "key"
        with pytest.raises(InvalidFlags):
            DynamicSupervisor.child_spec(max_children=-1)

    @pytest.mark.otp("DS-005")
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"strategy": "unknown"}, ("invalid_strategy", "unknown")),
            ({"max_restarts": -1}, ("invalid_intensity", -1)),
            ({"max_seconds": 0}, ("invalid_period", 0)),
            ({"max_children": -1}, ("invalid_max_children", -1)),
            ({"extra_arguments": -1}, ("invalid_extra_arguments", -1)),
            ({"auto_shutdown": "any_significant"}, ("invalid_auto_shutdown", "any_significant")),
        ],
    )
    async def test_init_returns_invalid_options(self, options: dict[str, Any], reason: object) -> None:
        """The error is raised where the options are made; in a module's init it is the reason of the failed start."""

        class Pool(ModuleDynamicSupervisor):
            def init(self, arg: Any) -> Any:
                return DynamicSupervisor.init(**arg)

        with pytest.raises(InvalidFlags) as direct:
            DynamicSupervisor.init(**options)
        assert direct.value.reason == reason
        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Pool.start_link(options)
        assert isinstance(caught.value.reason, InvalidFlags)
        assert caught.value.reason.reason == reason

    @pytest.mark.otp("DS-005")
    async def test_init_returns_an_invalid_result(self) -> None:
        class Pool(ModuleDynamicSupervisor):
            def init(self, arg: Any) -> Any:
                return arg

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Pool.start_link("unknown")
        assert caught.value.reason == ("bad_return", (Pool, "init", "unknown"))
        with pytest.raises(Ignored):
            await Pool.start_link(IGNORE)
        with pytest.raises(StartError):
            await Pool.start_link(Supervisor.init([], strategy="one_for_one"))

    async def test_a_module_starts_as_its_init_returns(self) -> None:
        class Pool(ModuleDynamicSupervisor):
            async def init(self, arg: Any) -> Any:
                return DynamicSupervisor.init(max_children=arg)

        pool = await Pool.start_link(0, name="pool")
        assert process.whereis("pool") is pool
        assert await Supervisor.get_callback_module(pool) is Pool
        with pytest.raises(ChildError):
            await DynamicSupervisor.start_child(pool, Idle)

    @pytest.mark.otp("DS-008")
    async def test_the_initial_call_is_that_of_a_supervisor(self) -> None:
        """Adapted: the initial call is a function, and both kinds have the same one."""
        dynamic, plain = await DynamicSupervisor.start_link(), await Supervisor.start_link([])
        calls: Any = [process.info(sup, "initial_call") for sup in (dynamic, plain)]
        assert calls[0].__name__ == calls[1].__name__ == "init"

    @pytest.mark.otp("DS-009")
    async def test_code_change(self) -> None:
        """Adapted: invalid options give the exception that describes them."""
        answer: list[Any] = [DynamicSupervisor.init()]

        class Pool(ModuleDynamicSupervisor):
            def init(self, _arg: Any) -> Any:
                return answer[0] if not callable(answer[0]) else answer[0]()

        async def change() -> Any:
            await system.suspend(sup)
            found = await system.change_code(sup, Pool, None, None)
            await system.resume(sup)
            return found

        sup = await Pool.start_link()
        child = await DynamicSupervisor.start_child(sup, Idle)
        answer[0] = "unknown"
        assert await change() == ("error", "unknown")
        answer[0] = lambda: DynamicSupervisor.init(max_children=-1)
        what, error = await change()
        assert (what, error.reason) == ("error", ("invalid_max_children", -1))
        answer[0] = IGNORE
        assert await change() == "ok"
        await DynamicSupervisor.start_child(sup, Idle)
        answer[0] = DynamicSupervisor.init(max_children=1)
        assert await change() == "ok"
        with pytest.raises(ChildError, match="max_children"):
            await DynamicSupervisor.start_child(sup, Idle)
        assert process.alive(child)

    async def test_a_name_that_is_taken(self) -> None:
        sup = await DynamicSupervisor.start_link(name="dynamic")
        with pytest.raises(AlreadyStarted) as caught:
            await DynamicSupervisor.start_link(name="dynamic")
        assert caught.value.pid is sup


class TestStartChild:
    @pytest.mark.otp("DS-010")
    async def test_a_child_in_each_form(self) -> None:
        sup = await DynamicSupervisor.start_link()
        for child in (Idle, (Idle, 1), Idle.child_spec(), starting(Idle.start_link)):
            assert isinstance(await DynamicSupervisor.start_child(sup, child), Pid)
        assert await DynamicSupervisor.count_children(sup) == Counts(4, 4, 0, 4)
        rows = await DynamicSupervisor.which_children(sup)
        assert [row.id for row in rows] == [None] * 4

    async def test_an_invalid_child_is_refused(self) -> None:
        sup = await DynamicSupervisor.start_link()
        with pytest.raises(InvalidChild):
            await DynamicSupervisor.start_child(sup, "child")  # type: ignore[arg-type]
        significant = Idle.child_spec().replace(restart="transient", significant=True)
        for server in (sup, "unknown"):
            with pytest.raises(InvalidChild, match="a child of a dynamic supervisor cannot be significant") as caught:
                await DynamicSupervisor.start_child(server, significant)
            assert caught.value.reason == ("invalid_significant", True)
        with pytest.raises(NoProcess):
            await DynamicSupervisor.start_child("unknown", Idle)

    @pytest.mark.otp("DS-011")
    async def test_extra_arguments_come_first(self) -> None:
        sup = await DynamicSupervisor.start_link(extra_arguments=["extra"])
        failing = Failing(None)
        await DynamicSupervisor.start_child(sup, starting((failing.start, ["own"])))
        assert failing.given == [("extra", "own")]

    @pytest.mark.otp("DS-013")
    async def test_each_result_of_a_start_function(self) -> None:
        async def extra() -> Any:
            return await Idle.start_link(), "extra"

        async def ignored() -> Any:
            raise Ignored("no")

        async def error() -> Any:
            raise StartError("found")

        async def unknown() -> Any:
            return "unknown"

        sup = await DynamicSupervisor.start_link()
        pid, more = await DynamicSupervisor.start_child(sup, starting(extra))
        assert isinstance(pid, Pid)
        assert more == "extra"
        assert isinstance(await DynamicSupervisor.start_child(sup, starting(Idle.start_link)), Pid)
        assert await DynamicSupervisor.start_child(sup, starting(ignored)) is None
        for function, reason in ((error, "found"), (unknown, "unknown")):
            with pytest.raises(StartError) as caught:
                await DynamicSupervisor.start_child(sup, starting(function))
            assert caught.value.reason == reason
        assert await DynamicSupervisor.count_children(sup) == Counts(2, 2, 0, 2)

    @pytest.mark.otp("DS-014")
    async def test_a_start_function_raises(self) -> None:
        """Adapted: an exception is the reason itself, which distinguishes it from the reason of an exit."""

        async def raises() -> Any:
            raise RuntimeError("oops")

        async def exits() -> Any:
            raise Exit("oops")

        sup = await DynamicSupervisor.start_link()
        with pytest.raises(StartError) as caught:
            await DynamicSupervisor.start_child(sup, starting(raises))
        assert isinstance(caught.value.reason, RuntimeError)
        with pytest.raises(StartError) as caught:
            await DynamicSupervisor.start_child(sup, starting(exits))
        assert caught.value.reason == "oops"
        assert await DynamicSupervisor.count_children(sup) == Counts(0, 0, 0, 0)

    async def test_a_refused_start_raises_in_the_caller_and_is_not_reported(self, reports: list[Any]) -> None:
        sup = await DynamicSupervisor.start_link()
        await DynamicSupervisor.start_child(sup, ChildSpec("a", (named, ["idle"])))
        with pytest.raises(AlreadyStarted):
            await DynamicSupervisor.start_child(sup, ChildSpec("a", (named, ["idle"])))
        assert list(reports) == []

    @pytest.mark.otp("DS-015")
    async def test_max_children_0_allows_no_child(self) -> None:
        sup = await DynamicSupervisor.start_link(max_children=0)
        with pytest.raises(ChildError, match="max_children") as caught:
            await DynamicSupervisor.start_child(sup, Idle)
        assert caught.value.reason == "max_children"

    async def test_max_children_makes_room_when_one_has_ended(self) -> None:
        sup = await DynamicSupervisor.start_link(max_children=1)
        pid = await DynamicSupervisor.start_child(sup, Idle)
        await DynamicSupervisor.terminate_child(sup, pid)
        assert isinstance(await DynamicSupervisor.start_child(sup, Idle), Pid)

    @pytest.mark.otp("DS-017")
    @pytest.mark.parametrize(("reason", "left"), [("shutdown", 0), (("shutdown", "x"), 0), ("whatever", 1)])
    async def test_a_transient_child_is_restarted_after_an_abnormal_end(self, reason: object, left: int) -> None:
        sup = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(sup, Idle.child_spec().replace(restart="transient"))
        process.exit(pid, reason)
        await expect_idle()
        assert await DynamicSupervisor.count_children(sup) == Counts(left, left, 0, left)

    @pytest.mark.parametrize("reason", ["normal", "shutdown", "whatever"])
    async def test_a_temporary_child_is_never_restarted(self, reason: object) -> None:
        sup = await DynamicSupervisor.start_link()
        await DynamicSupervisor.start_child(sup, probe("a", restart="temporary"))
        cast("a", ("stop", reason))
        await expect_idle()
        assert await DynamicSupervisor.count_children(sup) == Counts(0, 0, 0, 0)

    @pytest.mark.parametrize("reason", ["normal", "shutdown", "whatever"])
    async def test_a_permanent_child_is_always_restarted(self, reason: object) -> None:
        sup = await DynamicSupervisor.start_link()
        first = await DynamicSupervisor.start_child(sup, probe("a"))
        cast("a", ("stop", reason))
        await expect_idle()
        (row,) = await DynamicSupervisor.which_children(sup)
        assert row.pid is process.whereis("a")
        assert row.pid is not first


async def named(name: str) -> Pid:
    return await Idle.start_link(name=name)
