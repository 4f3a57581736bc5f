"""Virtual time in tests: it passes when all processes wait, and costs no real time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from regrow import CastReturn, GenServer, NoReply, Ok, VirtualClock, call, cast, process
from regrow.kernel.current_node import current_node
from regrow.kernel.virtual_time import callbacks_of
from regrow.testing import StartSupervised, probe

pytestmark = pytest.mark.regrow

DAY = 86_400


class EachSecond(GenServer[list[float]]):
    """The lesson's cron job, which sends itself a message each second."""

    def init(self, times: list[float], /) -> Ok[list[float]]:
        self.schedule()
        return Ok(times)

    def handle_info(self, message: object, times: list[float], /) -> CastReturn[list[float]]:
        assert message == "tick"
        times.append(process.monotonic())
        self.schedule()
        return NoReply(times)

    def schedule(self) -> None:
        process.send_after(process.current(), "tick", 1.0)


async def test_a_day_of_a_job_a_second_has_86_400_ticks_a_second_apart(start_supervised: StartSupervised) -> None:
    start = process.monotonic()
    times: list[float] = []
    await start_supervised((EachSecond, times))
    await process.sleep(float(DAY))
    assert times == [start + second for second in range(1, DAY + 1)]
    assert process.monotonic() == start + DAY


async def test_a_tick_costs_one_round_of_the_event_loop(start_supervised: StartSupervised) -> None:
    """The clock waits for the callbacks of asyncio; without callbacks it does not wait."""
    loop: Any = asyncio.get_running_loop()
    if not hasattr(loop, "_run_once"):
        pytest.skip("this loop's rounds cannot be counted")
    rounds = 0
    run_once: Callable[[], None] = loop._run_once

    def counted() -> None:
        nonlocal rounds
        rounds += 1
        run_once()

    await start_supervised((EachSecond, []))
    loop._run_once = counted
    try:
        await process.sleep(1000.0)
    finally:
        del loop._run_once
    assert 1000 <= rounds <= 1010


async def test_the_callbacks_of_the_event_loop_can_be_counted() -> None:
    """asyncio's loop has an attribute, uvloop's is found by the collector; otherwise each tick would cost several rounds."""
    loop = asyncio.get_running_loop()
    in_hand = callbacks_of(loop)
    before = len(in_hand)
    loop.call_soon(int)
    assert len(in_hand) == before + 1
    assert current_node().scheduler.jumps.in_hand is in_hand


async def test_an_unknown_loop_gets_several_rounds(start_supervised: StartSupervised) -> None:
    assert callbacks_of(object()) is None
    current_node().scheduler.jumps.in_hand = None
    times: list[float] = []
    await start_supervised((EachSecond, times))
    await process.sleep(10.0)
    assert len(times) == 10


async def test_advance_fires_timers_as_after_a_sleep_of_the_machine(
    start_supervised: StartSupervised, virtual_clock: VirtualClock
) -> None:
    """The timers that are due fire in order; timers that are set then count from the new time."""
    virtual_clock.jump = False
    times: list[float] = []
    await start_supervised((EachSecond, times))
    start = process.monotonic()
    virtual_clock.advance(60.0)
    await virtual_clock.run_until_idle()
    assert times == [start + 60.0]
    virtual_clock.advance(1.0)
    await virtual_clock.run_until_idle()
    assert times == [start + 60.0, start + 61.0]


async def test_run_until_idle_does_not_move_the_clock(
    start_supervised: StartSupervised, virtual_clock: VirtualClock
) -> None:
    pid = await start_supervised(probe("a"))
    start = virtual_clock.now()
    for _ in range(100):
        cast(pid, ("sleep", 0.0))
    cast(pid, ("sleep", 5.0))
    await virtual_clock.run_until_idle()
    assert process.info(pid, "message_queue_len") == 0
    assert virtual_clock.now() == start
    await call(pid, "who", 10.0)
    assert virtual_clock.now() == start + 5.0
