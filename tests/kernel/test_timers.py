"""Timers, row by row of the catalogue; after the rows, what the rows do not tell, and how the timers are kept.

OTP's milliseconds are seconds here, and its `{error, badarg}` is a TypeError or ValueError.
"""

from __future__ import annotations

import asyncio
import copy
import random
import sys
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from regrow import (
    Down,
    Exit,
    Exited,
    GenServer,
    NoClause,
    Node,
    NoProcess,
    NoReply,
    Ok,
    Pid,
    Ref,
    VirtualClock,
    call,
    cast,
    process,
    send,
    system,
    timer,
)
from regrow.kernel.deadlines import FEW, Alarm, Timer
from regrow.testing import expect_down, expect_idle, kill

pytestmark = pytest.mark.regrow

FAR = 3000.0  # seconds: no timer of these tests fires then


def me() -> Pid:
    return process.current()


def messages() -> Any:
    return process.info(me(), "messages")


def waiting() -> Pid:
    """A process that does nothing."""
    return process.spawn(process.sleep, None)


def nothing_is_set(node: Node) -> bool:
    return node.scheduler.timers.next_due() == float("inf")


class Large:
    """A message whose end can be seen."""


# erlang:start_timer, send_after, read_timer, cancel_timer


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
async def test_times_that_are_none(start: Any, delay: Any, error: type[Exception], node: Node) -> None:
    """What OTP refuses; a part of a second is a time here, and OTP's 4.5 ms would be one as well."""
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
async def test_a_timer_that_is_over_keeps_nothing(how: str, node: Node) -> None:
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
    """Keeps what it is sent."""

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
        assert process.cancel_timer(start("nobody", "hej", 5.0)) == 5.0
    late, later = process.start_timer("somebody", "a", 5.0), process.send_after("somebody", "b", 6.0)
    process.register("somebody", me())
    assert [await process.receive(), await process.receive()] == [("timeout", late, "a"), "b"]
    assert process.read_timer(later) is None


@pytest.mark.otp("TM-021")
async def test_a_message_to_a_name_that_nobody_has_is_dropped(node: Node, reports: list[Any]) -> None:
    told: list[Any] = []
    node.loop.set_exception_handler(lambda _, context: told.append(context))
    process.send_after("nobody", "hej", 1.0)
    process.start_timer("nobody", "hej", 1.0)
    await process.sleep(2.0)
    assert (messages(), told, list(reports)) == ([], [], [])


@pytest.mark.otp("TM-022")
async def test_many_timers_at_one_time() -> None:
    at = process.monotonic() + 3.0
    started = [process.start_timer(me(), "hej", at, abs=True) for _ in range(700)]
    for one in started:
        assert await process.receive() == ("timeout", one, "hej")
        assert at <= process.monotonic() < at + 1.0


@pytest.mark.otp("TM-024")
async def test_the_timers_of_a_killed_process_go_with_it(node: Node) -> None:
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
async def test_the_ref_tells_an_old_timeout_from_a_new_one() -> None:
    old = process.start_timer(me(), "hej", 1.0)
    await expect_idle()
    await process.sleep(1.0)
    assert process.cancel_timer(old) is None
    new = process.start_timer(me(), "hej", 1.0)
    assert await process.receive() == ("timeout", old, "hej")
    assert await process.receive() == ("timeout", new, "hej")
    assert old != new


# The module timer


@pytest.mark.otp("TM-029")
@pytest.mark.parametrize("delay", [0, 0.5])
async def test_apply_after(delay: float, virtual_clock: VirtualClock) -> None:
    start, setter = virtual_clock.now(), me()

    async def tell(word: str) -> None:
        assert me() is not setter
        send(setter, word)

    assert isinstance(timer.apply_after(delay, tell, "ok_apply"), Timer)
    assert await process.receive(timeout=1.0) == "ok_apply"
    assert virtual_clock.now() == start + delay
    timer.apply_after(delay, send, setter, "a plain function")
    assert await process.receive(timeout=1.0) == "a plain function"


