"""The parts of a twin: its blocks, the helpers, and the comparison with the transcript. `terms.py` prints terms.

A transcript in `transcripts/` is what the real BEAM (OTP 25, Elixir 1.14) printed when it ran a scenario. A twin,
`twins/NN_name.py`, is the same scenario in Python; `test_twins.py` runs each of its blocks on a separate node, in
virtual time, and compares its output with the transcript, line by line.

    twin = Twin("01_gs_call_cast_info")

    class S(GenServer[list[object]]):                          # defmodule S do
        def handle_call(self, request, from_, state):
            ev(f"call from {term(from_.pid)}", request)        # a line of the running process: <A> call from <main>: :a
            return Reply(("re", request), [*state, request])

    @twin.block("call, cast, info")                            # block("call, cast, info", fn ->
    async def call_cast_info() -> None:
        server = await S.start_link("arg")
        say("call", await call(server, "a"))                   # call: {:re, :a}
        say("stop", await result(stop(server)))                # :ok, {:ok, value}, :ignore or {:error, reason}
        await try_say("again", lambda: call(server, "x", 0.02))  # {:EXIT, reason} or {:ERROR, exception} if it raises

    for reason in ("normal", "oops"):                          # the same block, several times
        twin.add(f"stop {term(reason)}", stop_with, reason)

    twin.differs(                                              # a line that is different in Python, for a reason
        "block's title", "the line of the BEAM", "the line of regrow", because="the reason, a sentence"
    )
    twin.open_block("block's title", needs="Registry")         # the block needs a behaviour that does not exist yet

Strings are atoms: `"normal"` prints as `:normal`, `"Srv"` as `Srv`; a string on the BEAM is `Text("boom")`.
None is nil. Seconds print as milliseconds where OTP has milliseconds. Several lines that differ together may be
given as one text with line ends, and a line that is missing here as `None`. A named difference that no longer exists fails.
Each block runs in several orders, so that no line is in its place by chance. On the BEAM `say` lets other processes run;
here it does not, and a twin calls `await settle(1)` if that matters. If two lines race on the BEAM, too, the block is
`@twin.block(title, raced=True)` and runs in one order only.
The helpers take milliseconds (`settle(150)`), as in the scenarios; regrow takes seconds.

    <main>        the process that runs the block
    <A> <B> ...   other processes, lettered by first appearance in the block
    <a1> <a2>     generations of the `Child` with id "a" (a2 = after one restart)
    <ref 1> ...   references, requests and timers, numbered by first appearance
    <stack>       a stack trace
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from regrow import (
    ChildError,
    Down,
    Exit,
    Ignored,
    InvalidChild,
    InvalidFlags,
    Name,
    NoClause,
    Node,
    Pid,
    Ref,
    StartError,
    VirtualClock,
    process,
)
from regrow.kernel.exits import CallExit
from regrow.kernel.report import Report
from tests.oracle.page import Page, current_page, pages
from tests.oracle.terms import Raised, inspected

TRANSCRIPTS = Path(__file__).parent / "transcripts"
REAP_SECONDS = 1.0


def say(label: str, *value: Any) -> Any:
    """Print "label: term", or the label alone; returns the value."""
    current_page().print(f"{label}: {inspected(value[0])}" if value else label)
    return value[0] if value else None


def ev(text: str, *value: object) -> None:
    """Print an event of the running process: "<A> text" or "<A> text: term"."""
    shown = f"{process.current()!r} {text}"
    current_page().print(f"{shown}: {inspected(value[0])}" if value else shown)


def name(pid: Pid, word: str) -> Pid:
    """Let a pid print as <word> in this block."""
    current_page().names[repr(pid)] = word
    return pid


def generation(id: object) -> int:
    """Return the number of calls of this function for `id` in this block, with this one."""
    counts = current_page().generations
    counts[id] = counts.get(id, 0) + 1
    return counts[id]


# Helpers, named and timed as in the scenarios: in milliseconds


async def awaited(value: Any) -> Any:
    """Return a value, awaited if necessary."""
    return await value if inspect.isawaitable(value) else value


async def attempt(function: Callable[[], Any]) -> Any:
    """Return the result of a function, or ("EXIT", reason), or ("ERROR", exception). None becomes "ok"."""
    try:
        value = await awaited(function())
    except Exit as error:
        return ("EXIT", error.reason)
    except CallExit as error:
        return ("EXIT", error.reason)
    except Exception as error:
        return ("ERROR", Raised(error))
    return "ok" if value is None else value


async def try_say(label: str, function: Callable[[], Any]) -> Any:
    """Print the result of `attempt`."""
    return say(label, await attempt(function))


async def result(starting: Awaitable[Any]) -> Any:
    """Return OTP's result where regrow returns or raises: "ok", ("ok", value), "ignore" or ("error", reason)."""
    try:
        value = await starting
    except Ignored:
        return "ignore"
    except (StartError, ChildError, InvalidChild, InvalidFlags) as error:
        return ("error", error.reason)
    return "ok" if value is None else ("ok", value)


