"""erlang:start_timer, send_after, read_timer and cancel_timer, row by row."""

from __future__ import annotations

import copy
import weakref
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    GenServer,
    Node,
    NoReply,
    Ok,
    Ref,
    VirtualClock,
    cast,
    process,
    system,
)
from regrow.kernel.alarms import Timer
from regrow.testing import expect_idle, kill
from tests.kernel.timers.mailboxes import me, messages, nothing_is_set, waiting

pytestmark = pytest.mark.regrow


class Large:
    """A message whose deallocation can be observed."""


@pytest.mark.otp("TM-001")
async def test_start_timer(virtual_clock: VirtualClock) -> None:
    start = virtual_clock.now()
    plopp = process.start_timer(me(), "plopp", 1.0)
    assert await process.receive() == ("timeout", plopp, "plopp")
    assert virtual_clock.now() == start + 1.0
    assert process.read_timer(plopp) is None
    assert process.cancel_timer(plopp) is None
    assert process.read_timer(plopp) is None


@pytest.mark.otp("TM-003")
async def test_no_timer_is_early() -> None:
    process.start_timer(me(), "plopp", 1.0)
    with pytest.raises(TimeoutError):
        await process.receive(timeout=0.6)
    assert await process.receive(timeout=0.4001)


@pytest.mark.otp("TM-004")
async def test_send_after() -> None:
    plipp = process.send_after(me(), "plipp", 1.0)
    assert await process.receive() == "plipp"
    assert process.read_timer(plipp) is None


@pytest.mark.otp("TM-006")
async def test_messages_come_in_the_order_of_their_times() -> None:
    delays = [5.0, 0.0, 0.2, 0.1, 0.5, 0.3, 0.4]
    for delay in delays:
        process.send_after(me(), delay, delay)
    assert [await process.receive() for _ in delays] == sorted(delays)


@pytest.mark.otp("TM-008")
async def test_an_unknown_ref() -> None:
    assert process.cancel_timer(Ref()) is None
    assert process.read_timer(Ref()) is None


@pytest.mark.otp("TM-010")
@pytest.mark.parametrize("start", [process.send_after, process.start_timer])
@pytest.mark.parametrize(
    ("delay", "error"),
    [
        (-4, ValueError),
        (-0.001, ValueError),
        (timedelta(seconds=-1), ValueError),
        (2**64, ValueError),
        pytest.param(10**400, ValueError, id="10**400"),
        (float("inf"), ValueError),
        (float("nan"), ValueError),
        ("a", TypeError),
        (None, TypeError),
        (True, TypeError),
    ],
)
async def test_invalid_times_are_refused(start: Any, delay: Any, error: type[Exception], node: Node) -> None:
    """OTP refuses these times, too; fractions of a second are valid, as 4.5 ms would be in OTP."""
    with pytest.raises(error, match="wanted"):
        start(me(), "hej", delay)
    assert nothing_is_set(node)
    assert process.cancel_timer(start(me(), "hej", 0.0045)) == pytest.approx(0.0045)


@pytest.mark.otp("TM-013")
async def test_read_timer(virtual_clock: VirtualClock) -> None:
    far = process.send_after(me(), "hej", 2**31)
    await process.sleep(0.2)
    left = process.read_timer(far)
    assert left == pytest.approx(2**31 - 0.2)
    assert process.cancel_timer(far) == left
    assert process.read_timer(far) is None


@pytest.mark.otp("TM-015")
async def test_a_timer_for_a_dead_process_is_not_kept(node: Node) -> None:
    pid = waiting()
    await kill(pid)
    for start in (process.send_after, process.start_timer):
        assert process.read_timer(start(pid, "hej", 10.0)) is None
    assert nothing_is_set(node)


@pytest.mark.otp("TM-017")
@pytest.mark.parametrize("how", ["cancel", "expiry", "end"])
async def test_a_timer_that_has_fired_keeps_nothing(how: str, node: Node) -> None:
    pid = waiting() if how == "end" else me()
    started = [start(pid, Large(), 10.0) for start in (process.send_after, process.start_timer)]
    seen = [weakref.ref(one.message) for one in started]
    if how == "cancel":
        assert [process.cancel_timer(one) for one in started] == [10.0, 10.0]
    elif how == "end":
        await kill(pid)
    else:
        await process.receive()
        await process.receive()
    assert [process.read_timer(one) for one in started] == [None, None]
    assert nothing_is_set(node)
    del started
    await process.sleep(0)
    assert [one() for one in seen] == [None, None]


class Collector(GenServer[list[object]]):
    """A server that keeps the messages it is sent."""

    def init(self, _: object) -> Ok[list[object]]:
        return Ok([])

    async def handle_cast(self, _: object, state: list[object]) -> NoReply[list[object]]:
        await process.sleep(3.0)
        return NoReply(state)

    def handle_info(self, message: object, state: list[object]) -> NoReply[list[object]]:
        return NoReply([*state, message])


