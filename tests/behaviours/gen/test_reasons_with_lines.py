"""A reason that a callback raises has its lines in the report; the report of a failed start names the child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    ChildSpec,
    DynamicSupervisor,
    Error,
    Exit,
    GenEvent,
    GenServer,
    GenStatem,
    Node,
    Ok,
    StartError,
    Stop,
    Supervisor,
    cast,
    gen_event,
    process,
)
from regrow.ops.logs import words
from regrow.testing.capture import capture_reports


class Server(GenServer[str]):
    """A server that ends as its request says."""

    def init(self, arg: str, /) -> Any:
        match arg:
            case "raises":
                raise ValueError("no")
            case "stops":
                return Stop("why")
            case _:
                return Ok(arg)

    def handle_cast(self, request: Any, state: str, /) -> Any:
        if request == "stop":
            return Stop("crashed", state)
        raise Exit("crashed")  # the line of a server


class Machine(GenStatem[str, str]):
    """A machine that ends as its request says."""

    def callback_mode(self) -> Any:
        return "handle_event_function"

    def init(self, arg: str, /) -> Any:
        return Ok("state", arg)

    def handle_event(self, kind: Any, content: Any, state: str, data: str, /) -> Any:
        raise Exit(("crashed", kind, content, state, data))  # the line of a machine


class Handler(GenEvent[str]):
    """An event handler that ends as its event says."""

    def init(self, arg: str, /) -> Any:
        return Ok(arg)

    def handle_event(self, event: Any, state: str, /) -> Any:
        raise Exit(("crashed", event, state))  # the line of a handler


async def server() -> None:
    cast(await Server.start("up"), "raise")


async def machine() -> None:
    cast(await Machine.start("up"), "raise")


async def handler() -> None:
    manager = await gen_event.start()
    await gen_event.add_handler(manager, Handler, "up")
    await gen_event.sync_notify(manager, "raise")


@pytest.mark.parametrize("ends", [server, machine, handler])
async def test_the_report_of_an_exit_shows_where_it_was_raised(node: Node, ends: Callable[[], Any]) -> None:
    with capture_reports() as reports:
        await ends()
        await process.sleep(0.1)
    text = "\n".join(words(report) for report in reports)
    assert f"# the line of a {ends.__name__}" in text


async def test_the_report_of_a_returned_stop_has_no_lines(node: Node) -> None:
    """A returned Stop has no line."""
    with capture_reports() as reports:
        cast(await Server.start("up"), "stop")
        await process.sleep(0.1)
    (report,) = [one for one in reports if one.kind == "GenServer terminating"]
    assert "File" not in words(report)


async def raises() -> Any:
    raise KeyError("no")


def returns_an_error() -> Any:
    return Error("why")


STARTS: list[tuple[Any, tuple[Any, ...], str]] = [
    (Server.start_link, ("raises",), "ValueError('no')"),
    (Server.start_link, ("stops",), "'why'"),
    (raises, (), "KeyError('no')"),
    (returns_an_error, (), "'why'"),
]


@pytest.mark.parametrize(("start", "args", "why"), STARTS)
async def test_the_report_names_a_child_that_does_not_start(
    node: Node, start: Any, args: tuple[Any, ...], why: str
) -> None:
    spec = ChildSpec("the child", (start, args))
    with capture_reports():
        for starts in (
            Supervisor.start_child(await Supervisor.start_link([]), spec),
            DynamicSupervisor.start_child(await DynamicSupervisor.start_link(), spec),
        ):
            with pytest.raises(StartError) as raised:
                await starts
            assert str(raised.value) == f"child 'the child' did not start: {why}"
        process.trap_exit(True)
        with pytest.raises(StartError, match="its child the child did not start: "):
            await Supervisor.start_link([spec])
