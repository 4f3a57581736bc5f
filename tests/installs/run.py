"""`make installs`: a new project passes its own README on a clean machine, with pip and with uv.

Each row makes a virtual environment, installs regrow there as a user would, makes a project with `regrow new`, and runs
the commands that the project's README shows. Last come the Pythons that are too old: pip has to say so at once.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
OLD_VERSIONS: Final = ("3.10", "3.9", "3.8")
AT_ONCE: Final = 30.0  # seconds that a refusal may take, the start of a busy machine included


class Row(NamedTuple):
    """One installation: the Python, the source of regrow, and the tool that installs the project."""

    version: str
    source: str
    tool: str


# Each Python meets each tool, and each source meets each tool.
ROWS: Final = [
    Row("3.11", "wheel", "pip"),
    Row("3.11", "registry", "uv"),
    Row("3.12", "checkout", "pip"),
    Row("3.12", "wheel", "uv"),
    Row("3.13", "registry", "pip"),
    Row("3.13", "checkout", "uv"),
]


def python_of(version: str) -> str | None:
    """Return the path of a Python of this version, if the machine has one."""
    found = subprocess.run(
        ["sh", "scripts/python", version], cwd=ROOT, capture_output=True, text=True, check=False, env=clean()
    )
    return found.stdout.strip() or None


def clean(**more: str) -> dict[str, str]:
    """Return the environment of a user without an active virtual environment and without a compiler."""
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return {**kept, "REGROW_PURE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def run(*command: str, cwd: Path, env: dict[str, str]) -> None:
    """Run a command as a user.

    Raises:
        SystemExit: the command failed; the message has its output.
    """
    done = subprocess.run(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed in {cwd}:\n{done.stdout}")


def commands_in(readme: str, tool: str) -> list[str]:
    """Return the commands that a project's README shows for one tool, one per line."""
    blocks: list[str] = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    wanted = [block for block in blocks if ("uv sync" if tool == "uv" else "pip install") in block]
    if len(wanted) != 1:
        sys.exit(f"the README shows {len(wanted)} blocks for {tool}, not one:\n{readme}")
    return wanted[0].strip().splitlines()


def try_row(row: Row, python: str, wheel: Path, tools: Path, folder: Path) -> None:
    """Run the commands of a user of this row."""
    env = clean()
    if row.source == "registry":
        env = clean(PIP_FIND_LINKS=str(wheel.parent), UV_FIND_LINKS=str(wheel.parent))
    run(python, "-m", "venv", "mine", cwd=folder, env=env)
    mine = folder / "mine" / "bin"
    wanted = {"wheel": str(wheel), "checkout": str(ROOT), "registry": "regrow"}[row.source]
    run(str(mine / "python"), "-m", "pip", "install", "--quiet", wanted, cwd=folder, env=env)
    run(str(mine / "regrow"), "new", "shop", "--sup", cwd=folder, env=env)
    project = folder / "shop"
    path = f"{Path(python).parent}{os.pathsep}{tools / 'bin'}{os.pathsep}{env['PATH']}"
    for command in commands_in((project / "README.md").read_text(encoding="utf-8"), row.tool):
        run("sh", "-c", command, cwd=project, env={**env, "PATH": path, "UV_PYTHON": python})


def refuse_old(python: str, folder: Path) -> float:
    """Return the seconds that pip takes to refuse an old Python, with README's command, from a checkout.

    Raises:
        SystemExit: pip does not refuse, or does not name the required version.
    """
    run(python, "-m", "venv", "old", cwd=folder, env=clean())
    begun = time.monotonic()
    done = subprocess.run(
        [str(folder / "old" / "bin" / "python"), "-m", "pip", "install", f"{ROOT}[shell,pytest]"],
        cwd=folder,
        env=clean(REGROW_PURE=""),
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.monotonic() - begun
    if done.returncode == 0 or "3.11 or newer" not in done.stdout + done.stderr:
        sys.exit(f"{python} was not refused:\n{done.stdout}{done.stderr}")
    if took > AT_ONCE:
        sys.exit(f"{python} was refused after {took:.0f} s")
    return took


def main() -> None:
    """Try each row for which this machine has a Python."""
    with tempfile.TemporaryDirectory(prefix="regrow-installs-") as scratch:
        top = Path(scratch)
        tools = top / "tools"
        run(sys.executable, "-m", "venv", str(tools), cwd=top, env=clean())
        run(str(tools / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv", "build", cwd=top, env=clean())
        run(
            str(tools / "bin" / "python"), "-m", "build", "--wheel", "--outdir", str(top / "wheels"), str(ROOT),
            cwd=top, env=clean(),
        )  # fmt: skip
        (wheel,) = (top / "wheels").glob("*.whl")
        for number, row in enumerate(ROWS):
            python = python_of(row.version)
            if python is None:
                print(f"Python {row.version} is not installed: left out")
                continue
            folder = top / str(number)
            folder.mkdir()
            begun = time.monotonic()
            try_row(row, python, wheel, tools, folder)
            print(f"{row.version} {row.source} {row.tool}: passed in {time.monotonic() - begun:.0f} s", flush=True)
        for version in OLD_VERSIONS:
            python = python_of(version)
            if python is not None:
                folder = top / version
                folder.mkdir()
                print(f"{version}: refused in {refuse_old(python, folder):.1f} s", flush=True)


if __name__ == "__main__":
    main()
