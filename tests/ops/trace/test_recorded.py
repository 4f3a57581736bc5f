"""The events that a trace records."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    ChildSpec,
    Down,
    DynamicSupervisor,
    Exited,
    GenServer,
    Global,
    Node,
    Pid,
    Supervisor,
    Via,
    call,
    cast,
    gen_server,
    process,
    send,
    stop,
    system,
    trace,
)
from regrow.kernel.trace import listen, unlisten
from regrow.ops.tracing import KINDS, Recording
from tests.ops.trace.stocks import Stock, me, stocked

pytestmark = pytest.mark.usefixtures("node")


def rows(seen: Recording) -> list[tuple[object, ...]]:
    """Return kind, who, whom and what of each event, with names in place of pids."""
    return [(one.kind, *(bare(seen.name(party)) for party in (one.who, one.whom)), one.what) for one in seen]


def bare(name: str) -> str:
    return re.sub(r" <0\.\d+\.0>", "", name)


def listened_to(node: Node) -> bool:
    """Whether the node has a listener."""
    return node.trace is not None


async def test_messages_casts_calls_and_replies_are_recorded(node: Node) -> None:
    """Each message has a row, with both processes by name and the value as it was sent."""
    await me()
    stock = await stocked()
    with trace() as seen:
        message: list[Any] = [1]
        send(stock, message)
        message.append("changed later")
        cast(stock, ("add", 2))
        assert await call("stock", "x") == "x"
    assert rows(seen) == [
        ("send", "me", "stock", "[1]"),
        ("cast", "me", "stock", "('add', 2)"),
        ("call", "me", "stock", "'x'"),
        ("reply", "stock", "me", "'x'"),
    ]
    assert not listened_to(node)


async def test_a_reply_has_the_number_and_the_time_of_its_call(node: Node) -> None:
    """This also holds for a late reply of another process, after other replies."""
    await me()
    stock = await stocked()
    with trace(kinds=["call", "reply"]) as seen:
        request_id = gen_server.send_request(stock, "later")
        await call(stock, "now")
        assert await gen_server.receive_response(request_id) == ("reply", "late")
    assert [(one.kind, one.call, one.took) for one in seen] == [
        ("call", 1, None),
        ("call", 2, None),
        ("reply", 2, 0.0),
        ("reply", 1, pytest.approx(2.0)),
    ]


async def test_failed_calls_are_recorded(node: Node) -> None:
    """A failed call ends with its reason; a late reply has a row, too."""
    await me()
    stock = await Stock.start(None, name="stock")
    with trace(kinds=["fail", "reply"]) as seen:
        with pytest.raises(CallTimeout):
            await call(stock, "slow", 0.5)
        await process.sleep(1.0)
        with pytest.raises(CalleeExit):
            await call(stock, "die")
    assert rows(seen) == [
        ("fail", "me", "stock", "'timeout'"),
        ("reply", "stock", "me", "'slow'"),
        ("fail", "me", "stock", "ValueError('sold out')"),
    ]
    assert [one.took for one in seen] == [pytest.approx(0.5), None, pytest.approx(0.0)]


async def test_starts_names_and_links_are_recorded(node: Node) -> None:
    """A start is recorded as a process with its name and its link, then as its success or its failure."""

    class Broken(GenServer[None]):
        def init(self, _arg: object, /) -> Any:
            raise ValueError("no")

    await me()
    with trace() as seen:
        await stocked()
        with pytest.raises(Exception, match="no"):
            await Broken.start(None)
    assert rows(seen) == [
        ("spawn", "me", "stock", ""),
        ("register", "stock", "", "'stock'"),
        ("link", "me", "stock", ""),
        ("start", "stock", "me", ""),
        ("spawn", "me", "test_starts_names_and_links_are_recorded.Broken", ""),
        ("start", "test_starts_names_and_links_are_recorded.Broken", "me", "failed: ValueError('no')"),
        ("exit", "test_starts_names_and_links_are_recorded.Broken", "", "ValueError('no')"),
    ]


async def test_ends_are_recorded(node: Node) -> None:
    """An end is recorded with its exit signals and monitors, and with a signal that is trapped."""
    await me()
    process.trap_exit(True)
    stock = await stocked()
    process.monitor("stock")
    with trace() as seen:
        process.exit(stock, "kill")
        await process.receive(Down)
        await process.receive(Exited)
    assert rows(seen) == [
        ("signal", "me", "stock", "'kill'"),
        ("exit", "stock", "", "'killed'"),
        ("signal", "stock", "me", "'killed'"),
        ("down", "'stock'", "me", "'killed'"),
    ]


@pytest.mark.parametrize("supervisor_name", ["Supervisor", "DynamicSupervisor"])
async def test_restarts_are_recorded(node: Node, supervisor_name: str) -> None:
    """A restart is recorded after the start of the child."""
    await me()
    child = ChildSpec("the stock", stocked)
    if supervisor_name == "Supervisor":
        supervisor = await Supervisor.start_link([child], name="shop")
        stock: Pid = (await call(supervisor, "which_children"))[0].pid
    else:
        supervisor = await DynamicSupervisor.start_link(name="shop")
        stock = await DynamicSupervisor.start_child(supervisor, child)
    with trace("shop", kinds=["signal", "start", "restart"]) as seen:
        process.exit(stock, "kill")
        await process.sleep(1.0)
    assert rows(seen) == [
        ("signal", "stock", "shop", "'killed'"),
        ("start", "stock", "shop", ""),
        ("restart", "shop", "stock", "'the stock'"),
    ]


async def test_stops_and_system_requests_are_recorded(node: Node) -> None:
    """A system request is recorded by its name; a stop is answered by the end, which is no failure."""
    await me()
    stock = await Stock.start(None, name="stock")
    with trace(kinds=["call", "reply", "fail"]) as seen:
        await system.get_state(stock)
        await stop(stock, "shutdown")
    assert rows(seen) == [
        ("call", "me", "stock", "get_state()"),
        ("reply", "stock", "me", "None"),
        ("call", "me", "stock", "stop('shutdown')"),
        ("reply", "stock", "me", "'shutdown'"),
    ]


async def test_tasks_timers_and_unused_names_are_recorded(node: Node) -> None:
    """A plain task and a timer are recorded as senders; an unused name is recorded as a name."""
    await me()
    stock = await stocked()
    with trace() as seen:
        process.send_after(stock, "tick", 1.0)
        await asyncio.create_task(call(stock, "from a task"))
        await process.sleep(1.0)
        cast("nobody", "hello")
    assert rows(seen) == [
        ("call", "a task or timer", "stock", "'from a task'"),
        ("reply", "stock", "a task or timer", "'from a task'"),
        ("send", "a task or timer", "stock", "'tick'"),
        ("cast", "me", "'nobody'", "'hello'"),
    ]


async def test_names_of_every_form_are_recorded(node: Node) -> None:
    """A global name and a name in another table are recorded; a message to one names its process."""

    class Table:
        def __init__(self) -> None:
            self.held: dict[object, Pid] = {}

        def register_name(self, key: object, pid: Pid) -> bool:
            return self.held.setdefault(key, pid) is pid

        def unregister_name(self, key: object) -> None:
            del self.held[key]

        def whereis_name(self, key: object) -> Pid | None:
            if key == "broken":
                raise RuntimeError("this table is broken")
            return self.held.get(key)

    await me()
    table = Table()
    with trace(kinds=["register", "cast", "send"]) as seen:
        await Stock.start_link(None, name=Global("far"))
        await Stock.start_link(None, name=Via(table, "near"))
        cast(Via(table, "near"), 1)
        with pytest.raises(RuntimeError):
            send(Via(table, "broken"), 2)
        cast(Global("far"), 3)
    kinds = [(one.kind, one.what) for one in seen]
    assert kinds[0] == ("register", "Global('far')")
    assert kinds[1][0] == "register"
    assert kinds[2:] == [("cast", "1"), ("send", "2"), ("cast", "3")]
    assert [bare(seen.name(one.whom)) for one in list(seen)[2::2]] == ["Stock", "Stock"]


async def test_a_trace_filters_by_process_name_and_class(node: Node) -> None:
    """A filter is a pid, a name, a label or a class; it also matches processes that start later."""
    await me()
    stock = await stocked()
    other = await Stock.start_link(None)
    for who, found in [
        ((stock,), ["stock"]),
        (("stock",), ["stock"]),
        (("stock", other), ["stock", "other"]),
        ((Stock,), ["stock", "other"]),
        (("me",), ["stock", "other"]),
        (("nobody",), []),
        ((Supervisor,), []),
        ((), ["stock", "other"]),
    ]:
        with trace(*who, kinds=["cast"]) as seen:
            cast(stock, "stock")
            cast(other, "other")
        assert [one.what for one in seen] == [repr(word) for word in found], who
    with trace("later") as seen:
        await Stock.start_link(None, name="later")
    assert [one.kind for one in seen] == ["register", "link", "start"]


async def test_a_trace_filters_by_kind(node: Node) -> None:
    """Only the given kinds are recorded; an unknown kind is refused, with the known kinds."""
    stock = await stocked()
    with trace(kinds={"reply"}) as seen:
        cast(stock, 1)
        await call(stock, 2)
    assert [one.kind for one in seen] == ["reply"]
    with pytest.raises(ValueError, match=r"wanted some of spawn, start, .*; got \['answer'\]"):
        trace(kinds=["reply", "answer"])
    with pytest.raises(ValueError, match="wanted some of"):
        trace(kinds="reply")
    assert set(KINDS) >= {"reply", "restart"}


async def test_a_ring_counts_the_events_that_it_drops(node: Node) -> None:
    """The last events are kept, and the others are counted."""
    stock = await stocked()
    with trace(kinds=["cast"], size=3) as seen:
        for number in range(10):
            cast(stock, number)
    assert [one.what for one in seen] == ["7", "8", "9"]
    assert (len(seen), seen.dropped) == (3, 7)
    assert seen.table().startswith("7 earlier events were dropped\n")
    assert "Note over p1: 7 earlier events were dropped" in seen.mermaid()
    assert repr(seen) == "Recording(3 events, 7 dropped)"
    seen.clear()
    assert (len(seen), seen.dropped) == (0, 0)
    with pytest.raises(ValueError, match="room for at least one event; got 0"):
        trace(size=0)


async def test_ended_processes_are_forgotten(node: Node) -> None:
    """The names of ended processes, and unanswered calls, are not kept for ever."""
    stock = await stocked()
    with trace(size=10) as seen:
        for _ in range(300):
            await process.sleep(0.0)
            await stop(await Stock.start(None))
            gen_server.send_request(stock, "later")
    kept: Any = seen
    assert len(kept._names) < 130
    assert len(kept._known) < 130


async def test_a_recording_shows_any_value(node: Node) -> None:
    """A value of any size and kind is recorded as a short text when it is sent."""

    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("not me")

    class Long:
        def __repr__(self) -> str:
            return "line\n" * 1000

    stock = await stocked()
    with trace(kinds=["cast"]) as seen:
        for value in (list(range(100_000)), "x" * 100_000, Rude(), Long()):
            cast(stock, value)
    texts = [one.what for one in seen]
    assert all(len(text) < 300 and "\n" not in text for text in texts)
    assert texts[2] == "<Rude whose repr raised RuntimeError>"


async def test_a_recording_starts_and_stops(node: Node) -> None:
    """A second start is an error and a second stop is not; the events stay, and more can follow."""
    stock = await stocked()
    seen = trace(kinds=["cast"])
    cast(stock, 0)
    assert seen.start() is seen
    with pytest.raises(RuntimeError, match="records already"):
        seen.start()
    cast(stock, 1)
    await process.sleep(1.0)
    assert repr(seen) == "Recording(1 events, running)"
    assert seen.stop().stop() is seen
    assert not listened_to(node)
    cast(stock, 2)
    with seen:
        cast(stock, 3)
    assert [(one.time, one.what) for one in seen] == [(0.0, "1"), (1.0, "3")]


async def test_two_recordings_are_separate(node: Node) -> None:
    """Each recording has its events; when the last one stops, the node has no listener and calls are handed over again."""
    stock = await stocked()
    with trace(kinds=["cast"]) as first:
        with trace(kinds=["cast"], node=node) as second:
            cast(stock, 1)
        cast(stock, 2)
        assert listened_to(node)
    assert not listened_to(node)
    assert (len(first), len(second)) == (2, 1)


async def test_a_function_can_listen(node: Node) -> None:
    """A function can listen; removing one that does not listen is no error."""
    points: list[str] = []

    def hear(point: str, _who: object, _whom: object, _what: object) -> None:
        points.append(point)

    unlisten(node, hear)
    listen(node, hear)
    unlisten(node, print)
    cast(await stocked(), 1)
    unlisten(node, hear)
    assert points[-1] == "send"


def test_a_recording_can_start_before_its_node() -> None:
    """A recording can start before its node starts, and be shown after the node has stopped."""
    node = Node()
    seen = trace(node=node, kinds=["spawn", "exit"]).start()

    async def main() -> None:
        async with node:
            gone = node.ended(node.launch(asyncio.sleep, (0,), node.init))
            await gone

    asyncio.run(main())
    assert [one.kind for one in seen.stop()] == ["spawn", "spawn", "exit", "exit"]
    assert "sleep <0.2.0>" in seen.table()


def test_a_recording_needs_a_node() -> None:
    """Without a node a recording is an error."""
    with pytest.raises(RuntimeError, match="node"):
        trace().start()
