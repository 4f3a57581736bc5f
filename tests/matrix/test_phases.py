"""Callbacks of applications besides `start` and `stop`, and listeners of a registry, times every way of failing."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from regrow import Application, ChildSpec, Exited, Registry, Supervisor, application, process
from tests.matrix.cells import Echo, reasons_of, run_cell
from tests.matrix.ways import RAISED, WRONG, WRONG_VALUE, Way

SURVIVED = [way for way in RAISED if not way.leaves]


def named(value: Any) -> str:
    return str(getattr(value, "name", None) or value)


@pytest.mark.parametrize("way", [*SURVIVED, WRONG_VALUE], ids=named)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_an_application_whose_phase_fails_leaves_nothing(kind: str, way: Way) -> None:
    done: list[str] = []

    async def later() -> Any:
        await process.sleep(0.01)
        return way.fail()

    class Subject(Application, start_phases=[("first", None), ("second", None), ("third", None)]):
        async def start(self, _type: Any, _args: Any, /) -> Any:
            return await Supervisor.start_link([ChildSpec("good", partial(Echo.start_link, 1, name="good"))])

        def start_phase(self, phase: Any, _type: str, _args: Any, /) -> Any:
            done.append(phase)
            if phase != "second":
                return None
            return way.fail() if kind == "def" else later()

        def stop(self, _state: Any, /) -> Any:
            done.append("stop")

    async def scenario() -> None:
        with pytest.raises(application.ApplicationError):
            await application.start(Subject)
        assert done[:2] == ["first", "second"]
        assert "third" not in done
        assert process.whereis("good") is None
        assert [app for app in application.which_applications() if app[0] is Subject] == []
        assert len(process.processes()) == 2  # the first process and this one

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", [*SURVIVED, WRONG_VALUE], ids=named)
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_rejected_config_change_leaves_the_application_running(kind: str, way: Way) -> None:
    async def later() -> Any:
        await process.sleep(0.01)
        return way.fail()

    class Subject(Application, env={"size": 1}):
        async def start(self, _type: Any, _args: Any, /) -> Any:
            return await Supervisor.start_link([])

        def config_change(self, changed: Any, _new: Any, _removed: Any, /) -> Any:
            assert changed == {"size": 2}
            return way.fail() if kind == "def" else later()

    async def scenario() -> None:
        await application.start(Subject)
        before = application.prep_config_change()
        application.put_env(Subject, "size", 2)
        with pytest.raises(application.ApplicationError) as caught:
            await application.config_change(before)
        (why,) = caught.value.reason
        if way is WRONG_VALUE:
            assert why is WRONG
        else:
            assert why[0] == "EXIT"
            assert way.is_reason(why[1])
        assert [app[0] for app in application.which_applications()] == [Subject]
        await application.stop(Subject)

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", RAISED, ids=named)
def test_a_listener_that_fails_removes_no_entry(way: Way) -> None:
    received: list[Any] = []

    async def listen() -> None:
        process.register("listener", process.current())
        received.append(await process.receive())
        way.fail()

    async def scenario() -> None:
        await Registry.start_link(keys="unique", name="rooms", listeners=["listener"])
        listener = process.spawn_link(listen)
        await process.sleep(0.1)
        Registry.register("rooms", "a", 1)
        links, _ = await reasons_of(listener)
        assert [way.is_reason(one) for one in links] == [True]
        Registry.register("rooms", "b", 2)
        Registry.unregister("rooms", "a")
        assert [kind for kind, *_ in received] == ["register"]
        assert Registry.lookup("rooms", "b") == [(process.current(), 2)]
        assert Registry.lookup("rooms", "a") == []
        with pytest.raises(TimeoutError):  # this process is linked to the registry, and both live
            await process.receive(Exited, timeout=1.0)

    assert run_cell(scenario) == way.leaves
