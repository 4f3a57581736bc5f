"""Simulations run every order that OTP allows, and no other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow import CallTimeout, Down, From, GenServer, Pid, Reply, call, process
from regrow.testing.simulation.choices import Choices, read, trimmed, written
from regrow.testing.simulation.loop import NotSimulated, Stuck
from regrow.testing.simulation.runner import NotRepeatable, explore, simulate
from regrow.testing.simulation.shrinking import Tried, shrink
from regrow.testing.simulation.simulated_node import run_once

ROOT = Path(__file__).parents[2]


def seen_in(function: Callable[[], Awaitable[Any]], runs: int = 300, **options: Any) -> list[Any]:
    """Return the results of an async function in many schedules, each once, in the order in which they were found."""
    found: list[Any] = []

    async def test() -> None:
        result = await function()
        if result not in found:
            found.append(result)

    explore(test, runs, **options)
    return found


async def all_down(count: int) -> None:
    for _ in range(count):
        await process.receive(Down)


# Orders that a schedule decides


def test_processes_step_in_any_order() -> None:
    async def scenario() -> str:
        order: list[str] = []
        for word in "abc":
            process.spawn_monitor(order.append, word)
        await all_down(3)
        return "".join(order)

    assert sorted(seen_in(scenario)) == ["abc", "acb", "bac", "bca", "cab", "cba"]


def test_seed_0_is_the_order_without_a_simulation() -> None:
    async def scenario() -> str:
        order: list[str] = []
        for word in "abcdef":
            process.spawn_monitor(order.append, word)
        await all_down(6)
        return "".join(order)

    assert seen_in(scenario, seed=0) == ["abcdef"]


def test_timers_that_fall_due_together_fire_in_any_order() -> None:
    async def scenario() -> list[Any]:
        for word in "ab":
            process.send_after(process.current(), word, 1.0)
        return [await process.receive() for _ in range(2)]

    assert sorted(seen_in(scenario)) == [["a", "b"], ["b", "a"]]


def test_timers_fire_in_the_order_of_their_times() -> None:
    async def scenario() -> list[Any]:
        for delay in (0.3, 0.1, 0.2):
            process.send_after(process.current(), delay, delay)
        return [await process.receive() for _ in range(3)]

    assert seen_in(scenario) == [[0.1, 0.2, 0.3]]


class Sleeper(GenServer[None]):
    """A server that sleeps as long as a call asks for."""

    async def handle_call(self, request: Any, _from: From, state: None) -> Any:
        await process.sleep(request)
        return Reply("answer", state)


@pytest.mark.parametrize(("slack", "outcomes"), [(0.0, ["answer"]), (0.05, ["answer"]), (0.5, ["answer", "timeout"])])
def test_with_slack_a_call_may_time_out_that_much_too_early(slack: float, outcomes: list[str]) -> None:
    async def scenario() -> str:
        server = await Sleeper.start(None)
        try:
            return str(await call(server, 0.9, timeout=1.0))
        except CallTimeout:
            return "timeout"

    assert sorted(seen_in(scenario, slack=slack)) == outcomes


def test_a_reply_at_the_last_moment_may_be_too_late() -> None:
    async def scenario() -> str:
        server = await Sleeper.start(None)
        try:
            return str(await call(server, 1.0, timeout=1.0))
        except CallTimeout:
            return "timeout"

    assert sorted(seen_in(scenario)) == ["answer", "timeout"]


def test_a_message_may_overtake_one_of_another_sender_though_it_was_sent_because_of_it() -> None:
    """OTP guarantees an order between two processes, and none among three."""

    async def scenario() -> list[Any]:
        me = process.current()

        async def second() -> None:
            await process.receive()
            process.send(me, "because of the first")

        other = process.spawn(second)
        process.spawn(lambda: (process.send(me, "first"), process.send(other, "go on")))
        await process.sleep(1.0)
        return [await process.receive() for _ in range(2)]

    assert sorted(seen_in(scenario)) == [["because of the first", "first"], ["first", "because of the first"]]


# Orders that hold


@given(st.integers(0, 2**32), st.lists(st.integers(0, 2), max_size=12), st.booleans())
def test_the_order_between_two_processes_holds(seed: int, senders: list[int], selective: bool) -> None:
    """The messages of each sender arrive in the order in which they were sent, and its end arrives last."""

    async def scenario() -> None:
        me = process.current()

        def send(sender: int) -> None:
            for number, one in enumerate(senders):
                if one == sender:
                    process.send(me, (sender, number))

        for sender in range(3):
            process.spawn_monitor(send, sender)
        got: dict[Pid | int, list[int]] = {0: [], 1: [], 2: []}
        ended = 0
        while ended < 3:
            message: Any = await process.receive((tuple, Down) if selective else None)
            if isinstance(message, Down):
                ended += 1
            else:
                got[message[0]].append(message[1])
        assert got == {one: [at for at, sender in enumerate(senders) if sender == one] for one in range(3)}

    outcome = run_once(scenario, {}, Choices(seed=seed))
    if outcome.error is not None:
        raise outcome.error


def test_asyncio_runs_in_virtual_time() -> None:
    async def scenario() -> float:
        begun = process.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3600.0):
                await asyncio.sleep(7200.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60.0))
            group.create_task(asyncio.sleep(120.0))
        assert asyncio.get_running_loop().time() == process.monotonic()
        return process.monotonic() - begun

    assert seen_in(scenario, 50) == [3720.0]


def test_a_test_without_decisions_is_not_run_again() -> None:
    async def scenario() -> None:
        pass

    assert explore(scenario, 1000).runs == 2


# Refused I/O


async def in_a_thread() -> None:
    await asyncio.to_thread(len, "abc")


async def a_new_thread() -> None:
    import threading

    threading.Thread(target=len, args=("abc",)).start()


async def a_socket() -> None:
    await asyncio.open_connection("127.0.0.1", 9)


async def a_new_socket() -> None:
    import socket

    socket.socket()


async def a_client(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    pass


async def a_server() -> None:
    await asyncio.start_server(a_client, "127.0.0.1")


async def a_program() -> None:
    await asyncio.create_subprocess_exec("true")


async def a_new_program() -> None:
    subprocess.run(["true"], check=False)  # noqa: ASYNC221 - it must not


async def a_fork() -> None:
    os.fork()


REFUSED = [
    (in_a_thread, "a thread"),
    (a_new_thread, "a thread"),
    (a_socket, "a socket"),
    (a_new_socket, "a socket"),
    (a_server, "a socket"),
    (a_program, "another program"),
    (a_new_program, "another program"),
    (a_fork, "another program"),
]


@pytest.mark.parametrize(("reaching", "what"), REFUSED)
def test_outside_io_is_refused(reaching: Callable[[], Awaitable[None]], what: str) -> None:
    with pytest.raises(NotSimulated, match=f"needs {what}, and a simulation has none") as caught:
        explore(reaching, 10)
    assert "server stand in" in str(caught.value)


def test_io_works_outside_of_a_simulation() -> None:
    explore(a_sleep, 2)
    asyncio.run(in_a_thread())
    asyncio.run(a_new_thread())
    subprocess.run(["true"], check=True)


async def a_sleep() -> None:
    await process.sleep(1.0)


def test_a_test_that_waits_for_ever_fails_at_once() -> None:
    async def scenario() -> None:
        await process.receive("never".__eq__)

    with pytest.raises(Stuck, match=r"every process waits, and no timer is set:\n  <0\.2\.0>"):
        explore(scenario)


def test_a_test_that_awaits_a_lost_future_fails_at_once() -> None:
    async def scenario() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        explore(scenario)


# Repeated runs


def test_the_seed_decides_the_random_numbers_of_the_test() -> None:
    drawn: list[float] = []

    async def scenario() -> None:
        drawn.append(random.random())

    explore(scenario, seed=7)
    explore(scenario, seed=7)
    explore(scenario, seed=8)
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_test_with_random_numbers_runs_many_times() -> None:
    drawn: set[float] = set()

    async def scenario() -> None:
        drawn.add(random.random())

    assert explore(scenario, 50).runs == len(drawn) == 50


def test_a_test_that_does_not_depend_on_its_seed_fails() -> None:
    times = iter(range(10_000))

    async def scenario() -> None:
        for _ in range(1 + next(times) % 3):
            process.spawn_monitor(len, "")
        await process.sleep(1.0)
        assert next(times) < 20

    with pytest.raises(NotRepeatable, match="took another course"):
        explore(scenario)


def test_state_that_outlives_a_run_is_reported() -> None:
    kept: list[int] = []

    async def scenario() -> None:
        kept.append(1)
        process.spawn_monitor(len, "")
        process.spawn_monitor(len, "")
        await all_down(2)
        assert len(kept) < 4

    with pytest.raises(NotRepeatable, match="a run changes something that the next run uses"):
        explore(scenario)


PROGRAM = """
import logging
from regrow.testing.simulation.runner import explore
from tests.simulation.planted import {module} as planted
logging.disable()
try:
    explore(planted.scenario)
