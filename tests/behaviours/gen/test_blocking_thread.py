"""The thread of a process, for blocking work: `BlockingThread`."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import Node, VirtualClock, process
from regrow.behaviours.gen.blocking_thread import BlockingThread, ThreadEnded
from regrow.kernel.outside_work import HELD_THREADS
from regrow.testing import expect_idle, kill

pytestmark = pytest.mark.regrow

SECONDS = 20.0  # the longest real time for what takes milliseconds
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="unset")


def in_process(made: list[BlockingThread], **options: Any) -> Callable[[], Awaitable[None]]:
    """Return the function of a process that makes a thread and then waits for its end."""

    async def owner() -> None:
        made.append(BlockingThread("worker", **options))
        await process.sleep(None)

    return owner


async def test_functions_run_in_one_thread_in_their_order() -> None:
    thread = BlockingThread("worker")
    found: list[Any] = []
    first = [thread.run(found.append, number) for number in range(50)]
    await asyncio.gather(*first)
    assert found == list(range(50))
    names = {await thread.run(lambda: threading.current_thread().name) for _ in range(3)}
    assert names == {"worker"}


async def test_a_function_s_exception_is_raised_to_its_caller() -> None:
    thread = BlockingThread("worker")
    with pytest.raises(ZeroDivisionError):
        await thread.run(lambda: 1 // 0)
    assert await thread.run(int, "42") == 42


async def test_a_function_runs_in_a_copy_of_its_callers_context() -> None:
    thread = BlockingThread("worker")
    VARIABLE.set("of the caller")

    def look() -> str:
        found = VARIABLE.get()
        VARIABLE.set("of the thread")
        return found

    assert await thread.run(look) == "of the caller"
    assert VARIABLE.get() == "of the caller"


async def test_the_result_of_a_submitted_function_comes_by_a_callback_in_the_loop(node: Node) -> None:
    thread = BlockingThread("worker")
    me = process.current()

    def done(value: Any, error: BaseException | None) -> None:
        process.send(me, (value, type(error), threading.get_ident() == node.thread))

    thread.submit(int, "42", done=done)
    thread.submit(int, "x", done=done)
    assert await process.receive() == (42, type(None), True)
    assert await process.receive() == (None, ValueError, True)


async def test_the_virtual_clock_stands_still_while_a_function_runs_or_waits(virtual_clock: VirtualClock) -> None:
    thread = BlockingThread("worker")
    begin = threading.Event()
    me = process.current()

    def done(value: Any, _error: BaseException | None) -> None:
        process.send(me, value)

    thread.submit(begin.wait, SECONDS, done=done)
    thread.submit(int, "1", done=done)
    thread.submit(int, "2", done=done)
    process.send_after(me, "timer", 5.0)
    threading.Timer(0.05, begin.set).start()
    assert [await process.receive() for _ in range(4)] == [True, 1, 2, "timer"]
    assert virtual_clock.now() == 1005.0


async def test_the_virtual_clock_moves_while_the_thread_idles(node: Node, virtual_clock: VirtualClock) -> None:
    entered, leave = threading.Event(), threading.Event()

    def idle() -> None:
        entered.set()
        while not leave.is_set():
            time.sleep(0.001)  # not a wait that the virtual clock knows: the thread counts as busy

    thread = BlockingThread("worker", idle=idle)
    try:
        assert entered.wait(SECONDS)
        assert node.loop_time is not None
        assert node.loop_time.outside.threads(0.0) == 0.0  # no real time is given to the thread
        await process.sleep(3600.0)
        assert virtual_clock.now() == 4600.0
        assert not leave.is_set()
    finally:
        leave.set()
    assert await thread.run(int, "42") == 42


async def test_idle_is_called_again_after_the_seconds_it_returns_and_sleeps_at_none() -> None:
    calls: list[str] = []
    slept = threading.Event()

    def idle() -> float | None:
        calls.append(threading.current_thread().name)
        if len(calls) < 5:
            return 0.001
        slept.set()
        return None

    BlockingThread("worker", idle=idle)
    assert await asyncio.to_thread(slept.wait, SECONDS)
    await asyncio.to_thread(threading.Event().wait, 0.02)
    assert calls == ["worker"] * 5


async def test_a_function_goes_before_idle_and_idle_comes_after_each() -> None:
    order: list[str] = []
    begin = threading.Event()
    idles = threading.Semaphore(0)

    def idle() -> None:
        order.append("idle")
        idles.release()
        begin.wait(SECONDS)

    thread = BlockingThread("worker", idle=idle)
    runs = [asyncio.ensure_future(thread.run(order.append, name)) for name in ("one", "two")]
    await asyncio.sleep(0)
    begin.set()
    await asyncio.gather(*runs)
    for _ in range(2):  # without it, "three" may come before the thread has looked for the next function
        assert await asyncio.to_thread(idles.acquire, timeout=SECONDS)
    await thread.run(order.append, "three")
    assert order[:5] == ["idle", "one", "two", "idle", "three"]


async def test_wake_lets_a_sleeping_thread_idle_again() -> None:
    calls = threading.Semaphore(0)

    def idle() -> None:
        calls.release()

    thread = BlockingThread("worker", idle=idle)
    assert await asyncio.to_thread(calls.acquire, timeout=SECONDS)
    thread.wake()
    assert await asyncio.to_thread(calls.acquire, timeout=SECONDS)


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf"), "soon"])
async def test_a_wrong_time_from_idle_does_not_end_the_thread(wrong: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1, logger="regrow")
    answers = [wrong]
    thread = BlockingThread("worker", idle=lambda: answers.pop() if answers else None)
    assert await thread.run(int, "42") == 42


async def test_an_exception_of_idle_is_logged_and_the_thread_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    thread = BlockingThread("worker", idle=lambda: 1 // 0)
    assert await thread.run(int, "42") == 42
    assert await thread.run(int, "43") == 43
    assert "called while there was no work, has failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_the_end_of_the_process_ends_the_thread_after_its_function(virtual_clock: VirtualClock) -> None:
    made: list[BlockingThread] = []
    order: list[str] = []
    begun, leave = threading.Event(), threading.Event()
    refused: list[Any] = []

    def work() -> None:
        begun.set()
        leave.wait(SECONDS)
        order.append("function")

    owner = process.spawn(in_process(made, last=lambda: order.append("last")))
    await expect_idle()
    [thread] = made
    thread.submit(work, done=lambda value, error: refused.append((value, error)))
    thread.submit(order.append, "never", done=lambda value, error: refused.append((value, error)))
    assert begun.wait(SECONDS)
    await kill(owner)
    assert not thread.join(0.01)
    threading.Timer(0.02, leave.set).start()
    await process.sleep(60.0)  # the clock stands still until the thread has ended
    assert order == ["function", "last"]
    assert thread.join(SECONDS)
    assert [(value, type(error)) for value, error in refused] == [(None, type(None)), (None, ThreadEnded)]
    assert thread.thread.ident not in HELD_THREADS
    await thread.joined()


async def test_a_released_thread_refuses_functions() -> None:
    thread = BlockingThread("worker")
    thread.release()
    thread.release()
    with pytest.raises(ThreadEnded, match=r"BlockingThread\('worker', released\) cannot run print"):
        await thread.run(print)
    await thread.joined()
    assert thread.join(SECONDS)


async def test_joined_waits_for_the_last_function() -> None:
    leave = threading.Event()
    order: list[str] = []

    def last() -> None:
        leave.wait(SECONDS)
        order.append("last")

    thread = BlockingThread("worker", last=last)
    thread.release()
    waits = [asyncio.create_task(thread.joined()) for _ in range(3)]
    await asyncio.sleep(0)
    waits[0].cancel()
    assert not any(one.done() for one in waits[1:])
    leave.set()
    await asyncio.gather(*waits[1:])
    assert order == ["last"]


async def test_an_exception_of_last_is_logged_and_the_thread_ends(caplog: pytest.LogCaptureFixture) -> None:
    thread = BlockingThread("worker", last=lambda: 1 // 0)
    thread.release()
    await thread.joined()
    assert "called at its end, has failed" in caplog.text
    assert thread.join(SECONDS)


async def test_a_callers_cancellation_does_not_stop_the_function(virtual_clock: VirtualClock) -> None:
    thread = BlockingThread("worker")
    begun, leave = threading.Event(), threading.Event()
    found: list[str] = []

    def work() -> None:
        begun.set()
        leave.wait(SECONDS)
        found.append("done")

    task = asyncio.create_task(thread.run(work))
    await asyncio.sleep(0)
    assert begun.wait(SECONDS)
    task.cancel()
    await asyncio.wait([task])
    leave.set()
    assert await thread.run(found.copy) == ["done"]
    await process.sleep(1.0)
    assert virtual_clock.now() == 1001.0


async def test_the_node_s_end_ends_the_thread() -> None:
    ended = threading.Event()
    made: list[BlockingThread] = []

    async def main() -> None:
        async with Node("another"):
            process.spawn_link(in_process(made, last=ended.set))
            while not made:  # noqa: ASYNC110 - until the process has run
                await asyncio.sleep(0)

    await asyncio.to_thread(asyncio.run, main())
    assert ended.wait(SECONDS)
    assert made[0].join(SECONDS)


async def test_a_plain_task_has_no_thread() -> None:
    async def task() -> None:
        with pytest.raises(RuntimeError, match="plain asyncio task"):
            BlockingThread("worker")

    await asyncio.create_task(task())
