"""Master."""

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
from tests.behaviours.application.applications import HERE, Base, Plain, Told, end, runs, start
from tests.behaviours.probes import news

pytestmark = pytest.mark.regrow


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
            with pytest.raises(InvalidApplication, match=f"{option}: 'a' occurs twice") as caught:
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
