"""The plugin in separate runs of pytest: with and without pytest-asyncio, and the output of a failed test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.testing.pytest_runs import ALONE, COMMON, TOGETHER, Play, outcomes

FIXTURES = (
    COMMON
    + """
STEPS = []

@pytest.fixture
async def named(start_supervised):
    process.register("the test", process.current())
    await start_supervised(probe("a"))
    return process.current()

@pytest.fixture
async def halves(named):
    STEPS.append(("up", process.current() == named))
    process.send_after(named, "from the fixture", 60.0)
    yield "value"
    STEPS.append(("down", process.current() == named, process.whereis("a") is not None))

async def test_first(named, halves):
    assert process.current() == named == process.whereis("the test")
    assert halves == "value"
    assert flush() == [("started", "a")]
    await process.sleep(60.0)
    await expect_message("from the fixture")
    STEPS.append("test")

def test_second():
    assert STEPS == [("up", True), "test", ("down", True, True)]
    with pytest.raises(NoNode):
        process.whereis("a")

class TestOfAClass:
    word = "ours"

    @pytest.fixture
    async def answer(self):
        await process.sleep(1.0)
        return self.word

    async def test_third(self, answer, virtual_clock):
        assert answer == "ours"
        assert virtual_clock.now() == 1001.0

@pytest.fixture
async def broken():
    await process.sleep(1.0)
    raise ValueError("in the fixture")

async def test_fourth(broken):
    pass

@pytest.fixture
async def broken_at_the_end():
    yield
    raise ValueError("at its end")

async def test_fifth(broken_at_the_end):
    pass

@pytest.fixture
async def twice():
    yield
    yield

async def test_sixth(twice):
    pass

async def test_seventh():
    process.current()
"""
)


def test_async_fixtures_run_in_the_process_of_the_test(play: Play) -> None:
    printed = play(FIXTURES, *ALONE)
    found = dict.fromkeys(["test_first", "test_second", "test_third", "test_seventh"], "PASSED")
    # pytest counts a failure after a test as an error, beside the success of the test.
    assert {**outcomes(printed), **found} == outcomes(printed), printed
    assert "ERROR test_it.py::test_fourth - ValueError: in the fixture" in printed
    assert "ERROR test_it.py::test_fifth - ValueError: at its end" in printed
    assert "the fixture twice yields more than once" in printed


BOTH = (
    COMMON
    + """
pytest_asyncio = pytest.importorskip("pytest_asyncio")

def in_a_process():
    try:
        return process.current() is not None
    except (NoNode, RuntimeError):
        return False

class Child(GenServer, named=True):
    def handle_call(self, request, from_, state):
        return Reply(request, state)

@pytest_asyncio.fixture
async def loop_of_fixture():
    return asyncio.get_running_loop()

@pytest_asyncio.fixture
async def child(start_supervised):
    pid = await start_supervised(Child)
    yield pid

@pytest.mark.asyncio
@pytest.mark.regrow
async def test_of_both(loop_of_fixture, virtual_clock):
    assert in_a_process()
    assert asyncio.get_running_loop() is loop_of_fixture
    await process.sleep(3600.0)
    assert virtual_clock.now() == 4600.0

@pytest.mark.asyncio
async def test_that_asks_for_our_fixture(child, loop_of_fixture):
    assert await call(child, "a word") == "a word"
    assert asyncio.get_running_loop() is loop_of_fixture

@pytest.mark.asyncio
async def test_of_pytest_asyncio(loop_of_fixture):
    assert not in_a_process()

@pytest.mark.regrow
async def test_of_regrow():
    assert in_a_process()

@pytest.mark.regrow
@pytest.mark.asyncio
async def test_that_fails(child):
    assert 1 == 2, "the test's own words"

@pytest.mark.regrow
@pytest.mark.asyncio
async def test_after_it():
    assert process.whereis(Child) is None
