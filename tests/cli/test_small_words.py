"""Small features of the command: timed lines, the help, a closed pipe, and the modules below `import regrow`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from regrow.cli import timed
from tests.cli.terminal import EXAMPLES, Terminal, environment, regrow

SILLY_WORKER = EXAMPLES / "silly_worker"


@pytest.fixture(params=["IPython", "plain"])
def shell(request: pytest.FixtureRequest, terminal: Callable[..., Terminal]) -> tuple[Terminal, str, str]:
    """Return the prompt, the text that it shows when it is ready, and the text before a value."""
    plain = request.param == "plain"
    opened = terminal("shell", *(["--plain"] if plain else []), cwd=SILLY_WORKER)
    ready, answer = (r">>> ", r"") if plain else (r"In \[\d+\]: ", r"Out\[\d+\]: ")
    opened.expect(ready)
    return opened, ready, answer


@pytest.mark.timeout(120)
def test_lines_are_timed_at_the_prompt(shell: tuple[Terminal, str, str]) -> None:
    opened, ready, answer = shell

    def ask(line: str, *patterns: str) -> None:
        opened.enter(line)
        for pattern in patterns:
            opened.expect(pattern)
        opened.expect(ready)

    time = r"[\d.e+]+ (s|ms|µs|ns)"
    ask("%time 6 * 7", f"CPU time: {time}", f"Wall time: {time}", f"{answer}42\n")
    ask("%time await SimpleQueue.dequeue()", f"Wall time: {time}", f"{answer}1\n")
    ask("%time twice = 2 * 21", f"Wall time: {time}")
    ask("twice", f"{answer}42\n")
    loops = r"per loop \(mean ± std. dev. of 3 runs, 100 loops each\)"
    ask("%timeit -n 100 -r 3 6 * 7", loops)
    ask("%timeit -n 2 -r 1 await process.sleep(0.001)", r"of 1 runs, 2 loops each")
    ask("%time 1 / 0", "ZeroDivisionError: division by zero")
    ask("%time 1 +", "SyntaxError")
    ask("%timeit -r 0 1", "wanted -n of 1 or more and -r of 1 or more")
    ask("process.current()", f"{answer}<")


def test_the_number_of_loops_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [timed.in_words(one) for one in (2.5, 0.0123, 4.56e-5, 7e-9)] == ["2.5 s", "12.3 ms", "45.6 µs", "7 ns"]


def test_the_help_of_test_names_the_options_of_pytest(tmp_path: Path) -> None:
    printed = regrow("test", "--help", cwd=tmp_path).stdout
    for word in ("--simulate N", "--seed N", "--schedule LIST", "--trace-processes", "-k NAME", "--pdb", "PYTEST"):
        assert word in printed
    assert max(len(line) for line in printed.splitlines()) < 110


def test_a_closed_pipe_ends_the_demo_quietly(tmp_path: Path) -> None:
    command = f"{sys.executable} -m regrow --seconds 5; echo ended with $? >&2"
    ran = subprocess.run(
        ["sh", "-c", f"({command}) | head -1"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.startswith("top")
    assert ran.stderr == "ended with 0\n"


@pytest.mark.parametrize("name", ["ops.logs.configure", "ops.tree.look", "ops.tracing.trace", "testing.expect_message"])
def test_import_regrow_reaches_the_modules_below_it(name: str) -> None:
    code = f"import sys, regrow; before = set(sys.modules); regrow.{name}; print('regrow.ops.logs' in before)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr) == ("False\n", "")


def test_an_unknown_attribute_is_an_error() -> None:
    code = "import regrow; regrow.ops.nothing"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "AttributeError: module 'regrow.ops' has no attribute 'nothing'" in ran.stderr
