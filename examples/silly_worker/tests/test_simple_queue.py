"""Tests of the queue, as the lesson shows it."""

from regrow import process
from regrow.testing import StartSupervised, expect_down, expect_idle

from silly_worker.simple_queue import SimpleQueue


async def test_values_come_out_in_their_order(start_supervised: StartSupervised) -> None:
    await start_supervised((SimpleQueue, [1, 2, 3]))
    assert await SimpleQueue.dequeue() == 1
    assert await SimpleQueue.dequeue() == 2
    assert await SimpleQueue.queue() == [3]


async def test_added_value_stands_last(start_supervised: StartSupervised) -> None:
    await start_supervised((SimpleQueue, [1, 2, 3]))
    SimpleQueue.enqueue(20)
    assert await SimpleQueue.queue() == [1, 2, 3, 20]


async def test_empty_queue_gives_nothing(start_supervised: StartSupervised) -> None:
    await start_supervised((SimpleQueue, []))
    assert await SimpleQueue.dequeue() is None
    assert await SimpleQueue.queue() == []


async def test_killed_queue_comes_back_as_it_began(start_supervised: StartSupervised) -> None:
    pid = await start_supervised((SimpleQueue, [1, 2, 3]))
    await SimpleQueue.dequeue()
    process.exit(pid, "kill")
    await expect_down(pid)
    await expect_idle()  # the supervisor, too, has seen it, and has started another
    assert await SimpleQueue.queue() == [1, 2, 3]
