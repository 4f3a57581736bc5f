"""An auditor that adds up two accounts one after the other: money that moves meanwhile is counted twice or not at all."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, Pid, Reply, call, process


class Accounts(GenServer[tuple[int, int]]):
    """A server that holds two accounts."""

    def handle_call(self, request: Any, _from: From, money: tuple[int, int]) -> Any:
        match request:
            case "move":
                return Reply("ok", (money[0] - 10, money[1] + 10))
            case "sum":
                return Reply(sum(money), money)
            case at:
                return Reply(money[at], money)


async def audit(to: Pid, accounts: Pid) -> None:
    process.send(to, await call(accounts, 0) + await call(accounts, 1))


async def safe_audit(to: Pid, accounts: Pid) -> None:
    process.send(to, await call(accounts, "sum"))


async def move(accounts: Pid) -> None:
    await call(accounts, "move")


async def audit_and_move(auditor: Any) -> None:
    accounts = await Accounts.start_link((50, 50))
    process.spawn(auditor, process.current(), accounts)
    process.spawn_monitor(move, accounts)
    await process.receive(Down)
    total = await process.receive(int)
    assert total == 100, f"the accounts hold 100, but the auditor found {total}"


async def scenario() -> None:
    await audit_and_move(audit)


async def correct() -> None:
    await audit_and_move(safe_audit)
