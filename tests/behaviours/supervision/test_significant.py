"""Significant children and auto_shutdown."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    InvalidChild,
    Supervisor,
    cast,
    process,
)
from regrow.testing import expect_down
from tests.behaviours.probes import crash, news, probe, unlinked
from tests.behaviours.supervision.supervised import ended, gone, ids, simple

pytestmark = pytest.mark.regrow


class TestSignificant:
    @pytest.mark.otp("SU-091")
    @pytest.mark.parametrize("auto_shutdown", ["never", "any_significant", "all_significant"])
    async def test_nonsignificant_temporary(self, auto_shutdown: Any) -> None:
        sup = await unlinked(probe("a"), auto_shutdown=auto_shutdown)
        for end in ENDINGS:
            await Supervisor.start_child(sup, probe("t", restart="temporary"))
            await ended(sup, "t", end)
            assert process.whereis("t") is None
        assert process.alive(sup)

    @pytest.mark.otp("SU-092")
    @pytest.mark.parametrize("auto_shutdown", ["never", "any_significant", "all_significant"])
    async def test_nonsignificant_transient(self, auto_shutdown: Any) -> None:
        sup = await unlinked(probe("t", restart="transient"), auto_shutdown=auto_shutdown)
        for end in ENDINGS:
            await ended(sup, "t", end)
            assert (process.whereis("t") is not None) is (end in ("kill", "crash"))
            if process.whereis("t") is None:
                await Supervisor.restart_child(sup, "t")
        assert process.alive(sup)

    @pytest.mark.otp("SU-094")
    @pytest.mark.parametrize("end", ["normal", "died"])
    async def test_auto_shutdown_after_any_significant_child(self, end: str) -> None:
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

    async def test_terminate_child_of_a_significant_child_ends_no_supervisor(self) -> None:
        significant = probe("s", restart="temporary", significant=True)
        sup = await unlinked(significant, auto_shutdown="any_significant")
        await Supervisor.terminate_child(sup, "s")
        assert process.alive(sup)

    @pytest.mark.otp("SU-095")
    @pytest.mark.otp("SU-097")
    async def test_auto_shutdown_after_all_significant_children(self) -> None:
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

    @pytest.mark.otp("SU-098")
    @pytest.mark.parametrize("flag", ["any_significant", "all_significant"])
    async def test_significant_instances(self, flag: Any) -> None:
        sup = await simple("temporary", significant=True, auto_shutdown=flag)
        first, second = [await Supervisor.start_child(sup, [id]) for id in "ab"]
        ref, other = process.monitor(sup), process.monitor(second)
        await gone(first)
        if flag == "all_significant":
            assert process.alive(sup)
            await gone(second)
        else:
            await expect_down(other, "shutdown")
        await expect_down(ref, "shutdown")

    @pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
    @pytest.mark.parametrize("flag", ["any_significant", "all_significant"])
    async def test_a_significant_bystander_has_not_ended_by_itself(self, strategy: Any, flag: Any) -> None:
        """A significant child that is stopped with another child has not ended by itself."""
        sup = await unlinked(
            probe("a"),
            probe("t", restart="temporary", significant=True),
            probe("u", restart="transient", significant=True),
            strategy=strategy,
            auto_shutdown=flag,
        )
        await crash("a", "killed")
        assert ids(await Supervisor.which_children(sup)) == ["u", "a"]
        ref = process.monitor(sup)
        cast("u", ("stop", "normal"))
        await expect_down(ref, "shutdown")

    @pytest.mark.otp("SU-100")
    @pytest.mark.parametrize("significant", [True, False])
    async def test_an_automatic_shutdown_escalates(self, significant: bool) -> None:
        inner = Supervisor.child_spec(
            [probe("s", restart="transient", significant=True)], auto_shutdown="any_significant", name="inner"
        ).replace(restart="transient", significant=significant)
        sup = await unlinked(inner, auto_shutdown="any_significant")
        cast("s", ("stop", "normal"))
        await process.sleep(0.1)
        assert process.alive(sup) is not significant

    async def test_a_significant_child_without_auto_shutdown_is_refused(self) -> None:
        sup = await Supervisor.start_link()
        with pytest.raises(InvalidChild, match="auto_shutdown"):
            await Supervisor.start_child(sup, probe("s", restart="transient", significant=True))
        with pytest.raises(InvalidChild, match="always restarts"):
            Supervisor.init([probe("s", significant=True)], strategy="one_for_one", auto_shutdown="any_significant")


ENDINGS = ("terminate_child", "kill", "crash", "normal")
