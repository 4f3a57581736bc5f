"""However long a server, a machine or a process runs without a pause: the others run, and so does the event loop.

The endless code in these tests counts its steps and gives up after a limit: a test fails if the others had no turn by
then, and does not hang.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    IGNORE,
    AlreadyStarted,
    CallExit,
    ChildSpec,
    Continue,
    EventTimeout,
    Exit,
    From,
    GenericTimeout,
    GenEvent,
    GenServer,
    GenStatem,
    Ignored,
    KeepStateAndData,
    NextEvent,
    NextState,
    Node,
    NoReply,
    Ok,
    Postpone,
    RepeatStateAndData,
    Reply,
    StartError,
    StateTimeout,
    Stop,
    Supervisor,
    Task,
    call,
    cast,
    gen_event,
    process,
)
from regrow.behaviours.gen_server.client import multi_call, stop

LIMIT = 20_000  # a turn is 512 steps where the clock stands still
ROUNDS = 3


class Endless:
    """A counter of the steps of endless code, which ends after too many."""

    def __init__(self) -> None:
        self.count = 0
        self.over = False
        self.way: Any = ""

    def more(self) -> None:
        """Count once more."""
        self.count += 1
        if self.over or self.count > LIMIT:
            raise Exit("shutdown")


class Server(GenServer[Endless]):
    """A server that does without end what it is sent."""

    def init(self, arg: tuple[Endless, str], /) -> Ok[Endless]:
        endless, way = arg
        match way:
            case "continue" | "async continue":
                return Ok(endless, Continue(way))
            case "cast" | "async cast":
                cast(process.current(), way)
            case "send":
                process.send(process.current(), way)
            case "timeout":
                return Ok(endless, 0)
            case "timer":
                process.send_after(process.current(), way, 0)
            case "call":
                process.send(process.current(), way)
            case _:
                pass
        return Ok(endless)

    async def later(self, endless: Endless, then: Any = None) -> NoReply[Endless]:
        """Await only awaitables that are ready."""
        return NoReply(endless, then)

    def handle_continue(self, way: Any, endless: Endless, /) -> Any:
        endless.more()
        return self.later(endless, Continue(way)) if way == "async continue" else NoReply(endless, Continue(way))

    def handle_cast(self, way: Any, endless: Endless, /) -> Any:
        endless.more()
        cast(process.current(), way)
        return self.later(endless) if way == "async cast" else NoReply(endless)

    def handle_call(self, request: Any, from_: From, endless: Endless, /) -> Any:
        del from_
        return Reply(request, endless)

    def handle_info(self, way: Any, endless: Endless, /) -> Any:
        endless.more()
        match way:
            case "send":
                process.send(process.current(), way)
            case "timeout":
                return NoReply(endless, 0)
            case _:
                process.send_after(process.current(), way, 0)
        return NoReply(endless)


class Machine(GenStatem[str, Endless]):
    """A machine that does without end what it is sent."""

    def callback_mode(self) -> Any:
        return ["handle_event_function", "state_enter"]

    def init(self, arg: tuple[Endless, str], /) -> Any:
        endless, way = arg
        cast(process.current(), way)
        return Ok("one", endless)

    def handle_event(self, kind: Any, way: Any, state: str, endless: Endless, /) -> Any:
        if kind == "enter":
            if endless.count == 0 or endless.way != "enter":
                return KeepStateAndData()
            endless.more()
            return RepeatStateAndData()
        endless.more()
        endless.way = way
        match way:
            case "internal" | "info":
                return KeepStateAndData(NextEvent(way, way))
            case "async":
                return self.later()
            case "enter":
                return RepeatStateAndData()
            case "postpone":
                return NextState("two" if state == "one" else "one", endless, Postpone())
            case "state timeout":
                return KeepStateAndData(StateTimeout(0, way))
            case "generic timeout":
                return KeepStateAndData(GenericTimeout("any", 0, way))
            case _:
                return KeepStateAndData(EventTimeout(0, way))

    async def later(self) -> Any:
        return KeepStateAndData(NextEvent("internal", "async"))


class Handler(GenEvent[Endless]):
    """An event handler that does without end what it is sent."""

    def init(self, arg: tuple[Endless, str], /) -> Any:
        endless, way = arg
        process.send(process.current(), way)
        return Ok(endless)

    def handle_event(self, event: Any, endless: Endless, /) -> Any:
        endless.more()
        gen_event.notify(process.current(), event)
        return Ok(endless)

    def handle_info(self, message: Any, endless: Endless, /) -> Any:
        endless.more()
        if message == "notify":
            gen_event.notify(process.current(), message)
        elif message == "async":
            process.send(process.current(), message)
            return self.later(endless)
        else:
            process.send(process.current(), message)
        return Ok(endless)

    async def later(self, endless: Endless) -> Any:
        return Ok(endless)


class Failing(GenServer[None]):
    """A server that does not start, or ends soon after."""

    def init(self, arg: tuple[Endless, str], /) -> Any:
        endless, way = arg
        endless.more()
        match way:
            case "raises":
                raise ValueError(way)
            case "ends":
                process.send(process.current(), "end")
                return Ok(None)
            case _:
                return IGNORE

    def handle_info(self, message: Any, state: None, /) -> Any:
        assert message == "end"
        return Stop("shutdown", state)


async def beside(endless: Endless) -> None:
    """Run beside the endless code: a process that waits for the time, one that receives messages, and asyncio."""
    me = process.current()

    async def answers() -> None:
        while True:
            process.send(await process.receive(), "answer")

    other = process.spawn_link(answers)

    async def rounds() -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
        process.send(me, "rounds")

    for _ in range(ROUNDS):
        process.send(other, me)
        assert await process.receive(lambda message: message == "answer") == "answer"
    task = asyncio.create_task(rounds())
    assert await process.receive(lambda message: message == "rounds") == "rounds"
    await task
    assert 0 < endless.count <= LIMIT
    endless.over = True


@pytest.mark.parametrize("way", ["continue", "async continue", "cast", "async cast", "send", "timeout"])
async def test_an_endless_server_lets_others_run(node: Node, way: str) -> None:
    endless = Endless()
    await Server.start((endless, way))
    await beside(endless)


@pytest.mark.regrow(clock="real")
async def test_a_server_with_a_timer_of_0_s_lets_others_run(node: Node) -> None:
    endless = Endless()
    await Server.start((endless, "timer"))
    await beside(endless)


@pytest.mark.parametrize(
    "way",
    [
        "internal",
        "info",
        "async",
        "enter",
        "postpone",
        "state timeout",
        "generic timeout",
        "event timeout",
    ],
)
async def test_an_endless_machine_lets_others_run(node: Node, way: str) -> None:
    endless = Endless()
    await Machine.start((endless, way))
    await beside(endless)


@pytest.mark.parametrize("way", ["notify", "send", "async"])
async def test_an_endless_event_manager_lets_others_run(node: Node, way: str) -> None:
    endless = Endless()
    manager = await gen_event.start()
    await gen_event.add_handler(manager, Handler, (endless, way))
    await beside(endless)
    process.exit(manager, "kill")


@pytest.mark.parametrize("way", ["raises", "ends"])
async def test_a_supervisor_that_restarts_lets_others_run(node: Node, way: str) -> None:
    endless = Endless()
    endless.count = -1
    child = ChildSpec("child", (Failing.start_link, ((endless, "ends"),)))
    supervisor = await Supervisor.start_link([child], max_restarts=10 * LIMIT)
    process.unlink(supervisor)
    if way == "raises":
        endless.way = way
    await beside(endless)
    process.exit(supervisor, "kill")


# Processes, and tasks of asyncio's


async def receives(_endless: Endless) -> None:
    process.send(process.current(), "mail")
    await process.receive()


async def selects(_endless: Endless) -> None:
    process.send(process.current(), "other")
    process.send(process.current(), 1)
    await process.receive(int)


async def polls(_endless: Endless) -> None:
    with contextlib.suppress(TimeoutError):
        await process.receive(int, timeout=0)


async def sleeps(_endless: Endless) -> None:
    await process.sleep(0)


async def calls(_endless: Endless) -> None:
    assert await call("server", "request") == "request"


async def calls_an_unknown_name(_endless: Endless) -> None:
    with pytest.raises(CallExit):
        await call("unknown", "request")


async def calls_and_does_not_wait(_endless: Endless) -> None:
    with pytest.raises(CallExit):
        await call("sleeper", "request", 0)


async def calls_while_it_handles_an_exception(_endless: Endless) -> None:
    try:
        raise ValueError
    except ValueError:
        assert await call("server", "request") == "request"


async def stops_an_unknown_name(_endless: Endless) -> None:
    with pytest.raises(CallExit):
        await stop("unknown")


async def asks_an_unknown_name(_endless: Endless) -> None:
    assert await multi_call("unknown", "request") == ([], [process.node()])


async def starts_a_server_that_runs(_endless: Endless) -> None:
    with pytest.raises(AlreadyStarted):
        await Server.start((_endless, ""), name="server")


async def starts_a_server_that_fails(_endless: Endless) -> None:
    for way in ("raises", "ignore"):
        with contextlib.suppress(StartError, Ignored):
            await Failing.start((Endless(), way))


async def runs_tasks(_endless: Endless) -> None:
    assert await Task.async_(int, "1").await_() == 1


async def polls_a_task(_endless: Endless) -> None:
    task = Task.async_(process.sleep, None)
    assert await task.yield_(0) is None
    await task.shutdown("brutal_kill")


async def streams(endless: Endless) -> None:
    async for result in Task.async_stream(range(LIMIT), int):
        assert result[0] == "ok"
        endless.more()


async def spawns(_endless: Endless) -> None:
    process.spawn(int)
    await process.sleep(0)


ALL = [
    receives,
    selects,
    polls,
    sleeps,
    calls,
    calls_an_unknown_name,
    calls_and_does_not_wait,
    calls_while_it_handles_an_exception,
    stops_an_unknown_name,
    asks_an_unknown_name,
    starts_a_server_that_runs,
    starts_a_server_that_fails,
    runs_tasks,
    polls_a_task,
    streams,
    spawns,
]


@pytest.mark.parametrize("kind", ["process", "adopted", "plain task"])
@pytest.mark.parametrize("does", ALL)
async def test_an_endless_loop_lets_others_run(
    node: Node, does: Callable[[Endless], Awaitable[None]], kind: str
) -> None:
    """The loop runs in a process, in an adopted task, and in a plain task."""
    if kind == "plain task" and does in (receives, selects, polls, sleeps, runs_tasks, polls_a_task, spawns):
        pytest.skip("for processes alone")
    endless = Endless()
    await Server.start((Endless(), ""), name="server")
    process.register("sleeper", process.spawn(process.sleep, None))

    async def loop() -> None:
        while True:
            endless.more()
            await does(endless)

    async def adopted() -> None:
        async with process.adopt():
            await loop()

    if kind == "process":
        process.spawn(loop)
        await beside(endless)
    else:
        task = asyncio.create_task(adopted() if kind == "adopted" else loop())
        await asyncio.sleep(0)
        await beside(endless)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exit):
            await task


async def test_a_process_that_hibernates_lets_others_run(node: Node) -> None:
    endless = Endless()

    async def again() -> None:
        endless.more()
        process.send(process.current(), "mail")
        await process.receive()
        process.send(process.current(), "mail")
        await process.hibernate(again)

    process.spawn(again)
    await beside(endless)


async def test_endless_generations_let_others_run(node: Node) -> None:
    """A process spawns its successor and ends."""
    endless = Endless()

    def generation() -> None:
        endless.more()
        process.spawn(generation)

    process.spawn(generation)
    await beside(endless)


async def test_two_servers_that_cast_to_each_other_let_others_run(node: Node) -> None:
    endless = Endless()
    first, second = [await Partner.start(endless) for _ in range(2)]
    cast(first, second)
    await beside(endless)


class Partner(GenServer[Endless]):
    """Casts to its partner."""

    def handle_cast(self, partner: Any, endless: Endless, /) -> Any:
        endless.more()
        cast(partner, process.current())
        return NoReply(endless)
