"""The build backend refuses a Python that is too old before anything is fetched or compiled."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = (ROOT / "build_backend.py").read_text(encoding="utf-8")


def loaded() -> ModuleType:
    """Load the backend as an installer does."""
    spec = importlib.util.spec_from_file_location("build_backend", ROOT / "build_backend.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 6, 15), (2, 7, 18)])
def test_a_python_that_is_too_old_is_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"regrow needs Python 3\.11 or newer, and this is Python \d\.\d+ \("):
        loaded()


def test_nothing_is_fetched_before_the_backend_checks_the_python() -> None:
    system = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert system["requires"] == []
    assert system["build-backend"] == "build_backend"


def test_the_backend_and_the_project_require_the_same_python() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == f">={'.'.join(map(str, loaded().NEEDS_PYTHON))}"


def test_old_pythons_can_read_the_backend() -> None:
    """The backend has no annotations, no f-strings, and only ASCII characters."""
    assert SOURCE.isascii()
    for node in ast.walk(ast.parse(SOURCE, feature_version=(3, 4))):
        assert not isinstance(node, ast.JoinedStr | ast.AnnAssign)
    assert not re.search(r"from __future__", SOURCE)


def test_a_compiler_is_fetched_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = loaded()
    monkeypatch.setenv("REGROW_PURE", "1")
    assert backend.get_requires_for_build_wheel() == ["hatchling>=1.27"]
    monkeypatch.delenv("REGROW_PURE")
    assert [one.partition(">=")[0] for one in backend.get_requires_for_build_wheel()] == [
        "hatchling",
        "mypy",
        "setuptools",
    ]
