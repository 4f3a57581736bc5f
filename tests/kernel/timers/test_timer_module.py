"""OTP's module timer, row by row."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    Exit,
    Exited,
    NoClause,
    Node,
    NoProcess,
    Ref,
    VirtualClock,
    call,
    cast,
    process,
    send,
    timer,
)
from regrow.kernel.alarms import Timer
from regrow.testing import expect_down, expect_idle, kill
from tests.kernel.timers.mailboxes import FAR, Slow, me, messages, nothing_is_set, waiting

pytestmark = pytest.mark.regrow


@pytest.mark.otp("TM-029")
@pytest.mark.parametrize("delay", [0, 0.5])
async def test_apply_after(delay: float, virtual_clock: VirtualClock) -> None:
    start, setter = virtual_clock.now(), me()

    async def notify(word: str) -> None:
        assert me() is not setter
        send(setter, word)

    assert isinstance(timer.apply_after(delay, notify, "ok_apply"), Timer)
    assert await process.receive(timeout=1.0) == "ok_apply"
    assert virtual_clock.now() == start + delay
    timer.apply_after(delay, send, setter, "a plain function")
    assert await process.receive(timeout=1.0) == "a plain function"


@pytest.mark.otp("TM-030")
async def test_timers_need_no_service_process(node: Node) -> None:
    """There is no process beside the setter, before and after, and `start` has nothing to do."""
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
async def test_exit_after_ends_its_caller() -> None:
    async def exits() -> None:
        timer.exit_after(1.0, "exit_test3")
        await process.sleep(None)

    _, ref = process.spawn_monitor(exits)
    assert await expect_down(ref, "exit_test3", timeout=1.0001) == "exit_test3"


@pytest.mark.otp("TM-037")
@pytest.mark.parametrize("delay", [0, 1.0])
async def test_exit_after_for_an_unknown_name(delay: float, node: Node, reports: list[Any]) -> None:
    errors: list[Any] = []
    node.loop.set_exception_handler(lambda _, context: errors.append(context))
    timer.exit_after(delay, "unknown", "exit_test4")
    timer.send_after(2.0, "other timers go on")
    assert await process.receive() == "other timers go on"
    assert (errors, list(reports)) == ([], [])


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
    """An interval of 0, which floods OTP's server, is refused."""
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
    """A request to the module timer is complete when it returns. A `process.send_after` can be cancelled."""
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
async def test_an_invalid_timer_is_refused(wrong: Any) -> None:
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


@pytest.mark.otp("TM-055")
async def test_tc(virtual_clock: VirtualClock) -> None:
    """The time is in seconds in place of microseconds; for an `async def` function, the pair is awaited."""
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
    """The conversions give seconds, the unit of all times in regrow."""
    assert [timer.seconds(4), timer.minutes(4), timer.hours(4)] == [4.0, 240.0, 14400.0]
    assert timer.hms(4, 4, 4) == timer.seconds(4) + timer.minutes(4) + timer.hours(4) == 14644.0
    assert timer.minutes(0.5) == 30.0


@pytest.mark.otp("TM-057")
async def test_there_is_no_service_that_junk_could_reach() -> None:
    """There is no process that junk could reach: a call fails at once, and timers continue."""
    with pytest.raises(NoProcess):
        await call("timer_server", "junk")
    cast("timer_server", "junk")
    with pytest.raises(ValueError, match="no process has this name"):
        send("timer_server", "junk")
    for pid in process.processes():
        if pid is not me():
            send(pid, "junk")
    timer.send_after(1.0, "timers go on")
    assert await process.receive(timeout=1.0001) == "timers go on"


@pytest.mark.otp("TM-058")
async def test_forged_timeouts_execute_nothing(node: Node) -> None:
    """A timeout is no message: a message that looks like one does nothing, and forges no timer."""
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
    """Random timers run while other processes work, for a time that no timer is set to: none is early or very late."""
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