@pytest.mark.otp("TM-018")
@pytest.mark.parametrize("receiver", ["idle", "busy", "suspended", "dead"])
async def test_many_timers_with_large_messages(receiver: str, node: Node) -> None:
    """As many as in OTP, all of them unchanged and once, whatever the receiver does meanwhile."""
    large = ([b"x" * 1_000_000, "bla"], [test_start_timer, (Ref(), me(), [2**100, 3.5]), {"key": {1, 2}}])
    same = copy.copy(large)
    server = await Collector.start()
    started = [
        process.start_timer(server, large if number % 2 else "immediate", number / 1000) for number in range(2000)
    ]

    match receiver:
        case "busy":
            cast(server, "work")
            await process.sleep(2.5)
            assert process.info(server, "message_queue_len") == 2000
        case "suspended":
            await system.suspend(server)
            await process.sleep(3)
            assert process.info(server, "message_queue_len") == 2000
            await system.resume(server)
        case "dead":
            await process.sleep(0.9995)
            await kill(server)
            assert nothing_is_set(node)
            assert {process.read_timer(one) for one in started} == {None}
            return
        case _:
            await process.sleep(3)
    found = await system.get_state(server)
    assert found == [("timeout", one, large if number % 2 else "immediate") for number, one in enumerate(started)]
    assert large == same


@pytest.mark.otp("TM-019")
async def test_a_name_is_not_looked_up_at_the_start() -> None:
    for start in (process.start_timer, process.send_after):
        assert process.cancel_timer(start("unknown", "hej", 5.0)) == 5.0
    late, later = process.start_timer("owner", "a", 5.0), process.send_after("owner", "b", 6.0)
    process.register("owner", me())
    assert [await process.receive(), await process.receive()] == [("timeout", late, "a"), "b"]
    assert process.read_timer(later) is None


@pytest.mark.otp("TM-021")
async def test_a_message_to_an_unknown_name_is_dropped(node: Node, reports: list[Any]) -> None:
    errors: list[Any] = []
    node.loop.set_exception_handler(lambda _, context: errors.append(context))
    process.send_after("unknown", "hej", 1.0)
    process.start_timer("unknown", "hej", 1.0)
    await process.sleep(2.0)
    assert (messages(), errors, list(reports)) == ([], [], [])


@pytest.mark.otp("TM-022")
async def test_many_timers_at_one_time() -> None:
    at = process.monotonic() + 3.0
    started = [process.start_timer(me(), "hej", at, abs=True) for _ in range(700)]
    for one in started:
        assert await process.receive() == ("timeout", one, "hej")
        assert at <= process.monotonic() < at + 1.0


@pytest.mark.otp("TM-024")
async def test_the_timers_of_a_killed_process_are_removed(node: Node) -> None:
    set_by_it: list[Timer] = []

    async def sets_many() -> None:
        set_by_it.extend(process.start_timer(me(), "hej", 2**18 + number / 100) for number in range(700))
        await process.sleep(None)

    pid = process.spawn(sets_many)
    await expect_idle()
    assert not nothing_is_set(node)
    await kill(pid)
    assert nothing_is_set(node)
    assert {process.read_timer(one) for one in set_by_it} == {None}


@pytest.mark.otp("TM-026")
async def test_absolute_times(virtual_clock: VirtualClock) -> None:
    now = process.monotonic()
    at = process.start_timer(me(), "at", now + 2.0, abs=True)
    past = process.start_timer(me(), "past", now - 2.0, abs=True)
    process.send_after(me(), "long past", 0.0, abs=True)
    process.send_after(me(), "before the clock began", timedelta(days=-1), abs=True)
    found = [await process.receive() for _ in range(3)]
    assert process.monotonic() == now
    assert set(found) == {("timeout", past, "past"), "long past", "before the clock began"}
    assert await process.receive() == ("timeout", at, "at")
    assert process.monotonic() == now + 2.0
    for time in (0.0, -1.0, now):
        over = process.send_after(me(), "over", time, abs=True)
        assert process.read_timer(over) == 0.0
        assert process.cancel_timer(over) == 0.0
    await process.sleep(1.0)
    assert messages() == []


@pytest.mark.otp("TM-028")
async def test_the_ref_distinguishes_an_old_timeout_from_a_new_one() -> None:
    old = process.start_timer(me(), "hej", 1.0)
    await expect_idle()
    await process.sleep(1.0)
    assert process.cancel_timer(old) is None
    new = process.start_timer(me(), "hej", 1.0)
    assert await process.receive() == ("timeout", old, "hej")
    assert await process.receive() == ("timeout", new, "hej")
    assert old != new
