"""A server that registers with a directory in `handle_continue`, after its starter has continued."""

from __future__ import annotations

from typing import Any

from regrow import Continue, From, GenServer, NoReply, Ok, Pid, Reply, call, cast, process


class Directory(GenServer[dict[str, Pid]]):
    """A server that keeps the address of each printer."""

    def handle_call(self, request: Any, _from: From, table: dict[str, Pid]) -> Any:
        return Reply(table.get(request), table)

    def handle_cast(self, request: Any, table: dict[str, Pid]) -> Any:
        name, pid = request
        return NoReply({**table, name: pid})


class Printer(GenServer[Pid]):
    """A server that registers in `handle_continue`."""

    def init(self, directory: Pid) -> Any:
        return Ok(directory, Continue("register"))

    def handle_continue(self, _arg: Any, directory: Pid) -> Any:
        cast(directory, ("printer", process.current()))
        return NoReply(directory)


class SafePrinter(GenServer[Pid]):
    """A server that registers in `init`."""

    async def init(self, directory: Pid) -> Any:
        cast(directory, ("printer", process.current()))
        await call(directory, "printer")
        return Ok(directory)


async def with_one(printer: type[GenServer[Pid]]) -> None:
    directory = await Directory.start_link({})
    await printer.start_link(directory)
    assert await call(directory, "printer") is not None, "the printer has started, but is not in the directory"


async def scenario() -> None:
    await with_one(Printer)


async def correct() -> None:
    await with_one(SafePrinter)
