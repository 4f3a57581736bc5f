"""A server that keeps the monitor of a subscriber under the topic, although a topic may have two subscribers."""

from __future__ import annotations

from typing import Any

from regrow import Down, From, GenServer, NoClause, Pid, Reply, call, process


class Topics(GenServer[dict[str, Any]]):
    """A server that keeps the monitor of each subscriber by topic."""

    def handle_call(self, request: Any, _from: From, monitors: dict[str, Any]) -> Any:
        match request:
            case ("subscribe", topic, pid):
                return Reply("ok", {**monitors, topic: process.monitor(pid)})
            case ("leave", topic):
                if topic in monitors:
                    process.demonitor(monitors[topic])
                return Reply("ok", {one: ref for one, ref in monitors.items() if one != topic})
            case _:
                raise NoClause(request)


class SafeTopics(Topics):
    """A server that keeps each monitor under its subscription."""

    def handle_call(self, request: Any, from_: From, monitors: dict[str, Any]) -> Any:
        match request:
            case ("subscribe", topic, pid):
                return super().handle_call(("subscribe", (topic, from_.pid), pid), from_, monitors)
            case ("leave", topic):
                return super().handle_call(("leave", (topic, from_.pid)), from_, monitors)
            case _:
                raise NoClause(request)


async def visit(topics: Pid, guest: Pid) -> None:
    await call(topics, ("subscribe", "news", guest))
    await call(topics, ("leave", "news"))


async def two_visits(kind: type[Topics]) -> None:
    topics = await kind.start_link({})
    for _ in range(2):
        process.spawn_monitor(visit, topics, process.current())
    for _ in range(2):
        await process.receive(Down)
    left = process.info(topics, "monitors")
    assert left == [], f"all have left, but these are still monitored: {left}"


async def scenario() -> None:
    await two_visits(Topics)


async def correct() -> None:
    await two_visits(SafeTopics)
