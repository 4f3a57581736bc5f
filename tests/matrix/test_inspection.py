"""Code that inspects a server, times every way of failing: the server continues, and the code is not called again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow import Exited, GenServer, Ok, Pid, Registry, Reply, call, gen_statem, process, system
from regrow.kernel import trace as tracing
from regrow.kernel.running import running
from tests.matrix.cells import Echo, run_cell
from tests.matrix.ways import RAISED, RETURNED, Way

ALL = [*RAISED, *RETURNED]


def named(value: Any) -> str:
    return str(getattr(value, "name", None) or getattr(value, "__name__", value))


class Shown(GenServer[Any]):
    """A server whose state is the way in which the callbacks that inspect it fail."""

    def init(self, way: Any) -> Any:
        return Ok(way)

    def handle_call(self, request: Any, _from: Any, way: Any) -> Any:
        return Reply(request, way)

    def format_status(self, status: dict[str, Any]) -> Any:
        return status["state"].fail()

    def code_change(self, _old: Any, way: Any, _extra: Any) -> Any:
        return way.fail()


Look = Callable[[Pid, Way], Any]


async def status(server: Pid, _way: Way) -> None:
    await system.get_status(server)


async def code_change(server: Pid, way: Way) -> None:
    await system.suspend(server)
    answer = await system.change_code(server, Shown, None, None)
    assert answer[0] == "error"
    await system.resume(server)
    assert await system.get_state(server) is way


async def replace_state(server: Pid, way: Way) -> None:
    def fails(_: Any) -> Any:
        return way.fail()

    with pytest.raises(system.CallbackFailed):
        await system.replace_state(server, fails)
    assert await system.get_state(server) is way


async def install(server: Pid, way: Way) -> None:
    def fails(_state: Any, _event: Any, _name: Any) -> Any:
        return way.fail()

    await system.install(server, fails)
    assert await call(server, "seen") == "seen"


LOOKS: list[Look] = [status, code_change, replace_state, install]


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("look", LOOKS, ids=named)
def test_a_server_survives_an_inspection_that_fails(look: Look, way: Way) -> None:
    async def scenario() -> None:
        server = await Shown.start_link(way)
        await look(server, way)
        assert await call(server, "alive") == "alive"
        await system.no_debug(server)
        process.exit(server, "kill")
        assert (await process.receive(Exited, timeout=1.0)).reason == "killed"
        with pytest.raises(TimeoutError):
            await process.receive(timeout=1.0)

    assert run_cell(scenario) in (way.leaves, way.leaves * 2)


@pytest.mark.parametrize("way", RETURNED, ids=named)
def test_an_invalid_status_is_shown_as_such(way: Way) -> None:
    async def scenario() -> None:
        server = await Shown.start_link(way)
        assert "format_status" in str((await system.get_status(server))["state"])
        assert await call(server, "alive") == "alive"

    assert run_cell(scenario) == []


@pytest.mark.parametrize("way", RAISED, ids=named)
def test_a_listener_of_a_trace_that_fails_is_removed(way: Way) -> None:
    async def scenario() -> None:
        node = running().node

        def listener(*_: object) -> None:
            way.fail()

        tracing.listen(node, listener)
        server = await Echo.start_link(1, name="subject")
        assert await call(server, "hello") == "hello"
        process.exit(server, "kill")
        assert (await process.receive(Exited, timeout=1.0)).reason == "killed"
        tracing.unlisten(node, listener)

    assert run_cell(scenario) == way.leaves


@pytest.mark.parametrize("way", RAISED, ids=named)
@pytest.mark.parametrize("which", ["update_value", "dispatch"])
def test_a_function_passed_to_a_registry_raises_in_the_caller(which: str, way: Way) -> None:
    """The function runs in the caller; the table stays unchanged, and dead processes are removed from it."""

    async def scenario() -> None:
        await Registry.start_link(keys="unique", name="table")
        Registry.register("table", "key", 1)
        raised: list[type] = []

        def fails(_: Any) -> Any:
            return way.fail()

        try:
            if which == "update_value":
                Registry.update_value("table", "key", fails)
            else:
                Registry.dispatch("table", "key", fails)
        except BaseException as error:
            raised.append(type(error))
        assert len(raised) == 1
        assert Registry.lookup("table", "key") == [(process.current(), 1)]

        async def registers() -> None:
            Registry.register("table", "other", 2)

        pid = process.spawn_link(registers)
        await process.receive(Exited, timeout=1.0)
        assert Registry.lookup("table", "other") == []
        assert not process.alive(pid)

    assert run_cell(scenario) == []


def test_a_caller_of_a_machine_gets_one_error() -> None:
    """The caller inspects a machine whose `format_status` raises; see the table of servers above."""

    class Machine(gen_statem.GenStatem[Any, Any]):
        def callback_mode(self) -> Any:
            return "handle_event_function"

        def init(self, arg: Any) -> Any:
            return Ok("on", arg)

        def handle_event(self, _kind: Any, _content: Any, _state: Any, data: Any) -> Any:
            raise AssertionError(data)

        def format_status(self, _status: dict[str, Any]) -> Any:
            raise RAISED[1].fail()

    async def scenario() -> None:
        machine = await Machine.start_link(1)
        assert "format_status" in str((await system.get_status(machine))["state"])
        process.exit(machine, "kill")
        await process.receive(Exited, timeout=1.0)

    assert run_cell(scenario) == []
