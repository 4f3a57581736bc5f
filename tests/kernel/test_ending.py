"""The end of a node: in order, then by force, and in every case."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from regrow import (
    ChildSpec,
    Continue,
    DynamicSupervisor,
    Exit,
    Exited,
    GenServer,
    Node,
    NoReply,
    Ok,
    Supervisor,
    VirtualClock,
    process,
    run,
)
from regrow.behaviours.application.stop_signals import StopSignals
from regrow.program import Main

Events = list[Any]


class Keeps(GenServer[tuple[Events, str, float]]):
    """A server whose `terminate` takes time."""

    def init(self, arg: tuple[Events, str, float]) -> Ok[tuple[Events, str, float]]:
        process.trap_exit(True)
        return Ok(arg)

    async def terminate(self, _reason: Any, state: tuple[Events, str, float]) -> None:
        events, word, seconds = state
        try:
            await process.sleep(seconds)
            events.append(word)
        except BaseException:
            events.append((word, "cut off"))
            raise


class Stubborn(GenServer[None]):
    """A server that traps exits and never leaves a callback."""

    def init(self, _arg: None) -> Ok[None]:
        process.trap_exit(True)
        return Ok(None, Continue("sit"))

    async def handle_continue(self, _word: object, _state: None) -> Any:
        await asyncio.Event().wait()


def keeps(events: Events, word: str, seconds: float = 0.2, shutdown: Any = 5.0) -> ChildSpec:
    return ChildSpec(word, (Keeps.start_link, [(events, word, seconds)]), shutdown=shutdown)


async def two_trees(events: Events) -> None:
    """Start a tree of two levels, with a child that is slower than a worker may be, and a linked server."""
    inner = Supervisor.child_spec([keeps(events, "c"), keeps(events, "d", 20.0, 30.0)])
    await Supervisor.start_link([keeps(events, "a"), keeps(events, "b"), inner])
    await Keeps.start_link((events, "linked", 0.2))


IN_ORDER = ["linked", "d", "c", "b", "a"]
ENDS: dict[str, Callable[[], Any]] = {
    "returns": lambda: None,
    "raises": lambda: (_ for _ in ()).throw(ValueError("wrong")),
    "exits": lambda: (_ for _ in ()).throw(Exit("boom")),
    "is cancelled": lambda: (_ for _ in ()).throw(asyncio.CancelledError),
}


def ended(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Run a program that may fail."""
    with contextlib.suppress(Exception, asyncio.CancelledError, Exit):
        asyncio.run(main())


