"""docs/contributing/journey.md is true: real messages walk through exactly the functions that it names, in that order."""

from __future__ import annotations

import ast
import asyncio
import fnmatch
import gc
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from regrow import CalleeExit, CallTimeout, GenServer, Node, NoReply, Ok, Pid, Reply, VirtualClock, call, cast
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.coroutine_driver import COMPILED
from regrow.testing import expect_idle, run_as_process
from tests.architecture.journey import YOURS, Recorder, Stop, parse, rows
from tests.architecture.source import FunctionNode, Package

ROOT = Path(__file__).parents[2]
JOURNEY = ROOT / "docs" / "contributing" / "journey.md"
PAGE = parse(JOURNEY.read_text(encoding="utf-8"))

Walk = Callable[[Pid, Recorder], Awaitable[None]]


class Shop(GenServer[Recorder]):
    """A server that answers a call, does not answer it, or crashes; the last two start the recorder."""

    def init(self, arg: Any) -> Any:
        return Ok(arg)

    def handle_call(self, request: Any, _from: Any, state: Recorder) -> Any:
        if request == "answer":
            return Reply(request, state)
        state.start()
        if request == "wait":
            return NoReply(state)
        raise ValueError(request)

    def handle_cast(self, _request: Any, state: Recorder) -> Any:
        return NoReply(state)

    def terminate(self, reason: object, state: Recorder) -> None:
        pass


async def to_an_idle_server(shop: Pid, recorder: Recorder) -> None:
    recorder.start()
    await call(shop, "answer")


async def to_a_busy_server(shop: Pid, recorder: Recorder) -> None:
    cast(shop, "work")
    recorder.start()
    await call(shop, "answer")


async def without_an_answer(shop: Pid, recorder: Recorder) -> None:
    with pytest.raises(CallTimeout):
        await call(shop, "wait", 1.0)


async def to_a_server_that_dies(shop: Pid, recorder: Recorder) -> None:
    cast(shop, "work")
    with pytest.raises(CalleeExit):
        await call(shop, "crash")


async def without_a_call(shop: Pid, recorder: Recorder) -> None:
    recorder.start()
    cast(shop, "work")
    await asyncio.sleep(0)


WALKS: dict[str, Walk] = {
    "The fast way: the server is idle": to_an_idle_server,
    "The slow way: the server is busy": to_a_busy_server,
    "No answer in time": without_an_answer,
    "The server dies before it answers": to_a_server_that_dies,
    "A cast": without_a_call,
}


def walked(walk: Walk) -> list[Stop]:
    """Return the functions that a message walks through, on a node in virtual time."""
    recorder = Recorder(__file__, PAGE.left_out)

    async def test() -> None:
        shop = await Shop.start(recorder)
        await expect_idle()
        try:
            await walk(shop, recorder)
        finally:
            recorder.end()

    gc.collect()
    gc.disable()  # it would close generators that other tests have left, and the recorder would see that
    try:
        asyncio.run(run_as_process(Node(clock=VirtualClock(), hand_over=True), test, {}))
    finally:
        gc.enable()
    return recorder.stops


@pytest.mark.skipif(COMPILED, reason="a compiled function has no frame that a profiler could see")
@pytest.mark.parametrize("heading", WALKS)
def test_a_message_walks_as_the_page_says(heading: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    stops = walked(WALKS[heading])
    table = rows(stops, PAGE.texts[heading])
    assert stops == PAGE.walks[heading], f"the rows of {JOURNEY.name}, {heading!r}, for the walk of today:\n{table}"


def test_the_page_has_no_other_walk() -> None:
    assert set(PAGE.walks) == set(WALKS)


def test_each_file_of_the_page_is_linked() -> None:
    for shown, target in PAGE.links.items():
        assert (JOURNEY.parent / target).resolve().as_posix().endswith(f"src/regrow/{shown}")
        assert (JOURNEY.parent / target).exists(), target


def test_what_is_left_out_exists() -> None:
    source = ROOT / "src" / "regrow"
    functions = {
        f"{kind.name}.{inner.name}"
        for module in Package(source).modules.values()
        for kind in module.tree.body
        if isinstance(kind, ast.ClassDef)
        for inner in kind.body
        if isinstance(inner, FunctionNode)
    }
    for one in PAGE.left_out:
        assert (source / one).is_file() if one.endswith(".py") else fnmatch.filter(functions, one), one


def test_the_rows_of_a_walk_can_be_pasted_into_the_page() -> None:
    stops = [Stop("kernel/mailbox.py", "put"), Stop("kernel/mailbox.py", "take"), Stop(YOURS, "handle_cast")]
    page = parse(f"# Title\n\n## A cast\n\n{rows(stops, {tuple(stops[:2]): 'old words'})}\n")
    assert page.walks == {"A cast": stops}
    assert list(page.texts["A cast"].values()) == ["old words", "…"]


@pytest.mark.skipif(COMPILED, reason="a compiled function has no frame that a profiler could see")
def test_a_recorder_ignores_what_is_left_out_and_what_that_calls() -> None:
    recorder = Recorder(__file__, [])
    recorder.start()
    safe_repr(Stop)
    recorder.end()
    assert recorder.stops[0] == Stop("kernel/bounded_repr.py", "safe_repr")
    assert len(recorder.stops) > 1
    recorder = Recorder(__file__, ["safe_repr"])
    recorder.start()
    safe_repr(Stop)
    recorder.end()
    assert recorder.stops == []
