"""A test has one clock: the timers of asyncio and of libraries on asyncio follow the node's clock."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from regrow import GenServer, Node, NoReply, Ok, Supervisor, VirtualClock, process
from regrow.kernel import outside_work
from regrow.kernel.outside_work import counters
from regrow.testing import expect_message, run_as_process, test_process

pytestmark = pytest.mark.regrow

EPOCH = 1000.0


def has_a_selector() -> bool:
    """Whether the loop has a selector that lists its sockets."""
    return hasattr(asyncio.get_running_loop(), "_selector")


async def test_an_earlier_timeout_of_asyncio_fires_first() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await process.sleep(100.0)
    assert process.monotonic() == pytest.approx(EPOCH + 1.0)


async def test_all_timers_fire_in_one_order() -> None:
    loop = asyncio.get_running_loop()
    order: list[str] = []
    me = process.current()

    async def sleeps() -> None:
        await asyncio.sleep(2.0)
        order.append("asyncio.sleep 2")

    async def anyio_sleeps() -> None:
        await anyio.sleep(4.0)
        order.append("anyio.sleep 4")

    async def waits() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 6.0)
        order.append("wait_for 6")

    process.send_after(me, "send_after 1", 1.0)
    process.send_after(me, "send_after 3", 3.0)
    process.spawn(sleeps)
    process.spawn(anyio_sleeps)
    task = asyncio.create_task(waits())
    loop.call_later(5.0, order.append, "call_later 5")
    loop.call_at(loop.time() + 7.0, order.append, "call_at 7")
    cancelled = loop.call_later(2.5, order.append, "cancelled")
    loop.call_later(2.4, cancelled.cancel)
    order += [await process.receive(str)]
    order += [await process.receive(str)]
    await process.sleep(10.0)
    await task
    assert [word.rpartition(" ")[2] for word in order] == list("1234567")
    assert process.monotonic() == pytest.approx(EPOCH + 13.0)


async def test_the_time_of_the_loop_follows_the_clock(virtual_clock: VirtualClock) -> None:
    loop = asyncio.get_running_loop()
    assert loop.time() == process.monotonic() == EPOCH
    await process.sleep(0.1)
    await asyncio.sleep(3600.0)
    assert loop.time() == process.monotonic() == EPOCH + 0.1 + 3600.0
    virtual_clock.jump = False
    task = asyncio.create_task(asyncio.sleep(5.0))
    await virtual_clock.run_until_idle()
    assert not task.done()
    virtual_clock.advance(5.0)
    await virtual_clock.run_until_idle()
    assert task.done()
    virtual_clock.jump = True


async def test_a_timeout_without_effect_is_no_deadlock() -> None:
    """The process ran meanwhile, and asyncio had a timer."""
    start = process.monotonic()
    for _ in range(20):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await process.receive()
    assert process.monotonic() - start == pytest.approx(4.0)


async def test_the_clock_waits_for_a_function_in_an_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_work, "SOON", 0.0)  # the clock waits until it returns, also if its thread is idle
    async with asyncio.timeout(5.0):
        await asyncio.to_thread(time.sleep, 0.3)
    assert process.monotonic() == EPOCH


async def test_the_clock_waits_for_to_thread() -> None:
    async with asyncio.timeout(5.0):
        await asyncio.to_thread(time.sleep, 0.3)
    with anyio.fail_after(5.0):
        await anyio.to_thread.run_sync(time.sleep, 0.3)
    assert process.monotonic() == EPOCH


async def test_the_clock_waits_for_a_thread_of_the_program() -> None:
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def work() -> None:
        time.sleep(0.3)
        loop.call_soon_threadsafe(done.set)

    thread = threading.Thread(target=work)
    thread.start()
    async with asyncio.timeout(5.0):
        await done.wait()
    thread.join()
    assert process.monotonic() == EPOCH


async def test_the_clock_waits_for_a_subprocess() -> None:
    code = "import time; time.sleep(0.3); print(1)"
    async with asyncio.timeout(5.0):
        program = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
        printed, _ = await program.communicate()
    assert printed.split() == [b"1"]
    assert process.monotonic() == EPOCH


@pytest.fixture
def slow_peer() -> Iterator[tuple[str, int]]:
    """Return the address of a server that answers after 0.2 s, in a thread that started before the node."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            while connection.recv(100):
                time.sleep(0.2)
                connection.sendall(b"yes\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()
    thread.join()
    listening.close()


async def test_the_clock_waits_for_the_answer_of_a_peer(slow_peer: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*slow_peer)
    try:
        if not has_a_selector():
            return  # the clock waits for a tenth of a second
        for _ in range(3):
            async with asyncio.timeout(5.0):
                writer.write(b"ready?\n")
                assert await reader.readline() == b"yes\n"
        assert process.monotonic() == EPOCH
    finally:
        writer.close()
        await writer.wait_closed()


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer HTTP requests."""
    while line := await reader.readline():
        if line == b"\r\n":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await writer.drain()
    writer.close()


@asynccontextmanager
async def a_web_server() -> AsyncGenerator[str, None]:
    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    try:
        yield "http://127.0.0.1:{1}/".format(*server.sockets[0].getsockname())
    finally:
        server.close()


class Polls(GenServer[tuple[str, list[float]]]):
    """A server that asks a web server each minute."""

    def init(self, arg: tuple[str, list[float]], /) -> Any:
        process.send(process.current(), "poll")
        return Ok(arg)

    async def handle_info(self, message: object, state: tuple[str, list[float]], /) -> Any:
        assert message == "poll"
        url, times = state
        async with httpx.AsyncClient() as client:
            for _ in range(60):
                answer = await client.get(url, timeout=2.0)
                assert answer.text == "ok"
                times.append(process.monotonic())
                await asyncio.sleep(60.0)
        return NoReply(state)


async def test_a_service_polls_each_minute() -> None:
    times: list[float] = []
    async with a_web_server() as url:
        real = time.monotonic()
        await Supervisor.start_link([(Polls, (url, times))])
        await process.sleep(3599.0)
        took = time.monotonic() - real
    assert times == [pytest.approx(EPOCH + 60.0 * number) for number in range(len(times))]
    assert len(times) == 60
    if has_a_selector():
        assert took < 3.0  # for a busy machine; a wait for each poll would take six seconds


async def test_a_connection_to_itself_is_recognised() -> None:
    if not has_a_selector() or sys.platform != "linux":
        pytest.skip("what is on its way is counted by Linux, for a loop with a selector")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert counters(ours.fileno()) == (-1, -1)
    async with a_web_server() as url, httpx.AsyncClient() as client:
        real = time.monotonic()
        for _ in range(20):
            await client.get(url)
            await process.sleep(1.0)
        assert time.monotonic() - real < 1.5


async def test_a_busy_loop_does_not_stop_the_clock() -> None:
    me = process.current()
    process.send_after(me, "in time", 1.0)
    came: list[object] = []

    async def receives() -> None:
        came.append(await expect_message("in time", timeout=10.0))

    async def loops() -> None:
        while not came:  # noqa: ASYNC110 - what is asked here
            await asyncio.sleep(0)

    spinning = asyncio.create_task(loops())
    other = process.spawn(loops)
    await receives()
    await spinning
    assert came == ["in time"]
    assert process.monotonic() == EPOCH + 1.0
    assert other is not None


@pytest.mark.regrow(clock="real")
async def test_without_a_virtual_clock_the_loop_is_left_alone(node: Node) -> None:
    assert node.loop_time is None


class TestWithoutThePlugin:
    def test_the_loop_follows_a_node_in_virtual_time(self) -> None:
        async def program() -> list[float]:
            loop = asyncio.get_running_loop()
            times: list[float] = []
            start = loop.time()
            loop.call_later(50.0, lambda: times.append(loop.time() - start))  # before the node starts
            async with Node(clock=VirtualClock()):
                async with process.adopt():
                    await process.sleep(20.0)
                await asyncio.sleep(40.0)
                times.append(loop.time() - start)
                left = loop.call_later(10.0, print)
                soon = loop.create_future()
                loop.call_later(0.01, soon.set_result, None)
            assert left.when() - loop.time() == pytest.approx(10.0, abs=2.0)
            left.cancel()
            times.append(loop.time() - start)
            await asyncio.wait_for(soon, 5.0)  # in real time
            await asyncio.sleep(0.01)
            times.append(loop.time() - start)
            return times

        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            times = runner.run(program())
        assert times == sorted(times)
        assert times[:3] == pytest.approx([50.0, 60.0, 60.0], abs=2.0)
        assert times[3] - times[2] >= 0.009

    def test_a_loop_runs_after_another_node(self) -> None:
        async def program() -> None:
            loop = asyncio.get_running_loop()
            for _ in range(3):
                async with Node(clock=VirtualClock()):
                    before = loop.time()
                    await asyncio.sleep(1000.0)
                    assert loop.time() - before == 1000.0
                before = loop.time()
                await asyncio.sleep(0.01)
                assert 0.009 < loop.time() - before < 5.0

        asyncio.run(program())

    def test_run_as_process_runs_in_virtual_time(self) -> None:
        async def test() -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(60.0):
                    await process.receive()
            assert process.monotonic() == pytest.approx(EPOCH + 60.0)

        asyncio.run(run_as_process(Node(clock=VirtualClock()), test, {}))


class TestStuck:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(test_process, "STUCK_SECONDS", 0.05)
        monkeypatch.setattr(outside_work, "AT_WORK", 0.05)
        monkeypatch.setattr(outside_work, "SOON", 0.05)

    def play(self, test: Any) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(run_as_process(Node(clock=VirtualClock()), test, {}))

    def test_a_future_that_is_never_completed_fails_the_test(self) -> None:
        async def test() -> None:
            await asyncio.Event().wait()

        with pytest.raises(AssertionError, match=r"no timer is set:\n  <0\.2\.0> .* awaits a future, at "):
            self.play(test)

    def test_a_slow_thread_is_awaited(self) -> None:
        async def test() -> None:
            me = process.current()

            async def asks() -> None:
                process.send(me, await asyncio.to_thread(slow))

            task = asyncio.create_task(asks())
            assert await process.receive() == "done"
            await task

        def slow() -> str:
            time.sleep(0.4)
            return "done"

        self.play(test)

    def test_a_step_in_between_restarts_the_wait(self) -> None:
        async def test() -> None:
            loop = asyncio.get_running_loop()
            me = process.current()
            thread = threading.Thread(target=sends, args=(loop, me))
            thread.start()
            try:
                assert [await process.receive() for _ in range(4)] == [0, 1, 2, 3]
            finally:
                thread.join()

        def sends(loop: asyncio.AbstractEventLoop, whom: Any) -> None:
            for number in range(4):
                time.sleep(0.04)
                loop.call_soon_threadsafe(process.send, whom, number)

        self.play(test)
