"""Servers whose `def` callbacks run in a separate thread (`start_link(blocking=True)`)."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    Continue,
    Exit,
    From,
    GenServer,
    NoReply,
    Ok,
    Pid,
    Reply,
    StartError,
    Stop,
    call,
    cast,
    from_thread,
    gen_server,
    process,
    reply,
    system,
)
from regrow.testing import expect_down

pytestmark = pytest.mark.regrow


class Blocker(GenServer[list[Any]]):
    """A server that records the thread of each callback, and runs the function it is sent there."""

    def init(self, log: list[Any], /) -> Ok[list[Any]]:
        """Record the thread."""
        log.append(("init", threading.current_thread()))
        return Ok(log, Continue("go on"))

    def handle_call(self, request: Any, from_: From, log: list[Any], /) -> Any:
        """Run the function."""
        return request(from_, log)

    async def handle_cast(self, request: Any, log: list[Any], /) -> Any:
        """Record the thread."""
        log.append(("cast", threading.current_thread()))
        process.send(request, "cast")
        return NoReply(log)

    def handle_continue(self, arg: Any, log: list[Any], /) -> Any:
        """Record the thread."""
        log.append((arg, threading.current_thread()))
        return NoReply(log)

    def terminate(self, reason: Any, log: list[Any], /) -> None:
        """Record the thread."""
        log.append((reason, threading.current_thread()))


def here(_from: From, log: list[Any]) -> Reply[list[Any]]:
    return Reply(threading.current_thread(), log)


def leaves(_from: From, _log: list[Any]) -> None:
    raise Exit("by design")


def last(_from: From, log: list[Any]) -> Reply[list[Any]]:
    return Reply(log[-1], log)


def says_bye(_from: From, log: list[Any]) -> Stop[list[Any]]:
    return Stop("normal", log, reply="bye")


def asks_another(_from: From, log: list[Any]) -> Reply[list[Any]]:
    return Reply(from_thread.call("other", here), log)


def fails(_from: From, _log: list[Any]) -> None:
    raise ValueError("by design")


def wrong(_from: From, _log: list[Any]) -> str:
    return "wrong"


async def blocker(log: list[Any] | None = None, **options: Any) -> tuple[Pid, threading.Thread]:
    pid = await Blocker.start([] if log is None else log, blocking=True, **options)
    return pid, await call(pid, here)


async def test_callbacks_run_in_one_thread_and_coroutines_in_the_loop() -> None:
    log: list[Any] = []
    pid, thread = await blocker(log)
    assert thread is not threading.current_thread()
    assert thread.daemon
    assert await call(pid, here) is thread
    cast(pid, process.current())
    assert await process.receive() == "cast"
    await gen_server.stop(pid, "shutdown")
    assert log == [
        ("init", thread),
        ("go on", thread),
        ("cast", threading.current_thread()),
        ("shutdown", thread),
    ]
    thread.join(5.0)
    assert not thread.is_alive()


async def test_the_loop_stays_free_and_the_order_stays_the_same() -> None:
    pid, _ = await blocker()
    free = threading.Event()

    def waits(_from: From, log: list[Any]) -> Reply[list[Any]]:
        return Reply(free.wait(5.0), [*log, "first"])

    first = asyncio.create_task(call(pid, waits))
    second = asyncio.create_task(call(pid, last))
    await asyncio.sleep(0)
    free.set()
    assert (await first, await second) == (True, "first")


async def test_no_virtual_time_passes_while_the_thread_works() -> None:
    pid, _ = await blocker()
    began = process.monotonic()
    never = threading.Event()

    def slow(_from: From, log: list[Any]) -> Reply[list[Any]]:
        return Reply(never.wait(0.3), log)

    assert await call(pid, slow, timeout=0.001) is False
    assert process.monotonic() == began


async def test_a_reply_from_the_thread() -> None:
    pid, _ = await blocker()

    def later(from_: From, log: list[Any]) -> NoReply[list[Any]]:
        reply(from_, "early")
        return NoReply(log)

    assert await call(pid, later) == "early"
    assert await call(pid, says_bye) == "bye"


async def test_other_servers_are_reached_from_the_thread() -> None:
    pid, _ = await blocker()
    await Blocker.start([], name="other")
    assert await call(pid, asks_another) is threading.current_thread()


@pytest.mark.parametrize(
    ("request_", "reason"), [(leaves, "by design"), (fails, ValueError), (wrong, ("bad_return_value", "wrong"))]
)
async def test_the_end_of_a_server_ends_its_thread(request_: Any, reason: Any) -> None:
    pid, thread = await blocker()
    with pytest.raises(CalleeExit) as caught:
        await call(pid, request_)
    found = caught.value.reason[0]
    assert found == reason or type(found) is reason
    thread.join(5.0)
    assert not thread.is_alive()


async def test_a_kill_does_not_wait_for_the_thread() -> None:
    pid, thread = await blocker()
    free = threading.Event()

    def waits(_from: From, log: list[Any]) -> Reply[list[Any]]:
        return Reply(free.wait(5.0), log)

    asking = asyncio.create_task(call(pid, waits))
    await asyncio.sleep(0)
    process.exit(pid, "kill")
    assert await expect_down(pid, "noproc") == "noproc"
    with pytest.raises(CalleeExit) as caught:
        await asking
    assert caught.value.reason[0] == "killed"
    free.set()
    thread.join(5.0)
    assert not thread.is_alive()


async def test_an_init_that_fails_leaves_no_thread() -> None:
    class Failing(Blocker):
        def init(self, log: list[Any], /) -> Any:
            log.append(threading.current_thread())
            raise ValueError("by design")

    log: list[Any] = []
    with pytest.raises(StartError):
        await Failing.start(log, blocking=True)
    log[0].join(5.0)
    assert not log[0].is_alive()


async def test_a_blocking_server_looks_like_any_other(reports: Any) -> None:
    pid, _ = await blocker()
    status = await system.get_status(pid)
    assert status["module"] is Blocker
    process.send(pid, "unexpected")  # inherited callbacks run in the event loop
    await system.get_state(pid)
    with pytest.raises(CalleeExit):
        await call(pid, wrong)
    assert [report.module for report in reports[:2]] == [Blocker, Blocker]


async def test_a_server_without_blocking_callbacks_has_no_thread() -> None:
    class Free(GenServer[int]):
        async def handle_call(self, _request: Any, _from: From, state: int, /) -> Reply[int]:
            return Reply(threading.current_thread(), state)

    before = threading.active_count()
    pid = await Free.start(1, blocking=True)
    assert await call(pid, "where?") is threading.current_thread()
    assert threading.active_count() == before
