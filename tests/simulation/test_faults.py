"""Faults: each process killed at its n-th message, for every n; lost replies, slow callbacks, a clock that steps."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallExit,
    CallTimeout,
    From,
    GenServer,
    NoProcess,
    NoReply,
    Ok,
    Pid,
    Reply,
    Supervisor,
    call,
    cast,
    process,
)
from regrow.testing import expect_idle
from regrow.testing.faults import ClockStep, DropReply, Fault, Kill, Slow
from regrow.testing.simulation.runner import FaultNeverFired, explore


class Counter(GenServer[int], named=True):
    """Counts."""

    def init(self, start: Any) -> Any:
        return Ok(start)

    def handle_call(self, request: Any, _from: From, count: int) -> Any:
        return Reply(count, count) if request == "count" else Reply("ok", count + 1)

    def handle_cast(self, _request: Any, count: int) -> Any:
        return NoReply(count + 1)


def test_kill_ends_a_process_at_its_nth_message() -> None:
    left: list[int] = []

    async def scenario() -> None:
        counter = await Counter.start(0)
        for number in range(1, 5):
            if not process.alive(counter):
                break
            with contextlib.suppress(CalleeExit):
                await call(counter, "add")
            left.append(number)

    for number in range(1, 5):
        explore(scenario, 1, faults=[Kill(Counter, at=number)])
    assert left == [1, 1, 2, 1, 2, 3, 1, 2, 3, 4]


def test_every_n_is_tried_until_the_run_gets_through() -> None:
    """A client that asks again is killed off its server four times, and once not."""

    async def scenario() -> None:
        await Supervisor.start_link([(Counter, 0)])
        for _ in range(3):
            while True:
                with contextlib.suppress(CallExit):
                    await call(Counter, "add")
                    break
                await expect_idle()

    told = explore(scenario, 3, faults=[Kill(Counter)])
    assert told.struck == {"Kill(Counter, at=None)": 3}
    assert told.runs == 4 * 3


def test_a_client_that_does_not_ask_again_is_found() -> None:
    async def scenario() -> None:
        await Supervisor.start_link([(Counter, 0)])
        await call(Counter, "add")
        await call(Counter, "add")

    with pytest.raises(CalleeExit) as caught:
        explore(scenario, 3, faults=[Kill(Counter)])
    told = "\n".join(caught.value.__notes__)
    assert "faults:   Kill(Counter, at=1)" in told
    assert "(Counter) is killed" in told


def test_what_was_counted_before_a_kill_may_be_lost() -> None:
    """The bug that the fault is for: state that lives in one process alone."""

    async def scenario() -> None:
        await Supervisor.start_link([(Counter, 0)])
        for _ in range(2):
            cast(Counter, "add")
            await expect_idle()
        assert await call(Counter, "count") == 2

    with pytest.raises((AssertionError, CalleeExit)):
        explore(scenario, 1, faults=[Kill(Counter, at=2)])
    explore(scenario, 1)


def test_kill_without_who_takes_any_process_but_the_test() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        with contextlib.suppress(CalleeExit, NoProcess):
            await call(counter, "add")
            await call(counter, "add")

    assert explore(scenario, 2, faults=[Kill()]).struck == {"Kill(at=None)": 2}


def test_a_dropped_reply_is_waited_for_in_vain() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        begun = process.monotonic()
        with pytest.raises(CallTimeout):
            await call(counter, "add")
        assert process.monotonic() - begun == 5.0
        assert await call(counter, "count") == 1, "it did the work"

    explore(scenario, 20, faults=[DropReply(Counter, at=1)])


def test_who_dies_after_a_dropped_reply_is_told_all_the_same() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        process.exit_after(1.0, counter, "enough")
        with pytest.raises(CalleeExit):
            await call(counter, "add")

    explore(scenario, 20, faults=[DropReply(Counter, at=1)])


def test_a_slow_callback_takes_its_time() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        begun = process.monotonic()
        await call(counter, "add")
        assert process.monotonic() - begun == 3.0
        await call(counter, "add")
        assert process.monotonic() - begun == 3.0

    explore(scenario, 20, faults=[Slow(3.0, Counter, at=1)])


def test_who_is_too_slow_times_out_and_answers_late() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        with pytest.raises(CallTimeout):
            await call(counter, "add")
        assert await call(counter, "count") == 1
        assert process.info(process.current(), "message_queue_len") == 0, "a late reply is dropped"

    explore(scenario, 20, faults=[Slow(7.0, Counter, at=1)])


def test_who_is_slow_can_be_killed() -> None:
    async def scenario() -> None:
        counter: Pid = await Counter.start(0)
        cast(counter, "add")
        await process.sleep(1.0)
        process.exit(counter, "kill")
        await process.sleep(10.0)
        assert not process.alive(counter)

    explore(scenario, 20, faults=[Slow(5.0, Counter, at=1)])


def test_a_clock_that_steps_lets_all_fall_due() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        timer = process.send_after(process.current(), "late", 60.0)
        begun = process.monotonic()
        cast(counter, "add")
        await expect_idle()
        assert process.monotonic() - begun >= 3600.0
        assert process.read_timer(timer) is None
        assert await process.receive(timeout=0) == "late"

    explore(scenario, 20, faults=[ClockStep(3600.0, Counter, at=1)])


def test_who_is_meant_is_a_name_a_class_or_a_label() -> None:
    async def scenario() -> None:
        async def labelled() -> None:
            process.set_label("the one")
            await process.receive()

        await Counter.start(0)
        for pid in (Counter, process.spawn(labelled)):
            await expect_idle()
            process.send(pid, "message")
        await expect_idle()

    for who in (Counter, "the one"):
        assert list(explore(scenario, 1, faults=[Kill(who)]).struck.values()) == [1]

    async def unharmed() -> None:
        with contextlib.suppress(CallExit):
            await scenario()

    for nobody in (Kill("nobody"), Kill(Counter, at=7)):
        with pytest.raises(FaultNeverFired, match=r"Kill\(.*\) did not strike in any of its \d+ runs"):
            explore(unharmed, 2, faults=[nobody])


@pytest.mark.parametrize("kind", [Kill, DropReply])
def test_there_is_no_message_0(kind: type[Fault]) -> None:
    with pytest.raises(ValueError, match="wanted 1 for the first message, or more; got 0"):
        kind(at=0)
