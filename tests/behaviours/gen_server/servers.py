# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Servers that the tests in this folder start, and requests for them."""

from __future__ import annotations

import asyncio
from typing import Any

from regrow import (
    From,
    GenServer,
    Global,
    NoReply,
    Ok,
    Pid,
    Registry,
    Reply,
    Stop,
    Via,
    call,
    process,
    reply,
    send,
)


class Server(GenServer[Any]):
    """A server that runs its requests: a request is a function of (from_, state) that returns the callback's result."""

    def init(self, arg: Any, /) -> Any:
        return arg() if callable(arg) else Ok(arg)

    def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        return request(from_, state)

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        return request(state)

    def handle_info(self, message: Any, state: Any, /) -> Any:
        return message(state) if callable(message) else NoReply([*state, message])

    def handle_continue(self, arg: Any, state: Any, /) -> Any:
        return arg(state) if callable(arg) else NoReply([*state, ("continue", arg)])

    def terminate(self, reason: Any, state: Any, /) -> Any:
        if isinstance(state, Watched):
            send(state.by, ("terminate", reason))
            if state.ends is not None:
                raise state.ends


class Awaiting(Server):
    """A `Server` whose callbacks wait before they return."""

    async def init(self, arg: Any, /) -> Any:
        await process.sleep(0.0)
        return super().init(arg)

    async def handle_call(self, request: Any, from_: From, state: Any, /) -> Any:
        await asyncio.sleep(0)
        return super().handle_call(request, from_, state)

    async def handle_cast(self, request: Any, state: Any, /) -> Any:
        await process.sleep(0.0)
        return super().handle_cast(request, state)

    async def handle_info(self, message: Any, state: Any, /) -> Any:
        await asyncio.sleep(0)
        return super().handle_info(message, state)

    async def handle_continue(self, arg: Any, state: Any, /) -> Any:
        await process.sleep(0.0)
        return super().handle_continue(arg, state)

    async def terminate(self, reason: Any, state: Any, /) -> Any:
        await asyncio.sleep(0)
        super().terminate(reason, state)


class Watched(list[Any]):
    """A state whose server sends to `by` when terminate is called, and then raises `ends`."""

    def __init__(self, by: Pid, ends: BaseException | None = None) -> None:
        super().__init__()
        self.by = by
        self.ends = ends


def keep(value: Any) -> Any:
    """Return a request that is answered with `value`."""
    return lambda _from, state: Reply(value, state)


async def state_of(pid: Pid) -> Any:
    """Return the state of the server, after all earlier messages."""
    return await call(pid, lambda _from, state: Reply(state, state))


def later(value: Any, delay: float) -> Any:
    """Return a request that is answered with `value` after a while."""

    def answer(from_: From, state: Any) -> Any:
        reply(from_, value)
        return NoReply(state)

    def request(from_: From, state: Any) -> Any:
        process.send_after(process.current(), lambda state: answer(from_, state), delay)
        return NoReply(state)

    return request


def stopping(reason: Any) -> Any:
    """Return a request that is answered and ends the server."""
    return lambda _from, state: Stop(reason, state, reply="stopping")


def messages() -> list[Any]:
    """Return the messages in the mailbox of the test."""
    found: list[Any] = process.info(process.current(), "messages")
    return found


async def unused_address(kind: str) -> Any:
    """Return a name of some kind that no process has yet."""
    match kind:
        case "local":
            return "named"
        case "global":
            return Global(("named", 1))
        case _:
            if process.whereis("names") is None:
                await Registry.start_link(keys="unique", name="names")
            return Via("names", ("named", 1))


KINDS = ("local", "global", "via")
