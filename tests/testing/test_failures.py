"""The output of a failing test that runs as a process shows the lines of the test, and none of the plugin's."""

from __future__ import annotations

import re

import pytest

from tests.testing.pytest_runs import ALONE, COMMON, TOGETHER, Play, outcomes

SHOP = (
    COMMON
    + """
from regrow import Application, Continue, NoReply, Ok, Supervisor, Task, application

class Awaits(GenServer):
    def init(self, arg):
        return Ok(arg, Continue("go"))

    async def handle_continue(self, word, arg):
        await asyncio.sleep(100.0)
        return NoReply(arg)

class Listens(GenServer):
    def init(self, arg):
        return Ok(arg, Continue("go"))

    async def handle_continue(self, word, arg):
        server = await asyncio.start_server(print, "127.0.0.1", 0)
        async with server:
            await server.serve_forever()

class Shop(Application):
    async def start(self, type, args):
        return await Supervisor.start_link([Awaits, Listens])

"""
)

APPLICATION = (
    SHOP
    + """
async def test_one():
    mine = [1, 2]
    await application.start(Shop)
    assert mine == [1, 3]  # the line
"""
)

BLANK = " " * 9

BLOCK = f"""\
    async def test_one():
        mine = [1, 2]
        await application.start(Shop)
>       assert mine == [1, 3]  # the line
E       assert [1, 2] == [1, 3]
E{BLANK}
E         At index 1 diff: 2 != 3
E         Use -v to get more diff

test_it.py:35: AssertionError
"""


def failures(printed: str) -> str:
    """Return pytest's output of the failures, without the marks below a part of a line, which some versions print."""
    shown = printed.partition("= FAILURES =")[2].partition("= short test summary")[0]
    return re.sub(r"^[ |]*\^+\n", "", shown, flags=re.MULTILINE)


def test_a_test_of_an_application_shows_its_line(play: Play) -> None:
    shown = failures(play(APPLICATION, *ALONE))
    assert shown.partition("test_one ___")[2].partition("\n\n")[2].startswith(BLOCK), shown
    assert "regrow" not in shown.partition("Captured")[0]


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("short", "test_it.py:35: in test_one\n    assert mine == [1, 3]  # the line\nE   assert [1, 2] == [1, 3]"),
        ("line", "test_it.py:35: assert [1, 2] == [1, 3]"),
        ("native", 'test_it.py", line 35, in test_one\n    assert mine == [1, 3]  # the line\n'),
    ],
)
def test_every_traceback_style_shows_the_line(play: Play, style: str, wanted: str) -> None:
    printed = failures(play(APPLICATION, *ALONE, f"--tb={style}"))
    assert wanted in printed, printed
    assert ("test_process.py" in printed) == (style == "native")  # pytest shows its frames, too


def test_local_variables_are_those_of_the_test(play: Play) -> None:
    assert re.search(r"^mine += \[1, 2\]$", play(APPLICATION, *ALONE, "--showlocals"), re.MULTILINE)
    assert "\n(Pdb) [1, 2]\n" in play(APPLICATION, *ALONE, "--pdb", typed="p mine\nq\n")


def test_a_test_of_pytest_asyncio_shows_its_line(play: Play) -> None:
    pytest.importorskip("pytest_asyncio")
    marks = "@pytest.mark.asyncio\n@pytest.mark.regrow\nasync def test_one"
    shown = failures(play(APPLICATION.replace("async def test_one", marks), *TOGETHER))
    assert ">       assert mine == [1, 3]  # the line\n" in shown
    assert "plugin.py" not in shown


LINKED = (
    SHOP
    + """
async def test_link():
    async def other():
        raise LookupError("by a link")
    process.spawn_link(other)
    await process.sleep(1.0)  # it waits here

async def test_task():
    async def other():
        assert [1, 2] == [1, 3], "by a task"
    await Task.await_(Task.async_(other))  # it waits here

async def test_reason():
    async def other():
        raise Exit(("shutdown", "by a reason"))
    process.spawn_link(other)
    await process.sleep(1.0)  # it waits here

async def test_reason_with_an_exception():
    async def other():
        raise Exit(("bad", LookupError("in a reason")))
    process.spawn_link(other)
    await process.sleep(1.0)  # it waits here

async def test_that_catches_what_ends_it():
    process.spawn_link(exits)
    try:
        await process.sleep(1.0)
    except asyncio.CancelledError:
        pass

async def exits():
    raise Exit("bad")

async def test_stuck():
    await process.receive()  # it waits here
"""
)


