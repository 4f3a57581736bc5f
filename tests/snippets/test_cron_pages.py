"""The tables of docs/cron.md and of the page for users of other schedulers say what the cron server has."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any, cast, get_args

import pytest

from regrow import cron, queue, telemetry
from regrow.cli import cron_command
from regrow.servers.cron.policies.catch_up import CATCH_UP
from regrow.servers.cron.policies.overlap import OVERLAPS
from regrow.servers.cron.policies.verdict import Ending, How, verdict

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "cron.md").read_text(encoding="utf-8")
COMING = (DOCS / "coming-from-apscheduler-celery-beat-quantum.md").read_text(encoding="utf-8")
OWNERS: list[ModuleType | type] = [cron, cron.Cron, queue]
# Names of the reader's functions.
THEIRS = {"f", "module"}
# The first cells of the table of attempts: how an attempt ended.
ATTEMPTS: dict[str, list[How]] = {
    "returned": ["returned"],
    "raised, or was killed": ["raised"],
    "raised `Retry(delay=…)`": ["retry"],
    "raised `Discard`": ["discard"],
    "took longer than `timeout`": ["timed_out"],
    "was cancelled: by `cancel_other`, or with its program": ["cancelled"],
}


def table(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is this text, as lists of their cells."""
    _, found, rest = page.partition(f"\n| {heading} |")
    assert found, f"there is no table {heading!r}"
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def codes() -> list[str]:
    """Return the code in the column "here" of the page for users of other schedulers."""
    _, _, rest = COMING.partition("\n| | here |")
    rows = rest.partition("\n\n")[0].splitlines()[2:]
    return [code for row in rows for code in re.findall(r"`([^`]+)`", row.strip("|").split(" | ")[1])]


def parameters() -> set[str]:
    """Return the names of all arguments that the cron server takes."""
    functions: list[Any] = [cron.CronJob, cron.Cron.start_link, cron.Cron.pause, cron.every, cron.cron]
    return {name for function in functions for name in signature(function).parameters}


def test_each_function_of_the_column_here_exists() -> None:
    found = codes()
    assert len(found) > 30
    for code in found:
        for path in re.findall(r"(?<![\w.])([A-Za-z_]\w*(?:\.\w+)*)\(", code):
            for name in [part for part in path.split(".") if part not in THEIRS]:
                assert any(hasattr(owner, name) for owner in OWNERS), f"{code}: {name}"


def test_each_argument_of_the_column_here_exists() -> None:
    found = {name for code in codes() for name in re.findall(r"\b([a-z_]+)=", code)}
    assert len(found) > 10
    assert found - parameters() == set()


def test_each_command_of_the_column_here_exists() -> None:
    found = {code.removeprefix("regrow cron ") for code in codes() if code.startswith("regrow cron ")}
    assert len(found) > 3
    commands = {
        one.name or cast("Any", one.callback).__name__.rstrip("_") for one in cron_command.cron.registered_commands
    }
    assert found - commands == set()


@pytest.mark.parametrize(("heading", "values"), [("`catch_up`", {*CATCH_UP}), ("`overlap`", {*OVERLAPS})])
def test_the_guide_has_each_value_of_a_policy(heading: str, values: set[str]) -> None:
    told = [re.findall(r'`"(\w+)"`', row[0])[0] for row in table(GUIDE, heading)]
    assert len(told) == len(values)
    assert set(told) == values


def test_the_guide_says_what_catch_up_decides() -> None:
    for name, late, older in table(GUIDE, "`catch_up`"):
        reasons = CATCH_UP[re.findall(r'`"(\w+)"`', name)[0]]
        assert f"`{reasons.late}`" in late
        assert f"`{reasons.older}`" in older or (reasons.older == reasons.late and older.startswith("run"))


def test_the_guide_says_what_the_end_of_an_attempt_decides() -> None:
    rows = {name: (left, none_left) for name, left, none_left in table(GUIDE, "an attempt")}
    assert {how for hows in ATTEMPTS.values() for how in hows} == {*get_args(How)}
    assert rows.keys() - ATTEMPTS.keys() == {"its program died"}
    for name, hows in ATTEMPTS.items():
        for how in hows:
            again = verdict(Ending(how), 1, 2, lambda _: 1.0).outcome
            assert rows[name][0].startswith("another" if again is None else f"`{again}`"), name
            assert rows[name][1] == f"`{verdict(Ending(how), 2, 2, lambda _: 1.0).outcome}`", name


def test_the_guide_has_each_event() -> None:
    told = {name for row in table(GUIDE, "event, after `regrow.cron.`") for name in re.findall(r"`([\w.]+)`", row[0])}
    prefix = "regrow.cron."
    assert told == {name.removeprefix(prefix) for name in telemetry.EVENTS if name.startswith(prefix)}
