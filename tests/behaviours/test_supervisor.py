"""Supervisors, in the order of the catalogue: what is started, how it is stopped, who is started again, and how often."""

from __future__ import annotations

import asyncio
import functools
import gc
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    IGNORE,
    AlreadyStarted,
    ChildError,
    ChildSpec,
    Exit,
    Exited,
    GenServer,
    Global,
    Ignored,
    InvalidChild,
    InvalidFlags,
    ModuleSupervisor,
    NoNode,
    NoProcess,
    Ok,
    Pid,
    StartError,
    Stop,
    Supervisor,
    Via,
    call,
    cast,
    child_spec,
    process,
    system,
)
from regrow.behaviours.supervision.children import Counts
from regrow.kernel.bounded_repr import safe_repr
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, crash, news, probe, start_probe, unlinked

pytestmark = pytest.mark.regrow
STRATEGIES: list[Any] = ["one_for_one", "rest_for_one", "one_for_all"]


def ids(rows: list[Any]) -> list[Any]:
    return [row.id for row in rows]


class Plain(GenServer[None]):
    """Does nothing."""


async def start_instance(options: dict[str, Any], *more: Any) -> Any:
    """Start a probe without a name; what a simple_one_for_one supervisor adds is its id, or what its init gives."""
    for one in more:
        options = {**options, ("init" if callable(one) else "id"): one}
    return await Probe.start_link(options)


async def simple(restart: Any = "permanent", *, trap: bool = False, **options: Any) -> Pid:
    """A simple_one_for_one supervisor of probes, whose end does not end the test."""
    template = {key: options.pop(key) for key in ("shutdown", "type", "significant") if key in options}
    start = (start_instance, ({"id": "x", "to": process.current(), "trap": trap},))
    child = ChildSpec("template", start, restart=restart, **template)
    return await unlinked(child, strategy="simple_one_for_one", **options)


async def gone(pid: Pid, reason: object = "kill") -> None:
    """End a process and let its supervisor do what it does at once."""
    ref = process.monitor(pid)
    process.exit(pid, reason)
    await expect_down(ref)
    await process.sleep(0.001)


async def pids_of(sup: Pid) -> list[Any]:
    return [row.pid for row in await Supervisor.which_children(sup)]


class TestStart:
    @pytest.mark.otp("SU-001")
    async def test_without_children_it_ends_when_its_parent_says_so(self) -> None:
        sup = await unlinked()
        process.exit(sup, "shutdown")
        await expect_down(sup, "shutdown")

    @pytest.mark.otp("SU-003")
    async def test_start_child_that_ignores_gives_none_and_keeps_the_spec(self) -> None:
        sup = await Supervisor.start_link()
        assert await Supervisor.start_child(sup, probe("i", init=lambda: IGNORE)) is None
        await Supervisor.start_child(sup, probe("a"))
        assert await Supervisor.count_children(sup) == Counts(2, 1, 0, 2)

    @pytest.mark.otp("SU-004")
    async def test_of_the_ignored_a_temporary_child_is_not_kept(self) -> None:
        sup = await Supervisor.start_link(
            [probe("t", init=lambda: IGNORE, restart="temporary"), probe("p", init=lambda: IGNORE), probe("a")]
        )
        assert ids(await Supervisor.which_children(sup)) == ["a", "p"]
        assert await Supervisor.count_children(sup) == Counts(2, 1, 0, 2)

    @pytest.mark.otp("SU-006")
    @pytest.mark.otp("SU-007")
    @pytest.mark.parametrize("restart", ["temporary", "transient", "permanent"])
    async def test_an_instance_that_ignores_is_not_kept(self, restart: Any) -> None:
        sup = await simple(restart)
        assert await Supervisor.start_child(sup, ["a", lambda: IGNORE]) is None
        assert await Supervisor.which_children(sup) == []
        pid = await Supervisor.start_child(sup, ["b"])
        assert await Supervisor.count_children(sup) == Counts(1, 1, 0, 1)
        process.exit(sup, "shutdown")
        await expect_down(pid, "shutdown")
        await expect_down(sup, "noproc")

    @pytest.mark.otp("SU-009")
    async def test_init_that_raises(self) -> None:
        def raises() -> None:
            raise RuntimeError("no")

        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Pool.start_link(raises)
        assert isinstance(caught.value.reason, RuntimeError)
        exited = await process.receive(Exited)
        assert exited.reason is caught.value.reason

    @pytest.mark.otp("SU-011")
    async def test_a_restart_by_hand_that_fails_keeps_the_child(self) -> None:
        answers: list[Any] = [None, Stop("bad")]
        sup = await Supervisor.start_link([probe("a", init=lambda: answers.pop(0))])
        await Supervisor.terminate_child(sup, "a")
        with pytest.raises(StartError) as caught:
            await Supervisor.restart_child(sup, "a")
        assert caught.value.reason == "bad"
        assert [row.pid for row in await Supervisor.which_children(sup)] == [None]

    @pytest.mark.otp("SU-013")
    @pytest.mark.parametrize("given", ["error", "another term", 42])
    async def test_an_instance_that_does_not_start_is_told_as_it_is(self, given: Any) -> None:
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

    async def test_a_start_function_that_gives_no_pid(self) -> None:
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


