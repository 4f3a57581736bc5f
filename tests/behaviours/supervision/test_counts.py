"""Counts of children, repeated restarts, and costs that do not grow."""

from __future__ import annotations

import functools
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    ChildError,
    ChildSpec,
    Global,
    Pid,
    Stop,
    Supervisor,
    cast,
    child_spec,
    process,
    system,
)
from regrow.behaviours.supervision.children import Counts
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, crash, news, probe, unlinked
from tests.behaviours.supervision.supervised import Plain, gone, pids_of

pytestmark = pytest.mark.regrow


class Watched(dict[Any, Any]):
    """A table that records when it is iterated."""

    def __init__(self, entries: dict[Any, Any], looked: list[str]) -> None:
        super().__init__(entries)
        self.looked = looked

    def __iter__(self) -> Any:
        self.looked.append("keys")
        return super().__iter__()

    def values(self) -> Any:
        return View(super().values(), self.looked)

    def items(self) -> Any:
        return View(super().items(), self.looked)


class View:
    """The values of a watched table."""

    def __init__(self, inside: Any, looked: list[str]) -> None:
        self.inside = inside
        self.looked = looked

    def __len__(self) -> int:
        return len(self.inside)

    def __iter__(self) -> Any:
        self.looked.append("forwards")
        return iter(self.inside)

    def __reversed__(self) -> Any:
        self.looked.append("backwards")
        return reversed(self.inside)


async def watched(sup: Pid) -> list[str]:
    """Watch the tables of a supervisor."""
    tree: Any = await system.get_state(sup)
    looked: list[str] = []
    tree.children, tree.by_pid = Watched(tree.children, looked), Watched(tree.by_pid, looked)
    return looked


