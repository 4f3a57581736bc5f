"""The ratios as a picture: bars on a logarithmic scale, readable in light and in dark mode."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape

from benchmarks.cases import CASES
from benchmarks.contestants import BEAM, COMPILED, LIBRARIES, METHOD, PURE, TASKS
from benchmarks.results import Results, Spread, key_of

PANELS = {
    "call": "a call and its answer",
    "clients": "100 clients of one server",
    "cast": "casts, then one call",
    "ring": "a message around 100 servers",
    "start_link": "starting a server",
}
ORDER = [COMPILED, PURE, BEAM, METHOD, TASKS, *LIBRARIES]

WIDTH = 760
LEFT = 150  # where the bars begin
RIGHT = 620  # where the longest ends
LINE = 20
HEADING = 34

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #57606a; }
  .title { font-weight: 600; fill: #24292f; }
  .other { fill: #afb8c1; } .beam { fill: #a371f7; } .floor { fill: #d4a72c; } .regrow { fill: #1f883d; }
  .spread { stroke: #57606a; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9da7b1; }
    .title { fill: #e6edf3; }
    .other { fill: #6e7681; } .floor { fill: #bb8009; } .regrow { fill: #3fb950; }
    .spread { stroke: #e6edf3; }
  }
"""


def picture(results: Results) -> str:
    """Return an SVG with a panel for each case and a bar for each contestant: its speed relative to the BEAM."""
    there = results.contestants()
    scale = BEAM if BEAM in there else PURE
    lines: list[str] = []
    top = 10
    for case in CASES:
        if case.name not in PANELS:
            continue
        key = key_of(case.name, case.size)
        ratios = {name: results.ratio(key, "rate", name, scale) for name in ORDER if name in there}
        found = {name: ratio for name, ratio in ratios.items() if ratio is not None}
        if found:
            lines += panel(top, f"{PANELS[case.name]}: speed relative to {scale}", found)
            top += HEADING + LINE * len(found) + 14
    lines.append(f'<text x="8" y="{top + 10}">Medians; each line spans all rounds. The scale is logarithmic.</text>')
    top += 24
    body = "\n".join(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" role="img">\n'
        f"<title>The speed of regrow compared with others</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def panel(top: int, title: str, ratios: dict[str, Spread]) -> Iterator[str]:
    """Yield the bars of one case, the fastest first."""
    least = math.floor(math.log10(min(ratio.least for ratio in ratios.values())))
    most = math.log10(max(ratio.most for ratio in ratios.values()))

    def place(ratio: float) -> float:
        return LEFT + (RIGHT - LEFT) * (math.log10(ratio) - least) / (most - least)

    yield f'<text class="title" x="8" y="{top + 18}">{escape(title)}</text>'
    for number, (name, ratio) in enumerate(sorted(ratios.items(), key=lambda one: -one[1].median)):
        y = top + HEADING + number * LINE
        middle = y + 6
        yield f'<text x="{LEFT - 8}" y="{y + 11}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect class="{kind(name)}" x="{LEFT}" y="{y}" width="{place(ratio.median) - LEFT:.1f}" height="12" rx="2"/>'
        yield (
            f'<line class="spread" x1="{place(ratio.least):.1f}" x2="{place(ratio.most):.1f}" y1="{middle}" y2="{middle}"/>'
        )
        yield f'<text x="{place(ratio.most) + 8:.1f}" y="{y + 11}">{shown(ratio.median)}</text>'


def kind(name: str) -> str:
    """Return the CSS class that colours the bar."""
    match name:
        case "the BEAM":
            return "beam"
        case "two asyncio tasks" | "a method call":
            return "floor"
        case _:
            return "regrow" if name.startswith("regrow") else "other"


def shown(ratio: float) -> str:
    """Format a ratio with two decimals, or three if it is small."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.3f}"