class TestStop:
    @pytest.mark.otp("SU-019")
    async def test_in_reverse_order_each_awaited_before_the_next(self) -> None:
        children = [probe(id, trap=True, linger=1.0, shutdown="infinity") for id in "abc"]
        sup = await Supervisor.start_link(children)
        news()
        began = process.monotonic()
        await Supervisor.stop(sup)
        assert process.monotonic() - began == pytest.approx(3.0)
        assert news() == [("ended", id, "shutdown") for id in "cba"]

    @pytest.mark.otp("SU-020")
    async def test_a_child_that_is_stuck_in_a_callback_is_killed_at_its_limit(self) -> None:
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
    async def test_brutal_kill_asks_nothing(self) -> None:
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
    async def test_instances_that_end_otherwise_than_they_were_told(self, restart: Any) -> None:
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
    async def test_a_limit_of_nothing_is_not_brutal_kill(self, trap: bool, reason: str) -> None:
        sup = await Supervisor.start_link([probe("a", trap=trap, shutdown=0)])
        ref = process.monitor("a")
        await Supervisor.terminate_child(sup, "a")
        await expect_down(ref, reason)

    @pytest.mark.otp("SU-028")
    async def test_a_message_and_a_cast_that_mean_nothing_are_logged(self, reports: list[Any]) -> None:
        """Adapted: OTP's supervisor ends with a cast that it does not know."""
        sup = await Supervisor.start_link([probe("a")])
        process.send(sup, "a message")
        cast(sup, "a cast")
        assert ids(await Supervisor.which_children(sup)) == ["a"]
        unexpected = [one for one in reports if one.kind == "unexpected message"]
        assert [(one.module, one.message) for one in unexpected] == [(Supervisor, "a message"), (Supervisor, "a cast")]

    async def test_a_stranger_call_and_its_answer(self) -> None:
        """A supervisor's own requests are no secret: whoever sends others ends it, as in OTP."""
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

    async def test_the_ends_of_many_that_died_together_are_not_looked_for_one_by_one(self) -> None:
        many = 2000
        sup = await unlinked(*[child_spec((Plain, None), id=number) for number in range(many)], max_restarts=0)
        await system.suspend(sup)
        for pid in process.info(sup, "links"):
            if pid is not process.current():
                process.exit(pid, "kill")
        ref = process.monitor(sup)
        await system.resume(sup)
        await expect_down(ref, "shutdown", timeout=60.0)

    async def test_a_killed_supervisor_takes_its_children_along(self) -> None:
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


