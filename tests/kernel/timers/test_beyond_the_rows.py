"""Timers: cases beyond the rows of the catalogue."""

from __future__ import annotations

import asyncio
import copy
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import pytest

from regrow import (
    Down,
    Exited,
    Node,
    Pid,
    VirtualClock,
    process,
    send,
    timer,
)
from regrow.kernel.alarms import Alarm, Timer
from regrow.testing import expect_down, kill
from tests.kernel.timers.mailboxes import FAR, Slow, me, messages, nothing_is_set, waiting

pytestmark = pytest.mark.regrow


async def test_read_and_cancel_by_message() -> None:
    """With `async_` the results come as messages, in the order of the requests (read_timer_async)."""
    far = process.send_after(me(), "hej", 2**33)
    await process.sleep(0.25)
    assert process.read_timer(far, async_=True) is None
    assert process.cancel_timer(far, async_=True, info=True) is None
    assert process.read_timer(far, async_=True) is None
    assert process.cancel_timer(far, async_=True) is None
    assert process.cancel_timer(far, async_=True, info=False) is None
    left = 2**33 - 0.25
    assert messages() == [
        ("read_timer", far, left),
        ("cancel_timer", far, left),
        ("read_timer", far, None),
        ("cancel_timer", far, None),
    ]


async def test_cancel_without_info() -> None:
    far = process.send_after(me(), "hej", FAR)
    assert process.cancel_timer(far, info=False) is None
    assert process.read_timer(far) is None
    assert messages() == []


def test_a_plain_task_gets_no_messages() -> None:
    """A plain task may set and cancel timers, but has no mailbox for the results of `async_`, and no pid."""

    async def main() -> None:
        async with Node() as node:
            pid = waiting()
            far = process.send_after(pid, "hej", FAR)
            with pytest.raises(RuntimeError, match="plain asyncio task"):
                process.cancel_timer(far, async_=True)
            assert process.cancel_timer(far) == pytest.approx(FAR, abs=60)
            with pytest.raises(RuntimeError, match="plain asyncio task"):
                timer.send_after(1.0, "hej")
            ticks = timer.apply_interval(FAR, print)
            assert process.read_timer(ticks) is not None
            assert timer.cancel(ticks)
            assert nothing_is_set(node)

    asyncio.run(main())


async def test_any_process_may_cancel_a_timer() -> None:
    """Another process cancels the timer; the process that set it may have ended."""
    setter = me()
    first, second = process.send_after(setter, "first", 1.0), timer.apply_after(1.0, send, setter, "second")
    _, ref = process.spawn_monitor(lambda: (process.cancel_timer(first), process.send_after(setter, "third", 2.0)))
    await expect_down(ref, "normal")
    assert process.read_timer(first) is None
    assert timer.cancel(second)
    assert await process.receive() == "third"


@pytest.mark.parametrize("start", [timer.apply_interval, timer.apply_repeatedly])
@pytest.mark.parametrize("busy", [False, True])
async def test_an_interval_of_calls_ends_with_its_setter(start: Any, busy: bool, node: Node) -> None:
    """timer:apply_interval watches the process that called it; a run in progress finishes."""
    main = me()

    async def run() -> None:
        send(main, "begun")
        if busy:
            await process.sleep(0.4)
        send(main, "ended")

    async def sets() -> None:
        start(1.0, run)
        await process.sleep(1.25)

    _, ref = process.spawn_monitor(sets)
    await process.sleep(10.0)
    down = messages()[1 if busy else 2]
    assert [one for one in messages() if one is not down] == ["begun", "ended"]
    assert isinstance(down, Down)
    assert down.ref is ref
    assert nothing_is_set(node)


async def test_an_interval_to_an_unknown_name_does_not_start(node: Node) -> None:
    """timer:send_interval watches the owner of the name when it starts; a later owner changes nothing."""
    ticks = process.send_interval("unknown", "tick", 1.0)
    process.register("unknown", me())
    assert process.read_timer(ticks) is None
    assert process.cancel_timer(ticks) is None
    assert nothing_is_set(node)
    dead = waiting()
    await kill(dead)
    assert process.read_timer(process.send_interval(dead, "tick", 1.0)) is None


