"""The prompt of `regrow shell` where IPython is installed. It runs in a thread; its cells run on the application's loop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from IPython.terminal.interactiveshell import TerminalInteractiveShell
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.keys import Keys
from traitlets.config import Config

from regrow.cli.cells import Cells, ShellEnded
from regrow.cli.shell_commands import AwaitRewriter, NoSuchProcess
from regrow.cli.timed import WORDS, timed


class Shell(TerminalInteractiveShell):
    """IPython, whose cells run as steps of the shell's process."""

    cells: Cells
    in_this_thread: bool = False
    is_up: bool = False

    def should_run_async(
        self,
        raw_cell: str,
        *,
        transformed_cell: Any = None,
        preprocessing_exc_tuple: Any = None,  # noqa: ARG002
    ) -> bool:
        """No event loop of IPython's own. Its magics, and what the system's shell does, must not hold up the application."""
        self.in_this_thread = (transformed_cell or raw_cell).startswith("get_ipython().")
        return False

    def prompt_for_code(self) -> Any:
        """Read a cell."""
        return self.read(super().prompt_for_code)

    def read(self, ask: Callable[[], Any]) -> Any:
        """Read a cell by `ask`. Ctrl-C is a key while the prompt is up, and a signal before and after."""
        self.is_up = False
        if self.cells.reads(self.has_ended):
            print("KeyboardInterrupt", file=sys.stderr)
        session = self.session()
        if session is not None:
            # What is drawn above the prompt would have the terminal's own line editing for a moment, which takes Ctrl-D
            # for an end of the file that nobody reads, and Ctrl-C for a signal. A key is a key as long as the prompt is up.
            session.app.input.cooked_mode = session.app.input.raw_mode
            session.app.pre_run_callables.append(self.comes_up)
        try:
            return ask()
        finally:
            self.cells.has_read(pressed=self.is_interrupted())

    def session(self) -> Any:
        """The line editor, of which IPython does not tell the type; None in a terminal that cannot move its cursor."""
        shell: Any = self
        return shell.pt_app

    def comes_up(self) -> None:
        """The prompt is there."""
        self.is_up = True

    def has_ended(self) -> bool:
        """Whether the prompt has what it was to read, and has only to be taken down."""
        session = self.session()
        return self.is_up and session is not None and (session.app.future is None or session.app.future.done())

    def is_interrupted(self) -> bool:
        """Whether Ctrl-C was pressed behind the cell while the terminal still took it for a key.

        The prompt has read it with the end of the line, and keeps it for the next prompt, or it lies where nobody reads
        before that. What was typed before it is forgotten, as a terminal does at Ctrl-C; what was typed behind it stays.
        """
        session = self.session()
        if session is None:
            return False
        keyboard: Any = session.app.input
        keys = [*get_typeahead(keyboard), *keyboard.read_keys(), *keyboard.flush_keys()]
        places = [place for place, key in enumerate(keys) if key.key == Keys.ControlC]
        store_typeahead(keyboard, keys[places[-1] + 1 :] if places else keys)
        return bool(places)

    async def run_code(self, code_obj: CodeType, result: Any = None, *, async_: bool = False) -> bool:
        """Run one line of a cell; true if it raised, as IPython has it."""
        shell: Any = self  # IPython tells the types of half its attributes

        async def line() -> None:
            value = eval(code_obj, shell.user_global_ns, shell.user_ns)  # noqa: S307 - what is typed is to be run
            if async_:
                await value

        try:
            if self.in_this_thread and not async_:
                exec(code_obj, shell.user_global_ns, shell.user_ns)  # noqa: S102 - the same
            else:
                self.cells.run(line)
        except BaseException as error:
            if result is not None:
                result.error_in_exec = error
            self.show(error, code_obj)
            return True
        return False

    def show(self, error: BaseException, code: CodeType) -> None:
        """Show what a cell has raised, from the cell's own line on."""
        if isinstance(error, ShellEnded | NoSuchProcess):
            print(error, file=sys.stderr)
            return
        if isinstance(error, KeyboardInterrupt):
            print("KeyboardInterrupt", file=sys.stderr)
            return
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code is not code:
            trace = trace.tb_next
        self.showtraceback((type(error), error, trace or error.__traceback__), tb_offset=0)


class IPythonPrompt:
    """The prompt, for its thread and for whoever wants it to end."""

    def __init__(self, namespace: dict[str, Any], cells: Cells, banner: str) -> None:
        self.namespace = namespace
        self.cells = cells
        self.banner = banner
        self.shell: Any = None

    def run(self) -> None:
        """Read and run cells until the user leaves. In a thread of its own."""
        settings = Config()
        settings.TerminalInteractiveShell.confirm_exit = False
        settings.TerminalInteractiveShell.term_title = False
        shell: Any = Shell.instance(config=settings, user_ns=self.namespace)
        shell.cells = self.cells
        for word in WORDS:
            shell.register_magic_function(magic(word, shell), "line_cell", word)
        shell.ast_transformers.append(AwaitRewriter())
        if shell.pt_app is None:  # a terminal that cannot move its cursor
            ask = shell.prompt_for_code
            shell.prompt_for_code = lambda: shell.read(ask)
        self.shell = shell
        print(self.banner, flush=True)
        shell.mainloop()

    def leave(self) -> None:
        """Let the prompt go, from another thread; to be asked again until it is gone."""
        if self.shell is None:
            return
        self.shell.ask_exit()
        session = self.shell.pt_app
        prompt = None if session is None else session.app
        if prompt is not None and prompt.is_running and prompt.loop is not None:
            prompt.loop.call_soon_threadsafe(_end, prompt)


def magic(word: str, shell: Any) -> Callable[..., Any]:
    """`%time` or `%timeit` for this prompt, also for a whole cell."""

    def run(line: str, cell: str | None = None) -> Any:
        return timed(word, f"{line}\n{cell}" if cell is not None else line, shell.user_ns, shell.cells, print)

    return run


def _end(prompt: Any) -> None:
    if prompt.is_running and not prompt.is_done:
        prompt.exit(exception=EOFError)
