"""Tests that need not run on each loop, each Python and each kernel: their code meets none of these.

REGROW_ONCE names the run: `make compiled` and `make matrix` set it, `make test` does not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

RUN: Final = os.environ.get("REGROW_ONCE", "")
SECOND_LOOP: Final = os.environ.get("REGROW_TEST_LOOP") == "uvloop"

# Skipped on the second loop and on the compiled kernel, but run on each Python.
without_kernel: Final = pytest.mark.skipif(
    SECOND_LOOP or RUN == "compiled", reason="it needs no kernel and no event loop: once for each Python is enough"
)
# Run by `make test` alone, on its first loop.
once: Final = pytest.mark.skipif(
    SECOND_LOOP or RUN != "", reason="it takes long, and needs no event loop: once is enough"
)


def mark(items: list[pytest.Item], folder: Path, *names: str) -> None:
    """Let the tests of a folder's files whose names begin so run without a kernel: once for each Python."""
    for item in items:
        if item.path.parent == folder and item.path.name.startswith(names):
            item.add_marker(without_kernel)
