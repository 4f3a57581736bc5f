"""Run a document as its reader would: from its first snippet to its last, at one prompt, in a separate folder.

    ```python     statements, with `await` at the top level; all of a document's share one namespace.
                  One that begins with the name of a file, `# src/shop/cart.py`, becomes that file instead.
    ```pycon      a session: what it logs, prints and raises is compared, "..." stands for anything.
    ```console    commands, each after "$ ": run in the document's folder, their output compared in the same way;
                  a time of a log line and a duration match any other, and "====" any longer rule.

The prompt is that of `regrow shell`: each entry is a step of the shell's process, which a link may end, and then a new
one takes its place. Its time is virtual: it passes only while an entry waits, and then at once. Commands alone run in
real time.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import doctest
import importlib
import inspect
import io
import logging
import os
import re
import shlex
import subprocess
import sys
import tomllib
import traceback
from collections.abc import Awaitable, Generator, Iterator
from datetime import datetime
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from regrow import Node, VirtualClock, process
from regrow.cli.cells import Cell, Cells, ShellEnded
from regrow.cli.shell_commands import WORDS, AwaitRewriter
from regrow.ops import logs
from tests.snippets.markdown import Snippet

FILE = re.compile(r"^# (?P<path>(?:[\w.-]+/)*[\w-]+\.\w+)\n")
FLAGS = doctest.ELLIPSIS
PATIENCE = 50.0  # seconds of one command
LONGEST = 7 * 24 * 3600.0  # seconds of the document's clock, the longest jump of it
COMMANDS = {"regrow", "python"}
# Parts of a command's output that differ in each run: a document shows those of one run.
MEASURED = [
    (re.compile(r"^\d\d:\d\d:\d\d\.\d\d\d(?= \[)", re.MULTILINE), "00:00:00.000"),
    (re.compile(r"\b\d+\.\d\ds( \(\d+:\d\d:\d\d\))?"), "0.00s"),
    (re.compile(r"={4,}"), "===="),
]
TRACEBACK = "Traceback (most recent call last):\n"
CHECKER = doctest.OutputChecker()


class SnippetFailed(AssertionError):
    """A snippet gives another result than the document shows."""


def unmeasured(output: str) -> str:
    """Return a command's output with the same value in place of each time, duration and rule."""
    for pattern, value in MEASURED:
        output = pattern.sub(value, output)
    return output


def is_of_this_session(record: logging.LogRecord) -> bool:
    """Return False for what asyncio logs when the collector finds a future that an earlier test has dropped."""
    return record.name != "asyncio" or "never retrieved" not in record.getMessage()


