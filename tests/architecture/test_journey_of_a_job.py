"""docs/contributing/job.md is true: a job of a worker comes to the functions that it names, in that order."""

from __future__ import annotations

import ast
import asyncio
import re
from pathlib import Path

import pytest

from regrow import Node, VirtualClock
from regrow.kernel.coroutine_driver import COMPILED
from regrow.queue import Broker, Job, SQLite, Worker
from regrow.testing import expect_idle, run_as_process
from tests.architecture.journey import Recorder, Stop, parse
from tests.architecture.source import FunctionNode, Package

ROOT = Path(__file__).parents[2]
JOURNEY = ROOT / "docs" / "contributing" / "job.md"
TEXT = JOURNEY.read_text(encoding="utf-8")
PAGE = parse(TEXT)


class Greet(Worker[str]):
    """A worker whose jobs do nothing."""

    async def perform(self, job: Job[str]) -> None:
        pass


def walked(folder: Path) -> list[Stop]:
    """Return the functions that one job comes to, from its put to its end."""
    recorder = Recorder(__file__, [])

    async def test() -> None:
        await Broker.start_link(SQLite(folder / "queue.db", thread=False), workers=[Greet])
        await expect_idle()
        recorder.start()
        try:
            await Greet.put("Ann")
            await expect_idle()
        finally:
            recorder.end()

    asyncio.run(run_as_process(Node(clock=VirtualClock(), hand_over=True), test, {}))
    return recorder.stops


def missing(named: list[Stop], stops: list[Stop]) -> list[Stop]:
    """Return the stops of a page that a walk does not come to after those before them."""
    found: list[Stop] = []
    at = 0
    for stop in named:
        if stop in stops[at:]:
            at = stops.index(stop, at) + 1
        else:
            found.append(stop)
    return found


@pytest.mark.skipif(COMPILED, reason="a compiled function has no frame that a profiler could see")
def test_a_job_walks_as_the_page_says(tmp_path: Path) -> None:
    named = [stop for walk in PAGE.walks.values() for stop in walk]
    assert len(named) > 30
    assert missing(named, walked(tmp_path)) == []


def test_each_file_of_the_page_is_linked() -> None:
    for shown, target in PAGE.links.items():
        assert (JOURNEY.parent / target).resolve() == ROOT / "src" / "regrow" / shown
        assert (JOURNEY.parent / target).exists(), target


def test_the_functions_of_the_last_table_exist() -> None:
    names = re.findall(r"`([A-Z]\w+\.\w+)`", TEXT.partition("## What else may happen")[2])
    functions = {
        f"{kind.name}.{inner.name}"
        for module in Package(ROOT / "src" / "regrow").modules.values()
        for kind in module.tree.body
        if isinstance(kind, ast.ClassDef)
        for inner in kind.body
        if isinstance(inner, FunctionNode)
    }
    assert len(names) > 5
    assert [name for name in names if name not in functions and name != "Done.due"] == []


def test_a_stop_in_the_wrong_place_is_missing() -> None:
    first, second, third = (Stop("file.py", name) for name in "abc")
    assert missing([first, second], [first, third, second]) == []
    assert missing([second, first, third], [first, second, third]) == [first]
