"""Supervisors: what is started, what is started again, how it is stopped."""

from __future__ import annotations

import asyncio
import weakref
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
    call,
    cast,
    child_spec,
    process,
    system,
)
from regrow.behaviours.supervisor import Counts
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, news, probe, start_probe, unlinked

pytestmark = pytest.mark.regrow


def ids(rows: list[Any]) -> list[Any]:
    return [row.id for row in rows]


class TestStart:
    @pytest.mark.otp("SU-001")
    async def test_without_children_it_ends_when_its_parent_says_so(self) -> None:
        sup = await unlinked()
        process.exit(sup, "shutdown")
        await expect_down(sup, "shutdown")

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

    @pytest.mark.otp("SU-004")
    async def test_of_the_ignored_a_temporary_child_is_not_kept(self) -> None:
        sup = await Supervisor.start_link(
            [probe("t", init=lambda: IGNORE, restart="temporary"), probe("p", init=lambda: IGNORE), probe("a")]
        )
        assert ids(await Supervisor.which_children(sup)) == ["a", "p"]
        assert await Supervisor.count_children(sup) == Counts(2, 1, 0, 2)

    @pytest.mark.otp("SU-003")
    async def test_start_child_that_ignores_gives_none_and_keeps_the_spec(self) -> None:
        sup = await Supervisor.start_link()
        assert await Supervisor.start_child(sup, probe("i", init=lambda: IGNORE)) is None
        await Supervisor.start_child(sup, probe("a"))
        assert await Supervisor.count_children(sup) == Counts(2, 1, 0, 2)

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

    @pytest.mark.otp("SU-114")
    async def test_by_name(self) -> None:
        await Supervisor.start_link([], name="the.sup")
        assert await Supervisor.which_children("the.sup") == []
        with pytest.raises(AlreadyStarted, match=r"'the\.sup' is running already"):
            await Supervisor.start_link([], name="the.sup")

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


