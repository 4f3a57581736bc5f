"""Starts of supervisors and of their children."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    IGNORE,
    ChildError,
    ChildSpec,
    Exit,
    Exited,
    Pid,
    StartError,
    Stop,
    Supervisor,
    process,
)
from regrow.behaviours.supervision.children import Counts
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, news, probe, unlinked
from tests.behaviours.supervision.supervised import Pool, ids, simple

pytestmark = pytest.mark.regrow


class TestStart:
    @pytest.mark.otp("SU-001")
    async def test_a_supervisor_without_children_ends_with_its_parent(self) -> None:
        sup = await unlinked()
        process.exit(sup, "shutdown")
        await expect_down(sup, "shutdown")

    @pytest.mark.otp("SU-003")
    async def test_start_child_returns_none_for_an_ignored_start_and_keeps_the_spec(self) -> None:
        sup = await Supervisor.start_link()
        assert await Supervisor.start_child(sup, probe("i", init=lambda: IGNORE)) is None
        await Supervisor.start_child(sup, probe("a"))
        assert await Supervisor.count_children(sup) == Counts(2, 1, 0, 2)

    @pytest.mark.otp("SU-004")
    async def test_a_temporary_child_that_ignores_its_start_is_not_kept(self) -> None:
        sup = await Supervisor.start_link(
            [probe("t", init=lambda: IGNORE, restart="temporary"), probe("p", init=lambda: IGNORE), probe("a")]
        )
        assert ids(await Supervisor.which_children(sup)) == ["a", "p"]
        assert await Supervisor.count_children(sup) == Counts(2, 1, 0, 2)

    @pytest.mark.otp("SU-006")
    @pytest.mark.otp("SU-007")
    @pytest.mark.parametrize("restart", ["temporary", "transient", "permanent"])
    async def test_an_instance_that_ignores_its_start_is_not_kept(self, restart: Any) -> None:
        sup = await simple(restart)
        assert await Supervisor.start_child(sup, ["a", lambda: IGNORE]) is None
        assert await Supervisor.which_children(sup) == []
        pid = await Supervisor.start_child(sup, ["b"])
        assert await Supervisor.count_children(sup) == Counts(1, 1, 0, 1)
        process.exit(sup, "shutdown")
        await expect_down(pid, "shutdown")
        await expect_down(sup, "noproc")

    @pytest.mark.otp("SU-009")
    async def test_init_raises(self) -> None:
        def raises() -> None:
            raise RuntimeError("no")

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Pool.start_link(raises)
        assert isinstance(caught.value.reason, RuntimeError)
        exited = await process.receive(Exited)
        assert exited.reason is caught.value.reason

    @pytest.mark.otp("SU-011")
    async def test_a_failed_restart_child_keeps_the_child(self) -> None:
        answers: list[Any] = [None, Stop("bad")]
        sup = await Supervisor.start_link([probe("a", init=lambda: answers.pop(0))])
        await Supervisor.terminate_child(sup, "a")
        with pytest.raises(StartError) as caught:
            await Supervisor.restart_child(sup, "a")
        assert caught.value.reason == "bad"
        assert [row.pid for row in await Supervisor.which_children(sup)] == [None]

    @pytest.mark.otp("SU-013")
    @pytest.mark.parametrize("given", ["error", "another term", 42])
    async def test_the_error_of_an_instance_is_returned_unchanged(self, given: Any) -> None:
        async def start(given: Any) -> Any:
            return await Probe.start_link({"init": lambda: Stop("bad")}) if given == "error" else given

        sup = await unlinked(ChildSpec("x", start), strategy="simple_one_for_one")
        with pytest.raises(StartError) as caught:
            await Supervisor.start_child(sup, [given])
        assert caught.value.reason == ("bad" if given == "error" else given)
        assert await Supervisor.which_children(sup) == []

    @pytest.mark.otp("SU-015")
    @pytest.mark.parametrize("error", [Exit("x"), RuntimeError("x"), asyncio.CancelledError()])
    async def test_a_start_function_that_raises_or_exits_fails_its_child_alone(self, error: BaseException) -> None:
        async def start() -> Pid:
            raise error

        sup = await Supervisor.start_link()
        with pytest.raises(StartError) as caught:
            await Supervisor.start_child(sup, ChildSpec("x", start))
        assert caught.value.reason == ("EXIT", "x" if isinstance(error, Exit) else error)
        assert await Supervisor.which_children(sup) == []

    async def test_a_start_function_must_return_a_pid(self) -> None:
        async def start() -> str:
            return "up"

        sup = await Supervisor.start_link()
        with pytest.raises(StartError) as caught:
            await Supervisor.start_child(sup, ChildSpec("x", start))
        assert caught.value.reason == "up"
        assert "its start function returned 'up'. Wanted: the pid" in str(caught.value)

    @pytest.mark.otp("SU-017")
    async def test_every_instance_has_the_spec_of_the_template(self) -> None:
        sup = await simple("transient")
        pids = [await Supervisor.start_child(sup, [number]) for number in range(3)]
        for pid in pids:
            spec = await Supervisor.get_childspec(sup, pid)
            assert (spec.id, spec.restart, spec.shutdown, spec.type) == ("template", "transient", 5.0, "worker")
            assert (spec.significant, len(spec.args)) == (False, 1)
        with pytest.raises(ChildError) as caught:
            await Supervisor.get_childspec(sup, process.current())
        assert caught.value.reason == "not_found"

    async def test_children_start_in_order_and_are_listed_last_first(self) -> None:
        sup = await Supervisor.start_link([probe("a"), probe("b"), probe("c")])
        assert news() == [("started", "a"), ("started", "b"), ("started", "c")]
        assert ids(await Supervisor.which_children(sup)) == ["c", "b", "a"]

    async def test_a_start_that_fails_is_undone_in_reverse_order(self) -> None:
        with pytest.raises(StartError) as caught:
            await unlinked(
                probe("a", trap=True), probe("b", trap=True), probe("c", init=lambda: Stop("no")), probe("d")
            )
        assert caught.value.reason == ("shutdown", ("failed_to_start_child", "c", "no"))
        assert "child c did not start: 'no'" in str(caught.value)
        assert news() == [("started", "a"), ("started", "b"), ("ended", "b", "shutdown"), ("ended", "a", "shutdown")]

    async def test_a_start_that_fails_ends_a_linked_caller_that_does_not_trap(self) -> None:
        spec = probe("a", init=lambda: Stop("no"))
        pid = process.spawn(Supervisor.start_link, [spec])
        assert await expect_down(pid) == ("shutdown", ("failed_to_start_child", "a", "no"))
