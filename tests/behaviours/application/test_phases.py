"""Start phases of an application."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Error,
    Exit,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from tests.behaviours.application.applications import Reporter, runs, start
from tests.behaviours.probes import news

pytestmark = pytest.mark.regrow


class Phased(Reporter, start_phases=[("init", 1), ("go", {"how": "fast"})]):
    """Reports each phase to the registered test; an option gives the result of a phase."""

    def start_phase(self, phase: Any, start_type: str, args: Any, /) -> Any:
        send("test", (type(self).__name__, phase, start_type, args, application.start_type()))
        returned = application.get_env(type(self), "returns", {})
        if isinstance(returned.get(phase), BaseException):
            raise returned[phase]
        return returned.get(phase)


class TestPhases:
    async def test_phases_run_in_order_after_the_tree_has_started(self) -> None:
        process.register("test", process.current())
        await start(app=Phased)
        assert news()[-2:] == [
            ("Phased", "init", "normal", 1, "normal"),
            ("Phased", "go", "normal", {"how": "fast"}, "normal"),
        ]
        await application.stop(Phased)

    @pytest.mark.otp("AP-027")
    async def test_a_phase_fails(self) -> None:
        process.register("test", process.current())
        application.put_env(Phased, "returns", {"init": "ok", "go": Error("no")})
        with pytest.raises(ApplicationError, match="Phased did not start: its phase 'go' returned Error") as caught:
            await start(app=Phased)
        assert caught.value.reason == ("no", (Phased, "start_phase", ["go", "normal", {"how": "fast"}]))
        assert runs() == []
        assert process.whereis("reporter.sup") is None
        said = news()
        assert ("ended", "child", "shutdown") in said
        assert not [one for one in said if one[0] in ("prep_stop", "stop")]

    @pytest.mark.parametrize("returned", ["nonsense", RuntimeError("boom"), Exit("boo")])
    async def test_a_phase_returns_nonsense_or_raises(self, returned: Any) -> None:
        process.register("test", process.current())
        application.put_env(Phased, "returns", {"init": returned})
        with pytest.raises(ApplicationError) as caught:
            await start(app=Phased)
        place = (Phased, "start_phase", ["init", "normal", 1])
        how = {"nonsense": "nonsense"}.get(str(returned), ("EXIT", getattr(returned, "reason", returned)))
        assert caught.value.reason == ("bad_return_value", (place, how))

    async def test_phases_of_included_applications_run_in_between(self) -> None:
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
