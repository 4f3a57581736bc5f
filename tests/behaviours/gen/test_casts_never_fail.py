"""Requests that never fail in OTP: casts in every form, whatever a name table does; and clear errors elsewhere."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from regrow import (
    Agent,
    Exit,
    GenServer,
    GenStatem,
    Global,
    NextState,
    NoReply,
    Registry,
    Reply,
    ReplyAction,
    Service,
    StartError,
    Via,
    call,
    cast,
    gen_event,
    gen_server,
    gen_statem,
    process,
    reply,
    send,
    service,
)
from regrow.behaviours.gen.request_ids import receive_response, send_request
from regrow.testing import flush

pytestmark = pytest.mark.regrow


class Odd(BaseException):
    """An exception of a kind that no handler expects."""


class Refusing:
    """A name table whose functions raise."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def register_name(self, _key: Any, _pid: Any) -> NoReturn:
        raise self.error

    def unregister_name(self, _key: Any) -> NoReturn:
        raise self.error

    whereis_name = unregister_name


class Wrong:
    """A name table that returns values of a wrong type."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def whereis_name(self, _key: Any) -> Any:
        return self.answer


class Later:
    """A name table whose functions would have to be awaited."""

    async def register_name(self, _key: Any, _pid: Any) -> bool:
        return True

    async def unregister_name(self, _key: Any) -> None:
        pass

    async def whereis_name(self, _key: Any) -> Any:
        return process.current()


class Moody:
    """A key whose hash raises."""

    def __hash__(self) -> int:
        raise Exit("no hash")


class Queue(Service):
    """A service."""

    @service.cast
    def put(self, value: Any) -> None:
        pass


def put(address: Any) -> None:
    Queue.at(address).put(1)


CASTS: dict[str, Callable[[Any], None]] = {
    "gen_server.cast": lambda address: cast(address, "hello"),
    "gen_statem.cast": lambda address: gen_statem.cast(address, "hello"),
    "gen_event.notify": lambda address: gen_event.notify(address, "hello"),
    "Agent.cast": lambda address: Agent.cast(address, id),
    "a service's": put,
}
ADDRESSES: dict[str, Any] = {
    **{
        type(error).__name__: Via(Refusing(error), "key")
        for error in (
            ValueError("no"),
            KeyError(),
            Exit("no"),
            CancelledError(),
            GeneratorExit(),
            StopIteration(),
            Odd(),
        )
    },
    "a string": Via(Wrong("nonsense"), "key"),
    "async def": Via(Later(), "key"),
    "unknown": Via(Wrong(None), "key"),
    "no registry": Via("rooms", "key"),
    "no global name": Global("unknown"),
    "no hash": Global(Moody()),
    "on a node": (Via(Refusing(Exit("no")), "key"), "nonode@nohost"),
    "on no node": ("name", "nowhere"),
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES.keys())
@pytest.mark.parametrize("sends", CASTS.values(), ids=CASTS.keys())
@pytest.mark.otp("GS-061")
async def test_a_cast_never_fails(sends: Any, address: Any) -> None:
    assert sends(address) is None


@pytest.mark.parametrize("sends", CASTS.values(), ids=CASTS.keys())
async def test_a_cast_to_an_invalid_address_raises(sends: Any) -> None:
    for wrong in (3, 1.5, [1], Via(3, "key")):
        with pytest.raises(TypeError, match="wanted"):
            sends(wrong)


async def test_notify_raises_only_for_a_plain_name() -> None:
    with pytest.raises(ValueError, match="no process has the name"):
        gen_event.notify("unknown", "event")


async def test_abcast_never_fails() -> None:
    assert gen_server.abcast("unknown", "hello") == "abcast"
    assert gen_server.abcast("unknown", "hello", nodes=["nowhere"]) == "abcast"


async def test_the_error_names_a_table_that_returns_nonsense() -> None:
    with pytest.raises(TypeError, match="wanted a pid, or None if the name is free"):
        send(Via(Wrong("nonsense"), "key"), "hello")
    with pytest.raises(TypeError, match="whereis_name: wanted a `def`"):
        await call(Via(Later(), "key"), "hello")
    with pytest.raises(TypeError, match="_name: wanted a `def`"):
        await Agent.start(dict, name=Via(Later(), "key"))


async def test_an_exit_in_a_table_settles_the_request() -> None:
    """`gen:send_request` catches exits, and nothing else."""
    address = Via(Refusing(Exit("gone")), "key")
    answer = await receive_response(send_request(address, "hello"), 1.0)
    assert answer == ("error", ("gone", address))
    with pytest.raises(KeyError):
        send_request(Via(Refusing(KeyError()), "key"), "hello")


class Silent(GenServer[None]):
    """A server that answers on request."""

    def handle_call(self, request: Any, from_: Any, _state: None, /) -> Any:
        send(request, from_)
        return NoReply(None)


class Machine(GenStatem[str, None]):
    """A state machine that answers on request."""

    def init(self, _arg: Any, /) -> Any:
        return NextState("up", None)

    def handle_event(self, _type: Any, _content: Any, _state: Any, _data: Any, /) -> Any:
        return None


@pytest.mark.parametrize("wrong", ["nonsense", None, 3, ("reply", 1)])
async def test_a_reply_to_an_invalid_caller_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="wanted the from_"):
        reply(wrong, 1)
    with pytest.raises(TypeError, match="wanted the from_"):
        gen_statem.reply(wrong, 1)


async def test_a_wrong_reply_among_others_sends_none() -> None:
    silent = await Silent.start_link()
    request = send_request(silent, process.current())
    from_ = await process.receive()
    with pytest.raises(TypeError, match="wanted the from_"):
        gen_statem.reply([ReplyAction(from_, 1), ReplyAction("nonsense", 2)])  # type: ignore[arg-type]
    assert flush() == []
    gen_statem.reply([ReplyAction(from_, 1)])
    assert await receive_response(request, 1.0) == ("reply", 1)


async def test_a_start_under_a_name_that_a_table_refuses_leaves_nothing() -> None:
    before = process.processes()
    with pytest.raises(KeyError):
        await Silent.start_link(name=Via(Refusing(KeyError()), "key"))
    with pytest.raises(Exit):
        await Silent.start(name=Via(Refusing(Exit("no")), "key"))
    assert process.processes() == before


async def test_names_in_a_registry_are_found_as_before() -> None:
    await Registry.start_link(keys="unique", name="rooms")

    class Room(GenServer[list[str]]):
        def handle_call(self, _request: Any, _from: Any, state: Any, /) -> Any:
            return Reply(state, state)

        def handle_cast(self, request: Any, state: Any, /) -> Any:
            return NoReply([*state, request])

    await Room.start_link([], name=Via("rooms", "lobby"))
    cast(Via("rooms", "lobby"), "ann")
    assert await call(Via("rooms", "lobby"), "who") == ["ann"]
    with pytest.raises(StartError):
        await Room.start_link([], name=Via("rooms", "lobby"))
