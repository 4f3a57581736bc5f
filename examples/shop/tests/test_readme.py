"""The commands of the README give what it shows, beside a real server."""

import doctest
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[1]
PATIENCE = 20.0  # seconds until a command prints what the README shows
CHECKER = doctest.OutputChecker()


def commands() -> Iterator[tuple[str, str]]:
    """Yield each command of the README, and what it shows below it."""
    for block in re.findall(
        r"^```console\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.M | re.S
    ):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README orders with curl")
def test_the_readme_shows_what_its_commands_print(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    bin_folder = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join([bin_folder, os.environ["PATH"]]))
    server: Any = None
    seen = list(commands())
    assert len(seen) > 10
    for command, shown in seen:
        match command:
            case "python -m shop &":
                server = serve(mail_seconds=0.1, folder="var")
            case "kill -9 %1":
                server.kill()
            case _:
                check(command.replace("http://127.0.0.1:8000", server.url), shown, tmp_path)


def check(command: str, shown: str, folder: Path) -> None:
    """Repeat a command that only looks until it prints this; run any other command once."""
    repeats = "-d " not in command
    until = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        printed = f"{done.stdout.rstrip()}\n{done.stderr}"
        if CHECKER.check_output(shown.rstrip() + "\n", printed, doctest.ELLIPSIS):
            return
        assert repeats and time.monotonic() < until, f"$ {command}\n{printed}\nnot\n{shown}"
        time.sleep(0.1)