async def test_an_interval_survives_a_name_that_goes_and_comes() -> None:
    process.register("receiver", me())
    ticks = process.send_interval("receiver", "tick", 1.0)
    await process.sleep(1.5)
    process.unregister("receiver")
    await process.sleep(1.0)
    process.register("receiver", me())
    await process.sleep(1.0)
    assert messages() == ["tick", "tick"]
    assert process.cancel_timer(ticks) == 0.5


async def test_a_repeated_call_that_takes_long_catches_up(virtual_clock: VirtualClock) -> None:
    """One run takes 2.5 intervals: two follow at once, one after the other; then the original schedule continues."""
    start, main = virtual_clock.now(), me()
    times = iter([2.5, 0.0, 0.0, 0.0])

    async def run() -> None:
        send(main, virtual_clock.now() - start)
        await process.sleep(next(times))

    repeated = timer.apply_repeatedly(1.0, run)
    assert [await process.receive() for _ in range(4)] == [1.0, 3.5, 3.5, 4.0]
    assert timer.cancel(repeated)


async def test_a_repeated_call_that_raises_is_repeated(reports: list[Any]) -> None:
    main = me()

    def run() -> None:
        send(main, "begun")
        raise ValueError("oops")

    repeated = timer.apply_repeatedly(1.0, run)
    await process.sleep(3.5)
    assert messages() == ["begun"] * 3
    assert [type(one.reason) for one in reports] == [ValueError] * 3
    timer.cancel(repeated)


async def test_a_repeated_call_is_cancelled_while_it_runs(node: Node) -> None:
    """The run finishes, and none follows."""
    main = me()

    async def run() -> None:
        await process.sleep(5.0)
        send(main, "ended")

    repeated = process.apply_repeatedly(2.0, run)
    await process.sleep(3.0)
    assert process.read_timer(repeated) == 1.0
    assert process.cancel_timer(repeated) == 1.0
    assert process.read_timer(repeated) is None
    await process.sleep(20.0)
    assert messages() == ["ended"]
    assert nothing_is_set(node)


async def test_a_timer_s_function_has_the_context_of_its_setter() -> None:
    """Context variables are those of the process that set the timer, at that time, whichever processes set others."""
    word: ContextVar[str] = ContextVar("word", default="none")
    main = me()

    def notify() -> None:
        send(main, word.get())
        word.set("changed by a run")

    process.send_after(main, "first", 0.25)  # the clock is moved in the context of the process that sets a timer first
    word.set("asked for")
    timer.apply_after(2.0, notify)
    ticks = timer.apply_interval(1.5, notify)
    word.set("changed later")

    def sets_others() -> None:
        word.set("another's")
        process.send_after(main, "other", 0.5)

    process.spawn(sets_others)
    assert [await process.receive() for _ in range(5)] == ["first", "other", "asked for", "asked for", "asked for"]
    timer.cancel(ticks)


async def test_the_exit_signal_of_a_timer_has_no_living_sender() -> None:
    """Even "normal" to the setter arrives: as a message if exits are trapped, else not at all."""
    timer.exit_after(0.5, "normal")
    await process.sleep(1.0)
    process.trap_exit(True)
    for reason in ("normal", "why"):
        timer.exit_after(0.5, reason)
        message = await process.receive(Exited)
        assert message.reason == reason
        assert message.pid not in process.processes()


@pytest.mark.parametrize("delay", [0, 1.0])
async def test_exit_after_with_a_pid_and_a_name(delay: float) -> None:
    for target in (waiting(), "victim"):
        pid = waiting() if target == "victim" else target
        assert isinstance(pid, Pid)
        ref = process.monitor(pid)
        if target == "victim":
            process.register("victim", pid)
        timer.exit_after(delay, target, "why")
        await expect_down(ref, "why", timeout=1.0001)


