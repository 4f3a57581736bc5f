"""Applications: in which order they start and stop, what they are told, what is left of them."""

from __future__ import annotations

import asyncio
import logging
import sys
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, cast

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
    application,
    process,
    run,
    send,
)
from regrow.behaviours.application.spec import ApplicationError, InvalidApplication
from regrow.kernel.bounded_repr import Limits
from regrow.kernel.running import running
from regrow.ops.logs import words
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


class Plain(Application):
    """Nothing but a tree, which is empty."""

    async def start(self, _start_type: str, _args: Any, /) -> Any:
        return await Supervisor.start_link([])


def runs() -> list[type[Application]]:
    """What runs, the first started first."""
    return [app for app, _, _ in reversed(application.started_applications())]


def refused(function: Any, *args: Any) -> Any:
    """Why a function of `application` fails."""
    with pytest.raises(ApplicationError) as caught:
        function(*args)
    return caught.value.reason


async def end(app: type[Application], reason: str = "kill") -> None:
    """End the top of an application's tree, and wait until the application has ended, too."""
    top = application.get_child(app)
    assert top is not None
    if reason == "kill":
        process.exit(top, "kill")
    else:
        await Supervisor.stop(top, reason)
    await application.wait_ended(app)


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

    @pytest.mark.otp("AP-001")
    @pytest.mark.parametrize("start_type", ["temporary", "permanent"])
    async def test_it_is_started_unless_it_runs(self, start_type: Any) -> None:
        await application.ensure_started(Plain, start_type)
        await application.ensure_started(Plain, start_type)
        assert runs() == [Plain]
        await application.stop(Plain)
        for function in (application.start, application.ensure_started):
            with pytest.raises(ApplicationError, match="there is no application 'nobody'") as caught:
                await function("nobody", start_type)
            assert caught.value.reason == ("not_found", "nobody")

    @pytest.mark.otp("AP-013")
    async def test_it_is_not_unloaded_while_it_runs(self) -> None:
        await application.start(Plain)
        assert refused(application.unload, Plain) == ("running", Plain)
        await application.stop(Plain)
        application.unload(Plain)
        assert refused(application.unload, Plain) == ("not_loaded", Plain)
        await application.start(Plain)  # which loads it
        assert refused(application.load, Plain) == ("already_loaded", Plain)

    async def test_one_that_has_ended_by_itself_can_be_unloaded_and_stopped_once(self) -> None:
        await application.start(Plain)
        await end(Plain, "kill")
        assert runs() == []
        application.unload(Plain)
        await application.stop(Plain)
        with pytest.raises(ApplicationError, match="Plain does not run"):
            await application.stop(Plain)

    @pytest.mark.otp("AP-046")
    async def test_what_runs_and_what_is_loaded(self) -> None:
        application.load(Base)
        await start()
        assert application.started_applications() == [(Told, "tells its test", "1.2")]
        assert application.which_applications(timeout=1.0) == [(Told, "tells its test", "1.2")]
        assert application.loaded_applications() == [(Base, "", ""), (Told, "tells its test", "1.2")]
        application.ensure_loaded(Base)
        assert refused(application.ensure_loaded, "nobody") == ("not_found", "nobody")

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

    async def test_one_of_its_own_processes_stops_it(self) -> None:
        """It ends with its application, and does not live to hear how that went."""

        class Stops(Told):
            async def start(self, start_type: str, args: Any, /) -> Any:
                process.spawn(stop_it, args[0])
                return await super().start(start_type, args)

        async def stop_it(test: Pid) -> None:
            await process.sleep(1.0)
            await application.stop(Stops)
            send(test, ("answered",))

        await start(app=Stops)
        await process.sleep(1.5)
        assert runs() == []
        assert news()[-1] == ("stop", False)

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
        info: Any = process.info
        master: Any = info(ref.watched, "parent")
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


class Keeps(Application):
    """Says what happens to it, and waits until it is told to end."""

    said: ClassVar[list[Any]] = []

    async def start(self, _start_type: str, _args: Any, /) -> Any:
        return await Supervisor.start_link([])

    def prep_stop(self, state: Any, /) -> Any:
        self.said.append((type(self).__name__, "prep_stop"))
        return state

    def stop(self, _state: Any, /) -> None:
        self.said.append((type(self).__name__, "stop"))


class First(Keeps):
    pass


class Last(Keeps):
    pass


STOPPED = [(name, callback) for name in ("Last", "First") for callback in ("prep_stop", "stop")]


