"""Servers to which calls are handed over."""

from __future__ import annotations

from typing import Any

from regrow import (
    From,
    GenServer,
    NoReply,
    Reply,
)


class Doer(GenServer[list[Any]]):
    """A server that runs the functions it is sent and remembers what they return."""

    def handle_call(self, request: Any, _from: From, state: list[Any]) -> Any:
        if callable(request):
            return Reply(request(), state)
        if request == "seen":
            return Reply(state, state)
        return Reply(request, [*state, request])

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        return NoReply([*state, request])

    def handle_info(self, message: Any, state: list[Any]) -> Any:
        return NoReply([*state, message])