@pytest.mark.otp("TM-030")
async def test_there_is_no_service_that_could_be_missing(node: Node) -> None:
    """Timers need no process: there is none beside the setter, before and after, and `start` has nothing to do."""
    before = process.processes()
    timer.start()
    timer.apply_after(0.5, send, me(), "ok")
    ticks = timer.send_interval(0.5, "ok")
    assert process.processes() == before == [node.init.pid, me()]
    assert [await process.receive(), await process.receive()] == ["ok", "ok"]
    timer.cancel(ticks)


@pytest.mark.otp("TM-032")
@pytest.mark.parametrize("delay", [0, 0.5])
@pytest.mark.parametrize("form", ["self", "pid", "name", "name and node"])
async def test_timer_send_after(delay: float, form: str, node: Node, virtual_clock: VirtualClock) -> None:
    start = virtual_clock.now()
    process.register("receiver", me())
    match form:
        case "self":
            timer.send_after(delay, "ok")
        case "pid":
            timer.send_after(delay, me(), "ok")
        case "name":
            timer.send_after(delay, "receiver", "ok")
        case _:
            timer.send_after(delay, ("receiver", node.name), "ok")
    assert await process.receive(timeout=2.0) == "ok"
    assert virtual_clock.now() == start + delay


@pytest.mark.otp("TM-034")
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ((-1, "message"), ValueError),
        ((-1, "name", "message"), ValueError),
        (("1", "name", "message"), TypeError),
        ((0, 123, "message"), TypeError),
        ((0.1, 123, "message"), TypeError),
        ((0.1, ("name", "node", 1), "message"), TypeError),
        ((0.1,), TypeError),
    ],
)
async def test_timer_send_after_with_wrong_arguments(wrong: Any, error: type[Exception], node: Node) -> None:
    with pytest.raises(error, match="wanted"):
        timer.send_after(*wrong)
    assert nothing_is_set(node)
    assert messages() == []


@pytest.mark.otp("TM-036")
async def test_exit_after_for_oneself() -> None:
    async def exits() -> None:
        timer.exit_after(1.0, "exit_test3")
        await process.sleep(None)

    _, ref = process.spawn_monitor(exits)
    assert await expect_down(ref, "exit_test3", timeout=1.0001) == "exit_test3"


@pytest.mark.otp("TM-037")
@pytest.mark.parametrize("delay", [0, 1.0])
async def test_exit_after_for_an_unknown_name(delay: float, node: Node, reports: list[Any]) -> None:
    told: list[Any] = []
    node.loop.set_exception_handler(lambda _, context: told.append(context))
    timer.exit_after(delay, "nobody", "exit_test4")
    timer.send_after(2.0, "other timers go on")
    assert await process.receive() == "other timers go on"
    assert (told, list(reports)) == ([], [])


@pytest.mark.otp("TM-038")
@pytest.mark.parametrize("form", ["pid", "name", "self"])
async def test_kill_after(form: str, virtual_clock: VirtualClock) -> None:
    start = virtual_clock.now()
    process.trap_exit(True)

    async def victim() -> None:
        process.trap_exit(True)
        process.register("victim", me())
        if form == "self":
            timer.kill_after(1.0)
        await process.sleep(None)

    pid = process.spawn_link(victim)
    if form == "pid":
        timer.kill_after(1.0, pid)
    elif form == "name":
        timer.kill_after(1.0, "victim")
    assert await process.receive() == Exited(pid, "killed")
    assert virtual_clock.now() == start + 1.0


@pytest.mark.otp("TM-040")
async def test_the_runs_of_apply_interval_overlap() -> None:
    setter = me()

    async def takes_long() -> None:
        send(setter, "begun")
        await process.sleep(1.0)

    started = timer.apply_interval(0.5, takes_long)
    await process.sleep(1.8)
    assert messages() == ["begun", "begun", "begun"]
    timer.cancel(started)


INVALID_INTERVALS: list[tuple[tuple[Any, ...], type[Exception]]] = [
    ((-1, print), ValueError),
    ((0, print), ValueError),
    ((0.0009, print), ValueError),
    ((2**64, print), ValueError),
    (("a", print), TypeError),
    ((None, print), TypeError),
    ((0.1, "foo"), TypeError),
    ((0.1, 123, []), TypeError),
]


