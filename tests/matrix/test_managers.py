"""The callbacks of an event manager's handlers, times every way of failing: the handler goes, the manager stays."""

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
    """Keeps what it hears."""

    def init(self, _arg: Any) -> Any:
        return Ok([])

    def handle_event(self, event: Any, heard: list[Any]) -> Any:
        return Ok([*heard, event])

    def handle_info(self, message: Any, heard: list[Any]) -> Any:
        return Ok([*heard, message])

    def handle_call(self, _request: Any, heard: list[Any]) -> Any:
        return Reply(heard, heard)


class Bad(Good):
    """Fails where it is told to."""

    place: str
    way: Way

    def at(self, place: str, usual: Any) -> Any:
        """What a callback does."""
        return self.way.fail() if place == self.place else usual

    def init(self, arg: Any) -> Any:
        self.place, self.way = arg
        return self.at("init", Ok([]))

    def handle_event(self, event: Any, heard: list[Any]) -> Any:
        return self.at("handle_event", Ok([*heard, event]))

    def handle_info(self, message: Any, heard: list[Any]) -> Any:
        return self.at("handle_info", Ok([*heard, message]))

    def handle_call(self, _request: Any, heard: list[Any]) -> Any:
        return self.at("handle_call", Reply(heard, heard))

    def terminate(self, _arg: Any, _heard: list[Any]) -> Any:
        return self.at("terminate", None)


class BadAsync(Bad):
    """The same with coroutines."""

    async def init(self, arg: Any) -> Any:
        self.place, self.way = arg
        return self.at("init", Ok([]))

    async def handle_event(self, event: Any, heard: list[Any]) -> Any:
        await process.sleep(0.0)
        return self.at("handle_event", Ok([*heard, event]))

    async def handle_call(self, _request: Any, heard: list[Any]) -> Any:
        await process.sleep(0.0)
        return self.at("handle_call", Reply(heard, heard))


@pytest.mark.parametrize("way", ALL, ids=named)
@pytest.mark.parametrize("place", ["init", "handle_event", "handle_info", "handle_call", "terminate"])
@pytest.mark.parametrize("kind", [Bad, BadAsync], ids=named)
def test_a_handler_that_fails_goes_alone(kind: Any, place: str, way: Way) -> None:
    if kind is BadAsync and way.name == "a coroutine":
        pytest.skip("an async def that returns a coroutine: it is the returned value, and is not awaited")

    async def scenario() -> None:
        manager = await gen_event.start_link()
        try:
            await manage(manager)
        except CalleeExit as error:  # what is to end the program ends the manager as well
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
def test_a_supervised_handler_that_fails_is_told_of_once(way: Way) -> None:
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
