"""The command in a real terminal, and without a terminal."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REGROW = [sys.executable, "-c", "from regrow.cli import main; main()"]
WITHOUT_PYTEST = [sys.executable, "-c", "import sys; sys.modules['pytest'] = None; from regrow.cli import main; main()"]
EXAMPLES = Path(__file__).parents[2] / "examples"
# pexpect has no types.
PEXPECT: Any = importlib.import_module("pexpect")
# Escape sequences that move the cursor and colour the text. A prompt is redrawn at each key, so tests look at output.
CONTROL = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[=>]|\][^\x07]*\x07)|\r")
PATIENCE = 40.0


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return an environment in which no file of the user is read or written."""
    own = {"IPYTHONDIR": str(folder / "ipython"), "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "NO_COLOR": "1"}
    own["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # `regrow test` loads regrow's plugin itself
    without = {"PYTHONPATH", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"}
    return {**{name: value for name, value in os.environ.items() if name not in without}, **own, **more}


def regrow(
    *arguments: str,
    cwd: Path,
    more: Mapping[str, str] | None = None,
    patience: float = PATIENCE,
    command: Sequence[str] = REGROW,
) -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal until it ends."""
    return subprocess.run(
        [*command, *arguments],
        cwd=cwd,
        env=environment(cwd, **(more or {})),
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
        stdin=subprocess.DEVNULL,
    )


class Terminal:
    """The command in a separate terminal, with its input and its output."""

    def __init__(self, *arguments: str, cwd: Path, scratch: Path, **more: str) -> None:
        command = [*REGROW, *arguments]
        self.child = PEXPECT.spawn(
            command[0],
            command[1:],
            cwd=str(cwd),
            env=environment(scratch, **more),
            encoding="utf-8",
            dimensions=(50, 120),
        )
        self.unread = ""
        self.seen = ""

    def expect(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait until this is shown, after the text that was expected before."""
        deadline = time.monotonic() + patience
        while True:
            shown = CONTROL.sub("", self.unread)
            found = re.search(pattern, shown)
            if found is not None:
                self.unread = shown[found.end() :]
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(
                    f"{pattern!r} is not to be seen within {patience} s. The terminal shows:\n{self.seen}"
                )
            self._read(left, pattern)

    def _read(self, patience: float, pattern: str) -> None:
        try:
            text: str = self.child.read_nonblocking(4096, timeout=patience)
        except PEXPECT.TIMEOUT:
            return
        except PEXPECT.EOF:
            raise AssertionError(
                f"{pattern!r} was not to be seen before the end. The terminal shows:\n{self.seen}"
            ) from None
        self.unread += text
        self.seen += CONTROL.sub("", text)

    def enter(self, line: str) -> None:
        """Type a line."""
        self.child.send(f"{line}\r")

    def press(self, key: str) -> None:
        """Press Ctrl and a letter."""
        self.child.sendcontrol(key)

    def signal(self, number: int) -> None:
        """Send a signal to the command."""
        self.child.kill(number)

    def exit_code(self, patience: float = PATIENCE) -> int:
        """Wait for the end; the last output stays in `unread`."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                text: str = self.child.read_nonblocking(4096, timeout=1)
            except PEXPECT.TIMEOUT:
                continue
            except PEXPECT.EOF:
                self.child.close()
                code: int = self.child.exitstatus
                return code
            self.unread += text
            self.seen += CONTROL.sub("", text)
        raise AssertionError(f"no end within {patience} s. The terminal shows:\n{self.seen}")

    def close(self) -> None:
        """End the command, whatever it does."""
        self.child.close(force=True)