class TestAdministration:
    @pytest.mark.otp("SU-029")
    async def test_extra_information_goes_to_whoever_starts_the_child(self) -> None:
        async def start() -> tuple[Pid, str]:
            return await Probe.start_link({"id": "x", "to": parent}), "extra"

        parent = process.current()
        sup = await Supervisor.start_link()
        pid, extra = await Supervisor.start_child(sup, ChildSpec("x", start))
        assert (pid.process is not None, extra) == (True, "extra")
        await Supervisor.terminate_child(sup, "x")
        assert (await Supervisor.restart_child(sup, "x"))[1] == "extra"

    @pytest.mark.otp("SU-030")
    @pytest.mark.otp("SU-032")
    @pytest.mark.otp("SU-034")
    async def test_the_life_of_a_child(self) -> None:
        sup = await Supervisor.start_link()
        pid = await Supervisor.start_child(sup, probe("a"))
        with pytest.raises(AlreadyStarted) as caught:
            await Supervisor.start_child(sup, probe("a"))
        assert caught.value.pid is pid
        for function in (Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(ChildError, match=r"child 'a': it is running\. Stop it first") as refused:
                await function(sup, "a")
            assert refused.value.reason == "running"
        await Supervisor.terminate_child(sup, "a")
        with pytest.raises(ChildError, match="Use restart_child, or delete_child first"):
            await Supervisor.start_child(sup, probe("a"))
        assert await Supervisor.restart_child(sup, "a") is process.whereis("a")
        await Supervisor.terminate_child(sup, "a")
        await Supervisor.delete_child(sup, "a")
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(ChildError, match="no such child"):
                await function(sup, "a")

    @pytest.mark.otp("SU-036")
    @pytest.mark.parametrize(
        ("function", "args"),
        [
            (Supervisor.start_child, (Plain,)),
            (Supervisor.terminate_child, ("a",)),
            (Supervisor.delete_child, ("a",)),
            (Supervisor.restart_child, ("a",)),
            (Supervisor.which_children, ()),
            (Supervisor.count_children, ()),
            (Supervisor.get_childspec, ("a",)),
            (Supervisor.which_child, ("a",)),
            (Supervisor.get_callback_module, ()),
        ],
    )
    async def test_nobody_is_there(self, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        with pytest.raises(NoProcess) as caught:
            await function("nobody", *args)
        reason: Any = caught.value.reason
        what, (module, asked, (server, _request, timeout)) = reason
        assert (what, module, asked, server, timeout) == ("noproc", "GenServer", "call", "nobody", None)

    @pytest.mark.otp("SU-038")
    async def test_an_instance_is_administered_by_its_pid_alone(self) -> None:
        sup = await simple()
        pid = await Supervisor.start_child(sup, ["a"])
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(ChildError, match=r"have no ids\. Use terminate_child\(supervisor, pid\)") as caught:
                await function(sup, "template")
            assert caught.value.reason == "simple_one_for_one"
        await Supervisor.terminate_child(sup, pid)
        assert not process.alive(pid)
        await Supervisor.terminate_child(sup, pid)
        stranger = process.spawn(process.sleep, 3600.0)
        with pytest.raises(ChildError) as refused:
            await Supervisor.terminate_child(sup, stranger)
        assert refused.value.reason == "not_found"
        assert process.alive(stranger)
        assert await Supervisor.which_children(sup) == []

    async def test_an_instance_is_started_with_a_list_of_arguments(self) -> None:
        sup, ordinary = await simple(), await Supervisor.start_link()
        with pytest.raises(InvalidChild, match="starts its one child, with the list of arguments to add"):
            await Supervisor.start_child(sup, Plain)
        with pytest.raises(InvalidChild, match="a list of arguments is for a simple_one_for_one supervisor"):
            await Supervisor.start_child(ordinary, ["a"])
        with pytest.raises(InvalidChild, match="has one child, of which it starts many; got 2"):
            await Supervisor.start_link([Plain, probe("a")], strategy="simple_one_for_one")
        assert process.alive(sup)

    @pytest.mark.otp("SU-040")
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"start": 1}, ("invalid_mfa", 1)),
            ({"restart": "prmanent"}, ("invalid_restart_type", "prmanent")),
            ({"shutdown": -10}, ("invalid_shutdown", -10)),
            ({"type": "wrker"}, ("invalid_child_type", "wrker")),
            ({"modules": 1}, ("invalid_modules", 1)),
            ({"modules": "dy"}, ("invalid_modules", "dy")),
            ({"modules": [1]}, ("invalid_module", 1)),
        ],
    )
    def test_a_spec_that_is_none(self, options: dict[str, Any], reason: object) -> None:
        """Adapted: raised where the spec is made, so never wrapped in start_spec."""
        parts: dict[str, Any] = {"id": "child", "start": start_probe, **options}
        with pytest.raises(InvalidChild) as caught:
            ChildSpec(**parts)
        assert caught.value.reason == reason

    @pytest.mark.otp("SU-040")
    def test_check_childspecs(self) -> None:
        restarts: list[Any] = ["permanent", "transient", "temporary"]
        shutdowns: list[Any] = [1.0, 0, "infinity", "brutal_kill"]
        kinds: list[Any] = ["worker", "supervisor"]
        modules: list[Any] = ["dynamic", [], [Plain], [Plain, "another"]]
        legal = [
            ChildSpec((restart, shutdown, kind, str(named)), start_probe, restart, shutdown, kind, modules=named)
            for restart in restarts
            for shutdown in shutdowns
            for kind in kinds
            for named in modules
        ]
        assert len(legal) == 96
        Supervisor.check_childspecs(legal)
        Supervisor.check_childspecs([])
        Supervisor.check_childspecs([Plain, (Pool, 1)])
        no_list: Any = 1
        with pytest.raises(TypeError, match="wanted a list of children, got 1"):
            Supervisor.check_childspecs(no_list)
        with pytest.raises(InvalidChild) as caught:
            Supervisor.check_childspecs([legal[0], legal[1], legal[0]])
        assert caught.value.reason == ("duplicate_child_name", legal[0].id)

    def test_check_childspecs_for_an_auto_shutdown(self) -> None:
        lasting, passing = (
            [ChildSpec("s", start_probe, restart, significant=True)] for restart in ("permanent", "temporary")
        )
        Supervisor.check_childspecs(passing)
        Supervisor.check_childspecs(passing, "all_significant")
        for specs, flag, pair in (
            (passing, "never", [("auto_shutdown", "never"), ("significant", True)]),
            (lasting, None, [("restart", "permanent"), ("significant", True)]),
        ):
            with pytest.raises(InvalidChild) as caught:
                Supervisor.check_childspecs(specs, flag)  # type: ignore[arg-type]
            assert caught.value.reason == ("bad_combination", pair)
        wrong: Any = "sometimes"
        with pytest.raises(InvalidFlags):
            Supervisor.check_childspecs([], wrong)

    @pytest.mark.otp("SU-042")
    @pytest.mark.parametrize(
        ("options", "reason", "wanted"),
        [
            ({"start": "start_link"}, "invalid_mfa", "an async function"),
            ({"start": (start_probe, 1)}, "invalid_mfa", "(function, args)"),
            ({"start": (1, ())}, "invalid_mfa", "(function, args)"),
            ({"restart": "always"}, "invalid_restart_type", "permanent, transient, temporary"),
            ({"shutdown": -1}, "invalid_shutdown", "seconds ≥ 0"),
            ({"shutdown": "soon"}, "invalid_shutdown", "seconds ≥ 0"),
            ({"shutdown": True}, "invalid_shutdown", "seconds ≥ 0"),
            ({"shutdown": float("nan")}, "invalid_shutdown", "seconds ≥ 0"),
            ({"type": "boss"}, "invalid_child_type", "worker, supervisor"),
            ({"significant": "yes"}, "invalid_significant", "True or False"),
            ({"id": []}, "invalid_id", "hashable"),
        ],
    )
    def test_a_wrong_part_of_a_spec(self, options: dict[str, Any], reason: str, wanted: str) -> None:
        parts: dict[str, Any] = {"id": "x", "start": start_probe, **options}
        with pytest.raises(InvalidChild) as caught:
            ChildSpec(**parts)
        found: Any = caught.value.reason
        assert found[0] == reason
        assert wanted in str(caught.value)

    @pytest.mark.otp("SU-044")
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"strategy": "none_for_one"}, "invalid_strategy"),
            ({"max_restarts": "infinity"}, "invalid_intensity"),
            ({"max_seconds": 0}, "invalid_period"),
            ({"max_seconds": "infinity"}, "invalid_period"),
            ({"auto_shutdown": "sometimes"}, "invalid_auto_shutdown"),
        ],
    )
    async def test_a_flag_that_is_none(self, options: dict[str, Any], reason: str) -> None:
        with pytest.raises(InvalidFlags) as direct:
            await Supervisor.start_link([], **options)
        assert direct.value.reason == (reason, *options.values())
        process.trap_exit(True)
        flags: dict[str, Any] = {"strategy": "one_for_one", **options}
        with pytest.raises(StartError) as caught:
            await Pool.start_link(lambda: Supervisor.init([], **flags))
        assert isinstance(caught.value.reason, InvalidFlags)

    async def test_which_child_gives_one_row(self) -> None:
        sup, dynamic = await Supervisor.start_link([probe("a"), probe("b")]), await simple()
        assert await Supervisor.which_child(sup, "a") == (await Supervisor.which_children(sup))[1]
        pid = await Supervisor.start_child(dynamic, ["x"])
        assert [await Supervisor.which_child(dynamic, pid)] == await Supervisor.which_children(dynamic)
        for one, id in ((sup, "c"), (dynamic, "template"), (dynamic, sup)):
            with pytest.raises(ChildError, match="no such child"):
                await Supervisor.which_child(one, id)

    async def test_an_id_that_no_child_can_have_does_not_harm_the_supervisor(self) -> None:
        sup = await Supervisor.start_link()
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(TypeError, match="hashable"):
                await function(sup, [])
        assert process.alive(sup)


