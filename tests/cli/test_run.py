"""`regrow run`: the start, the stop and the failure of an application, seen from outside."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.terminal import EXAMPLES, Terminal, regrow

STAGES = """
import asyncio
import signal
import time

from regrow import Application, ChildSpec, GenServer, Ok, Supervisor, process


class Stage(GenServer[str]):
    def init(self, name):
        process.trap_exit(True)
        return Ok(name)

    async def terminate(self, reason, name):
        if name == "masks":  # the main thread will not handle another signal
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
        print(name, "stops", flush=True)
        match name:
            case "waits":
                await asyncio.sleep(600)
            case "blocks" | "masks":
                time.sleep(600)


class Stages(Application):
    async def start(self, start_type, args):
        children = [
            ChildSpec(name, (Stage.start_link, [name]), shutdown=300.0) for name in NAMES
        ]
        return await Supervisor.start_link(children)

    def prep_stop(self, state):
        print("prep_stop", flush=True)
        return state

    def stop(self, state):
        print("stop", flush=True)
"""

GIVES_UP = """
from regrow import Application, GenServer, Ok, Supervisor


class Falls(GenServer[None]):
    def init(self, arg):
        return Ok(None, 0.01)

    def handle_info(self, message, state):
        raise RuntimeError("it always falls")


class Stages(Application):
    async def start(self, start_type, args):
        return await Supervisor.start_link([Falls], name="stages.supervisor")
"""


def stages(*names: str) -> str:
    """Return a project whose children print a line when they stop."""
    return STAGES + f"\nNAMES = {list(names)!r}\n"


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_a_signal_stops_the_children_first(
    project: Callable[..., Path], terminal: Callable[..., Terminal], how: str
) -> None:
    running = terminal("run", cwd=project(application=stages("first", "second", "third")))
    running.expect(r"stages started: 4 processes, 1 supervisor")
    if how == "Ctrl-C":
        running.press("c")
    else:
        running.signal(signal.SIGTERM)
    assert running.exit_code() == 0
    words = [
        line for line in running.seen.splitlines() if re.fullmatch(r"\w+ stops|prep_stop|stop|stages stopped", line)
    ]
    assert words == ["prep_stop", "third stops", "second stops", "first stops", "stop", "stages stopped"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("child", ["waits", "blocks", "masks"])
def test_a_second_signal_stops_it_at_once(
    project: Callable[..., Path], terminal: Callable[..., Terminal], child: str, number: signal.Signals
) -> None:
    running = terminal("run", cwd=project(application=stages(child)))
    running.expect("stages started")
    running.press("c")
    running.expect(f"{child} stops")
    if number == signal.SIGINT:
        running.press("c")
    else:
        running.signal(number)
    running.expect("Stopped immediately")
    assert running.exit_code() == 128 + number
    assert running.seen.count("Stopped immediately") == 1


def test_an_application_stops_after_the_given_seconds(project: Callable[..., Path]) -> None:
    done = regrow("run", "--seconds", "0.2", cwd=project(application=stages("only")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "stages started: 2 processes, 1 supervisor",
        "prep_stop",
        "only stops",
        "stop",
        "stages stopped",
    ]


def test_a_tree_that_gives_up_exits_with_its_code(project: Callable[..., Path]) -> None:
    done = regrow("run", cwd=project(application=GIVES_UP))
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError) it always falls") >= 4
    assert "exited: shutdown" in done.stderr
    assert done.stderr.endswith("stages ended by itself: shutdown\n")


def test_an_application_ends_with_one_that_it_depends_on(project: Callable[..., Path]) -> None:
    needed = GIVES_UP.replace("class Stages", "class Database") + stages("only")
    needed = needed.replace("class Stages(Application)", "class Stages(Application, applications=[Database])")
    done = regrow("run", cwd=project(application=needed))
    assert done.returncode == 1
    assert "only stops\n" in done.stdout
    assert done.stderr.endswith("stages ended by itself: shutdown\n")


def test_an_application_that_does_not_start_is_reported(project: Callable[..., Path]) -> None:
    broken = stages("only").replace("process.trap_exit(True)", 'raise RuntimeError("not today")')
    done = regrow("run", cwd=project(application=broken))
    assert done.returncode == 1
    assert "Stages did not start" in done.stderr
    assert "not today" in done.stderr


def test_an_invalid_child_is_reported_once(project: Callable[..., Path]) -> None:
    broken = stages("only").replace("start_link(children)", "start_link([(int, 1)])")
    done = regrow("run", cwd=project(application=broken))
    assert done.returncode == 1
    assert done.stderr.count("derive it from GenServer") == 1
    assert "\\n" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Stages did not start: its start ended with InvalidChild: int was")


def test_options_set_the_log_level_and_the_reports(project: Callable[..., Path]) -> None:
    folder = project(application=stages("only"))
    quiet = regrow("run", "--seconds", "0", "--level", "error", cwd=folder)
    full = regrow("run", "--seconds", "0", "--reports", cwd=folder)
    assert quiet.stderr == ""
    assert "Application Stages started" in full.stderr
    assert "Child" in full.stderr


def test_the_demo_ticks_crashes_and_recovers(tmp_path: Path) -> None:
    done = regrow("run", "--demo", "--seconds", "6", "--project", str(EXAMPLES / "silly_worker"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 3 <= done.stderr.count("Job Number 1 Complete!") <= 6
    pids = re.findall(r"└─ CronJob +(<[\d.]+>)", done.stdout)
    assert len(pids) == 2
    assert pids[0] != pids[1]
    assert f"Killing CronJob, {pids[0]}" in done.stdout
