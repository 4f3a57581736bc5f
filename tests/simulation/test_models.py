"""Model tests by Hypothesis: a queue against a list, a supervisor against a model of its tree, in drawn schedules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from regrow import ChildSpec, Down, From, GenServer, NoReply, Ok, Reply, Supervisor, call, cast, process, stop
from regrow.behaviours.supervision.children import ChildError
from regrow.testing import expect_idle
from regrow.testing.simulation.runner import play

schedules = st.lists(st.integers(0, 5), max_size=60)


class Queue(GenServer[list[int]]):
    """A first-in-first-out queue."""

    def handle_call(self, request: Any, _from: From, values: list[int]) -> Any:
        match request, values:
            case "take", [value, *rest]:
                return Reply(value, rest)
            case "take", _:
                return Reply(None, [])
            case _:
                return Reply(values, values)

    def handle_cast(self, request: Any, values: list[int]) -> Any:
        return NoReply([*values, request])


@settings(deadline=None)
@given(st.lists(st.sampled_from(["take", "all", "add"]), max_size=25), schedules)
def test_a_queue_behaves_like_a_list(commands: list[str], schedule: list[int]) -> None:
    async def against_a_list() -> None:
        queue = await Queue.start_link([])
        model: list[int] = []
        for number, command in enumerate(commands):
            if command == "add":
                cast(queue, number)
                model.append(number)
            elif command == "take":
                assert await call(queue, "take") == (model.pop(0) if model else None)
            else:
                assert await call(queue, "all") == model

    play(against_a_list, schedule=schedule)


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), max_size=4), st.integers(1, 3), schedules)
def test_many_may_use_a_queue(producers: list[int], consumers: int, schedule: list[int]) -> None:
    """Each item comes out once; each consumer gets the items of one producer in order."""

    async def side_by_side() -> None:
        queue = await Queue.start_link([])
        taken: list[list[Any]] = [[] for _ in range(consumers)]

        def produce(producer: int, count: int) -> None:
            for number in range(count):
                cast(queue, (producer, number))

        async def consume(found: list[Any]) -> None:
            for _ in range(sum(producers)):
                value = await call(queue, "take")
                found += [] if value is None else [value]

        for producer, count in enumerate(producers):
            process.spawn_monitor(produce, producer, count)
        for found in taken:
            process.spawn_monitor(consume, found)
        for _ in range(len(producers) + consumers):
            await process.receive(Down)
        left = await call(queue, "all")
        all_values = sorted([value for found in [*taken, left] for value in found])
        assert all_values == [(producer, number) for producer, count in enumerate(producers) for number in range(count)]
        for found in taken:
            for producer in range(len(producers)):
                mine = [number for one, number in found if one == producer]
                assert mine == sorted(mine)

    play(side_by_side, schedule=schedule)


# A supervisor


class Child(GenServer[None]):
    """A server that records its start."""

    def init(self, arg: tuple[int, dict[int, int]]) -> Any:
        number, starts = arg
        starts[number] = starts.get(number, 0) + 1
        return Ok(None)

    def handle_cast(self, request: Any, _state: None) -> Any:
        raise ValueError(request)


@dataclass
class Model:
    """The expected tree: the children in order, whether each one runs, and how often it was started."""

    strategy: str
    restarts: dict[int, str]
    running: dict[int, bool]
    starts: dict[int, int]

    def start(self, number: int) -> None:
        self.running[number] = True
        self.starts[number] += 1

    def ended(self, number: int, *, normally: bool) -> None:
        """Note that a child has ended."""
        self.running[number] = False
        if self.restarts[number] == "temporary":
            del self.running[number]
            return
        if normally and self.restarts[number] == "transient":
            return
        numbers = list(self.running)
        first = {"one_for_one": numbers.index(number), "rest_for_one": numbers.index(number), "one_for_all": 0}
        restarted = [number] if self.strategy == "one_for_one" else numbers[first[self.strategy] :]
        for one in restarted:
            if self.restarts[one] == "temporary":
                del self.running[one]
            else:
                self.start(one)

    def terminate(self, number: int) -> None:
        if number in self.running:
            self.running[number] = False
            if self.restarts[number] == "temporary":
                del self.running[number]


commands = st.tuples(st.sampled_from(["kill", "crash", "stop", "terminate", "restart", "delete"]), st.integers(0, 3))


@settings(deadline=None)
@given(
    st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"]),
    st.lists(st.sampled_from(["permanent", "transient", "temporary"]), min_size=1, max_size=4),
    st.lists(commands, max_size=10),
    schedules,
)
def test_a_supervisor_keeps_its_tree(
    strategy: Any, restarts: list[Any], program: list[tuple[str, int]], schedule: list[int]
) -> None:
    async def against_a_model() -> None:
        starts: dict[int, int] = {}
        children = [
            ChildSpec(number, (Child.start_link, [(number, starts)]), restart=restart)
            for number, restart in enumerate(restarts)
        ]
        supervisor = await Supervisor.start_link(children, strategy=strategy, max_restarts=1000)
        numbers = range(len(restarts))
        model = Model(strategy, dict(enumerate(restarts)), dict.fromkeys(numbers, True), dict.fromkeys(numbers, 1))
        for command, number in program:
            await do(supervisor, command, number, model)
            await expect_idle()
            found = {child.id: child.pid is not None for child in await Supervisor.which_children(supervisor)}
            assert found == model.running, (command, number)
            assert starts == model.starts, (command, number)

    play(against_a_model, schedule=schedule)


async def do(supervisor: Any, command: str, number: int, model: Model) -> None:
    """Apply one command to the tree and to its model."""
    pids = {child.id: child.pid for child in await Supervisor.which_children(supervisor)}
    pid = pids.get(number)
    match command:
        case "kill" | "crash" | "stop" if pid is not None:
            if command == "crash":
                cast(pid, "oops")
            elif command == "kill":
                process.exit(pid, "kill")
            else:
                await stop(pid)
            model.ended(number, normally=command == "stop")
        case "terminate" if number in pids:
            await Supervisor.terminate_child(supervisor, number)
            model.terminate(number)
        case "restart" if number in pids and pid is None:
            await Supervisor.restart_child(supervisor, number)
            model.start(number)
        case "delete" if number in pids:
            try:
                await Supervisor.delete_child(supervisor, number)
            except ChildError:
                assert pid is not None, "only a child that runs cannot be deleted"
            else:
                assert pid is None
                del model.running[number]
        case _:
            pass
