"""A token that is valid for a second, until the message of a timer ends it: the message may be late."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Ok, Pid, Reply, call, process


class Tokens(GenServer[dict[str, float]]):
    """A server that gives tokens with the time at which each ends, and deletes a token when its timer fires."""

    def init(self, _arg: Any) -> Ok[dict[str, float]]:
        return Ok({})

    def handle_call(self, request: Any, _from: From, tokens: dict[str, float]) -> Any:
        match request:
            case ("give", token):
                process.send_after(process.current(), token, 1.0)
                return Reply("ok", {**tokens, token: process.monotonic() + 1.0})
            case ("use", token):
                return Reply(self.is_good(token, tokens), tokens)
            case _:
                return NoReply(tokens)

    def is_good(self, token: str, tokens: dict[str, float]) -> bool:
        return token in tokens

    def handle_info(self, message: Any, tokens: dict[str, float]) -> Any:
        return NoReply({token: until for token, until in tokens.items() if token != message})


class SafeTokens(Tokens):
    """A server that compares the time."""

    def is_good(self, token: str, tokens: dict[str, float]) -> bool:
        return token in tokens and process.monotonic() < tokens[token]


async def use_late(tokens: Pid) -> None:
    await call(tokens, ("give", "a"))
    await process.sleep(1.3)
    assert not await call(tokens, ("use", "a"))


async def give_and_use(kind: type[Tokens]) -> None:
    tokens = await kind.start_link(None)
    process.spawn_monitor(use_late, tokens)
    down = await process.receive(Down)
    assert down.reason == "normal", "a token was good for longer than a second"


async def scenario() -> None:
    await give_and_use(Tokens)


async def correct() -> None:
    await give_and_use(SafeTokens)
