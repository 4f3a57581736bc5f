"""Run four type checkers on the files beside this one: `python -m tests.typing.check`.

Each has to report the lines that end in `# error`, and no others; `# error: mypy, ty` is for those two alone. mypy and basedpyright are as strict as for the rest of
the project; ty and pyrefly have their default settings.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TRIED: Final = ("services.py", "requests.py", "servers.py", "queues.py")
BIN: Final = Path(sys.executable).parent
CHECKERS: Final[dict[str, list[str]]] = {
    "mypy": ["--no-error-summary", "--hide-error-context"],
    "basedpyright": ["--level", "warning", "--pythonpath", sys.executable, "--project", str(HERE)],
    "ty": ["check", "--python", sys.prefix, "--output-format", "concise"],
    "pyrefly": [
        "check",
        "--preset",
        "default",
        "--python-interpreter-path",
        sys.executable,
        "--output-format",
        "min-text",
    ],
}
REPORTED: Final = re.compile(rf"(?P<file>{'|'.join(map(re.escape, TRIED))}):(?P<line>\d+)\b(?!.*: note: )")
MARK: Final = re.compile(r"# error(?:: ([\w, ]+))?$")

Line = tuple[str, int]


def wrong_lines(checker: str) -> set[Line]:
    """Return the lines that a checker has to report."""
    return {
        (name, number)
        for name in TRIED
        for number, text in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), 1)
        if (mark := MARK.search(text)) is not None and (mark[1] is None or checker in mark[1].split(", "))
    }


def reported_lines(output: str) -> dict[Line, str]:
    """Return the lines that a checker has reported, with its messages."""
    found: dict[Line, str] = {}
    for text in output.splitlines():
        match = REPORTED.search(text)
        if match is not None:
            found.setdefault((match["file"], int(match["line"])), text.strip())
    return found


def ask(checker: str) -> list[str]:
    """Run one checker; return its unexpected reports and the missing ones."""
    files = [] if checker == "basedpyright" else [str(HERE / name) for name in TRIED]  # its settings name the files
    command = [str(BIN / checker), *CHECKERS[checker], *files]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found, wanted = reported_lines(ran.stdout), wrong_lines(checker)
    if not found:
        return [f"{checker} reports nothing at all:\n{ran.stdout}{ran.stderr}"]
    missed = [f"{checker} does not see that {name}:{line} is wrong" for name, line in sorted(wanted - found.keys())]
    return missed + [f"{checker} reports what is right: {found[line]}" for line in sorted(found.keys() - wanted)]


def main() -> int:
    """Run all checkers, and print the differences."""
    begin = time.monotonic()
    with ThreadPoolExecutor() as pool:
        differing = [text for texts in pool.map(ask, CHECKERS) for text in texts]
    for text in differing:
        print(text)
    if not differing:
        wrong = len(wrong_lines(""))
        print(f"{', '.join(CHECKERS)} agree on {wrong} wrong lines, in {time.monotonic() - begin:.0f} s")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
