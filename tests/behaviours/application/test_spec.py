"""The spec of an application, and wrong uses of `application`."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Application,
    ChildSpec,
    Pid,
    Supervisor,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from tests.behaviours.application.applications import Base, Middle, Plain, Reporter, runs, start
from tests.behaviours.probes import news

pytestmark = pytest.mark.regrow


class TestSpec:
    @pytest.mark.otp("AP-028")
    async def test_get_key_returns_each_key(self) -> None:
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
        assert application.get_key(Whole, "vsn") is None  # the application is not loaded
        assert application.get_all_key(Whole) is application.spec(Whole) is None
        application.load(Whole)
        assert {key: application.get_key(Whole, key) for key in whole} == application.get_all_key(Whole) == whole
        assert application.get_key(Whole, "nonsense") is None
        assert application.get_key("unknown", "vsn") is None
        del whole["env"]
        assert application.spec(Whole) == {key: application.spec(Whole, key) for key in whole} == whole
        with pytest.raises(ValueError, match=r"spec: key is one of description, id, .*; got 'nonsense'"):
            application.spec(Whole, "nonsense")

    async def test_the_keys_of_a_library(self) -> None:
        application.load(Base)
        keys = application.get_all_key(Base)
        assert keys is not None
        assert (keys["mod"], keys["start_phases"], keys["maxT"]) == (None, None, None)

    async def test_a_process_gets_the_key_of_its_application(self) -> None:
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

    async def test_a_derived_class_inherits_keys(self) -> None:
        class Derived(Reporter, version="2", env={"more": 1}):
            pass

        application.load(Derived)
        keys = ("reports to its test", "2", {"interval": 1.0, "more": 1})
        assert tuple(application.get_key(Derived, key) for key in ("description", "vsn", "env")) == keys

    async def test_max_time_ends_the_application(self) -> None:
        class Short(Plain, max_time=3.0):
            pass

        await application.start(Short, "transient")
        await process.sleep(2.9)
        assert runs() == [Short]
        await process.sleep(0.2)
        assert runs() == []
        assert await application.wait_ended(Short) == "normal"


class TestBadUse:
    @pytest.mark.parametrize("wrong", [42, None, object, Reporter()])
    async def test_a_class_that_is_no_application_is_refused(self, wrong: Any) -> None:
        for function in (application.start, application.ensure_all_started):
            with pytest.raises(TypeError, match="wanted a class derived from Application, got "):
                await function(wrong)

    async def test_an_unknown_start_type_is_refused(self) -> None:
        with pytest.raises(ValueError, match="one of temporary, transient, permanent; got 'forever'"):
            await start(start_type="forever")

    async def test_an_application_that_does_not_run_cannot_be_awaited(self) -> None:
        with pytest.raises(ApplicationError, match="Reporter does not run"):
            await application.wait_ended(Reporter)
