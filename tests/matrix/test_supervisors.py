"""Supervisors, applications, agents and services, times every way of failing of their user's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow import (
    Agent,
    Application,
    CallExit,
    ChildSpec,
    DynamicSupervisor,
    GenServer,
    ModuleSupervisor,
    Service,
    StartError,
    Supervisor,
    Via,
    application,
    call,
    cast,
    process,
    service,
)
from tests.matrix.cells import Echo, reasons_of, run_cell
from tests.matrix.ways import RAISED, Way

# An exception that ends the program ends the caller, too.
SURVIVED = [way for way in RAISED if not way.leaves]


def named(value: Any) -> str:
    return str(getattr(value, "name", None) or getattr(value, "__name__", value))


# Supervisors


@pytest.mark.parametrize("way", SURVIVED, ids=named)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_failed_start_function_fails_only_the_start(kind: str, way: Way) -> None:
    """The supervisor continues; its other children stay; the caller gets the error."""

    async def later() -> Any:
        await process.sleep(0.01)
        return way.fail()

    start: Callable[[], Any] = way.fail if kind == "def" else later

    async def scenario() -> None:
        supervisor = await Supervisor.start_link([ChildSpec("good", (Echo.start_link, (1,)))])
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the supervisor chooses the class
            await Supervisor.start_child(supervisor, ChildSpec("bad", (start, ())))
        assert type(caught.value).__name__ in ("ChildError", "StartError")
        counts = await Supervisor.count_children(supervisor)
        assert counts.active == 1
        dynamic = await DynamicSupervisor.start_link()
        with pytest.raises(Exception) as caught:  # noqa: PT011 - the supervisor chooses the class
            await DynamicSupervisor.start_child(dynamic, ChildSpec("bad", (start, ()), restart="temporary"))
        assert (await DynamicSupervisor.count_children(dynamic)).active == 0
        with pytest.raises(StartError):
            await Supervisor.start_link([ChildSpec("good", (Echo.start_link, (1,))), ChildSpec("bad", (start, ()))])
        assert len(process.processes()) == 5  # the first process, this one, two supervisors and the good child
        await DynamicSupervisor.stop(dynamic)
        await Supervisor.stop(supervisor)

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", SURVIVED, ids=named)
def test_a_child_that_fails_its_restart_is_tried_again_until_the_limit(way: Way) -> None:
    begun: list[int] = []

    async def start() -> Any:
        begun.append(1)
        if len(begun) > 1:
            way.fail()
        return await Echo.start_link(1)

    async def scenario() -> None:
        supervisor = await Supervisor.start_link([ChildSpec("bad", (start, ()))], max_restarts=3)
        process.monitor(supervisor)
        (child,) = await Supervisor.which_children(supervisor)
        process.exit(child[1], "kill")
        links, monitors = await reasons_of(supervisor)
        assert links == ["shutdown"]
        assert monitors == ["shutdown"]
        assert len(begun) == 1 + 3 + 0 or len(begun) == 1 + 3 + 1

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", SURVIVED, ids=named)
def test_a_supervisor_whose_init_fails_leaves_nothing(way: Way) -> None:
    class Bad(ModuleSupervisor):
        def init(self, _arg: Any, /) -> Any:
            return way.fail()

    async def scenario() -> None:
        with pytest.raises(StartError) as caught:
            await Bad.start_link(None, name="subject")
        assert way.is_reason(caught.value.reason)
        assert process.whereis("subject") is None

    assert run_cell(scenario) == []


# Applications


@pytest.mark.parametrize("way", SURVIVED, ids=named)
@pytest.mark.parametrize("place", ["start", "prep_stop", "stop"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_application_whose_callback_fails_leaves_nothing(kind: str, place: str, way: Way) -> None:
    done: list[str] = []

    async def start(_type: Any, _args: Any) -> Any:
        supervisor = await Supervisor.start_link(
            [
                ChildSpec(
                    "good",
                    (
                        Echo.start_link,
                        (1,),
                    ),
                )
            ]
        )
        if place == "start":
            if kind == "async def":
                await process.sleep(0.01)
            way.fail()
        return supervisor

    class Subject(Application):
        async def start(self, type_: Any, args: Any, /) -> Any:
            return await start(type_, args)

        def prep_stop(self, state: Any, /) -> Any:
            done.append("prep_stop")
            if place == "prep_stop":
                way.fail()
            return state

        def stop(self, _state: Any, /) -> Any:
            done.append("stop")
            if place == "stop":
                way.fail()

    async def scenario() -> None:
        if place == "start":
            with pytest.raises(Exception) as caught:  # noqa: PT011 - the application chooses the class
                await application.start(Subject)
            assert type(caught.value).__name__ == "ApplicationError"
        else:
            await application.start(Subject)
            await application.stop(Subject)
            assert done == ["prep_stop", "stop"]
        assert [app for app in application.which_applications() if app[0] is Subject] == []

    assert run_cell(scenario) == []


# Agents and services


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("which", ["get", "update", "get_and_update", "cast"])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_agent_whose_function_fails_ends_once(kind: str, which: str, way: Way) -> None:
    async def later(_: Any) -> Any:
        await process.sleep(0.01)
        return way.fail()

    def at_once(_: Any) -> Any:
        return way.fail()

    function: Any = at_once if kind == "def" else later

    async def scenario() -> None:
        agent = await Agent.start_link(lambda: 1, name="subject")
        process.monitor(agent)
        result = getattr(Agent, which)(agent, function)
        if which != "cast":
            with pytest.raises(CallExit) as caught:
                await result
            assert way.is_reason(caught.value.reason[0])
        links, monitors = await reasons_of(agent)
        assert [way.is_reason(one) for one in links] == [True]
        assert [way.is_reason(one) for one in monitors] == [True]
        assert process.whereis("subject") is None

    assert run_cell(scenario) == way.leaves


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("which", ["call", "cast", "info", "every"])
def test_a_service_whose_method_fails_ends_once(which: str, way: Way) -> None:
    class Subject(Service):
        asked = False

        @service.call
        def get(self) -> int:
            if which == "call":
                way.fail()
            return 1

        @service.cast
        def do(self) -> None:
            way.fail()

        @service.info(str)
        def on_message(self, _message: str) -> None:
            way.fail()

        @service.every(1.0)
        def tick(self) -> None:
            if which == "every":
                way.fail()

    async def scenario() -> None:
        subject = await Subject.named("subject").start_link()
        pid = process.whereis("subject")
        assert pid is not None
        process.monitor(pid)
        if which == "call":
            with pytest.raises(CallExit) as caught:
                await subject.get()
            assert way.is_reason(caught.value.reason[0])
        elif which == "cast":
            subject.do()
        elif which == "info":
            process.send(pid, "hello")
        links, monitors = await reasons_of(pid)
        assert [way.is_reason(one) for one in links] == [True]
        assert [way.is_reason(one) for one in monitors] == [True]
        assert process.whereis("subject") is None

    assert run_cell(scenario) == way.leaves


# Names


class Table:
    """A custom name table, which fails in one function."""

    def __init__(self, place: str, way: Way) -> None:
        self.place = place
        self.way = way
        self.names: dict[Any, Any] = {}

    def at(self, place: str) -> None:
        """Fail, if this is the function."""
        if place == self.place:
            self.way.fail()

    def whereis_name(self, key: Any) -> Any:
        self.at("whereis_name")
        return self.names.get(key)

    def register_name(self, key: Any, pid: Any) -> bool:
        self.at("register_name")
        return self.names.setdefault(key, pid) is pid

    def unregister_name(self, key: Any) -> None:
        self.names.pop(key, None)
        self.at("unregister_name")


class Fails(GenServer[Any]):
    """A server that does not start."""

    def init(self, _arg: Any) -> Any:
        raise ValueError("boom")


@pytest.mark.parametrize("way", SURVIVED, ids=named)
@pytest.mark.parametrize("place", ["whereis_name", "register_name", "unregister_name"])
def test_a_table_of_names_that_fails_leaves_no_process(place: str, way: Way) -> None:
    async def scenario() -> None:
        table = Table(place, way)
        name = Via(table, "subject")
        before = len(process.processes())
        try:
            pid = await Echo.start_link(1, name=name)
        except BaseException:
            assert place in ("whereis_name", "register_name")
            assert len(process.processes()) == before
        else:
            cast(name, "dropped")
            assert await call(name, "hello") == "hello"
            process.exit(pid, "kill")
            table.names.clear()
            with pytest.raises(StartError) as caught:
                await Fails.start_link(1, name=name)
            assert type(caught.value.reason) is ValueError
        cast(name, "dropped")
        assert len(process.processes()) == before

    assert run_cell(scenario) == []