async def settle(milliseconds: float = 150) -> None:
    """Let time pass."""
    await process.sleep(milliseconds / 1000)


async def mailbox(milliseconds: float = 100) -> list[Any]:
    """Return all messages in the mailbox, oldest first, after waiting this long for the last one."""
    found: list[Any] = []
    while True:
        try:
            found.append(await process.receive(timeout=milliseconds / 1000))
        except TimeoutError:
            return found


async def down(ref: Ref, milliseconds: float = 2000) -> Any:
    """Return the reason in the `Down` of this monitor, or "no_down"."""
    try:
        message: Down = await process.receive(
            lambda message: isinstance(message, Down) and message.ref is ref, timeout=milliseconds / 1000
        )
    except TimeoutError:
        return "no_down"
    return message.reason


async def exit_reason_of(function: Callable[[], Any]) -> Any:
    """Run a function in a new process, wait for its end, and return its exit reason."""
    return await down(process.spawn_monitor(function)[1])


async def kill(pid_or_name: Any, reason: object = "kill") -> Any:
    """End a process, and wait until it has ended."""
    pid = process.whereis(pid_or_name)
    assert pid is not None, f"no process is {pid_or_name!r}"
    ref = process.monitor(pid)
    process.exit(pid, reason)
    return await down(ref)


async def until(condition: Callable[[], Any], tries: int = 200) -> str:
    """Wait, in steps of 5 ms, until a condition holds."""
    for _ in range(tries):
        if await awaited(condition()):
            return "ok"
        await settle(5)
    return "never"


async def await_new(named: Name, old: Pid | None) -> Pid:
    """Wait until the name belongs to a process other than `old`."""

    def is_new() -> bool:
        pid = process.whereis(named)
        return pid is not None and pid is not old

    await until(is_new)
    found = process.whereis(named)
    assert found is not None
    return found


# Logs


async def logs(milliseconds: float = 60) -> None:
    """Print the log since the last call, as text of Elixir's Logger. Only in a `Twin(…, logs="plain")`
    or "sasl", which is as `T.start_log(sasl: true)`: the reports of supervisors and of ended processes, too.
    """
    from tests.oracle.log_words import entry  # log_words imports this module

    await settle(milliseconds)
    page = current_page()
    records, page.reports = page.reports, []
    if not records:
        say("log: (nothing)")
    for record in records:
        level, text = entry(record)
        say(f"log [{level}] " + text.rstrip().replace("\n", "\n    "))


class Reports(logging.Handler):
    """A handler that keeps log records for the page of the running block; SASL's reports only with `sasl`."""

    def __init__(self, page: Page, sasl: bool) -> None:
        super().__init__()
        self.page = page
        self.hidden = () if sasl else ("regrow.proc_lib", "regrow.supervisor")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        if isinstance(record.msg, Report) and record.name not in self.hidden:
            self.page.reports.append(record)


# Twins


class Block:
    """One block of a scenario."""

    def __init__(self, title: str, function: Callable[..., Awaitable[None]] | None, args: tuple[Any, ...]) -> None:
        self.title = title
        self.function = function
        self.args = args
        self.needs = ""
        self.raced = False


class Difference:
    """One or more lines that are different in Python, for a reason."""

    def __init__(self, title: str, theirs: str, ours: str | None, because: str) -> None:
        self.title = title
        self.theirs = theirs.split("\n")
        self.ours = [] if ours is None else ours.split("\n")
        self.because = because


