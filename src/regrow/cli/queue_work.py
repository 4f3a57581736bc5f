"""The subcommands of `regrow queue`: each asks an open store, and prints the answer as text or as one JSON object."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final, Literal

from regrow.cli.exit_codes import NOT_THERE, REFUSED, WRONG_USE
from regrow.cli.project import Problem
from regrow.cli.queue_store import OpenStore, confirm, times
from regrow.cli.queue_text import (
    STATES,
    Payload,
    ago,
    counted,
    dumps,
    error_line,
    live,
    plain,
    record_as_data,
    record_as_text,
    stats_as_data,
    table,
)
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Move, Pause, Purge, ReadDead, Record, Resume, Retry, Show

SLICE: Final = 10_000  # jobs of one transaction, so that the application is not held up
PAGE: Final = 500  # ids of one transaction


def say(text: str, data: dict[str, Any], *, as_json: bool) -> None:
    """Print an answer as text, or as JSON."""
    print(dumps(data) if as_json else text)


def list_queues(seen: OpenStore, *, as_json: bool) -> None:
    """Print the queues, with their live and dead jobs."""
    queues = seen.queues()
    data = {"store": seen.name, "queues": [stats_as_data(name, stats) for name, stats in queues.items()]}
    rows = [(name, live(stats), stats.dead, paused(stats)) for name, stats in queues.items()]
    text = table([("QUEUE", "LIVE", "DEAD", "PAUSED"), *rows], sys.stdout) if rows else f"{seen.name} has no queues yet"
    say(text, data, as_json=as_json)


def stats(seen: OpenStore, name: str | None, *, as_json: bool) -> None:
    """Print the numbers of one queue or of all, by state."""
    queues = seen.queues() if name is None else {name: seen.queue(name)}
    if name is not None:
        say(numbers(queues), {"store": seen.name, **stats_as_data(name, queues[name])}, as_json=as_json)
        return
    data = {"store": seen.name, "queues": [stats_as_data(one, found) for one, found in queues.items()]}
    say(numbers(queues) if queues else f"{seen.name} has no queues yet", data, as_json=as_json)


def numbers(queues: dict[str, Stats]) -> str:
    """Return a table of queues, with their jobs by state."""
    rows = [(name, *(getattr(found, state) for state in STATES), paused(found)) for name, found in queues.items()]
    return table([("QUEUE", *(state.upper() for state in STATES), "PAUSED"), *rows], sys.stdout)


def paused(found: Stats) -> str | None:
    """Return the note of a paused queue, "yes" if it has none, and None for a queue that is not paused."""
    return None if found.paused is None else found.paused or "yes"


def dead(seen: OpenStore, name: str, limit: int, before: int | None, *, reveal: bool, as_json: bool) -> None:
    """Print the dead jobs of a queue, the newest first."""
    found = seen.queue(name)
    records: list[Record] = seen.ask(ReadDead(name, limit, before))
    wall, now = times()
    data = {
        "store": seen.name,
        "queue": name,
        "dead": found.dead,
        "jobs": [record_as_data(record, now, reveal=reveal) for record in records],
    }
    rows = [
        (
            str(record.id),
            record.attempts,
            ago(record.died_at, wall),
            error_line(record.errors, reveal=reveal),
            Payload(record.payload, reveal=reveal).line(),
        )
        for record in records
    ]
    text = f"{plain(name)} has no dead jobs" if before is None else f"{plain(name)} has no dead jobs before {before}"
    if rows:
        text = table([("ID", "ATTEMPTS", "DIED", "ERROR", "PAYLOAD"), *rows], sys.stdout)
        if found.dead > len(rows):
            text += f"\n{len(rows):,} of {counted(found.dead, 'dead job')}; older ones: --before {records[-1].id}"
    say(text, data, as_json=as_json)


def show(seen: OpenStore, number: int, *, reveal: bool, as_json: bool) -> None:
    """Print all that the store knows of a job.

    Raises:
        Problem: there is no such job.
    """
    records: list[Record] = seen.ask(Show(id=number))
    if not records:
        raise Problem(f"{seen.name} has no job {number}. A job that is done is deleted", NOT_THERE)
    wall, now = times()
    data = record_as_data(records[0], now, reveal=reveal)
    say(record_as_text(records[0], wall, now, reveal=reveal), data, as_json=as_json)


def retry(seen: OpenStore, name: str, ids: list[int], *, yes: bool, as_json: bool) -> None:
    """Make dead jobs live again: those of `ids`, or all.

    Raises:
        Problem: one of the ids is no dead job of the queue; the others are retried.
    """
    found = seen.queue(name)
    ids = list(dict.fromkeys(ids))
    missing: list[int] = []
    if ids:
        are_dead = {record.id for record in _shown(seen, ids) if (record.queue, record.state) == (name, "dead")}
        missing = [number for number in ids if number not in are_dead]
        pages = [sorted(are_dead)[first : first + PAGE] for first in range(0, len(are_dead), PAGE)]
        number = sum(seen.ask(Retry(name, tuple(page))) for page in pages)
    else:
        if found.dead:
            confirm(f"Retry {counted(found.dead, 'dead job')} of {plain(name)}?", yes=yes)
        number = seen.until_done(lambda: Retry(name, limit=SLICE), SLICE)
    say(f"{counted(number, 'job')} retried", {"queue": name, "retried": number, "missing": missing}, as_json=as_json)
    if missing:
        raise Problem(f"no dead job of {plain(name)}: {', '.join(map(str, missing))}", NOT_THERE)


def _shown(seen: OpenStore, ids: list[int]) -> list[Record]:
    pages = [ids[first : first + PAGE] for first in range(0, len(ids), PAGE)]
    answers = [records for page in pages for records in seen.ask_all([Show(id=number) for number in page])]
    return [record for records in answers for record in records]


def purge(seen: OpenStore, name: str, state: Literal["waiting", "dead"], *, yes: bool, as_json: bool) -> None:
    """Delete the waiting or the dead jobs of a queue."""
    found = seen.queue(name)
    there = found.dead if state == "dead" else found.ready + found.delayed + found.blocked
    if there:
        confirm(f"Delete {counted(there, f'{state} job')} of {plain(name)}?", yes=yes)
    number = seen.until_done(lambda: Purge(name, state, SLICE), SLICE)
    say(
        f"{counted(number, f'{state} job')} deleted",
        {"queue": name, "state": state, "deleted": number},
        as_json=as_json,
    )


def pause(seen: OpenStore, name: str, note: str, *, as_json: bool) -> None:
    """Stop claims from a queue."""
    seen.queue(name)
    seen.ask(Pause(name, note))
    say(
        f"{plain(name)} is paused{f': {plain(note)}' if note else ''}", {"queue": name, "paused": note}, as_json=as_json
    )


def resume(seen: OpenStore, name: str, *, as_json: bool) -> None:
    """End a pause of a queue."""
    found = seen.queue(name)
    seen.ask(Resume(name))
    text = f"{plain(name)} was not paused" if found.paused is None else f"{plain(name)} is resumed"
    say(text, {"queue": name, "paused": None, "was_paused": found.paused is not None}, as_json=as_json)


def move(seen: OpenStore, old: str, new: str, *, as_json: bool) -> None:
    """Move the jobs of a queue to another; those that a worker performs stay.

    Raises:
        Problem: both names are one, or there is no queue of the old name.
    """
    if old == new or not new:
        raise Problem(f"move: wanted two different names, got {plain(old)!r} and {plain(new)!r}", WRONG_USE)
    seen.queue(old)
    number = seen.until_done(lambda: Move(old, new, SLICE), SLICE)
    left = seen.queues().get(old, Stats())
    text = f"{counted(number, 'job')} moved from {plain(old)} to {plain(new)}"
    if left.leased:
        text += f"; {left.leased:,} more are performed now, and stay: move again when they have ended"
    say(text, {"from": old, "to": new, "moved": number, "leased": left.leased}, as_json=as_json)


def check(seen: OpenStore, *, as_json: bool) -> None:
    """Check the store for damage, and print its problems and facts.

    Raises:
        Problem: the store has problems.
    """
    problems = seen.store.check()
    facts = seen.store.diagnostics()
    data = {"store": seen.name, "ok": not problems, "problems": problems, **_without_url(facts)}
    lines = [plain(problem) for problem in problems] or [f"{seen.name} is sound"]
    say("\n".join([*lines, *_facts(facts)]), data, as_json=as_json)
    if problems:
        raise Problem(f"{seen.name} has {counted(len(problems), 'problem')}", REFUSED)


def backup(seen: OpenStore, file: Path, *, as_json: bool) -> None:
    """Write a copy of the store to a new file."""
    seen.store.backup(str(file))
    size = file.stat().st_size
    say(f"{plain(str(file))}: {counted(size, 'byte')}", {"backup": str(file), "bytes": size}, as_json=as_json)


def migrate(seen: OpenStore, *, as_json: bool) -> None:
    """Print the facts of a store that has been opened, and so is of this version."""
    facts = seen.store.diagnostics()
    say(
        "\n".join([f"{seen.name} is up to date", *_facts(facts)]),
        {"store": seen.name, **_without_url(facts)},
        as_json=as_json,
    )


def _facts(facts: dict[str, Any]) -> list[str]:
    return [f"  {plain(str(name)):<16}{plain(str(value))}" for name, value in _without_url(facts).items()]


def _without_url(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts without where the store is, which may contain a password; the name of the store says it."""
    return {name: value for name, value in facts.items() if name not in {"path", "url", "conninfo", "dsn"}}
