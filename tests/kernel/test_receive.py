"""Receiving: by class, tuple and predicate, with and without a time limit, from a mailbox that is None when empty."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from regrow import Down, GenServer, Node, NoReply, Reply, VirtualClock, call, process
from regrow.kernel.bounded_repr import safe_repr
from regrow.testing import run_as_process


def send_all(*messages: object) -> None:
    """Send some messages to the current process."""
    for message in messages:
        process.send(process.current(), message)


async def test_receive_takes_the_oldest_message_first(node: Node) -> None:
    """Without a pattern receive takes the oldest message."""
    send_all(1, 2, 3)
    assert [await process.receive() for _ in range(3)] == [1, 2, 3]


async def test_a_queued_message_is_taken_at_once(node: Node) -> None:
    """No other process runs in between, except those that were ended and still have to be unwound."""
    ran: list[object] = []

    async def sleeps() -> None:
        try:
            await process.sleep(None)
        finally:
            ran.append("unwound")

    pid = process.spawn(sleeps)
    await asyncio.sleep(0)
    process.spawn(ran.append, "another")
    send_all(1, 2, 3)
    assert [await process.receive() for _ in range(3)] == [1, 2, 3]
    assert ran == []
    process.exit(pid, "kill")
    send_all(4)
    assert await process.receive() == 4
    assert ran[0] == "unwound"


@pytest.mark.parametrize("clock", [None, VirtualClock()])
def test_a_process_that_always_has_messages_lets_others_run(clock: VirtualClock | None) -> None:
    """A turn also ends for a process that sends to itself."""

    async def busy() -> int:
        ran: list[object] = []
        process.spawn(ran.append, "another")
        count = 0
        while not ran and count < 1_000_000:
            send_all("more")
            await process.receive()
            count += 1
        return count

    async def program() -> int:
        count: int = await run_as_process(Node(clock=clock), busy, {})
        return count

    assert 1 < asyncio.run(program()) < 1_000_000


async def test_a_predicate_sees_the_task_of_its_process(node: Node) -> None:
    """The predicate is code of the receiving process, whichever process ran before."""
    seen: list[object] = []

    def fits(_: object) -> bool:
        seen.append(asyncio.current_task())
        return True

    async def receiver() -> None:
        await process.receive(fits)
        process.send(me, asyncio.current_task())

    me = process.current()
    pid = process.spawn_link(receiver)
    await asyncio.sleep(0)
    process.send(pid, "hello")
    task = await process.receive()
    assert task is not asyncio.current_task()
    assert seen == [task]


async def test_a_selective_receive_waits_for_a_matching_message(node: Node) -> None:
    """It wakes only for a message that matches, and looks at each message once."""
    looked: list[object] = []

    async def receiver() -> None:
        def fits(message: object) -> bool:
            looked.append(message)
            return message == 3

        await process.receive(fits)
        process.send(me, process.info(process.current(), "messages"))

    me = process.current()
    pid = process.spawn_link(receiver)
    for number in range(6):
        process.send(pid, number)
        await process.sleep(0.1)
    assert await process.receive() == [0, 1, 2]
    assert looked == [0, 1, 2, 3]


@pytest.mark.parametrize("match", [None, int, bool])
async def test_a_receive_times_out(node: Node, virtual_clock: VirtualClock, match: Any) -> None:
    """A receive ends after its time, in virtual time exactly; with 0 it looks once."""
    start = virtual_clock.now()
    for timeout, seconds in ((2, 2.0), (timedelta(seconds=3), 3.0), (0, 0.0)):
        with pytest.raises(TimeoutError, match="got no message"):
            await process.receive(match, timeout=timeout)
        assert virtual_clock.now() == pytest.approx(start + seconds)
        start = virtual_clock.now()
    send_all(True)
    assert await process.receive(match, timeout=0) is True


async def test_the_time_limit_is_not_restarted(node: Node, virtual_clock: VirtualClock) -> None:
    """Messages that do not match do not prolong a receive."""
    start = virtual_clock.now()
    ticks = process.send_interval(process.current(), "tick", 0.3)
    with pytest.raises(TimeoutError):
        await process.receive(int, timeout=1)
    assert virtual_clock.now() == start + 1
    process.cancel_timer(ticks)
    assert process.info(process.current(), "message_queue_len") == 3


async def test_a_message_at_the_deadline_is_taken(node: Node) -> None:
    """A message sent before the deadline is taken, even if both fall into the same moment."""
    process.send_after(process.current(), 1, 1.0)
    assert await process.receive(int, timeout=1.0) == 1
    assert process.current().process is not None
    process.send_after(process.current(), "x", 1.0)
    with pytest.raises(TimeoutError):
        await process.receive(int, timeout=1.0)


async def test_a_predicate_that_raises_fails_its_receive(node: Node) -> None:
    """The exception is raised in receive, the message stays, and the sender notices nothing."""

    async def receiver() -> None:
        def fits(message: Any) -> bool:
            return bool(1 / message)

        with pytest.raises(ZeroDivisionError):
            await process.receive(fits, timeout=60)
        process.send(me, await process.receive())

    me = process.current()
    pid = process.spawn_link(receiver)
    await process.sleep(1)
    assert process.send(pid, 0) == 0
    assert await process.receive(timeout=1) == 0


@pytest.mark.parametrize("value", ["x", 1, ("started", 1), [int], int | str])
async def test_a_value_is_refused_as_a_pattern(node: Node, value: Any) -> None:
    """It is refused at once, and not when the first message comes; in tasks as well."""

    async def in_a_task() -> None:
        async with process.adopt():
            await process.receive(value, timeout=0)

    for ask in (process.receive(value), process.receive(value, timeout=0), asyncio.ensure_future(in_a_task())):
        with pytest.raises(TypeError, match="wanted a class, a tuple of classes or a predicate, got ") as caught:
            await ask
        assert safe_repr(value) in str(caught.value)


async def test_a_predicate_may_send_to_its_own_process(node: Node) -> None:
    """The receive looks at these messages as well."""

    def fits(message: object) -> bool:
        if message == "first":
            send_all("second")
        return message == "second"

    send_all("first")
    assert await process.receive(fits, timeout=0) == "second"


async def test_a_predicate_may_end_its_process(node: Node) -> None:
    """The process ends, and the receive never returns."""

    async def receiver() -> None:
        def fits(_: object) -> bool:
            process.exit(process.current(), "enough")
            return True

        await process.receive(fits)

    pid, ref = process.spawn_monitor(receiver)
    process.send(pid, 1)
    down = await process.receive(Down)
    assert (down.ref, down.reason) == (ref, "enough")


async def test_a_drained_mailbox_is_none_again(node: Node) -> None:
    """An empty mailbox takes no memory, however it was emptied."""
    me = process.current().process
    assert me is not None
    assert me.mailbox is None
    send_all(1, "a")
    await process.receive()
    await process.receive()
    assert me.mailbox is None
    send_all(1, "a")
    await process.receive(str)
    await process.receive(int)
    assert me.mailbox is None
    _, ref = process.spawn_monitor(int)
    await process.sleep(1)
    process.demonitor(ref, flush=True)
    assert me.mailbox is None


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), ("1", TypeError), (True, TypeError), (float("nan"), ValueError)]
)
async def test_wrong_timeouts_are_refused(node: Node, timeout: Any, error: type[Exception]) -> None:
    """An invalid time limit is refused by the function that takes it."""
    with pytest.raises(error, match=r"receive\(timeout=\)"):
        await process.receive(timeout=timeout)


async def test_an_adopted_task_receives(node: Node) -> None:
    """A plain task that was adopted sends, receives, selects and times out like any process."""

    async def plain() -> list[Any]:
        async with process.adopt() as pid:
            assert process.current() is pid
            process.send_after(pid, "x", 0.5)
            process.send_after(pid, 2, 1.0)
            found = [await process.receive(int, timeout=5), await process.receive()]
            start = process.monotonic()
            ticks = process.send_interval(pid, "tick", 0.3)
            with pytest.raises(TimeoutError):
                await process.receive(int, timeout=1)
            found.append(process.monotonic() - start)
            process.cancel_timer(ticks)
            await process.sleep(1)
        assert not process.alive(pid)
        with pytest.raises(RuntimeError, match="plain asyncio task"):
            process.current()
        return found

    assert await asyncio.create_task(plain()) == [2, "x", 1.0]


async def test_an_adopted_task_has_links(node: Node) -> None:
    """An exit signal cancels an adopted task; an exception that leaves its block is the reason; links hold."""
    process.trap_exit(True)
    pids: list[Any] = []

    async def plain(error: BaseException | None) -> None:
        async with process.adopt() as pid:
            pids.append(pid)
            process.link(me)
            if error is not None:
                raise error
            await process.receive()

    me = process.current()
    task = asyncio.create_task(plain(None))
    await process.sleep(1)
    process.exit(pids[0], "kill")
    assert not process.alive(pids[0])
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await process.receive()).reason == "killed"

    failed = ValueError("mine")
    with pytest.raises(ValueError, match="mine"):
        await asyncio.create_task(plain(failed))
    reason = (await process.receive()).reason
    assert (type(reason), reason.args, reason.__traceback__) == (ValueError, ("mine",), None)
    # The exception goes on to the code that awaits the task: the reason is a copy.
    assert failed.__traceback__ is not None

    async def ends_itself() -> None:
        async with process.adopt() as pid:
            process.exit(pid, "oops")

    task = asyncio.create_task(ends_itself())
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(RuntimeError, match="process already"):
        async with process.adopt():
            pass
    assert node.adopted == {}


async def test_a_timeout_of_0_comes_before_the_next_message(node: Node) -> None:
    received: list[Any] = []

    class Impatient(GenServer[None]):
        def handle_call(self, _request: Any, _from: Any, state: None, /) -> Any:
            return Reply("asked", state, 0.0)

        def handle_info(self, message: Any, state: None, /) -> Any:
            received.append(message)
            return NoReply(state)

    pid = await Impatient.start()
    assert await call(pid, "ask") == "asked"
    process.send(pid, "next")
    await process.sleep(1.0)
    assert received == ["timeout", "next"]