class TestInOrder:
    @pytest.mark.parametrize("end", ENDS)
    def test_the_tree_of_main_ends_in_order(self, end: str) -> None:
        events: Events = []

        async def main() -> None:
            await two_trees(events)
            ENDS[end]()

        try:
            run(main, node=Node(clock=VirtualClock()))
        except Exception:
            assert end != "returns"
        assert events == IN_ORDER

    @pytest.mark.parametrize("end", ENDS)
    def test_children_of_a_plain_task_end_in_order(self, end: str) -> None:
        events: Events = []

        async def main() -> None:
            async with Node(clock=VirtualClock()):
                await two_trees(events)
                ENDS[end]()

        ended(main)
        assert events == IN_ORDER

    @pytest.mark.parametrize("end", ENDS)
    def test_children_of_an_adopted_task_end_in_order(self, end: str) -> None:
        """The end of the task ends all its linked processes; each still has its own shutdown time."""
        events: Events = []

        async def main() -> None:
            async with Node(clock=VirtualClock()), process.adopt():
                await two_trees(events)
                ENDS[end]()

        ended(main)
        assert sorted(events) == sorted(IN_ORDER)
        assert [word for word in events if word != "linked"] == IN_ORDER[1:]

    def test_a_process_whose_parent_ends_first_still_ends_in_order(self) -> None:
        """At any depth: a server started by a server, which a function has started."""
        events: Events = []

        class Parent(Keeps):
            def init(self, arg: tuple[Events, str, float]) -> Ok[tuple[Events, str, float]]:
                return Ok(super().init(arg).state, Continue("start"))

            async def handle_continue(self, _word: object, state: tuple[Events, str, float]) -> Any:
                await Supervisor.start_link([keeps(events, "deep", 9.0, 10.0)])
                return NoReply(state)

        async def starts() -> None:
            await Parent.start_link((events, "parent", 1.0))
            await process.receive()

        async def main() -> None:
            async with Node(clock=VirtualClock()):
                process.spawn_link(starts)
                await asyncio.sleep(0.05)

        asyncio.run(main())
        assert events == ["parent", "deep"]

    def test_children_of_an_unlinked_process_end_in_order(self) -> None:
        """The process itself is killed, as on the BEAM; its tree has its shutdown time."""
        events: Events = []

        async def starts() -> None:
            await Supervisor.start_link([keeps(events, "a", 9.0, 10.0)])
            await process.receive()

        async def main() -> None:
            process.spawn(starts)
            await Keeps.start((events, "alone", 1.0))
            await process.sleep(0.1)

        run(main, node=Node(clock=VirtualClock()))
        assert events == ["a"]

    def test_many_children_of_a_dynamic_supervisor_end_in_order(self) -> None:
        events: Events = []

        async def main() -> None:
            supervisor = await DynamicSupervisor.start_link()
            for number in range(50):
                spec = ChildSpec(number, (Keeps.start_link, [(events, str(number), 7.0)]), shutdown=10.0)
                await DynamicSupervisor.start_child(supervisor, spec)

        run(main, node=Node(clock=VirtualClock()))
        assert sorted(events) == sorted(str(number) for number in range(50))

    @pytest.mark.parametrize("start", [Stubborn.start_link, None])
    def test_a_process_that_ignores_its_shutdown_is_killed_in_time(
        self, start: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A server inside a callback, and a function that continues, delay the end by 5 s, and no longer."""
        clock = VirtualClock()
        begun = clock.now()
        events: Events = []

        async def deaf() -> None:
            process.trap_exit(True)
            while True:
                await process.receive()

        async def main() -> None:
            await Supervisor.start_link([keeps(events, "a")])
            if start is None:
                process.spawn_link(deaf)
            else:
                await start(None)
            await process.sleep(0.1)

        run(main, node=Node(clock=clock))
        assert clock.now() - begun == pytest.approx(0.1 + 5.0 + 0.2)
        assert events == ["a"]
        assert "has not ended 5 s after it was sent" in caplog.text

    def test_a_child_that_fails_at_the_end_leaves_the_others_alone(self) -> None:
        events: Events = []

        class Fails(Keeps):
            async def terminate(self, _reason: Any, state: Any) -> None:
                raise ValueError(f"in terminate of {state[1]}")

        async def main() -> str:
            await Supervisor.start_link([keeps(events, "a")])
            await Fails.start_link((events, "fails", 0.0))
            return "returned"

        assert run(main, node=Node(clock=VirtualClock())) == "returned"
        assert events == ["a"]

    def test_a_linked_function_that_traps_exits_gets_the_reason(self) -> None:
        events: Events = []

        async def waits() -> None:
            process.trap_exit(True)
            received = await process.receive(Exited)
            await process.sleep(1.0)
            events.append(received.reason)

        async def main() -> None:
            process.spawn_link(waits)
            await process.sleep(0.1)

        run(main, node=Node(clock=VirtualClock()))
        assert events == ["normal"]


class TestByForce:
    """Processes started while the node ends do not keep it from ending."""

    def test_a_finally_block_may_spawn(self) -> None:
        released: Events = []

        async def again() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                released.append(1)
                process.spawn(again)

        async def main() -> Node:
            async with Node(clock=VirtualClock()) as node:
                process.spawn(again)
                await asyncio.sleep(0.01)
            return node

        node = asyncio.run(main())
        assert released
        assert list(node.processes) == []

    @pytest.mark.parametrize("spawn", [process.spawn, process.spawn_link])
    def test_a_plain_task_may_spawn_in_a_loop(self, spawn: Any) -> None:
        async def waits() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)

        async def main() -> Node:
            async def spawns() -> None:
                while node.running:
                    spawn(waits)
                    await asyncio.sleep(0)

            async with Node() as node:
                task = asyncio.create_task(spawns())
                await asyncio.sleep(0.01)
            await asyncio.gather(task, return_exceptions=True)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return node

        node = asyncio.run(main())
        assert not node.remnants.kept

    def test_a_killed_process_may_spawn_while_it_releases_resources(self) -> None:
        async def waits() -> None:
            await asyncio.Event().wait()

        async def releases() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.05)

        async def main() -> None:
            async with Node():
                process.spawn(releases)
                await asyncio.sleep(0.01)
                asyncio.get_running_loop().call_later(0.02, process.spawn, waits)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())


class TestStop:
    @pytest.mark.parametrize("seconds", [0.01, 0.05])
    def test_a_cancelled_stop_ends_at_once(self, seconds: float) -> None:
        """The remaining processes are killed and release what they held; then the cancellation is raised."""
        events: Events = []

        async def holds() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                events.append("released")

        async def main() -> None:
            node = Node()

            async def block() -> None:
                async with asyncio.timeout(seconds), node:
                    process.spawn(holds)
                    process.spawn_link(holds)
                    await Keeps.start_link((events, "keeps", 600.0))
                    await asyncio.sleep(0)

            with pytest.raises(TimeoutError):
                await block()
            assert not node.running
            assert not node.processes
            async with Node():
                pass
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())
        assert events.count("released") == 2
        assert ("keeps", "cut off") in events

    def test_a_second_cancellation_does_not_wait_for_killed_processes(self) -> None:
        async def holds() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(600)

        async def block() -> None:
            async with Node():
                process.spawn_link(holds)
                await asyncio.sleep(0.01)

        async def main() -> None:
            task = asyncio.create_task(block())
            for _ in range(3):
                await asyncio.sleep(0.02)
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    def test_several_stops_at_once(self) -> None:
        events: Events = []

        async def main() -> None:
            node = Node(clock=VirtualClock())
            node.start()
            await Supervisor.start_link([keeps(events, "a", 3.0)])
            await asyncio.gather(node.stop(), node.stop(), node.stop())
            assert events == ["a"]
            await node.stop()

        asyncio.run(main())

    def test_one_cancelled_stop_of_several_ends_them_all_at_once(self) -> None:
        events: Events = []

        async def main() -> None:
            node = Node()
            node.start()
            await Supervisor.start_link([keeps(events, "a", 600.0, 700.0)])
            other = asyncio.create_task(node.stop())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(node.stop(), 0.02)
            await other
            assert not node.running

        asyncio.run(main())
        assert events == [("a", "cut off")]

    @pytest.mark.parametrize("adopted", [False, True])
    def test_a_process_of_the_node_may_stop_it(self, adopted: bool) -> None:
        """It does not wait for its own end; an adopted task is cancelled by the stop, when the node has ended."""
        events: Events = []

        async def main() -> None:
            node = Node(clock=VirtualClock())
            node.start()
            await Supervisor.start_link([keeps(events, "a", 3.0)])

            async def adopts() -> None:
                async with process.adopt():
                    await node.stop()

            if adopted:
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.create_task(adopts())
            else:
                process.spawn(node.stop)
                while node.running:  # noqa: ASYNC110 (no event reports that a node has stopped)
                    await asyncio.sleep(0)
            assert not node.running

        asyncio.run(main())
        assert events == ["a"]

    def test_a_stop_while_the_loop_closes(self) -> None:
        """asyncio.run cancels all tasks: the node ends at once, and nothing hangs."""

        async def holds() -> None:
            await asyncio.Event().wait()

        async def main() -> Node:
            node = Node()
            node.start()
            process.spawn_link(holds)
            await Stubborn.start_link(None)
            await asyncio.sleep(0)
            task = asyncio.create_task(node.stop())
            await asyncio.sleep(0)
            assert not task.done()
            return node

        assert not asyncio.run(main()).running


class TestMain:
    """The time that `main` itself may take to end."""

    @staticmethod
    async def ended(main: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[Any, float]:
        """End a program as a signal does; return the result of `run`, and how long that took."""
        clock = VirtualClock()
        node = Node(clock=clock)
        signals = StopSignals()
        try:
            async with node:
                begun = clock.now()
                loop = node.loop
                loop.call_soon(lambda: loop.call_soon(signals.ask))  # when main has begun
                result = await Main(node, main, ()).run(signals)
                return result, clock.now() - begun
        finally:
            signals.close()

    def test_a_main_that_continues_is_killed_after_its_children(self) -> None:
        events: Events = []

        async def main() -> None:
            await Supervisor.start_link([keeps(events, "a", 1.0)])
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                    events.append("never")

        assert asyncio.run(self.ended(main)) == (None, 6.0)
        assert events == ["a"]

    def test_a_main_that_waits_for_its_children_continues_after_their_end(self) -> None:
        events: Events = []

        async def main() -> None:
            supervisor = await Supervisor.start_link([keeps(events, "a", 20.0, 30.0)])
            try:
                await process.receive()
            finally:
                await Supervisor.stop(supervisor)
                await process.sleep(1.0)
                events.append("main")

        assert asyncio.run(self.ended(main)) == (None, 21.0)
        assert events == ["a", "main"]

    def test_the_result_of_main_is_returned(self) -> None:
        async def main() -> str:
            try:
                await process.receive()
            except asyncio.CancelledError:
                return "cleaned up"
            return "not cancelled"

        assert asyncio.run(self.ended(main)) == ("cleaned up", 0.0)
