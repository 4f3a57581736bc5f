# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A handler of these tests holds whatever its row asks for.
"""Handlers that the tests in this folder install."""

from __future__ import annotations

from typing import Any

from regrow import (
    HIBERNATE,
    Pid,
    Reply,
    gen_event,
    process,
)
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen_event.gen_event import GenEvent
from regrow.testing import expect_idle, flush

OWNER = "test_gen_event.owner"


def send_to_test(*event: Any) -> None:
    """Send something to the test."""
    process.send(OWNER, event)


class H(GenEvent[Any]):
    """A handler that does what its events say, and sends its end to the test."""

    def init(self, arg: Any, /) -> Any:
        match arg:
            case ("return", result):
                return result
            case "raise":
                raise ValueError("init")
            case _:
                return Ok(arg)

    def handle_event(self, event: Any, state: Any, /) -> Any:
        send_to_test(state, event)
        return self.done(event, state)

    def handle_call(self, request: Any, state: Any, /) -> Any:
        match request:
            case "state":
                return Reply(state, state)
            case "hibernate":
                return Reply(state, state, HIBERNATE)
            case ("sleep", time):
                return self.slow(time, state)
            case _:
                return self.done(request, state)

    async def slow(self, time: float, state: Any) -> Reply[Any]:
        await process.sleep(time)
        return Reply("slept", state)

    def handle_info(self, message: Any, state: Any, /) -> Any:
        send_to_test(state, "info", message)
        return self.done(message, state)

    def done(self, event: Any, state: Any) -> Any:
        match event:
            case ("return", result):
                return result
            case "raise":
                raise ValueError("oops")
            case _:
                return Ok(state)

    def terminate(self, reason: Any, state: Any, /) -> Any:
        send_to_test(state, "terminate", reason)
        return "left", state


async def mailbox() -> list[Any]:
    """Return all messages that have arrived."""
    await expect_idle()
    return flush()


async def begin(*handlers: Any) -> Pid:
    """Start a manager that is not linked, with these handlers; each has its name as its state."""
    process.register(OWNER, process.current())
    manager = await gen_event.start()
    for handler in handlers:
        assert await gen_event.add_handler(manager, handler, handler) == "ok"
    return manager


class Empty(GenEvent[Any]):
    """A handler without callbacks."""
