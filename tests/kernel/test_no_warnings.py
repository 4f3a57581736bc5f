"""A cancelled coroutine gets the CancelledError and time to release its resources, without a warning or a remnant.

Every warning is an error here, as in all tests. There is a case for every place that throws an exception
into a coroutine, of the user's or of regrow's, because the compiled kernel passes exceptions on differently: decision
0021.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    Agent,
    From,
    GenEvent,
    GenServer,
    GenStatem,
    KeepStateAndData,
    Node,
    NoReply,
    Ok,
    Reply,
    Task,
    TaskSupervisor,
    call,
    cast,
    gen_event,
    process,
)
from regrow.behaviours.gen_server.client import multi_call, stop

Log = list[str]


async def waits(log: Log) -> None:
    """Wait for asyncio until cancelled, and release resources with an await."""
    try:
        log.append("waits")
        await asyncio.sleep(1000)
    except BaseException as error:
        log.append(type(error).__name__)
        raise
    finally:
        await asyncio.sleep(0)
        log.append("released")


async def limited(log: Log) -> str:
    """Wait for a limited time, and continue."""
    try:
        async with asyncio.timeout(0.001):
            await waits(log)
    except TimeoutError:
        log.append("went on")
    return "value"


class Server(GenServer[Log]):
    """A server that waits in the callback that its state names."""

    def init(self, arg: tuple[str, Log], /) -> Any:
        where, log = arg
        return self.awaits(log, Ok(log)) if where == "init" else Ok(log)

    async def awaits(self, log: Log, result: Any) -> Any:
        await waits(log)
        return result

    async def limits(self, log: Log, result: Any) -> Any:
        await limited(log)
        return result

    def handle_call(self, request: Any, from_: From, log: Log, /) -> Any:
        del from_
        return self.limits(log, Reply("value", log)) if request == "limited" else self.awaits(log, Reply(1, log))

    def handle_cast(self, request: Any, log: Log, /) -> Any:
        del request
        return self.awaits(log, NoReply(log))

    def handle_info(self, message: Any, log: Log, /) -> Any:
        del message
        return self.awaits(log, NoReply(log))

    def terminate(self, reason: Any, log: Log, /) -> Any:
        return self.awaits(log, None) if reason == "normal" else None


class Machine(GenStatem[str, Log]):
    """A machine that waits in the callback that its state names."""

    def callback_mode(self) -> Any:
        return "handle_event_function"

    async def limits(self, log: Log) -> Any:
        await limited(log)
        return KeepStateAndData()

    def init(self, arg: tuple[str, Log], /) -> Any:
        return self.awaits(arg[1], Ok("state", arg[1])) if arg[0] == "init" else Ok("state", arg[1])

    async def awaits(self, log: Log, result: Any) -> Any:
        await waits(log)
        return result

    def handle_event(self, kind: Any, content: Any, state: str, log: Log, /) -> Any:
        del kind, state
        if content == "limited":
            return self.limits(log)
        return self.awaits(log, KeepStateAndData())


class Handler(GenEvent[Log]):
    """An event handler that waits in the callback that its state names."""

    def init(self, log: Log, /) -> Any:
        return Ok(log)

    async def handle_event(self, event: Any, log: Log, /) -> Any:
        del event
        await waits(log)
        return Ok(log)


async def in_a_server(where: str, log: Log) -> Any:
    if where == "init":
        starter = process.spawn(Server.start, (where, log))
        await until(log, "waits")
        process.exit(starter, "kill")
        return process.processes()[-1]
    pid = await Server.start((where, log))
    match where:
        case "call":
            process.spawn(call, pid, "any", None)
        case "cast":
            cast(pid, "any")
        case "terminate":
            process.spawn(stop, pid)
        case _:
            process.send(pid, "any")
    return pid


async def in_a_machine(where: str, log: Log) -> Any:
    pid = await Machine.start((where, log))
    cast(pid, "any")
    return pid


async def in_an_event_manager(_where: str, log: Log) -> Any:
    pid = await gen_event.start()
    await gen_event.add_handler(pid, Handler, log)
    gen_event.notify(pid, "any")
    return pid


async def in_an_agent(_where: str, log: Log) -> Any:
    pid = await Agent.start(lambda: log)
    process.spawn(Agent.get, pid, waits)
    return pid


async def in_a_task(_where: str, log: Log) -> Any:
    return process.spawn(waits, log)


async def in_a_supervised_task(_where: str, log: Log) -> Any:
    supervisor = await TaskSupervisor.start_link()
    return await TaskSupervisor.start_child(supervisor, waits, log)


async def after_hibernation(_where: str, log: Log) -> Any:
    pid = process.spawn(process.hibernate, waits, log)
    await process.sleep(0)
    process.send(pid, "any")
    return pid


async def until(log: Log, word: str) -> None:
    """Let other processes run until the condition is true."""
    for _ in range(1000):
        if word in log:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{word} has not happened: {log}")


Start = Callable[[str, Log], Awaitable[Any]]
CASES: list[tuple[Start, str]] = [
    *((in_a_server, where) for where in ("call", "cast", "info", "terminate")),
    (in_a_machine, "event"),
    (in_an_event_manager, "event"),
    (in_an_agent, "get"),
    (in_a_task, ""),
    (in_a_supervised_task, "task"),
    (after_hibernation, "function"),
]


@pytest.mark.parametrize(("start", "where"), CASES, ids=lambda one: one if isinstance(one, str) else one.__name__)
async def test_a_killed_process_releases_without_a_warning(node: Node, start: Start, where: str) -> None:
    log: Log = []
    pid = await start(where, log)
    await until(log, "waits")
    process.exit(pid, "kill")
    await until(log, "released")
    assert log == ["waits", "CancelledError", "released"]
    assert sys.exception() is None


@pytest.mark.regrow(clock="real")
@pytest.mark.parametrize("start", [in_a_server, in_a_machine, in_an_agent, in_a_task])
async def test_a_callback_may_limit_its_time(node: Node, start: Start) -> None:
    """`asyncio.timeout` in a callback ends the await inside it, and the callback continues."""
    log: Log = []
    if start is in_a_server:
        assert await call(await Server.start(("", log)), "limited", None) == "value"
    elif start is in_a_machine:
        cast(await Machine.start(("", log)), "limited")
    elif start is in_an_agent:
        assert await Agent.get(await Agent.start(lambda: log), limited) == "value"
    else:
        assert await Task.async_(limited, log).await_() == "value"
    async with asyncio.timeout(10):
        while "went on" not in log:  # noqa: ASYNC110 (the condition is a line of a log)
            await asyncio.sleep(0.001)
    assert log == ["waits", "CancelledError", "released", "went on"]
    assert sys.exception() is None


@pytest.mark.regrow(clock="real")
async def test_a_callback_that_swallows_its_cancellation(node: Node) -> None:
    """Whichever exception it swallows, none stays behind, and calls are handed over as before."""
    swallowed: list[str] = []

    class Stubborn(GenServer[None]):
        async def handle_cast(self, request: Any, state: None, /) -> NoReply[None]:
            del request
            for _ in range(4):
                try:
                    await asyncio.sleep(1000)
                except BaseException as error:
                    swallowed.append(type(error).__name__)
            return NoReply(state)

    pid = await Stubborn.start()
    cast(pid, "any")
    await asyncio.sleep(0)
    process.exit(pid, "kill")
    remnants = node.remnants
    (dead,) = remnants.kept
    for _ in range(2):
        for _ in range(5):
            await asyncio.sleep(0)
        remnants.overdue(dead)
    assert swallowed[0] == "CancelledError"
    assert swallowed[-1] == "GeneratorExit"
    assert not remnants.kept
    assert sys.exception() is None
    seen = await Task.async_(sys.exception).await_()
    assert seen is None
    server = await Counting.start()
    before = node.scheduler.steps
    assert await call(server, "any") == "any"
    assert node.scheduler.steps != before


class Counting(GenServer[None]):
    """A server that replies at once."""

    def handle_call(self, request: Any, from_: From, state: None, /) -> Reply[None]:
        del from_
        assert sys.exception() is None
        return Reply(request, state)


async def calls(_log: Log) -> None:
    await call("silent", "any", None)


async def asks_many(_log: Log) -> None:
    await multi_call("silent", "any")


async def stops(_log: Log) -> None:
    await stop("silent")


async def starts(log: Log) -> None:
    await Server.start(("init", log))


async def receives(_log: Log) -> None:
    await process.receive(int)


async def sleeps(_log: Log) -> None:
    await process.sleep(None)


async def awaits_a_task(_log: Log) -> None:
    await Task.async_(process.sleep, None).await_(None)


@pytest.mark.parametrize("kind", ["process", "adopted", "plain task"])
@pytest.mark.parametrize("does", [calls, asks_many, stops, starts, receives, sleeps, awaits_a_task])
async def test_a_cancelled_wait_raises_only_its_cancelled_error(
    node: Node, does: Callable[[Log], Awaitable[None]], kind: str
) -> None:
    """The wait is in a process, in an adopted task, or in a plain task."""
    if kind == "plain task" and does in (receives, sleeps, awaits_a_task):
        pytest.skip("for processes alone")
    log: Log = []
    process.register("silent", process.spawn(process.sleep, None))

    async def run() -> None:
        log.append("begins")
        try:
            await does([])
        except BaseException as error:
            log.extend((type(error).__name__, repr(error.__context__)))
            raise
        finally:
            await asyncio.sleep(0)
            log.append("released")

    async def adopted() -> None:
        async with process.adopt():
            await run()

    if kind == "process":
        pid = process.spawn(run)
        await until(log, "begins")
        for _ in range(5):
            await asyncio.sleep(0)
        assert sys.exception() is None
        process.exit(pid, "kill")
        await until(log, "released")
    else:
        task = asyncio.create_task(adopted() if kind == "adopted" else run())
        await until(log, "begins")
        for _ in range(5):
            await asyncio.sleep(0)
        assert sys.exception() is None
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert log == ["begins", "CancelledError", "None", "released"]
