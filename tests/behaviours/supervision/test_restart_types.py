"""Restart types of children: permanent, transient and temporary."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from regrow import (
    IGNORE,
    ChildSpec,
    Pid,
    Supervisor,
    cast,
    process,
)
from regrow.behaviours.supervision.children import Counts
from tests.behaviours.probes import Probe, crash, probe, unlinked
from tests.behaviours.supervision.supervised import ids, pids_of

pytestmark = pytest.mark.regrow


class TestRestartTypes:
    """Each test ends a child; `test_restart.py` has the whole table."""

    @pytest.mark.parametrize(
        ("restart", "reason", "after"),
        [
            pytest.param("permanent", "normal", "restarted", id="permanent_normal", marks=pytest.mark.otp("SU-046")),
            pytest.param("permanent", "shutdown", "restarted", id="permanent_shutdown"),
            pytest.param("permanent", "died", "restarted", id="permanent_abnormal", marks=pytest.mark.otp("SU-048")),
            pytest.param("transient", "normal", "kept", id="transient_normal", marks=pytest.mark.otp("SU-049")),
            pytest.param("transient", "shutdown", "kept", id="transient_shutdown"),
            pytest.param("transient", ("shutdown", "x"), "kept", id="transient_shutdown_why"),
            pytest.param("transient", "died", "restarted", id="transient_abnormal", marks=pytest.mark.otp("SU-051")),
            pytest.param("temporary", "normal", "forgotten", id="temporary_normal"),
            pytest.param("temporary", "shutdown", "forgotten", id="temporary", marks=pytest.mark.otp("SU-053")),
            pytest.param("temporary", ("shutdown", "x"), "forgotten", id="why", marks=pytest.mark.otp("SU-053")),
            pytest.param("temporary", "died", "forgotten", id="temporary_abnormal", marks=pytest.mark.otp("SU-054")),
        ],
    )
    async def test_the_children_after_each_end(self, restart: Any, reason: object, after: str) -> None:
        sup = await Supervisor.start_link([probe("a", restart=restart)])
        before = process.whereis("a")
        cast("a", ("stop", reason))
        await process.sleep(0.1)
        counts = {"restarted": Counts(1, 1, 0, 1), "kept": Counts(1, 0, 0, 1), "forgotten": Counts(0, 0, 0, 0)}
        assert await Supervisor.count_children(sup) == counts[after]
        assert process.whereis("a") is not before
        assert (process.whereis("a") is not None) is (after == "restarted")
        if after == "kept":
            assert await pids_of(sup) == [None]
        if after == "forgotten":
            assert await Supervisor.start_child(sup, probe("a", restart=restart)) is process.whereis("a")

    @pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
    @pytest.mark.parametrize("end", ["normal", "died"])
    async def test_a_temporary_bystander_is_not_restarted(self, strategy: Any, end: str) -> None:
        """A temporary child that is stopped with another child is not restarted with it."""
        sup = await unlinked(probe("a"), probe("t", restart="temporary"), strategy=strategy)
        cast("a", ("stop", end))
        await process.sleep(0.1)
        assert ids(await Supervisor.which_children(sup)) == ["a"]
        assert process.whereis("a") is not None
        assert process.whereis("t") is None

    async def test_a_restart_that_is_ignored_keeps_the_child_without_a_process(self) -> None:
        answers: list[Any] = [None, IGNORE, None]
        sup = await Supervisor.start_link([probe("a", init=lambda: answers.pop(0))])
        await crash("a", "killed")
        assert await pids_of(sup) == [None]
        assert await Supervisor.restart_child(sup, "a") is process.whereis("a")

    @pytest.mark.otp("SU-057")
    @pytest.mark.parametrize("started_by", ["init", "start_child"])
    async def test_the_arguments_of_a_temporary_child_are_not_kept(self, started_by: str) -> None:
        class Big:
            pass

        async def start(big: Big) -> Pid:
            return await Probe.start_link({"id": "t", "to": parent})

        parent, big = process.current(), Big()
        gone = weakref.ref(big)
        spec = ChildSpec("t", (start, (big,)), restart="temporary")
        sup = await Supervisor.start_link([spec] if started_by == "init" else [])
        if started_by == "start_child":
            await Supervisor.start_child(sup, spec)
        del big, spec
        await Supervisor.which_children(sup)  # a server holds its last message until the next one
        assert gone() is None
        assert ids(await Supervisor.which_children(sup)) == ["t"]
