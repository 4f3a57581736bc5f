# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Exit signals to servers."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Down,
    Exit,
    Exited,
    Ok,
    Pid,
    Stop,
    cast,
    process,
    send,
)
from regrow.testing import expect_down
from tests.behaviours.gen_server.servers import Watched, state_of

pytestmark = pytest.mark.regrow


class TestSignals:
    @pytest.mark.otp("GS-125")
    async def test_a_normal_exit_signal_is_ignored(self, server: Any) -> None:
        async def parent() -> None:
            send(test, await server.start_link([]))
            await process.receive()

        test = process.current()
        starter, ref = process.spawn_monitor(parent)
        pid = await process.receive(Pid)
        send(starter, "end")
        await expect_down(ref, "normal")
        assert await state_of(pid) == []

    @pytest.mark.otp("GS-127")
    @pytest.mark.otp("GS-128")
    async def test_an_exit_signal_ends_a_server(self, server: Any) -> None:
        def trapping() -> Any:
            process.trap_exit(True)
            return Ok([])

        pid = await server.start(trapping)
        process.exit(pid, "shutdown")
        (message,) = await state_of(pid)
        assert message == Exited(process.current(), "shutdown")
        ref = process.monitor(pid)
        process.exit(pid, "kill")
        await expect_down(ref, "killed")

    async def test_the_parents_end_while_trapping_runs_terminate(self, server: Any) -> None:
        test = process.current()

        def trapping() -> Any:
            process.trap_exit(True)
            return Ok(Watched(test))

        async def parent() -> None:
            await server.start_link(trapping)

        process.spawn(parent)
        assert await process.receive(tuple) == ("terminate", "normal")

    @pytest.mark.otp("GS-129")
    @pytest.mark.parametrize(
        ("way", "reason"),
        [
            (lambda state: Stop("over", state), "over"),
            (lambda _state: (_ for _ in ()).throw(Exit("left")), "left"),
            (lambda _state: 1 / 0, ZeroDivisionError),
        ],
        ids=["stop", "exit", "raise"],
    )
    async def test_terminate_gets_the_reason(self, server: Any, way: Any, reason: Any) -> None:
        pid = await server.start(Watched(process.current()))
        ref = process.monitor(pid)
        cast(pid, way)
        _, received = await process.receive(tuple)
        down = await process.receive(Down)
        assert down.ref is ref
        assert received is down.reason
        assert received == reason or isinstance(received, reason)
