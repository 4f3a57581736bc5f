"""A client that repeats a payment when the call has timed out, although the bank may have executed the first.

The bank is just fast enough on a machine that is never late.
"""

from __future__ import annotations

from typing import Any

from regrow import CallTimeout, From, GenServer, Pid, Reply, call, process


class Bank(GenServer[int]):
    """A server that takes a while for a payment."""

    knows_bills = False

    async def handle_call(self, request: Any, _from: From, paid: int) -> Any:
        if request == "paid" or (paid and self.knows_bills):
            return Reply(paid, paid)
        await process.sleep(4.9 if paid == 0 else 1.0)
        return Reply("ok", paid + 1)


class SafeBank(Bank):
    """A server that checks whether the bill has been paid."""

    knows_bills = True


async def pay(bank: Pid) -> None:
    try:
        await call(bank, "pay")
    except CallTimeout:
        await call(bank, "pay")


async def one_bill(kind: type[Bank]) -> None:
    bank = await kind.start_link(0)
    await pay(bank)
    paid = await call(bank, "paid")
    assert paid == 1, f"one bill was paid {paid} times"


async def scenario() -> None:
    await one_bill(Bank)


async def correct() -> None:
    await one_bill(SafeBank)
