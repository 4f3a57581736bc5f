"""Servers that crash."""

from __future__ import annotations

from typing import Any

from regrow import (
    Application,
    Exit,
    GenServer,
    Name,
    NoReply,
    Pid,
    Reply,
    Stop,
    Supervisor,
    cast,
    process,
)
from regrow.kernel.report import Report
from regrow.ops.logs import words


class Fragile(GenServer[Any]):
    """A server that crashes as a request asks for."""

    def handle_call(self, request: Any, _from: Any, state: Any, /) -> Any:
        match request:
            case "raise":
                raise ValueError("no such value")
            case "late":
                return NoReply(state)
            case _:
                return Reply(request, state)

    def handle_cast(self, request: Any, state: Any, /) -> Any:
        match request:
            case "cause":
                try:
                    dict[str, int]()["key"]
                except KeyError as error:
                    raise ValueError("no such value") from error
            case "group":
                raise ExceptionGroup("several", [ValueError(1), TypeError(2)])
            case ("stop", reason):
                return Stop(reason, state)
            case ("exit", reason):
                raise Exit(reason)
            case _:
                raise RuntimeError(str(request))


def report_text(reports: list[Any], kind: str) -> str:
    """Return the one report of this kind as text."""
    found = [one for one in reports if isinstance(one, Report) and one.kind == kind]
    assert len(found) == 1, f"{len(found)} reports of the kind {kind}"
    return words(found[0])


async def ended(request: Any, state: Any = None, name: Name | None = None) -> Pid:
    """Cast to a Fragile, and wait until it has ended."""
    pid = await Fragile.start(state, name=name)
    cast(pid, request)
    await process.sleep(0.1)
    assert not process.alive(pid)
    return pid


class App(Application):
    async def start(self, _start_type: str, args: Any, /) -> Any:
        match args:
            case "raise":
                raise RuntimeError("boom")
            case "bad":
                return 42
            case "child":
                return await Supervisor.start_link([(Refuses, None)])
            case _:
                return await Supervisor.start_link([(Fragile, None)], max_restarts=0, name="app.sup")

    def stop(self, _state: Any, /) -> None:
        raise RuntimeError("in stop")


class Refuses(GenServer[None]):
    def init(self, _arg: None, /) -> Any:
        return Stop("refused")
