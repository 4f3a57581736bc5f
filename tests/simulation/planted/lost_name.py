"""A restarted server that registers its new address, while the ended one removes the old address.

Both are casts of different processes, so either may arrive first.
"""

from __future__ import annotations

import contextlib
from typing import Any

from regrow import CalleeExit, From, GenServer, NoClause, NoReply, Ok, Pid, Reply, Supervisor, call, cast, process
from regrow.testing import expect_idle


class Directory(GenServer[dict[str, Pid]], named=True):
    """A server that keeps the address of each printer."""

    def handle_call(self, request: Any, _from: From, table: dict[str, Pid]) -> Any:
        return Reply(table.get(request), table)

    def handle_cast(self, request: Any, table: dict[str, Pid]) -> Any:
        match request:
            case ("here", name, pid):
                return NoReply({**table, name: pid})
            case ("gone", name, pid):
                return NoReply({one: at for one, at in table.items() if (one, at) != (name, pid)})
            case ("gone", name):
                return NoReply({one: pid for one, pid in table.items() if one != name})
            case _:
                raise NoClause(request)


class Printer(GenServer[None]):
    """A server that prints, until it jams."""

    def init(self, _arg: Any) -> Any:
        cast(Directory, ("here", "printer", process.current()))
        return Ok(None)

    def handle_call(self, _request: Any, _from: From, _state: None) -> Any:
        raise ValueError("jam")

    def terminate(self, _reason: Any, _state: None) -> None:
        cast(Directory, ("gone", "printer"))


class SafePrinter(Printer):
    """A server that names the printer whose address is removed."""

    def terminate(self, _reason: Any, _state: None) -> None:
        cast(Directory, ("gone", "printer", process.current()))


async def jam(printer: type[Printer]) -> None:
    await Supervisor.start_link([(Directory, {}), printer])
    await expect_idle()
    first = await call(Directory, "printer")
    with contextlib.suppress(CalleeExit):
        await call(first, "print")
    await expect_idle()
    assert await call(Directory, "printer") is not None, "the printer was restarted, but is not in the directory"


async def scenario() -> None:
    await jam(Printer)


async def correct() -> None:
    await jam(SafePrinter)
