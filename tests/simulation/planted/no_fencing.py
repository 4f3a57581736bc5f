"""Who holds a lock writes to a store; who has lost it meanwhile, for the lease was over, writes as well."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Ok, Pid, Reply, call, process, reply

State = tuple[int, bool, list[From]]  # the number, whether the lock is lent, and who waits for it


class Locks(GenServer[Any]):
    """Lends one lock for half a second, with a number that grows."""

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
    """Writes down what it is given."""

    def handle_call(self, request: Any, _from: From, written: list[int]) -> Any:
        return Reply(written, written) if request == "all" else Reply("ok", [*written, request])


class FencedStore(Store):
    """Refuses what an older holder of the lock gives."""

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
    assert written == sorted(written), f"the lock was lent again, and the former holder has written: {written}"


async def scenario() -> None:
    await two_writers(Store)


async def correct() -> None:
    await two_writers(FencedStore)
