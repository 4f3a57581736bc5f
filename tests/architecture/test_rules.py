"""Each rule finds the code that breaks it, and accepts code that does not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.architecture import rules
from tests.architecture.rules import Rule
from tests.architecture.source import Package

LONG_BODY = "\n".join(f"    line_{number} = {number}" for number in range(rules.LONGEST_FUNCTION))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder in which a test writes a small package."""
    return tmp_path / "house"


def write(folder: Path, **sources: str) -> Package:
    """Write a package of these modules; `kernel__clock` is kernel/clock.py."""
    for name, source in sources.items():
        path = folder.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")
    for inner in [folder, *(path for path in folder.rglob("*") if path.is_dir())]:
        (inner / "__init__.py").touch()
    return Package(folder)


OTHER_ROOMS = {
    "behaviours__gen_server__gen_server": "",
    "behaviours__gen_event__manager": "",
    "behaviours__supervision__restart": "",
    "behaviours__naming__registry": "",
    "kernel__pid": "",
}


def breaks(rule: Rule, package: Package) -> bool:
    """Whether the rule has a complaint."""
    return bool(rule(package))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("kernel__pid", "from house.behaviours import request"),
        ("kernel__pid", "from house.behaviours.request import Request"),
        ("kernel__pid", "import house.behaviours.request"),
        ("kernel__pid", "from ..behaviours import request"),
        ("kernel__pid", "def late():\n    from house.behaviours import request"),
        ("kernel__pid", "from house import something"),
        ("servers__queue", "from house.cluster import engine"),
        ("ops__logs", "from house.testing import plugin"),
        ("cli__new", "from house.testing import plugin"),
    ],
)
def test_import_that_points_up_or_across_is_found(folder: Path, importer: str, statement: str) -> None:
    others = {"behaviours__request": "", "cluster__engine": "", "testing__plugin": ""}
    assert breaks(rules.layers, write(folder, **{**others, importer: statement}))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("kernel__pid", "from house.kernel import exits"),
        ("kernel__pid", "from . import exits"),
        ("kernel__pid", "import asyncio"),
        ("behaviours__request", "from house.kernel.exits import Shutdown"),
        ("cluster__engine", "from house.behaviours import request"),
        ("testing__plugin", "from house import run"),
        ("__main__", "from house.cli import main"),
    ],
)
def test_import_that_points_down_or_stays_inside_is_allowed(folder: Path, importer: str, statement: str) -> None:
    others = {"kernel__exits": "", "behaviours__request": "", "cli": ""}
    assert not breaks(rules.layers, write(folder, **{**others, importer: statement}))


def test_folder_that_is_no_layer_is_found(folder: Path) -> None:
    assert breaks(rules.known_layers, write(folder, helpers__text=""))


def test_file_beside_the_layers_belongs_to_the_front(folder: Path) -> None:
    assert not breaks(rules.known_layers, write(folder, process="from house.kernel import pid", kernel__pid=""))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("from house.kernel import second", "from house.kernel import first"),
        ("from house.kernel.second import name", "from .first import name"),
        ("import house.kernel.second", "class Late:\n    import house.kernel.first"),
    ],
)
def test_cycle_is_found(folder: Path, first: str, second: str) -> None:
    assert breaks(rules.no_cycles, write(folder, kernel__first=first, kernel__second=second))


@pytest.mark.parametrize(
    "way_back",
    [
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.kernel import first",
        "import typing\nif typing.TYPE_CHECKING:\n    from house.kernel import first",
        "import typing\nif typing.TYPE_CHECKING:\n    from house.kernel.first import First",
    ],
)
def test_an_import_for_types_makes_a_cycle_too(folder: Path, way_back: str) -> None:
    package = write(folder, kernel__first="from house.kernel import second", kernel__second=way_back)
    assert breaks(rules.no_cycles, package)


