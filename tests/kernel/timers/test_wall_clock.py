"""`process.system_time`, and the wall clock of a virtual clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from regrow import Node, NoNode, VirtualClock, process
from regrow.kernel.clock import Clock, Times

pytestmark = pytest.mark.regrow

START = datetime(2024, 1, 1, tzinfo=UTC).timestamp()


def test_the_machines_clock_shows_unix_time() -> None:
    async def main() -> tuple[float, float, float]:
        async with Node():
            return time.time(), process.system_time(), time.time()

    before, shown, after = asyncio.run(main())
    assert before <= shown <= after


def test_both_times_of_the_machines_clock() -> None:
    before = Times(time.time(), time.monotonic())
    times = Clock().times()
    after = Times(time.time(), time.monotonic())
    assert before.wall <= times.wall <= after.wall
    assert before.monotonic <= times.monotonic <= after.monotonic


def test_the_wall_clock_needs_a_node() -> None:
    with pytest.raises(NoNode, match="no node in this thread"):
        process.system_time()


async def test_a_virtual_wall_clock_starts_in_2024_and_moves_with_the_time(virtual_clock: VirtualClock) -> None:
    assert process.system_time() == START
    await process.sleep(90.5)
    assert process.system_time() == START + 90.5
    virtual_clock.advance(9.5)
    assert (process.system_time(), process.monotonic()) == (START + 100.0, 1100.0)
    assert virtual_clock.times() == (START + 100.0, 1100.0)
    assert virtual_clock.times().wall == virtual_clock.wall()


@pytest.mark.parametrize(
    "when",
    [datetime(2026, 3, 29, 1, 30, tzinfo=UTC), datetime(1999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-5)))],
)
async def test_a_wall_clock_that_is_set_moves_on_from_there(virtual_clock: VirtualClock, when: datetime) -> None:
    virtual_clock.set_wall(when)
    assert process.system_time() == when.timestamp()
    await process.sleep(60.0)
    assert process.system_time() == when.timestamp() + 60.0


@pytest.mark.parametrize("step", [3600.0, -7200, timedelta(days=-1), 0])
async def test_no_timer_moves_with_a_step_of_the_wall_clock(virtual_clock: VirtualClock, step: Any) -> None:
    process.send_after(process.current(), "due", 10.0)
    virtual_clock.step_wall(step)
    seconds = step.total_seconds() if isinstance(step, timedelta) else step
    assert (process.monotonic(), process.system_time()) == (1000.0, START + seconds)
    await virtual_clock.run_until_idle()
    with pytest.raises(TimeoutError):
        await process.receive(timeout=9.0)
    assert await process.receive() == "due"
    assert (process.monotonic(), process.system_time()) == (1010.0, START + 10.0 + seconds)


async def test_steps_add_up(virtual_clock: VirtualClock) -> None:
    virtual_clock.step_wall(5.0)
    virtual_clock.step_wall(timedelta(seconds=7))
    assert process.system_time() == START + 12.0


async def test_a_thread_may_read_both_times(virtual_clock: VirtualClock) -> None:
    assert await asyncio.to_thread(virtual_clock.times) == Times(START, 1000.0)


async def test_a_date_without_zone_is_refused(virtual_clock: VirtualClock) -> None:
    with pytest.raises(ValueError, match=r"set_wall: wanted a datetime with a time zone, as .*; got datetime"):
        virtual_clock.set_wall(datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test
    assert process.system_time() == START


@pytest.mark.parametrize("when", [1704067200.0, "2024-01-01", None, timedelta(1)])
async def test_what_is_no_date_is_refused(virtual_clock: VirtualClock, when: Any) -> None:
    with pytest.raises(TypeError, match="set_wall: wanted a datetime with a time zone, got"):
        virtual_clock.set_wall(when)


@pytest.mark.parametrize(
    ("step", "error"),
    [("1", TypeError), (None, TypeError), (True, TypeError), (float("nan"), ValueError), (float("inf"), ValueError)],
)
async def test_what_is_no_step_is_refused(virtual_clock: VirtualClock, step: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="step_wall: wanted"):
        virtual_clock.step_wall(step)
    assert process.system_time() == START
