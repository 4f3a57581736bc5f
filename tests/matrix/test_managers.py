"""Callbacks of an event manager's handlers, times every way of failing: the handler is removed, the manager stays."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import CalleeExit, GenEvent, Ok, Pid, Reply, gen_event, process, send
from tests.matrix.cells import run_cell
from tests.matrix.ways import RAISED, RETURNED, Way

ALL = [*RAISED, *RETURNED]


def named(value: Any) -> str:
    return str(getattr(value, "name", None) or getattr(value, "__name__", value))


class Good(GenEvent[list[Any]]):
    """A handler that keeps its events."""

    def init(self, _arg: Any) -> Any:
        return Ok([])

    def handle_event(self, event: Any, received: list[Any]) -> Any:
        return Ok([*received, event])

    def handle_info(self, message: Any, received: list[Any]) -> Any:
        return Ok([*received, message])

    def handle_call(self, _request: Any, received: list[Any]) -> Any:
        return Reply(received, received)


class Bad(Good):
    """A handler that fails in a chosen callback."""

    place: str
    way: Way

    def at(self, place: str, usual: Any) -> Any:
        """Fail, if this is the chosen callback."""
        return self.way.fail() if place == self.place else usual

    def init(self, arg: Any) -> Any:
        self.place, self.way = arg
        return self.at("init", Ok([]))

    def handle_event(self, event: Any, received: list[Any]) -> Any:
        return self.at("handle_event", Ok([*received, event]))

    def handle_info(self, message: Any, received: list[Any]) -> Any:
        return self.at("handle_info", Ok([*received, message]))

    def handle_call(self, _request: Any, received: list[Any]) -> Any:
        return self.at("handle_call", Reply(received, received))

    def terminate(self, _arg: Any, _heard: list[Any]) -> Any:
        return self.at("terminate", None)


class BadAsync(Bad):
    """A `Bad` whose callbacks are coroutines."""

    async def init(self, arg: Any) -> Any:
        self.place, self.way = arg
        return self.at("init", Ok([]))

    async def handle_event(self, event: Any, received: list[Any]) -> Any:
        await process.sleep(0.0)
        return self.at("handle_event", Ok([*received, event]))

    async def handle_call(self, _request: Any, received: list[Any]) -> Any:
        await process.sleep(0.0)
        return self.at("handle_call", Reply(received, received))


@pytest.mark.parametrize("way", ALL, ids=named)
@pytest.mark.parametrize("place", ["init", "handle_event", "handle_info", "handle_call", "terminate"])
@pytest.mark.parametrize("kind", [Bad, BadAsync], ids=named)
def test_only_the_handler_that_fails_is_removed(kind: Any, place: str, way: Way) -> None:
    if kind is BadAsync and way.name == "a coroutine":
        pytest.skip("an async def that returns a coroutine: it is the returned value, and is not awaited")

    async def scenario() -> None:
        manager = await gen_event.start_link()
        try:
            await manage(manager)
        except CalleeExit as error:  # an exception that ends the program ends the manager as well
            assert way.leaves
            assert way.is_reason(error.reason[0])  # noqa: PT017

    async def manage(manager: Pid) -> None:
        assert await gen_event.add_handler(manager, Good, None) == "ok"
        added = await gen_event.add_handler(manager, kind, (place, way))
        assert (added == "ok") == (place != "init")
        gen_event.notify(manager, "one")
        send(manager, "two")
        if place == "handle_call":
            await gen_event.call(manager, kind, "which")
        elif place == "terminate":
            await gen_event.delete_handler(manager, kind, None)
        assert await gen_event.which_handlers(manager) == [Good]
        assert await gen_event.call(manager, Good, "which") == ["one", "two"]
        await gen_event.stop(manager)

    assert run_cell(scenario) == way.leaves


@pytest.mark.parametrize("way", [way for way in RAISED if not way.leaves], ids=named)
def test_the_failure_of_a_supervised_handler_is_reported_once(way: Way) -> None:
    async def scenario() -> None:
        manager = await gen_event.start_link()
        await gen_event.add_sup_handler(manager, Bad, ("handle_event", way))
        gen_event.notify(manager, "one")
        await process.sleep(1.0)
        message: Any = await process.receive(tuple, timeout=1.0)  # pyright: ignore[reportUnknownVariableType]
        assert message[0] == "gen_event_EXIT"
        assert message[1] is Bad
        with pytest.raises(TimeoutError):
            await process.receive(timeout=1.0)
        assert process.alive(manager)
        await gen_event.stop(manager)

    assert run_cell(scenario) == []
