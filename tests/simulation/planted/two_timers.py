"""A buffer that is written when it is full, and by a timer: if both happen, an empty batch is written."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Ok, Pid, Reply, call, process

State = tuple[list[Any], Any, list[Any]]  # the buffered values, the timer, and the written values


class Buffer(GenServer[Any]):
    """A server that writes after half a second, or when it has two values."""

    def init(self, _arg: Any) -> Ok[State]:
        return Ok(([], None, []))

    def handle_call(self, request: Any, _from: From, state: Any) -> Reply[State]:
        waiting, timer, batches = state
        if request == "batches":
            return Reply(batches, state)
        if not waiting:
            timer = process.start_timer(process.current(), "write", 0.5)
        if len(waiting) == 1:
            process.cancel_timer(timer)
            return Reply("ok", ([], None, [*batches, [*waiting, request]]))
        return Reply("ok", ([*waiting, request], timer, batches))

    def handle_info(self, message: Any, state: Any) -> NoReply[State]:
        waiting, _, batches = state
        return NoReply(([], None, [*batches, waiting]) if self.is_meant(message[1], state) else state)

    def is_meant(self, _timer: object, _state: Any) -> bool:
        return True


class SafeBuffer(Buffer):
    """A server that checks which timer has fired."""

    def is_meant(self, timer: object, state: Any) -> bool:
        return timer is state[1]


async def add(buffer: Pid, value: int) -> None:
    await process.sleep(0.4 * value)
    await call(buffer, value)


async def two_values(kind: type[Buffer]) -> None:
    buffer = await kind.start_link(None)
    for value in range(2):
        process.spawn_monitor(add, buffer, value)
    for _ in range(2):
        await process.receive(Down)
    await process.sleep(10.0)
    batches = await call(buffer, "batches")
    assert [] not in batches, f"an empty batch was written: {batches}"


async def scenario() -> None:
    await two_values(Buffer)


async def correct() -> None:
    await two_values(SafeBuffer)
