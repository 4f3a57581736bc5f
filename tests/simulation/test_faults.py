"""Simulated faults: kills at the n-th message for every n, lost replies, slow callbacks, steps of the clock."""

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
    """A server that counts."""

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
    """Kills at the first three messages are tried, each in three schedules; no run has a fourth message to strike at."""

    async def scenario() -> None:
        await Supervisor.start_link([(Counter, 0)])
        for _ in range(3):
            while True:
                with contextlib.suppress(CallExit):
                    await call(Counter, "add")
                    break
                await expect_idle()

    result = explore(scenario, 3, faults=[Kill(Counter)])
    assert result.struck == {"Kill(Counter, at=None)": 3}
    assert result.runs == 4 * 3


def test_a_client_that_does_not_repeat_its_call_fails() -> None:
    async def scenario() -> None:
        await Supervisor.start_link([(Counter, 0)])
        await call(Counter, "add")
        await call(Counter, "add")

    with pytest.raises(CalleeExit) as caught:
        explore(scenario, 3, faults=[Kill(Counter)])
    result = "\n".join(caught.value.__notes__)
    assert "faults:   Kill(Counter, at=1)" in result
    assert "(Counter) is killed" in result


def test_a_kill_may_lose_the_state_of_a_server() -> None:
    """A kill loses the state that only one process keeps."""

    async def scenario() -> None:
        await Supervisor.start_link([(Counter, 0)])
        for _ in range(2):
            cast(Counter, "add")
            await expect_idle()
        assert await call(Counter, "count") == 2

    with pytest.raises((AssertionError, CalleeExit)):
        explore(scenario, 1, faults=[Kill(Counter, at=2)])
    explore(scenario, 1)


def test_kill_without_a_process_strikes_any_process_except_the_test() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        with contextlib.suppress(CalleeExit, NoProcess):
            await call(counter, "add")
            await call(counter, "add")

    assert explore(scenario, 2, faults=[Kill()]).struck == {"Kill(at=None)": 2}


def test_the_caller_of_a_dropped_reply_times_out() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        begun = process.monotonic()
        with pytest.raises(CallTimeout):
            await call(counter, "add")
        assert process.monotonic() - begun == 5.0
        assert await call(counter, "count") == 1, "the server has handled the call"

    explore(scenario, 20, faults=[DropReply(Counter, at=1)])


def test_the_caller_of_a_dropped_reply_is_notified_when_the_server_ends() -> None:
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


def test_a_call_to_a_slow_server_times_out_and_is_answered_late() -> None:
    async def scenario() -> None:
        counter = await Counter.start(0)
        with pytest.raises(CallTimeout):
            await call(counter, "add")
        assert await call(counter, "count") == 1
        assert process.info(process.current(), "message_queue_len") == 0, "a late reply is dropped"

    explore(scenario, 20, faults=[Slow(7.0, Counter, at=1)])


def test_a_slow_process_can_be_killed() -> None:
    async def scenario() -> None:
        counter: Pid = await Counter.start(0)
        cast(counter, "add")
        await process.sleep(1.0)
        process.exit(counter, "kill")
        await process.sleep(10.0)
        assert not process.alive(counter)

    explore(scenario, 20, faults=[Slow(5.0, Counter, at=1)])


def test_a_step_of_the_clock_fires_all_timers_due() -> None:
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


def test_a_fault_matches_a_name_a_class_or_a_label() -> None:
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
def test_a_fault_at_message_0_is_refused(kind: type[Fault]) -> None:
    with pytest.raises(ValueError, match="wanted 1 for the first message, or more; got 0"):
        kind(at=0)