class Twin:
    """A scenario in Python.

    Args:
        scenario: the name of its transcript.
        logs: whether its blocks read the log: "plain", or "sasl" with all reports.
    """

    def __init__(self, scenario: str, *, logs: str = "") -> None:
        self.scenario = scenario
        self.logs = logs
        self.blocks: list[Block] = []
        self.differences: list[Difference] = []

    def block(
        self, title: str, *, raced: bool = False
    ) -> Callable[[Callable[[], Awaitable[None]]], Callable[[], Awaitable[None]]]:
        """Register the decorated function as the block with this title; `raced`: two lines may come in either order."""

        def added(function: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
            self.add(title, function)
            self.blocks[-1].raced = raced
            return function

        return added

    def add(self, title: str, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Add a block that runs `function(*args)`."""
        self.blocks.append(Block(title, function, args))

    def open_block(self, title: str, needs: str) -> None:
        """Add a block that needs a behaviour that does not exist yet."""
        block = Block(title, None, ())
        block.needs = needs
        self.blocks.append(block)

    def differs(self, title: str, theirs: str, ours: str | None, because: str) -> None:
        """Note that in the block with this title the BEAM prints `theirs`, and regrow prints `ours`."""
        assert because, "a difference has a reason"
        assert theirs != ours, f"this is no difference: {theirs}"
        self.differences.append(Difference(title, theirs, ours, because))

    def expected(self, title: str) -> list[str]:
        """Return the lines of the transcript, with the named differences applied."""
        lines = transcript(self.scenario)[title]
        for difference in self.differences:
            if difference.title == title:
                at = find_run(lines, difference.theirs)
                assert at is not None, f"{self.scenario}, {title!r}: the transcript has no line\n{difference.theirs[0]}"
                lines = lines[:at] + difference.ours + lines[at + len(difference.theirs) :]
        return lines

    def check(self, block: Block, seed: int | None = None) -> None:
        """Run a block in the order of a seed, and compare; a failure shows the first difference."""
        assert block.function is not None
        expected = self.expected(block.title)
        found = block_lines(block.function, block.args, self.logs, seed)
        if found != expected:
            parted = difflib.unified_diff(expected, found, "the transcript", "the twin", lineterm="", n=100)
            raise AssertionError(f"{self.scenario}: {block.title}\n" + "\n".join(parted))


def find_run(lines: Sequence[str], run_of: Sequence[str]) -> int | None:
    """Return the place of consecutive lines among other lines."""
    for at in range(len(lines) - len(run_of) + 1):
        if list(lines[at : at + len(run_of)]) == list(run_of):
            return at
    return None


def transcript(scenario: str) -> dict[str, list[str]]:
    """Return the blocks of a transcript in order: the lines below each title."""
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (TRANSCRIPTS / f"{scenario}.out").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            assert line[3:] not in blocks, f"{scenario}: two blocks have the title {line[3:]}"
            lines = blocks[line[3:]] = []
        else:
            lines.append(line)
    for found in blocks.values():
        while found and found[-1] == "":
            found.pop()
    return blocks


# Running a block


def block_lines(
    function: Callable[..., Awaitable[None]], args: tuple[Any, ...] = (), logs: str = "", seed: int | None = None
) -> list[str]:
    """Return the lines that a block prints, on a separate node."""
    page = Page()
    pages.append(page)
    handler = Reports(page, sasl=logs == "sasl")
    logger = logging.getLogger("regrow")
    level = logger.level
    if logs:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        with asyncio.Runner() as runner:
            runner.run(on_a_node(Node(clock=VirtualClock(), seed=seed), page, function, args))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        pages.pop()
    while page.lines and page.lines[-1] == "":
        page.lines.pop()
    return page.lines


async def on_a_node(node: Node, page: Page, function: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
    """Run a block on a fresh node in virtual time, and fail when nothing can go on."""
    clock = node.clock
    assert isinstance(clock, VirtualClock)
    async with node:
        gone = node.ended(node.launch(keep, (function, args), node.init))

        def stuck() -> None:
            if not gone.done():
                waiting = "\n".join(repr(one) for one in node.processes.values())
                printed = "\n".join(page.lines)
                gone.set_exception(AssertionError(f"all wait, and no timer is set:\n{waiting}\nprinted:\n{printed}"))

        clock.stuck = stuck
        reason = await gone
        if isinstance(reason, BaseException):
            raise reason
        assert reason == "normal", f"the block's keeper ended with {reason!r}"


async def keep(function: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
    """Start the block's process, wait for its end, and then for the ends of the processes linked to it."""

    linked: list[Pid] = []

    async def main() -> None:
        name(process.current(), "main")
        await function(*args)
        linked.extend(process.info(process.current(), "links"))
        raise Exit(("t_done", linked))

    pid, ref = process.spawn_monitor(main)
    assert pid.process is not None
    pid.process.lineage = None  # as on the BEAM, where a bare spawn keeps no record of the parent
    ended: Down = await process.receive(lambda message: isinstance(message, Down) and message.ref is ref)
    reason = ended.reason
    if reason == ("t_done", linked):
        for other in linked:
            await reap(other)
    elif isinstance(reason, BaseException) and not isinstance(reason, RuntimeError | NoClause):
        raise reason  # a mistake in the twin
    else:
        say("<main> exited", reason)


async def reap(pid: Pid) -> None:
    """Wait until a process that was linked to the block has ended; kill it after a second."""
    ref = process.monitor(pid)
    if await down(ref, REAP_SECONDS * 1000) == "no_down":
        await kill(pid)
