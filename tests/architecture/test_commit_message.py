"""The hook .githooks/commit-msg refuses a long subject, and a message without a body."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOOK = ROOT / ".githooks" / "commit-msg"

WHY = "A caller waited for five seconds, though the server was gone."


def complaint(folder: Path, message: str) -> str:
    """Return the hook's complaint about a message; empty if it accepts the message."""
    file = folder / "COMMIT_EDITMSG"
    file.write_text(message, encoding="utf-8")
    done = subprocess.run([sys.executable, str(HOOK), str(file)], capture_output=True, text=True, check=False)
    assert bool(done.stderr) == (done.returncode == 1)
    return done.stderr


@pytest.mark.parametrize(
    "message",
    [
        f"Fail a call at once\n\n{WHY}\n",
        f"{'x' * 72}\n\n{WHY}",
        f"{'ä' * 72}\n\n{WHY}",
        f"# a comment of git's\n\nFail a call at once\n\n# another\n{WHY}",
        f"Fail a call at once\n\n{WHY}\n\nReviewed-by: R. Eviewer <r@example.org>",
        f"Fail a call at once\n\n{WHY}\n# {'-' * 24} >8 {'-' * 24}\ndiff --git a/{'x' * 80} b/x",
        "Merge branch 'one' into two",
        "fixup! Fail a call at once",
        "",
    ],
)
def test_a_message_is_accepted(tmp_path: Path, message: str) -> None:
    assert complaint(tmp_path, message) == ""


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"{'x' * 73}\n\n{WHY}", "73 characters, more than 72"),
        ("Fail a call at once", "body is missing"),
        ("Fail a call at once\n\n# a comment is no body\n", "body is missing"),
        ("Fail a call at once\n\nSigned-off-by: S. Igner <s@example.org>", "body is missing"),
        (f"Fail a call at once\n{WHY}", "second line has to be empty"),
        (f"Fail a call at once\n# {'-' * 24} >8 {'-' * 24}\n\ndiff --git a/x b/x", "body is missing"),
    ],
)
def test_a_message_is_refused(tmp_path: Path, message: str, words: str) -> None:
    assert words in complaint(tmp_path, message)


def test_all_that_is_wrong_is_reported_at_once(tmp_path: Path) -> None:
    assert complaint(tmp_path, "x" * 73).count("commit-msg: The") == 2


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_asks_the_hook(tmp_path: Path) -> None:
    """Git runs the file itself, so it has to be executable, and its first line has to find Python."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(tmp_path)}

    def git(*words: str) -> int:
        settings = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", f"core.hooksPath={HOOK.parent}"]
        command = ["git", *settings, *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode

    assert git("init") == 0
    assert git("commit", "--allow-empty", "-m", "Fail a call at once") != 0
    assert git("commit", "--allow-empty", "-m", "Fail a call at once", "-m", WHY) == 0


def test_contributing_says_how_to_switch_it_on() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"git config core.hooksPath {HOOK.parent.name}" in text