class TestRestartTypes:
    """Each ends of a child of its own; `test_restart.py` has the whole table."""

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
    async def test_what_is_left(self, restart: Any, reason: object, after: str) -> None:
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
    async def test_temporary_bystander(self, strategy: Any, end: str) -> None:
        """A temporary child that is stopped with another is not started again with it."""
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
    async def test_what_a_temporary_child_was_started_with_is_not_kept(self, started_by: str) -> None:
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


class TestStrategies:
    @pytest.mark.otp("SU-059")
    async def test_only_restarts_within_the_window_count(self) -> None:
        sup = await unlinked(probe("a"), max_restarts=1, max_seconds=1)
        for _ in range(4):
            await crash("a", "killed")
            await process.sleep(2.1)
        assert process.alive(sup)

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
    async def test_a_transient_child_that_ends_normally_concerns_nobody(self) -> None:
        sup = await Supervisor.start_link([probe("a"), probe("t", restart="transient")], strategy="one_for_all")
        news()
        cast("t", ("stop", "normal"))
        await process.sleep(0.1)
        assert news() == [("ended", "t", "normal")]
        assert next(iter(await Supervisor.which_children(sup))).pid is None

    @pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
    async def test_other_child_fails_restart(self, strategy: Any) -> None:
        """It is the one that failed which is tried again, in its own group."""
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
        """Adapted: nothing refers to the argument any more, where OTP compares the size of the state."""

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


