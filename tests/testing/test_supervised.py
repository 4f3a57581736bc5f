"""Children of a test, and probes that report their start and end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from regrow import AlreadyStarted, GenServer, Node, Ok, Supervisor, VirtualClock, call, cast, process, send
from regrow.testing import (
    StartSupervised,
    expect_down,
    expect_idle,
    expect_message,
    flush,
    probe,
    refute_message,
    run_as_process,
    start_supervised,
    stop_supervised,
)
from regrow.testing.supervised import SUPERVISOR


def play(test: Callable[[], Awaitable[None]]) -> None:
    """Run an async function as the plugin runs a test."""
    asyncio.run(run_as_process(Node(clock=VirtualClock()), test, {}))


class Slow(GenServer[tuple[str, list[str]]]):
    """A server that takes a while to end, and records its end."""

    def init(self, arg: tuple[str, list[str]], /) -> Ok[tuple[str, list[str]]]:
        process.trap_exit(True)
        return Ok(arg)

    async def terminate(self, reason: object, state: tuple[str, list[str]], /) -> None:
        name, ended = state
        ended.append(f"{name} begins to end")
        await process.sleep(2.0)
        ended.append(f"{name} has ended: {reason}")


def test_children_are_stopped_in_reverse_order() -> None:
    ended: list[str] = []

    async def test() -> None:
        for name in "abc":
            await start_supervised(Slow.child_spec((name, ended)).replace(id=name))

    play(test)
    expected = [(f"{name} begins to end", f"{name} has ended: shutdown") for name in "cba"]
    assert ended == [line for pair in expected for line in pair]


def test_children_are_stopped_when_the_test_fails() -> None:
    ended: list[str] = []

    async def test() -> None:
        await start_supervised((Slow, ("a", ended)))
        raise ValueError("the test")

    with pytest.raises(ValueError, match="the test"):
        play(test)
    assert ended == ["a begins to end", "a has ended: shutdown"]


def test_children_are_stopped_when_the_process_of_the_test_is_killed() -> None:
    ended: list[str] = []

    async def test() -> None:
        await start_supervised((Slow, ("a", ended)))
        process.exit(process.current(), "kill")
        await process.sleep(None)

    with pytest.raises(AssertionError, match=r"the test's process was ended, with 'killed', before"):
        play(test)
    assert ended == ["a begins to end", "a has ended: shutdown"]


@pytest.mark.regrow
class TestProbe:
    async def test_a_probe_reports_its_starts_and_its_end(self, start_supervised: StartSupervised) -> None:
        pid = await start_supervised(probe("a", trap=True))
        assert await expect_message() == ("started", "a")
        assert process.whereis("a") == pid == await call("a", "who")
        cast("a", ("stop", "bad"))
        assert await expect_message() == ("ended", "a", "bad")
        assert await expect_message() == ("started", "a")
        await stop_supervised("a")
        assert flush() == [("ended", "a", "shutdown")]

    async def test_a_probe_forwards_sleeps_and_crashes(self, start_supervised: StartSupervised) -> None:
        pid = await start_supervised(probe("a", restart="temporary"))
        flush()
        send(pid, "a word")
        assert await expect_message() == ("got", "a", "a word")
        start = process.monotonic()
        cast(pid, ("sleep", 3.0))
        assert await call(pid, "who") == pid
        assert process.monotonic() - start == 3.0
        cast(pid, "fall over")
        assert "was asked to fall over" in str(await expect_down(pid, RuntimeError))

    async def test_a_probe_may_end_slowly_and_with_another_reason(self, start_supervised: StartSupervised) -> None:
        pid = await start_supervised(probe("a", trap=True, linger=1.5, ends_with=ValueError("at the end")))
        ref = process.monitor(pid)
        start = process.monotonic()
        await stop_supervised("a")
        assert process.monotonic() - start == 1.5
        await expect_down(ref, ValueError)

    async def test_a_probe_reports_to_another_process(self, start_supervised: StartSupervised) -> None:
        async def receives() -> object:
            return await process.receive()

        listener, ref = process.spawn_monitor(receives)
        await start_supervised(probe("a", to=listener))
        await expect_down(ref, "normal")
        await refute_message()


@pytest.mark.regrow
class TestStartSupervised:
    async def test_the_end_of_a_child_does_not_end_the_test(self, start_supervised: StartSupervised) -> None:
        for _ in range(20):
            await start_supervised(probe("a", restart="temporary"))
            cast("a", "crash")
            await expect_idle()

    async def test_a_permanent_child_is_restarted_without_a_limit(self, start_supervised: StartSupervised) -> None:
        await start_supervised(probe("a"))
        for _ in range(20):
            await expect_message(("started", "a"))
            pid = process.whereis("a")
            assert pid is not None
            process.exit(pid, "kill")

    async def test_an_id_can_be_used_once(self, start_supervised: StartSupervised) -> None:
        await start_supervised(probe("a"))
        with pytest.raises(AlreadyStarted):
            await start_supervised(probe("a"))

    async def test_the_function_does_the_same_as_the_fixture(self) -> None:
        await start_supervised(probe("a"))
        assert [child.id for child in await Supervisor.which_children(SUPERVISOR)] == ["a"]

    async def test_a_stopped_child_is_not_restarted(self, start_supervised: StartSupervised) -> None:
        first = await start_supervised(probe("a"))
        await start_supervised(probe("b"))
        await stop_supervised(first)
        assert process.whereis("a") is None
        assert [child.id for child in await Supervisor.which_children(SUPERVISOR)] == ["b"]

    async def test_an_unknown_child_is_an_error(self, start_supervised: StartSupervised) -> None:
        with pytest.raises(LookupError, match=r"start_supervised has no child 'b': .* The children are: none"):
            await stop_supervised("b")
        await start_supervised(probe("a"))
        with pytest.raises(LookupError, match="The children are: 'a'"):
            await stop_supervised("b")
