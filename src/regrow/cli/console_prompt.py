"""The prompt of `regrow shell` without IPython: Python's own console, in a thread, with `await` at the prompt."""

from __future__ import annotations

import ast
import builtins
import code
import sys
import traceback
from collections.abc import Awaitable, Callable
from types import CodeType, FunctionType
from typing import Any, TextIO

from regrow.cli import timed
from regrow.cli.cells import Cells, ShellEnded
from regrow.cli.shell_commands import AwaitRewriter, NoSuchProcess
from regrow.kernel.bounded_repr import safe_repr

LEAVING = frozenset({"exit", "quit", "exit()", "quit()"})


class ConsolePrompt(code.InteractiveConsole):
    """Reads lines, and runs them as steps of the shell's process."""

    def __init__(self, namespace: dict[str, Any], cells: Cells, banner: str) -> None:
        super().__init__(namespace, filename="<shell>")
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.namespace = namespace
        self.namespace.setdefault("__builtins__", builtins)  # which typing looks up from Python 3.12 on
        self.cells = cells
        self.banner = banner
        self.prompting: str = ""
        self.taken_back: str = ""  # the line as it was at Ctrl-C
        self.leaving: bool = False

    def run(self) -> None:
        """Read and run lines until the user leaves. In a thread of its own."""
        self.interact(self.banner, exitmsg="")

    def leave(self) -> None:
        """No line is read any more. The one that is being read cannot be called off: the program leaves without it."""
        self.leaving = True

    def raw_input(self, prompt: str = "") -> str:
        """Read a line."""
        if self.leaving:
            raise EOFError
        self.taken_back = ""
        if self.cells.reads(self.note_line):
            raise KeyboardInterrupt  # the console says so, and forgets what was begun
        self.prompting = prompt
        line = ""
        try:
            line = super().raw_input(prompt)
        finally:
            self.prompting = ""
            self.cells.has_read(pressed=line != "" and line == self.taken_back)
        if line.strip() in LEAVING:
            raise EOFError
        return line

    def note_line(self) -> bool:
        """Ctrl-C, while a line is read: if that very line is then to be run, it was pressed at its end or just behind.

        Nobody can tell which, as the terminal's editor is in C; and Ctrl-C at its end takes it back, too.
        """
        self.taken_back = typed()
        return False

    def runsource(self, source: str, filename: str = "<shell>", symbol: str = "single") -> bool:
        """Run a line, if it is whole; true if more of it is wanted."""
        word, _, rest = source.lstrip()[1:].partition(" ")
        if source.lstrip()[:1] == "%" and word.strip() in timed.WORDS:
            self.shown(lambda: self.timed(word.strip(), rest))
            return False
        try:
            if self.compile(source, filename, symbol) is None:
                return True
            if all(line.lstrip()[:1] in ("", "#") for line in source.splitlines()):
                return False  # an empty line or a comment, which `compile` alone does not take
            flags = self.compile.compiler.flags
            parsed = compile(source, filename, symbol, flags | ast.PyCF_ONLY_AST)
            self.runcode(compile(AwaitRewriter().visit(parsed), filename, symbol, flags))
        except (OverflowError, SyntaxError, ValueError) as error:
            self.write("".join(traceback.format_exception_only(error)))
        return False

    def runcode(self, code: CodeType) -> None:
        """Run a line in the shell's process, and show what it raises."""

        async def line() -> None:
            value = FunctionType(code, self.namespace)()
            if isinstance(value, Awaitable):
                await value

        self.shown(lambda: self.cells.run(line), code)

    def timed(self, word: str, line: str) -> None:
        """`%time` and `%timeit`, which IPython's users know."""
        value = timed.timed(word, line, self.namespace, self.cells, lambda text: self.write(f"{text}\n"))
        if value is not None:
            self.namespace["_"] = value
            self.write(f"{safe_repr(value)}\n")

    def shown(self, run: Callable[[], object], code: CodeType | None = None) -> None:
        """Do something in the shell's process, and show what it raises, from the line's own code on."""
        try:
            run()
        except (ShellEnded, NoSuchProcess) as error:
            self.write(f"{error}\n")
        except KeyboardInterrupt:
            self.write("KeyboardInterrupt\n")
        except BaseException as error:
            # The frames above the line itself are the console's own.
            trace = error.__traceback__
            while trace is not None and not (
                trace.tb_frame.f_code is code or (code is None and trace.tb_frame.f_code.co_filename == timed.FILE)
            ):
                trace = trace.tb_next
            sys.last_traceback = trace
            self.write("".join(traceback.format_exception(error.with_traceback(trace))))


class AbovePrompt:
    """A stream for log lines: what comes while a line is being typed stands above it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.console: ConsolePrompt | None = None

    def write(self, text: str) -> int:
        """Write, and show the prompt again with what has been typed so far."""
        prompt = "" if self.console is None else self.console.prompting
        if not prompt or not self.stream.isatty():
            return self.stream.write(text)
        self.stream.write(f"\r\x1b[K{text}")
        if text.endswith("\n"):
            self.stream.write(prompt + typed())
        return len(text)

    def flush(self) -> None:
        """Let it be seen."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether somebody looks on."""
        return self.stream.isatty()


def typed() -> str:
    """What stands on the line that is being typed."""
    readline = sys.modules.get("readline")
    return "" if readline is None else readline.get_line_buffer()
