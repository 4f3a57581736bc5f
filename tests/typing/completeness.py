"""Checks that every type of the package is in writing: `python -m tests.typing.completeness`.

basedpyright's `--verifytypes` reports each name whose type a checker has to infer, and so may infer otherwise than
another one: an attribute without an annotation, a parameter whose class has such an attribute.

An attribute that a base class declares, and a class only assigns, has its type in writing: that of the base. basedpyright
calls it ambiguous. A compiled class must not declare it again: `tests/architecture/test_compiled.py` says why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = [
    str(Path(sys.executable).parent / "basedpyright"),
    "--verifytypes",
    "regrow",
    "--ignoreexternal",
    "--outputjson",
]
PASSED: Final = ("partially unknown", "Ambiguous base class override")


def complaints(report: dict[str, Any]) -> list[str]:
    """Return what a report says of each name, one line each, with the place in the source."""
    found: list[str] = []
    for symbol in report["typeCompleteness"]["symbols"]:
        for problem in symbol["diagnostics"]:
            # A partially unknown type has a part that is reported on a separate line.
            if problem["severity"] == "error" and not any(words in problem["message"] for words in PASSED):
                place = problem.get("file", "?"), problem.get("range", {}).get("start", {}).get("line", 0) + 1
                found.append(f"{place[0]}:{place[1]}: {symbol['name']}: {problem['message'].splitlines()[0]}")
    return found


def main() -> int:
    """Run basedpyright, and print what is not complete; 1 if anything is."""
    begin = time.monotonic()
    # basedpyright takes an editable install for the project's own code, of which it verifies nothing: hence the path.
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    ran = subprocess.run(COMMAND, capture_output=True, text=True, check=False, cwd=ROOT, env=env)
    report: dict[str, Any] = json.loads(ran.stdout)
    completeness = report["typeCompleteness"]
    known = completeness["exportedSymbolCounts"]["withKnownType"]
    found = complaints(report)
    for text in found:
        print(text)
    if found or known == 0:
        print(f"{len(found)} public names have no type in writing, {known} have one")
        return 1
    print(f"{known} public names have their type in writing, in {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
