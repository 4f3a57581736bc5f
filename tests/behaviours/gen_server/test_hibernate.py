# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Hibernation of servers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    NoReply,
    Ok,
    Reply,
    call,
    cast,
    process,
    send,
    system,
)
from tests.behaviours.gen_server.servers import keep, state_of

pytestmark = pytest.mark.regrow


class TestHibernate:
    """Hibernation saves nothing in Python: the word is accepted wherever a timeout is, and means "no timeout"."""

    @pytest.mark.otp("GS-108")
    @pytest.mark.otp("GS-109")
    async def test_hibernate_wakes_for_a_message(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], HIBERNATE))
        cast(pid, lambda state: NoReply([*state, 1], HIBERNATE))
        assert await call(pid, lambda _from, state: Reply(state, state, HIBERNATE)) == [1]
        send(pid, lambda state: NoReply([*state, 2], HIBERNATE))
        assert await state_of(pid) == [1, 2]

    @pytest.mark.otp("GS-110")
    async def test_a_hibernating_server_is_suspended_and_resumed(self, server: Any) -> None:
        pid = await server.start(lambda: Ok([], HIBERNATE))
        await system.suspend(pid)
        send(pid, "meanwhile")
        await process.sleep(5.0)
        assert await system.get_state(pid) == []
        await system.resume(pid)
        await process.sleep(5.0)
        assert await state_of(pid) == ["meanwhile"]

    @pytest.mark.otp("GS-111")
    async def test_hibernate_after_some_time(self, server: Any) -> None:
        pid = await server.start_link([], hibernate_after=0.1)
        await process.sleep(1.0)
        assert await system.get_state(pid) == []
        await process.sleep(1.0)
        assert await call(pid, keep("up")) == "up"
        await process.sleep(1.0)
        cast(pid, lambda state: NoReply([*state, "cast"], 0.5))
        await process.sleep(1.0)
        send(pid, "info")
        await process.sleep(1.0)
        assert await state_of(pid) == ["cast", "timeout", "info"]
        await server.start([], hibernate_after=timedelta(seconds=1))
        await server.start_monitor([], hibernate_after=None)
        for wrong, error in ((-1, ValueError), ("soon", TypeError)):
            with pytest.raises(error, match=r"start_link\(hibernate_after=\)"):
                await server.start_link([], hibernate_after=wrong)
