"""`regrow shell`: a prompt inside the running application.

    main thread    the event loop: the application, and the process in which cells run
    a thread       the prompt: it reads, waits for its cell, prints

The prompt in a thread of its own stays usable while the application works, and the application goes on while somebody
types. Log lines stand above the prompt.
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
from regrow.cli.cells import Cells
from regrow.cli.console_prompt import AbovePrompt, ConsolePrompt
from regrow.cli.project import Project, load_application, public_classes
from regrow.cli.run import counted, program
from regrow.cli.shell_commands import WORDS
from regrow.ops import logs
from regrow.program import StopSignals, run_on

LETTING_GO = 2.0  # seconds that the prompt has to give the terminal back
HELP = "tree()  kill(name)  whereis(name)  processes()  trace(name)  flush()   Ctrl-D stops it and leaves"


class Prompt(Protocol):
    """What reads cells from the user."""

    def run(self) -> None:
        """Read and run cells until the user leaves."""
        ...

    def leave(self) -> None:
        """Stop reading."""
        ...


class NoApplication(Application):
    """Stands where a project has no application: nothing runs but the shell."""


def is_of_the_project(record: logging.LogRecord) -> bool:
    """Whether a record is the user's to see: what stands for an application is not."""
    return getattr(record.msg, "application", None) is not NoApplication


class Stderr:
    """Standard error as it is now: a prompt exchanges it while it reads."""

    def write(self, text: str) -> int:
        """Write to whatever it is."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Let it be seen."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether somebody looks on."""
        return sys.stderr.isatty()


class Shell:
    """One `regrow shell`.

    Args:
        project: what it is about.
        plain: Python's own console, even where IPython is installed.
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
        """A line above the prompt."""
        self.stream.write(f"{line}\n")
        self.stream.flush()

    async def converse(self, stop_signals: StopSignals) -> None:
        """Start the prompt, and wait until the user leaves it."""
        self.cells.start()
        runs = "no application" if self.app is NoApplication else await counted(self.app)
        banner = f"regrow {regrow.__version__}: {self.project.package}, {runs}\n{HELP}"
        namespace = {name: getattr(regrow, name) for name in regrow.__all__} | public_classes(self.project) | WORDS
        self.prompt = self.make_prompt(namespace, banner)
        left = self.node.loop.create_future()

        def settled() -> None:
            if not left.done():
                left.set_result(None)

        def read() -> None:
            try:
                self.prompt_of().run()
            except Exception:
                logging.getLogger("regrow.shell").exception("the shell's prompt has ended")
            finally:
                self.node.post(settled)

        self.thread = threading.Thread(target=read, name="regrow shell", daemon=True)
        self.thread.start()
        await left
        stop_signals.ask()

    def prompt_of(self) -> Prompt:
        """The prompt, which is there from the moment its thread is."""
        assert self.prompt is not None
        return self.prompt

    def make_prompt(self, namespace: dict[str, Any], banner: str) -> Prompt:
        """IPython's prompt, or Python's own."""
        if self.with_ipython:
            from regrow.cli.ipython_prompt import IPythonPrompt  # start-up: heavy, and an extra

            return IPythonPrompt(namespace, self.cells, banner)
        namespace["__name__"] = "__console__"
        if sys.stdin.isatty():
            import_quietly("readline")
        console = ConsolePrompt(namespace, self.cells, banner)
        self.stream.console = console
        return console

    async def let_go(self) -> None:
        """Let the prompt give the terminal back before the last word is said."""
        self.cells.close()
        rounds = int(LETTING_GO / 0.05)
        while self.thread is not None and self.thread.is_alive() and self.prompt is not None and rounds:
            self.prompt.leave()
            if isinstance(self.prompt, ConsolePrompt):  # it waits for a line, and nothing can call that off
                self.tell("")
                break
            await asyncio.sleep(0.05)
            rounds -= 1


def run_shell(project: Project, level: str, *, reports: bool, plain: bool) -> int:
    """Run the application of a project behind a prompt; gives the exit code."""
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
                shell.converse,
                node=shell.node,
                interrupt=interrupting(shell),
                before_the_end=shell.let_go,
            ),
        )
    if shell.thread is not None and shell.thread.is_alive():
        # Python would wait for the line that is still being read, or break off with an error of its own.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def interrupting(shell: Shell) -> Callable[[FrameType | None], bool]:
    """What Ctrl-C does: interrupts a cell; it never stops the application, as it is the key to take a line back."""

    def interrupt(frame: FrameType | None) -> bool:
        if not shell.cells.interrupt(frame):
            shell.node.post(shell.tell, "(Ctrl-D stops the application and leaves)")
        return True

    return interrupt


@contextmanager
def terminal_as_it_was() -> Generator[None, None, None]:
    """Give the terminal its settings back, which a line that is still being read has changed."""
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
    """Whether IPython can be used."""
    return import_quietly("IPython.terminal.interactiveshell")


def import_quietly(name: str) -> bool:
    """Import a module that may be missing; whether it is there."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
