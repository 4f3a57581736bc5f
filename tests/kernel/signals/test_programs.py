"""Random programs of servers do the same under every order of steps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow import (
    CallExit,
    Down,
    Exit,
    Exited,
    From,
    GenServer,
    Global,
    NoReply,
    Pid,
    Reply,
    call,
    process,
)
from regrow.kernel import names
from regrow.kernel.current_node import current_node
from tests.kernel.signals.nodes import do, everywhere, reasons, seeds, under


class Actor(GenServer[dict[str, Any]]):
    """A server that does what it is sent, and records what arrives."""

    def init(self, state: dict[str, Any]) -> Any:
        process.trap_exit(state["traps"])
        return super().init(state)

    def handle_call(self, request: Any, _from: From, state: dict[str, Any]) -> Any:
        match request:
            case ("link" | "unlink" as what, other):
                (process.link if what == "link" else process.unlink)(other)
            case ("monitor", other):
                state["refs"].append(process.monitor(other))
            case "demonitor":
                for ref in state["refs"]:
                    process.demonitor(ref, flush=True)
                state["refs"].clear()
            case ("die", reason):
                raise Exit(reason)
            case _:
                return Reply(state[request], state)
        return Reply("ok", state)

    async def handle_cast(self, request: Any, state: dict[str, Any]) -> Any:
        match request:
            case ("ask", other):
                try:
                    state["seen"].append(await call(other, "name", 1))
                except CallExit as error:
                    state["seen"].append(("no answer", error.reason[0]))
            case ("die", reason):
                raise Exit(reason)
            case ("exit", other, reason):
                process.exit(other, reason)
            case _:
                state["seen"].append(request)
        return NoReply(state)

    def handle_info(self, message: Any, state: dict[str, Any]) -> Any:
        match message:
            case Exited(_, reason):
                state["seen"].append(("EXIT", reason))
            case Down(ref, _, reason):
                assert ref in state["refs"]
                state["seen"].append(("DOWN", reason))
            case _:
                state["seen"].append(message)
        return NoReply(state)


ACTORS = 4


actors = st.integers(0, ACTORS - 1)


steps = st.one_of(
    st.tuples(st.sampled_from(["link", "unlink", "monitor", "ask"]), actors, actors),
    st.tuples(st.sampled_from(["demonitor", "send", "cast", "name"]), actors),
    st.tuples(st.sampled_from(["die", "exit", "killed by"]), actors, reasons),
)


KNOWN = ["links", "monitors", "monitored_by", "messages"]


def known(pid: Pid, item: str, pids: list[Pid]) -> list[int]:
    """Return what the kernel holds about one of the actors, by their numbers."""
    return sorted(pids.index(one) for one in process.info(pid, item))


@settings(max_examples=40, deadline=None)
@given(seeds, st.lists(steps, min_size=1, max_size=15), st.sets(actors))
def test_a_program_does_the_same_everywhere(seed: int, program: list[tuple[Any, ...]], trapping: set[int]) -> None:
    """Servers link, monitor, call and kill: step by step the result is the same in any order, with hand-over or not."""

    async def scenario() -> str:
        pids = [
            await Actor.start({"name": one, "traps": one in trapping, "seen": [], "refs": []}, name=f"actor {one}")
            for one in range(ACTORS)
        ]
        seen: list[Any] = []
        for step in program:
            try:
                seen.append((step, await do(step, pids)))
            except CallExit as error:
                seen.append((step, error.reason[0]))
            await process.sleep(5)  # until all processes wait: events of the same moment may come in any order
        for number, pid in enumerate(pids):
            assert (process.whereis(f"actor {number}") is pid) == process.alive(pid)
            if process.alive(pid):
                seen.append((await call(pid, "seen"), *(known(pid, item, pids) for item in KNOWN)))
        return repr(seen)  # a reason may hold a pid, and pids of two nodes are never equal

    everywhere(seed, scenario)


async def shuffled() -> list[str]:
    """Return the order in which some processes take their turns."""
    seen: list[str] = []

    async def worker(word: str) -> None:
        for _ in range(3):
            seen.append(word)
            await asyncio.sleep(0)

    refs = [process.spawn_monitor(worker, word) for word in "abcdef"]
    for _ in refs:
        await process.receive(Down)
    return seen


def test_a_seed_repeats_its_order_and_another_seed_differs() -> None:
    """The same seed gives the same order; some other seed another; no seed gives the order of spawning."""
    orders = [under(seed, None, shuffled) for seed in range(8)]
    assert orders == [under(seed, None, shuffled) for seed in range(8)]
    assert len({tuple(order) for order in orders}) > 4
    assert under(None, None, shuffled) == list("abcdef" * 3)


@pytest.mark.parametrize(
    ("seed", "hand_over", "direct"),
    [(1, None, {True, False}), (1, True, {True}), (1, False, {False}), (None, None, {True}), (None, False, {False})],
)
def test_hand_over_is_random_under_a_seed(seed: int | None, hand_over: bool | None, direct: set[bool]) -> None:
    """Under a seed a call is sometimes handed over and sometimes queued, unless the node is set to always or never."""

    class Deep(GenServer[None]):
        def handle_call(self, _request: Any, _from: From, state: None) -> Any:
            return Reply(current_node().scheduler.depth > 0, state)

    async def scenario() -> set[bool]:
        server = await Deep.start_link()
        return {await call(server, number) for number in range(30)}

    assert under(seed, hand_over, scenario) == direct


@pytest.mark.regrow
async def test_messages_of_ends_are_equal_if_all_in_them_is() -> None:
    me = process.current()
    ref = process.make_ref()
    assert Exited(me, "why") == Exited(me, "why")
    assert Exited(me, "why") != Exited(me, "because")
    assert Down(ref, me, "why") == Down(ref, me, "why")
    assert Down(ref, me, "why") not in (
        Down(ref, me, "because"),
        Down(process.make_ref(), me, "why"),
        Exited(me, "why"),
    )


@pytest.mark.regrow
async def test_a_global_name_has_one_holder() -> None:
    """The rule holds, too, when a thread of another node takes the name after a process has found it free."""
    first, second = process.spawn(process.receive), process.spawn(process.receive)
    assert first.process is not None
    assert second.process is not None
    assert names.claim(first.process, Global("once")) is None
    assert names.claim(second.process, Global("once")) is first
    assert process.whereis(Global("once")) is first
    process.exit(first, "kill")
    assert names.claim(second.process, Global("once")) is None
