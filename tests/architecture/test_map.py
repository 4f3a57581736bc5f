"""The map in CONTRIBUTING.md is true: its floors are those of the rules, its arrows are the imports, its paths exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.rules import FLOORS, FRONT, ROOMS, layer_of, room_of
from tests.architecture.source import Package

ROOT = Path(__file__).parents[2]
REGROW = Package(ROOT / "src" / "regrow")
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

RESERVED = {"cluster"}
EDGE = re.compile(r" *─+")
LINE = re.compile(r" *(?P<room>\w+)/ .*?(?:▼ (?P<below>[\w ]+))?")
CODE = re.compile(r"`([^`]+)`")
PATH = re.compile(r"\w+/[\w./-]*|[\w.]+\.(?:py|md)")
HEADING = "| I want to add … |"


class Drawing(NamedTuple):
    """The map as data."""

    floors: list[set[str]]  # from the top
    arrows: dict[str, set[str]]  # from a room to those that it imports


def drawn(text: str) -> Drawing:
    """Read the drawing."""
    start = text.index("═\n") + 2
    floors: list[set[str]] = [set()]
    arrows: dict[str, set[str]] = {}
    for line in text[start : text.index("```", start)].splitlines():
        if EDGE.fullmatch(line):
            floors.append(set())
        elif (found := LINE.fullmatch(line)) is not None:
            floors[-1].add(found["room"])
            arrows[found["room"]] = set((found["below"] or "").split())
    return Drawing(floors, arrows)


def room(name: str) -> str:
    """The room that a module is in: a folder of the behaviours, or another folder of the package."""
    return room_of(REGROW, name) or layer_of(REGROW, name)


def imports_between_rooms() -> dict[str, set[str]]:
    """The rooms that each room imports, without the front."""
    arrows: dict[str, set[str]] = {}
    for module in REGROW.modules.values():
        here = room(module.name)
        arrows.setdefault(here, set()).update(room(target) for target, _ in REGROW.own_imports(module))
    del arrows[FRONT], arrows["behaviours"]
    return {here: below - {here, FRONT} for here, below in arrows.items()}


DRAWING = drawn(TEXT)


def test_the_floors_are_those_of_the_rules() -> None:
    floors: list[set[str]] = []
    for layer in reversed(FLOORS):
        floors += list(reversed(ROOMS)) if layer == {"behaviours"} else [layer]
    assert DRAWING.floors == floors


def test_the_arrows_are_the_imports() -> None:
    assert {name: below for name, below in DRAWING.arrows.items() if name not in RESERVED} == imports_between_rooms()
    assert not any(DRAWING.arrows[name] for name in RESERVED)


def test_each_arrow_points_down() -> None:
    floor = {name: number for number, names in enumerate(DRAWING.floors) for name in names}
    up = [(name, other) for name, below in DRAWING.arrows.items() for other in below if floor[other] <= floor[name]]
    assert up == []


def test_a_reserved_room_is_empty() -> None:
    """A room that is no longer reserved has its arrows in the drawing, and its rows in the table have real paths."""
    assert [name for name in RESERVED if (REGROW.folder / name).exists()] == []


def rows() -> list[str]:
    """The rows of the table "I want to add …"."""
    lines = TEXT[TEXT.index(HEADING) :].splitlines()[2:]
    return lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.split("|")[1].strip())
def test_each_path_of_the_table_exists(row: str) -> None:
    paths = [path for path in CODE.findall(row) if PATH.fullmatch(path)]
    assert paths
    for path in paths:
        if path.rstrip("/") in RESERVED:
            continue
        places = [ROOT / path, REGROW.folder / path]
        assert any(place.exists() for place in places), path


def test_the_list_of_the_kernel_names_modules_that_exist() -> None:
    start = TEXT.index("```text\nwhat processes are")
    named = re.findall(r"\w+\.py", TEXT[start : TEXT.index("```", start)])
    assert [name for name in named if not (REGROW.folder / "kernel" / name).is_file()] == []
    assert len(named) == len(set(named))


def test_an_arrow_that_is_missing_is_found() -> None:
    wrong = drawn(TEXT.replace("▼ gen_server gen kernel", "▼ gen kernel"))
    assert wrong.floors == DRAWING.floors
    assert wrong.arrows != DRAWING.arrows
