"""`%time` and `%timeit` at the prompt of `regrow shell`: they measure a line on the application's event loop.

    %time await SimpleQueue.dequeue()         runs the line once, and returns its value
    %timeit await SimpleQueue.length()        runs it many times; -n loops and -r runs, as IPython has them

Both run in the shell's process, as other lines do, so that `await` works. IPython's own ones run in the prompt's thread.
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
LEAST_SECONDS: Final = 0.2  # of one run of `%timeit`
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
    """A parser that raises an exception where argparse would exit."""

    def error(self, message: str) -> NoReturn:
        """Raise an error for wrong options.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"%timeit [-n LOOPS] [-r RUNS] LINE: {message}")


def timed(word: str, line: str, namespace: dict[str, Any], cells: Cells, tell: Callable[[str], object]) -> Any:
    """Run `%time` or `%timeit` on a line; return the line's value for `%time`, and None for `%timeit`.

    Args:
        word: "time" or "timeit".
        line: the line, with the options of `%timeit`.
        namespace: the names of the shell.
        cells: runs the line in the shell's process.
        tell: prints the times.

    Raises:
        RuntimeError: the magic is inside another line, which runs in the shell's process already.
        SyntaxError: the line is not valid Python.
        ValueError: a wrong option.
    """
    if threading.get_ident() == cells.node.thread:
        raise RuntimeError(f"%{word} must be at the beginning of a line: inside a line it would wait for that line")
    return once(line, namespace, cells, tell) if word == "time" else often(line, namespace, cells, tell)


def once(line: str, namespace: dict[str, Any], cells: Cells, tell: Callable[[str], object]) -> Any:
    """Run a line once, print its time, and return its value."""
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
    """Run a line many times, and print the mean time and its deviation."""
    options = Options(prog="%timeit", add_help=False)
    options.add_argument("-n", type=int, default=0)
    options.add_argument("-r", type=int, default=RUNS)
    options.add_argument("rest", nargs=argparse.REMAINDER)
    words = line.split(maxsplit=4)
    count = next((place for place in range(0, len(words), 2) if words[place] not in ("-n", "-r")), len(words))
    wanted = options.parse_args(words[:count])
    if wanted.n < 0 or wanted.r < 1:
        raise ValueError(f"%timeit: wanted -n of 1 or more and -r of 1 or more; got -n {wanted.n} -r {wanted.r}")
    defined: dict[str, Any] = {}
    exec(looped(line.split(maxsplit=count)[count] if count < len(words) else ""), namespace, defined)  # noqa: S102
    run: Any = defined["timed"]

    async def cell() -> tuple[int, list[float]]:
        loops = wanted.n or 1
        while not wanted.n and await run(repeat(None, loops), time.perf_counter) < LEAST_SECONDS:
            loops *= 10 if loops < 10**9 else 1
        return loops, [await run(repeat(None, loops), time.perf_counter) / loops for _ in range(wanted.r)]

    loops, times = cells.run(cell)
    per_loop = f"{in_words(fmean(times))} ± {in_words(pstdev(times))} per loop"
    tell(f"{per_loop} (mean ± std. dev. of {len(times)} runs, {loops:,} loops each)")


def compiled(line: str) -> CodeType:
    """Compile a line that may have `await` at its top level; the code of an expression returns its value."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        return cast("CodeType", compile(line.strip(), FILE, "eval", flags))
    except SyntaxError:
        return cast("CodeType", compile(line, FILE, "exec", flags))


def looped(line: str) -> CodeType:
    """Return code that defines `timed`, a function that runs a line a number of times and returns the seconds.

    Raises:
        SyntaxError: the line is not valid Python.
        ValueError: there is no line.
    """
    body = ast.parse(line, FILE).body
    if not body:
        raise ValueError("%timeit [-n LOOPS] [-r RUNS] LINE: there is no line")
    tree = ast.parse(LOOP, FILE)
    function: Any = tree.body[0]
    function.body[1].body = body
    return compile(ast.fix_missing_locations(tree), FILE, "exec")


def in_words(seconds: float) -> str:
    """Return a time with three digits and its unit: `12.3 µs`."""
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
