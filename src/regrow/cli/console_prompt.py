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
    """Python's console: reads lines, and runs them as steps of the shell's process."""

    def __init__(self, namespace: dict[str, Any], cells: Cells, banner: str) -> None:
        super().__init__(namespace, filename="<shell>")
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.namespace = namespace
        self.namespace.setdefault("__builtins__", builtins)  # typing needs it from Python 3.12 on
        self.cells = cells
        self.banner = banner
        self.prompting: str = ""
        self.line_at_ctrl_c: str = ""
        self.leaving: bool = False

    def run(self) -> None:
        """Read and run lines until the user leaves. It runs in a separate thread."""
        self.interact(self.banner, exitmsg="")

    def leave(self) -> None:
        """Read no further line. A read that is under way cannot be cancelled: the program exits without its end."""
        self.leaving = True

    def raw_input(self, prompt: str = "") -> str:
        """Read a line for the console.

        Raises:
            EOFError: the user leaves.
            KeyboardInterrupt: Ctrl-C came after the last line.
        """
        if self.leaving:
            raise EOFError
        self.line_at_ctrl_c = ""
        if self.cells.reads(self.note_line):
            raise KeyboardInterrupt  # the console prints it, and drops the lines of an unfinished entry
        self.prompting = prompt
        line = ""
        try:
            line = super().raw_input(prompt)
        finally:
            self.prompting = ""
            self.cells.has_read(pressed=line != "" and line == self.line_at_ctrl_c)
        if line.strip() in LEAVING:
            raise EOFError
        return line

    def note_line(self) -> bool:
        """Store the line that is being typed at Ctrl-C, and return False: the line is not complete.

        If `raw_input` then returns this same line, Ctrl-C came at its end or directly after it, and the line must not
        run. The line editor is written in C, and does not show which of both it was.
        """
        self.line_at_ctrl_c = typed()
        return False

    def runsource(self, source: str, filename: str = "<shell>", symbol: str = "single") -> bool:
        """Run a line if it is complete; return whether another line is needed."""
        word, _, rest = source.lstrip()[1:].partition(" ")
        if source.lstrip()[:1] == "%" and word.strip() in timed.WORDS:
            self.shown(lambda: self.timed(word.strip(), rest))
            return False
        try:
            if self.compile(source, filename, symbol) is None:
                return True
            if all(line.lstrip()[:1] in ("", "#") for line in source.splitlines()):
                return False  # an empty line or a comment, for which `compile` below would raise
            flags = self.compile.compiler.flags
            parsed = compile(source, filename, symbol, flags | ast.PyCF_ONLY_AST)
            self.runcode(compile(AwaitRewriter().visit(parsed), filename, symbol, flags))
        except (OverflowError, SyntaxError, ValueError) as error:
            self.write("".join(traceback.format_exception_only(error)))
        return False

    def runcode(self, code: CodeType) -> None:
        """Run a line in the shell's process, and show its exception."""

        async def line() -> None:
            value = FunctionType(code, self.namespace)()
            if isinstance(value, Awaitable):
                await value

        self.shown(lambda: self.cells.run(line), code)

    def timed(self, word: str, line: str) -> None:
        """Run `%time` or `%timeit`, as IPython has them."""
        value = timed.timed(word, line, self.namespace, self.cells, lambda text: self.write(f"{text}\n"))
        if value is not None:
            self.namespace["_"] = value
            self.write(f"{safe_repr(value)}\n")

    def shown(self, run: Callable[[], object], code: CodeType | None = None) -> None:
        """Call `run`, and show its exception; the traceback begins at the line's own code."""
        try:
            run()
        except (ShellEnded, NoSuchProcess) as error:
            self.write(f"{error}\n")
        except KeyboardInterrupt:
            self.write("KeyboardInterrupt\n")
        except BaseException as error:
            # The frames before the line's own belong to the console.
            trace = error.__traceback__
            while trace is not None and not (
                trace.tb_frame.f_code is code or (code is None and trace.tb_frame.f_code.co_filename == timed.FILE)
            ):
                trace = trace.tb_next
            sys.last_traceback = trace
            self.write("".join(traceback.format_exception(error.with_traceback(trace))))


class AbovePrompt:
    """A stream for log lines: text that is written while the user types appears above the prompt."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.console: ConsolePrompt | None = None

    def write(self, text: str) -> int:
        """Write a text, then show the prompt again with the line that is being typed; return the number of characters."""
        prompt = "" if self.console is None else self.console.prompting
        if not prompt or not self.stream.isatty():
            return self.stream.write(text)
        self.stream.write(f"\r\x1b[K{text}")
        if text.endswith("\n"):
            self.stream.write(prompt + typed())
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self.stream.isatty()


def typed() -> str:
    """Return the text of the line that is being typed; "" without readline."""
    readline = sys.modules.get("readline")
    return "" if readline is None else readline.get_line_buffer()
