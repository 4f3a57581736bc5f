"""`regrow shell`: it runs the application of a project, and a prompt inside it.

    main thread    the event loop: the application, and the process in which cells run
    a thread       the prompt: it reads a cell, waits for it, prints its value

Because the prompt has a separate thread, it stays usable while the application works, and the application keeps running
while the user types. Log lines appear above the prompt.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

import regrow
from regrow import Application, Node
from regrow.behaviours.application.stop_signals import StopSignals
from regrow.cli.cells import Cells
from regrow.cli.console_prompt import AbovePrompt, ConsolePrompt
from regrow.cli.project import Project, load_application, public_classes
from regrow.cli.run import counted, program
from regrow.cli.shell_commands import WORDS
from regrow.ops import logs
from regrow.program import run_on

LEAVE_SECONDS = 2.0  # time that the prompt has to restore the terminal
HELP = "tree()  kill(name)  whereis(name)  processes()  trace(name)  flush()   Ctrl-D stops it and exits"


class Prompt(Protocol):
    """The part of the shell that reads cells from the user."""

    def run(self) -> None:
        """Read and run cells until the user leaves."""
        ...

    def leave(self) -> None:
        """Stop reading, and restore the terminal."""
        ...


class NoApplication(Application):
    """The application of a project that has none: nothing runs but the shell."""


def is_of_the_project(record: logging.LogRecord) -> bool:
    """Whether a log record is shown: all are, but those of `NoApplication`."""
    return getattr(record.msg, "application", None) is not NoApplication


class Stderr:
    """The current `sys.stderr`, looked up at each use: IPython's prompt replaces it while it reads."""

    def write(self, text: str) -> int:
        """Write a text, and return the number of characters."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush the current standard error."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether standard error is a terminal."""
        return sys.stderr.isatty()


class Shell:
    """One run of `regrow shell`.

    Args:
        project: the project whose application runs.
        plain: whether to use Python's own console, even if IPython is installed.
    """

    def __init__(self, project: Project, *, plain: bool) -> None:
        self.project = project
        self.app: type[Application | NoApplication] = (
            load_application(project) if "application" in project.settings else NoApplication
        )
        self.with_ipython: bool = not plain and sys.stdin.isatty() and has_ipython()
        self.stream: Any = Stderr() if self.with_ipython else AbovePrompt(sys.stderr)
        self.node: Node = Node()
        self.cells: Cells = Cells(self.node, self.tell)
        self.prompt: Prompt | None = None
        self.thread: threading.Thread | None = None

    def tell(self, line: str) -> None:
        """Print a line above the prompt."""
        self.stream.write(f"{line}\n")
        self.stream.flush()

    async def run_prompt(self, stop_signals: StopSignals) -> None:
        """Start the prompt, and wait until the user leaves it."""
        self.cells.start()
        runs = "no application" if self.app is NoApplication else await counted(self.app)
        banner = f"regrow {regrow.__version__}: {self.project.package}, {runs}\n{HELP}"
        namespace = {name: getattr(regrow, name) for name in regrow.__all__} | public_classes(self.project) | WORDS
        self.prompt = self.make_prompt(namespace, banner)
        done = self.node.loop.create_future()

        def user_left() -> None:
            if not done.done():
                done.set_result(None)

        def read() -> None:
            try:
                self.prompt_of().run()
            except Exception:
                logging.getLogger("regrow.shell").exception("the shell's prompt raised an exception")
            finally:
                self.node.post(user_left)

        self.thread = threading.Thread(target=read, name="regrow shell", daemon=True)
        self.thread.start()
        await done
        stop_signals.ask()

    def prompt_of(self) -> Prompt:
        """Return the prompt; it exists before its thread starts."""
        assert self.prompt is not None
        return self.prompt

    def make_prompt(self, namespace: dict[str, Any], banner: str) -> Prompt:
        """Return a prompt with IPython, or with Python's own console."""
        if self.with_ipython:
            from regrow.cli.ipython_prompt import IPythonPrompt  # start-up: slow to import, and optional

            return IPythonPrompt(namespace, self.cells, banner)
        namespace["__name__"] = "__console__"
        if sys.stdin.isatty():
            import_quietly("readline")
        console = ConsolePrompt(namespace, self.cells, banner)
        self.stream.console = console
        return console

    async def end_prompt(self) -> None:
        """End the prompt, and wait until it has restored the terminal; then the last line can be printed."""
        self.cells.close()
        rounds = int(LEAVE_SECONDS / 0.05)
        while self.thread is not None and self.thread.is_alive() and self.prompt is not None and rounds:
            self.prompt.leave()
            if isinstance(self.prompt, ConsolePrompt):  # it waits for a line, which cannot be cancelled
                self.tell("")
                break
            await asyncio.sleep(0.05)
            rounds -= 1


def run_shell(project: Project, level: str, *, reports: bool, plain: bool) -> int:
    """Run a project's application with a prompt inside it, and return the exit code."""
    shell = Shell(project, plain=plain)
    handler = logs.configure(level, reports=reports, stream=shell.stream)
    if handler is not None:
        handler.addFilter(is_of_the_project)
    with terminal_as_it_was():
        code: int = run_on(
            shell.node,
            program(
                shell.app,
                project.package,
                shell.run_prompt,
                node=shell.node,
                interrupt=interrupting(shell),
                before_the_end=shell.end_prompt,
            ),
        )
    if shell.thread is not None and shell.thread.is_alive():
        # The thread still reads a line. At a normal exit Python would wait for it, or print an error.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def interrupting(shell: Shell) -> Callable[[FrameType | None], bool]:
    """Return the handler of Ctrl-C. It interrupts a cell and never stops the application: the key also clears a line."""

    def interrupt(frame: FrameType | None) -> bool:
        if not shell.cells.interrupt(frame):
            shell.node.post(shell.tell, "(Ctrl-D stops the application and exits)")
        return True

    return interrupt


@contextmanager
def terminal_as_it_was() -> Generator[None, None, None]:
    """Restore the terminal's settings at the end: a read that is still under way has changed them."""
    try:
        import termios

        before = termios.tcgetattr(sys.stdin)
    except Exception:  # no terminal, or a system without termios
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def has_ipython() -> bool:
    """Whether IPython can be imported."""
    return import_quietly("IPython.terminal.interactiveshell")


def import_quietly(name: str) -> bool:
    """Import a module that may be missing, and return whether it was found."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
