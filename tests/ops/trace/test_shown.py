"""The forms in which a trace is shown."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from regrow import (
    CalleeExit,
    Down,
    Node,
    call,
    cast,
    process,
    send,
    stop,
    trace,
)
from regrow.ops.tracing import Event
from tests.ops.trace.stocks import Stock, me, stocked

pytestmark = pytest.mark.usefixtures("node")


async def test_a_trace_is_shown_as_a_table(node: Node) -> None:
    """The table has a line for each event, in columns."""
    await me()
    stock = await stocked()
    with trace(stock) as seen:
        await process.sleep(1.5)
        await call(stock, "x")
    here = process.current()
    mine, its = f"me {here!r}", f"stock {stock!r}"
    wide = max(len(mine), len(its))
    assert str(seen).splitlines() == [
        f" seconds  kind   {'who'.ljust(wide)}  {'whom'.ljust(wide)}  what",
        f"1.500000  call   {mine.ljust(wide)}  {its.ljust(wide)}  'x'",
        f"1.500000  reply  {its.ljust(wide)}  {mine.ljust(wide)}  'x'  (0.000000 s)",
    ]


async def test_a_trace_is_shown_as_json_lines(node: Node) -> None:
    """Each line is an object, with pids as text and their names beside them."""
    await me()
    stock = await stocked()
    with trace(stock) as seen:
        await call(stock, "ü")
        cast("nobody", 1)
        process.unlink(stock)
        process.exit(stock, "kill")
    first, second, *_, last = [json.loads(line) for line in seen.json_lines().splitlines()]
    mine, its = {"who": repr(process.current()), "who_name": "me"}, {"whom": repr(stock), "whom_name": "stock"}
    assert first == {"time": 0.0, "kind": "call", **mine, **its, "what": "'ü'", "call": 1}
    assert (second["kind"], second["call"], second["took"]) == ("reply", 1, 0.0)
    assert last == {"time": 0.0, "kind": "exit", "who": repr(stock), "who_name": "stock", "what": "'killed'"}


async def test_a_trace_is_shown_as_a_sequence_diagram(node: Node) -> None:
    """Each participant is named once, messages are arrows, other events are notes, and no value breaks the syntax."""
    await me()
    process.trap_exit(True)
    stock = await stocked()
    process.monitor(stock)
    with trace() as seen:
        send(stock, "a;b #1 <br> 100%")
        with pytest.raises(CalleeExit):
            await call(stock, "die")
    here = process.current()
    assert seen.mermaid().replace(repr(here)[1:-1], "ME").replace(repr(stock)[1:-1], "STOCK").splitlines() == [
        "sequenceDiagram",
        "    participant p1 as me #lt;ME#gt;",
        "    participant p2 as stock #lt;STOCK#gt;",
        "    p1-)p2: 'a#59;b #35;1 #lt;br#gt; 100#37;'",
        "    p1->>p2: 'die'",
        "    Note over p2: exit ValueError('sold out')",
        "    p2-xp1: signal ValueError('sold out')",
        "    p2--xp1: down ValueError('sold out')",
        "    Note over p1: fail ValueError('sold out')",
    ]


async def test_an_empty_trace_is_shown(node: Node) -> None:
    """A recording without events has a table, and a diagram, without lines."""
    seen = trace()
    assert seen.table() == "seconds  kind  who  whom  what"
    assert seen.mermaid() == "sequenceDiagram"
    assert seen.json_lines() == ""
    assert list(seen) == []


async def test_a_recording_changes_nothing(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """A traced program gives the same answers, ends in the same way, and prints nothing more."""
    caplog.set_level(logging.ERROR, "regrow.trace")

    async def program() -> list[object]:
        stock = await Stock.start(None)
        found: list[object] = [await call(stock, number) for number in range(5)]
        cast(stock, 1)
        ref = process.monitor(stock)
        await stop(stock)
        found.append((await process.receive(Down)).ref is ref)
        return found

    plain = await program()
    with trace():
        assert await program() == plain
    assert caplog.records == []


def test_an_event_is_data() -> None:
    """An event can be compared, and is immutable."""
    one = Event(0.0, "cast", "a", "b", "1")
    assert one == Event(0.0, "cast", "a", "b", "1")
    with pytest.raises(AttributeError):
        one.what = "2"  # type: ignore[misc]


SOURCE = """
from regrow import GenServer, Reply, call

class Echo(GenServer):
    def handle_call(self, request, from_, state):
        return Reply(request, state)

async def test_asks_for_it(node, trace):
    await call(await Echo.start_link(name="echo"), 1)
    assert not trace, "the first"

async def test_does_not(node):
    await call(await Echo.start_link(name="echo"), 2)
    raise ValueError("the second")

async def test_passes(node, trace):
    await Echo.start_link(name="quiet")
"""


@pytest.mark.parametrize("option", [[], ["--trace-processes"]])
def test_a_failing_test_shows_its_trace(tmp_path: Path, option: list[str]) -> None:
    """A failing test shows it if it uses the fixture or the option is given; a passing test never does."""
    (tmp_path / "test_it.py").write_text(SOURCE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-pno:randomly", "-pno:xdist", "-pno:cacheprovider", *option],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_ADDOPTS": "", "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    _, first, second = re.split(r"_{3,} test_(?:asks_for_it|does_not) _{3,}", done.stdout)
    assert "2 failed, 1 passed" in done.stdout
    assert re.search(r"call +test <0\.2\.0> +echo <0\.3\.0> +1\n", first)
    assert re.search(r"p\d-->>p\d: 1\n", first)
    assert first.count("exit") == 2  # a row and a note: of the test's process, and of no process that ends after it
    assert bool(re.search(r"call +test <0\.2\.0> +echo <0\.3\.0> +2\n", second)) == bool(option)
    assert "quiet" not in done.stdout
