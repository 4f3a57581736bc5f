"""docs/coming-from-celery-huey-oban.md says what regrow has: the functions and options in the column "here" exist."""

from __future__ import annotations

import re
from inspect import signature
from pathlib import Path

from regrow import queue
from regrow.queue import Discard, Rate, Retry, Snooze
from regrow.servers.queue.settings import PUT_OPTIONS
from regrow.servers.queue.worker import WORKER_OPTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "coming-from-celery-huey-oban.md").read_text(encoding="utf-8")
OWNERS = [queue, queue.Queue, queue.Worker, queue.JobFunction, queue.Broker, queue.Job]
# Names of the reader's functions and classes.
THEIRS = {"f", "T"}


def regrow_code() -> list[str]:
    """Return the code in the column "here" of each table."""
    found: list[str] = []
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        heading, _, *rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in table.splitlines()]
        place = heading.index("here") - len(heading)  # the first heading is empty, and stripped
        found += [code for row in rows for code in re.findall(r"`([^`]+)`", row[place])]
    return found


def parameters() -> set[str]:
    outcomes = {name for kind in (Retry, Snooze, Discard, Rate) for name in signature(kind).parameters}
    return {*PUT_OPTIONS, *WORKER_OPTIONS, *outcomes, *signature(queue.Backoff).parameters, "workers"}


def test_each_function_in_the_tables_exists() -> None:
    assert len(regrow_code()) > 40
    for code in regrow_code():
        for path in re.findall(r"(?<![\w.])([A-Za-z_]\w*(?:\.\w+)*)\(", code):
            for name in [part for part in path.split(".") if part not in THEIRS]:
                assert any(hasattr(owner, name) for owner in OWNERS), f"{code}: {name}"


def test_each_option_in_the_tables_exists() -> None:
    options = {name for code in regrow_code() for name in re.findall(r"\b([a-z_]+)=", code)}
    assert len(options) > 10
    assert options - parameters() == set()
