"""Supervisors: who is started again, how often, and when a supervisor ends by itself."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    ChildError,
    ChildSpec,
    InvalidChild,
    Pid,
    Stop,
    Supervisor,
    cast,
    process,
)
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, crash, news, probe, unlinked

pytestmark = pytest.mark.regrow
STRATEGIES: list[Any] = ["one_for_one", "rest_for_one", "one_for_all"]


class TestStrategies:
    @pytest.mark.otp("SU-060")
    async def test_one_for_one(self) -> None:
        sup = await unlinked(probe("a", trap=True), probe("b", trap=True), max_restarts=2)
        news()
        await crash("a", "killed")
        assert news() == [("started", "a")]
        await crash("a", "killed")
        await crash("b", "killed")
        await expect_down(sup, "noproc")

    @pytest.mark.otp("SU-064")
    async def test_one_for_all(self) -> None:
        await Supervisor.start_link([probe(id, trap=True) for id in "abc"], strategy="one_for_all")
        news()
        await crash("b", "killed")
        assert news() == [("ended", "c", "shutdown"), ("ended", "a", "shutdown"), *(("started", id) for id in "abc")]

    @pytest.mark.otp("SU-074")
    @pytest.mark.otp("SU-077")
    async def test_rest_for_one(self) -> None:
        sup = await Supervisor.start_link([probe(id, trap=True) for id in "ecadb"], strategy="rest_for_one")
        news()
        await crash("a", "killed")
        assert news() == [("ended", "b", "shutdown"), ("ended", "d", "shutdown"), *(("started", id) for id in "adb")]
        await Supervisor.stop(sup)
        assert news() == [("ended", id, "shutdown") for id in "bdace"]

    async def test_a_group_that_restarts_does_so_in_code_order_though_a_child_is_slow(self) -> None:
        children = [probe("a", trap=True, linger=2.0), probe("b"), probe("c", trap=True, linger=1.0)]
        await Supervisor.start_link(children, strategy="one_for_all")
        news()
        began = process.monotonic()
        await crash("b", "killed")
        assert await process.receive(lambda message: message == ("started", "c"), timeout=10.0)
        assert process.monotonic() - began == pytest.approx(3.0)

    async def test_one_restart_of_a_group_counts_once(self) -> None:
        sup = await unlinked(probe("a"), probe("b"), probe("c"), strategy="one_for_all", max_restarts=1)
        await crash("a", "killed")
        assert process.alive(sup)
        await crash("b", "killed")
        await expect_down(sup, "noproc")

    @pytest.mark.otp("SU-068")
    async def test_a_transient_child_that_ends_normally_concerns_nobody(self) -> None:
        sup = await Supervisor.start_link([probe("a"), probe("t", restart="transient")], strategy="one_for_all")
        news()
        cast("t", ("stop", "normal"))
        await process.sleep(0.1)
        assert news() == [("ended", "t", "normal")]
        assert next(iter(await Supervisor.which_children(sup))).pid is None

    @pytest.mark.otp("SU-061")
    @pytest.mark.otp("SU-065")
    @pytest.mark.otp("SU-075")
    @pytest.mark.parametrize("strategy", STRATEGIES)
    async def test_escalation(self, strategy: Any) -> None:
        """A child that cannot be started again uses up the restarts, and its supervisor gives up."""
        tries: list[int] = []

        def first_only() -> Any:
            tries.append(1)
            return None if len(tries) == 1 else Stop("cannot")

        sup = await unlinked(probe("a"), probe("b", init=first_only), probe("c"), strategy=strategy, max_restarts=4)
        sibling = process.monitor("a")
        ref = process.monitor(sup)
        await crash("b", "killed")
        await expect_down(ref, "shutdown")
        assert len(tries) == 1 + 4
        await expect_down(sibling, "shutdown")

    @pytest.mark.otp("SU-078")
    async def test_a_tree(self) -> None:
        """A supervisor that gives up is started again, with all its children, by the one above."""
        inner = Supervisor.child_spec([probe("x"), probe("y")], max_restarts=0, name="inner")
        sup = await Supervisor.start_link([probe("a"), inner])
        news()
        before = process.whereis("inner")
        await crash("x", "killed")
        assert process.whereis("inner") not in (before, None)
        assert news() == [("started", "x"), ("started", "y")]
        assert process.alive(sup)

    async def test_giving_up_is_shutdown_and_so_no_reason_to_restart_a_transient_supervisor(self) -> None:
        inner = Supervisor.child_spec([probe("x")], max_restarts=0, name="inner").replace(restart="transient")
        sup = await Supervisor.start_link([inner])
        await crash("x", "killed")
        assert process.whereis("inner") is None
        assert [row.pid for row in await Supervisor.which_children(sup)] == [None]


class TestIntensity:
    async def test_exactly_at_the_edge_of_the_window(self) -> None:
        sup = await unlinked(probe("a"), max_restarts=1, max_seconds=2)
        await crash("a", "killed")
        await process.sleep(2.0 - 0.001)  # crash waits so long for the restart
        await crash("a", "killed")
        assert not process.alive(sup)

    async def test_just_behind_it(self) -> None:
        sup = await unlinked(probe("a"), max_restarts=1, max_seconds=2)
        for _ in range(5):
            await crash("a", "killed")
            await process.sleep(2.0)
        assert process.alive(sup)

    async def test_the_restarts_of_all_children_count_together(self) -> None:
        sup = await unlinked(probe("a"), probe("b"), max_restarts=1)
        await crash("a", "killed")
        await crash("b", "killed")
        assert not process.alive(sup)

    async def test_a_restart_that_fails_and_then_works(self) -> None:
        answers: list[Any] = [None, Stop("not yet"), Stop("not yet"), None]
        sup = await Supervisor.start_link([probe("a", init=lambda: answers.pop(0))])
        await crash("a", "killed")
        assert news() == [("started", "a")] * 2
        assert process.alive(sup)

    @pytest.mark.otp("SU-083")
    @pytest.mark.otp("SU-084")
    async def test_a_child_that_is_tried_again_can_be_stopped_and_started_by_hand(self) -> None:
        broken: list[bool] = []
        tries: list[float] = []

        def init() -> Any:
            tries.append(process.monotonic())
            return Stop("broken") if broken else None

        async def slow_start(options: dict[str, Any]) -> Pid:
            await process.sleep(1.0)
            return await Probe.start_link(options, name="m")

        middle = ChildSpec("m", (slow_start, ({"id": "m", "to": process.current(), "init": init},)))
        sup = await Supervisor.start_link(
            [probe("before"), middle, probe("after")], strategy="rest_for_one", max_restarts=1000
        )
        broken.append(True)
        await crash("m", "killed")
        await process.sleep(2.5)
        rows = {row.id: row.pid for row in await Supervisor.which_children(sup)}
        assert (rows["m"], rows["after"]) == ("restarting", None)
        assert rows["before"] is process.whereis("before")
        with pytest.raises(ChildError, match="is being restarted"):
            await Supervisor.restart_child(sup, "m")
        await Supervisor.terminate_child(sup, "m")
        count = len(tries)
        await process.sleep(10.0)
        assert len(tries) == count
        broken.clear()
        assert await Supervisor.restart_child(sup, "m") is process.whereis("m")


class TestAutoShutdown:
    @pytest.mark.otp("SU-091")
    @pytest.mark.parametrize("auto_shutdown", ["never", "any_significant", "all_significant"])
    async def test_one_that_is_not_significant(self, auto_shutdown: Any) -> None:
        sup = await unlinked(probe("a"), probe("t", restart="temporary"), auto_shutdown=auto_shutdown)
        await crash("t", "killed")
        assert process.alive(sup)

    @pytest.mark.otp("SU-094")
    @pytest.mark.parametrize("end", ["normal", "died"])
    async def test_any_significant(self, end: str) -> None:
        sup = await unlinked(
            probe("a", trap=True),
            probe("s", restart="temporary", significant=True),
            probe("o", restart="temporary", significant=True),
            auto_shutdown="any_significant",
        )
        ref = process.monitor(sup)
        cast("s", ("stop", end))
        await expect_down(ref, "shutdown")
        assert ("ended", "a", "shutdown") in news()

    @pytest.mark.otp("SU-095")
    @pytest.mark.otp("SU-097")
    async def test_all_significant(self) -> None:
        sup = await unlinked(
            probe("a"),
            probe("s", restart="transient", significant=True),
            probe("t", restart="temporary", significant=True),
            auto_shutdown="all_significant",
        )
        cast("s", ("stop", "normal"))
        await process.sleep(0.1)
        assert process.alive(sup)
        ref = process.monitor(sup)
        cast("t", ("stop", "normal"))
        await expect_down(ref, "shutdown")

    @pytest.mark.otp("SU-100")
    @pytest.mark.parametrize("significant", [True, False])
    async def test_escalation(self, significant: bool) -> None:
        inner = Supervisor.child_spec(
            [probe("s", restart="transient", significant=True)], auto_shutdown="any_significant", name="inner"
        ).replace(restart="transient", significant=significant)
        sup = await unlinked(inner, auto_shutdown="any_significant")
        cast("s", ("stop", "normal"))
        await process.sleep(0.1)
        assert process.alive(sup) is not significant

    async def test_a_significant_child_that_means_nothing_is_refused(self) -> None:
        sup = await Supervisor.start_link()
        with pytest.raises(InvalidChild, match="auto_shutdown"):
            await Supervisor.start_child(sup, probe("s", restart="transient", significant=True))
        with pytest.raises(InvalidChild, match="always comes back"):
            Supervisor.init([probe("s", significant=True)], strategy="one_for_one", auto_shutdown="any_significant")
