"""Strategies of supervisors, and the limit of restarts."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from regrow import (
    ChildSpec,
    Pid,
    Stop,
    Supervisor,
    cast,
    process,
)
from regrow.behaviours.supervision.children import Counts
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, crash, news, probe, unlinked
from tests.behaviours.supervision.supervised import Plain, gone, pids_of, simple

pytestmark = pytest.mark.regrow


STRATEGIES: list[Any] = ["one_for_one", "rest_for_one", "one_for_all"]


class TestStrategies:
    @pytest.mark.otp("SU-059")
    async def test_only_restarts_within_the_window_count(self) -> None:
        sup = await unlinked(probe("a"), max_restarts=1, max_seconds=1)
        for _ in range(4):
            await crash("a", "killed")
            await process.sleep(2.1)
        assert process.alive(sup)

    async def test_a_restart_at_the_edge_of_the_window_counts(self) -> None:
        sup = await unlinked(probe("a"), max_restarts=1, max_seconds=2)
        await crash("a", "killed")
        await process.sleep(2.0 - 0.001)  # crash waits this long for the restart
        await crash("a", "killed")
        assert not process.alive(sup)

    async def test_a_restart_after_the_window_does_not_count(self) -> None:
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

    @pytest.mark.otp("SU-060")
    async def test_one_for_one(self) -> None:
        sup = await unlinked(probe("a", trap=True), probe("b", trap=True), max_restarts=2)
        news()
        await crash("a", "killed")
        assert news() == [("started", "a")]
        await crash("a", "killed")
        await crash("b", "killed")
        await expect_down(sup, "noproc")

    @pytest.mark.otp("SU-061")
    @pytest.mark.otp("SU-065")
    @pytest.mark.otp("SU-075")
    @pytest.mark.parametrize("strategy", STRATEGIES)
    async def test_a_failed_restart_escalates(self, strategy: Any) -> None:
        """A child that cannot be restarted uses up the restarts, and its supervisor gives up."""
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

    @pytest.mark.otp("SU-064")
    async def test_one_for_all(self) -> None:
        await Supervisor.start_link([probe(id, trap=True) for id in "abc"], strategy="one_for_all")
        news()
        await crash("b", "killed")
        assert news() == [("ended", "c", "shutdown"), ("ended", "a", "shutdown"), *(("started", id) for id in "abc")]

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
    async def test_a_normal_end_of_a_transient_child_affects_no_other(self) -> None:
        sup = await Supervisor.start_link([probe("a"), probe("t", restart="transient")], strategy="one_for_all")
        news()
        cast("t", ("stop", "normal"))
        await process.sleep(0.1)
        assert news() == [("ended", "t", "normal")]
        assert next(iter(await Supervisor.which_children(sup))).pid is None

    @pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
    async def test_another_child_of_the_group_fails_its_restart(self, strategy: Any) -> None:
        """The child that failed is tried again, in its own group."""
        tries: list[int] = []

        def second_fails() -> Any:
            tries.append(1)
            return Stop("no") if len(tries) == 2 else None

        children = [probe("a"), probe("b", init=second_fails), probe("c")]
        sup = await unlinked(*children, strategy=strategy)
        news()
        await crash("a", "killed")
        again = ["a", "b", "c"] if strategy == "rest_for_one" else ["a", "a", "b", "c"]
        assert [one for one in news() if one[0] == "started"] == [("started", id) for id in again]
        assert (await Supervisor.count_children(sup)).active == 3

    @pytest.mark.otp("SU-069")
    async def test_simple_one_for_one(self) -> None:
        sup = await simple("permanent", max_restarts=1)
        first, second = [await Supervisor.start_child(sup, [id]) for id in "ab"]
        news()
        await gone(first)
        assert news() == [("started", "a")]
        now = await pids_of(sup)
        assert len(now) == 2
        assert second in now
        assert first not in now
        ref = process.monitor(sup)
        await gone(second)
        await expect_down(ref, "shutdown")
        assert not any(process.alive(pid) for pid in now)

    async def test_simple_one_for_one_escalation(self) -> None:
        broken: list[bool] = []
        sup = await simple(max_restarts=4)
        failing = await Supervisor.start_child(sup, ["a", lambda: Stop("no") if broken else None])
        sibling = await Supervisor.start_child(sup, ["b"])
        broken.append(True)
        refs = [process.monitor(pid) for pid in (sup, sibling)]
        await gone(failing)
        assert [await expect_down(ref) for ref in refs] == ["shutdown", "shutdown"]

    @pytest.mark.otp("SU-071")
    async def test_simple_one_for_one_with_extra_information(self) -> None:
        async def start(id: str) -> tuple[Pid, str]:
            return await Probe.start_link({"id": id, "to": parent}), f"extra of {id}"

        parent = process.current()
        sup = await unlinked(ChildSpec("x", start), strategy="simple_one_for_one")
        pid, extra = await Supervisor.start_child(sup, ["a"])
        assert extra == "extra of a"
        await gone(pid)
        assert news() == [("started", "a")] * 2
        assert await Supervisor.count_children(sup) == Counts(1, 1, 0, 1)

    @pytest.mark.otp("SU-072")
    async def test_simple_one_for_one_keeps_no_arguments_of_temporary_instances(self) -> None:
        """Adapted: no reference to the argument remains, where OTP compares the size of the state."""

        class Big:
            pass

        async def start(_big: Big | None) -> Pid:
            return await Plain.start_link()

        big = Big()
        kept = weakref.ref(big)
        sup = await unlinked(ChildSpec("x", start, restart="temporary"), strategy="simple_one_for_one")
        await gone(await Supervisor.start_child(sup, [None]))
        pid = await Supervisor.start_child(sup, [big])
        del big
        await Supervisor.which_children(sup)  # a server holds its last message until the next one
        assert kept() is None
        assert await pids_of(sup) == [pid]

    @pytest.mark.otp("SU-074")
    @pytest.mark.otp("SU-077")
    async def test_rest_for_one(self) -> None:
        sup = await Supervisor.start_link([probe(id, trap=True) for id in "ecadb"], strategy="rest_for_one")
        news()
        await crash("a", "killed")
        assert news() == [("ended", "b", "shutdown"), ("ended", "d", "shutdown"), *(("started", id) for id in "adb")]
        await Supervisor.stop(sup)
        assert news() == [("ended", id, "shutdown") for id in "bdace"]

    @pytest.mark.otp("SU-078")
    async def test_a_supervisor_that_gives_up_is_restarted(self) -> None:
        """The supervisor above restarts it, with all its children."""
        inner = Supervisor.child_spec([probe("x"), probe("y")], max_restarts=0, name="inner")
        sup = await Supervisor.start_link([probe("a"), inner])
        news()
        before = process.whereis("inner")
        await crash("x", "killed")
        assert process.whereis("inner") not in (before, None)
        assert news() == [("started", "x"), ("started", "y")]
        assert process.alive(sup)

    async def test_a_transient_supervisor_that_gives_up_is_not_restarted(self) -> None:
        inner = Supervisor.child_spec([probe("x")], max_restarts=0, name="inner").replace(restart="transient")
        sup = await Supervisor.start_link([inner])
        await crash("x", "killed")
        assert process.whereis("inner") is None
        assert [row.pid for row in await Supervisor.which_children(sup)] == [None]
