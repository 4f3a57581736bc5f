"""The ratios as Markdown tables, which are also readable in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.cases import CASES, FLAT, GROWTH, LIBRARY_CASES, LIBRARY_TARGET, MILLION, OTHERS, STARTS, WEIGHTS, Case
from benchmarks.contestants import BEAM, COMPILED, LIBRARIES, METHOD, PURE, TASKS
from benchmarks.results import Results, Spread, key_of

NOTHING = "-"


def tables(results: Results) -> str:
    """Return all tables with measured figures, each under its heading."""
    regrows = [name for name in (PURE, COMPILED) if name in results.contestants()]
    parts = [
        (
            "Compared with the BEAM and the baselines",
            "How many times as fast; for delays, how many times shorter. " + CLOCK,
            speed(results, regrows),
        ),
        (
            "Compared with other libraries",
            "How many times as fast; for memory, how many times smaller. " + CLOCK,
            libraries(results, regrows),
        ),
        ("Memory", "Bytes of resident memory for each of 100,000 servers.", weights(results, regrows)),
        (
            "Start-up",
            "Milliseconds, the fastest of five starts in each round; Python's own start is included.",
            starts(results, regrows),
        ),
        ("Growth", "The cost beside this many others, divided by the cost beside one.", growth(results, regrows)),
        ("A million servers", "", limits(results, regrows, MILLION)),
    ]
    return "\n".join(
        f"### {title}\n\n{text}\n\n{table}".replace("\n\n\n\n", "\n\n") for title, text, table in parts if table
    )


CLOCK = "In brackets: the minimum and the maximum of all rounds."


def speed(results: Results, regrows: list[str]) -> str:
    """Return the table that compares each case with the BEAM, its target and the baselines."""
    rows: list[list[str]] = []
    for case in CASES:
        key = key_of(case.name, case.size)
        row = [case.title]
        for number, regrow in enumerate(regrows):
            ratio = results.ratio(key, case.figure, regrow, BEAM)
            row += [times(ratio), verdict(ratio, case.target[number]) if case.target else ""]
        row += [times(results.ratio(key, case.figure, regrows[0], floor)) for floor in (TASKS, METHOD)]
        if any("(" in cell for cell in row[1:]):
            rows.append(row)
    head = [column for regrow in regrows for column in (f"{regrow}, of the BEAM", "target")]
    return markdown(["", *head, f"of {TASKS}", f"of {METHOD}"], rows)


def libraries(results: Results, regrows: list[str]) -> str:
    """Return the table that compares regrow with each library."""
    wanted, targets = LIBRARY_TARGET
    rows: list[list[str]] = []
    for number, regrow in enumerate(regrows):
        for case in [*CASES, *WEIGHTS]:
            if case.name in LIBRARY_CASES:
                key = key_of(case.name, case.size)
                ratios = {name: results.ratio(key, case.figure, regrow, name) for name in LIBRARIES}
                target = verdict(ratios[wanted], targets[number]) if case.name == "call" else ""
                rows.append([f"{regrow}: {case.title}", target, *(times(ratio) for ratio in ratios.values())])
    rows = [row for row in rows if any(cell != NOTHING for cell in row[2:])]
    return markdown(["", f"target, of {wanted}", *LIBRARIES], rows)


def weights(results: Results, regrows: list[str]) -> str:
    """Return the table of bytes, with those of the BEAM."""
    rows: list[list[str]] = []
    for case in WEIGHTS:
        key = key_of(case.name, case.size)
        row = [case.title]
        for number, regrow in enumerate(regrows):
            found = results.values(key, case.figure, regrow)
            row += [plain(found, "{:,.0f}"), within(found, case.limit[number]) if case.limit else ""]
        row.append(plain(results.values(key, case.figure, BEAM), "{:,.0f}"))
        if row[1] != NOTHING:
            rows.append(row)
    return markdown(["", *(column for regrow in regrows for column in (regrow, "limit")), BEAM], rows)


def starts(results: Results, regrows: list[str]) -> str:
    """Return the table of milliseconds."""
    return limits(results, regrows, STARTS, "{:.0f}")


def limits(results: Results, regrows: list[str], cases: Iterable[Case], form: str = "{:.2f}") -> str:
    """Return a table of plain figures with their limits."""
    rows: list[list[str]] = []
    for case in cases:
        row = [case.title]
        for number, regrow in enumerate(regrows):
            found = results.values(key_of(case.name, case.size), case.figure, regrow)
            row += [plain(found, form), within(found, case.limit[number]) if case.limit else ""]
        if row[1] != NOTHING:
            rows.append(row)
    return markdown(["", *(column for regrow in regrows for column in (regrow, "limit"))], rows)


def growth(results: Results, regrows: list[str]) -> str:
    """Return the table of costs beside many others, divided by the cost beside one."""
    rows: list[list[str]] = []
    for case in GROWTH:
        row = [case.title]
        for regrow in regrows:
            found = [relative_cost(results, case.name, regrow, others) for others in OTHERS[1:]]
            row += [times(ratio) for ratio in found]
            last = found[-1]
            row.append("" if last is None else ("flat" if last.median <= FLAT else "**grows**"))
        if row[1] != NOTHING:
            rows.append(row)
    head = [f"{regrow}, {others:,}" if others else "" for regrow in regrows for others in (*OTHERS[1:], 0)]
    return markdown(["", *head], rows)


def relative_cost(results: Results, case: str, regrow: str, others: int) -> Spread | None:
    """Return the cost beside this many others, divided by the cost beside one."""
    return results.ratio(key_of(case, OTHERS[0]), "rate", regrow, regrow, other_key=key_of(case, others))


# Cells


def times(ratio: Spread | None) -> str:
    """Format a ratio: `0.92 (0.88 to 0.97)`."""
    if ratio is None:
        return NOTHING
    return f"{short(ratio.median)} ({short(ratio.least)} to {short(ratio.most)})"


def short(number: float) -> str:
    """Format a number with two significant digits."""
    return f"{number:.2f}" if number < 2 else f"{number:.1f}" if number < 10 else f"{number:,.0f}"


def plain(found: Spread | None, form: str) -> str:
    """Format the median of a figure."""
    return NOTHING if found is None else form.format(found.median)


def verdict(ratio: Spread | None, target: float) -> str:
    """Compare a ratio with its target: `≥ 0.9 met`."""
    if ratio is None:
        return f"≥ {target:g}"
    return f"≥ {target:g} {'met' if ratio.median >= target else '**missed**'}"


def within(found: Spread | None, limit: float) -> str:
    """Compare a figure with its limit: `≤ 60 met`."""
    if found is None:
        return f"≤ {limit:g}"
    return f"≤ {limit:g} {'met' if found.median <= limit else '**exceeded**'}"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Return a table with aligned columns, or an empty string if there are no rows."""
    if not rows:
        return ""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rule = ["-" * max(3, width) for width in widths]
    return "".join(padded(line, widths) for line in (head, rule, *rows))


def padded(cells: Iterable[str], widths: Iterable[int]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(aligned(cells, widths)) + " |\n"


def aligned(cells: Iterable[str], widths: Iterable[int]) -> Iterator[str]:
    """Yield each cell, padded to the width of its column."""
    for cell, width in zip(cells, widths, strict=True):
        yield cell.ljust(max(3, width))
