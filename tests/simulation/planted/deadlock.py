"""Two accounts that call each other for a transfer: two transfers that cross wait for each other."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoClause, NoReply, Pid, Reply, call, cast, process


class Account(GenServer[int]):
    """A server that holds money and calls the other account to move it."""

    async def handle_call(self, request: Any, _from: From, money: int) -> Any:
        match request:
            case ("send", amount, Pid() as other):
                await call(other, ("take", amount))
                return Reply("ok", money - amount)
            case ("take", amount):
                return Reply("ok", money + amount)
            case "money":
                return Reply(money, money)
            case _:
                raise NoClause(request)


class SafeAccount(Account):
    """A server that casts the money to the other account, and does not wait."""

    async def handle_call(self, request: Any, from_: From, money: int) -> Any:
        match request:
            case ("send", amount, Pid() as other):
                cast(other, amount)
                return Reply("ok", money - amount)
            case _:
                return await super().handle_call(request, from_, money)

    def handle_cast(self, request: Any, money: int) -> Any:
        return NoReply(money + request)


async def transfer(one: Pid, other: Pid) -> None:
    await call(one, ("send", 10, other))


async def two_transfers(kind: type[Account]) -> None:
    one, other = await kind.start(100), await kind.start(100)
    process.spawn_monitor(transfer, one, other)
    process.spawn_monitor(transfer, other, one)
    reasons = [(await process.receive(Down)).reason for _ in range(2)]
    assert reasons == ["normal", "normal"], f"a transfer failed: {reasons}"


async def scenario() -> None:
    await two_transfers(Account)


async def correct() -> None:
    await two_transfers(SafeAccount)
