"""`regrow shell` in a real terminal."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import EXAMPLES, REGROW, Terminal, environment

SILLY_WORKER = EXAMPLES / "silly_worker"
PID = r"<\d+\.\d+\.\d+>"
# Enough time for a supervisor to restart a killed child; no more than five seconds.
FOUR_CRASHES = 'for _ in range(4): await kill("CronJob"); await process.sleep(0.05)'


class Prompt:
    """One of the two prompts: that of IPython or that of Python."""

    def __init__(self, shell: Terminal, ready: str, answer: str) -> None:
        self.shell = shell
        self.ready = ready
        self.answer = answer

    def ask(self, line: str, pattern: str) -> str:
        """Enter a line at the prompt, wait for output that matches, and return the first group of the match."""
        self.shell.enter(line)
        found = self.shell.expect(pattern)
        self.shell.expect(self.ready)
        return found.group(1) if found.re.groups else found.group()


@pytest.fixture(params=["IPython", "plain"])
def prompt(request: pytest.FixtureRequest, terminal: Callable[..., Terminal]) -> Prompt:
    """Return the shell of the silly_worker project when its prompt is ready."""
    if request.param == "IPython":
        opened = Prompt(terminal("shell", cwd=SILLY_WORKER), r"In \[\d+\]: ", r"Out\[\d+\]: ")
    else:
        opened = Prompt(terminal("shell", "--plain", cwd=SILLY_WORKER), r">>> ", r"\n")
    opened.shell.expect("silly_worker, 3 processes, 1 supervisor")
    opened.shell.expect(opened.ready)
    return opened


def test_the_queue_answers_and_the_killed_job_is_restarted(prompt: Prompt) -> None:
    prompt.ask("await SimpleQueue.dequeue()", f"{prompt.answer}1\n")
    prompt.ask("await SimpleQueue.dequeue()", f"{prompt.answer}2\n")
    before = prompt.ask("tree()", rf"└─ CronJob +({PID})")
    prompt.ask('kill("CronJob")', f"{prompt.answer}True\n")
    after = prompt.ask("tree()", rf"└─ CronJob +({PID})")
    assert before != after
    prompt.shell.expect("Job Number 1 Complete!")
    prompt.shell.press("d")
    prompt.shell.expect("silly_worker stopped")
    assert prompt.shell.exit_code() == 0


def test_four_crashes_end_the_application_with_its_report(prompt: Prompt) -> None:
    prompt.shell.enter(FOUR_CRASHES)
    prompt.shell.enter("")
    prompt.shell.expect("Child CronJob of Supervisor silly_worker.supervisor caused shutdown")
    prompt.shell.expect("reached_max_restart_intensity")
    prompt.shell.expect("exited: shutdown")
    prompt.shell.expect("silly_worker ended by itself: shutdown")
    assert prompt.shell.exit_code() == 1


def test_cells_are_steps_of_a_process_that_is_replaced(prompt: Prompt) -> None:
    prompt.ask("process.send(process.current(), 'hello')", "hello")
    prompt.ask("flush()", "'hello'\n")
    first = prompt.ask("process.current()", f"{prompt.answer}({PID})")
    prompt.ask("whereis(SimpleQueue)", f"{prompt.answer}{PID}")
    prompt.ask("1 / 0", "ZeroDivisionError: division by zero")
    assert prompt.ask("process.current()", f"{prompt.answer}({PID})") == first
    pid = prompt.ask('process.exit(process.current(), "bye")', rf"has ended: 'bye'. ({PID}) has taken its place")
    assert prompt.ask("process.current()", f"{prompt.answer}({PID})") == pid != first


def test_a_call_that_was_not_awaited_is_reported(prompt: Prompt) -> None:
    prompt.ask(
        "SimpleQueue.dequeue()", r"SimpleQueue.dequeue\(\) was not awaited: write await SimpleQueue.dequeue\(\)\n"
    )
    prompt.ask("await _", f"{prompt.answer}1\n")


@pytest.mark.parametrize(
    "cell", ["await process.receive()", "while True: print('busy') or __import__('time').sleep(600)"]
)
def test_an_interrupt_ends_only_the_cell(prompt: Prompt, cell: str) -> None:
    prompt.shell.enter(cell)
    if cell.startswith("while"):
        prompt.shell.enter("")
        prompt.shell.expect("busy\n")
    else:
        prompt.shell.expect("Job Number 1 Complete!")
    prompt.shell.press("c")
    prompt.shell.expect("KeyboardInterrupt")
    prompt.shell.expect(prompt.ready)
    prompt.ask("6 * 7", f"{prompt.answer}42\n")


def test_sigterm_stops_the_application_and_the_prompt(prompt: Prompt) -> None:
    prompt.shell.signal(signal.SIGTERM)
    prompt.shell.expect("silly_worker stopped")
    assert prompt.shell.exit_code() == 0


def test_without_ipython_the_shell_is_the_console_of_python(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    missing.mkdir()
    (missing / "IPython.py").write_text("raise ImportError('it is not installed')", encoding="utf-8")
    shell = terminal("shell", cwd=SILLY_WORKER, PYTHONPATH=str(missing))
    shell.expect("silly_worker, 3 processes")
    shell.expect(">>> ")
    shell.enter("await SimpleQueue.dequeue()")
    shell.expect("\n1\n(?s:.)*>>> ")
    shell.enter("exit()")
    shell.expect("silly_worker stopped")
    assert shell.exit_code() == 0


def piped(lines: str, cwd: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Run the shell of a project with these lines from a pipe."""
    return subprocess.run(
        [*REGROW, "shell"],
        cwd=cwd,
        env=environment(scratch),
        input=lines,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_shell_reads_a_pipe(tmp_path: Path) -> None:
    done = piped("await SimpleQueue.dequeue()\nx y\nkill('nobody')\n", SILLY_WORKER, tmp_path)
    assert done.returncode == 0
    assert "1\n" in done.stdout
    assert "SyntaxError: invalid syntax" in done.stderr
    assert "there is no process 'nobody'. Wanted a pid, a registered name, or one of:" in done.stderr


@pytest.mark.parametrize("lines", ["6 * 7", "\n6 * 7\n\n", "# a comment\n6 * 7\n   \n", "if 1:\n  6 * 7\n\n"])
def test_empty_lines_and_comments_in_a_pipe_are_no_error(
    lines: str, project: Callable[..., Path], tmp_path: Path
) -> None:
    """A project without an application prints nothing about one."""
    done = piped(lines, project(None), tmp_path)
    assert done.returncode == 0
    assert "42\n" in done.stdout
    banner = done.stderr.splitlines()
    assert [line for line in banner if line] == banner[:2]
    assert banner[0].endswith("stages, no application")


def test_an_unknown_name_is_reported_with_the_known_names(tmp_path: Path) -> None:
    done = piped('tree("CronJb")\ntree("CronJob")\ntrace("CronJb")\ntrace("SimpleQueue")\n', SILLY_WORKER, tmp_path)
    known = "silly_worker.supervisor, SimpleQueue"
    assert f"there is no process 'CronJb'. Wanted a pid, a registered name, or one of: {known}, CronJob" in done.stderr
    assert "Traceback" not in done.stderr
    assert "CronJob  <" in done.stdout
    assert f"no process has the name or label 'CronJb' yet. Registered are: {known}\n" in done.stdout
    assert done.stdout.count("no process has") == 1


def test_a_project_without_application_has_a_shell(
    terminal: Callable[..., Terminal], project: Callable[..., Path]
) -> None:
    shell = terminal("shell", "--plain", cwd=project(None, "class Thing:\n    number = 7\n"))
    shell.expect("stages, no application")
    shell.expect(">>> ")
    shell.enter("Thing.number")
    shell.expect("\n7\n>>> ")
    shell.press("d")
    assert shell.exit_code() == 0
