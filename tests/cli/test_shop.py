"""The shop is a project of `regrow new` with the code of a shop, and passes the checks of a project."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from regrow.cli import new
from regrow.cli.new import render
from tests.cli.terminal import EXAMPLES, environment, regrow

SHOP = EXAMPLES / "shop"
SECONDS = 170.0  # a server starts in each of a dozen tests, on a busy machine


def test_the_shop_has_the_files_of_a_new_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new, "requirement", lambda: "regrow")
    made = render("shop", supervised=True)
    assert [path for path in made if not (SHOP / path).is_file()] == []
    tree = made["src/shop/application.py"].splitlines()
    kept = [line for line in tree if line.strip() and not line.strip().startswith("#")]
    text = (SHOP / "src/shop/application.py").read_text(encoding="utf-8")
    assert [line for line in kept if line not in text] == []


@pytest.mark.timeout(SECONDS + 10.0)
@pytest.mark.skipif(sys.platform == "win32", reason="its tests end a server by signals")
def test_the_shop_passes_its_tests(tmp_path: Path) -> None:
    done = regrow("test", "-q", "-p", "no:cacheprovider", "--project", str(SHOP), cwd=tmp_path, patience=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "--no-cache"], ["ruff", "format", "--check", "--no-cache"], ["mypy", "--cache-dir=/dev/null"]],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_the_shop_satisfies_the_checkers(tmp_path: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=SHOP,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shop_lists_what_it_needs() -> None:
    """The tests of regrow install these, so that the shop runs where they run."""
    pinned = (EXAMPLES.parent / "requirements" / "dev.txt").read_text(encoding="utf-8")
    assert [name for name in ("fastapi", "httpx", "uvicorn", "pydantic") if f"\n{name}==" not in f"\n{pinned}"] == []
