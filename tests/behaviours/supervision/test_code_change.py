"""Code changes of supervisors."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    IGNORE,
    ChildSpec,
    InvalidChild,
    ModuleSupervisor,
    Pid,
    Supervisor,
    cast,
    process,
    system,
)
from regrow.testing import expect_down
from tests.behaviours.probes import crash, news, probe
from tests.behaviours.supervision.supervised import Pool, ended, gone, ids, pids_of, start_instance

pytestmark = pytest.mark.regrow


class TestCodeChange:
    """All adapted: `system.change_code` calls a module's init again, because code is changed in place."""

    @staticmethod
    async def started(*children: Any, **options: Any) -> tuple[Pid, Callable[..., Awaitable[Any]]]:
        """Start a supervisor; return it and the function that changes its children and options."""
        process.trap_exit(True)
        answer: list[Any] = []

        def now() -> Any:
            return answer[-1]() if callable(answer[-1]) else answer[-1]

        async def change(*children: Any, instead: Any = None, **options: Any) -> Any:
            options.setdefault("strategy", "one_for_one")
            answer.append(instead if instead is not None else lambda: Supervisor.init(children, **options))
            await system.suspend(sup)
            changed = await system.change_code(sup, Pool, None, None)
            await system.resume(sup)
            return changed

        options.setdefault("strategy", "one_for_one")
        answer.append(Supervisor.init(children, **options))
        sup = await Pool.start_link(now)
        return sup, change

    @pytest.mark.otp("SU-101")
    async def test_a_code_change_changes_auto_shutdown(self) -> None:
        sup, change = await self.started(probe("a"))
        temporary = functools.partial(probe, restart="temporary", significant=True)
        with pytest.raises(InvalidChild) as caught:
            await Supervisor.start_child(sup, temporary("s"))
        pair = [("auto_shutdown", "never"), ("significant", True)]
        assert caught.value.reason == ("bad_combination", pair)
        assert await change(probe("a"), auto_shutdown="all_significant") == "ok"
        for id in "st":
            await Supervisor.start_child(sup, temporary(id))
        await crash("s", "killed")
        assert process.alive(sup)
        await Supervisor.start_child(sup, temporary("s"))
        assert await change(probe("a"), auto_shutdown="any_significant") == "ok"
        await crash("t", "killed")
        assert not process.alive(sup)

    @pytest.mark.otp("SU-101")
    async def test_a_code_change_removes_auto_shutdown(self) -> None:
        significant = probe("s", restart="temporary", significant=True)
        sup, change = await self.started(significant, auto_shutdown="any_significant")
        assert await change(probe("a")) == "ok"
        with pytest.raises(InvalidChild):
            await Supervisor.start_child(sup, probe("t", restart="temporary", significant=True))
        await crash("s", "killed")
        assert process.alive(sup)

    @pytest.mark.otp("SU-102")
    async def test_a_child_becomes_significant_or_no_longer_is(self) -> None:
        plain, significant = (probe("s", restart="transient", significant=flag) for flag in (False, True))
        sup, change = await self.started(plain)
        what, error = await change(significant)
        assert (what, error.reason[0]) == ("error", "bad_combination")
        assert await change(significant, auto_shutdown="any_significant") == "ok"
        assert await change(plain, auto_shutdown="any_significant") == "ok"
        await ended(sup, "s", "normal")
        assert process.alive(sup)
        await Supervisor.restart_child(sup, "s")
        assert await change(significant, auto_shutdown="any_significant") == "ok"
        cast("s", ("stop", "normal"))
        await expect_down(sup)

    @pytest.mark.otp("SU-103")
    async def test_a_code_change_changes_flags_and_children(self) -> None:
        sup, change = await self.started(probe("a"), probe("b"))
        pid = process.whereis("b")
        assert await change(probe("c"), probe("b", shutdown=1.0), strategy="one_for_all", max_restarts=9) == "ok"
        rows = {row.id: row.pid for row in await Supervisor.which_children(sup)}
        assert list(rows) == ["a", "b", "c"]
        assert (rows["b"], rows["c"]) == (pid, None)
        assert rows["a"] is process.whereis("a")
        assert (await Supervisor.get_childspec(sup, "b")).shutdown == 1.0
        news()
        await crash("a", "killed")
        assert [one for one in news() if one[0] == "started"] == [("started", id) for id in "cba"]
        for _ in range(5):
            await crash("b", "killed")
        assert process.alive(sup)

    @pytest.mark.otp("SU-103")
    async def test_a_code_change_that_changes_nothing(self) -> None:
        sup, change = await self.started(probe("a"))
        before = await Supervisor.which_children(sup)
        assert await change(instead=IGNORE) == "ok"
        assert await change(instead="faulty") == ("error", "faulty")
        what, error = await change(strategy="faulty")
        assert (what, error.reason) == ("error", ("invalid_strategy", "faulty"))
        what, error = await change(probe("a"), probe("a"))
        assert (what, error.reason) == ("error", ("duplicate_child_name", "a"))
        assert await Supervisor.which_children(sup) == before

    async def test_an_asynchronous_init_cannot_be_called_again(self) -> None:
        class Slow(ModuleSupervisor):
            async def init(self, _arg: Any, /) -> Any:
                return Supervisor.init([], strategy="one_for_one")

        sup = await Slow.start_link()
        await system.suspend(sup)
        what, _ = await system.change_code(sup, Slow, None, None)
        assert what == "error"

    async def test_a_supervisor_started_with_a_list_stays_unchanged(self) -> None:
        sup = await Supervisor.start_link([probe("a")])
        await system.suspend(sup)
        assert await system.change_code(sup, Supervisor, None, None) == "ok"
        await system.resume(sup)
        assert ids(await Supervisor.which_children(sup)) == ["a"]

    @pytest.mark.otp("SU-104")
    async def test_a_code_change_changes_the_template(self) -> None:
        me = process.current()

        def template(restart: Any, **options: Any) -> ChildSpec:
            return ChildSpec("x", (start_instance, ({"to": me, **options},)), restart)

        strategy = "simple_one_for_one"
        sup, change = await self.started(template("permanent", id="old"), strategy=strategy)
        pid = await Supervisor.start_child(sup, ["a"])
        assert await change(template("transient", id="new"), strategy=strategy, max_restarts=9) == "ok"
        assert await pids_of(sup) == [pid]
        assert (await Supervisor.get_childspec(sup, pid)).restart == "transient"
        await gone(pid, "shutdown")
        assert await pids_of(sup) == []
        news()
        await Supervisor.start_child(sup, [])
        assert news() == [("started", "new")]
        for children in ([], [template("permanent"), probe("b")]):
            what, error = await change(*children, strategy=strategy)
            assert (what, error.reason[0]) == ("error", "bad_start_spec")
        what, _ = await change(probe("b"), strategy="one_for_one")
        assert what == "error"
        assert (await Supervisor.get_childspec(sup, (await pids_of(sup))[0])).restart == "transient"