class Watched(dict[Any, Any]):
    """A table that tells when somebody goes through it."""

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
    """The values of a table that is watched."""

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
    async def test_counts_of_many(self, kind: str) -> None:
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

    @pytest.mark.otp("SU-083")
    async def test_a_supervisor_ends_at_once_though_a_child_is_tried_again_and_again(self) -> None:
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
        assert process.monotonic() - began <= 1.0  # the try that was under way

    async def test_an_instance_that_is_tried_again_counts_but_is_not_active(self) -> None:
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
    async def test_an_instance_that_is_tried_again_is_stopped_by_its_old_pid(self) -> None:
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
    async def test_to_end_temporary_instances_one_by_one_takes_linear_time(self) -> None:
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
    async def test_to_start_and_stop_many_children_takes_linear_time(self) -> None:
        """Adapted: 20 times the children and less than 200 times the time, where OTP's numbers are 100 and 1000."""

        async def seconds(many: int) -> float:
            specs = [child_spec((Plain, None), id=number) for number in range(many)]
            began = time.process_time()
            await Supervisor.stop(await Supervisor.start_link(specs))
            return time.process_time() - began

        assert await grows(seconds, 100, 2000) < 200

    @pytest.mark.parametrize("strategy", ["one_for_one", "simple_one_for_one"])
    async def test_what_is_done_for_one_child_does_not_look_at_the_others(self, strategy: Any) -> None:
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
        """Adapted: global names are the program's."""
        worker = ChildSpec("worker", functools.partial(Probe.start_link, name=Global("worker")))
        worker = worker.replace(start=(worker.start, ({"id": "worker", "to": process.current()},)))
        start = functools.partial(Supervisor.start_link, name=Global("inner"))
        inner = ChildSpec("inner", (start, ([worker],)), type="supervisor")
        await Supervisor.start_link([inner])

        async def both_after(what: Callable[[], Any]) -> tuple[bool, bool]:
            """Whether supervisor and worker are others than before; both run."""
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
    """How many times longer many take than few: of the processor's time, the best of some tries."""
    gc.disable()
    try:
        return min([await seconds(many) for _ in range(2)]) / min([await seconds(few) for _ in range(5)])
    finally:
        gc.enable()


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

    async def test_a_significant_child_that_is_terminated_by_hand_ends_nobody(self) -> None:
        significant = probe("s", restart="temporary", significant=True)
        sup = await unlinked(significant, auto_shutdown="any_significant")
        await Supervisor.terminate_child(sup, "s")
        assert process.alive(sup)

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
    async def test_significant_bystander(self, strategy: Any, flag: Any) -> None:
        """A significant child that is stopped with another has not ended by itself."""
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


