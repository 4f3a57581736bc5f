"""A pool that lends its worker to the next borrower in the queue, which may have ended meanwhile."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Ok, Pid, Ref, Reply, call, cast, process, reply

State = tuple[Ref | None, list[Any]]  # the borrower, and the queue of borrowers


class Pool(GenServer[Any]):
    """A server that lends one worker. It monitors the borrower, and not the borrowers in the queue."""

    watches_queue = False

    def init(self, _arg: Any) -> Ok[State]:
        return Ok((None, []))

    def handle_call(self, _request: Any, from_: From, state: Any) -> Any:
        holder, waiting = state
        if holder is None:
            return Reply("worker", (process.monitor(from_.pid), waiting))
        return NoReply((holder, [*waiting, (from_, process.monitor(from_.pid) if self.watches_queue else None)]))

    def handle_cast(self, _request: Any, state: Any) -> Any:
        process.demonitor(state[0])
        return self.lend(state[1])

    def handle_info(self, message: Any, state: Any) -> Any:
        holder, waiting = state
        if message.ref is holder:
            return self.lend(waiting)
        return NoReply((holder, [one for one in waiting if one[1] is not message.ref]))

    def lend(self, waiting: list[Any]) -> NoReply[State]:
        if not waiting:
            return NoReply((None, []))
        (from_, ref), *rest = waiting
        reply(from_, "worker")
        if ref is None and not self.watches_queue:
            ref = process.monitor(from_.pid) if process.alive(from_.pid) else process.make_ref()
        return NoReply((ref, rest))


class SafePool(Pool):
    """A server that monitors all borrowers."""

    watches_queue = True


async def borrow(pool: Pid) -> None:
    await call(pool, "lend")
    cast(pool, "back")


async def three_borrowers(kind: type[Pool]) -> None:
    pool = await kind.start_link(None)
    pids = [process.spawn_monitor(borrow, pool)[0] for _ in range(3)]
    process.spawn(lambda: process.exit(pids[1], "kill"))
    for _ in range(3):
        down = await process.receive(Down)
        assert down.reason in ("normal", "kill", "killed", "noproc"), "the worker was lent to a borrower who had ended"


async def scenario() -> None:
    await three_borrowers(Pool)


async def correct() -> None:
    await three_borrowers(SafePool)