async def test_exit_after_0_ends_its_caller_at_once() -> None:
    went_on = False

    async def ends_itself() -> None:
        nonlocal went_on
        timer.exit_after(0, "at once")
        went_on = True

    _, ref = process.spawn_monitor(ends_itself)
    await expect_down(ref, "at once")
    assert not went_on


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: timer.exit_after(-1, "r"), ValueError),
        (lambda: timer.exit_after(1), TypeError),  # type: ignore[call-overload]
        (lambda: timer.exit_after(1, None, "r"), TypeError),  # type: ignore[call-overload]
        (lambda: timer.exit_after(1, 12, "r"), TypeError),  # type: ignore[call-overload]
        (lambda: timer.exit_after("1", "r"), TypeError),  # type: ignore[call-overload]
        (lambda: timer.kill_after(-1), ValueError),
        (lambda: timer.kill_after(1, 5), TypeError),  # type: ignore[call-overload]
        (lambda: timer.apply_after(-1, print), ValueError),
        (lambda: timer.tc("no function"), TypeError),  # type: ignore[call-overload]
        (lambda: timer.tc(print, unit="minute"), ValueError),
        (lambda: process.send_after(me(), 1, 2**64, abs=True), ValueError),
    ],
)
async def test_wrong_arguments_raise(node: Node, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="wanted"):
        wrong()
    assert nothing_is_set(node)


async def test_the_repr_and_the_copies_of_a_timer() -> None:
    """A timer's repr shows its receiver; copies of a timer are the same timer."""
    started = process.start_timer(me(), "hej", 1.0)
    assert repr(started) == f"Timer({me()!r}, 'hej')"
    assert copy.copy(started) is copy.deepcopy([started])[0] is started
    message = await process.receive()
    assert repr(message) == f"('timeout', Timer({me()!r}, 'hej'), 'hej')"
    assert "print" in repr(timer.apply_after(1.0, print, "hej"))


def test_now_diff_gives_seconds() -> None:
    """The result is in seconds, for two times of `monotonic()` or for two datetimes."""
    assert timer.now_diff(1003.5, 1001.0) == 2.5
    assert timer.now_diff(datetime(2026, 1, 1, 0, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)) == 60.0


def test_tc_without_a_node() -> None:
    """Without a node, tc uses the machine's clock."""
    taken, value = timer.tc(Slow.nothing, 3)
    assert value == 3
    assert 0.0 <= taken < 60.0


async def test_sleep_accepts_any_number() -> None:
    """timer:sleep accepts any number."""
    pid = process.spawn(timer.sleep, 2**70)
    timer.send_after(FAR, "hej")
    await process.receive()
    assert process.alive(pid)


async def test_a_timer_cancels_another_that_is_due_at_the_same_time(node: Node) -> None:
    """Both are due at the same time, and are taken out together."""
    timers = node.scheduler.timers
    fired: list[str] = []

    def fires(word: str, *cancels: Timer) -> Alarm:
        def fire(_: Alarm) -> None:
            fired.append(word)
            for other in cancels:
                timers.cancel(other)

        return Alarm(timers, None, word, fire)

    in_bucket, in_heap = fires("in a bucket"), fires("in the heap")
    timers.start(fires("first", in_bucket, in_heap), 5.0)
    timers.start(in_heap, 5.0)
    assert timers.next_due() == node.clock.now() + 5.0  # sorts them in
    timers.start(in_bucket, 5.0)
    timers.start(fires("last"), 5.0)
    assert (in_heap.bucket is None, in_bucket.bucket is None) == (True, False)
    await process.sleep(10.0)
    assert fired == ["first", "last"]


async def test_the_node_waits_for_the_nearest_deadline(node: Node) -> None:
    timers, now = node.scheduler.timers, node.clock.now()
    process.send_after(process.current(), "far", now + 100.0, abs=True)
    process.send_after(process.current(), "near", now + 50.0, abs=True)
    assert timers.handle_due == now + 50.0
    process.send_after(process.current(), "nearer", 25.0)
    assert timers.handle_due == now + 25.0
    process.send_after(process.current(), "between", now + 30.0, abs=True)
    assert timers.handle_due == now + 25.0


async def test_a_message_due_when_a_wait_ends_arrives_in_time(node: Node) -> None:
    """Of all timers due at one time, messages are sent before waits end, even if the wait began first."""
    me = process.current()

    async def waits() -> None:
        process.send(me, await process.receive(str, timeout=5.0))

    waiter = process.spawn_link(waits)
    await process.sleep(1.0)
    process.send_after(waiter, "in time", 4.0)
    assert await process.receive(str) == "in time"
