"""A gate that opens when two visitors have come, and counts a visitor that comes again twice."""

from __future__ import annotations

from typing import Any

from regrow import CallTimeout, Down, From, GenServer, Ok, Pid, Reply, call, process


class Gate(GenServer[Any]):
    """A server that opens when two visitors have come."""

    def init(self, _arg: Any) -> Any:
        return Ok([])

    def handle_call(self, request: Any, _from: From, here: list[str]) -> Any:
        return Reply(self.number(here), here) if request == "count" else Reply("ok", [*here, request])

    def number(self, here: list[str]) -> int:
        return len(here)


class SafeGate(Gate):
    """A server that counts each visitor once."""

    def number(self, here: list[str]) -> int:
        return len(set(here))


async def come(gate: Pid, name: str) -> None:
    for _ in range(5):
        try:
            await call(gate, name, timeout=0.5)
        except CallTimeout:
            continue
        return


async def two_come(kind: type[Gate]) -> None:
    gate = await kind.start_link(None)
    for name in ("ann", "bob"):
        process.spawn_monitor(come, gate, name)
    for _ in range(2):
        await process.receive(Down)
    count = await call(gate, "count")
    assert count == 2, f"two visitors came, but {count} were counted"


async def scenario() -> None:
    await two_come(Gate)


async def correct() -> None:
    await two_come(SafeGate)
