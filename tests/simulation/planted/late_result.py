"""A foreman that gives a slow job to a second worker, and then receives the result of the first, too."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Ok, Pid, Reply, call, cast, process


class Foreman(GenServer[int]):
    """A server that counts the results of its job."""

    def init(self, _arg: Any) -> Any:
        self.begin()
        return Ok(0)

    def begin(self) -> None:
        process.spawn(work, process.current())
        process.send_after(process.current(), "too late", 0.2)

    def handle_cast(self, _request: Any, done: int) -> Any:
        return NoReply(self.counted(done))

    def counted(self, done: int) -> int:
        return done + 1

    def handle_info(self, _message: Any, done: int) -> Any:
        if done == 0:
            self.begin()
        return NoReply(done)

    def handle_call(self, _request: Any, _from: From, done: int) -> Any:
        return Reply(done, done)


class SafeForeman(Foreman):
    """A server that takes the first result and drops the others."""

    def counted(self, done: int) -> int:
        return max(done, 1)


async def work(foreman: Pid) -> None:
    await process.sleep(0.16)
    cast(foreman, "done")


async def one_job(kind: type[Foreman]) -> None:
    foreman = await kind.start_link(None)
    await process.sleep(30.0)
    done = await call(foreman, "count")
    assert done == 1, f"a job was done {done} times"


async def scenario() -> None:
    await one_job(Foreman)


async def correct() -> None:
    await one_job(SafeForeman)