ENDINGS = ("terminate_child", "kill", "crash", "normal")


async def ended(sup: Pid, id: str, how: str) -> None:
    """End a probe in one of those ways."""
    match how:
        case "terminate_child":
            await Supervisor.terminate_child(sup, id)
        case "kill":
            await crash(id, "killed")
        case "crash":
            cast(id, "crash")
        case _:
            cast(id, ("stop", "normal"))
    await process.sleep(0.1)


class Pool(ModuleSupervisor, restart="transient"):
    """A supervisor whose init gives what it is told to."""

    def init(self, arg: Any, /) -> Any:
        return arg() if callable(arg) else arg


class TestCodeChange:
    """All of it adapted: a module's init is asked again by `system.change_code`, for code is changed where it stands."""

    @staticmethod
    async def started(*children: Any, **options: Any) -> tuple[Pid, Callable[..., Awaitable[Any]]]:
        """A supervisor, and the function that changes it to other children and options."""
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
    async def test_another_auto_shutdown(self) -> None:
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
    async def test_no_auto_shutdown_any_more(self) -> None:
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
    async def test_other_flags_and_children(self) -> None:
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
    async def test_what_changes_nothing(self) -> None:
        sup, change = await self.started(probe("a"))
        before = await Supervisor.which_children(sup)
        assert await change(instead=IGNORE) == "ok"
        assert await change(instead="faulty") == ("error", "faulty")
        what, error = await change(strategy="faulty")
        assert (what, error.reason) == ("error", ("invalid_strategy", "faulty"))
        what, error = await change(probe("a"), probe("a"))
        assert (what, error.reason) == ("error", ("duplicate_child_name", "a"))
        assert await Supervisor.which_children(sup) == before

    async def test_an_asynchronous_init_cannot_be_asked_again(self) -> None:
        class Slow(ModuleSupervisor):
            async def init(self, _arg: Any, /) -> Any:
                return Supervisor.init([], strategy="one_for_one")

        sup = await Slow.start_link()
        await system.suspend(sup)
        what, _ = await system.change_code(sup, Slow, None, None)
        assert what == "error"

    async def test_what_was_started_with_a_list_stays_as_it_is(self) -> None:
        sup = await Supervisor.start_link([probe("a")])
        await system.suspend(sup)
        assert await system.change_code(sup, Supervisor, None, None) == "ok"
        await system.resume(sup)
        assert ids(await Supervisor.which_children(sup)) == ["a"]

    @pytest.mark.otp("SU-104")
    async def test_another_template(self) -> None:
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


