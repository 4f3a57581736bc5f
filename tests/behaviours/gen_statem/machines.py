# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds whatever its row asks for, and its rules are lambdas as short as the row.
"""State machines that the tests in this folder start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from regrow import (
    Pid,
    gen_statem,
    process,
)
from regrow.behaviours.gen_statem.gen_statem import GenStatem, call
from regrow.behaviours.gen_statem.results import (
    KeepState,
    KeepStateAndData,
    NextState,
    ReplyAction,
    StateTimeout,
)
from regrow.testing.expect import expect_idle

Rules = Callable[[Any, Any, Any, Any], Any]


Log = list[Any]


class Scripted(GenStatem[Any, Any]):
    """A machine that does what its test's `rules(event_type, content, state, data)` return, in either mode."""

    def init(self, arg: Any, /) -> Any:
        self.mode, self.rules, first = arg
        return first

    def callback_mode(self) -> Any:
        return self.mode

    def handle_event(self, event_type: Any, content: Any, state: Any, data: Any, /) -> Any:
        return self.rules(event_type, content, state, data)

    def s1(self, event_type: Any, content: Any, data: Any) -> Any:
        return self.rules(event_type, content, "s1", data)

    def s2(self, event_type: Any, content: Any, data: Any) -> Any:
        return self.rules(event_type, content, "s2", data)

    def s3(self, event_type: Any, content: Any, data: Any) -> Any:
        return self.rules(event_type, content, "s3", data)


class Telling(Scripted):
    """A scripted machine that sends its end to its starter."""

    def init(self, arg: Any, /) -> Any:
        self.starter = process.info(process.current(), "parent")
        return super().init(arg)

    def terminate(self, reason: Any, state: Any, data: Any, /) -> None:
        process.send(self.starter, ("terminate", reason, state, data))


Begin = Callable[..., Awaitable[Pid]]


def word(event_type: Any) -> Any:
    """Return an event's type without its caller."""
    return "call" if type(event_type) is tuple and event_type[0] == "call" else event_type


def logging_rules(event_type: Any, content: Any, state: Any, log: Log) -> Any:
    """Log every event, and answer a call for the log."""
    match event_type, content:
        case ("call", from_), "log":
            return KeepStateAndData(ReplyAction(from_, log))
        case _, ("do", result):
            return result(event_type, log)
        case _:
            return KeepState([*log, (word(event_type), content, state)])


def doing(result: Callable[[Any, Log], Any]) -> Any:
    """Return a request that the logging rules answer with `result(event_type, log)`."""
    return ("do", result)


def switch(event_type: Any, content: Any, state: Any, _data: Any) -> Any:
    """Run a machine of three states, by casts and by calls."""
    order = {"s1": ("connect", "s2"), "s2": ("accept", "s3"), "s3": ("disconnect", "s1")}
    wanted, following = order[state]
    match event_type, content:
        case ("call", from_), "alive?":
            return KeepStateAndData(ReplyAction(from_, ("yes", state)))
        case ("call", from_), _ if content == wanted:
            return NextState(following, None, [ReplyAction(from_, ("ok", following))])
        case ("call", from_), _:
            return KeepStateAndData([ReplyAction(from_, "no")])
        case "cast", _ if content == wanted:
            return NextState(following, None)
        case _:
            return KeepStateAndData()


async def mailbox() -> list[Any]:
    await expect_idle()
    found: list[Any] = process.info(process.current(), "messages")
    return found


class Table:
    """A name table as `Via` wants it."""

    def __init__(self) -> None:
        self.names: dict[Any, Pid] = {}

    def register_name(self, key: Any, pid: Pid) -> bool:
        return self.names.setdefault(key, pid) is pid

    def unregister_name(self, key: Any) -> None:
        self.names.pop(key, None)

    def whereis_name(self, key: Any) -> Pid | None:
        found = self.names.get(key)
        return found if found is not None and process.alive(found) else None


async def ask_and_tell(machine: Pid, request: Any, owner: Pid) -> None:
    process.send(owner, ("answer", await call(machine, request)))


async def asked(machine: Pid, contents: list[Any]) -> gen_statem.RequestIds:
    """Send some requests of one process, which gets the replies in the order in which they are sent."""
    requests = gen_statem.RequestIds()
    for content in contents:
        requests = gen_statem.send_request(machine, content, content, requests)
    await expect_idle()
    return requests


async def answers(requests: gen_statem.RequestIds) -> list[tuple[Any, Any]]:
    """Return label and reply of each request, in the order of the replies."""
    found: list[tuple[Any, Any]] = []
    while len(requests) > 0:
        (_, value), label, requests = await gen_statem.receive_response(requests, 1.0)
        found.append((label, value))
    return found


def entering(event_type: Any, content: Any, state: Any, log: Log) -> Any:
    """Log enter events, and go to the state that is requested."""
    match event_type, content:
        case ("call", from_), "log":
            return KeepStateAndData(ReplyAction(from_, log))
        case "cast", ("go", result):
            return result(log)
        case _:
            return KeepState([*log, (word(event_type), content, state)])


def timed(log: Log) -> Log:
    """Return the contents of the log."""
    return [content for _, content, _ in log]


def of_kind(reports: Any, kind: str) -> list[Any]:
    return [one for one in reports if getattr(one, "kind", None) == kind]


def after(time: float) -> Callable[[Any, Log], Any]:
    """Return a state timeout."""
    return lambda _type, log: KeepState(log, StateTimeout(time, time))


class Plain(GenStatem[str, Any]):
    def handle_event(self, event_type: Any, content: Any, state: str, data: Any, /) -> Any:
        match event_type:
            case ("call", from_):
                return KeepStateAndData(ReplyAction(from_, (state, data)))
            case _:
                return KeepStateAndData()