class TestStartTypes:
    """Where OTP's node goes down, the program ends in order: what waits for it gets `Ended`."""

    @pytest.fixture(autouse=True)
    def nothing_is_said(self) -> None:
        Keeps.said.clear()

    @staticmethod
    async def main(start_type: Any, reason: str) -> str:
        """A program with two applications, the second of which ends by itself."""
        await application.start(First)
        await application.start(Last, start_type)
        await end(Last, reason)
        for _ in range(3):
            await process.sleep(0.001)
        return "goes on"

    ENDS = ("normal", "shutdown", "kill")
    GOES_ON = (*(("temporary", reason) for reason in ENDS), ("transient", "normal"))
    ENDS_IT = (("transient", "shutdown"), ("transient", "kill"), *(("permanent", reason) for reason in ENDS))

    @pytest.mark.otp("AP-025")
    @pytest.mark.parametrize(("start_type", "reason"), GOES_ON)
    def test_the_program_goes_on(self, start_type: Any, reason: str) -> None:
        assert run(self.main, start_type, reason, node=Node(clock=VirtualClock())) == "goes on"
        assert Keeps.said == STOPPED

    @pytest.mark.otp("AP-025")
    @pytest.mark.parametrize(("start_type", "reason"), ENDS_IT)
    def test_the_program_ends(self, start_type: Any, reason: str) -> None:
        why = "killed" if reason == "kill" else reason
        with pytest.raises(application.Ended, match=f"^Last ended: '{why}'$") as caught:
            run(self.main, start_type, reason, node=Node(clock=VirtualClock()))
        assert caught.value.reason == ("application_terminated", Last, why)
        assert Keeps.said == STOPPED

    @pytest.mark.otp("AP-018")
    @pytest.mark.parametrize("start_type", ["transient", "permanent"])
    def test_the_program_ends_if_it_does_not_start(self, start_type: Any) -> None:
        class Fails(Application):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                raise Exit("abnormal")

        why = ("bad_return", ((Fails, "start", ["normal", ()]), ("EXIT", "abnormal")))
        heard: list[Any] = []

        async def main() -> None:
            await application.start(First)
            try:
                await application.start(Fails, start_type)
            except ApplicationError as error:
                heard.append(error.reason)
            await process.receive()

        with pytest.raises(application.Ended) as caught:
            run(main, node=Node(clock=VirtualClock()))
        assert heard == [why]
        assert caught.value.reason == ("application_start_failure", Fails, why)
        assert Keeps.said == STOPPED[2:]

    def test_the_program_goes_on_if_it_is_stopped(self) -> None:
        async def main() -> str:
            await application.start(First, "permanent")
            await application.stop(First)
            await process.sleep(0.01)
            return "goes on"

        assert run(main, node=Node(clock=VirtualClock())) == "goes on"

    def test_a_block_that_holds_the_node_is_left(self) -> None:
        left: list[str] = []

        async def main() -> None:
            async with Node():
                await application.start(First)
                await application.start(Last, "permanent")
                process.exit(cast("Pid", application.get_child(Last)), "kill")
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    left.append("left")

        with pytest.raises(application.Ended, match="Last ended: 'killed'"):
            asyncio.run(main())
        assert left == ["left"]
        assert Keeps.said == STOPPED

    def test_a_node_without_a_block_stops(self) -> None:
        async def main() -> bool:
            node = Node()
            node.start()
            await application.start(Last, "permanent")
            process.exit(cast("Pid", application.get_child(Last)), "kill")
            while node.running:  # noqa: ASYNC110  (nobody tells that a node has stopped)
                await asyncio.sleep(0)
            return node.running

        assert asyncio.run(main()) is False
        assert Keeps.said == STOPPED[:2]

    def test_an_application_that_is_run_tells_which_one_has_ended(self) -> None:
        class Whole(Application, applications=[First]):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                process.spawn(end, First, "shutdown")
                return await Supervisor.start_link([])

        with pytest.raises(application.Ended, match="First ended: 'shutdown'") as caught:
            run(Whole, node=Node(clock=VirtualClock()))
        assert caught.value.reason == ("application_terminated", First, "shutdown")

    @pytest.mark.otp("AP-036")
    def test_who_asked_is_told_before_the_end(self) -> None:
        """The hook is what OTP names in the environment of `kernel`; here it is a function, `async def` or not."""
        said: list[Any] = []

        async def down(reason: Any) -> None:
            said.append((reason, runs()))

        async def main(reason: str | None) -> None:
            application.put_env("kernel", "shutdown_func", down)
            await application.start(First, "permanent")
            if reason is not None:
                await end(First, reason)

        run(main, None, node=Node(clock=VirtualClock()))
        with pytest.raises(application.Ended):
            run(main, "kill", node=Node(clock=VirtualClock()))
        assert said == [("shutdown", [First]), (("application_terminated", First, "killed"), [])]

    @pytest.mark.otp("AP-036")
    def test_who_asked_is_told_before_the_end_of_an_application_that_is_run(self) -> None:
        said: list[Any] = []

        def down(reason: Any) -> None:
            said.append((reason, runs()))

        class Whole(Application, applications=[First]):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                application.put_env("kernel", "shutdown_func", down)
                process.spawn(end, Whole, "shutdown")
                return await Supervisor.start_link([])

        with pytest.raises(application.Ended):
            run(Whole, node=Node(clock=VirtualClock()))
        assert said == [(("application_terminated", Whole, "shutdown"), [First])]

    def test_who_asked_may_fail(self, caplog: pytest.LogCaptureFixture) -> None:
        def down(_reason: Any) -> None:
            raise RuntimeError("in shutdown_func")

        async def main() -> None:
            application.put_env("kernel", "shutdown_func", down)

        run(main)
        assert "in shutdown_func" in caplog.text


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

    node = running().node
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

    @pytest.mark.otp("AP-018")
    @pytest.mark.parametrize("start_type", ["temporary", "transient"])
    async def test_it_exits_normally(self, start_type: Any) -> None:
        with pytest.raises(ApplicationError) as caught:
            await start(Exit("normal"), start_type=start_type)
        why, place = caught.value.reason
        assert why == ("EXIT", "normal")
        assert place[:2] == (Told, "start")

    async def test_a_child_of_its_tree_is_none(self) -> None:
        class Faulty(Application):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                return await Supervisor.start_link([(int, 1)])

        with pytest.raises(ApplicationError) as caught:
            await application.start(Faulty)
        first, *rest = str(caught.value).split("\n")
        assert first.startswith("Faulty did not start: its start ended with InvalidChild: int was given as a child")
        assert len(rest) == 2

    async def test_it_raises_what_cannot_be_told(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        with pytest.raises(ApplicationError, match=r"its start ended with .*Mute"):
            await start(Mute())

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


class Phased(Told, start_phases=[("init", 1), ("go", {"how": "fast"})]):
    """Tells its test, which is registered, of each phase; what a phase returns is an option."""

    def start_phase(self, phase: Any, start_type: str, args: Any, /) -> Any:
        send("test", (type(self).__name__, phase, start_type, args, application.start_type()))
        returned = application.get_env(type(self), "returns", {})
        if isinstance(returned.get(phase), BaseException):
            raise returned[phase]
        return returned.get(phase)


class TestPhases:
    async def test_they_come_in_order_when_the_tree_is_up(self) -> None:
        process.register("test", process.current())
        await start(app=Phased)
        assert news()[-2:] == [
            ("Phased", "init", "normal", 1, "normal"),
            ("Phased", "go", "normal", {"how": "fast"}, "normal"),
        ]
        await application.stop(Phased)

    @pytest.mark.otp("AP-027")
    async def test_one_fails(self) -> None:
        process.register("test", process.current())
        application.put_env(Phased, "returns", {"init": "ok", "go": Error("no")})
        with pytest.raises(ApplicationError, match="Phased did not start: its phase 'go' returned Error") as caught:
            await start(app=Phased)
        assert caught.value.reason == ("no", (Phased, "start_phase", ["go", "normal", {"how": "fast"}]))
        assert runs() == []
        assert process.whereis("told.sup") is None
        said = news()
        assert ("ended", "child", "shutdown") in said
        assert not [one for one in said if one[0] in ("prep_stop", "stop")]

    @pytest.mark.parametrize("returned", ["nonsense", RuntimeError("boom"), Exit("boo")])
    async def test_one_returns_nonsense_or_raises(self, returned: Any) -> None:
        process.register("test", process.current())
        application.put_env(Phased, "returns", {"init": returned})
        with pytest.raises(ApplicationError) as caught:
            await start(app=Phased)
        place = (Phased, "start_phase", ["init", "normal", 1])
        how = {"nonsense": "nonsense"}.get(str(returned), ("EXIT", getattr(returned, "reason", returned)))
        assert caught.value.reason == ("bad_return_value", (place, how))

    async def test_those_that_it_includes_have_theirs_in_between(self) -> None:
        class Part(Phased, start_phases=[("go", "part"), ("other", 0)]):
            pass

        class Whole(Phased, included_applications=[Part]):
            pass

        process.register("test", process.current())
        await start(app=Whole)
        phases = [said[:4] for said in news() if len(said) == 5]
        assert phases == [
            ("Whole", "init", "normal", 1),
            ("Whole", "go", "normal", {"how": "fast"}),
            ("Part", "go", "normal", "part"),
        ]


class Base(Application):
    """A library: nothing runs."""


class Middle(Told, applications=[Base]):
    pass


class Top(Application, applications=[Middle, Base]):
    async def start(self, _start_type: str, _args: Any, /) -> Any:
        raise RuntimeError("no")


HERE = "tests.behaviours.test_application"


class Optional(Plain, applications=["nobody:Nothing", f"{HERE}:Base"]):
    __test__ = False


class Content(Optional, optional_applications=["nobody:Nothing", Base]):
    """What it needs may be missing, or not run."""


class TestNeeds:
    @pytest.mark.otp("AP-003")
    @pytest.mark.parametrize("name", ["nobody", "nobody:Nothing", f"{HERE}:Nothing", "tests.nobody.anywhere:Nothing"])
    async def test_one_is_not_found(self, name: str) -> None:
        class Lacks(Application, applications=[Base, name]):
            pass

        for app in (name, Lacks):
            with pytest.raises(ApplicationError, match=f"there is no application '{name}'") as caught:
                await application.ensure_all_started(app)
            assert caught.value.reason == (name, ("not_found", name))
        assert runs() == []

    async def test_one_is_there_but_cannot_be_imported(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "needy_package.py").write_text("import nobody_has_this")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        with pytest.raises(ModuleNotFoundError, match="nobody_has_this"):
            await application.start("needy_package:App")
        with pytest.raises(TypeError, match="'pathlib:Path', which is Path"):
            await application.start("pathlib:Path")

    @pytest.mark.otp("AP-004")
    async def test_only_those_that_did_not_run_are_told(self) -> None:
        class Above(Application, applications=[Base]):
            pass

        assert await application.ensure_all_started(Above) == [Base, Above]
        await application.stop(Above)
        assert await application.ensure_all_started(Above) == [Above]
        assert await application.ensure_all_started(Above) == []

    async def test_what_runs_is_not_looked_into(self) -> None:
        class Above(Application, applications=[Base]):
            pass

        await application.ensure_all_started(Above)
        await application.stop(Base)
        assert await application.ensure_all_started(Above) == []

    @pytest.mark.otp("AP-007")
    async def test_an_optional_one_may_be_missing(self) -> None:
        await application.start(Content)
        await application.stop(Content)
        assert await application.ensure_all_started(Content) == [Base, Content]
        with pytest.raises(ApplicationError, match="Optional needs 'nobody:Nothing', which does not run") as caught:
            await application.start(Optional)
        assert caught.value.reason == ("not_started", "nobody:Nothing")

    @pytest.mark.otp("AP-008")
    async def test_an_optional_one_need_not_run(self) -> None:
        class Above(Plain, applications=[Plain], optional_applications=[Plain]):
            pass

        await application.start(Above)
        await application.stop(Above)
        assert await application.ensure_all_started(Above) == [Plain, Above]
        await application.stop(Above)
        await end(Plain)
        await application.start(Above)

    @pytest.mark.otp("AP-022")
    async def test_one_has_ended_by_itself(self) -> None:
        class Above(Plain, applications=[Plain]):
            pass

        with pytest.raises(ApplicationError) as caught:
            await application.start(Above)
        assert caught.value.reason == ("not_started", Plain)
        await application.start(Plain)
        await end(Plain)
        with pytest.raises(ApplicationError, match="Above needs Plain, which does not run") as caught:
            await application.start(Above)
        assert caught.value.reason == ("not_running", Plain)
        await application.start(Plain)  # it can start again
        await application.start(Above)

    async def test_one_that_is_only_starting_does_not_run_yet(self) -> None:
        class Above(Plain, applications=[Told]):
            pass

        process.spawn_link(application.start, Told, "temporary", (process.current(), "slowly"))
        await process.sleep(0.5)
        with pytest.raises(ApplicationError) as caught:
            await application.start(Above)
        assert caught.value.reason == ("not_started", Told)
        assert await application.ensure_all_started(Above) == [Above]

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

    async def test_which_one_has_failed_is_told(self) -> None:
        class Fails(Application, applications=[Base]):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                return Error("no")

        class Above(Application, applications=[Plain, Fails]):
            pass

        await application.start(Base)
        for mode in ("serial", "concurrent"):
            with pytest.raises(ApplicationError, match="Fails did not start") as caught:
                await application.ensure_all_started(Above, mode=mode)
            assert caught.value.reason == (Fails, ("no", (Fails, "start", ["normal", ()])))
            assert runs() == [Base]  # what ran before goes on

    async def test_all_get_the_start_type_and_the_args_of_their_class(self) -> None:
        test = process.current()

        class Below(Told, args=(test,)):
            pass

        class Above(Application, applications=[Below]):
            pass

        await application.ensure_all_started(Above, "transient")
        assert news()[0] == ("start", "normal")
        entries = running().node.applications
        assert [entries[app].start_type for app in (Below, Above)] == ["transient", "transient"]

    @pytest.mark.parametrize("mode", ["serial", "concurrent"])
    async def test_several_at_once(self, mode: Any) -> None:
        class Other(Plain, applications=[Base]):
            pass

        assert await application.ensure_all_started([], mode=mode) == []
        started = await application.ensure_all_started([Other, Base, Plain], mode=mode)
        if mode == "serial":
            assert started == [Base, Other, Plain]
        assert set(started) == {Base, Other, Plain}
        assert started.index(Base) < started.index(Other)
        assert runs() == started
        assert await application.ensure_all_started((Plain, Other), mode=mode) == []

    async def test_side_by_side_it_takes_as_long_as_the_longest_way(self, virtual_clock: VirtualClock) -> None:
        class Slow(Plain):
            async def start(self, start_type: str, args: Any, /) -> Any:
                await process.sleep(1.0)
                return await super().start(start_type, args)

        class Other(Slow):
            pass

        class Above(Slow, applications=[Slow, Other]):
            pass

        class Beside(Slow):
            pass

        assert virtual_clock is not None
        begun = process.monotonic()
        started = await application.ensure_all_started([Above, Beside], mode="concurrent")
        assert process.monotonic() - begun == pytest.approx(2.0)
        assert set(started) == {Slow, Other, Above, Beside}
        assert started[-1] is Above
        for app in started:
            await application.stop(app)
        begun = process.monotonic()
        assert await application.ensure_all_started([Above, Beside]) == [Slow, Other, Above, Beside]
        assert process.monotonic() - begun == pytest.approx(4.0)


class TestIncluded:
    """An included application is loaded with the other; its tree is the other's own business."""

    @pytest.mark.otp("AP-016")
    async def test_they_are_loaded_and_unloaded_together(self) -> None:
        class Inner(Application, env={"depth": 2}):
            pass

        class Outer(Application, included_applications=[Inner, Base]):
            pass

        class Whole(Application, included_applications=[Outer]):
            pass

        application.load(Base)  # one that is loaded already may be included
        application.load(Whole)
        assert {app for app, _, _ in application.loaded_applications()} == {Base, Whole, Outer, Inner}
        await application.start(Whole)
        assert runs() == [Whole]
        await application.stop(Whole)
        application.unload(Whole)
        assert application.loaded_applications() == []

        class Lacks(Application, included_applications=["nobody"]):
            pass

        assert refused(application.load, Lacks) == ("not_found", "nobody")
        assert application.loaded_applications() == []


class TestSpec:
    @pytest.mark.otp("AP-028")
    async def test_each_key(self) -> None:
        class Whole(
            Plain,
            description="all of it",
            id="W",
            version="3.1",
            modules=["whole.parts"],
            registered=["whole.sup"],
            applications=[Base],
            optional_applications=[Base],
            included_applications=[Middle],
            env={"key": "value"},
            start_phases=[("go", [])],
            max_time=10,
            args=("a", "b"),
        ):
            pass

        whole: dict[str, Any] = {
            "description": "all of it",
            "id": "W",
            "vsn": "3.1",
            "modules": ("whole.parts",),
            "maxT": 10.0,
            "registered": ("whole.sup",),
            "included_applications": (Middle,),
            "optional_applications": (Base,),
            "applications": (Base,),
            "start_phases": (("go", []),),
            "env": {"key": "value"},
            "mod": (Whole, ("a", "b")),
        }
        assert application.get_key(Whole, "vsn") is None  # it is not loaded
        assert application.get_all_key(Whole) is application.spec(Whole) is None
        application.load(Whole)
        assert {key: application.get_key(Whole, key) for key in whole} == application.get_all_key(Whole) == whole
        assert application.get_key(Whole, "nonsense") is None
        assert application.get_key("nobody", "vsn") is None
        del whole["env"]
        assert application.spec(Whole) == {key: application.spec(Whole, key) for key in whole} == whole
        with pytest.raises(ValueError, match=r"spec: key is one of description, id, .*; got 'nonsense'"):
            application.spec(Whole, "nonsense")

    async def test_the_keys_of_a_library(self) -> None:
        application.load(Base)
        keys = application.get_all_key(Base)
        assert keys is not None
        assert (keys["mod"], keys["start_phases"], keys["maxT"]) == (None, None, None)

    async def test_a_process_asks_for_its_own(self) -> None:
        class Asks(Application, version="3", env={"k": 5}):
            async def start(self, _start_type: str, test: Any, /) -> Any:
                send(test, (application.get_key("vsn"), application.get_all_env(), application.start_type()))
                return await Supervisor.start_link([ChildSpec("child", (start_task, (test,)))])

        async def start_task(test: Pid) -> Pid:
            async def ask() -> None:
                await process.sleep(1.5)
                send(test, ((application.get_all_key() or {}).get("env"), application.start_type()))

            return process.spawn_link(ask)

        await application.start(Asks, args=process.current())
        await process.sleep(2.0)
        assert news() == [("3", {"k": 5}, "normal"), ({"k": 5}, "local")]
        assert application.start_type() is application.get_key("vsn") is application.get_all_key() is None

    async def test_what_a_derived_class_does_not_say_it_inherits(self) -> None:
        class Derived(Told, version="2", env={"more": 1}):
            pass

        application.load(Derived)
        told = ("tells its test", "2", {"interval": 1.0, "more": 1})
        assert tuple(application.get_key(Derived, key) for key in ("description", "vsn", "env")) == told

    async def test_its_time_is_over(self) -> None:
        class Short(Plain, max_time=3.0):
            pass

        await application.start(Short, "transient")
        await process.sleep(2.9)
        assert runs() == [Short]
        await process.sleep(0.2)
        assert runs() == []
        assert await application.wait_ended(Short) == "normal"


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

    @pytest.mark.otp("AP-029")
    @pytest.mark.otp("AP-044")
    async def test_of_an_application_that_nobody_knows(self) -> None:
        assert application.get_env("nobody", "key") is None
        assert application.get_env("nobody", "key", "default") == "default"
        assert application.get_all_env("nobody") == {}
        application.delete_env("nobody", "key")
        with pytest.raises(KeyError, match="for application 'nobody' because the application was not loaded nor conf"):
            application.fetch_env("nobody", "key")
        application.put_env("nobody", "key", 1)
        assert application.fetch_env("nobody", "key") == 1

    @pytest.mark.otp("AP-031")
    async def test_what_is_persistent_wins_over_the_spec_and_survives_unload(self) -> None:
        application.put_all_env({Told: {"interval": 2.0, "own": 1}, Base: {"own": 2}}, persistent=True)
        for _ in range(2):
            application.load(Told)
            application.load(Base)
            assert application.get_all_env(Told) == {"interval": 2.0, "own": 1}
            assert application.get_all_env(Base) == {"own": 2}
            application.unload(Told)
            application.unload(Base)

    @pytest.mark.otp("AP-032")
    async def test_what_is_not_persistent_is_gone_after_unload(self) -> None:
        class App(Application, env={"a": "spec", "b": "spec", "c": "spec"}):
            pass

        application.set_env(App, "a", "put", persistent=True)
        application.set_env({App: {"d": "put", "e": "put"}}, persistent=True)
        application.load(App)
        application.set_env(App, "b", "put", persistent=True)
        application.set_env(App, "c", "put")
        assert application.get_all_env(App) == dict.fromkeys("abcde", "put")
        application.unload(App)
        application.load(App)
        assert application.get_all_env(App) == dict.fromkeys("abde", "put") | {"c": "spec"}
        application.unset_env(App, "a", persistent=True)
        application.unset_env(App, "d", persistent=True)
        application.unset_env(App, "b")
        application.unset_env(App, "e")
        assert application.get_all_env(App) == {"c": "spec"}
        application.unload(App)
        application.load(App)
        assert application.get_all_env(App) == {"a": "spec", "b": "put", "c": "spec", "e": "put"}

    @pytest.mark.otp("AP-032")
    async def test_what_is_persistent_wins_when_it_is_loaded(self) -> None:
        """Whatever was set or unset since, unless that was persistent, too."""

        class App(Application, env={"a": "spec", "b": "spec"}):
            pass

        for key in "ab":
            application.set_env(App, key, "persistent", persistent=True)
        application.set_env(App, "a", "put")
        application.unset_env(App, "b")
        application.load(App)
        assert application.get_all_env(App) == {"a": "persistent", "b": "persistent"}

    async def test_what_was_put_before_it_is_loaded_stays(self) -> None:
        """OTP lets the spec win over what is not persistent: there the file is another's, here the class is at hand."""
        application.put_env(Told, "interval", 2.0)
        application.delete_env(Told, "other")
        application.load(Told)
        assert application.get_all_env(Told) == {"interval": 2.0}

    async def test_a_name_and_its_class_have_the_same(self) -> None:
        application.put_env(f"{HERE}:Told", "interval", 3.0)
        assert application.get_env(Told, "interval") == 3.0

    async def test_values_of_several_that_are_none(self) -> None:
        wrongs: list[Any] = ["nonsense", [("app", {})], {"app": [("key", 1)]}, {"app": None}]
        for wrong, function in product(wrongs, (application.put_all_env, application.set_env)):
            with pytest.raises(TypeError, match="wanted a mapping of mappings"):
                function(wrong)

    async def test_it_is_not_the_class_that_changes(self) -> None:
        application.put_env(Told, "interval", 5.0)
        assert application.get_env(Told, "interval") == 5.0
        assert Told.__regrow_spec__.env == {"interval": 1.0}


class Changes(Plain, env={"k": 1, "z": 1}):
    async def config_change(self, changed: Any, new: Any, removed: Any, /) -> Any:
        send("test", (type(self).__name__, changed, new, removed))
        answer = application.get_env("test", "answer")
        if isinstance(answer, Exception):
            raise answer
        return answer


class ChangesToo(Changes):
    pass


class TestConfigChange:
    @pytest.mark.otp("AP-035")
    async def test_who_runs_is_told_what_has_changed(self) -> None:
        process.register("test", process.current())
        await application.start(Changes)
        await application.start(Plain)
        before = application.prep_config_change()
        assert before == {Changes: {"k": 1, "z": 1}, Plain: {}}
        await application.config_change(before)
        application.put_env(Changes, "k", 2)
        application.put_env(Changes, "n", 2)
        application.delete_env(Changes, "z")
        for other in (Plain, ChangesToo):  # one has no such callback, one does not run
            application.put_env(other, "n", 2)
        assert news() == []
        await application.config_change(before)
        assert news() == [("Changes", {"k": 2}, {"n": 2}, ["z"])]
        await application.start(ChangesToo)  # all that it has is new
        await application.config_change(before)
        assert news()[1:] == [("ChangesToo", {}, {"k": 1, "z": 1, "n": 2}, [])]

    @pytest.mark.otp("AP-035")
    async def test_some_do_not_agree(self) -> None:
        process.register("test", process.current())
        boom = RuntimeError("boom")
        await application.start(Changes)
        await application.start(ChangesToo)
        for answer, why in [(Error("no"), "no"), ("nonsense", "nonsense"), (boom, ("EXIT", boom))]:
            application.put_env("test", "answer", answer)
            with pytest.raises(ApplicationError, match="the configuration was not accepted") as caught:
                await application.config_change({})
            assert caught.value.reason == [why, why]
        application.put_env("test", "answer", "ok")
        await application.config_change({})


class TestMaster:
    @pytest.mark.otp("AP-038")
    async def test_the_top_of_the_tree_can_be_asked_for_at_any_time(self) -> None:
        class Asks(Told):
            async def prep_stop(self, test: Any, /) -> Any:
                top = application.get_child(Asks)
                send(test, ("top", top is not None and top is process.whereis("told.sup"), runs()))
                process.spawn(ask, test)
                await process.sleep(1.0)
                return test

        async def ask(test: Pid) -> None:
            send(test, ("top", application.get_child(Asks) is process.whereis("told.sup"), runs()))

        assert application.get_child(Asks) is None
        await start(app=Asks)
        news()
        await application.stop(Asks)
        assert news()[:2] == [("top", True, [Asks]), ("top", True, [Asks])]
        assert application.get_child(Asks) is None
        await application.start(Base)
        assert application.get_child(Base) is None

    async def test_it_does_not_mind_what_others_send_to_it(self) -> None:
        await start()
        top = application.get_child(Told)
        assert top is not None
        master = process.info(top, "parent")
        send(master, "nonsense")
        process.exit(master, "nonsense")
        await process.sleep(1.0)
        assert runs() == [Told]


class TestInvalid:
    @pytest.mark.otp("AP-039")
    @pytest.mark.parametrize(
        ("option", "wrong"),
        [
            ("description", 1),
            ("id", 1),
            ("version", 1.0),
            ("modules", "one.module"),
            ("modules", [int]),
            ("registered", 5),
            ("applications", 5),
            ("applications", "other:App"),
            ("env", 1),
            ("env", "text"),
            ("env", [1]),
            ("env", [("a", 1, 2)]),
            ("start_phases", 1),
            ("start_phases", ["go"]),
            ("max_time", "a"),
            ("max_time", -1),
        ],
    )
    def test_an_option(self, option: str, wrong: Any) -> None:
        """What OTP finds in the file when it loads it is found here when the class is made."""
        with pytest.raises(InvalidApplication, match=f"^an application's {option}: wanted .*, got ") as caught:
            type("App", (Application,), {}, **{option: wrong})
        assert caught.value.reason == ("invalid_options", (option, wrong))

    @pytest.mark.otp("AP-039")
    def test_a_key_stands_twice(self) -> None:
        for option in ("env", "start_phases"):
            options: Any = {option: [("a", 1), ("b", 2), ("a", 2)]}
            with pytest.raises(InvalidApplication, match=f"{option}: 'a' stands twice") as caught:
                type("App", (Application,), {}, **options)
            assert caught.value.reason == ("invalid_options", ("duplicate", option, "a"))

    @pytest.mark.otp("AP-039")
    @pytest.mark.parametrize("option", ["applications", "optional_applications", "included_applications"])
    def test_no_application_is_named(self, option: str) -> None:
        options: Any = {option: [Base, 42]}
        with pytest.raises(InvalidApplication, match=f"{option}: wanted classes .*, got 42") as caught:
            type("App", (Application,), {}, **options)
        assert caught.value.reason == ("bad_application", 42)

    def test_an_unknown_option(self) -> None:
        options: Any = {"nonsense": 1}
        with pytest.raises(TypeError, match="nonsense"):
            type("App", (Application,), {}, **options)


class TestReports:
    @pytest.mark.otp("AP-041")
    async def test_an_exit_tells_application_reason_and_type(self, reports: list[Any]) -> None:
        await application.start(Plain)
        await end(Plain)
        await application.start(Plain)
        await application.stop(Plain)
        with pytest.raises(ApplicationError):
            await start(Exit("no"))
        exits = [one for one in reports if getattr(one, "kind", None) == "exited" and "application" in one.fields]
        told = [(one.application, one.type) for one in exits]
        assert told == [(Plain, "temporary"), (Plain, "temporary"), (Told, "temporary")]
        assert [one.reason for one in exits][:2] == ["killed", "stopped"]

    @pytest.mark.otp("AP-041")
    async def test_the_words_are_limited(self, reports: list[Any]) -> None:
        """The texts are Elixir's, which leave the type out."""
        with pytest.raises(ApplicationError):
            await start([*range(1000)])
        (exited,) = [one for one in reports if getattr(one, "kind", None) == "exited"]
        whole = words(exited, Limits())
        assert whole.startswith("Application Told exited: Told.start('normal', (")
        assert len(words(exited, Limits(depth=3))) < len(whole) < 2000
        assert "\n" not in words(exited, Limits(single_line=True))


class TestModules:
    @pytest.mark.otp("AP-048")
    async def test_the_application_of_a_module(self) -> None:
        """A module is found by the package that it is in, unless an application names it."""

        class Named(Application, modules=["logging.config"]):
            pass

        class Elsewhere(Application):
            __module__ = "logging.application"

        assert application.get_application("logging.config") is None
        for app in (Base, Elsewhere, Named):
            application.load(app)
        assert application.get_application("logging.config") is Named
        assert application.get_application("logging.handlers") is Elsewhere
        assert application.get_application(logging) is Elsewhere
        assert application.get_application(HERE) is application.get_application(TestModules) is Base
        assert application.get_application("logs") is None

    @pytest.mark.otp("AP-048")
    def test_the_folder_of_an_application(self) -> None:
        folder = Path(__file__).parent
        assert application.app_dir(Told) == application.app_dir(f"{HERE}:Told") == folder
        assert application.app_dir(Told, "static/logo.svg") == folder / "static" / "logo.svg"
        assert application.app_dir(Told, ["static", "logo.svg"]) == folder / "static" / "logo.svg"
        with pytest.raises(ValueError, match="unknown application 'nobody'"):
            application.app_dir("nobody")


PLACE: Any = (Told, "start", ["normal", []])
WORDS: list[tuple[Any, str]] = [
    (("already_loaded", Told), "already loaded application Told"),
    (("not_loaded", Told), "not loaded application Told"),
    (("already_started", Told), "already started application Told"),
    (("not_started", Told), "not started application Told"),
    (("not_running", Told), "not started application Told"),
    (("running", Told), "running application Told"),
    (("not_found", "nobody"), "could not find application 'nobody'"),
    (("bad_application", 42), "bad application: 42"),
    (("invalid_options", ("env", 1)), "invalid application options: ('env', 1)"),
    (("bad_return", (PLACE, "bad")), "Told.start('normal', []) returned a bad value: 'bad'"),
    (("bad_return", (PLACE, ("EXIT", "boom"))), "exited in: Told.start('normal', [])\n    ** (EXIT) 'boom'"),
    (("no", PLACE), "Told.start('normal', []) returned an error: 'no'"),
    (("nobody", ("not_found", "nobody")), "'nobody': could not find application 'nobody'"),
    ("nonsense", "'nonsense'"),
]


@pytest.mark.parametrize(("reason", "told"), WORDS)
def test_a_reason_in_words(reason: Any, told: str) -> None:
    assert application.format_error(reason) == told
