"""Ctrl-C at any moment between the end of a line and the next prompt takes effect once."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from regrow import Node, process
from regrow.cli.cells import Cells


class Bench:
    """Cells on a separate node; another thread acts as the prompt."""

    def __init__(self, node: Node) -> None:
        self.lines: list[str] = []
        self.cells = Cells(node, self.lines.append)
        self.begun: list[str] = []

    async def enter(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """Run a cell as the prompt's thread does; return its value, or the exception."""
        return await asyncio.to_thread(self.run, function)

    def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return self.cells.run(function)
        except BaseException as error:
            return error

    async def seven(self) -> int:
        """A cell that records that it has begun."""
        self.begun.append("seven")
        return 7

    def press(self) -> bool:
        """Press Ctrl-C in the main thread, while no code of the cell is on the stack."""
        return self.cells.interrupt(None)


def on_a_bench(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario; at the end the shell's process is still the same and works."""

    async def main() -> None:
        async with Node() as node:
            bench = Bench(node)
            bench.cells.start()
            pid = bench.cells.pid
            await scenario(bench)
            bench.cells.reads(bool)
            bench.cells.has_read()
            assert await bench.enter(bench.seven) == 7
            assert bench.cells.pid is pid
            assert bench.lines == []
            bench.cells.close()

    asyncio.run(main())


def test_ctrl_c_takes_effect_while_the_line_is_compiled() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(bool)
        bench.cells.has_read()
        assert bench.press()
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)
        assert bench.begun == []
        assert not bench.cells.reads(bool), "the key took effect"

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_before_the_first_step_of_the_cell() -> None:
    async def scenario(bench: Bench) -> None:
        entered = asyncio.get_running_loop().run_in_executor(None, bench.run, bench.seven)
        while bench.cells.cell is None:
            time.sleep(0.001)  # noqa: ASYNC251 - the loop is to stand still: the cell is on its way to its process
        assert bench.press()
        assert isinstance(await entered, KeyboardInterrupt)
        assert bench.begun == []
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_while_the_cell_computes() -> None:
    async def scenario(bench: Bench) -> None:
        async def computes() -> None:
            bench.cells.interrupt(inspect.currentframe())

        assert isinstance(await bench.enter(computes), KeyboardInterrupt)
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_while_the_cell_calls_a_busy_server() -> None:
    """The exception is not thrown into another process."""

    async def scenario(bench: Bench) -> None:
        async def elsewhere() -> None:
            bench.cells.interrupt(inspect.currentframe())

        async def calls() -> None:
            process.spawn(elsewhere)
            await process.receive()

        assert isinstance(await bench.enter(calls), KeyboardInterrupt)

    on_a_bench(scenario)


@pytest.mark.parametrize("rounds", range(4))
def test_ctrl_c_takes_effect_while_the_cell_waits(rounds: int) -> None:
    async def scenario(bench: Bench) -> None:
        async def waits() -> None:
            for _ in range(rounds):
                await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(bench.press)
            await process.receive()

        assert isinstance(await bench.enter(waits), KeyboardInterrupt)
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_at_the_moment_when_the_cell_ends() -> None:
    """The value of the cell is kept; the rest of the entry does not run."""

    async def scenario(bench: Bench) -> None:
        async def ends() -> str:
            assert bench.press()
            return "value"

        assert await bench.enter(ends) == "value"
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)
        assert bench.begun == []
        assert await bench.enter(bench.seven) == 7

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_when_the_reply_has_arrived() -> None:
    async def scenario(bench: Bench) -> None:
        async def answered() -> str:
            loop = asyncio.get_running_loop()
            loop.call_soon(process.send, process.current(), "answer")
            loop.call_soon(bench.press)
            return str(await process.receive(str))

        got = await bench.enter(answered)
        assert got == "answer" or isinstance(got, KeyboardInterrupt)
        assert bench.cells.pid is not None
        assert bench.cells.pid.process is not None
        took_effect = isinstance(got, KeyboardInterrupt)
        assert bench.cells.reads(bool) is not took_effect, "the key takes effect once"

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_after_the_last_cell() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(bool)
        bench.cells.has_read()
        assert await bench.enter(bench.seven) == 7
        assert bench.press()
        assert bench.cells.reads(bool), "the prompt reports it"
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_ctrl_c_at_the_prompt_interrupts_no_cell() -> None:
    async def scenario(bench: Bench) -> None:
        assert not bench.cells.reads(bool)
        assert not bench.press()
        bench.cells.has_read()
        assert await bench.enter(bench.seven) == 7

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_when_the_line_is_complete_and_the_prompt_closes() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(lambda: True)
        assert bench.press()
        bench.cells.has_read()
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)

    on_a_bench(scenario)


def test_ctrl_c_takes_effect_when_it_is_typed_as_a_key_after_the_line() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(bool)
        bench.cells.has_read(pressed=True)
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)

    on_a_bench(scenario)
