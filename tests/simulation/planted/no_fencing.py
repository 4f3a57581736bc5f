"""A holder of a lock that writes to a store, although its lease has expired and another process has the lock."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Ok, Pid, Reply, call, process, reply

State = tuple[int, bool, list[From]]  # the number, whether the lock is lent, and the queue of callers


class Locks(GenServer[Any]):
    """A server that lends one lock for half a second, with an increasing number."""

    def init(self, _arg: Any) -> Ok[State]:
        return Ok((0, False, []))

    def handle_call(self, _request: Any, from_: From, state: Any) -> Any:
        number, lent, waiting = state
        if lent:
            return NoReply((number, lent, [*waiting, from_]))
        return self.lend(from_, number, waiting)

    def lend(self, to: From, number: int, waiting: list[From]) -> NoReply[State]:
        process.send_after(process.current(), "over", 0.5)
        reply(to, number + 1)
        return NoReply((number + 1, True, waiting))

    def handle_info(self, _message: Any, state: Any) -> NoReply[State]:
        number, _, waiting = state
        return self.lend(waiting[0], number, waiting[1:]) if waiting else NoReply((number, False, []))


class Store(GenServer[list[int]]):
    """A server that stores each value."""

    def handle_call(self, request: Any, _from: From, written: list[int]) -> Any:
        return Reply(written, written) if request == "all" else Reply("ok", [*written, request])


class FencedStore(Store):
    """A server that refuses values of earlier holders of the lock."""

    def handle_call(self, request: Any, _from: From, written: list[int]) -> Any:
        if request != "all" and written and request < written[-1]:
            return Reply("refused", written)
        return super().handle_call(request, _from, written)


async def write(locks: Pid, store: Pid) -> None:
    number = await call(locks, "lend")
    await call(store, number)


async def two_writers(kind: type[Store]) -> None:
    locks, store = await Locks.start_link(None), await kind.start_link([])
    for _ in range(2):
        process.spawn_monitor(write, locks, store)
    for _ in range(2):
        await process.receive(Down)
    written = await call(store, "all")
    assert written == sorted(written), f"the former holder wrote after the lock was lent again: {written}"


async def scenario() -> None:
    await two_writers(Store)


async def correct() -> None:
    await two_writers(FencedStore)
