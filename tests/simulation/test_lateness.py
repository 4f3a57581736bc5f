"""A simulated machine that is late: the order of timers and replies that a simulation changes, and that it keeps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import CallTimeout, Continue, Down, From, GenServer, GenStatem, NoReply, Ok, Reply, call, cast, process
from regrow.behaviours.gen_statem.results import KeepStateAndData
from regrow.testing import expect_message
from regrow.testing.simulation.runner import explore


def seen_in(function: Callable[[], Awaitable[Any]], runs: int = 400, **options: Any) -> list[Any]:
    """Return the results of an async function in many schedules, each result once."""
    found: list[Any] = []

    async def test() -> None:
        result = await function()
        if result not in found:
            found.append(result)

    explore(test, runs, **options)
    return sorted(found, key=str)


# Orders that OTP does not promise


class Eager(GenServer[list[str]]):
    """A server that continues after it has started."""

    def init(self, seen: list[str]) -> Any:
        return Ok(seen, Continue("begin"))

    def handle_continue(self, _arg: Any, seen: list[str]) -> Any:
        seen.append("continue")
        return NoReply(seen)

    def handle_call(self, _request: Any, _from: From, seen: list[str]) -> Any:
        seen.append("call")
        return Reply("ok", seen)


def test_a_starter_may_run_before_the_continue() -> None:
    async def scenario() -> list[str]:
        seen: list[str] = []
        await Eager.start_link(seen)
        seen.append("starter")
        await process.sleep(1.0)
        return seen

    assert seen_in(scenario) == [["continue", "starter"], ["starter", "continue"]]
    assert seen_in(scenario, seed=0) == [["continue", "starter"]]


def test_no_message_comes_before_the_continue() -> None:
    async def scenario() -> list[str]:
        seen: list[str] = []
        eager = await Eager.start_link(seen)
        await call(eager, "anything")
        return seen

    assert seen_in(scenario) == [["continue", "call"]]


class Door(GenStatem[str, list[str]]):
    """A machine that enters its first state when it has started."""

    def callback_mode(self) -> Any:
        return ["handle_event_function", "state_enter"]

    def init(self, seen: list[str]) -> Any:
        return Ok("shut", seen)

    def handle_event(self, type_: Any, _content: Any, _state: Any, seen: list[str]) -> Any:
        seen.append(type_)
        return KeepStateAndData()


def test_a_starter_may_run_before_a_machine_enters_its_first_state() -> None:
    async def scenario() -> list[str]:
        seen: list[str] = []
        await Door.start_link(seen)
        seen.append("starter")
        await process.sleep(1.0)
        return seen

    assert seen_in(scenario) == [["enter", "starter"], ["starter", "enter"]]


class Echo(GenServer[list[Any]]):
    """A server that sends itself a message before it replies, and records its messages."""

    def handle_call(self, request: Any, _from: From, seen: list[Any]) -> Any:
        if request == "seen":
            return Reply(seen, seen)
        process.send(process.current(), f"because of {request}")
        return Reply("ok", [*seen, request])

    def handle_cast(self, request: Any, seen: list[Any]) -> Any:
        return NoReply([*seen, request])

    def handle_info(self, message: Any, seen: list[Any]) -> Any:
        return NoReply([*seen, message])


@pytest.mark.parametrize("alone", [True, False])
def test_a_message_to_itself_arrives_before_the_reply(alone: bool) -> None:
    async def scenario() -> Any:
        echo = await Echo.start_link([])
        if not alone:
            for word in "xy":
                process.spawn(cast, echo, word)
        await call(echo, 1)
        await call(echo, 2)
        return [one for one in await call(echo, "seen") if one not in ("x", "y")]

    assert seen_in(scenario) == [[1, "because of 1", 2, "because of 2"]]


# Timers


class Watch(GenServer[list[str]]):
    """A server that sets a timer for itself, and records its messages."""

    def init(self, _arg: Any) -> Any:
        process.send_after(process.current(), "timer", 1.0)
        return Ok([])

    def handle_cast(self, request: Any, seen: list[str]) -> Any:
        return NoReply([*seen, request])

    def handle_info(self, message: Any, seen: list[str]) -> Any:
        return NoReply([*seen, message])

    def handle_call(self, _request: Any, _from: From, seen: list[str]) -> Any:
        return Reply(seen, seen)


def watched(delay: float) -> Callable[[], Awaitable[list[str]]]:
    async def client(watch: Any) -> None:
        await process.sleep(delay)
        cast(watch, "client")

    async def scenario() -> list[str]:
        watch = await Watch.start_link(None)
        process.spawn_monitor(client, watch)
        await process.receive(Down)
        await process.sleep(100.0)
        seen: list[str] = await call(watch, "seen")
        return seen

    return scenario


BOTH = [["client", "timer"], ["timer", "client"]]


@pytest.mark.parametrize(
    ("delay", "orders"),
    [(1.3, BOTH), (1.0, BOTH), (0.9, BOTH), (0.3, BOTH[:1]), (2.5, BOTH[1:])],
    ids=["the timer is late", "together", "the client is late", "much before", "much behind"],
)
def test_a_timer_and_a_client_may_be_late_and_never_early(delay: float, orders: list[list[str]]) -> None:
    assert seen_in(watched(delay), 1000) == orders


def test_nothing_is_late_with_an_even_seed_or_with_slack_0() -> None:
    assert seen_in(watched(1.3), slack=0.0) == BOTH[1:]
    assert seen_in(watched(0.9), slack=0.0) == BOTH[:1]


def test_all_work_is_done_when_the_test_wakes() -> None:
    async def chain(to: Any, left: int) -> None:
        await process.sleep(0.1)
        if left:
            process.spawn(chain, to, left - 1)
        else:
            process.send(to, "done")

    async def scenario() -> list[Any]:
        watch = await Watch.start_link(None)
        process.spawn(chain, process.current(), 5)
        cast(watch, "first")
        await process.sleep(0.65)
        done = await process.receive(timeout=0.0)
        seen = await call(watch, "seen")
        await process.sleep(0.4)
        return [done, seen, await call(watch, "seen")]

    assert seen_in(scenario, 1000) == [["done", ["first"], ["first", "timer"]]]


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3, 0.7, 1.1])
@pytest.mark.parametrize("begun", [0.0, 0.1, 0.3, 17.7])
def test_slack_that_equals_the_delay_is_enough(delay: float, begun: float) -> None:
    """1000.3 + 0.1 - 1000.3 is more than 0.1."""

    async def scenario() -> str:
        await process.sleep(begun)
        process.send_after(process.current(), "timer", delay)
        process.spawn(process.send, process.current(), "process")
        return str(await process.receive())

    assert seen_in(scenario, 100, slack=delay) == ["process", "timer"]


def test_timers_that_differ_by_a_rounding_fire_in_any_order() -> None:
    async def one(to: Any) -> None:
        await process.sleep(0.3)
        process.send(to, "once")

    async def other(to: Any) -> None:
        await process.sleep(0.1)
        await process.sleep(0.2)
        process.send(to, "twice")

    async def scenario() -> str:
        process.spawn(one, process.current())
        process.spawn(other, process.current())
        return str(await process.receive())

    assert seen_in(scenario, slack=0.0) == ["once", "twice"]


# Replies that come too late


class Adder(GenServer[int]):
    """A server that adds one."""

    def handle_call(self, request: Any, _from: From, number: int) -> Any:
        return Reply(number, number) if request == "get" else Reply("ok", number + 1)


def test_a_client_that_handles_a_timeout_gets_one() -> None:
    async def scenario() -> int:
        adder = await Adder.start_link(0)
        try:
            await call(adder, "add")
        except CallTimeout:
            await call(adder, "add")
        number: int = await call(adder, "get")
        return number

    assert seen_in(scenario) == [1, 2]


def test_a_client_that_does_not_handle_a_timeout_does_not_fail() -> None:
    async def scenario() -> None:
        adder = await Adder.start_link(0)
        for _ in range(5):
            await call(adder, "add", timeout=0.1)
        assert await call(adder, "get") == 5

    explore(scenario, 300)


def test_a_client_that_ends_with_a_timeout_does_not_fail_the_test() -> None:
    async def client(adder: Any) -> None:
        await call(adder, "add")

    async def scenario() -> None:
        adder = await Adder.start_link(0)
        for _ in range(3):
            process.spawn_monitor(client, adder)
        for _ in range(3):
            assert (await process.receive(Down)).reason == "normal"

    explore(scenario, 300)


def test_a_deadlock_fails_the_test() -> None:
    class Deaf(GenServer[None]):
        def handle_call(self, _request: Any, _from: From, state: None) -> Any:
            return NoReply(state)

    async def scenario() -> None:
        await call(await Deaf.start(None), "anything")

    with pytest.raises(CallTimeout):
        explore(scenario, 10)


def test_a_message_that_the_test_expects_soon_arrives_in_time() -> None:
    async def work(adder: Any, to: Any) -> None:
        for _ in range(3):
            try:
                await call(adder, "add", timeout=2.0)
            except CallTimeout:
                continue
            process.send(to, "done")
            return

    async def scenario() -> None:
        adder = await Adder.start_link(0)
        process.spawn(work, adder, process.current())
        await expect_message("done")

    explore(scenario, 500)


def test_time_of_asyncio_passes_when_all_processes_wait() -> None:
    async def scenario() -> float:
        watch = await Watch.start_link(None)
        begun = process.monotonic()
        for _ in range(3):
            cast(watch, "more")
            await asyncio.sleep(0.25)
        assert await call(watch, "seen") == ["more"] * 3
        return process.monotonic() - begun

    assert seen_in(scenario) == [0.75]


# Repeated runs


class Thing:
    """An object whose default repr contains its address."""


def test_two_replays_print_the_same_text() -> None:
    kept: list[Any] = []

    async def print_address(thing: Any) -> None:
        await process.receive()
        raise ValueError(thing)

    async def scenario() -> None:
        kept.append(Thing())
        kept.append(asyncio.create_task(asyncio.sleep(0)))
        pid = process.spawn(print_address, kept[-2])
        process.send(pid, [kept[-2], print_address, kept[-1]])
        process.monitor(pid)
        process.send(process.current(), [kept[-2], kept[-1]])
        await process.receive(Down)
        await process.receive(list)
        raise AssertionError

    def replay() -> str:
        with pytest.raises(AssertionError) as caught:
            explore(scenario, seed=0)
        return "\n".join(caught.value.__notes__)

    first, second = replay(), replay()
    assert first == second
    assert "Thing object" in first
    assert "Task" in first
    assert not re.search(r"0x[0-9a-f]{6}|Task-\d", first)
