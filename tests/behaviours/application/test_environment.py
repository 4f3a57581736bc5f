"""The environment of an application: put_env, get_env, persistence, and config_change."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from regrow import (
    Application,
    Error,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from tests.behaviours.application.applications import HERE, Base, Plain, Reporter
from tests.behaviours.probes import news

pytestmark = pytest.mark.regrow


class TestEnvironment:
    @pytest.mark.otp("AP-029")
    @pytest.mark.otp("AP-044")
    async def test_defaults_and_values_that_are_put(self) -> None:
        assert application.get_env(Reporter, "interval") == 1.0
        application.put_env(Reporter, "interval", 2.0)
        assert application.fetch_env(Reporter, "interval") == 2.0
        assert application.get_all_env(Reporter) == {"interval": 2.0}
        application.delete_env(Reporter, "interval")
        assert application.get_env(Reporter, "interval", "default") == "default"
        with pytest.raises(KeyError, match="for application Reporter because configuration at 'interval' was not set"):
            application.fetch_env(Reporter, "interval")

    @pytest.mark.otp("AP-029")
    @pytest.mark.otp("AP-044")
    async def test_an_unknown_application_has_no_environment(self) -> None:
        assert application.get_env("unknown", "key") is None
        assert application.get_env("unknown", "key", "default") == "default"
        assert application.get_all_env("unknown") == {}
        application.delete_env("unknown", "key")
        with pytest.raises(KeyError, match="for application 'unknown' because the application was not loaded nor conf"):
            application.fetch_env("unknown", "key")
        application.put_env("unknown", "key", 1)
        assert application.fetch_env("unknown", "key") == 1

    @pytest.mark.otp("AP-031")
    async def test_a_persistent_value_wins_over_the_spec_and_survives_unload(self) -> None:
        application.put_all_env({Reporter: {"interval": 2.0, "own": 1}, Base: {"own": 2}}, persistent=True)
        for _ in range(2):
            application.load(Reporter)
            application.load(Base)
            assert application.get_all_env(Reporter) == {"interval": 2.0, "own": 1}
            assert application.get_all_env(Base) == {"own": 2}
            application.unload(Reporter)
            application.unload(Base)

    @pytest.mark.otp("AP-032")
    async def test_a_value_that_is_not_persistent_is_removed_by_unload(self) -> None:
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
    async def test_a_persistent_value_wins_at_loading(self) -> None:
        """It wins over later values, unless they are persistent, too."""

        class App(Application, env={"a": "spec", "b": "spec"}):
            pass

        for key in "ab":
            application.set_env(App, key, "persistent", persistent=True)
        application.set_env(App, "a", "put")
        application.unset_env(App, "b")
        application.load(App)
        assert application.get_all_env(App) == {"a": "persistent", "b": "persistent"}

    async def test_a_value_put_before_loading_stays(self) -> None:
        """In OTP the spec wins over a value that is not persistent: OTP reads it from a file."""
        application.put_env(Reporter, "interval", 2.0)
        application.delete_env(Reporter, "other")
        application.load(Reporter)
        assert application.get_all_env(Reporter) == {"interval": 2.0}

    async def test_a_name_and_its_class_have_the_same_environment(self) -> None:
        application.put_env(f"{HERE}:Reporter", "interval", 3.0)
        assert application.get_env(Reporter, "interval") == 3.0

    async def test_invalid_values_of_several_applications_are_refused(self) -> None:
        wrongs: list[Any] = ["nonsense", [("app", {})], {"app": [("key", 1)]}, {"app": None}]
        for wrong, function in product(wrongs, (application.put_all_env, application.set_env)):
            with pytest.raises(TypeError, match="wanted a mapping of mappings"):
                function(wrong)

    async def test_put_env_does_not_change_the_class(self) -> None:
        application.put_env(Reporter, "interval", 5.0)
        assert application.get_env(Reporter, "interval") == 5.0
        assert Reporter.__regrow_spec__.env == {"interval": 1.0}


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
    async def test_a_running_application_gets_its_changed_environment(self) -> None:
        process.register("test", process.current())
        await application.start(Changes)
        await application.start(Plain)
        before = application.prep_config_change()
        assert before == {Changes: {"k": 1, "z": 1}, Plain: {}}
        await application.config_change(before)
        application.put_env(Changes, "k", 2)
        application.put_env(Changes, "n", 2)
        application.delete_env(Changes, "z")
        for other in (Plain, ChangesToo):  # one application has no such callback, one does not run
            application.put_env(other, "n", 2)
        assert news() == []
        await application.config_change(before)
        assert news() == [("Changes", {"k": 2}, {"n": 2}, ["z"])]
        await application.start(ChangesToo)  # its whole environment is new
        await application.config_change(before)
        assert news()[1:] == [("ChangesToo", {}, {"k": 1, "z": 1, "n": 2}, [])]

    @pytest.mark.otp("AP-035")
    async def test_some_applications_reject_the_change(self) -> None:
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
