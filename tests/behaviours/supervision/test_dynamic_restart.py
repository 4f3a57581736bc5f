"""Dynamic supervisors: restarts and ends of children."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    ChildError,
    ChildSpec,
    Exit,
    GenServer,
    Ignored,
    Ok,
    Pid,
    Ref,
    StartError,
    Supervisor,
    process,
    system,
)
from regrow.behaviours.supervision.children import Counts
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor
from regrow.testing import expect_down, expect_idle
from tests.behaviours.probes import Probe, news, probe
from tests.behaviours.supervision.dynamic import Failing, Idle, starting

pytestmark = pytest.mark.regrow


class Stubborn(GenServer[Any]):
    """A server that traps exits and ends with a different reason."""

    def init(self, reason: Any) -> Ok[Any]:
        process.trap_exit(True)
        return Ok(reason)

    async def terminate(self, _reason: Any, reason: Any) -> None:
        if reason == "never":
            await process.sleep(1000)
        raise Exit(reason)


async def unlinked(**options: Any) -> Pid:
    """Start a dynamic supervisor whose end does not end the test."""
    process.trap_exit(True)
    return await DynamicSupervisor.start_link(**options)


async def three(sup: Pid, *specs: ChildSpec) -> list[Ref]:
    """Start three children, and monitor them."""
    return [process.monitor(await DynamicSupervisor.start_child(sup, spec)) for spec in specs]


def stubborn(reason: Any, **options: Any) -> ChildSpec:
    return Stubborn.child_spec(reason).replace(**options)


class TestRestarts:
    @pytest.mark.otp("DS-019")
    async def test_a_restart_may_return_extra_information(self) -> None:
        async def extra() -> Any:
            return await Idle.start_link(), "extra"

        sup = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(sup, starting(Failing(extra).start))
        process.exit(pid, "shutdown")
        await expect_idle()
        assert await DynamicSupervisor.count_children(sup) == Counts(1, 1, 0, 1)
        (row,) = await DynamicSupervisor.which_children(sup)
        assert row.id is None
        assert row.pid is not pid

    async def test_a_restart_may_be_ignored(self) -> None:
        async def ignored() -> Any:
            raise Ignored("no")

        sup = await DynamicSupervisor.start_link()
        process.exit(await DynamicSupervisor.start_child(sup, starting(Failing(ignored).start)), "kill")
        await expect_idle()
        assert await DynamicSupervisor.count_children(sup) == Counts(0, 0, 0, 0)

    @pytest.mark.otp("DS-021")
    @pytest.mark.parametrize("how", ["error", "unknown"])
    async def test_a_restart_that_fails_is_tried_again(self, how: str) -> None:
        async def error() -> Any:
            await process.sleep(1.0)
            raise StartError("found")

        async def unknown() -> Any:
            await process.sleep(1.0)
            return "unknown"

        sup = await DynamicSupervisor.start_link(max_restarts=100_000, max_seconds=5)
        failing = Failing(error if how == "error" else unknown)
        pids = [await DynamicSupervisor.start_child(sup, spec) for spec in (starting(failing.start), Idle.child_spec())]
        process.exit(pids[0], "kill")
        await process.sleep(0.5)
        rows = await DynamicSupervisor.which_children(sup)
        assert sorted(str(row.pid) for row in rows) == sorted(["restarting", str(pids[1])])
        assert await DynamicSupervisor.count_children(sup) == Counts(2, 1, 0, 2)

    async def test_a_child_that_is_being_restarted_can_be_stopped_by_its_old_pid(self) -> None:
        async def error() -> Any:
            await process.sleep(1.0)
            raise StartError("found")

        sup = await DynamicSupervisor.start_link(max_restarts=100_000, max_seconds=5)
        pid = await DynamicSupervisor.start_child(sup, starting(Failing(error).start))
        process.exit(pid, "kill")
        await process.sleep(0.5)
        await DynamicSupervisor.terminate_child(sup, pid)
        assert await DynamicSupervisor.count_children(sup) == Counts(0, 0, 0, 0)

    @pytest.mark.otp("DS-023")
    async def test_a_restarted_child_counts_for_max_children(self) -> None:
        sup = await DynamicSupervisor.start_link(max_children=1)
        process.exit(await DynamicSupervisor.start_child(sup, Idle), "shutdown")
        await expect_idle()
        with pytest.raises(ChildError) as caught:
            await DynamicSupervisor.start_child(sup, Idle)
        assert caught.value.reason == "max_children"

    async def test_a_restarting_child_counts_for_max_children(self) -> None:
        async def error() -> Any:
            await process.sleep(1.0)
            raise StartError("found")

        sup = await DynamicSupervisor.start_link(max_children=1, max_restarts=100_000, max_seconds=5)
        process.exit(await DynamicSupervisor.start_child(sup, starting(Failing(error).start)), "kill")
        await process.sleep(0.5)
        with pytest.raises(ChildError) as caught:
            await DynamicSupervisor.start_child(sup, Idle)
        assert caught.value.reason == "max_children"

    @pytest.mark.otp("DS-024")
    async def test_a_restart_gets_the_extra_arguments_again(self) -> None:
        sup = await DynamicSupervisor.start_link(extra_arguments=["extra"])
        failing = Failing(None, good=2)
        process.exit(await DynamicSupervisor.start_child(sup, starting((failing.start, ["own"]))), "oops")
        await expect_idle()
        assert failing.given == [("extra", "own")] * 2
        assert await DynamicSupervisor.count_children(sup) == Counts(1, 1, 0, 1)

    @pytest.mark.otp("DS-026")
    async def test_failed_restarts_count_until_the_supervisor_gives_up(self) -> None:
        sup = await unlinked(max_restarts=1)
        failing = Failing("no pid")
        process.exit(await DynamicSupervisor.start_child(sup, starting(failing.start)), "shutdown")
        await expect_down(sup, "shutdown")
        assert len(failing.given) == 2

    @pytest.mark.otp("DS-028")
    @pytest.mark.parametrize("shutdown", [0, 0.001])
    async def test_a_shutdown_in_seconds_is_short(self, shutdown: float) -> None:
        sup = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(sup, stubborn("never", shutdown=shutdown))
        ref = process.monitor(pid)
        await DynamicSupervisor.stop(sup)
        await expect_down(ref, "killed")


class TestTermination:
    @pytest.mark.otp("DS-030")
    async def test_brutal_kill_kills_the_children(self) -> None:
        sup = await unlinked()
        refs = await three(sup, *[Idle.child_spec().replace(shutdown="brutal_kill")] * 3)
        process.exit(sup, "shutdown")
        for ref in refs:
            await expect_down(ref, "killed")
        await expect_down(sup)

    @pytest.mark.otp("DS-032")
    async def test_infinity_waits_for_the_children(self) -> None:
        sup = await unlinked()
        refs = await three(sup, *[stubborn(("shutdown", "oops"), shutdown="infinity")] * 3)
        process.exit(sup, "shutdown")
        for ref in refs:
            await expect_down(ref, ("shutdown", "oops"))
        await expect_down(sup)

    @pytest.mark.otp("DS-034")
    async def test_seconds_limit_the_shutdown(self) -> None:
        sup = await unlinked()
        refs = await three(sup, *[stubborn(("shutdown", "oops"), shutdown=1.0)] * 3)
        process.exit(sup, "shutdown")
        for ref in refs:
            await expect_down(ref, ("shutdown", "oops"))
        await expect_down(sup)

    @pytest.mark.otp("DS-035")
    async def test_children_are_killed_after_their_seconds(self) -> None:
        sup = await unlinked()
        idle = Idle.child_spec().replace(shutdown=0.001)
        refs = await three(sup, idle, stubborn("never", shutdown=0.001), idle)
        process.exit(sup, "shutdown")
        for ref, reason in zip(refs, ["shutdown", "killed", "shutdown"], strict=True):
            await expect_down(ref, reason)
        await expect_down(sup)

    @pytest.mark.otp("DS-036")
    async def test_permanent_children_that_end_normally_are_not_restarted_in_a_shutdown(
        self, reports: list[Any]
    ) -> None:
        sup = await unlinked()
        refs = await three(sup, *[stubborn("normal", restart="permanent")] * 3)
        process.exit(sup, "shutdown")
        for ref in refs:
            await expect_down(ref, "normal")
        await expect_down(sup)
        kinds = [report.kind for report in reports]
        assert kinds == ["GenServer terminating"] * 3 + ["shut down abnormally"] * 3  # they end so in `terminate`

    async def test_children_are_stopped_concurrently_and_each_is_killed_at_its_own_limit(self) -> None:
        sup = await unlinked()
        for id, shutdown in (("slow", 100.0), ("quick", 1.0)):
            await DynamicSupervisor.start_child(sup, probe(id, trap=True, linger=50.0, shutdown=shutdown))
        pids = [process.whereis(id) for id in ("slow", "quick")]
        refs = [process.monitor(pid) for pid in pids if pid is not None]
        began = process.monotonic()
        process.exit(sup, "shutdown")
        await expect_down(refs[1], "killed", timeout=60)
        assert process.monotonic() - began == pytest.approx(1.0)
        await expect_down(refs[0], "shutdown", timeout=60)
        assert process.monotonic() - began == pytest.approx(50.0)

    @pytest.mark.otp("DS-038")
    async def test_terminate_child_kills_a_brutal_kill_child(self) -> None:
        sup = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(sup, Idle.child_spec().replace(shutdown="brutal_kill"))
        ref = process.monitor(pid)
        await DynamicSupervisor.terminate_child(sup, pid)
        await expect_down(ref, "killed")
        with pytest.raises(ChildError) as caught:
            await DynamicSupervisor.terminate_child(sup, pid)
        assert caught.value.reason == "not_found"
        assert await DynamicSupervisor.count_children(sup) == Counts(0, 0, 0, 0)

    @pytest.mark.otp("DS-039")
    async def test_terminate_child_waits_for_the_end(self) -> None:
        sup = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(sup, probe("a", trap=True, linger=0.5, shutdown=1.0))
        ref = process.monitor(pid)
        await DynamicSupervisor.terminate_child(sup, pid)
        assert not process.alive(pid)
        await expect_down(ref, "shutdown")
        with pytest.raises(ChildError):
            await DynamicSupervisor.terminate_child(sup, pid)

    async def test_terminate_child_takes_a_name(self) -> None:
        sup = await DynamicSupervisor.start_link()
        with pytest.raises(TypeError, match="by pid"):
            await DynamicSupervisor.terminate_child(sup, "a")

    async def test_stop_gives_the_reason_and_a_supervisors_own_functions_work_on_it(self) -> None:
        sup = await unlinked()
        await DynamicSupervisor.start_child(sup, probe("a", type="supervisor"))
        assert news() == [("started", "a")]
        assert await Supervisor.count_children(sup) == Counts(1, 1, 1, 0)
        assert (await Supervisor.which_children(sup))[0].modules == (Probe,)
        ref = process.monitor(sup)
        await DynamicSupervisor.stop(sup, ("shutdown", "done"))
        await expect_down(ref, ("shutdown", "done"))

    async def test_no_cost_grows_with_the_number_of_children(self) -> None:
        """Starting, ending and restarting one child does not iterate over the others."""
        sup = await DynamicSupervisor.start_link(max_restarts=1_000_000)
        pids = [await DynamicSupervisor.start_child(sup, Idle) for _ in range(200)]
        state = await system.get_state(sup)

        class NotGoneThrough(dict[Any, Any]):
            def __iter__(self) -> Any:
                raise AssertionError("the children were iterated")

            keys = values = items = __reversed__ = __iter__

        state.by_pid = NotGoneThrough(state.by_pid)
        state.children = NotGoneThrough(state.children)
        process.exit(pids[0], "kill")
        await DynamicSupervisor.terminate_child(sup, pids[1])
        await DynamicSupervisor.start_child(sup, Idle)
        await expect_idle()
        assert len(state.by_pid) == 200
