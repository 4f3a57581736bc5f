"""Supervisors, tasks, agents and registries."""

from __future__ import annotations

import logging
from typing import Any

from benchmarks.measure import Figures, Stopwatch, measures
from benchmarks.ours.servers import Announced
from regrow import Agent, ChildSpec, DynamicSupervisor, Registry, Task, process, send

OFTEN = 100_000_000  # restarts that are no reason to give up
AT_LEAST = 2000  # restarts that are measured
SUBSCRIBERS = 1000


async def receive_many(count: int) -> None:
    """Receive this many messages."""
    for _ in range(count):
        await process.receive()


@measures("restarts 100", "restarts 1000", "restarts 10000")
async def restarts(count: int) -> Figures:
    """Kill all children at once, and wait until all have been restarted."""
    logging.getLogger("regrow").setLevel(logging.CRITICAL)  # the BEAM's logger is silent, too
    me = process.current()
    supervisor = await DynamicSupervisor.start_link(max_restarts=OFTEN, max_seconds=1)

    async def start() -> Any:
        return await Announced.start_link(me)

    for _ in range(count):
        await DynamicSupervisor.start_child(supervisor, ChildSpec("child", start))
    await receive_many(count)
    rounds = max(1, AT_LEAST // count)
    seconds = 0.0
    for _ in range(rounds):
        pids = [child.pid for child in await DynamicSupervisor.which_children(supervisor)]
        with Stopwatch() as watch:
            for pid in pids:
                process.exit(pid, "kill")
            await receive_many(count)
        seconds += watch.seconds
    return {"rate": rounds * count / seconds}


@measures("start_child")
async def start_child(count: int) -> Figures:
    me = process.current()
    supervisor = await DynamicSupervisor.start_link()
    spec = ChildSpec("child", lambda: Announced.start_link(me))
    with Stopwatch() as watch:
        for _ in range(count):
            await DynamicSupervisor.start_child(supervisor, spec)
            await process.receive()
    return watch.rate(count)


@measures("task")
async def async_and_await(count: int) -> Figures:
    def work() -> int:
        return 1

    with Stopwatch() as watch:
        for _ in range(count):
            await Task.async_(work).await_()
    return watch.rate(count)


@measures("agent")
async def agent_updates(count: int) -> Figures:
    agent = await Agent.start_link(lambda: 0)

    def add(number: int) -> int:
        return number + 1

    with Stopwatch() as watch:
        for _ in range(count):
            await Agent.update(agent, add)
    return watch.rate(count)


@measures("dispatch")
async def dispatch(count: int) -> Figures:
    """Dispatch messages to a thousand subscribers, until the last one has received the last message."""
    me = process.current()
    await Registry.start_link(keys="duplicate", name="topics")

    async def subscriber() -> None:
        Registry.register("topics", "news")
        send(me, "registered")
        await receive_many(count)
        send(me, "done")

    for _ in range(SUBSCRIBERS):
        process.spawn(subscriber)
    await receive_many(SUBSCRIBERS)

    def send_to_all(entries: list[tuple[Any, Any]]) -> None:
        for pid, _ in entries:
            send(pid, "news")

    with Stopwatch() as watch:
        for _ in range(count):
            Registry.dispatch("topics", "news", send_to_all)
        await receive_many(SUBSCRIBERS)
    return watch.rate(count * SUBSCRIBERS)