class TestBadUse:
    """Each is told where the mistake is: in the caller, before anything has started."""

    @pytest.mark.otp("SU-110")
    @pytest.mark.parametrize("wrong", [1, "Worker", None, {}, (1, 2), ("W",), object])
    async def test_a_child_that_is_no_child(self, wrong: Any) -> None:
        with pytest.raises(InvalidChild, match=r"each child to be one of|has no child_spec"):
            await Supervisor.start_link([probe("a"), wrong])
        assert news() == []

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

    async def test_a_name_that_can_be_none(self) -> None:
        with pytest.raises(TypeError):
            await Supervisor.start_link([], name=42)

    @pytest.mark.otp("SU-042")
    @pytest.mark.otp("SU-118")
    @pytest.mark.otp("SU-119")
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

    async def test_an_id_that_no_child_can_have_does_not_harm_the_supervisor(self) -> None:
        sup = await Supervisor.start_link()
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(TypeError, match="hashable"):
                await function(sup, [])
        assert process.alive(sup)

    async def test_a_class_option_that_no_supervisor_has(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option retsart\. Wanted one of id, restart, shutdown"):
            type("Pool", (ModuleSupervisor,), {}, retsart="transient")

    async def test_a_negative_timeout(self) -> None:
        sup = await Supervisor.start_link()
        with pytest.raises(ValueError, match="≥ 0"):
            await Supervisor.stop(sup, timeout=-1)
        assert process.alive(sup)

    async def test_no_supervisor_at_all(self) -> None:
        with pytest.raises(NoProcess):
            await Supervisor.which_children("nobody")

    def test_no_node(self) -> None:
        with pytest.raises(NoNode, match=r"regrow\.run"):
            asyncio.run(Supervisor.start_link([]))

    async def test_a_nested_supervisor_is_checked_where_it_is_described(self) -> None:
        with pytest.raises(InvalidChild):
            Supervisor.child_spec([1])
        with pytest.raises(InvalidFlags):
            Supervisor.child_spec([], max_restarts=-1)


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

    @pytest.mark.otp("SU-026")
    @pytest.mark.parametrize(("trap", "reason"), [(True, "killed"), (False, "shutdown")])
    async def test_a_limit_of_nothing_is_not_brutal_kill(self, trap: bool, reason: str) -> None:
        sup = await Supervisor.start_link([probe("a", trap=trap, shutdown=0)])
        ref = process.monitor("a")
        await Supervisor.terminate_child(sup, "a")
        await expect_down(ref, reason)

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

    async def test_it_stops_though_it_was_given_messages_that_mean_nothing(self, reports: list[Any]) -> None:
        sup = await Supervisor.start_link([probe("a")])
        process.send(sup, "what")
        await Supervisor.stop(sup)
        assert [(one.kind, one.module) for one in reports if one.kind == "unexpected message"] == [
            ("unexpected message", Supervisor)
        ]

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


class Plain(GenServer[None]):
    """Does nothing."""


class TestAdministration:
    @pytest.mark.otp("SU-032")
    @pytest.mark.otp("SU-034")
    @pytest.mark.otp("SU-030")
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

    @pytest.mark.otp("SU-011")
    async def test_a_restart_by_hand_that_fails_keeps_the_child(self) -> None:
        answers: list[Any] = [None, Stop("bad")]
        sup = await Supervisor.start_link([probe("a", init=lambda: answers.pop(0))])
        await Supervisor.terminate_child(sup, "a")
        with pytest.raises(StartError) as caught:
            await Supervisor.restart_child(sup, "a")
        assert caught.value.reason == "bad"
        assert [row.pid for row in await Supervisor.which_children(sup)] == [None]

    @pytest.mark.otp("SU-017")
    @pytest.mark.otp("SU-087")
    async def test_get_childspec_by_id_and_by_pid(self) -> None:
        spec = probe("a", restart="transient", shutdown=1)
        sup = await Supervisor.start_link([spec])
        assert await Supervisor.get_childspec(sup, "a") == spec
        assert await Supervisor.get_childspec(sup, process.whereis("a")) == spec
        with pytest.raises(ChildError):
            await Supervisor.get_childspec(sup, process.current())
        assert await Supervisor.get_callback_module(sup) is Supervisor

    async def test_a_child_does_not_wait_for_those_beside_it(self) -> None:
        """One for one costs the same, however many children there are."""
        many = 3000
        sup = await Supervisor.start_link(
            [child_spec((Plain, None), id=number) for number in range(many)], max_restarts=many
        )
        tree: Any = await system.get_state(sup)
        assert len(tree.by_pid) == many
        looked: list[int] = []

        class Watched(dict[Any, Any]):
            def values(self) -> Any:
                looked.append(1)
                return super().values()

        tree.children = Watched(tree.children)
        for pid in list(tree.by_pid)[:10]:
            process.exit(pid, "kill")
        await process.sleep(1.0)
        assert len(tree.by_pid) == many
        assert looked == []


class Pool(ModuleSupervisor, restart="transient"):
    """A supervisor with an init of its own."""

    async def init(self, arg: Any, /) -> Any:
        match arg:
            case "ignore":
                return IGNORE
            case "nonsense":
                return [probe("a")]
            case "raise":
                raise RuntimeError("no")
            case Pid():
                return Supervisor.init(
                    [ChildSpec("a", (start_probe, ({"id": "a", "to": arg},)))], strategy="one_for_one"
                )
            case _:
                raise AssertionError(arg)


class TestModuleSupervisor:
    @pytest.mark.otp("SU-116")
    async def test_its_init_says_what_it_keeps(self) -> None:
        sup = await Pool.start_link(process.current(), name=Pool)
        assert ids(await Supervisor.which_children(Pool)) == ["a"]
        assert await Supervisor.get_callback_module(sup) is Pool

    @pytest.mark.otp("SU-107")
    def test_its_child_spec(self) -> None:
        spec = child_spec((Pool, 1), id="other")
        assert (spec.id, spec.type, spec.restart, spec.shutdown) == ("other", "supervisor", "transient", "infinity")

    async def test_init_that_ignores(self) -> None:
        with pytest.raises(Ignored):
            await Pool.start_link("ignore")

    async def test_init_that_returns_something_else(self) -> None:
        process.trap_exit(True)
        with pytest.raises(
            StartError, match=r"Pool did not start: Pool\.init returned \[.*Wanted: Supervisor\.init"
        ) as caught:
            await Pool.start_link("nonsense")
        found: Any = caught.value.reason
        assert found == ("bad_return", (Pool, "init", found[1][2]))

    @pytest.mark.otp("SU-009")
    async def test_init_that_raises(self) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError) as caught:
            await Pool.start_link("raise")
        assert isinstance(caught.value.reason, RuntimeError)
        exited = await process.receive(Exited)
        assert exited.reason is caught.value.reason

    async def test_no_init(self) -> None:
        process.trap_exit(True)
        with pytest.raises(StartError, match=r"needs an init\(arg\) that returns Supervisor\.init"):
            await ModuleSupervisor.start_link()


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


async def test_a_stranger_call_and_its_answer() -> None:
    """A supervisor's own requests are no secret: whoever sends others ends it, as in OTP."""
    sup = await unlinked()
    with pytest.raises(Exception, match="what"):
        await call(sup, "what")
    await expect_down(sup, "noproc")
