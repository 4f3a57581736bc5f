"""Fixtures of the command's tests: terminals that are closed, and a project to break."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.cli.terminal import Terminal


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
