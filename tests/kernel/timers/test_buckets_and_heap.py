"""The buckets and the heap in which timers are stored."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    Down,
    Node,
    VirtualClock,
    process,
)
from regrow.kernel.alarms import Alarm, Timer
from regrow.kernel.deadlines import FEW
from regrow.testing import expect_idle
from tests.kernel.timers.mailboxes import me, messages, waiting

pytestmark = pytest.mark.regrow


async def test_timers_of_many_delays_fire_in_order(node: Node, virtual_clock: VirtualClock) -> None:
    """They fire in the order of their times."""
    start = virtual_clock.now()
    delays = [number * 7 % 24 / 10 + 0.1 for number in range(24)]
    for delay in delays:
        process.send_after(process.current(), delay, delay)
    for delay in sorted(delays):
        assert await process.receive(timeout=10) == delay
        assert virtual_clock.now() == pytest.approx(start + delay)
    assert node.scheduler.timers.next_due() == float("inf")


async def test_equal_delays_fire_in_the_order_of_setting(node: Node) -> None:
    """A bucket keeps its order, also when some timers are cancelled."""
    timers = [process.send_after(process.current(), number, 1) for number in range(10)]
    for one in timers[::3]:
        assert process.cancel_timer(one) == 1.0
    assert [await process.receive() for _ in range(6)] == [1, 2, 4, 5, 7, 8]


async def test_cancelled_timers_are_purged(node: Node) -> None:
    """A heap in which most timers are cancelled is rebuilt, and the remaining timers still fire."""
    timers = node.scheduler.timers
    many = [process.send_after(process.current(), number, 1 + number / 100_000) for number in range(1000)]
    assert timers.next_due() == node.clock.now() + 1
    assert len(timers.heap) == 1000
    for one in many[1:]:
        process.cancel_timer(one)
    assert len(timers.heap) < 200
    assert await process.receive() == 0


async def test_advance_fires_what_is_due(node: Node, virtual_clock: VirtualClock) -> None:
    """advance() fires the timers due meanwhile, in order, and an interval as often as it fits."""
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
    """The virtual clock moves only when all processes wait, and then exactly to the next timer."""
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
    """Intervals do not drift; apply_after and apply_interval run in separate processes."""
    me = process.current()
    start = virtual_clock.now()
    ticks = process.send_interval(me, "tick", timedelta(seconds=2))
    for number in (1, 2, 3):
        await process.receive("tick".__eq__)
        assert virtual_clock.now() == start + 2 * number
    assert process.cancel_timer(ticks) == 2.0
    assert process.cancel_timer(ticks) is None

    def notify(word: str) -> None:
        assert process.current() is not me
        process.send(me, word)

    process.apply_after(1, notify, "after")
    repeated = process.apply_interval(0.4, notify, "again")
    assert [await process.receive() for _ in range(4)] == ["again", "again", "after", "again"]
    process.cancel_timer(repeated)


async def test_an_interval_ends_with_its_process(node: Node) -> None:
    """Timers to a pid end with the process, intervals too."""
    pid = process.spawn(process.sleep, None)
    timers = [process.send_interval(pid, "tick", 1), process.send_after(pid, "x", 5), process.start_timer(pid, 1, 9)]
    await process.sleep(2.5)
    process.exit(pid, "kill")
    assert [process.read_timer(one) for one in timers] == [None, None, None]
    await expect_idle()
    assert node.scheduler.timers.next_due() == float("inf")


async def test_a_timer_whose_table_raises_does_not_stop_the_others(node: Node) -> None:
    """A custom name table that raises when a timer fires is reported to the loop; other timers fire."""
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
    errors: list[Any] = []
    node.loop.set_exception_handler(lambda _, context: errors.append(context["exception"]))
    process.send_after(Via(Broken(), "x"), "lost", 1)
    process.send_after(process.current(), "kept", 1)
    assert await process.receive(timeout=5) == "kept"
    assert [type(error) for error in errors] == [LookupError]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: process.send_after(process.current(), 1, -1), ValueError),
        (lambda: process.send_after(process.current(), 1, None), TypeError),  # type: ignore[arg-type]
        (lambda: process.send_after(12, 1, 1), TypeError),  # type: ignore[arg-type]
        (lambda: process.send_interval(process.current(), 1, 0), ValueError),
        (lambda: process.start_timer(process.current(), 1, "1"), TypeError),  # type: ignore[arg-type]
        (lambda: process.send_after(process.current(), 1, "1", abs=True), TypeError),  # type: ignore[arg-type]
        (lambda: process.apply_after(1, "no function"), TypeError),  # type: ignore[arg-type]
        (lambda: process.cancel_timer("no timer"), TypeError),
        (lambda: process.read_timer(7), TypeError),
    ],
)
async def test_wrong_arguments_are_refused(node: Node, wrong: Any, error: type[Exception]) -> None:
    """Wrong arguments are refused by the function that takes them."""
    with pytest.raises(error):
        wrong()
    assert node.scheduler.timers.next_due() == float("inf")


def test_every_timer_costs_the_same() -> None:
    """The calls to set, cancel and fire a timer are counted: with 10,000 other timers no more than with 400."""

    def calls(function: Callable[[], object]) -> int:
        count = 0

        def profile(_frame: object, event: str, _argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            function()
        finally:
            sys.setprofile(None)
        return count

    def each(many: int, delay: Callable[[int], float]) -> list[float]:
        clock = VirtualClock(jump=False)

        async def main() -> list[float]:
            async with Node(clock=clock):
                pid = waiting()
                started: list[Timer] = []
                costs = [
                    calls(lambda: started.extend(process.send_after(pid, 1, delay(number)) for number in range(many))),
                    calls(lambda: [process.cancel_timer(one) for one in started[::2]]),
                    calls(lambda: clock.advance(10_000.0)),
                ]
                assert {process.read_timer(one) for one in started} == {None}
                return [cost / many for cost in costs]

        return asyncio.run(main())

    def usual(_: int) -> float:
        return 5.0

    def of_a_few_kinds(number: int) -> float:
        return float(number % 3)

    def of_all_kinds(number: int) -> float:
        return 1.0 + number * 7919 % 10_000 / 7

    for delay in (usual, of_a_few_kinds, of_all_kinds):
        few, many = each(400, delay), each(10_000, delay)
        assert few[0] > 1.0  # a profile that recorded nothing would prove nothing
        for cost, cost_of_many in zip(few, many, strict=True):
            assert cost_of_many <= cost + 2.0, (few, many)


async def test_the_first_of_many_is_found_at_once(node: Node, virtual_clock: VirtualClock) -> None:
    """Each bucket is sorted into the heap once, however often the next timer is requested."""
    timers = node.scheduler.timers
    before = timers.sorted_in
    marks = [Alarm(timers, me(), number, print) for number in range(20_000)]
    for mark in marks:
        timers.start(mark, 77.0)
        virtual_clock.time += 0.001
    assert len(timers.buckets) == len(timers.starts) < 20 * 64 + 64
    for mark in marks:
        assert timers.next_due() == mark.due
        timers.cancel(mark)
    assert timers.next_due() == float("inf")
    assert timers.sorted_in == before + 20_000
    assert (timers.buckets, timers.starts) == ({}, [])


@pytest.mark.regrow(clock="real")
@pytest.mark.parametrize("kind", ["bucket", "heap"])
async def test_the_event_loop_runs_while_very_many_timers_fire(kind: str) -> None:
    """Ten thousand timers due together do not keep the event loop from its other work (same_time_yielding)."""
    pid = waiting()
    for number in range(10_000):
        if kind == "bucket":
            process.send_after(pid, number, 0.1)
        else:
            process.send_after(pid, number, 0.0, abs=True)
    before, longest = 0, 0
    while before < 10_000:
        await asyncio.sleep(0)  # one iteration of the loop
        now = process.info(pid, "message_queue_len")
        before, longest = now, max(longest, now - before)
    assert longest < 1000
    assert process.info(pid, "messages") == list(range(10_000))


async def test_rounds_keep_the_order_of_times(virtual_clock: VirtualClock) -> None:
    """In buckets and in the heap, however many timers are due, the earlier one fires first."""
    chance = random.Random(7)
    times: list[float] = []
    for _ in range(9000):
        virtual_clock.time += chance.random() / 10_000
        delay = chance.choice([1.0, 1.25, chance.uniform(0.5, 1.5)])
        times.append(virtual_clock.time + delay)
        process.send_after(me(), times[-1], delay)
    for until in (sorted(times)[4000], max(times)):
        virtual_clock.advance(until - virtual_clock.time)
        assert messages() == sorted(time for time in times if time <= virtual_clock.time)
    assert len(messages()) == 9000


async def test_empty_buckets_are_not_kept(node: Node) -> None:
    """Many timers, each at a different time, leave nothing; the few that remain among them fire in order."""
    timers = node.scheduler.timers
    for number in range(10_000):
        if number % 1000 == 999:
            process.send_after(me(), number, 50.0 + number)
        process.cancel_timer(process.send_after(me(), "never", 50.5 + number))
    assert len(timers.buckets) == len(timers.starts) <= 2 * 10 + FEW
    assert [await process.receive() for _ in range(10)] == list(range(999, 10_000, 1000))


async def test_random_timers_fire_in_order(node: Node, virtual_clock: VirtualClock) -> None:
    """Timers fire by time, and those of one time in the order of setting, wherever each of them is stored."""
    virtual_clock.jump = False
    timers, chance = node.scheduler.timers, random.Random(11)
    waiting: dict[int, tuple[float, int, Timer]] = {}
    fired: list[int] = []
    for number in range(20_000):
        what = chance.random()
        if what < 0.6:
            delay = chance.choice([0.0, 0.125, 0.25, 5.0, chance.randrange(64) / 128])
            if chance.random() < 0.5:
                started = process.send_after(me(), number, delay)
            else:
                started = process.send_after(me(), number, virtual_clock.time + delay, abs=True)
            waiting[number] = (virtual_clock.time + delay, number, started)
        elif what < 0.9 and waiting:
            _, _, started = waiting.pop(chance.choice(list(waiting)[-20:]))
            assert process.cancel_timer(started) is not None
            assert process.cancel_timer(started) is None
        elif what < 0.95:
            assert timers.next_due() == min((due for due, _, _ in waiting.values()), default=float("inf"))
        else:
            virtual_clock.advance(chance.randrange(16) / 128)
            due = sorted(one[:2] for one in waiting.values() if one[0] <= virtual_clock.time)
            fired += [waiting.pop(number)[1] for _, number in due]
    assert messages() == fired


async def test_a_timer_that_is_set_again_for_the_same_time(node: Node) -> None:
    """It fires once, and its earlier entry is forgotten."""
    timers, fired = node.scheduler.timers, list[object]()
    alarm = Alarm(timers, None, "again", fired.append)
    due = node.clock.now() + 5.0
    timers.start_at(alarm, due)
    assert timers.next_due() == due
    timers.cancel(alarm)
    timers.start_at(alarm, due)
    await process.sleep(10.0)
    assert fired == [alarm]


async def test_an_infinite_time_is_accepted(node: Node, virtual_clock: VirtualClock) -> None:
    """An asyncio timer may be set for it."""
    timers = node.scheduler.timers
    alarm = Alarm(timers, None, "never", print)
    timers.start_at(alarm, float("inf"))
    virtual_clock.advance(1e9)
    assert timers.next_due() == float("inf")
    timers.cancel(alarm)
    assert alarm.left() is None
