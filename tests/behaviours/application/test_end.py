"""Applications at the end of their node (OTP's `application_controller:terminate/2`), and cancelled starts."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    Application,
    ChildSpec,
    Down,
    Exit,
    GenServer,
    Node,
    Ok,
    Supervisor,
    VirtualClock,
    application,
    process,
    run,
)

pytestmark = pytest.mark.regrow

events: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_has_happened() -> None:
    events.clear()


class Slow(GenServer[float]):
    """A server that takes this many seconds to end."""

    def init(self, seconds: float) -> Ok[float]:
        process.trap_exit(True)
        return Ok(seconds)

    async def terminate(self, _reason: Any, seconds: float) -> None:
        try:
            await process.sleep(seconds)
            events.append(seconds)
        except BaseException:
            events.append("killed")
            raise


class Keeps(Application):
    """An application with a child that takes longer than a worker may, and is allowed to."""

    async def start(self, _start_type: str, _args: Any, /) -> Any:
        return await Supervisor.start_link([ChildSpec("slow", (Slow.start_link, [10.0]), shutdown=30.0)])

    def prep_stop(self, state: Any, /) -> Any:
        events.append(f"prep_stop of {type(self).__name__}")
        return state

    async def stop(self, _state: Any, /) -> None:
        await process.sleep(8.0)
        events.append(f"stop of {type(self).__name__}")


class Later(Keeps):
    """An application that is started after the other one."""


KEEPS = ["prep_stop of Keeps", 10.0, "stop of Keeps"]
LATER = ["prep_stop of Later", 10.0, "stop of Later"]


@pytest.mark.parametrize("way", ["main", "block", "application"])
def test_each_application_has_the_shutdown_time_of_its_children(way: str) -> None:
    async def main() -> None:
        await application.start(Keeps)
        await application.start(Later)

    async def beside() -> None:
        while (top := application.get_child(Whole)) is None:
            await process.sleep(0.01)
        await main()
        process.exit(top, "kill")

    class Whole(Application):
        async def start(self, _start_type: str, _args: Any, /) -> Any:
            process.spawn(beside)
            return await Supervisor.start_link([])

    async def block() -> None:
        async with Node(clock=VirtualClock()):
            await main()

    if way == "main":
        run(main, node=Node(clock=VirtualClock()))
    elif way == "block":
        asyncio.run(block())
    else:
        with pytest.raises(application.Ended):
            run(Whole, node=Node(clock=VirtualClock()))
    assert events == [*LATER, *KEEPS]


@pytest.mark.parametrize("limit", [3.0, 3, timedelta(seconds=3)])
def test_shutdown_timeout_limits_each_application(limit: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The application is killed, with all its processes, and `stop` is not called."""
    clock = VirtualClock()
    begun = clock.now()

    async def main() -> None:
        application.put_env("kernel", "shutdown_timeout", limit)
        await application.start(Keeps)
        await application.start(Later)

    run(main, node=Node(clock=clock))
    assert events == ["prep_stop of Later", "killed", "prep_stop of Keeps", "killed"]
    assert clock.now() - begun == pytest.approx(6.0)
    assert "Keeps did not stop within the 3 s of shutdown_timeout" in caplog.text


def test_a_shutdown_timeout_that_is_long_enough_changes_nothing() -> None:
    async def main() -> None:
        application.put_env("kernel", "shutdown_timeout", 20.0)
        await application.start(Keeps)

    run(main, node=Node(clock=VirtualClock()))
    assert events == KEEPS


@pytest.mark.parametrize("wrong", ["soon", -1, True])
async def test_a_wrong_shutdown_timeout_is_refused_by_put_env(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="shutdown_timeout"):
        application.put_env("kernel", "shutdown_timeout", wrong)


class Waits(GenServer[None]):
    """A server whose init waits forever; with an argument it traps exits first."""

    async def init(self, traps: bool) -> Ok[None]:
        process.trap_exit(bool(traps))
        await asyncio.Event().wait()
        return Ok(None)


