"""Each public module has a page with the names of its `__all__`, and the reference leads there."""

from __future__ import annotations

from pathlib import Path

import pytest

from website import api
from website.reference import linked

FILES = {
    "__init__.py": "from regrow.kernel.pid import Pid\n__all__ = ['GenServer', 'Pid', 'call', 'gen_server', 'run']\n",
    "process.py": "from regrow.kernel.spawning import spawn\n__all__ = ['spawn', 'exit']\n",
    "gen_server.py": (
        "from regrow.behaviours.client import called as call\n"
        "from regrow.behaviours.server import GenServer\n"
        "__all__ = ['GenServer', 'call']\n"
    ),
    "pure.py": "from regrow.kernel.pid import Pid\n",
    "testing/__init__.py": "__all__ = ['flush']\n",
    "cli/__init__.py": "__all__ = ['main']\n",
    "kernel/__init__.py": "__all__ = []\n",
}
REFERENCE = """# Reference

## Addresses

| name | what |
|---|---|
| `Pid` | an address |
| `call(server)` | asks |

## Running: `run`

| name | what |
|---|---|
| `call(f)` | as above |

## `regrow.process`

| name | what |
|---|---|
| `spawn(f, *args)`, `exit(pid)` | starts `run` |
| `flag("a\\|b")` | nothing |
| `gen_server.call`, `regrow.gen_server` | elsewhere |
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with public and internal modules."""
    for name, text in FILES.items():
        path = tmp_path / "regrow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "regrow"


def test_public_modules_are_those_with_public_names(package: Path) -> None:
    assert api.modules(package) == {
        "regrow": ["GenServer", "Pid", "call", "run"],
        "regrow.gen_server": ["GenServer", "call"],
        "regrow.process": ["spawn", "exit"],
        "regrow.testing": ["flush"],
    }


def test_page_of_a_module_shows_the_names_of_its_all_in_their_order(package: Path) -> None:
    text = api.text("regrow.process", api.modules(package), REFERENCE)
    assert text.startswith("# `regrow.process`\n\n::: regrow.process\n")
    assert text.endswith("      members:\n        - spawn\n        - exit\n")


def test_page_of_the_package_shows_only_what_no_module_shows(package: Path) -> None:
    text = api.text("regrow", api.modules(package), REFERENCE)
    assert "## Addresses\n\n::: regrow.Pid\n" in text
    assert "## More\n\n::: regrow.run\n" in text  # no row of the reference names it
    assert "::: regrow.call" not in text
    assert "| [`call`](gen_server.md#regrow.gen_server.call) | [`regrow.gen_server`](gen_server.md) |" in text


def test_name_has_one_public_path(package: Path) -> None:
    assert api.homes(package) == {
        "regrow.behaviours.client.called": "regrow.gen_server.call",
        "regrow.behaviours.server.GenServer": "regrow.gen_server.GenServer",
        "regrow.kernel.pid.Pid": "regrow.Pid",
        "regrow.kernel.spawning.spawn": "regrow.process.spawn",
    }


def test_rows_of_the_reference_lead_to_the_full_description(package: Path) -> None:
    text = linked(REFERENCE, api.modules(package))
    assert "| [`Pid`](api/regrow.md#regrow.Pid) | an address |" in text
    assert "| [`call(server)`](api/gen_server.md#regrow.gen_server.call) | asks |" in text
    assert (
        "| [`spawn(f, *args)`](api/process.md#regrow.process.spawn), [`exit(pid)`](api/process.md#regrow.process.exit)"
        " | starts `run` |" in text
    )
    assert "| [`call(f)`](api/gen_server.md#regrow.gen_server.call) | as above |" in text
    assert '| `flag("a\\|b")` | nothing |' in text
    assert (
        "| [`gen_server.call`](api/gen_server.md#regrow.gen_server.call), [`regrow.gen_server`](api/gen_server.md) |"
        in text
    )
