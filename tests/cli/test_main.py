"""`python -m regrow`: a small live tree."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import PEXPECT, environment


def shown(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the module without a terminal; return its output."""
    return subprocess.run(
        [sys.executable, "-m", "regrow", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_without_a_terminal_the_tree_is_printed_when_it_changes(tmp_path: Path) -> None:
    pids: list[str] = []
    for seconds in ("2.5", "20"):  # a busy machine may need longer until the first crash
        done = shown(tmp_path, "--seconds", seconds)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert "\x1b" not in done.stdout
        pids = re.findall(r"└─ Shaky +(<[\d.]+>)", done.stdout)
        if len(pids) >= 2:
            break
    assert len(pids) == len(set(pids)) >= 2


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_invalid_seconds_are_refused(tmp_path: Path, seconds: str) -> None:
    done = shown(tmp_path, "--seconds", seconds)
    assert done.returncode == 2
    assert "--seconds" in done.stderr


def test_in_a_terminal_the_picture_is_redrawn_until_it_is_interrupted(tmp_path: Path) -> None:
    child = PEXPECT.spawn(
        sys.executable, ["-m", "regrow"], cwd=str(tmp_path), env=environment(tmp_path), encoding="utf-8", timeout=40
    )
    child.expect_exact("Shaky will crash")
    child.expect_exact("\x1b[8A")
    child.sendcontrol("c")
    child.expect(PEXPECT.EOF)
    child.close()
    assert child.exitstatus == 0
