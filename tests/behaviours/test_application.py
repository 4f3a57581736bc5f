"""Applications: in which order they start and stop, what they are told, what is left of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    Application,
    ChildSpec,
    Error,
    Exit,
    Node,
    Pid,
    StartError,
    Supervisor,
    VirtualClock,
    process,
    send,
)
from regrow.behaviours import application
from regrow.behaviours.application import ApplicationError
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, crash, news

pytestmark = pytest.mark.regrow


class Told(Application, env={"interval": 1.0}, description="tells its test", version="1.2"):
    """Tells its test, which is its argument, what is asked of it; one child, the probe "child"."""

    async def start(self, start_type: str, args: Any, /) -> Any:
        test, *rest = args
        send(test, ("start", start_type))
        match rest:
            case [BaseException() as error]:
                raise error
            case ["slowly"]:
                await process.sleep(1.0)
            case [value]:
                return value
            case _:
                pass
        spec = ChildSpec("child", (Probe.start_link, ({"id": "child", "to": test, "trap": True},)))
        named = ChildSpec("named", (start_named, (test,)))
        return await Supervisor.start_link([spec, named], max_restarts=0, name="told.sup"), test

    async def prep_stop(self, test: Any, /) -> Any:
        send(test, ("prep_stop", process.whereis("told.sup") is not None))
        return test

    def stop(self, test: Any, /) -> None:
        send(test, ("stop", process.whereis("told.sup") is not None))


async def start_named(test: Pid) -> Pid:
    return await Probe.start_link({"id": "named", "to": test}, name="named")


async def start(*rest: Any, app: type[Application] = Told, start_type: Any = "temporary") -> None:
    await application.start(app, start_type, (process.current(), *rest))


class TestLife:
    @pytest.mark.otp("AP-011")
    async def test_start_and_stop_in_order(self) -> None:
        await start()
        await application.stop(Told)
        assert news() == [
            ("start", "normal"),
            ("started", "child"),
            ("started", "named"),
            ("prep_stop", True),
            ("ended", "child", "shutdown"),
            ("stop", False),
        ]
        with pytest.raises(ApplicationError, match="Told does not run") as caught:
            await application.stop(Told)
        assert caught.value.reason == ("not_started", Told)

    @pytest.mark.otp("AP-010")
    @pytest.mark.otp("AP-001")
    async def test_it_runs_once(self) -> None:
        await start()
        with pytest.raises(ApplicationError, match="Told runs already") as caught:
            await start()
        assert caught.value.reason == ("already_started", Told)
        assert await application.ensure_all_started(Told) == []

    @pytest.mark.otp("AP-046")
    async def test_what_runs(self) -> None:
        await start()
        assert application.started_applications() == [(Told, "tells its test", "1.2")]

    @pytest.mark.otp("AP-024")
    @pytest.mark.otp("AP-025")
    async def test_its_tree_gives_up(self) -> None:
        await start()
        ending = asyncio.ensure_future(application.wait_ended(Told))
        await asyncio.sleep(0)
        await crash("named")
        assert await ending == "shutdown"
        assert news()[-2:] == [("prep_stop", False), ("stop", False)]
        assert application.started_applications() == []
        await start()  # and it can run again

    @pytest.mark.otp("AP-020")
    async def test_two_starts_at_once_both_hear_that_it_runs(self) -> None:
        test = process.current()

        async def other() -> None:
            await application.start(Told, args=(test, "slowly"))
            send(test, "other")

        process.spawn_link(other)
        await start("slowly")
        assert await process.receive(str, timeout=0.1) == "other"
        assert news().count(("start", "normal")) == 1

    @pytest.mark.otp("AP-020")
    async def test_two_starts_at_once_both_hear_that_it_failed(self) -> None:
        class Fails(Told):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                await process.sleep(1.0)
                return Error("no")

        errors: list[object] = []

        async def begin() -> None:
            try:
                await application.start(Fails)
            except ApplicationError as error:
                errors.append(error.reason)

        refs = [process.spawn_monitor(begin)[1] for _ in range(2)]
        for ref in refs:
            await expect_down(ref, "normal", timeout=5.0)
        assert errors == [("no", (Fails, "start", ["normal", ()]))] * 2
        assert application.started_applications() == []

    async def test_it_starts_though_nobody_waits_any_more(self) -> None:
        test = process.current()

        async def impatient() -> None:
            await application.start(Told, args=(test, "slowly"))

        pid = process.spawn(impatient)
        await process.sleep(0.5)
        process.exit(pid, "kill")
        await process.sleep(1.0)
        assert [app for app, _, _ in application.started_applications()] == [Told]

    async def test_two_stops_at_once(self) -> None:
        await start()
        refs = [process.spawn_monitor(application.stop, Told)[1] for _ in range(2)]
        for ref in refs:
            await expect_down(ref, "normal")

    @pytest.mark.otp("AP-023")
    async def test_what_it_started_outside_its_tree_ends_with_it(self) -> None:
        class Leaves(Told):
            async def start(self, start_type: str, args: Any, /) -> Any:
                left.append(process.spawn(process.receive))
                return await super().start(start_type, args)

        left: list[Pid] = []
        await start(app=Leaves)
        ref = process.monitor(left[0])
        await application.stop(Leaves)
        await expect_down(ref, "killed")

    @pytest.mark.otp("AP-042")
    async def test_the_application_of_a_process(self) -> None:
        await start()
        assert application.get_application(process.whereis("named")) is Told
        assert application.get_application() is None

    async def test_its_own_process_is_killed(self) -> None:
        await start()
        ending = asyncio.ensure_future(application.wait_ended(Told))
        await asyncio.sleep(0)
        ref = process.monitor("told.sup")
        master = process.info(ref.watched, "parent")  # type: ignore[arg-type]
        process.exit(master, "kill")
        await expect_down(ref, "killed")
        assert await ending == "killed"
        await start()

    async def test_the_last_callbacks_may_fail(self) -> None:
        class Fails(Told):
            async def prep_stop(self, _test: Any, /) -> Any:
                raise RuntimeError("in prep_stop")

            def stop(self, _test: Any, /) -> None:
                raise Exit("in stop")

        await start(app=Fails)
        await application.stop(Fails)
        assert process.whereis("told.sup") is None


async def test_a_node_that_stops_tells_its_applications(virtual_clock: VirtualClock) -> None:
    said: list[Any] = []

    class Says(Application):
        async def start(self, _start_type: str, _args: Any, /) -> Any:
            return await Supervisor.start_link([])

        def prep_stop(self, state: Any, /) -> Any:
            said.append("prep_stop")
            return state

        def stop(self, _state: Any, /) -> None:
            said.append("stop")

    node = process.running().node
    await application.start(Says)
    master = next(iter(node.applications.values())).master
    await node.end(master, "shutdown")
    assert said == ["prep_stop", "stop"]


class TestFailedStart:
    @pytest.mark.parametrize("how", [Error("cannot"), "bad", StartError("inner", "x")])
    async def test_it_says_why(self, how: Any) -> None:
        args = (process.current(), how)
        place = (Told, "start", ["normal", args])
        with pytest.raises(ApplicationError, match="Told did not start: ") as caught:
            await application.start(Told, args=args)
        assert caught.value.reason == (("bad_return", (place, "bad")) if how == "bad" else (how.reason, place))
        assert application.started_applications() == []

    @pytest.mark.otp("AP-018")
    @pytest.mark.parametrize("error", [RuntimeError("boom"), Exit("abnormal")])
    async def test_it_raises_or_exits(self, error: BaseException) -> None:
        args = (process.current(), error)
        with pytest.raises(ApplicationError) as caught:
            await application.start(Told, args=args)
        why = "abnormal" if isinstance(error, Exit) else error
        assert caught.value.reason == ("bad_return", ((Told, "start", ["normal", args]), ("EXIT", why)))

    @pytest.mark.otp("SU-056")
    async def test_a_child_of_its_tree_fails(self) -> None:
        class Faulty(Application):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                return await Supervisor.start_link([ChildSpec("x", start_nothing)])

        async def start_nothing() -> Pid:
            raise NameError("missing")

        with pytest.raises(
            ApplicationError, match=r"Faulty did not start: .*child x did not start: NameError"
        ) as caught:
            await application.start(Faulty)
        why, place = caught.value.reason
        assert why[1][:2] == ("failed_to_start_child", "x")
        assert place == (Faulty, "start", ["normal", ()])

    async def test_what_is_returned_is_told(self) -> None:
        with pytest.raises(
            ApplicationError, match=r"returned 42; wanted the pid of the top supervisor, or \(pid, state\)"
        ):
            await start(42)


class Base(Application):
    """A library: nothing runs."""


class Middle(Told, applications=[Base]):
    pass


class Top(Application, applications=[Middle, Base]):
    async def start(self, _start_type: str, _args: Any, /) -> Any:
        raise RuntimeError("no")


class TestNeeds:
    @pytest.mark.otp("AP-004")
    async def test_they_must_run(self) -> None:
        with pytest.raises(
            ApplicationError, match=r"needs Base, which does not run\. Use ensure_all_started"
        ) as caught:
            await start(app=Middle)
        assert caught.value.reason == ("not_started", Base)

    async def test_they_are_started_first_and_stopped_if_a_later_one_fails(self) -> None:
        test = process.current()

        class Second(Middle):
            async def start(self, start_type: str, _args: Any, /) -> Any:
                return await super().start(start_type, (test,))

        class Third(Application, applications=[Second]):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                raise RuntimeError("no")

        assert await application.ensure_all_started(Second) == [Base, Second]
        await application.stop(Second)
        await application.stop(Base)
        with pytest.raises(ApplicationError):
            await application.ensure_all_started(Third)
        assert application.started_applications() == []

    @pytest.mark.otp("AP-015")
    async def test_who_needs_it_goes_on_when_it_is_stopped(self) -> None:
        await application.start(Base)
        await start(app=Middle)
        await application.stop(Base)
        assert [app for app, _, _ in application.started_applications()] == [Middle]

    async def test_they_cannot_wait_for_each_other(self) -> None:
        class One(Application):
            pass

        class Other(Application, applications=[One]):
            pass

        One.__init_subclass__(applications=[Other])
        with pytest.raises(ApplicationError, match="wait for each other: One needs Other needs One"):
            await application.ensure_all_started(One)


class TestBadUse:
    @pytest.mark.parametrize("wrong", [42, None, object, Told()])
    async def test_no_application(self, wrong: Any) -> None:
        for function in (application.start, application.ensure_all_started):
            with pytest.raises(TypeError, match="wanted a class derived from Application, got "):
                await function(wrong)

    async def test_an_unknown_start_type(self) -> None:
        with pytest.raises(ValueError, match="one of temporary, transient, permanent; got 'forever'"):
            await start(start_type="forever")

    async def test_to_wait_for_the_end_of_what_does_not_run(self) -> None:
        with pytest.raises(ApplicationError, match="Told does not run"):
            await application.wait_ended(Told)


class TestEnvironment:
    @pytest.mark.otp("AP-029")
    @pytest.mark.otp("AP-044")
    async def test_defaults_and_what_is_put(self) -> None:
        assert application.get_env(Told, "interval") == 1.0
        application.put_env(Told, "interval", 2.0)
        assert application.fetch_env(Told, "interval") == 2.0
        assert application.get_all_env(Told) == {"interval": 2.0}
        application.delete_env(Told, "interval")
        assert application.get_env(Told, "interval", "default") == "default"
        with pytest.raises(KeyError, match="for application Told because configuration at 'interval' was not set"):
            application.fetch_env(Told, "interval")

    async def test_it_is_not_the_class_that_changes(self) -> None:
        application.put_env(Told, "interval", 5.0)
        assert application.get_env(Told, "interval") == 5.0
        assert Told.__regrow_spec__.env == {"interval": 1.0}
