"""`@simulate`, `--simulate`, `--seed` and `--schedule` in a separate project."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

HEAD = """
import asyncio, contextlib, logging, random
import pytest
from regrow import *
from regrow.testing import simulate
"""


class Project:
    """A project with one file of tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def test(self, source: str, *arguments: str) -> str:
        """Run pytest on a source; return what it prints."""
        (self.folder / "pytest.ini").write_text("[pytest]\nregrow_auto = true\n")
        (self.folder / "test_it.py").write_text(HEAD + textwrap.dedent(source))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-n0", *arguments],
            cwd=self.folder,
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


SIMULATED = """
@simulate(runs=200)
async def test_race():
    kept = []
    for word in "ab":
        process.spawn_monitor(kept.append, word)
    for _ in range(2):
        await process.receive(Down)
    assert kept == ["a", "b"]
"""

COUNTED = """
async def test_counted(virtual_clock, node, start_supervised):
    assert virtual_clock.time == 1000.0
    assert node.clock is virtual_clock
    class Quiet(GenServer): ...
    await start_supervised(Quiet)
    await process.sleep(10.0)
def test_plain(): ...
@pytest.mark.regrow(clock="real")
async def test_real(node):
    await asyncio.to_thread(len, "")
"""


def test_a_marked_test_is_simulated(project: Project) -> None:
    printed = project.test(SIMULATED)
    assert "1 failed" in printed
    assert re.search(r"simulation: run \d+ of 200 failed", printed)
    assert "assert kept ==" in printed
    assert "runner.py" not in printed, "the traceback has no frames of the simulation"


def test_a_seed_and_a_schedule_replay_a_failure(project: Project) -> None:
    printed = project.test(SIMULATED)
    seed = re.findall(r"again: +--seed (\d+)", printed)[0]
    schedule = re.findall(r"shortest: .*--schedule (\S+)", printed)[0]
    trace = printed.partition("trace of the shortest")[2].partition("test_it.py")[0]
    for arguments in (["--seed", seed], ["--seed", seed, "--schedule", schedule]):
        again = project.test(SIMULATED, *arguments)
        assert trace == again.partition("trace of the shortest")[2].partition("test_it.py")[0]
    assert "1 passed" in project.test(SIMULATED, "--seed", "0"), "it passes in the ordinary order"


def test_all_tests_of_processes_are_simulated_on_request(project: Project) -> None:
    assert "simulated" not in project.test(COUNTED)
    printed = project.test(COUNTED, "--simulate", "20")
    assert "3 passed" in printed
    assert re.search(r"simulated: 1 test in 20 schedules, \d+ of them different", printed)
    assert "simulated: 1 test in 1 schedule," in project.test(COUNTED, "--seed", "3")


def test_each_run_has_new_async_fixtures_reports_and_logs(project: Project) -> None:
    printed = project.test(
        """
        made = []
        @pytest.fixture
        async def server(start_supervised):
            class Noisy(GenServer):
                def handle_cast(self, request, state):
                    raise ValueError(request)
            made.append(pid := await start_supervised(Noisy))
            yield pid
            assert process.alive(process.current())
            made.pop()
        @pytest.fixture
        async def server_again(server):
            assert process.alive(server)
            return server
        async def test_it(server_again, server, reports, caplog):
            assert server is server_again
            assert len(made) == 1
            print("printed")
            for _ in range(2):
                process.spawn(random.random)
            cast(server, "oops")
            await process.sleep(1.0)
            assert len(reports.of("GenServer terminating")) == 1
            assert sum("(Noisy) terminating" in record.getMessage() for record in caplog.records) == 1
        """,
        "--simulate",
        "20",
    )
    assert "1 passed" in printed, printed


def test_a_failure_shows_the_trace_of_the_run_that_failed(project: Project) -> None:
    printed = project.test(SIMULATED.replace("test_race()", "test_race(trace)"))
    assert "what the processes did" in printed
    assert printed.count("exit   append <0.3.0>") == 1, "the trace is of one run"


def test_a_skip_ends_the_simulation(project: Project) -> None:
    printed = project.test("async def test_it(): pytest.skip('not here')", "--simulate", "20")
    assert "1 skipped" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--simulate", "0"], "wanted the number of schedules, 1 or more; got 0"),
        (["--schedule", "nonsense"], "a schedule looks like 17:1,22:3"),
    ],
)
def test_invalid_options_are_refused(project: Project, arguments: list[str], said: str) -> None:
    assert said in project.test(COUNTED, *arguments)


def test_workers_report_the_number_of_schedules(project: Project) -> None:
    assert "simulated: 1 test in 20 schedules" in project.test(COUNTED, "--simulate", "20", "-n1")
