# pyright: basic, reportMissingImports=false
"""Pictures of the terminal, from real runs: docs/pictures/*.svg.

    python -m website.terminal docs/pictures

tmux is the terminal: each scene types its commands at a shell, waits for what must appear, and its screen becomes a
drawing. The drawing names no font of its own, so a page that shows it loads nothing else.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "silly_worker"
PATIENCE = 30.0  # seconds for what must appear
SHELL = "env PS1='$ ' bash --norc"

# The eight colours of a terminal, normal and bright; readable on a light and on a dark page.
NORMAL = ["#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#dee3e8"]
BRIGHT = ["#6e7681", "#ffa198", "#7ee787", "#f0c864", "#a5d6ff", "#e2c5ff", "#76e3ea", "#ffffff"]
BACKGROUND, FOREGROUND = "#161b22", "#dee3e8"
# Rich's own form, without the addresses of its fonts.
FORM = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>TITLE</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

FAILING = """\
from regrow import call
from regrow.testing import expect_message
from silly_worker.simple_queue import SimpleQueue


async def test_the_queue_announces_a_value(start_supervised):
    await start_supervised((SimpleQueue, [1, 2]))
    SimpleQueue.enqueue(3)
    await expect_message(("enqueued", 3), timeout=1.0)
"""


@dataclass(frozen=True)
class Scene:
    """What is typed at a shell in the example's folder, and how the picture looks.

    Attributes:
        title: of the picture, for readers who hear it.
        steps: the lines that are typed, each with the pattern that must appear before the next one.
        width: of the screen, in columns.
        height: of the screen, in lines.
        files: further files of the folder.
    """

    title: str
    steps: list[tuple[str, str]]
    width: int = 96
    height: int = 30
    files: dict[str, str] | None = None


SCENES = {
    "run": Scene(
        "regrow run: an application ticks, one of its servers is killed and restarted",
        [("regrow run --demo --seconds 5", r"silly_worker stopped")],
    ),
    "shell": Scene(
        "regrow shell: the tree before and after a server is killed",
        [
            ("regrow shell --level warning", r"In \[1\]:"),
            ("tree()", r"CronJob +<[\d.]+> "),
            ('kill("CronJob")', r"True"),
            ("tree()", r"True(.|\n)*CronJob +<[\d.]+> "),
            ('await call(SimpleQueue, "queue")', r"\[1, 2, 3\]"),
        ],
        width=100,
    ),
    "failure": Scene(
        "regrow test: a test waits for a message that never comes, and the failure shows what every process is doing",
        [("regrow test --tb=short tests/test_announcements.py", r"\d failed in")],
        height=40,
        files={"tests/test_announcements.py": FAILING},
    ),
}


class Terminal:
    """A terminal with a shell in a folder."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self.folder = folder.parent
        self.socket = self.folder / "tmux"
        kept = {name: value for name, value in os.environ.items() if name in {"HOME", "LANG", "LC_ALL", "TZ"}}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**kept, "PATH": path, "PS1": "$ ", "TERM": "xterm-256color", "PYTHONDONTWRITEBYTECODE": "1"}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(folder), SHELL)

    def tmux(self, *arguments: str) -> str:
        """Run a command of tmux on this terminal, and return its output."""
        command = ["tmux", "-S", str(self.socket), *arguments]
        done = subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True)
        return done.stdout

    def type(self, line: str) -> None:
        """Type a line."""
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def screen(self, *, colours: bool = False) -> str:
        """Return what the screen shows."""
        return self.tmux("capture-pane", "-p", *(["-e"] if colours else [])).rstrip()

    def wait(self, pattern: str) -> None:
        """Wait until the screen shows a pattern, and then until it no longer changes.

        Raises:
            TimeoutError: it does not appear.
        """
        end = time.monotonic() + PATIENCE
        before = ""
        while not re.search(pattern, screen := self.screen(), re.MULTILINE) or screen != before:
            if time.monotonic() > end:
                raise TimeoutError(f"{pattern!r} has not appeared. The screen:\n{screen}")
            before = screen
            time.sleep(0.3)


@contextmanager
def terminal(scene: Scene) -> Iterator[Terminal]:
    """Open a terminal in a copy of the example."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "silly_worker"
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        for name, text in (scene.files or {}).items():
            (project / name).write_text(text, encoding="utf-8")
        opened = Terminal(project, scene.width, scene.height)
        try:
            opened.wait(r"\$ *$")
            yield opened
        finally:
            opened.tmux("kill-server")


def theme() -> TerminalTheme:
    """Return the colours in rich's form."""

    def rgb(colour: str) -> tuple[int, int, int]:
        return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

    return TerminalTheme(rgb(BACKGROUND), rgb(FOREGROUND), [*map(rgb, NORMAL)], [*map(rgb, BRIGHT)])


def draw(scene: Scene, screen: str, name: str) -> str:
    """Return a screen with its colours as SVG."""
    console = Console(width=scene.width, record=True, file=io.StringIO(), force_terminal=True)
    text = Text.from_ansi(screen)
    console.print(text, no_wrap=True, crop=True, soft_wrap=False)
    svg = console.export_svg(title=scene.steps[0][0], theme=theme(), code_format=FORM, unique_id=f"terminal-{name}")
    return svg.replace("TITLE", escape(scene.title), 1)


def main(arguments: list[str]) -> int:
    """Draw all scenes, or those that are named, into a folder."""
    target = Path(arguments[0])
    if shutil.which("tmux") is None:
        print("no terminal: install tmux", file=sys.stderr)
        return 1
    target.mkdir(parents=True, exist_ok=True)
    for name in arguments[1:] or SCENES:
        scene = SCENES[name]
        with terminal(scene) as shown:
            for line, pattern in scene.steps:
                shown.type(line)
                shown.wait(pattern)
            screen = shown.screen(colours=True)
            for folder in (ROOT, shown.folder):  # on other machines they have other paths
                screen = screen.replace(str(folder), "…")
        (target / f"{name}.svg").write_text(draw(scene, screen, name), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
