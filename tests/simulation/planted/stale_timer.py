"""A lease that is renewed at its last moment: its timer is cancelled, but its message is already in the mailbox."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoReply, Ok, Pid, Reply, call, process


class Lease(GenServer[Any]):
    """A server that holds a lease for a second after each renewal, with a new timer for each."""

    def init(self, _arg: Any) -> Any:
        return Ok((True, process.send_after(process.current(), "expired", 1.0)))

    def handle_call(self, request: Any, _from: From, state: Any) -> Any:
        held, timer = state
        if request == "held" or not held:
            return Reply(held, state)
        process.cancel_timer(timer)
        return Reply(True, (True, process.send_after(process.current(), "expired", 1.0)))

    def handle_info(self, _message: Any, state: Any) -> Any:
        return NoReply((False, state[1]))


class SafeLease(GenServer[Any]):
    """A server that checks which of its timers has fired."""

    def init(self, _arg: Any) -> Any:
        return Ok((True, process.start_timer(process.current(), "expired", 1.0)))

    def handle_call(self, request: Any, _from: From, state: Any) -> Any:
        held, timer = state
        if request == "held" or not held:
            return Reply(held, state)
        process.cancel_timer(timer)
        return Reply(True, (True, process.start_timer(process.current(), "expired", 1.0)))

    def handle_info(self, message: Any, state: Any) -> Any:
        _, timer, _ = message
        return NoReply((False, timer) if timer is state[1] else state)


async def renew(lease: Pid) -> None:
    await process.sleep(0.7)
    if await call(lease, "renew"):
        await process.sleep(0.1)
        assert await call(lease, "held")


async def hold(kind: type[GenServer[Any]]) -> None:
    lease = await kind.start_link(None)
    process.spawn_monitor(renew, lease)
    down = await process.receive(Down)
    assert down.reason == "normal", "a renewed lease expired at once"


async def scenario() -> None:
    await hold(Lease)


async def correct() -> None:
    await hold(SafeLease)
