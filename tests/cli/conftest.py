"""Fixtures of the command's tests: terminals that are closed, and a project to break."""

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
    """Run these tests once: the command makes its loop itself, whatever loop the tests run on."""
    for item in items:
        if LOOP != "asyncio" and item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason="the command makes its own loop, and is tried with asyncio's"))


@pytest.fixture
def terminal(tmp_path: Path) -> Generator[Callable[..., Terminal], None, None]:
    """Return `terminal("shell", cwd=folder)`, which opens the command in a terminal; it is closed when the test ends."""
    opened: list[Terminal] = []

    def open_one(*arguments: str, cwd: Path, **more: Any) -> Terminal:
        opened.append(Terminal(*arguments, cwd=cwd, scratch=tmp_path, **more))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Return `project(application="...")`, which makes a folder with a pyproject.toml and the source of an application."""

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