@pytest.mark.parametrize("way_back", ["", "def late():\n    from house.kernel import first  # for start-up"])
def test_import_that_does_not_run_with_the_module_makes_no_cycle(folder: Path, way_back: str) -> None:
    package = write(folder, kernel__first="from house.kernel import second", kernel__second=way_back)
    assert not breaks(rules.no_cycles, package)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("from house.kernel import exits", True),
        ("from . import exits  # it is handy", True),
        ("if True:\n        import house.kernel.exits", True),
        ("import json", False),
        ("from house.kernel import exits  # start-up: heavy", False),
        ("# For start-up time: heavy, and rarely used.\n    from house.kernel import exits", False),
    ],
)
def test_import_hidden_in_a_function_is_found_unless_start_up_is_the_reason(
    folder: Path, body: str, found: bool
) -> None:
    package = write(folder, kernel__exits="", kernel__pid=f"def late():\n    {body}")
    assert breaks(rules.no_hidden_imports, package) == found


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("x = 1", "the module"),
        ('"""Doc."""\nclass Open: ...', "Open"),
        ('"""Doc."""\ndef open(): ...', "open"),
        ('"""Doc."""\nasync def open(): ...', "open"),
        ('"""Doc."""\nclass Open:\n    """Doc."""\n    def shut(self): ...', "Open.shut"),
        ('"""Doc."""\nif True:\n    def open(): ...', "open"),
    ],
)
def test_public_name_without_docstring_is_found(folder: Path, source: str, missing: str) -> None:
    (only,) = [place for place in rules.docstrings(write(folder, kernel__pid=source)) if "pid.py" in place]
    assert only.endswith(f"{missing} has no docstring")


@pytest.mark.parametrize(
    "source",
    [
        '"""Doc."""\nclass _Shut:\n    def open(self): ...',
        '"""Doc."""\nclass Open:\n    """Doc."""\n    def __len__(self): ...\n    def _shut(self): ...',
        '"""Doc."""\nfrom typing import overload\n@overload\ndef open(): ...',
        '"""Doc."""\ndef open():\n    """Doc."""\n    def inner(): ...',
    ],
)
def test_private_name_needs_no_docstring(folder: Path, source: str) -> None:
    found = rules.docstrings(write(folder, kernel__pid=source))
    assert not [place for place in found if "pid.py" in place]


@pytest.mark.parametrize(("extra", "found"), [(0, False), (1, True)])
def test_module_that_is_too_long_is_found(folder: Path, extra: int, found: bool) -> None:
    package = write(folder, kernel__pid="x = 1\n" * (rules.LONGEST_MODULE + extra))
    assert breaks(rules.module_length, package) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (f"def long():\n{LONG_BODY}", True),
        (f"class Open:\n  async def long():\n{LONG_BODY}", True),
        (f"@cached\ndef long():\n{LONG_BODY.partition(chr(10))[2]}", False),
    ],
)
def test_function_that_is_too_long_is_found(folder: Path, source: str, found: bool) -> None:
    assert breaks(rules.function_length, write(folder, kernel__pid=source)) == found


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "import random",
        "import asyncio\nasyncio.sleep(0)",
        "from asyncio import sleep",
        "import asyncio\nasyncio.get_running_loop().time()",
        "def now(self):\n    return self._loop.time()",
        "import datetime\ndatetime.datetime.now()",
        "from uuid import uuid4",
    ],
)
def test_use_of_time_or_chance_is_found(folder: Path, source: str) -> None:
    assert breaks(rules.time_and_chance, write(folder, behaviours__task=source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kernel__clock", "import time"),
        ("kernel__schedule", "import random"),
        ("ops__logs", "import time"),
        ("kernel__timers", "def due(clock):\n    return clock.time()"),
        ("kernel__timers", "from house.kernel import time"),
    ],
)
def test_use_of_time_or_chance_in_its_modules_is_allowed(folder: Path, module: str, source: str) -> None:
    assert not breaks(rules.time_and_chance, write(folder, **{module: source}))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("behaviours__gen__request", "from house.behaviours.gen_server import client"),
        ("behaviours__gen__request", "from house.behaviours.gen_server.client import call"),
        ("behaviours__gen_server__client", "from house.behaviours.supervision import restart"),
        ("behaviours__gen_statem__machine", "from house.behaviours.gen_event.manager import Manager"),
        ("behaviours__supervision__children", "def late():\n    from house.behaviours.task import job"),
        ("behaviours__task__job", "if TYPE_CHECKING:\n    from house.behaviours.naming import registry"),
    ],
)
def test_import_from_a_room_that_is_not_below_is_found(folder: Path, importer: str, statement: str) -> None:
    assert breaks(rules.rooms, write(folder, **{importer: statement, **OTHER_ROOMS}))


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("behaviours__gen_server__client", "from house.behaviours.gen import request"),
        ("behaviours__task__job", "from house.behaviours.supervision.restart import Decision"),
        ("behaviours__supervision__children", "from house.behaviours.supervision import restart"),
        ("behaviours__gen__request", "from house.kernel import pid"),
        ("ops__logs", "from house.behaviours.gen import request"),
    ],
)
def test_import_from_a_room_below_is_allowed(folder: Path, importer: str, statement: str) -> None:
    assert not breaks(rules.rooms, write(folder, **{importer: statement, **OTHER_ROOMS}))


