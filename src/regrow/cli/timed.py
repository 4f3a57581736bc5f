"""`%time` and `%timeit` at the prompt of `regrow shell`: how long a line takes, on the application's own loop.

    %time await SimpleQueue.dequeue()         once; gives the value of the line
    %timeit await SimpleQueue.length()        as often as it takes to know; -n loops and -r runs, as IPython has it

Both run in the shell's process, as any other line, so that `await` works. IPython's own run in the prompt's thread.
"""

from __future__ import annotations

import argparse
import ast
import threading
import time
from collections.abc import Callable
from itertools import repeat
from statistics import fmean, pstdev
from types import CodeType, FunctionType
from typing import Any, Final, NoReturn, cast

from regrow.cli.cells import Cells
from regrow.kernel.awaitables import is_awaitable

WORDS: Final = ("time", "timeit")
ENOUGH: Final = 0.2  # seconds that a run of `%timeit` takes at least
RUNS: Final = 7
FILE: Final = "<timed>"
LOOP: Final = """
async def timed(times, clock):
    begun = clock()
    for _ in times:
        pass
    return clock() - begun
"""


class Options(argparse.ArgumentParser):
    """Raises where argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"%timeit [-n LOOPS] [-r RUNS] LINE: {message}")


def timed(word: str, line: str, namespace: dict[str, Any], cells: Cells, tell: Callable[[str], object]) -> Any:
    """Do what `%time` or `%timeit` says; gives the value of the line, or None.

    Raises:
        RuntimeError: it stands within another line, which runs in the shell's process already.
        SyntaxError: the line is none of Python's.
        ValueError: a wrong option.
    """
    if threading.get_ident() == cells.node.thread:
        raise RuntimeError(f"%{word} stands at the beginning of a line here: what it times runs where this line does")
    return once(line, namespace, cells, tell) if word == "time" else often(line, namespace, cells, tell)


def once(line: str, namespace: dict[str, Any], cells: Cells, tell: Callable[[str], object]) -> Any:
    """Run a line and tell how long it took."""
    code = compiled(line)

    async def cell() -> tuple[Any, float, float]:
        begun, busy = time.perf_counter(), time.process_time()
        value: Any = FunctionType(code, namespace)()
        if is_awaitable(value):
            value = await value
        return value, time.perf_counter() - begun, time.process_time() - busy

    value, passed, busy = cells.run(cell)
    tell(f"CPU time: {in_words(busy)}\nWall time: {in_words(passed)}")
    return value


def often(line: str, namespace: dict[str, Any], cells: Cells, tell: Callable[[str], object]) -> None:
    """Run a line again and again, and tell how long it takes."""
    options = Options(prog="%timeit", add_help=False)
    options.add_argument("-n", type=int, default=0)
    options.add_argument("-r", type=int, default=RUNS)
    options.add_argument("rest", nargs=argparse.REMAINDER)
    words = line.split(maxsplit=4)
    count = next((place for place in range(0, len(words), 2) if words[place] not in ("-n", "-r")), len(words))
    wanted = options.parse_args(words[:count])
    if wanted.n < 0 or wanted.r < 1:
        raise ValueError(f"%timeit: wanted -n of 1 or more and -r of 1 or more; got -n {wanted.n} -r {wanted.r}")
    made: dict[str, Any] = {}
    exec(looped(line.split(maxsplit=count)[count] if count < len(words) else ""), namespace, made)  # noqa: S102
    run: Any = made["timed"]

    async def cell() -> tuple[int, list[float]]:
        loops = wanted.n or 1
        while not wanted.n and await run(repeat(None, loops), time.perf_counter) < ENOUGH:
            loops *= 10 if loops < 10**9 else 1
        return loops, [await run(repeat(None, loops), time.perf_counter) / loops for _ in range(wanted.r)]

    loops, times = cells.run(cell)
    told = f"{in_words(fmean(times))} ± {in_words(pstdev(times))} per loop"
    tell(f"{told} (mean ± std. dev. of {len(times)} runs, {loops:,} loops each)")


def compiled(line: str) -> CodeType:
    """A line as code that may await at its top; an expression gives its value."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return cast("CodeType", compile(line.strip(), FILE, "eval", flags))
    except SyntaxError:
        return cast("CodeType", compile(line, FILE, "exec", flags))


def looped(line: str) -> CodeType:
    """A function that runs a line so many times, and gives the seconds."""
    body = ast.parse(line, FILE).body
    if not body:
        raise ValueError("%timeit [-n LOOPS] [-r RUNS] LINE: there is no line")
    tree = ast.parse(LOOP, FILE)
    function: Any = tree.body[0]
    function.body[1].body = body
    return compile(ast.fix_missing_locations(tree), FILE, "exec")


def in_words(seconds: float) -> str:
    """A time with three digits: `12.3 µs`."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
