"""The queues' ratios and figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.queues.peers import FLOOR, MEMORY, PEERS, POSTGRESQL, PURE, SQLITE, YES, Peer
from benchmarks.queues.settings import COLUMNS, STEADILY, STEADY, Column
from benchmarks.queues.slow_disk import MILLISECONDS
from benchmarks.results import Results
from benchmarks.table import NOTHING, markdown, plain, times, verdict, within

ONE, HUNDRED, *_, TWO_OF_ONE, TWO_OF_FIFTY = [column.title for column in COLUMNS]
OURS = (SQLITE, PURE, MEMORY, POSTGRESQL)
# The wanted ratios: with 100 clients to the best peer and to the floor; with 1 client to the best peer.
TO_BEST, TO_FLOOR, TO_BEST_ALONE = 40.0, 20.0, 1.0
LONGEST_HOLD = 5.0  # milliseconds
SYNCS = "syncs"


def tables(results: Results) -> str:
    """Return all tables with measured figures, each under its heading."""
    parts = [
        ("The aims", "Ratios of regrow on SQLite, and the latest timer.", aims(results)),
        (
            "SQLite",
            "How many times as many cycles a second regrow on SQLite makes.",
            compared(results, SQLITE, COLUMNS),
        ),
        (
            f"SQLite, on a disk whose sync takes {MILLISECONDS:g} ms",
            "A sleep in the place of each sync. This disk is faster, or slower, or shared; here all wait equally.",
            compared(results, SQLITE, STEADY, STEADILY),
        ),
        (
            "PostgreSQL",
            "How many times as many cycles a second regrow on PostgreSQL makes.",
            compared(results, POSTGRESQL, COLUMNS),
        ),
        (
            f"PostgreSQL, on a disk whose sync takes {MILLISECONDS:g} ms",
            "",
            compared(results, POSTGRESQL, STEADY, STEADILY),
        ),
        ("Cycles a second", "Medians, on this machine and its disk.", rates(results)),
        (
            "An enqueue",
            (
                "Milliseconds until it has returned, p50 / p99. Of 100 threads, those that have just run often have the lock "
                "again: a short p50 beside a long p99."
            ),
            pairs(results, "put p50", "put p99"),
        ),
        (
            "The loop meanwhile",
            (
                "How late a timer of a millisecond is: p99 / longest, in milliseconds. The clients' own work, and other programs "
                "on the machine, are in it."
            ),
            pairs(results, "loop p99", "loop max"),
        ),
        (
            "Two processes",
            "The cycles of the process that made fewer, divided by those of the other: 1 is even, 0 is starved.",
            shares(results),
        ),
        (
            "Syncs",
            (
                "How often a cycle syncs the disk, counted. A durable cycle needs a sync for its put and one for its ack; with "
                "100 clients, one sync may serve many."
            ),
            counted(results),
        ),
    ]
    return "\n".join(
        f"### {title}\n\n{text}\n\n{table}".replace("\n\n\n\n", "\n\n") for title, text, table in parts if table
    )


def measured(results: Results) -> list[Peer]:
    """Return the queues that have figures."""
    there = results.contestants()
    return [peer for peer in PEERS if peer.name in there]


def best(results: Results, column: str) -> Peer | None:
    """Return the fastest of the others that are as durable as regrow on SQLite."""
    found = [
        (rate.median, peer.name, peer)
        for peer in measured(results)
        if peer.durable == YES and peer.store == "SQLite" and peer.name not in OURS and peer.name != FLOOR
        if (rate := results.values(column, "rate", peer.name)) is not None
    ]
    return max(found)[2] if found else None


def aims(results: Results) -> str:
    """Return the table of what is wanted, on this disk and on the steady one."""
    rows: list[list[str]] = []
    for column, target in ((HUNDRED, TO_BEST), (ONE, TO_BEST_ALONE)):
        peer = best(results, column)
        if peer is not None:
            rows.append(aim(results, f"to the fastest that is as durable, {peer.name}", column, peer.name, target))
    rows.append(aim(results, f"to {FLOOR}", HUNDRED, FLOOR, TO_FLOOR))
    held = [results.values(prefix + HUNDRED, "loop max", SQLITE) for prefix in ("", STEADILY)]
    cells = [cell for found in held for cell in (plain(found, "{:.1f}"), within(found, LONGEST_HOLD))]
    rows.append([f"{HUNDRED}: the latest timer, milliseconds", *cells])
    head = ["", "this disk", "aim", f"a sync takes {MILLISECONDS:g} ms", "aim"]
    return markdown(head, [row for row in rows if row[1] != NOTHING])


def aim(results: Results, words: str, column: str, other: str, target: float) -> list[str]:
    """Return one row of the aims."""
    found = [results.ratio(prefix + column, "rate", SQLITE, other) for prefix in ("", STEADILY)]
    return [f"{column}, {words}", *(cell for ratio in found for cell in (times(ratio), verdict(ratio, target)))]


def compared(results: Results, ours: str, columns: Sequence[Column], prefix: str = "") -> str:
    """Return the table that compares one of regrow's stores with the others."""
    store = "PostgreSQL" if ours == POSTGRESQL else "SQLite"
    rows = [
        [
            peer.name,
            peer.durable,
            *(times(results.ratio(prefix + column.title, "rate", ours, peer.name)) for column in columns),
        ]
        for peer in measured(results)
        if peer.store == store and peer.name not in OURS
    ]
    return markdown(["", "as durable", *(column.title for column in columns)], kept(rows, 2))


def rates(results: Results) -> str:
    """Return the table of cycles a second."""
    rows = [
        [peer.name, *(plain(results.values(column.title, "rate", peer.name), "{:,.0f}") for column in COLUMNS)]
        for peer in measured(results)
    ]
    return markdown(["", *(column.title for column in COLUMNS)], kept(rows, 1))


def pairs(results: Results, one: str, other: str) -> str:
    """Return a table with two figures in each cell."""
    rows: list[list[str]] = []
    for peer in measured(results):
        row = [peer.name]
        for column in COLUMNS:
            found = [plain(results.values(column.title, figure, peer.name), "{:.2f}") for figure in (one, other)]
            row.append(NOTHING if NOTHING in found else " / ".join(found))
        rows.append(row)
    return markdown(["", *(column.title for column in COLUMNS)], kept(rows, 1))


def shares(results: Results) -> str:
    """Return the table of the two processes' shares."""
    columns = [TWO_OF_ONE, TWO_OF_FIFTY]
    rows = [
        [peer.name, *(plain(results.values(column, "least", peer.name), "{:.2f}") for column in columns)]
        for peer in measured(results)
    ]
    return markdown(["", *columns], kept(rows, 1))


def counted(results: Results) -> str:
    """Return the table of syncs."""
    rows = [
        [peer.name, *(plain(results.values(SYNCS, f"syncs {clients}", peer.name), "{:.2f}") for clients in (1, 100))]
        for peer in measured(results)
    ]
    return markdown(["", ONE, HUNDRED], kept(rows, 1))


def kept(rows: list[list[str]], first: int) -> list[list[str]]:
    """Return the rows that have a figure."""
    return [row for row in rows if any(cell != NOTHING for cell in row[first:])]
