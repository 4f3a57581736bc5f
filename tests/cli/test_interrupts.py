"""Ctrl-C and Ctrl-D at the prompts of `regrow shell`, at many moments, in a real terminal: no key is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

ROUNDS = int(os.environ.get("REGROW_INTERRUPTS", "12"))  # presses at each prompt; use hundreds to look for a race
WAITS_FOR_EVER = "await process.receive()"
ANSWERS = {"IPython": r"In \[\d+\]: ", "plain": r">>> "}
NOISY = """
    import logging
    from regrow import Application, GenServer, Ok, NoReply, Supervisor, process


    class Noise(GenServer):
        def init(self, _arg):
            return Ok(0, 0.003)

        def handle_info(self, _message, count):
            logging.getLogger("noise").warning("line %d", count)
            return NoReply(count + 1, 0.003)


    class Stages(Application):
        async def start(self, _kind, _args):
            return await Supervisor.start_link([Noise])
"""


def opened(kind: str, terminal: Callable[..., Terminal], cwd: Path) -> Terminal:
    """Return the shell when its prompt is ready."""
    shell = terminal("shell", *(["--plain"] if kind == "plain" else []), cwd=cwd)
    shell.expect("Ctrl-D stops it and exits")
    shell.expect(ANSWERS[kind])
    return shell


@pytest.mark.parametrize("kind", ANSWERS)
def test_ctrl_c_after_a_line_takes_effect(
    kind: str, terminal: Callable[..., Terminal], project: Callable[..., Path]
) -> None:
    """Press it with the line, while it is compiled, at the cell's first step, while the cell waits."""
    shell = opened(kind, terminal, project(None))
    for number in range(ROUNDS):
        pause = (number % 12) ** 2 / 1000  # up to 0.12 s
        if pause:
            shell.enter(WAITS_FOR_EVER)
            time.sleep(pause)
            shell.press("c")
        else:
            shell.child.send(f"{WAITS_FOR_EVER}\r\x03")
        shell.expect(r"KeyboardInterrupt|\(Ctrl-D stops")  # a line that the terminal still holds is discarded
        shell.enter(f"print('round', {number}, 'over')")
        shell.expect(f"round {number} over", patience=20.0)
        shell.expect(ANSWERS[kind])


SLOW_LINE = (
    "import os, threading, time; from prompt_toolkit.application import run_in_terminal; app = get_ipython().pt_app.app; "
    "draw = lambda: run_in_terminal(lambda: (os.write(1, b'a line is' + b' drawn'), time.sleep(1.5))); "
    "threading.Timer(1.0, lambda: app.loop.call_soon_threadsafe(draw)).start()"
)


def while_a_line_is_drawn(shell: Terminal, typed: str = "") -> None:
    """Draw a line above the prompt slowly, as log lines are drawn; return while it is being drawn."""
    shell.enter(SLOW_LINE)
    shell.expect(ANSWERS["IPython"])
    shell.child.send(typed)
    shell.expect("a line is drawn", patience=20.0)


def test_ctrl_d_while_a_line_is_drawn_above_the_prompt_takes_effect(
    terminal: Callable[..., Terminal], project: Callable[..., Path]
) -> None:
    shell = opened("IPython", terminal, project(None))
    while_a_line_is_drawn(shell)
    shell.press("d")
    assert shell.exit_code() == 0


def test_ctrl_c_while_a_line_is_drawn_above_the_prompt_discards_the_typed_line(
    terminal: Callable[..., Terminal], project: Callable[..., Path]
) -> None:
    shell = opened("IPython", terminal, project(None))
    while_a_line_is_drawn(shell, "print('not to be', 'seen')")
    shell.press("c")
    shell.enter("print('this', 'is')")
    shell.expect("this is\n", patience=20.0)
    assert "not to be seen" not in shell.seen


def test_ctrl_d_among_many_lines_takes_effect(terminal: Callable[..., Terminal], project: Callable[..., Path]) -> None:
    folder = project(application=NOISY)
    for number in range(max(2, ROUNDS // 6)):
        shell = opened("IPython", terminal, folder)
        time.sleep(0.005 * number)
        shell.press("d")
        shell.expect("stages stopped")
        assert shell.exit_code() == 0


def test_ctrl_c_among_many_lines_discards_the_line(
    terminal: Callable[..., Terminal], project: Callable[..., Path]
) -> None:
    shell = opened("IPython", terminal, project(application=NOISY))
    for number in range(ROUNDS):
        shell.child.send("print('not to be seen', 1 +")
        time.sleep(0.004 * number)
        shell.press("c")
        shell.enter(f"print('round', {number}, 'over')")
        shell.expect(f"round {number} over", patience=20.0)


def test_ctrl_c_takes_effect_in_a_terminal_without_a_cursor(
    terminal: Callable[..., Terminal], project: Callable[..., Path]
) -> None:
    shell = terminal("shell", cwd=project(None), TERM="dumb")
    shell.expect(ANSWERS["IPython"])
    shell.press("c")
    shell.expect(r"KeyboardInterrupt|\(Ctrl-D stops")  # a key, or a signal while the prompt is being drawn
    shell.enter("print('still', 'here')")
    shell.expect("still here")
    shell.expect(ANSWERS["IPython"])
    shell.enter(WAITS_FOR_EVER)
    time.sleep(0.3)
    shell.press("c")
    shell.expect("KeyboardInterrupt")
    shell.expect(ANSWERS["IPython"])