@pytest.mark.otp("TM-041")
@pytest.mark.parametrize(("wrong", "error"), INVALID_INTERVALS)
async def test_apply_interval_with_wrong_arguments(wrong: Any, error: type[Exception], node: Node) -> None:
    """An interval of 0, with which OTP's floods, is refused."""
    with pytest.raises(error, match="wanted"):
        timer.apply_interval(*wrong)
    assert nothing_is_set(node)


@pytest.mark.otp("TM-042")
async def test_apply_repeatedly(virtual_clock: VirtualClock) -> None:
    start = virtual_clock.now()
    started = timer.apply_repeatedly(0.5, send, me(), "apply_rep")
    for number in (1, 2, 3):
        assert await process.receive() == "apply_rep"
        assert virtual_clock.now() == start + 0.5 * number
    assert timer.cancel(started)
    await process.sleep(2.0)
    assert messages() == []


@pytest.mark.otp("TM-044")
@pytest.mark.parametrize(("wrong", "error"), INVALID_INTERVALS)
async def test_apply_repeatedly_with_wrong_arguments(wrong: Any, error: type[Exception], node: Node) -> None:
    with pytest.raises(error, match="wanted"):
        timer.apply_repeatedly(*wrong)
    assert nothing_is_set(node)


@pytest.mark.otp("TM-045")
@pytest.mark.parametrize("form", ["self", "pid", "name", "name and node", "process.send_interval"])
async def test_send_interval(form: str, node: Node) -> None:
    process.register("receiver", me())
    started = {
        "self": lambda: timer.send_interval(0.5, "send_int"),
        "pid": lambda: timer.send_interval(0.5, me(), "send_int"),
        "name": lambda: timer.send_interval(0.5, "receiver", "send_int"),
        "name and node": lambda: timer.send_interval(0.5, ("receiver", node.name), "send_int"),
        "process.send_interval": lambda: process.send_interval(me(), "send_int", 0.5),
    }[form]()
    assert [await process.receive(timeout=0.5001) for _ in range(3)] == ["send_int"] * 3
    assert timer.cancel(started)
    await process.sleep(2.0)
    assert messages() == []
    assert nothing_is_set(node)


@pytest.mark.otp("TM-046")
@pytest.mark.parametrize("by_name", [False, True])
async def test_an_interval_ends_with_its_receiver(by_name: bool, node: Node) -> None:
    pid = waiting()
    process.register("receiver", pid)
    ticks = process.send_interval("receiver" if by_name else pid, "tick", 1.0)
    await process.sleep(2.5)
    assert process.info(pid, "messages") == ["tick", "tick"]
    assert process.read_timer(ticks) == 0.5
    await kill(pid)
    assert process.read_timer(ticks) is None
    assert nothing_is_set(node)


@pytest.mark.otp("TM-047")
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ((-1, "message"), ValueError),
        ((0, "message"), ValueError),
        ((-1, "name", "message"), ValueError),
        ((0.1, 123, "message"), TypeError),
        ((0.1, ("name", "node", 1), "message"), TypeError),
        ((0.1,), TypeError),
    ],
)
async def test_send_interval_with_wrong_arguments(wrong: Any, error: type[Exception], node: Node) -> None:
    with pytest.raises(error, match="wanted"):
        timer.send_interval(*wrong)
    assert nothing_is_set(node)


@pytest.mark.otp("TM-049")
async def test_a_time_of_0_cannot_be_cancelled() -> None:
    """Of the module timer: what it is asked for is done when it returns. `process.send_after` can be taken back."""
    assert timer.cancel(timer.send_after(0, "sent"))
    assert messages() == ["sent"]
    assert timer.cancel(timer.apply_after(0, send, me(), "applied"))
    await expect_idle()
    assert messages() == ["sent", "applied"]
    assert process.cancel_timer(process.send_after(me(), "taken back", 0)) == 0.0
    await process.sleep(1.0)
    assert messages() == ["sent", "applied"]