class TestElixir:
    @pytest.mark.otp("SU-107")
    def test_its_child_spec(self) -> None:
        spec = child_spec((Pool, 1), id="other")
        assert (spec.id, spec.type, spec.restart, spec.shutdown) == ("other", "supervisor", "transient", "infinity")

    @pytest.mark.otp("SU-107")
    def test_a_class_may_say_all_of_its_child_spec(self) -> None:
        class Other(ModuleSupervisor, id="id", restart="temporary", start=(start_instance, ({},)), modules="dynamic"):
            pass

        spec = Other.child_spec("not used")
        assert (spec.id, spec.restart, spec.start, spec.args) == ("id", "temporary", start_instance, ({},))
        assert (spec.type, spec.shutdown, spec.modules) == ("supervisor", "infinity", ("dynamic",))

    @pytest.mark.otp("SU-108")
    def test_the_spec_of_a_child_in_each_form(self) -> None:
        alone, given = child_spec(Plain), child_spec((Plain, "arg"))
        assert (alone.id, alone.start, alone.args) == (Plain, Plain.start_link, ())
        assert (given.id, given.start, given.args) == (Plain, Plain.start_link, ("arg",))
        spec = ChildSpec("x", start_probe)
        assert child_spec(spec) is spec
        assert child_spec(spec, id="y", restart="temporary").restart == "temporary"

    def test_the_spec_of_one_child_as_elixir_spells_it(self) -> None:
        assert Supervisor.child_spec(Plain) == child_spec(Plain)
        assert Supervisor.child_spec((Plain, "arg")) == child_spec((Plain, "arg"))
        spec = ChildSpec("x", start_probe)
        assert Supervisor.child_spec(spec) is spec
        changed = Supervisor.child_spec((Plain, Plain), id="y", restart="temporary", shutdown=1.0)
        assert (changed.id, changed.args, changed.restart, changed.shutdown) == ("y", (Plain,), "temporary", 1.0)
        several = Supervisor.child_spec((Plain, (Pool, 1)))
        assert (several.id, several.args) == (Supervisor, ([Plain, (Pool, 1)],))

    @pytest.mark.otp("SU-110")
    @pytest.mark.parametrize("wrong", [1, "Worker", None, {}, (1, 2), ("W",), object])
    async def test_a_child_that_is_no_child(self, wrong: Any) -> None:
        with pytest.raises(InvalidChild, match=r"each child to be one of|has no child_spec"):
            await Supervisor.start_link([probe("a"), wrong])
        assert news() == []

    @pytest.mark.otp("SU-111")
    def test_what_init_gives(self) -> None:
        made = Supervisor.init([Plain], strategy="one_for_one")
        flags = made.flags
        assert (flags.max_restarts, flags.max_seconds, flags.auto_shutdown) == (3, 5.0, "never")
        assert made.specs == [child_spec(Plain)]
        flags = Supervisor.init([], strategy="rest_for_one", max_restarts=1, max_seconds=2).flags
        assert (flags.strategy, flags.max_restarts, flags.max_seconds) == ("rest_for_one", 1, 2.0)

    @pytest.mark.otp("SU-112")
    def test_an_init_without_a_strategy(self) -> None:
        init: Any = Supervisor.init
        with pytest.raises(TypeError, match="'strategy'"):
            init([Plain])

    @pytest.mark.otp("SU-114")
    @pytest.mark.parametrize("name", ["the.sup", Pool, Global("sup"), "via"])
    async def test_under_each_form_of_a_name(self, name: Any) -> None:
        if name == "via":
            name = Via(Names(), "sup")
        await Supervisor.start_link([probe("a")], name=name)
        assert ids(await Supervisor.which_children(name)) == ["a"]
        with pytest.raises(AlreadyStarted, match="is running already"):
            await Supervisor.start_link([], name=name)

    @pytest.mark.otp("SU-116")
    async def test_a_supervisor_by_its_module(self) -> None:
        sup = await Pool.start_link(Supervisor.init([probe("a")], strategy="one_for_one"), name=Pool)
        assert ids(await Supervisor.which_children(Pool)) == ["a"]
        assert await call("a", "who") is process.whereis("a")
        assert await Supervisor.get_callback_module(sup) is Pool

    @pytest.mark.otp("SU-117")
    async def test_start_child_in_each_form(self) -> None:
        sup = await Supervisor.start_link()
        first = await Supervisor.start_child(sup, (Plain, "arg"))
        second = await Supervisor.start_child(sup, ChildSpec("x", Plain.start_link))
        assert [row.pid for row in await Supervisor.which_children(sup)] == [second, first]
        await Supervisor.terminate_child(sup, Plain)
        await Supervisor.delete_child(sup, Plain)
        assert process.alive(await Supervisor.start_child(sup, Plain))

    @pytest.mark.otp("SU-118")
    async def test_start_child_of_what_is_no_child(self) -> None:
        """Adapted: a spec that lacks something cannot be made, and a wrong one is refused where it is made."""
        sup = await Supervisor.start_link()
        incomplete: Any = ChildSpec
        for parts in ({}, {"id": "x"}, {"start": start_probe}):
            with pytest.raises(TypeError, match="missing"):
                await Supervisor.start_child(sup, incomplete(**parts))
        wrongs: list[Any] = [(1, 2, 3), (1, 2), {}, None]
        for wrong in wrongs:
            with pytest.raises(InvalidChild):
                await Supervisor.start_child(sup, wrong)
        assert await Supervisor.which_children(sup) == []

    @pytest.mark.otp("SU-119")
    @pytest.mark.parametrize("shutdown", [0, 1])
    async def test_start_child_with_a_short_shutdown(self, shutdown: int) -> None:
        sup = await Supervisor.start_link()
        pid = await Supervisor.start_child(sup, probe("a", shutdown=shutdown))
        process.exit(pid, "shutdown")
        await expect_down(pid)

    def test_without_a_limit_is_infinity(self) -> None:
        assert ChildSpec("x", start_probe, shutdown=float("inf")).shutdown == "infinity"

    async def test_init_that_ignores(self) -> None:
        with pytest.raises(Ignored):
            await Pool.start_link(IGNORE)

    async def test_init_that_returns_something_else(self) -> None:
        process.trap_exit(True)
        with pytest.raises(
            StartError, match=r"Pool did not start: Pool\.init returned \[.*Wanted: Supervisor\.init"
        ) as caught:
            await Pool.start_link(["nonsense"])
        found: Any = caught.value.reason
        assert found == ("bad_return", (Pool, "init", found[1][2]))

    async def test_no_init(self) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError, match=r"needs an init\(arg\) that returns Supervisor\.init"):
            await ModuleSupervisor.start_link()


