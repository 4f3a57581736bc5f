"""A counter that tells its listeners when all have come, and counts those who come again as others."""

from __future__ import annotations

from typing import Any

from regrow import CallTimeout, Down, From, GenServer, Ok, Pid, Reply, call, process


class Gate(GenServer[Any]):
    """Opens when two have come."""

    def init(self, _arg: Any) -> Any:
        return Ok([])

    def handle_call(self, request: Any, _from: From, here: list[str]) -> Any:
        return Reply(self.number(here), here) if request == "count" else Reply("ok", [*here, request])

    def number(self, here: list[str]) -> int:
        return len(here)


class SafeGate(Gate):
    """Counts each once."""

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
    assert count == 2, f"two have come, and {count} were counted"


async def scenario() -> None:
    await two_come(Gate)


async def correct() -> None:
    await two_come(SafeGate)