@pytest.mark.otp("TM-050")
@pytest.mark.parametrize(
    ("start", "first"),
    [
        (lambda: timer.send_after(0.5, "message"), []),
        (lambda: timer.apply_after(0.5, send, me(), "message"), []),
        (lambda: timer.send_interval(0.5, "message"), ["message"]),
        (lambda: timer.apply_interval(0.5, send, me(), "message"), ["message"]),
        (lambda: timer.apply_repeatedly(0.5, send, me(), "message"), ["message"]),
        (lambda: timer.exit_after(0.5, "message"), []),
        (lambda: timer.kill_after(0.5), []),
    ],
)
async def test_cancel(start: Callable[[], Timer], first: list[str], node: Node) -> None:
    started = start()
    assert [await process.receive() for _ in first] == first
    assert timer.cancel(started)
    assert timer.cancel(started)
    await process.sleep(2.0)
    assert messages() == []
    assert nothing_is_set(node)


@pytest.mark.otp("TM-052")
@pytest.mark.parametrize("wrong", ["no_reference", ("once", "no_ref"), 7, None, 4234978347444, object()])
async def test_what_is_no_timer(wrong: Any) -> None:
    for function in (timer.cancel, process.cancel_timer, process.read_timer):
        with pytest.raises(TypeError, match="wanted the timer"):
            function(wrong)


@pytest.mark.otp("TM-053")
@pytest.mark.parametrize("delay", [0, 1.0, timedelta(seconds=1)])
async def test_sleep(delay: float | timedelta, virtual_clock: VirtualClock) -> None:
    start = virtual_clock.now()
    send(me(), "mail waits")
    await timer.sleep(delay)
    assert virtual_clock.now() == start + (0 if delay == 0 else 1.0)
    assert messages() == ["mail waits"]


class Slow:
    """A module with functions that take their time."""

    @staticmethod
    async def half_a_second(value: object = None) -> object:
        await timer.sleep(0.5)
        return value

    @staticmethod
    def nothing(value: object = None) -> object:
        return value


@pytest.mark.otp("TM-055")
async def test_tc(virtual_clock: VirtualClock) -> None:
    """Seconds in the place of microseconds; for an `async def` function, the pair is awaited."""
    assert await timer.tc(timer.sleep, 0.5) == (0.5, None)
    assert await timer.tc(Slow.half_a_second) == (0.5, None)
    assert await timer.tc(Slow.half_a_second, me()) == (0.5, me())
    assert await timer.tc(Slow.half_a_second, unit="microsecond") == (500_000, None)
    assert timer.tc(Slow.nothing) == (0.0, None)
    assert timer.tc(Slow.nothing, me()) == (0.0, me())
    assert timer.tc(lambda: virtual_clock.advance(0.25), unit="millisecond") == (250, None)

    def raises(error: BaseException) -> None:
        raise error

    async def raises_later(error: BaseException) -> None:
        await timer.sleep(0.5)
        raise error

    for error in (ValueError("badmatch"), Exit("foo"), NoClause("foo")):
        with pytest.raises(type(error)):
            timer.tc(raises, error)
        with pytest.raises(type(error)):
            await timer.tc(raises_later, error)


@pytest.mark.otp("TM-056")
def test_conversions() -> None:
    """To seconds, the unit of all times here."""
    assert [timer.seconds(4), timer.minutes(4), timer.hours(4)] == [4.0, 240.0, 14400.0]
    assert timer.hms(4, 4, 4) == timer.seconds(4) + timer.minutes(4) + timer.hours(4) == 14644.0
    assert timer.minutes(0.5) == 30.0


@pytest.mark.otp("TM-057")
async def test_junk_finds_no_service() -> None:
    """There is no process whom junk could reach: a call fails at once, and timers go on."""
    with pytest.raises(NoProcess):
        await call("timer_server", "junk")
    cast("timer_server", "junk")
    with pytest.raises(ValueError, match="nobody has this name"):
        send("timer_server", "junk")
    for pid in process.processes():
        if pid is not me():
            send(pid, "junk")
    timer.send_after(1.0, "timers go on")
    assert await process.receive(timeout=1.0001) == "timers go on"


