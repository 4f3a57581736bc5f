"""Jobs and queues as text for a terminal, and as JSON: bounded, without control characters, without secrets.

Payloads are data of other programs. In a terminal a control character could move the cursor or hide text, so each one is
written as an escape; a program that reads the JSON gets ASCII alone.
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from math import isfinite
from typing import Any, Final, TextIO

from regrow.ops.redaction import redact, redact_text
from regrow.servers.queue.job import JobError, Stats
from regrow.servers.queue.ops import Record

COLUMNS: Final = 120  # of a table that does not go to a terminal
LEAST: Final = 24  # columns of the last cell of a row
MOST_CELL: Final = 48  # columns of any other cell
MOST_SHOWN: Final = 10_000  # characters of a payload
SHORT: Final = 72  # characters of a payload that is shown on one line
WIDE: Final = frozenset("WF")  # Unicode's East Asian widths of two columns
INVISIBLE: Final = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])  # Unicode's categories
UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))
STATES: Final = ("ready", "delayed", "leased", "blocked", "dead")


# Text for a terminal


def plain(text: str) -> str:
    """Return a text in which each control or invisible character is written as an escape of Python."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in INVISIBLE else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def width(text: str) -> int:
    """Return the columns of a text in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in WIDE else 1 for char in text
    )


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` columns, which ends with an ellipsis if it was longer."""
    if width(text) <= most:
        return text
    text = text[: max(0, most)]
    while text and width(text) >= most:
        text = text[:-1]
    return f"{text}…"


def table(rows: Sequence[Sequence[object]], stream: TextIO) -> str:
    """Return rows as lines: the first row is the heading, numbers stand at the right, the last cell is cut to fit.

    Args:
        rows: cells that are text, ints, or None, which is shown as "-".
        stream: where the lines go; a terminal's width limits them.
    """
    shown = [[*(cut(_cell(cell), MOST_CELL) for cell in row[:-1]), _cell(row[-1])] for row in rows]
    numeric = [_is_numeric([row[place] for row in rows[1:]]) for place in range(len(rows[0]))]
    widths = [max(width(row[place]) for row in shown) for place in range(len(rows[0]))]
    room = max(LEAST, columns(stream) - sum(widths[:-1]) - 2 * (len(widths) - 1))
    lines: list[str] = []
    for row in shown:
        cells = [
            " " * (size - width(cell)) + cell if right else cell + " " * (size - width(cell))
            for cell, size, right in zip(row[:-1], widths, numeric, strict=False)
        ]
        last = " " * (widths[-1] - width(row[-1])) + row[-1] if numeric[-1] else cut(row[-1], room)
        lines.append("  ".join([*cells, last]).rstrip())
    return "\n".join(lines)


def columns(stream: TextIO) -> int:
    """Return the columns of a terminal, or a usual number for other streams."""
    return shutil.get_terminal_size((COLUMNS, 24)).columns if stream.isatty() else COLUMNS


def _is_numeric(cells: list[object]) -> bool:
    return any(isinstance(cell, int) for cell in cells) and all(isinstance(cell, int | None) for cell in cells)


def _cell(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:,}" if isinstance(cell, int) else plain(str(cell))


def counted(number: int, what: str) -> str:
    """Return a number with its noun: `1 job`, `1,200 jobs`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def lasting(seconds: float) -> str:
    """Return a duration in the largest unit of which it has two: `90 s`, `3 min`."""
    for size, unit in UNITS:
        if seconds >= 2.0 * size:
            return f"{seconds / size:.0f} {unit}"
    return "1 s" if seconds >= 1.0 else "less than 1 s"


def ago(then: float | None, now: float) -> str | None:
    """Return how far a time is from now: `3 min ago`, `in 2 h`; None for no time."""
    if then is None:
        return None
    if abs(then - now) < 1.0:
        return "now"
    return f"in {lasting(then - now)}" if then > now else f"{lasting(now - then)} ago"


def at(then: float, now: float) -> str:
    """Return a time as local date and time, and how far it is from now."""
    try:
        stamp = datetime.fromtimestamp(then).astimezone().isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        stamp = str(then)
    return f"{stamp} ({ago(then, now)})"


# Payloads and errors


class Payload:
    """A payload that is decoded for people.

    Attributes:
        decoded: whether it is JSON.
        value: its value, or the text of its bytes.
    """

    def __init__(self, raw: bytes, *, reveal: bool) -> None:
        try:
            value: Any = json.loads(raw.decode("utf-8"), parse_constant=str, parse_float=_finite)
            self.value: Any = value if reveal else redact(value)
            json.dumps(self.value)  # raises RecursionError for a value that is too deep to be shown
            self.decoded: bool = True
        except (ValueError, RecursionError):
            text = raw.decode("utf-8", "backslashreplace")
            self.value = text if reveal else redact_text(text)
            self.decoded = False

    def line(self) -> str:
        """Return the payload as text on one line."""
        if not self.decoded:
            return f"no JSON: {plain(self.value[:MOST_SHOWN])}"
        return plain(json.dumps(self.value, ensure_ascii=False))

    def text(self) -> str:
        """Return the payload as text, on several lines unless it is short, and limited in length."""
        line = json.dumps(self.value, ensure_ascii=False) if self.decoded else f"no JSON: {self.value}"
        text = line if not self.decoded or len(line) <= SHORT else json.dumps(self.value, ensure_ascii=False, indent=2)
        shown = "\n".join(plain(line) for line in text[:MOST_SHOWN].split("\n"))
        return shown if len(text) <= MOST_SHOWN else f"{shown}… ({len(text):,} characters; --json shows all)"

    def fields(self) -> dict[str, Any]:
        """Return the fields of a job's JSON: `payload`, or `raw` for bytes that are no JSON."""
        return {"payload": self.value} if self.decoded else {"payload": None, "raw": self.value}