class Names:
    """A table of names for a Via."""

    def __init__(self) -> None:
        self.pids: dict[object, Pid] = {}

    def register_name(self, key: object, pid: Pid) -> bool:
        return self.pids.setdefault(key, pid) is pid

    def unregister_name(self, key: object) -> None:
        self.pids.pop(key, None)

    def whereis_name(self, key: object) -> Pid | None:
        return self.pids.get(key)


class TestBadUse:
    """Each is told where the mistake is: in the caller, before anything has started."""

    async def test_two_children_with_one_id(self) -> None:
        with pytest.raises(InvalidChild, match="two children have the id 'a'") as caught:
            await Supervisor.start_link([probe("a"), probe("b"), probe("a")])
        assert caught.value.reason == ("duplicate_child_name", "a")
        assert news() == []

    async def test_an_unknown_strategy(self) -> None:
        wrong: Any = "one_for_none"
        with pytest.raises(
            InvalidFlags, match="one of one_for_one, one_for_all, rest_for_one, simple_one_for_one; got 'one_for_none'"
        ):
            await Supervisor.start_link([], strategy=wrong)

    @pytest.mark.parametrize("children", [(Pool, 1), Pool, ChildSpec("x", Pool.start_link), "Pool", 1, None])
    async def test_a_forgotten_list(self, children: Any) -> None:
        for given in (
            lambda: Supervisor.init(children, strategy="one_for_one"),
            lambda: Supervisor.check_childspecs(children),
        ):
            with pytest.raises(TypeError, match="children: wanted a list of children, got ") as caught:
                given()
            assert safe_repr(children) in str(caught.value)
            is_one = children not in ("Pool", 1, None)
            assert ("One child stands in a list, too" in str(caught.value)) == is_one
        with pytest.raises(TypeError, match="children: wanted a list"):
            await Supervisor.start_link(children)

    async def test_children_in_a_tuple_or_from_a_generator(self) -> None:
        second = ChildSpec("second", Plain.start_link)
        for children in ((Plain, second), (child for child in (Plain, second))):
            sup = await Supervisor.start_link(children)
            assert len(await Supervisor.which_children(sup)) == 2

    async def test_a_name_that_can_be_none(self) -> None:
        with pytest.raises(TypeError):
            await Supervisor.start_link([], name=42)

    async def test_a_class_option_that_no_supervisor_has(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option retsart\. Wanted one of id, modules, restart, shutdown"):
            type("Pool", (ModuleSupervisor,), {}, retsart="transient")

    async def test_a_negative_timeout(self) -> None:
        sup = await Supervisor.start_link()
        with pytest.raises(ValueError, match="≥ 0"):
            await Supervisor.stop(sup, timeout=-1)
        assert process.alive(sup)

    def test_no_node(self) -> None:
        with pytest.raises(NoNode, match=r"regrow\.run"):
            asyncio.run(Supervisor.start_link([]))

    async def test_a_nested_supervisor_is_checked_where_it_is_described(self) -> None:
        with pytest.raises(InvalidChild):
            Supervisor.child_spec([1])
        with pytest.raises(InvalidFlags):
            Supervisor.child_spec([], max_restarts=-1)


class Async(GenServer[int]):
    async def init(self, arg: Any, /) -> Ok[int]:
        await process.sleep(0.1)
        return Ok(arg)

    async def terminate(self, _reason: Any, _state: int, /) -> None:
        await process.sleep(0.1)


@pytest.mark.parametrize("cls", [Plain, Async])
async def test_children_may_be_written_with_def_and_with_async_def(cls: Any) -> None:
    sup = await Supervisor.start_link([(cls, 1)])
    (row,) = await Supervisor.which_children(sup)
    process.exit(row.pid, "died")
    await process.sleep(0.5)
    (after,) = await Supervisor.which_children(sup)
    assert after.pid is not row.pid
    await Supervisor.stop(sup)
