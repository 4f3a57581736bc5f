"""A cancelled start is a failed start: when it raises, the process is gone and its name is free."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from regrow import (
    Agent,
    Application,
    ChildSpec,
    DynamicSupervisor,
    GenServer,
    GenStatem,
    Global,
    Node,
    Ok,
    PartitionSupervisor,
    Pid,
    Service,
    Supervisor,
    TaskSupervisor,
    application,
    from_thread,
    proc_lib,
    process,
    system,
)
from regrow.behaviours.supervision.supervisor_server import WITHDRAWN
from regrow.kernel.current_node import current_node

pytestmark = pytest.mark.regrow

Start = Callable[[], Awaitable[Any]]
ENDED: list[object] = []


async def for_ever() -> None:
    """Wait forever."""
    await asyncio.get_running_loop().create_future()


async def rounds(number: int = 6) -> None:
    """Let the event loop iterate this often."""
    for _ in range(number):
        await asyncio.sleep(0)


class Slow(GenServer[Any]):
    """A server whose init waits forever; with "trap", no exit signal ends it."""

    async def init(self, arg: Any, /) -> Any:
        process.trap_exit(arg == "trap")
        if arg == "swallow":
            try:
                await for_ever()
            except asyncio.CancelledError:
                await rounds()
                return Ok(arg)
        await for_ever()
        return Ok(arg)


class Up(GenServer[Any]):
    """A server that runs at once, and takes time to end."""

    def init(self, arg: Any, /) -> Any:
        process.trap_exit(True)
        return Ok(arg)

    async def terminate(self, reason: Any, state: Any, /) -> None:
        await rounds()
        ENDED.append((state, reason))


class SlowMachine(GenStatem[Any, Any]):
    """A state machine whose init waits forever."""

    def callback_mode(self) -> Any:
        return "handle_event_function"

    async def init(self, _: Any, /) -> Any:
        await for_ever()


class SlowService(Service):
    """A service whose init waits forever."""

    async def init(self) -> None:
        await for_ever()


class Blocked(GenServer[Any]):
    """A server whose init blocks its thread."""

    def init(self, arg: threading.Event, /) -> Any:
        arg.wait(20)
        return Ok(None)


async def never_up() -> None:
    """A process that never acknowledges its start."""
    process.register("slow", process.current())
    await for_ever()


async def slowly(start: Start) -> Any:
    """A start function that waits before it starts a server."""
    await for_ever()
    return await start()


def slow_tree(*before: Any, **options: Any) -> Awaitable[Pid]:
    children = [*before, ChildSpec("slow child", (named_slow, ("slow child",)))]
    return Supervisor.start_link(children, name="slow", **options)


async def named_slow(name: str, arg: Any = None) -> Pid:
    return await Slow.start_link(arg, name=name)


async def named_up(name: str) -> Pid:
    return await Up.start_link(name, name=name)


def up(name: str) -> ChildSpec:
    return ChildSpec(name, (named_up, (name,)), shutdown=20.0)


class Shop(Application):
    """An application whose start function is given as argument."""

    async def start(self, _: str, args: Any, /) -> Any:
        return await args()


class Phased(Application, start_phases=(("open", None),)):
    """An application whose phase waits forever."""

    async def start(self, _: str, _args: Any, /) -> Any:
        return await Supervisor.start_link([up("a"), up("b")], name="slow")

    async def start_phase(self, _phase: Any, _start_type: Any, _args: Any, /) -> Any:
        await for_ever()


KINDS: dict[str, Start] = {
    "GenServer": lambda: Slow.start_link(name="slow"),
    "without a link": lambda: Slow.start(name="slow"),
    "under a Global": lambda: Slow.start_link(name=Global("slow")),
    "that traps exits": lambda: Slow.start_link("trap", name="slow"),
    "that swallows the cancellation": lambda: Slow.start_link("swallow", name="slow"),
    "with a limit": lambda: Slow.start_link(name="slow", timeout=1000.0),
    "GenStatem": lambda: SlowMachine.start_link(None, name="slow"),
    "Agent": lambda: Agent.start_link(for_ever, name="slow"),
    "Service": lambda: SlowService.named("slow").start_link(),
    "proc_lib.start": lambda: proc_lib.start(never_up),
    "proc_lib.start_link": lambda: proc_lib.start_link(never_up),
    "Supervisor": slow_tree,
    "a child that traps exits": lambda: Supervisor.start_link(
        [ChildSpec("slow child", (named_slow, ("slow child", "trap")))], name="slow"
    ),
    "after children that take their time": lambda: slow_tree(up("a"), up("b")),
    "a supervisor in a supervisor": lambda: Supervisor.start_link(
        [up("a"), ChildSpec("inner", (slow_tree, (up("b"),)), type="supervisor")], name="outer"
    ),
    "a start function that waits": lambda: Supervisor.start_link(
        [up("a"), ChildSpec("slow child", (slowly, (slow_tree,)))], name="slow"
    ),
    "a partition": lambda: PartitionSupervisor.start_link(child_spec=(Slow, None), name="slow", partitions=2),
    "application.start": lambda: application.start(Shop, "permanent", slow_tree),
    "an application whose start waits": lambda: application.start(Shop, "permanent", for_ever),
    "an application's phase": lambda: application.start(Phased, "permanent"),
    "ensure_all_started": lambda: application.ensure_all_started(Phased),
    "ensure_all_started, side by side": lambda: application.ensure_all_started(Phased, mode="concurrent"),
}
FROM_A_PROCESS: dict[str, Start] = {
    "start_monitor": lambda: Slow.start_monitor(name="slow"),
    "GenStatem.start_monitor": lambda: SlowMachine.start_monitor(None, name="slow"),
    "proc_lib.start_monitor": lambda: proc_lib.start_monitor(never_up, link=True),
}
ALL = KINDS | FROM_A_PROCESS


class Starts:
    """A server that cancels starts, and checks at that moment what is left."""

    def __init__(self) -> None:
        self.before = set(process.processes())
        self.left: Any = "nothing was looked at"
        self.running = asyncio.Event()
        self.task: Any = None

    async def look(self, start: Start) -> None:
        """Start, and check what is left when that is cancelled."""
        self.task = asyncio.current_task()
        self.running.set()
        try:
            await start()
        except asyncio.CancelledError:
            me = () if current_node().caller() is None else (process.current(),)
            names = [name for name in process.registered() if name in ("slow", "slow child", "outer", "a", "b")]
            ends = [pid for pid in process.processes() if pid not in self.before and pid not in me]
            self.left = names, ends, process.whereis(Global("slow")), len(current_node().attempts), len(WITHDRAWN)
            if me:
                self.left += (process.info(me[0], "messages"), process.info(me[0], "links"))

    async def cancelled(self, begun: Coroutine[Any, Any, Any] | None) -> None:
        """Cancel the start, and check that nothing is left."""
        made = None if begun is None else asyncio.ensure_future(begun)
        await self.running.wait()
        await rounds(12)
        assert self.left == "nothing was looked at", "the start was to take longer"
        self.task.cancel()
        if made is not None:
            await asyncio.wait_for(made, 20)
        while self.left == "nothing was looked at":
            await process.sleep(0.1)
        assert self.left[:5] == ([], [], None, 0, 0)
        assert all(not mail for mail in self.left[5:])  # pyright: ignore[reportUnknownVariableType, reportGeneralTypeIssues]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_plain_task_cancels_a_start(kind: str) -> None:
    starts = Starts()
    await starts.cancelled(starts.look(KINDS[kind]))


@pytest.mark.parametrize("kind", ALL)
async def test_an_adopted_task_cancels_a_start(kind: str) -> None:
    starts = Starts()

    async def adopted() -> None:
        async with process.adopt():
            await starts.look(ALL[kind])

    await starts.cancelled(adopted())


@pytest.mark.parametrize("kind", ALL)
async def test_a_process_cancels_a_start(kind: str) -> None:
    starts = Starts()

    async def trapping() -> None:
        process.trap_exit(True)
        await starts.look(ALL[kind])

    process.spawn(trapping)
    await starts.cancelled(None)


async def test_a_timeout_of_asyncio_cancels_a_start(node: Node) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await Slow.start_link(1, name="slow")
    assert process.whereis("slow") is None
    assert len(process.processes()) == 2
    await Up.start_link(1, name="slow")


async def test_the_children_of_a_cancelled_start_are_stopped_in_order() -> None:
    ENDED.clear()
    starts = Starts()
    await starts.cancelled(starts.look(lambda: slow_tree(up("a"), up("b"))))
    assert ENDED == [("b", "shutdown"), ("a", "shutdown")]


async def test_the_start_of_a_blocking_server_is_cancelled() -> None:
    held = threading.Event()
    starts = Starts()
    try:
        await starts.cancelled(starts.look(lambda: Blocked.start_link(held, name="slow", blocking=True)))
    finally:
        held.set()


@pytest.mark.regrow(clock="real")
async def test_a_start_from_another_thread_is_cancelled() -> None:
    begun = current_node().loop.create_future()

    async def start() -> Pid:
        begun.set_result(asyncio.current_task())
        return await Slow.start_link(name="slow")

    def thread() -> object:
        try:
            return from_thread.run(start)
        except BaseException as error:
            return type(error).__name__

    answer = asyncio.ensure_future(asyncio.to_thread(thread))
    task = await begun
    await rounds()
    task.cancel()
    assert await answer == "CancelledError"
    assert process.whereis("slow") is None


# On request


class Crew:
    """A supervisor that is asked to start children."""

    def __init__(self, supervisor: Pid, start: Callable[[ChildSpec], Awaitable[Any]]) -> None:
        self.supervisor = supervisor
        self.start = start


async def crew(kind: str) -> Crew:
    if kind == "Supervisor":
        pid = await Supervisor.start_link([])
        return Crew(pid, lambda spec: Supervisor.start_child(pid, spec))
    pid = await DynamicSupervisor.start_link()
    return Crew(pid, lambda spec: DynamicSupervisor.start_child(pid, spec))


CHILDREN = {
    "slow": ChildSpec("slow", (named_slow, ("slow",))),
    "that traps exits": ChildSpec("slow", (named_slow, ("slow", "trap"))),
    "a tree": ChildSpec("slow", (slow_tree, (up("a"), up("b"))), type="supervisor"),
    "a start function that waits": ChildSpec("slow", (slowly, (slow_tree,))),
}


@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("kind", ["Supervisor", "DynamicSupervisor"])
@pytest.mark.parametrize("adopts", [False, True])
async def test_a_cancelled_start_child_leaves_nothing(kind: str, child: str, adopts: bool) -> None:
    made = await crew(kind)
    starts = Starts()

    async def ask() -> None:
        if adopts:
            async with process.adopt():
                await starts.look(lambda: made.start(CHILDREN[child]))
        else:
            await starts.look(lambda: made.start(CHILDREN[child]))

    await starts.cancelled(ask())
    assert await Supervisor.which_children(made.supervisor) == []
    assert isinstance(await made.start(up("a")), Pid)


@pytest.mark.parametrize("kind", ["Supervisor", "DynamicSupervisor"])
async def test_a_cancelled_request_that_still_waits_has_no_effect(kind: str) -> None:
    made = await crew(kind)
    first = asyncio.ensure_future(made.start(CHILDREN["slow"]))
    await rounds()
    second = asyncio.ensure_future(made.start(up("a")))
    await rounds()
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await Supervisor.which_children(made.supervisor) == []
    assert process.whereis("a") is None


async def test_the_child_of_a_killed_caller_is_started() -> None:
    made = await crew("DynamicSupervisor")
    first = asyncio.ensure_future(made.start(CHILDREN["slow"]))
    await rounds()

    async def ask() -> None:
        await made.start(up("a"))

    caller = process.spawn(ask)
    await rounds()
    process.exit(caller, "kill")
    await rounds()
    first.cancel()
    await asyncio.wait([first])
    assert len(await Supervisor.which_children(made.supervisor)) == 1


async def test_a_cancelled_restart_child_leaves_nothing() -> None:
    slow: list[object] = []

    async def sometimes() -> Pid:
        return await (named_slow("slow") if slow else named_up("slow"))

    supervisor = await Supervisor.start_link([ChildSpec("slow", (sometimes, ()))])
    await Supervisor.terminate_child(supervisor, "slow")
    slow.append(1)
    asked = asyncio.ensure_future(Supervisor.restart_child(supervisor, "slow"))
    await rounds()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert process.whereis("slow") is None
    slow.clear()
    assert isinstance(await Supervisor.restart_child(supervisor, "slow"), Pid)


async def test_a_cancelled_task_of_a_busy_supervisor_is_not_started() -> None:
    ran: list[int] = []
    tasks = await TaskSupervisor.start_link()
    await system.suspend(tasks)
    asked = asyncio.ensure_future(TaskSupervisor.start_child(tasks, ran.append, 1))
    await rounds()
    asked.cancel()
    await asyncio.wait([asked])
    await system.resume(tasks)
    await TaskSupervisor.start_child(tasks, ran.append, 2)
    await rounds()
    assert ran == [2]


# At the moment of the acknowledgement


class OnTheWord(GenServer[Any]):
    """A server whose init waits for a future, and cancels its starter in the step in which the init finishes."""

    async def init(self, arg: tuple[asyncio.Future[None], list[Any]], /) -> Any:
        process.trap_exit(True)
        word, tasks = arg
        await word
        for task in tasks:
            task.cancel()
        return Ok(None)

    async def terminate(self, reason: Any, _state: Any, /) -> None:
        await rounds()
        ENDED.append(reason)


def on_the_word(arg: Any) -> ChildSpec:
    return ChildSpec("slow", (lambda: OnTheWord.start_link(arg, name="slow"), ()))


async def ask_a_new_one(arg: Any) -> Any:
    return await Supervisor.start_child("asked", on_the_word(arg))


WAYS: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "start_link": lambda arg: OnTheWord.start_link(arg, name="slow"),
    "start": lambda arg: OnTheWord.start(arg, name="slow"),
    "in a supervisor": lambda arg: Supervisor.start_link([on_the_word(arg)]),
    "in an application": lambda arg: application.start(Shop, args=lambda: Supervisor.start_link([on_the_word(arg)])),
    "by start_child": ask_a_new_one,
}


@pytest.mark.parametrize("late", [0, 1, 2])
@pytest.mark.parametrize("way", WAYS)
async def test_a_server_that_has_just_started_is_stopped_in_order(way: str, late: int) -> None:
    ENDED.clear()
    await Supervisor.start_link([], name="asked")
    word: asyncio.Future[None] = current_node().loop.create_future()
    tasks: list[Any] = []
    starts = Starts()
    made = asyncio.ensure_future(starts.look(lambda: WAYS[way]((word, tasks))))
    await rounds(12)
    if late == 0:
        tasks.append(made)
    word.set_result(None)
    if late:
        await rounds(late - 1)
        made.cancel()
    await asyncio.wait([made])
    if starts.left == "nothing was looked at":  # the server was running before the start could be cancelled
        assert late
        return
    assert starts.left[0] == []
    assert ENDED == ["shutdown"] or (late == 1 and ENDED == [])
    assert await Supervisor.which_children("asked") == []


async def test_a_second_cancellation_kills_the_server() -> None:
    starts = Starts()
    asked = asyncio.ensure_future(starts.look(lambda: slow_tree(ChildSpec("a", (named_stubborn, ()), shutdown=1000.0))))
    await rounds(12)
    asked.cancel()
    await rounds(12)
    assert process.whereis("slow") is not None, "it waits for its child"
    asked.cancel()
    await asyncio.wait([asked])
    assert starts.left[0] == []


class Stubborn(Up):
    """A server that ignores its end."""

    async def terminate(self, _reason: Any, _state: Any, /) -> None:
        await for_ever()


async def named_stubborn() -> Pid:
    return await Stubborn.start_link(None)
