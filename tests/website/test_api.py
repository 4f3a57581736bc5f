"""Each public module has a page with the names of its `__all__`, and the reference leads there."""

from __future__ import annotations

from pathlib import Path

import pytest

from website import api
from website.options import with_lists
from website.reference import linked

FILES = {
    "__init__.py": "from regrow.kernel.pid import Pid\n__all__ = ['GenServer', 'Pid', 'Registry', 'call', 'gen_server', 'run']\n",
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

## Registries

`Registry.start_link()` starts `run`.

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
def root(tmp_path: Path) -> Path:
    """A repository with public and internal modules."""
    for name, text in FILES.items():
        path = tmp_path / "src" / "regrow" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "reference.md").write_text(REFERENCE, encoding="utf-8")
    return tmp_path


def test_public_modules_are_those_with_public_names(root: Path) -> None:
    assert api.read(root).modules == {
        "regrow.gen_server": ["GenServer", "call"],
        "regrow.process": ["spawn", "exit"],
        "regrow.testing": ["flush"],
    }


def test_names_of_the_package_alone_stand_under_the_headings_of_the_reference(root: Path) -> None:
    assert api.read(root).topics == {"Addresses": ["Pid"], "Registries": ["Registry"], "More": ["run"]}


def test_page_of_a_module_shows_the_names_of_its_all_in_their_order(root: Path) -> None:
    title, text = api.read(root).pages()["api/process.md"]
    assert title == "regrow.process"
    assert text.startswith("# `regrow.process`\n\n::: regrow.process\n")
    assert "      members:\n        - spawn\n        - exit\n" in text


def test_page_of_a_topic_shows_its_names(root: Path) -> None:
    pages = api.read(root).pages()
    assert list(pages) == [
        "api/regrow.md",
        "api/addresses.md",
        "api/registries.md",
        "api/process.md",
        "api/gen_server.md",
        "api/testing.md",
        "api/more.md",
    ]
    title, text = pages["api/addresses.md"]
    assert title == "Addresses"
    assert text.startswith("# Addresses\n\n::: regrow.Pid\n")


def test_page_of_the_package_says_where_its_names_are_described(root: Path) -> None:
    _, text = api.read(root).pages()["api/regrow.md"]
    assert "| [`Pid`](addresses.md#regrow.Pid) | Addresses |" in text
    assert "| [`call`](gen_server.md#regrow.gen_server.call) | `regrow.gen_server` |" in text


def test_topic_of_a_module_is_described_on_its_page(root: Path) -> None:
    reference = root / "docs" / "reference.md"
    reference.write_text(REFERENCE.replace("`Pid`", "`Ref`").replace("`exit(pid)`", "`Pid`"), encoding="utf-8")
    interface = api.read(root)
    assert interface.place("regrow", "Pid") == "api/process.md#regrow.Pid"
    assert "::: regrow.Pid\n" in interface.pages()["api/process.md"][1]


def test_name_has_one_public_path(root: Path) -> None:
    assert api.public_paths(root) == {
        "regrow.behaviours.client.called": "regrow.gen_server.call",
        "regrow.behaviours.server.GenServer": "regrow.gen_server.GenServer",
        "regrow.kernel.pid.Pid": "regrow.Pid",
        "regrow.kernel.spawning.spawn": "regrow.process.spawn",
    }


def test_rows_of_the_reference_lead_to_the_full_description(root: Path) -> None:
    text = linked(REFERENCE, api.read(root))
    assert "| [`Pid`](api/addresses.md#regrow.Pid) | an address |" in text
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


def test_options_of_a_docstring_become_a_list() -> None:
    text = """A server.

Class options, as in `class Queue(GenServer)`:
    named: register it
        under its class.
    id, start: of the spec.

Args:
    named: stays.
"""
    assert (
        with_lists(text)
        == """A server.

Class options, as in `class Queue(GenServer)`:

- `named`: register it
        under its class.
- `id`, `start`: of the spec.

Args:
    named: stays.
"""
    )
