"""The prompt of `regrow shell` with IPython. It runs in a thread; its cells run on the application's event loop."""

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
    """IPython's shell, with cells that run as steps of the shell's process."""

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
        """Return False: IPython runs no event loop. Magics and system commands run in the prompt's thread.

        In the application's thread they would block its event loop.
        """
        self.in_this_thread = (transformed_cell or raw_cell).startswith("get_ipython().")
        return False

    def prompt_for_code(self) -> Any:
        """Read a cell from the user."""
        return self.read(super().prompt_for_code)

    def read(self, ask: Callable[[], Any]) -> Any:
        """Read a cell with `ask`. While the prompt is up Ctrl-C is a key; before and after it is a signal."""
        self.is_up = False
        if self.cells.reads(self.has_ended):
            print("KeyboardInterrupt", file=sys.stderr)
        session = self.session()
        if session is not None:
            # To print above the prompt, prompt_toolkit switches the terminal to cooked mode for a moment. In that moment
            # the terminal would take Ctrl-D for the end of a file, which is lost, and Ctrl-C for a signal.
            session.app.input.cooked_mode = session.app.input.raw_mode
            session.app.pre_run_callables.append(self.comes_up)
        try:
            return ask()
        finally:
            self.cells.has_read(pressed=self.is_interrupted())

    def session(self) -> Any:
        """Return the line editor, whose type IPython does not declare; None if the terminal cannot move its cursor."""
        shell: Any = self
        return shell.pt_app

    def comes_up(self) -> None:
        """Note that the prompt is up."""
        self.is_up = True

    def has_ended(self) -> bool:
        """Whether the prompt has read a whole cell, and is only being removed from the screen."""
        session = self.session()
        return self.is_up and session is not None and (session.app.future is None or session.app.future.done())

    def is_interrupted(self) -> bool:
        """Whether Ctrl-C was pressed after the cell while the terminal still read it as a key.

        The key is then in prompt_toolkit's buffer for the next prompt, or not read yet. Keys before it are dropped, as a
        terminal does at Ctrl-C; keys after it are kept for the next prompt.
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
        """Run one line of a cell; return whether it raised, as IPython's method does."""
        shell: Any = self  # IPython declares the types of half its attributes

        async def line() -> None:
            value = eval(code_obj, shell.user_global_ns, shell.user_ns)  # noqa: S307 - the user's own line
            if async_:
                await value

        try:
            if self.in_this_thread and not async_:
                exec(code_obj, shell.user_global_ns, shell.user_ns)  # noqa: S102 - the user's own line
            else:
                self.cells.run(line)
        except BaseException as error:
            if result is not None:
                result.error_in_exec = error
            self.show(error, code_obj)
            return True
        return False

    def show(self, error: BaseException, code: CodeType) -> None:
        """Show the exception of a cell; the traceback begins at the cell's own line."""
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
    """The prompt of one shell: its thread calls `run`, the application's thread calls `leave`."""

    def __init__(self, namespace: dict[str, Any], cells: Cells, banner: str) -> None:
        self.namespace = namespace
        self.cells = cells
        self.banner = banner
        self.shell: Any = None

    def run(self) -> None:
        """Read and run cells until the user leaves. It runs in a separate thread."""
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
        """Ask the prompt to end, from another thread. Call it again until the prompt's thread has ended."""
        if self.shell is None:
            return
        self.shell.ask_exit()
        session = self.shell.pt_app
        prompt = None if session is None else session.app
        if prompt is not None and prompt.is_running and prompt.loop is not None:
            prompt.loop.call_soon_threadsafe(_end, prompt)


def magic(word: str, shell: Any) -> Callable[..., Any]:
    """Return the function of `%time` or `%timeit` for this prompt; it takes a line, or a whole cell."""

    def run(line: str, cell: str | None = None) -> Any:
        return timed(word, f"{line}\n{cell}" if cell is not None else line, shell.user_ns, shell.cells, print)

    return run


def _end(prompt: Any) -> None:
    if prompt.is_running and not prompt.is_done:
        prompt.exit(exception=EOFError)