@pytest.mark.otp("TM-058")
async def test_forged_timeouts_execute_nothing(node: Node) -> None:
    """A timeout is no message to anybody: what looks like one does nothing, and forges no timer."""
    started = timer.apply_after(FAR, send, me(), "executed")
    assert timer.cancel(started)
    for pid in process.processes():
        send(pid, ("timeout", started, started.message))
        send(pid, ("timeout", Ref(), ("apply_once", (send, me(), "executed"))))
    await process.sleep(1.0)
    assert len(messages()) == 2
    assert "executed" not in messages()
    assert nothing_is_set(node)


@pytest.mark.otp("TM-059")
def test_timers_under_load() -> None:
    """Random timers while others work, for a while of which no timer knows: none is early, and none very late."""
    chance = random.Random(59)
    clock = VirtualClock()
    late: list[float] = []

    async def once(delay: float) -> None:
        begun = clock.time
        timer.apply_after(delay, send, me(), "done")
        await process.receive()
        late.append(clock.time - begun - delay)

    async def often(interval: float, times: int) -> None:
        begun = clock.time
        ticks = timer.apply_interval(interval, send, me(), "done")
        for number in range(times):
            await process.receive()
            late.append(clock.time - begun - interval * (number + 1))
        timer.cancel(ticks)

    async def works() -> None:
        for _ in range(500):
            await process.sleep(0.002)
            clock.time += 0.0005

    async def main() -> None:
        async with Node(clock=clock) as node:
            running = [node.launch(works, (), None) for _ in range(5)]
            for _ in range(100):
                running.append(node.launch(once, (chance.uniform(0.01, 5.0),), None))
                running.append(node.launch(often, (chance.choice([0.05, 0.1, 0.5]), 5), None))
            for one in running:
                if one.alive:
                    await node.ended(one)

    asyncio.run(main())
    assert len(late) == 600
    assert min(late) > -1e-9  # what floats lose
    assert max(late) < 0.3
    assert max(late) > 0.0


# How timers are kept


async def test_timers_of_many_delays(node: Node, virtual_clock: VirtualClock) -> None:
    """They fire in the order of their times."""
    start = virtual_clock.now()
    delays = [number * 7 % 24 / 10 + 0.1 for number in range(24)]
    for delay in delays:
        process.send_after(process.current(), delay, delay)
    for delay in sorted(delays):
        assert await process.receive(timeout=10) == delay
        assert virtual_clock.now() == pytest.approx(start + delay)
    assert node.scheduler.timers.next_due() == float("inf")


async def test_equal_delays_fire_in_the_order_of_their_making(node: Node) -> None:
    """A bucket keeps its order, also when some are cancelled."""
    timers = [process.send_after(process.current(), number, 1) for number in range(10)]
    for one in timers[::3]:
        assert process.cancel_timer(one) == 1.0
    assert [await process.receive() for _ in range(6)] == [1, 2, 4, 5, 7, 8]


async def test_the_cancelled_are_purged(node: Node) -> None:
    """A heap in which most are cancelled is made anew, and what is left still fires."""
    timers = node.scheduler.timers
    many = [process.send_after(process.current(), number, 1 + number / 100_000) for number in range(1000)]
    assert timers.next_due() == node.clock.now() + 1
    assert len(timers.heap) == 1000
    for one in many[1:]:
        process.cancel_timer(one)
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
    assert [process.read_timer(one) for one in timers] == [None, None, None]
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
        (lambda: process.send_after(process.current(), 1, "1", abs=True), TypeError),  # type: ignore[arg-type]
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


def test_every_timer_costs_the_same() -> None:
    """What is called to set, cancel and fire a timer is counted: with 10,000 others it is not more than with 400."""

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
        assert few[0] > 1.0  # a profile that saw nothing would prove nothing
        for cost, cost_of_many in zip(few, many, strict=True):
            assert cost_of_many <= cost + 2.0, (few, many)


