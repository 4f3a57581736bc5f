"""Applications that others need: their start, their order, optional and included ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from regrow import (
    Application,
    Error,
    VirtualClock,
    application,
    process,
)
from regrow.behaviours.application.spec import ApplicationError
from regrow.kernel.running import running
from tests.behaviours.application.applications import HERE, Base, Middle, Plain, Reporter, end, refused, runs, start
from tests.behaviours.probes import news

pytestmark = pytest.mark.regrow


class Optional(Plain, applications=["unknown:Nothing", f"{HERE}:Base"]):
    __test__ = False


class Content(Optional, optional_applications=["unknown:Nothing", Base]):
    """An application whose needed applications may be missing, or not run."""


class TestNeeds:
    @pytest.mark.otp("AP-003")
    @pytest.mark.parametrize(
        "name", ["unknown", "unknown:Nothing", f"{HERE}:Nothing", "tests.unknown.anywhere:Nothing"]
    )
    async def test_a_needed_application_is_not_found(self, name: str) -> None:
        class Lacks(Application, applications=[Base, name]):
            pass

        for app in (name, Lacks):
            with pytest.raises(ApplicationError, match=f"there is no application '{name}'") as caught:
                await application.ensure_all_started(app)
            assert caught.value.reason == (name, ("not_found", name))
        assert runs() == []

    async def test_a_needed_application_cannot_be_imported(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "needy_package.py").write_text("import missing_module")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        with pytest.raises(ModuleNotFoundError, match="missing_module"):
            await application.start("needy_package:App")
        with pytest.raises(TypeError, match="'pathlib:Path', which is Path"):
            await application.start("pathlib:Path")

    @pytest.mark.otp("AP-004")
    async def test_only_applications_that_did_not_run_are_returned(self) -> None:
        class Above(Application, applications=[Base]):
            pass

        assert await application.ensure_all_started(Above) == [Base, Above]
        await application.stop(Above)
        assert await application.ensure_all_started(Above) == [Above]
        assert await application.ensure_all_started(Above) == []

    async def test_a_running_application_is_not_checked_again(self) -> None:
        class Above(Application, applications=[Base]):
            pass

        await application.ensure_all_started(Above)
        await application.stop(Base)
        assert await application.ensure_all_started(Above) == []

    @pytest.mark.otp("AP-007")
    async def test_an_optional_application_may_be_missing(self) -> None:
        await application.start(Content)
        await application.stop(Content)
        assert await application.ensure_all_started(Content) == [Base, Content]
        with pytest.raises(ApplicationError, match="Optional needs 'unknown:Nothing', which does not run") as caught:
            await application.start(Optional)
        assert caught.value.reason == ("not_started", "unknown:Nothing")

    @pytest.mark.otp("AP-008")
    async def test_an_optional_application_need_not_run(self) -> None:
        class Above(Plain, applications=[Plain], optional_applications=[Plain]):
            pass

        await application.start(Above)
        await application.stop(Above)
        assert await application.ensure_all_started(Above) == [Plain, Above]
        await application.stop(Above)
        await end(Plain)
        await application.start(Above)

    @pytest.mark.otp("AP-022")
    async def test_a_needed_application_has_ended_by_itself(self) -> None:
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
        await application.start(Plain)  # the application can start again
        await application.start(Above)

    async def test_an_application_that_is_starting_does_not_run_yet(self) -> None:
        class Above(Plain, applications=[Reporter]):
            pass

        process.spawn_link(application.start, Reporter, "temporary", (process.current(), "slowly"))
        await process.sleep(0.5)
        with pytest.raises(ApplicationError) as caught:
            await application.start(Above)
        assert caught.value.reason == ("not_started", Reporter)
        assert await application.ensure_all_started(Above) == [Above]

    @pytest.mark.otp("AP-004")
    async def test_needed_applications_must_run(self) -> None:
        with pytest.raises(
            ApplicationError, match=r"needs Base, which does not run\. Use ensure_all_started"
        ) as caught:
            await start(app=Middle)
        assert caught.value.reason == ("not_started", Base)

    async def test_needed_applications_start_first_and_stop_if_a_later_one_fails(self) -> None:
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
    async def test_an_application_continues_when_a_needed_one_stops(self) -> None:
        await application.start(Base)
        await start(app=Middle)
        await application.stop(Base)
        assert [app for app, _, _ in application.started_applications()] == [Middle]

    async def test_applications_cannot_need_each_other(self) -> None:
        class One(Application):
            pass

        class Other(Application, applications=[One]):
            pass

        One.__init_subclass__(applications=[Other])
        with pytest.raises(ApplicationError, match="need each other: One needs Other needs One"):
            await application.ensure_all_started(One)

    async def test_the_error_names_the_application_that_failed(self) -> None:
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
            assert runs() == [Base]  # applications that ran before continue

    async def test_each_application_gets_the_start_type_and_the_args_of_its_class(self) -> None:
        test = process.current()

        class Below(Reporter, args=(test,)):
            pass

        class Above(Application, applications=[Below]):
            pass

        await application.ensure_all_started(Above, "transient")
        assert news()[0] == ("start", "normal")
        entries = running().node.applications
        assert [entries[app].start_type for app in (Below, Above)] == ["transient", "transient"]

    @pytest.mark.parametrize("mode", ["serial", "concurrent"])
    async def test_several_applications_start_at_once(self, mode: Any) -> None:
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

    async def test_a_concurrent_start_takes_as_long_as_the_longest_path(self, virtual_clock: VirtualClock) -> None:
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
    """An included application is loaded with the including one, which starts its tree."""

    @pytest.mark.otp("AP-016")
    async def test_included_applications_are_loaded_and_unloaded_together(self) -> None:
        class Inner(Application, env={"depth": 2}):
            pass

        class Outer(Application, included_applications=[Inner, Base]):
            pass

        class Whole(Application, included_applications=[Outer]):
            pass

        application.load(Base)  # an application that is loaded already may be included
        application.load(Whole)
        assert {app for app, _, _ in application.loaded_applications()} == {Base, Whole, Outer, Inner}
        await application.start(Whole)
        assert runs() == [Whole]
        await application.stop(Whole)
        application.unload(Whole)
        assert application.loaded_applications() == []

        class Lacks(Application, included_applications=["unknown"]):
            pass

        assert refused(application.load, Lacks) == ("not_found", "unknown")
        assert application.loaded_applications() == []
