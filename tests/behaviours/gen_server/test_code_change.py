# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Code changes of a server."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Ok,
    system,
)
from tests.behaviours.gen_server.servers import Server, state_of

pytestmark = pytest.mark.regrow


class TestCodeChange:
    @pytest.mark.otp("GS-075")
    async def test_a_server_without_code_change(self, server: Any) -> None:
        """The missing callback raises NotImplementedError; the server keeps its state and its code."""
        pid = await server.start([])
        await system.suspend(pid)
        await system.replace_state(pid, lambda _: ["replaced"])
        kind, why = await system.change_code(pid, server, "1.0", None)
        assert (kind, type(why)) == ("error", NotImplementedError)
        await system.resume(pid)
        assert await state_of(pid) == ["replaced"]

    async def test_a_server_with_code_change(self) -> None:
        class Changes(Server):
            def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
                return Ok([*state, old_version, extra])

        pid = await Changes.start([])
        await system.suspend(pid)
        assert await system.change_code(pid, Changes, "1.0", "extra") == "ok"
        await system.resume(pid)
        assert await state_of(pid) == ["1.0", "extra"]
