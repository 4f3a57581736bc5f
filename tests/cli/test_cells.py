"""Ctrl-C at any moment between the end of a line and the next prompt: something hears it, once."""

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
    """Cells on a node of their own; what a prompt does is done in another thread."""

    def __init__(self, node: Node) -> None:
        self.told: list[str] = []
        self.cells = Cells(node, self.told.append)
        self.begun: list[str] = []

    async def enter(self, function: Callable[[], Awaitable[Any]]) -> Any:
        """One cell, as the prompt's thread runs it: what it gives, or the exception."""
        return await asyncio.to_thread(self.run, function)

    def run(self, function: Callable[[], Awaitable[Any]]) -> Any:
        try:
            return self.cells.run(function)
        except BaseException as error:
            return error

    async def seven(self) -> int:
        """A cell that notes that it has begun."""
        self.begun.append("seven")
        return 7

    def press(self) -> bool:
        """Ctrl-C, in the main thread, while no code of the cell is on the stack."""
        return self.cells.interrupt(None)


def on_a_bench(scenario: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario; in the end the shell's process is the one that there was, and serves."""

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
            assert bench.told == []
            bench.cells.close()

    asyncio.run(main())


def test_while_the_line_is_compiled() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(bool)
        bench.cells.has_read()
        assert bench.press()
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)
        assert bench.begun == []
        assert not bench.cells.reads(bool), "it was heard"

    on_a_bench(scenario)


def test_before_the_cells_first_step() -> None:
    async def scenario(bench: Bench) -> None:
        entered = asyncio.get_running_loop().run_in_executor(None, bench.run, bench.seven)
        while bench.cells.cell is None:
            time.sleep(0.001)  # noqa: ASYNC251 - the loop is to stand still: the cell is on its way to its process
        assert bench.press()
        assert isinstance(await entered, KeyboardInterrupt)
        assert bench.begun == []
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_while_it_computes() -> None:
    async def scenario(bench: Bench) -> None:
        async def computes() -> None:
            bench.cells.interrupt(inspect.currentframe())

        assert isinstance(await bench.enter(computes), KeyboardInterrupt)
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_while_a_server_works_that_it_has_called() -> None:
    """No exception is thrown into another process."""

    async def scenario(bench: Bench) -> None:
        async def elsewhere() -> None:
            bench.cells.interrupt(inspect.currentframe())

        async def calls() -> None:
            process.spawn(elsewhere)
            await process.receive()

        assert isinstance(await bench.enter(calls), KeyboardInterrupt)

    on_a_bench(scenario)


@pytest.mark.parametrize("rounds", range(4))
def test_while_it_waits(rounds: int) -> None:
    async def scenario(bench: Bench) -> None:
        async def waits() -> None:
            for _ in range(rounds):
                await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(bench.press)
            await process.receive()

        assert isinstance(await bench.enter(waits), KeyboardInterrupt)
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_in_the_moment_in_which_it_ends() -> None:
    """Its value stands; what else belongs to the entry does not begin."""

    async def scenario(bench: Bench) -> None:
        async def ends() -> str:
            assert bench.press()
            return "value"

        assert await bench.enter(ends) == "value"
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)
        assert bench.begun == []
        assert await bench.enter(bench.seven) == 7

    on_a_bench(scenario)


def test_when_its_answer_is_there_already() -> None:
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
        heard = isinstance(got, KeyboardInterrupt)
        assert bench.cells.reads(bool) is not heard, "it is heard once"

    on_a_bench(scenario)


def test_behind_the_last_cell() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(bool)
        bench.cells.has_read()
        assert await bench.enter(bench.seven) == 7
        assert bench.press()
        assert bench.cells.reads(bool), "the prompt says so"
        assert not bench.cells.reads(bool)

    on_a_bench(scenario)


def test_at_the_prompt_it_interrupts_nothing() -> None:
    async def scenario(bench: Bench) -> None:
        assert not bench.cells.reads(bool)
        assert not bench.press()
        bench.cells.has_read()
        assert await bench.enter(bench.seven) == 7

    on_a_bench(scenario)


def test_when_the_line_is_whole_and_the_prompt_is_being_taken_down() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(lambda: True)
        assert bench.press()
        bench.cells.has_read()
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)

    on_a_bench(scenario)


def test_when_it_was_typed_as_a_key_behind_the_line() -> None:
    async def scenario(bench: Bench) -> None:
        bench.cells.reads(bool)
        bench.cells.has_read(pressed=True)
        assert isinstance(await bench.enter(bench.seven), KeyboardInterrupt)

    on_a_bench(scenario)
