"""Ends of supervisors, and of their children."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    ChildSpec,
    Exit,
    Exited,
    Pid,
    Supervisor,
    call,
    cast,
    child_spec,
    process,
    system,
)
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, news, probe, unlinked
from tests.behaviours.supervision.supervised import Plain, ids, simple

pytestmark = pytest.mark.regrow


class TestStop:
    @pytest.mark.otp("SU-019")
    async def test_children_stop_in_reverse_order_one_after_the_other(self) -> None:
        children = [probe(id, trap=True, linger=1.0, shutdown="infinity") for id in "abc"]
        sup = await Supervisor.start_link(children)
        news()
        began = process.monotonic()
        await Supervisor.stop(sup)
        assert process.monotonic() - began == pytest.approx(3.0)
        assert news() == [("ended", id, "shutdown") for id in "cba"]

    @pytest.mark.otp("SU-020")
    async def test_a_child_stuck_in_a_callback_is_killed_at_its_limit(self) -> None:
        sup = await Supervisor.start_link([probe("free"), probe("stuck", trap=True, shutdown=2.0)])
        stuck = process.whereis("stuck")
        assert stuck is not None
        ref = process.monitor(stuck)
        cast("stuck", ("sleep", 3600.0))
        began = process.monotonic()
        await Supervisor.stop(sup)
        assert process.monotonic() - began == pytest.approx(2.0)
        await expect_down(ref, "killed")

    @pytest.mark.otp("SU-022")
    async def test_brutal_kill_sends_no_shutdown(self) -> None:
        sup = await Supervisor.start_link([probe("a", trap=True, shutdown="brutal_kill")])
        ref = process.monitor("a")
        news()
        await Supervisor.stop(sup)
        await expect_down(ref, "killed")
        assert news() == []

    @pytest.mark.otp("SU-023")
    async def test_brutal_kill_of_instances(self) -> None:
        sup = await simple("temporary", trap=True, shutdown="brutal_kill")
        refs = [process.monitor(await Supervisor.start_child(sup, [number])) for number in range(10)]
        news()
        ref = process.monitor(sup)
        process.exit(sup, "shutdown")
        assert [await expect_down(one) for one in refs] == ["killed"] * 10
        await expect_down(ref, "shutdown")
        assert news() == []

    @pytest.mark.otp("SU-025")
    @pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
    async def test_instances_that_end_with_another_reason(self, restart: Any) -> None:
        ends: list[Any] = ["normal", "shutdown", ("shutdown", "x"), "other"]

        async def start(end: Any) -> Pid:
            return process.spawn_link(ends_with, end)

        async def ends_with(end: Any) -> None:
            process.trap_exit(True)
            await process.receive(Exited)
            raise Exit(end)

        sup = await unlinked(ChildSpec("x", start, restart=restart), strategy="simple_one_for_one")
        refs = [process.monitor(await Supervisor.start_child(sup, [end])) for end in ends]
        await process.sleep(0.1)
        ref = process.monitor(sup)
        process.exit(sup, "shutdown")
        assert [await expect_down(one) for one in refs] == ends
        await expect_down(ref, "shutdown")

    @pytest.mark.otp("SU-026")
    @pytest.mark.parametrize(("trap", "reason"), [(True, "killed"), (False, "shutdown")])
    async def test_a_limit_of_0_is_not_brutal_kill(self, trap: bool, reason: str) -> None:
        sup = await Supervisor.start_link([probe("a", trap=trap, shutdown=0)])
        ref = process.monitor("a")
        await Supervisor.terminate_child(sup, "a")
        await expect_down(ref, reason)

    @pytest.mark.otp("SU-028")
    async def test_an_unknown_message_and_an_unknown_cast_are_logged(self, reports: list[Any]) -> None:
        """Adapted: OTP's supervisor ends at an unknown cast."""
        sup = await Supervisor.start_link([probe("a")])
        process.send(sup, "a message")
        cast(sup, "a cast")
        assert ids(await Supervisor.which_children(sup)) == ["a"]
        unexpected = [one for one in reports if one.kind == "unexpected message"]
        assert [(one.module, one.message) for one in unexpected] == [(Supervisor, "a message"), (Supervisor, "a cast")]

    async def test_an_unknown_call_ends_the_supervisor(self) -> None:
        """A supervisor's own requests are no secret: a caller that sends others ends it, as in OTP."""
        sup = await unlinked()
        with pytest.raises(Exception, match="what"):
            await call(sup, "what")
        await expect_down(sup, "noproc")

    async def test_terminate_that_raises_or_exits_does_not_hold_up_the_others(self) -> None:
        sup = await Supervisor.start_link(
            [
                probe("a", trap=True),
                probe("b", trap=True, ends_with=RuntimeError("no")),
                probe("c", trap=True, ends_with=Exit("x")),
            ]
        )
        news()
        await Supervisor.stop(sup)
        assert news() == [("ended", id, "shutdown") for id in "cba"]

    async def test_the_ends_of_many_children_are_not_searched_one_by_one(self) -> None:
        many = 2000
        sup = await unlinked(*[child_spec((Plain, None), id=number) for number in range(many)], max_restarts=0)
        await system.suspend(sup)
        for pid in process.info(sup, "links"):
            if pid is not process.current():
                process.exit(pid, "kill")
        ref = process.monitor(sup)
        await system.resume(sup)
        await expect_down(ref, "shutdown", timeout=60.0)

    async def test_a_killed_supervisor_ends_its_children(self) -> None:
        sup = await unlinked(probe("a"), probe("b", trap=True))
        refs = [process.monitor(id) for id in "ab"]
        process.exit(sup, "kill")
        assert [await expect_down(ref) for ref in refs] == ["killed", "killed"]

    async def test_instances_end_at_the_same_time(self) -> None:
        sup = await unlinked(
            ChildSpec("x", (Probe.start_link, ({"id": "x", "to": process.current(), "trap": True, "linger": 1.0},))),
            strategy="simple_one_for_one",
        )
        for _ in range(5):
            await Supervisor.start_child(sup, [])
        began = process.monotonic()
        await Supervisor.stop(sup)
        assert process.monotonic() - began == pytest.approx(1.0)