def error_as_data(error: JobError, *, reveal: bool) -> dict[str, Any]:
    """Return a failed attempt as JSON."""
    fields = asdict(error)
    return fields if reveal else fields | {name: redact_text(fields[name]) for name in ("message", "trace")}


def error_line(errors: tuple[JobError, ...], *, reveal: bool) -> str | None:
    """Return the last failed attempt on one line; None without one."""
    if not errors:
        return None
    last = errors[-1]
    message = last.message if reveal else redact_text(last.message)
    return f"{last.kind}: {message}" if message else last.kind


# Queues and jobs


def stats_as_data(name: str, stats: Stats) -> dict[str, Any]:
    """Return a queue's numbers as JSON."""
    return {"queue": name, "live": live(stats), **asdict(stats)}


def live(stats: Stats) -> int:
    """Return the number of a queue's live jobs."""
    return stats.ready + stats.delayed + stats.leased + stats.blocked


def record_as_data(record: Record, now: float, *, reveal: bool) -> dict[str, Any]:
    """Return a job as JSON: times are Unix seconds, `lease_left` is in seconds.

    Args:
        record: the job.
        now: the monotonic time.
        reveal: whether secrets are shown.
    """
    lease = record.lease_until
    return {
        "id": record.id,
        "queue": record.queue,
        "state": record.state,
        **Payload(record.payload, reveal=reveal).fields(),
        "attempts": record.attempts,
        "max_attempts": record.max_attempts,
        "priority": record.priority,
        "group": record.group,
        "key": record.key,
        "created_at": record.created_at,
        "due_at": record.due_at,
        "died_at": record.died_at,
        "lease_left": None if lease is None or record.state != "leased" else round(max(0.0, lease - now), 3),
        "holder": record.holder,
        "token": record.token,
        "traceparent": record.traceparent,
        "errors": [error_as_data(error, reveal=reveal) for error in record.errors],
    }


def record_as_text(record: Record, wall: float, now: float, *, reveal: bool) -> str:
    """Return a job as lines of text.

    Args:
        record: the job.
        wall: Unix seconds.
        now: the monotonic time.
        reveal: whether secrets are shown.
    """
    state: str = record.state
    if state == "leased" and record.lease_until is not None:
        left = record.lease_until - now
        rest = f"for {lasting(left)} more" if left > 0 else f"until {lasting(-left)} ago"
        state = f"leased by {record.holder or 'an unknown holder'}, {rest}"
    elif state == "delayed":
        state = f"delayed, due {ago(record.due_at, wall)}"
    rows: list[tuple[str, str | None]] = [
        ("queue", record.queue),
        ("state", state),
        ("attempts", f"{record.attempts} of {record.max_attempts}"),
        ("put", at(record.created_at, wall)),
        ("died", None if record.died_at is None else at(record.died_at, wall)),
        ("priority", str(record.priority) if record.priority else None),
        ("group", record.group),
        ("key", record.key),
        ("trace", record.traceparent),
    ]
    lines = [f"job {record.id}"]
    lines += [f"{name:<10}{plain(value)}" for name, value in rows if value is not None]
    lines += _indented("payload", Payload(record.payload, reveal=reveal).text())
    for error in record.errors:
        shown = error_line((error,), reveal=reveal) or ""
        lines.append(f"attempt {error.attempt} failed {at(error.at, wall)}: {plain(shown)}")
        trace = error.trace if reveal else redact_text(error.trace)
        lines += [f"    {plain(line)}" for line in trace.splitlines()]
    return "\n".join(lines)


def _indented(name: str, text: str) -> Iterable[str]:
    first, *others = text.split("\n")
    yield f"{name:<10}{first}".rstrip()
    for line in others:
        yield f"{'':<10}{line}"


def dumps(value: Any) -> str:
    """Return a value as one line of JSON, in ASCII."""
    return json.dumps(value, default=str)


def _finite(digits: str) -> float | str:
    """Return a number, or its digits if no float is as large: JSON has no infinity."""
    number = float(digits)
    return number if isfinite(number) else digits