except AssertionError as error:
    print(*error.__notes__)
"""


@pytest.mark.parametrize("module", ["lost_name", "check_then_act"])
def test_the_hash_seed_does_not_matter(module: str) -> None:
    notes = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(module=module)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "77")
    }
    assert len(notes) == 1
    assert "trace of the shortest" in notes.pop()


# Schedules as lists


@given(st.lists(st.integers(0, 5)))
def test_a_schedule_is_read_as_it_was_written(made: list[int]) -> None:
    assert read(written(made)) == trimmed(made)


@pytest.mark.parametrize("text", ["", "1", "a:b", "1:-1", "-1:1", "1:1,"])
def test_text_that_is_not_a_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a schedule"):
        read(text)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.data())
def test_shrinking_keeps_the_decisions_that_a_failure_needs(made: list[int], data: st.DataObject) -> None:
    """A run that fails when certain decisions are out of order is shrunk to these."""
    places = [place for place, one in enumerate(made) if one]
    needed = data.draw(st.lists(st.sampled_from(places), unique=True, max_size=3)) if places else []

    def run(tried: tuple[int, ...]) -> Tried:
        failed = all(place < len(tried) and tried[place] for place in needed)
        return Tried(failed, tried, [5 for _ in made])

    smallest = shrink(tuple(made), run)
    assert smallest == trimmed([1 if place in needed else 0 for place in range(len(made))])


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(1, 4)))
def test_any_list_is_a_schedule(given_: list[int], options: list[int]) -> None:
    """A decision of a shrunk list may have fewer options: it takes the last of them."""
    choices = Choices(given_)
    for count in options:
        assert 0 <= choices.choose(count) < count
    assert all(made < count for made, count in zip(choices.made, choices.options, strict=True))


@pytest.mark.parametrize(
    "options", [{"runs": 0}, {"slack": -1.0}, {"schedule": "one"}], ids=["runs", "slack", "schedule"]
)
def test_invalid_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wanted|looks like"):
        simulate(**options)


def test_a_def_cannot_be_simulated() -> None:
    with pytest.raises(TypeError, match="wanted an async def"):
        simulate()(len)  # type: ignore[type-var]