def test_unknown_room_is_found(folder: Path) -> None:
    assert breaks(rules.known_rooms, write(folder, behaviours__gen_stage__stage=""))
    assert breaks(rules.known_rooms, write(folder, behaviours__stage=""))


def test_known_room_is_allowed(folder: Path) -> None:
    assert not breaks(rules.known_rooms, write(folder, behaviours__gen__request="", kernel__stage=""))


@pytest.mark.parametrize(
    "statement",
    [
        "from house.kernel.test_nodes import Other",
        "from house.kernel import test_nodes",
        "import house.kernel.test_nodes",
    ],
)
def test_import_of_a_file_of_tests_is_found(folder: Path, statement: str) -> None:
    assert breaks(rules.no_test_imports_a_test, write(folder, ops__test_logs=statement, kernel__test_nodes=""))


def test_import_of_a_helper_is_allowed(folder: Path) -> None:
    helped = write(folder, ops__test_logs="from house.kernel.nodes import Other", kernel__nodes="")
    assert not breaks(rules.no_test_imports_a_test, helped)


@pytest.mark.parametrize("source", ["import weakref", "from weakref import ref", "def f():\n    import weakref"])
def test_weak_reference_in_the_kernel_is_found(folder: Path, source: str) -> None:
    assert breaks(rules.no_weak_references, write(folder, kernel__links=source))


def test_weak_reference_above_the_kernel_is_allowed(folder: Path) -> None:
    assert not breaks(rules.no_weak_references, write(folder, ops__logs="import weakref"))


@pytest.mark.parametrize(
    "source",
    [
        'def f(spec):\n    return spec.restart == "temporary"',
        'def f(spec):\n    return spec.restart in ("permanent", "transient")',
        'def f(spec):\n    match spec.shutdown:\n        case "brutal_kill":\n            return 0',
        'def f(flags):\n    return "one_for_all" != flags.strategy',
    ],
)
def test_decision_beside_the_tables_is_found(folder: Path, source: str) -> None:
    assert breaks(rules.decisions_in_tables, write(folder, behaviours__supervisor=source))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("behaviours__supervision__restart", 'def f(restart):\n    return restart == "temporary"'),
        ("behaviours__application", 'def f(start_type):\n    return start_type == "temporary"'),
        ("behaviours__supervisor", 'def f(strategy="one_for_one"):\n    return strategy'),
        ("ops__tree", 'def f(strategy):\n    return strategy == "one_for_all"'),
    ],
)
def test_decision_in_the_tables_is_allowed(folder: Path, module: str, source: str) -> None:
    assert not breaks(rules.decisions_in_tables, write(folder, **{module: source}))