class Starts(Application):
    """An application whose start never finishes: its tree waits, at some depth."""

    async def start(self, _start_type: str, args: Any, /) -> Any:
        slow = ChildSpec("slow", (Slow.start_link, [10.0]), shutdown=30.0)
        inner = Supervisor.child_spec([slow, (Waits, args)])
        return await Supervisor.start_link([slow, inner] if args is None else [slow, (Waits, args)])


@pytest.mark.parametrize("args", [None, False, True])
def test_a_start_that_waits_is_cancelled_when_the_node_ends(args: Any, caplog: pytest.LogCaptureFixture) -> None:
    reasons: list[Any] = []

    async def starts() -> None:
        try:
            await application.start(Starts, "permanent", args)
        except application.ApplicationError as error:
            reasons.append(error.reason[0])

    async def main() -> None:
        async with Node(clock=VirtualClock()):
            task = asyncio.create_task(starts())
            await asyncio.sleep(0.05)
        await asyncio.wait({task})

    asyncio.run(main())
    assert events == ([10.0, 10.0] if args is None else [10.0])
    assert "cancelled" in str(reasons)
    assert "failed to start" not in caplog.text
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("swallows", [False, True])
def test_a_start_callback_that_waits_is_cancelled(swallows: bool) -> None:
    """Its children end in order first; a start that continues all the same is killed after 5 s."""
    clock = VirtualClock()

    class Alone(Application):
        async def start(self, _start_type: str, _args: Any, /) -> Any:
            await Slow.start_link(3.0)
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if not swallows:
                        raise

    async def main() -> None:
        async with Node(clock=clock):
            task = asyncio.create_task(application.start(Alone))
            await asyncio.sleep(0.05)
        await asyncio.wait({task})
        assert task.exception() is not None

    asyncio.run(main())
    assert events == [3.0]


@pytest.mark.parametrize("how", ["ended before", "ended since it was linked", "unlinked"])
async def test_a_dead_top_supervisor_ends_its_application(how: str) -> None:
    """`start` returns the pid of a dead process: the application has ended, too, as on the BEAM."""

    class Dead(Application):
        async def start(self, _start_type: str, _args: Any, /) -> Any:
            if how == "ended before":
                pid, _ = process.spawn_monitor(lambda: None)
                await process.receive(Down)
                return pid
            top = await Supervisor.start_link([])
            if how == "unlinked":
                process.unlink(top)
            process.exit(top, "kill")
            return top

    await application.start(Dead)
    reason = await asyncio.wait_for(application.wait_ended(Dead), 5.0)
    assert reason == ("killed" if how == "ended since it was linked" else "noproc")
    assert application.get_child(Dead) is None


def test_a_callback_that_ends_the_program_leaves_no_tree_behind() -> None:
    class Quits(Keeps):
        def prep_stop(self, _state: Any, /) -> Any:
            raise SystemExit(3)

    async def main() -> None:
        await application.start(Quits)

    with pytest.raises(SystemExit) as caught:
        run(main, node=Node(clock=VirtualClock()))
    assert caught.value.code == 3
    assert events == [10.0]


def test_an_application_that_exits_in_stop_has_ended() -> None:
    class Exits(Keeps):
        def prep_stop(self, _state: Any, /) -> Any:
            raise Exit("no")

    async def main() -> None:
        await application.start(Exits)

    run(main, node=Node(clock=VirtualClock()))
    assert events == [10.0, "stop of Exits"]


async def test_a_tree_without_its_top_supervisor_ends_in_order() -> None:
    """The top supervisor was killed: its child traps exits, and has the shutdown time of a worker."""

    class Loses(Application):
        async def start(self, _start_type: str, _args: Any, /) -> Any:
            return await Supervisor.start_link([(Slow, 3.0)])

    await application.start(Loses)
    top = application.get_child(Loses)
    assert top is not None
    process.exit(top, "kill")
    assert await application.wait_ended(Loses) == "killed"
    assert events == [3.0]