"""
)

OF_BOTH = {
    "test_of_both": "PASSED",
    "test_that_asks_for_our_fixture": "PASSED",
    "test_of_pytest_asyncio": "PASSED",
    "test_of_regrow": "PASSED",
    "test_that_fails": "FAILED",
    "test_after_it": "PASSED",
}


def test_a_test_of_both_plugins_is_a_process_on_the_loop_of_pytest_asyncio(play: Play) -> None:
    pytest.importorskip("pytest_asyncio")
    printed = play(BOTH, *TOGETHER)
    assert outcomes(printed) == OF_BOTH, printed
    assert "the test's own words" in printed


def test_in_auto_mode_all_tests_of_processes_belong_to_both_plugins(play: Play) -> None:
    pytest.importorskip("pytest_asyncio")
    printed = play(BOTH, *TOGETHER, "--asyncio-mode=auto")
    assert outcomes(printed) == OF_BOTH, printed


FACTORIES = (
    COMMON
    + """
@pytest.mark.asyncio
@pytest.mark.regrow
async def test_the_loop():
    process.current()
    assert type(asyncio.get_running_loop()).__name__ == "OurLoop"
"""
)

CONFTEST = """
import asyncio

class OurLoop(asyncio.SelectorEventLoop):
    pass

def pytest_asyncio_loop_factories(config, item):
    return {"ours": OurLoop}
"""


def test_loop_factories_of_pytest_asyncio_make_the_loop_of_a_process(play: Play, tmp_path: Path) -> None:
    pytest.importorskip("pytest_asyncio", minversion="1.4")
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    assert outcomes(play(FACTORIES, *TOGETHER)) == {"test_the_loop": "PASSED"}


FAILING = (
    COMMON
    + """
async def bad():
    raise Exit("bad")

async def doomed():
    await process.receive("never".__eq__)

async def test_where_all_processes_wait():
    pid = process.spawn(doomed)
    send(pid, "something else")
    await process.receive(Down)

async def test_whose_process_is_ended():
    process.spawn_link(bad)
    await process.sleep(1.0)

async def test_that_is_skipped():
    pytest.skip("not today")

async def test_that_raises():
    raise LookupError("by itself")

async def test_that_passes():
    pass
"""
)


def test_a_failure_is_explained(play: Play) -> None:
    printed = play(FAILING, *ALONE)
    found = {"where_all_processes_wait": "FAILED", "whose_process_is_ended": "FAILED", "that_raises": "FAILED"}
    wanted = {f"test_{name}": how for name, how in {**found, "that_passes": "PASSED"}.items()}
    assert outcomes(printed) == wanted, printed
    assert "1 skipped" in printed
    assert "every process waits for a message and no timer is set" in printed
    assert "(doomed) waits for a message that str.__eq__ accepts" in printed
    assert "In its mailbox: 'something else'" in printed
    assert "the test's process was ended, with 'bad', before the test was finished" in printed
    assert "LookupError: by itself" in printed


REPORTING = (
    COMMON
    + """
class Counter(GenServer):
    def handle_call(self, request, from_, state):
        raise LookupError("no such request")

async def test_of_a_crash(start_supervised, caplog):
    pid = await start_supervised((Counter, 1))
    with pytest.raises(Exception):
        await call(pid, "x")
    assert "GenServer terminating: " in caplog.text
    pytest.fail("look at the log")
"""
)


def test_reports_in_the_log_are_shown_as_text(play: Play) -> None:
    printed = play(REPORTING, *ALONE)
    logged = printed.partition("Captured log call")[2]
    assert re.search(r"^ERROR .*GenServer <0\.\d+\.0> \(Counter\) terminating$", logged, re.MULTILINE), printed
    assert "\n** (LookupError) no such request\n" in logged
    assert "GenServer terminating: " not in logged
    assert "Child Counter" not in logged  # the report of the server says so, as with logs.configure()


def test_this_run_has_one_plugin_for_async_tests(pytestconfig: pytest.Config) -> None:
    assert not pytestconfig.pluginmanager.hasplugin("asyncio")
