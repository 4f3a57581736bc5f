"""Children of a test that end by themselves, and children that start concurrently."""

from __future__ import annotations

import asyncio

import pytest

from regrow import GenServer, Ok, Supervisor, Task, process
from regrow.testing import StartSupervised, expect_down, expect_idle, probe, start_supervised, stop_supervised
from regrow.testing.supervised import SUPERVISOR

pytestmark = pytest.mark.regrow


class Late(GenServer[int]):
    """A server that takes a while to start."""

    async def init(self, seconds: int, /) -> Ok[int]:
        await process.sleep(float(seconds))
        return Ok(seconds)


async def sleeps() -> None:
    await process.sleep(100.0)


@pytest.mark.parametrize("restart", ["temporary", "transient", "permanent"])
async def test_every_kind_of_child_can_be_stopped(start_supervised: StartSupervised, restart: str) -> None:
    pid = await start_supervised(probe("a", restart=restart))
    await stop_supervised("a")
    assert process.whereis("a") is None
    assert await Supervisor.which_children(SUPERVISOR) == []
    assert await start_supervised(probe("a", restart=restart)) != pid


async def test_a_task_can_be_stopped(start_supervised: StartSupervised) -> None:
    pid = await start_supervised((Task, sleeps))
    ref = process.monitor(pid)
    await stop_supervised(Task)
    await expect_down(ref, "shutdown")


async def test_a_child_may_end_while_it_is_stopped(start_supervised: StartSupervised) -> None:
    pid = await start_supervised(probe("a", restart="temporary", trap=True, linger=1.0))
    stop = asyncio.create_task(stop_supervised("a"))
    await expect_idle()  # its terminate takes a second
    process.exit(pid, "kill")
    await stop
    await expect_idle()
    assert process.whereis("a") is None


async def test_children_may_start_concurrently() -> None:
    specs = [Late.child_spec(seconds).replace(id=seconds) for seconds in (3, 1, 2)]
    pids = await asyncio.gather(*[start_supervised(spec) for spec in specs])
    assert len(set(pids)) == 3
    assert [child.id for child in await Supervisor.which_children(SUPERVISOR)] == [2, 1, 3]


async def test_a_cancelled_start_does_not_stop_another() -> None:
    first = asyncio.create_task(start_supervised(probe("a", to=process.current())))
    second = asyncio.create_task(start_supervised(probe("b", to=process.current())))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert process.whereis("b") is not None
    with pytest.raises(asyncio.CancelledError):
        await first