def test_an_exception_from_a_link_is_shown_below_the_line_of_the_test(play: Play) -> None:
    printed = play(LINKED, *ALONE, "--tb=short")
    shown = dict(re.findall(r"^_+ (test_\w+) _+$\n(.*?)(?=^_+ test_|^==)", failures(printed), re.MULTILINE | re.DOTALL))
    assert len(shown) == 6
    assert "in test_link\n    await process.sleep(1.0)  # it waits here\n" in shown["test_link"]
    assert 'in other\n    raise LookupError("by a link")\nE   LookupError: by a link' in shown["test_link"]
    assert "in test_task\n    await Task.await_(Task.async_(other))  # it waits here\n" in shown["test_task"]
    assert 'in other\n    assert [1, 2] == [1, 3], "by a task"\nE   AssertionError: by a task' in shown["test_task"]
    assert "in test_reason\n    await process.sleep(1.0)  # it waits here\n" in shown["test_reason"]
    assert "('shutdown', 'by a reason'), before the test" in shown["test_reason"]
    assert (
        "LookupError: in a reason\n\nThe above exception was the direct cause" in shown["test_reason_with_an_exception"]
    )
    assert "in test_that_catches_what_ends_it" in shown["test_that_catches_what_ends_it"]
    assert (
        "in test_stuck\n    await process.receive()  # it waits here\nE   AssertionError: every" in shown["test_stuck"]
    )


CHAINED = (
    SHOP
    + """
@pytest.fixture(autouse=True)
async def shop():
    await application.start(Shop)
    yield

async def test_cause():
    try:
        raise LookupError("the first")
    except LookupError as error:
        raise ValueError("the second") from error

async def test_group():
    async def one():
        assert 1 == 2, "in a group"
    async with asyncio.TaskGroup() as group:
        group.create_task(one())

async def test_raises():
    with pytest.raises(ValueError, match="wanted"):
        raise ValueError("came")

async def test_fixture(broken):
    pass

@pytest.fixture
async def broken():
    await asyncio.sleep(1.0)
    raise LookupError("in a fixture")

async def test_teardown(broken_later):
    pass

@pytest.fixture
async def broken_later():
    yield
    assert 1 == 2, "at the end"

async def test_cancelled():
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    await future

async def test_finally():
    try:
        assert 1 == 2, "before the end"
    finally:
        await application.stop(Shop)
"""
)


def test_causes_groups_and_fixtures_show_their_lines(play: Play) -> None:
    printed = play(CHAINED, *ALONE, "--tb=short")
    printed = re.sub(r"^[ |]*\^+\n", "", printed, flags=re.MULTILINE)
    assert 'raise LookupError("the first")\nE   LookupError: the first\n' in printed
    assert 'raise ValueError("the second") from error\nE   ValueError: the second\n' in printed
    assert re.search(r'in one\n +\| +assert 1 == 2, "in a group"\n', printed)
    assert 'with pytest.raises(ValueError, match="wanted"):\nE   AssertionError: Regex' in printed
    assert 'in broken\n    raise LookupError("in a fixture")\nE   LookupError: in a fixture\n' in printed
    assert 'in broken_later\n    assert 1 == 2, "at the end"\nE   AssertionError: at the end\n' in printed
    assert "in test_cancelled\n    await future\nE   asyncio.exceptions.CancelledError" in printed
    assert 'in test_finally\n    assert 1 == 2, "before the end"\nE   AssertionError: before the end\n' in printed
    assert "plugin.py" not in printed
    assert "test_process.py" not in printed
    assert "regrow/testing/failures.py" not in printed


SIMULATED = (
    SHOP
    + """
from regrow.testing import simulate

class Awaiting(Application):
    async def start(self, type, args):
        return await Supervisor.start_link([Awaits])

@simulate(runs=3)
async def test_one():
    await application.start(Awaiting)
    assert 1 == 2, "simulated"

@simulate(runs=3)
async def test_link():
    async def other():
        raise LookupError("by a link")
    process.spawn_link(other)
    await process.sleep(1.0)
"""
)


def test_a_simulation_shows_the_line(play: Play) -> None:
    printed = failures(play(SIMULATED, *ALONE, "--tb=short"))
    assert 'in test_one\n    assert 1 == 2, "simulated"\nE   AssertionError: simulated\n' in printed
    assert 'in other\n    raise LookupError("by a link")\nE   LookupError: by a link\n' in printed
    assert "in test_link\n    await process.sleep(1.0)\n" in printed


ENDED = (
    COMMON
    + """
LOG = []

@pytest.fixture
async def first():
    yield
    LOG.append("first")

@pytest.fixture
async def resource(first, start_supervised):
    await start_supervised(probe("a"))
    yield
    LOG.append((process.whereis("a") is not None, process.current() is not None))

async def exits():
    raise Exit("bad")

async def test_ended(resource):
    process.spawn_link(exits)
    await process.sleep(1.0)

async def test_ended_in_a_task(resource):
    process.exit(process.current(), "kill")
    await asyncio.sleep(1.0)

@pytest.fixture
async def ended(resource):
    process.spawn_link(exits)
    await process.sleep(1.0)

async def test_ended_in_a_fixture(ended):
    pass

def test_all_were_torn_down():
    assert LOG == 3 * [(True, True), "first"]
"""
)


def test_fixtures_are_torn_down_when_the_process_of_the_test_has_ended(play: Play) -> None:
    printed = play(ENDED, *ALONE)
    assert outcomes(printed) == {
        "test_ended": "FAILED",
        "test_ended_in_a_task": "FAILED",
        "test_ended_in_a_fixture": "ERROR",
        "test_all_were_torn_down": "PASSED",
    }, printed
    assert "has run before" not in printed
