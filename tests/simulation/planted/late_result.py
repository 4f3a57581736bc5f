"""A foreman gives a job up after a while and hands it to another worker; then the first is done after all."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, NoReply, Ok, Pid, Reply, call, cast, process


class Foreman(GenServer[int]):
    """Counts how often its job was done."""

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
    """Takes the first result, and drops those that follow."""

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
