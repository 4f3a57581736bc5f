"""Timers: lanes for the usual delays, a heap for the others, and a clock that tests move."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from regrow import Down, Node, VirtualClock, process
from regrow.kernel.timers import LANES
from regrow.testing import expect_idle


async def test_more_delays_than_lanes(node: Node, virtual_clock: VirtualClock) -> None:
    """Timers of many delays, in lanes and in the heap, fire in the order of their times."""
    start = virtual_clock.now()
    delays = [(number * 7 % (LANES * 3)) / 10 + 0.1 for number in range(LANES * 3)]
    for delay in delays:
        process.send_after(process.current(), delay, delay)
    for delay in sorted(delays):
        assert await process.receive(timeout=10) == delay
        assert virtual_clock.now() == pytest.approx(start + delay)
    assert node.scheduler.timers.next_due() == float("inf")


async def test_equal_delays_fire_in_the_order_of_their_making(node: Node) -> None:
    """A lane keeps its order, also when some are cancelled."""
    timers = [process.send_after(process.current(), number, 1) for number in range(10)]
    for timer in timers[::3]:
        assert process.cancel_timer(timer) == 1.0
    assert [await process.receive() for _ in range(6)] == [1, 2, 4, 5, 7, 8]


async def test_the_cancelled_are_purged(node: Node) -> None:
    """A heap in which most are cancelled is made anew, and what is left still fires."""
    timers = node.scheduler.timers
    for number in range(LANES):
        process.send_after(process.current(), "lane", 1000 + number)
    many = [process.send_after(process.current(), number, 1 + number / 1000) for number in range(1000)]
    assert len(timers.heap) == 1000
    for timer in many[1:]:
        process.cancel_timer(timer)
    assert len(timers.heap) < 200
    assert await process.receive() == 0


async def test_advance(node: Node, virtual_clock: VirtualClock) -> None:
    """advance() fires what falls due meanwhile, in order, and an interval as often as it fits."""
    virtual_clock.jump = False
    process.send_interval(process.current(), "tick", 1)
    process.send_after(process.current(), "once", 2.5)
    virtual_clock.advance(3.2)
    await expect_idle()
    found = [await process.receive() for _ in range(4)]
    assert sorted(found) == ["once", "tick", "tick", "tick"]
    with pytest.raises(ValueError, match="forward only"):
        virtual_clock.advance(-1)
    virtual_clock.jump = True


async def test_the_clock_stands_still_while_anything_runs(node: Node, virtual_clock: VirtualClock) -> None:
    """The virtual clock moves only when all wait, and then exactly to the next timer."""
    seen: list[tuple[float, str]] = []
    start = virtual_clock.now()

    async def ticker(word: str, delay: float) -> None:
        for _ in range(3):
            await process.sleep(delay)
            seen.append((round(virtual_clock.now() - start, 3), word))

    pids = [process.spawn_monitor(ticker, word, delay)[0] for word, delay in (("a", 1.0), ("b", 0.7))]
    for _ in pids:
        await process.receive(Down)
    assert seen == [(0.7, "b"), (1.0, "a"), (1.4, "b"), (2.0, "a"), (2.1, "b"), (3.0, "a")]


async def test_interval_and_apply(node: Node, virtual_clock: VirtualClock) -> None:
    """Intervals do not drift; apply_after and apply_interval run in processes of their own."""
    me = process.current()
    start = virtual_clock.now()
    ticks = process.send_interval(me, "tick", timedelta(seconds=2))
    for number in (1, 2, 3):
        await process.receive("tick".__eq__)
        assert virtual_clock.now() == start + 2 * number
    assert process.cancel_timer(ticks) == 2.0
    assert process.cancel_timer(ticks) is None

    def tell(word: str) -> None:
        assert process.current() is not me
        process.send(me, word)

    process.apply_after(1, tell, "after")
    repeated = process.apply_interval(0.4, tell, "again")
    assert [await process.receive() for _ in range(4)] == ["again", "again", "after", "again"]
    process.cancel_timer(repeated)


async def test_an_interval_ends_with_its_process(node: Node) -> None:
    """Timers to a pid end with the process, intervals too."""
    pid = process.spawn(process.sleep, None)
    timers = [process.send_interval(pid, "tick", 1), process.send_after(pid, "x", 5), process.start_timer(pid, 1, 9)]
    await process.sleep(2.5)
    process.exit(pid, "kill")
    assert [process.read_timer(timer) for timer in timers] == [None, None, None]
    await expect_idle()
    assert node.scheduler.timers.next_due() == float("inf")


async def test_a_timer_whose_table_raises_does_not_stop_the_others(node: Node) -> None:
    """A name table of the user's that raises when a timer fires is reported to the loop; other timers fire."""
    from regrow import Via

    class Broken:
        def register_name(self, _key: Any, _pid: Any) -> bool:
            return False

        def unregister_name(self, _key: Any) -> None:
            return None

        def whereis_name(self, _key: Any) -> None:
            if process.monotonic() > start:
                raise LookupError("broken")

    start = process.monotonic()
    told: list[Any] = []
    node.loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    process.send_after(Via(Broken(), "x"), "lost", 1)
    process.send_after(process.current(), "kept", 1)
    assert await process.receive(timeout=5) == "kept"
    assert [type(error) for error in told] == [LookupError]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: process.send_after(process.current(), 1, -1), ValueError),
        (lambda: process.send_after(process.current(), 1, None), TypeError),  # type: ignore[arg-type]
        (lambda: process.send_after(12, 1, 1), TypeError),
        (lambda: process.send_interval(process.current(), 1, 0), ValueError),
        (lambda: process.start_timer(process.current(), 1, "1"), TypeError),  # type: ignore[arg-type]
        (lambda: process.send_after(process.current(), 1, "1", absolute=True), TypeError),  # type: ignore[arg-type]
        (lambda: process.apply_after(1, "no function"), TypeError),  # type: ignore[arg-type]
        (lambda: process.cancel_timer("no timer"), TypeError),
        (lambda: process.read_timer(7), TypeError),
    ],
)
async def test_errors_of_use(node: Node, wrong: Any, error: type[Exception]) -> None:
    """Wrong arguments are refused where they are given."""
    with pytest.raises(error):
        wrong()
    assert node.scheduler.timers.next_due() == float("inf")
