"""What the tests of the command share: terminals that are closed, and a project to break."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.cli.terminal import Terminal
from tests.conftest import LOOP

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The command makes a loop of its own, whatever the tests run on: it is tried once."""
    for item in items:
        if LOOP != "asyncio" and item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason="the command makes its own loop, and is tried with asyncio's"))


@pytest.fixture
def terminal(tmp_path: Path) -> Generator[Callable[..., Terminal], None, None]:
    """`terminal("shell", cwd=folder)`: the command in a terminal, closed when the test ends."""
    opened: list[Terminal] = []

    def open_one(*arguments: str, cwd: Path, **more: Any) -> Terminal:
        opened.append(Terminal(*arguments, cwd=cwd, scratch=tmp_path, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """`project(application="...")`: a folder with a pyproject.toml and the source of one application in it."""

    def make(setting: str | None = 'application = "stages.application:Stages"', application: str = "") -> Path:
        folder = tmp_path / "stages"
        source = folder / "src" / "stages"
        source.mkdir(parents=True)
        (source / "__init__.py").touch()
        (source / "application.py").write_text(dedent(application), encoding="utf-8")
        settings = "" if setting is None else f"[tool.regrow]\n{setting}\n"
        (folder / "pyproject.toml").write_text(f'[project]\nname = "stages"\n\n{settings}', encoding="utf-8")
        return folder

    return make
