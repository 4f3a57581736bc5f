"""Starts of applications that fail."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Application,
    ChildSpec,
    Error,
    Exit,
    Pid,
    StartError,
    Supervisor,
    application,
    process,
)
from regrow.behaviours.application.spec import ApplicationError
from tests.behaviours.application.applications import Reporter, start

pytestmark = pytest.mark.regrow


class TestFailedStart:
    @pytest.mark.parametrize("how", [Error("cannot"), "bad", StartError("inner", "x")])
    async def test_a_failed_start_gives_its_reason(self, how: Any) -> None:
        args = (process.current(), how)
        place = (Reporter, "start", ["normal", args])
        with pytest.raises(ApplicationError, match="Reporter did not start: ") as caught:
            await application.start(Reporter, args=args)
        assert caught.value.reason == (("bad_return", (place, "bad")) if how == "bad" else (how.reason, place))
        assert application.started_applications() == []

    @pytest.mark.otp("AP-018")
    @pytest.mark.parametrize("error", [RuntimeError("boom"), Exit("abnormal")])
    async def test_a_start_callback_may_raise_or_exit(self, error: BaseException) -> None:
        args = (process.current(), error)
        with pytest.raises(ApplicationError) as caught:
            await application.start(Reporter, args=args)
        why = "abnormal" if isinstance(error, Exit) else error
        assert caught.value.reason == ("bad_return", ((Reporter, "start", ["normal", args]), ("EXIT", why)))

    @pytest.mark.otp("AP-018")
    @pytest.mark.parametrize("start_type", ["temporary", "transient"])
    async def test_a_start_callback_may_exit_normally(self, start_type: Any) -> None:
        with pytest.raises(ApplicationError) as caught:
            await start(Exit("normal"), start_type=start_type)
        why, place = caught.value.reason
        assert why == ("EXIT", "normal")
        assert place[:2] == (Reporter, "start")

    async def test_a_child_of_the_tree_is_invalid(self) -> None:
        class Faulty(Application):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                return await Supervisor.start_link([(int, 1)])  # type: ignore[list-item]

        with pytest.raises(ApplicationError) as caught:
            await application.start(Faulty)
        first, *rest = str(caught.value).split("\n")
        assert first.startswith("Faulty did not start: its start ended with InvalidChild: int was given as a child")
        assert len(rest) == 2

    async def test_a_start_callback_raises_an_exception_without_a_repr(self) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        with pytest.raises(ApplicationError, match=r"its start ended with .*Mute"):
            await start(Mute())

    @pytest.mark.otp("SU-056")
    async def test_a_child_of_the_tree_fails(self) -> None:
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

    async def test_the_error_shows_what_start_returned(self) -> None:
        with pytest.raises(
            ApplicationError, match=r"returned 42; wanted the pid of the top supervisor, or \(pid, state\)"
        ):
            await start(42)