async def test_the_first_of_many_is_found_at_once(node: Node, virtual_clock: VirtualClock) -> None:
    """Each bucket is sorted into the heap once, however often it is asked what comes next."""
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
async def test_others_are_served_while_very_many_fire(kind: str) -> None:
    """Ten thousand that fall due together do not keep the event loop from its other work (same_time_yielding)."""
    pid = waiting()
    for number in range(10_000):
        if kind == "bucket":
            process.send_after(pid, number, 0.1)
        else:
            process.send_after(pid, number, 0.0, abs=True)
    before, longest = 0, 0
    while before < 10_000:
        await asyncio.sleep(0)  # once round the loop
        now = process.info(pid, "message_queue_len")
        before, longest = now, max(longest, now - before)
    assert longest < 1000
    assert process.info(pid, "messages") == list(range(10_000))


async def test_rounds_keep_the_order_of_times(virtual_clock: VirtualClock) -> None:
    """Of buckets and the heap, however many have fallen due, what is due earlier fires earlier."""
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
    """Many that come and go, each at a time of its own, leave nothing; a few that stay among them fire in their order."""
    timers = node.scheduler.timers
    for number in range(10_000):
        if number % 1000 == 999:
            process.send_after(me(), number, 50.0 + number)
        process.cancel_timer(process.send_after(me(), "never", 50.5 + number))
    assert len(timers.buckets) == len(timers.starts) <= 2 * 10 + FEW
    assert [await process.receive() for _ in range(10)] == list(range(999, 10_000, 1000))


async def test_whatever_is_set_and_cancelled(node: Node, virtual_clock: VirtualClock) -> None:
    """By time, and of the same time in the order of setting, wherever each of them waits."""
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


async def test_one_that_is_set_again_for_the_same_time(node: Node) -> None:
    """It fires once, and where it waited before it is forgotten."""
    timers, fired = node.scheduler.timers, list[object]()
    alarm = Alarm(timers, None, "again", fired.append)
    due = node.clock.now() + 5.0
    timers.start_at(alarm, due)
    assert timers.next_due() == due
    timers.cancel(alarm)
    timers.start_at(alarm, due)
    await process.sleep(10.0)
    assert fired == [alarm]


async def test_a_time_that_never_comes(node: Node, virtual_clock: VirtualClock) -> None:
    """A timer of asyncio's may be set for it."""
    timers = node.scheduler.timers
    alarm = Alarm(timers, None, "never", print)
    timers.start_at(alarm, float("inf"))
    virtual_clock.advance(1e9)
    assert timers.next_due() == float("inf")
    timers.cancel(alarm)
    assert alarm.left() is None


# What the rows do not tell


async def test_read_and_cancel_by_message() -> None:
    """With `async_` the answers come as messages, in the order of the requests (read_timer_async)."""
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
    """It may set and cancel timers, but has no mailbox for the answers of `async_`, and no self."""

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


async def test_any_process_may_cancel_and_none_needs_to_live() -> None:
    """A timer of one process is cancelled by another; that its setter has ended does not matter to it."""
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
    """timer:apply_interval watches the process that asked for it; a run that goes on comes to its end."""
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


async def test_an_interval_to_nobody_does_not_start(node: Node) -> None:
    """timer:send_interval watches who has the name when it starts; that it is given to another later changes nothing."""
    ticks = process.send_interval("nobody", "tick", 1.0)
    process.register("nobody", me())
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


async def test_a_repeated_call_that_takes_long_is_made_up_for(virtual_clock: VirtualClock) -> None:
    """One run takes 2.5 intervals: two follow at once, one after the other, and then the old beat goes on."""
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
    """The run comes to its end, and none follows."""
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


