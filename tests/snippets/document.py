"""Runs a document as its reader would: from its first snippet to its last, at one prompt, in a folder of its own.

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
LONGEST = 7 * 24 * 3600.0  # seconds of the document's clock, which jumps so far where all wait for nothing else
COMMANDS = {"regrow", "python"}
# Parts of a command's output that differ from run to run: a document shows those of one run.
MEASURED = [
    (re.compile(r"^\d\d:\d\d:\d\d\.\d\d\d(?= \[)", re.MULTILINE), "00:00:00.000"),
    (re.compile(r"\b\d+\.\d\ds( \(\d+:\d\d:\d\d\))?"), "0.00s"),
    (re.compile(r"={4,}"), "===="),
]
TRACEBACK = "Traceback (most recent call last):\n"
CHECKER = doctest.OutputChecker()


class SnippetFailed(AssertionError):
    """A snippet does not do what the document says."""


def unmeasured(output: str) -> str:
    """Return a command's output with the same value in place of each time, duration and rule."""
    for pattern, value in MEASURED:
        output = pattern.sub(value, output)
    return output


class Document:
    """A document that is being run."""

    def __init__(self, folder: Path) -> None:
        self.top = folder
        self.folder = folder
        self.clock = VirtualClock(jump=False)
        self.node = Node(clock=self.clock)
        self.cells = Cells(self.node, self.tell)
        self.names: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins, **WORDS}
        self.printed = io.StringIO()

    def run(self, found: list[Snippet]) -> None:
        """Run all snippets, in order.

        Raises:
            SnippetFailed: one of them does something else than the document says.
        """
        with (
            contextlib.redirect_stdout(self.printed),
            self.logged(),
            self.importing(),
            asyncio.Runner() as runner,
        ):
            runner.run(self.run_all(found))

    async def run_all(self, found: list[Snippet]) -> None:
        """The same, on the document's node."""
        async with self.node:
            self.cells.start()
            try:
                for snippet in found:
                    if not snippet.reason:
                        await self.run_snippet(snippet)
            finally:
                self.cells.close()

    def tell(self, line: str) -> None:
        """What the shell has to say."""
        self.printed.write(f"{line}\n")

    async def run_snippet(self, snippet: Snippet) -> None:
        """Run one, in the way of its language."""
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
        """Run a block of statements; what it prints is nobody's business."""
        try:
            await self.execute(snippet, snippet.text, "exec", snippet.line)
        except Exception as error:
            told = "".join(traceback.format_exception(error))
            raise SnippetFailed(f"{snippet.at()}: this block raised\n{told}") from None
        self.printed.truncate(self.printed.seek(0))

    async def run_example(self, snippet: Snippet, example: doctest.Example) -> None:
        """Run one `>>>` of a session and compare what it logs, prints and raises."""
        where = snippet.at(example.lineno)
        raised = ""
        told = ""
        try:
            await self.execute(snippet, example.source, "single", snippet.line + example.lineno)
        except Exception as error:
            raised = f"{type(error).__name__}: {error}\n"
            told = "".join(traceback.format_exception(error))
        printed = self.printed.getvalue()
        self.printed.truncate(self.printed.seek(0))
        wanted, header, after = example.want.partition(TRACEBACK)
        if raised and not header:
            raise SnippetFailed(f"{where}: this raised\n    {example.source}{printed}{told}")
        # Where it was raised, in the indented lines, is told for the eye; what was raised is compared.
        self.compare(where, example.source, wanted + re.sub(r"\A(?: .*\n)*", "", after), printed + raised)

    async def execute(self, snippet: Snippet, source: str, mode: str, line: int) -> None:
        """Compile a block with the document's own lines, so that a traceback shows them, and run it as the shell would."""
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
            self.tell(str(ended))
        except TimeoutError:
            if cell.done.done() and not cell.done.cancelled():
                raise
            raise SnippetFailed(f"{snippet.name}:{line}: this does not end\n    {source}") from None
        finally:
            self.clock.jump = False
            self.cells.cell = None

    def run_command(self, where: str, command: str) -> str:
        """Run one command in the document's folder; `cd` stays for those after it."""
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
        """Fail, and show the difference, unless it is what the document says."""
        wanted, got = (re.sub(r"[ \t]+\n", "\n", f"{text.rstrip()}\n").lstrip("\n") for text in (wanted, got))
        got = got.replace(str(self.top.resolve()), "…")
        if CHECKER.check_output(wanted, got, FLAGS):
            return
        example = doctest.Example(source, wanted)
        difference = CHECKER.output_difference(example, got, FLAGS | doctest.REPORT_NDIFF)
        raise SnippetFailed(f"{where}: this does something else than the document says\n    {source}\n{difference}")

    @contextlib.contextmanager
    def logged(self) -> Generator[None]:
        """Log as `regrow run` does, but into what the session prints, and with the time of the document's node."""
        logger = logging.getLogger()
        handler = logging.StreamHandler(self.printed)
        handler.setFormatter(logs.Formatter())
        handler.addFilter(logs.WithoutDetails())
        handler.addFilter(self.at_virtual_time)
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)

    def at_virtual_time(self, record: logging.LogRecord) -> bool:
        """Let a record tell the document's time, which begins at noon."""
        noon = datetime(2001, 1, 1, 12).timestamp()  # noqa: DTZ001 (local, as logging shows it)
        record.created = noon + self.clock.now() - VirtualClock().now()
        record.msecs = round(record.created % 1.0 * 1000.0)
        return True

    @contextlib.contextmanager
    def importing(self) -> Generator[None]:
        """Let modules be imported from the document's folder, and forget them at the end."""
        path = list(sys.path)
        try:
            yield
        finally:
            sys.path[:] = path
            self.forget_modules()

    def forget_modules(self) -> None:
        """Begin anew with what was imported from the document's folder, as a shell that is started again does."""
        importlib.invalidate_caches()
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(self.top)):
                del sys.modules[name]


def commands(snippet: Snippet) -> Iterator[tuple[str, str, int]]:
    """The commands of a block, each with the output that is to follow and the line it stands at."""
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
    """What a command sees of ours: nothing of the test run that it is a part of."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "REGROW", "COV"))}
    return {**kept, "PYTHONPATH": "", "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUNBUFFERED": "1"}


async def nothing() -> None:
    """What is awaited where there is nothing to await."""
