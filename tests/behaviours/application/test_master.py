"""The application master, invalid specs, exit reports, and the modules of an application."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from regrow import (
    Application,
    Exit,
    Pid,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError, InvalidApplication
from regrow.kernel.bounded_repr import Limits
from regrow.ops.logs import words
from tests.behaviours.application.applications import HERE, Base, Plain, Reporter, end, runs, start
from tests.behaviours.probes import news

pytestmark = pytest.mark.regrow


class TestMaster:
    @pytest.mark.otp("AP-038")
    async def test_the_top_supervisor_is_available_at_any_time(self) -> None:
        class Asks(Reporter):
            async def prep_stop(self, test: Any, /) -> Any:
                top = application.get_child(Asks)
                send(test, ("top", top is not None and top is process.whereis("reporter.sup"), runs()))
                process.spawn(ask, test)
                await process.sleep(1.0)
                return test

        async def ask(test: Pid) -> None:
            send(test, ("top", application.get_child(Asks) is process.whereis("reporter.sup"), runs()))

        assert application.get_child(Asks) is None
        await start(app=Asks)
        news()
        await application.stop(Asks)
        assert news()[:2] == [("top", True, [Asks]), ("top", True, [Asks])]
        assert application.get_child(Asks) is None
        await application.start(Base)
        assert application.get_child(Base) is None

    async def test_the_master_ignores_foreign_messages(self) -> None:
        await start()
        top = application.get_child(Reporter)
        assert top is not None
        master = process.info(top, "parent")
        send(master, "nonsense")
        process.exit(master, "nonsense")
        await process.sleep(1.0)
        assert runs() == [Reporter]


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
    def test_an_invalid_option_is_refused(self, option: str, wrong: Any) -> None:
        """OTP finds such a mistake when it loads the file; here it is found when the class is made."""
        with pytest.raises(InvalidApplication, match=f"^an application's {option}: wanted .*, got ") as caught:
            type("App", (Application,), {}, **{option: wrong})
        assert caught.value.reason == ("invalid_options", (option, wrong))

    @pytest.mark.otp("AP-039")
    def test_a_duplicate_key_is_refused(self) -> None:
        for option in ("env", "start_phases"):
            options: Any = {option: [("a", 1), ("b", 2), ("a", 2)]}
            with pytest.raises(InvalidApplication, match=f"{option}: 'a' occurs twice") as caught:
                type("App", (Application,), {}, **options)
            assert caught.value.reason == ("invalid_options", ("duplicate", option, "a"))

    @pytest.mark.otp("AP-039")
    @pytest.mark.parametrize("option", ["applications", "optional_applications", "included_applications"])
    def test_an_application_must_be_named(self, option: str) -> None:
        options: Any = {option: [Base, 42]}
        with pytest.raises(InvalidApplication, match=f"{option}: wanted classes .*, got 42") as caught:
            type("App", (Application,), {}, **options)
        assert caught.value.reason == ("bad_application", 42)

    def test_an_unknown_option_is_refused(self) -> None:
        options: Any = {"nonsense": 1}
        with pytest.raises(TypeError, match="nonsense"):
            type("App", (Application,), {}, **options)


class TestReports:
    @pytest.mark.otp("AP-041")
    async def test_an_exit_report_has_application_reason_and_type(self, reports: list[Any]) -> None:
        await application.start(Plain)
        await end(Plain)
        await application.start(Plain)
        await application.stop(Plain)
        with pytest.raises(ApplicationError):
            await start(Exit("no"))
        exits = [one for one in reports if getattr(one, "kind", None) == "exited" and "application" in one.fields]
        text = [(one.application, one.type) for one in exits]
        assert text == [(Plain, "temporary"), (Plain, "temporary"), (Reporter, "temporary")]
        assert [one.reason for one in exits][:2] == ["killed", "stopped"]

    @pytest.mark.otp("AP-041")
    async def test_the_text_of_a_report_is_limited(self, reports: list[Any]) -> None:
        """The texts are Elixir's, which do not mention the type."""
        with pytest.raises(ApplicationError):
            await start([*range(1000)])
        (exited,) = [one for one in reports if getattr(one, "kind", None) == "exited"]
        whole = words(exited, Limits())
        assert whole.startswith("Application Reporter exited: Reporter.start('normal', (")
        assert len(words(exited, Limits(depth=3))) < len(whole) < 2000
        assert "\n" not in words(exited, Limits(single_line=True))


class TestModules:
    @pytest.mark.otp("AP-048")
    async def test_the_application_of_a_module(self) -> None:
        """The application of a module is found by its package, unless an application lists the module."""

        class Named(Application, modules=["logging.config"]):
            pass

        class Remote(Application):
            __module__ = "logging.application"

        assert application.get_application("logging.config") is None
        for app in (Base, Remote, Named):
            application.load(app)
        assert application.get_application("logging.config") is Named
        assert application.get_application("logging.handlers") is Remote
        assert application.get_application(logging) is Remote
        assert application.get_application(HERE) is application.get_application(TestModules) is Base
        assert application.get_application("logs") is None

    @pytest.mark.otp("AP-048")
    def test_the_folder_of_an_application(self) -> None:
        folder = Path(__file__).parent
        assert application.app_dir(Reporter) == application.app_dir(f"{HERE}:Reporter") == folder
        assert application.app_dir(Reporter, "static/logo.svg") == folder / "static" / "logo.svg"
        assert application.app_dir(Reporter, ["static", "logo.svg"]) == folder / "static" / "logo.svg"
        with pytest.raises(ValueError, match="unknown application 'unknown'"):
            application.app_dir("unknown")


PLACE: Any = (Reporter, "start", ["normal", []])


WORDS: list[tuple[Any, str]] = [
    (("already_loaded", Reporter), "already loaded application Reporter"),
    (("not_loaded", Reporter), "not loaded application Reporter"),
    (("already_started", Reporter), "already started application Reporter"),
    (("not_started", Reporter), "not started application Reporter"),
    (("not_running", Reporter), "not started application Reporter"),
    (("running", Reporter), "running application Reporter"),
    (("not_found", "unknown"), "could not find application 'unknown'"),
    (("bad_application", 42), "bad application: 42"),
    (("invalid_options", ("env", 1)), "invalid application options: ('env', 1)"),
    (("bad_return", (PLACE, "bad")), "Reporter.start('normal', []) returned a bad value: 'bad'"),
    (("bad_return", (PLACE, ("EXIT", "boom"))), "exited in: Reporter.start('normal', [])\n    ** (EXIT) 'boom'"),
    (("no", PLACE), "Reporter.start('normal', []) returned an error: 'no'"),
    (("unknown", ("not_found", "unknown")), "'unknown': could not find application 'unknown'"),
    ("nonsense", "'nonsense'"),
]


@pytest.mark.parametrize(("reason", "text"), WORDS)
def test_a_reason_in_words(reason: Any, text: str) -> None:
    assert application.format_error(reason) == text