async def test_what_runs_later_has_the_context_of_its_setter() -> None:
    """Context variables are those of the process that asked, at that time, whoever else sets timers."""
    word: ContextVar[str] = ContextVar("word", default="none")
    main = me()

    def tell() -> None:
        send(main, word.get())
        word.set("changed by a run")

    process.send_after(main, "first", 0.25)  # the clock is moved in the context of whoever sets a timer first
    word.set("asked for")
    timer.apply_after(2.0, tell)
    ticks = timer.apply_interval(1.5, tell)
    word.set("changed later")

    def sets_others() -> None:
        word.set("another's")
        process.send_after(main, "other", 0.5)

    process.spawn(sets_others)
    assert [await process.receive() for _ in range(5)] == ["first", "other", "asked for", "asked for", "asked for"]
    timer.cancel(ticks)


async def test_who_sends_the_exit_signal_of_a_timer() -> None:
    """It is nobody that lives: even "normal" for oneself arrives, as a message if exits are trapped, else not at all."""
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
            process.register(target, pid)
        timer.exit_after(delay, target, "why")
        await expect_down(ref, "why", timeout=1.0001)


async def test_exit_after_0_ends_its_caller_there() -> None:
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
        (lambda: timer.exit_after(1, None, "r"), TypeError),
        (lambda: timer.exit_after(1, 12, "r"), TypeError),
        (lambda: timer.exit_after("1", "r"), TypeError),  # type: ignore[call-overload]
        (lambda: timer.kill_after(-1), ValueError),
        (lambda: timer.kill_after(1, 5), TypeError),
        (lambda: timer.apply_after(-1, print), ValueError),
        (lambda: timer.tc("no function"), TypeError),  # type: ignore[call-overload]
        (lambda: timer.tc(print, unit="minute"), ValueError),
        (lambda: process.send_after(me(), 1, 2**64, abs=True), ValueError),
    ],
)
async def test_more_errors_of_use(node: Node, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="wanted"):
        wrong()
    assert nothing_is_set(node)


async def test_how_timers_look() -> None:
    """A timer shows whom it is for; it is one and the same, however it is copied."""
    started = process.start_timer(me(), "hej", 1.0)
    assert repr(started) == f"Timer({me()!r}, 'hej')"
    assert copy.copy(started) is copy.deepcopy([started])[0] is started
    message = await process.receive()
    assert repr(message) == f"('timeout', Timer({me()!r}, 'hej'), 'hej')"
    assert "print" in repr(timer.apply_after(1.0, print, "hej"))


def test_now_diff() -> None:
    """Seconds, of two times as `monotonic()` gives them, or of two datetimes."""
    assert timer.now_diff(1003.5, 1001.0) == 2.5
    assert timer.now_diff(datetime(2026, 1, 1, 0, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)) == 60.0


def test_tc_without_a_node() -> None:
    """By the machine's clock."""
    taken, value = timer.tc(Slow.nothing, 3)
    assert value == 3
    assert 0.0 <= taken < 60.0


async def test_sleep_for_longer_than_a_clock_counts() -> None:
    """timer:sleep takes any number."""
    pid = process.spawn(timer.sleep, 2**70)
    timer.send_after(FAR, "hej")
    await process.receive()
    assert process.alive(pid)


async def test_one_that_another_cancels_as_it_fires(node: Node) -> None:
    """They have fallen due at the same time, and are taken out together."""
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


async def test_a_nearer_deadline_is_what_the_node_waits_for(node: Node) -> None:
    timers, now = node.scheduler.timers, node.clock.now()
    process.send_after(process.current(), "far", now + 100.0, abs=True)
    process.send_after(process.current(), "near", now + 50.0, abs=True)
    assert timers.handle_due == now + 50.0
    process.send_after(process.current(), "nearer", 25.0)
    assert timers.handle_due == now + 25.0
    process.send_after(process.current(), "between", now + 30.0, abs=True)
    assert timers.handle_due == now + 25.0


async def test_what_comes_in_the_moment_in_which_a_wait_ends_comes_in_time(node: Node) -> None:
    """Of all that falls due at once, messages are sent before waits end, though the wait began before them."""
    me = process.current()

    async def waits() -> None:
        process.send(me, await process.receive(str, timeout=5.0))

    waiter = process.spawn_link(waits)
    await process.sleep(1.0)
    process.send_after(waiter, "in time", 4.0)
    assert await process.receive(str) == "in time"
