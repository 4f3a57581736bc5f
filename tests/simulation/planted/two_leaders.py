"""Candidates that become leader if they see none: two may look at the same time."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, Pid, Reply, call, process


class Seat(GenServer[list[str]]):
    """A server that records the leaders, one after the other."""

    def handle_call(self, request: Any, _from: From, taken: list[str]) -> Any:
        match request:
            case "who":
                return Reply(taken[-1] if taken else None, taken)
            case ("take", name):
                return Reply("ok", [*taken, name])
            case ("take_if_free", name):
                return Reply(None, taken or [name])
            case _:
                return Reply(taken, taken)


async def candidate(seat: Pid, name: str) -> None:
    if await call(seat, "who") is None:
        await call(seat, ("take", name))


async def safe_candidate(seat: Pid, name: str) -> None:
    await call(seat, ("take_if_free", name))


async def elect(stand: Any) -> None:
    seat = await Seat.start_link([])
    for name in ("ann", "bob"):
        process.spawn_monitor(stand, seat, name)
    for _ in range(2):
        await process.receive(Down)
    taken = await call(seat, "all")
    assert len(taken) == 1, f"there are {len(taken)} leaders: {taken}"


async def scenario() -> None:
    await elect(candidate)


async def correct() -> None:
    await elect(safe_candidate)