class TestLoopsAndCounts:
    @pytest.mark.otp("SU-079")
    @pytest.mark.otp("SU-080")
    @pytest.mark.parametrize("kind", ["worker", "supervisor"])
    async def test_count_children_counts_many(self, kind: str) -> None:
        sup = await unlinked(
            ChildSpec("x", (Plain.start_link, (None,)), "temporary", type=kind),  # type: ignore[arg-type]
            strategy="simple_one_for_one",
        )
        pids: list[Pid] = []
        for many in (1000, 2000):
            while len(pids) < many:
                pids.append(await Supervisor.start_child(sup, []))
            supervisors = many if kind == "supervisor" else 0
            assert await Supervisor.count_children(sup) == Counts(1, many, supervisors, many - supervisors)
        for pid in pids:
            process.exit(pid, "kill")
        assert await Supervisor.count_children(sup) == Counts(1, 0, 0, 0)

    async def test_a_restart_fails_and_then_works(self) -> None:
        answers: list[Any] = [None, Stop("not yet"), Stop("not yet"), None]
        sup = await Supervisor.start_link([probe("a", init=lambda: answers.pop(0))])
        await crash("a", "killed")
        assert news() == [("started", "a")] * 2
        assert process.alive(sup)

    @pytest.mark.otp("SU-083")
    @pytest.mark.otp("SU-084")
    async def test_a_restarting_child_can_be_stopped_and_started_by_request(self) -> None:
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

    @pytest.mark.otp("SU-083")
    async def test_a_supervisor_ends_at_once_though_a_child_keeps_restarting(self) -> None:
        broken: list[bool] = []

        async def slow_start() -> Pid:
            await process.sleep(1.0)
            return await Probe.start_link({"id": "a", "to": parent, "init": lambda: Stop("no") if broken else None})

        parent = process.current()
        sup = await unlinked(ChildSpec("a", slow_start), max_restarts=1000)
        broken.append(True)
        (pid,) = await pids_of(sup)
        await gone(pid)
        await process.sleep(2.5)
        began = process.monotonic()
        ref = process.monitor(sup)
        process.exit(sup, "shutdown")
        await expect_down(ref, "shutdown", timeout=10.0)
        assert process.monotonic() - began <= 1.0  # the attempt in progress

    async def test_a_restarting_instance_counts_but_is_not_active(self) -> None:
        broken: list[bool] = []

        async def slow_start() -> Pid:
            await process.sleep(0.5)
            return await Probe.start_link({"id": "a", "to": parent, "init": lambda: Stop("no") if broken else None})

        parent = process.current()
        sup = await unlinked(ChildSpec("x", slow_start), strategy="simple_one_for_one", max_restarts=1000)
        pids = [await Supervisor.start_child(sup, []) for _ in range(2)]
        broken.append(True)
        for active, pid in ((1, pids[0]), (0, pids[1])):
            await gone(pid)
            await process.sleep(1.0)
            assert await Supervisor.count_children(sup) == Counts(1, active, 0, 2)
        broken.clear()
        await process.sleep(5.0)
        assert await Supervisor.count_children(sup) == Counts(1, 2, 0, 2)

    @pytest.mark.otp("SU-085")
    async def test_a_restarting_instance_is_stopped_by_its_old_pid(self) -> None:
        broken: list[bool] = []

        async def slow_start(id: str) -> Pid:
            await process.sleep(1.0)
            return await Probe.start_link({"id": id, "to": parent, "init": lambda: Stop("no") if broken else None})

        parent = process.current()
        sup = await unlinked(ChildSpec("x", slow_start), strategy="simple_one_for_one", max_restarts=1000)
        pid = await Supervisor.start_child(sup, ["a"])
        broken.append(True)
        await gone(pid)
        await process.sleep(2.5)
        ((id, shown, _, _),) = await Supervisor.which_children(sup)
        assert (id, shown) == (None, "restarting")
        assert await Supervisor.count_children(sup) == Counts(1, 0, 0, 1)
        await Supervisor.terminate_child(sup, pid)
        assert await Supervisor.which_children(sup) == []
        began = process.monotonic()
        await Supervisor.stop(sup)
        assert process.monotonic() - began <= 1.0

    @pytest.mark.otp("SU-087")
    async def test_get_childspec_by_id_and_by_pid(self) -> None:
        spec = probe("a", restart="transient", shutdown=1)
        sup = await Supervisor.start_link([spec])
        assert await Supervisor.get_childspec(sup, "a") == spec
        assert await Supervisor.get_childspec(sup, process.whereis("a")) == spec
        with pytest.raises(ChildError):
            await Supervisor.get_childspec(sup, process.current())
        assert await Supervisor.get_callback_module(sup) is Supervisor

    @pytest.mark.otp("SU-088")
    async def test_ending_temporary_instances_one_by_one_takes_linear_time(self) -> None:
        async def seconds(many: int) -> float:
            sup = await unlinked(ChildSpec("x", Plain.start_link, "temporary"), strategy="simple_one_for_one")
            pids = [await Supervisor.start_child(sup, []) for _ in range(many)]
            began = time.process_time()
            for pid in pids:
                await Supervisor.terminate_child(sup, pid)
            spent = time.process_time() - began
            await Supervisor.stop(sup)
            return spent

        assert await grows(seconds, 200, 2000) < 50

    @pytest.mark.otp("SU-089")
    async def test_starting_and_stopping_many_children_takes_linear_time(self) -> None:
        """Adapted: 20 times the children and less than 200 times the time, where OTP's numbers are 100 and 1000."""

        async def seconds(many: int) -> float:
            specs = [child_spec((Plain, None), id=number) for number in range(many)]
            began = time.process_time()
            await Supervisor.stop(await Supervisor.start_link(specs))
            return time.process_time() - began

        assert await grows(seconds, 100, 2000) < 200

    @pytest.mark.parametrize("strategy", ["one_for_one", "simple_one_for_one"])
    async def test_work_for_one_child_does_not_iterate_over_the_others(self, strategy: Any) -> None:
        is_simple = strategy == "simple_one_for_one"
        children = [child_spec((Plain, None), id=number) for number in range(1 if is_simple else 1000)]
        sup = await unlinked(*children, strategy=strategy, max_restarts=100)
        pids = [await Supervisor.start_child(sup, []) for _ in range(1000)] if is_simple else await pids_of(sup)
        looked = await watched(sup)
        for pid in pids[:10]:
            await gone(pid)
        one = pids[10] if is_simple else 10
        await Supervisor.get_childspec(sup, one)
        await Supervisor.terminate_child(sup, one)
        if not is_simple:
            await Supervisor.restart_child(sup, one)
            await Supervisor.terminate_child(sup, one)
            await Supervisor.delete_child(sup, one)
        await Supervisor.start_child(sup, [] if is_simple else child_spec(Plain, id="new"))
        assert looked == []
        assert (await Supervisor.count_children(sup)).active == 1000
        await Supervisor.which_children(sup)
        assert looked != []

    @pytest.mark.otp("SU-090")
    async def test_global_names_are_free_again_when_a_restart_registers_them(self) -> None:
        """Adapted: global names belong to the program."""
        worker = ChildSpec("worker", functools.partial(Probe.start_link, name=Global("worker")))
        worker = worker.replace(start=(worker.start, ({"id": "worker", "to": process.current()},)))
        start = functools.partial(Supervisor.start_link, name=Global("inner"))
        inner = ChildSpec("inner", (start, ([worker],)), type="supervisor")
        await Supervisor.start_link([inner])

        async def both_after(what: Callable[[], Any]) -> tuple[bool, bool]:
            """Return whether supervisor and worker both run with new pids."""
            before = [process.whereis(Global(key)) for key in ("inner", "worker")]
            done = what()
            if isinstance(done, Awaitable):
                await done
            await process.sleep(0.1)
            after = [process.whereis(Global(key)) for key in ("inner", "worker")]
            assert None not in before
            assert None not in after
            return before[0] is not after[0], before[1] is not after[1]

        def killed(key: str) -> Any:
            pid = process.whereis(Global(key))
            assert pid is not None
            process.exit(pid, "kill")

        async def by_hand() -> None:
            await Supervisor.terminate_child(Global("inner"), "worker")
            assert process.whereis(Global("worker")) is None
            await Supervisor.restart_child(Global("inner"), "worker")

        assert await both_after(lambda: killed("inner")) == (True, True)
        assert await both_after(lambda: killed("worker")) == (False, True)
        assert await both_after(lambda: cast(Global("worker"), "crash")) == (False, True)
        assert await both_after(by_hand) == (False, True)


async def grows(seconds: Callable[[int], Awaitable[float]], few: int, many: int) -> float:
    """Return how many times longer many take than few: processor time, the best of some tries."""
    gc.disable()
    try:
        return min([await seconds(many) for _ in range(2)]) / min([await seconds(few) for _ in range(5)])
    finally:
        gc.enable()