class Document:
    """A document that is run, with its folder and its prompt."""

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.folder = folder
        self.clock = VirtualClock(jump=False)
        self.node = Node(clock=self.clock)
        self.cells = Cells(self.node, self.print_line)
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, **WORDS}
        self.printed = io.StringIO()

    def run(self, found: list[Snippet]) -> None:
        """Run all snippets, in order.

        Raises:
            SnippetFailed: the result of a snippet differs from the document.
        """
        with (
            contextlib.redirect_stdout(self.printed),
            self.logged(),
            self.importing(),
            asyncio.Runner() as runner,
        ):
            runner.run(self.run_all(found))

    async def run_all(self, found: list[Snippet]) -> None:
        """Run all snippets on the document's node."""
        async with self.node:
            self.cells.start()
            try:
                for snippet in found:
                    if not snippet.reason:
                        await self.run_snippet(snippet)
            finally:
                self.cells.close()

    def print_line(self, line: str) -> None:
        """Keep a line that the shell prints."""
        self.printed.write(f"{line}\n")

    async def run_snippet(self, snippet: Snippet) -> None:
        """Run one snippet according to its language."""
        match snippet.language:
            case "python" if named := FILE.match(snippet.text):
                path = self.folder / named["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(snippet.text, encoding="utf-8")
                self.forget_modules()
            case "python":
                await self.run_statements(snippet)
            case "pycon":
                for example in doctest.DocTestParser().get_examples(snippet.text, snippet.at()):
                    await self.run_example(snippet, example)
            case "console":
                for command, wanted, offset in commands(snippet):
                    got = self.run_command(snippet.at(offset), command)
                    self.compare(snippet.at(offset), command, unmeasured(wanted), unmeasured(got))
            case "toml":
                tomllib.loads(snippet.text)
            case _:
                pass

    async def run_statements(self, snippet: Snippet) -> None:
        """Run a block of statements; its output is ignored."""
        try:
            await self.execute(snippet, snippet.text, "exec", snippet.line)
        except Exception as error:
            trace = "".join(traceback.format_exception(error))
            raise SnippetFailed(f"{snippet.at()}: this block raised\n{trace}") from None
        self.printed.truncate(self.printed.seek(0))

    async def run_example(self, snippet: Snippet, example: doctest.Example) -> None:
        """Run one `>>>` of a session and compare what it logs, prints and raises."""
        where = snippet.at(example.lineno)
        raised = ""
        trace = ""
        try:
            await self.execute(snippet, example.source, "single", snippet.line + example.lineno)
        except Exception as error:
            raised = f"{type(error).__name__}: {error}\n"
            trace = "".join(traceback.format_exception(error))
        printed = self.printed.getvalue()
        self.printed.truncate(self.printed.seek(0))
        wanted, header, after = example.want.partition(TRACEBACK)
        if raised and not header:
            raise SnippetFailed(f"{where}: this raised\n    {example.source}{printed}{trace}")
        # The indented lines of a traceback are for the reader; only the exception is compared.
        self.compare(where, example.source, wanted + re.sub(r"\A(?: .*\n)*", "", after), printed + raised)

    async def execute(self, snippet: Snippet, source: str, mode: str, line: int) -> None:
        """Compile a block with the line numbers of the document, for tracebacks, and run it as the shell would."""
        name = "<shell>" if mode == "single" else snippet.name
        tree: Any = compile(source, name, mode, ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if mode == "single":
            tree = AwaitRewriter().visit(tree)
        else:
            ast.increment_lineno(tree, line - 1)
        code: Any = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert isinstance(code, CodeType)
        function = FunctionType(code, self.names)

        def entry() -> Awaitable[object]:
            result: object = function()
            return result if inspect.iscoroutine(result) else nothing()

        cell = self.cells.cell = Cell(entry)
        self.clock.jump = True
        try:
            assert self.cells.pid is not None
            process.send(self.cells.pid, cell)
            await asyncio.wait_for(asyncio.wrap_future(cell.done), LONGEST)
        except ShellEnded as ended:
            self.print_line(str(ended))
        except TimeoutError:
            if cell.done.done() and not cell.done.cancelled():
                raise
            raise SnippetFailed(f"{snippet.name}:{line}: this does not end\n    {source}") from None
        finally:
            self.clock.jump = False
            self.cells.cell = None

    def run_command(self, where: str, command: str) -> str:
        """Run one command in the document's folder; `cd` also affects later commands."""
        words = shlex.split(command)
        if words[0] == "cd":
            self.folder = self.folder / words[1]
            sys.path.insert(0, str(self.folder / "src"))
            return ""
        if words[0] not in COMMANDS:
            raise SnippetFailed(f"{where}: a document may run {', '.join(sorted(COMMANDS))} and cd; got {command}")
        done = subprocess.run(
            [str(Path(sys.executable).parent / words[0]), *words[1:]],
            cwd=self.folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout

    def compare(self, where: str, source: str, wanted: str, got: str) -> None:
        """Fail and show the difference if the output differs from the document."""
        wanted, got = (re.sub(r"[ \t]+\n", "\n", f"{text.rstrip()}\n").lstrip("\n") for text in (wanted, got))
        got = got.replace(str(self.top.resolve()), "…")
        if CHECKER.check_output(wanted, got, FLAGS):
            return
        example = doctest.Example(source, wanted)
        difference = CHECKER.output_difference(example, got, FLAGS | doctest.REPORT_NDIFF)
        raise SnippetFailed(f"{where}: the result differs from the document\n    {source}\n{difference}")

    @contextlib.contextmanager
    def logged(self) -> Generator[None]:
        """Log as `regrow run` does, but into the output of the session, and with the time of the document's node."""
        logger = logging.getLogger()
        handler = logging.StreamHandler(self.printed)
        handler.setFormatter(logs.Formatter())
        handler.addFilter(logs.WithoutDetails())
        handler.addFilter(self.at_virtual_time)
        handler.addFilter(is_of_this_session)
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)

    def at_virtual_time(self, record: logging.LogRecord) -> bool:
        """Set the time of a record to the document's time, which begins at noon."""
        noon = datetime(2001, 1, 1, 12).timestamp()  # noqa: DTZ001 (local, as logging shows it)
        record.created = noon + self.clock.now() - VirtualClock().now()
        record.msecs = round(record.created % 1.0 * 1000.0)
        return True

    @contextlib.contextmanager
    def importing(self) -> Generator[None]:
        """Allow imports of modules from the document's folder, and remove these modules at the end."""
        path = list(sys.path)
        try:
            yield
        finally:
            sys.path[:] = path
            self.forget_modules()

    def forget_modules(self) -> None:
        """Remove the modules that were imported from the document's folder, as a new shell has none."""
        importlib.invalidate_caches()
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(self.top)):
                del sys.modules[name]


def commands(snippet: Snippet) -> Iterator[tuple[str, str, int]]:
    """Return the commands of a block, each with its expected output and its line."""
    command, wanted, at = "", "", 0
    for offset, line in enumerate(snippet.text.splitlines()):
        if line.startswith("$ "):
            if command:
                yield command, wanted, at
            command, wanted, at = line[2:].partition("  #")[0].strip(), "", offset
        elif not command:
            raise SnippetFailed(f"{snippet.at(offset)}: a console block begins with a command, after '$ '")
        else:
            wanted += f"{line}\n"
    yield command, wanted, at


def _environment() -> dict[str, str]:
    """Return the environment of a command, without the variables of the test run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "REGROW", "COV"))}
    return {**kept, "PYTHONPATH": "", "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}


async def nothing() -> None:
    """Return at once, for a snippet that awaits nothing."""
