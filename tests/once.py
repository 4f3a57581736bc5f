"""Tests that some runs of the suite leave out: docs/decisions/0042-which-run-tests-what.md.

REGROW_RUN names the run: scripts/compiled, scripts/matrix and scripts/test set it. Without it, nothing is left out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parent
RUN: Final = os.environ.get("REGROW_RUN", "first")

# The kinds of tests that each run leaves out.
LEFT_OUT: Final[dict[str, tuple[str, ...]]] = {
    "first": (),
    "python": ("once",),
    "kernel": ("once", "without_kernel"),
    # The second event loop, on the Python and the kernel of the run before it.
    "loop": ("once", "without_kernel", "own_loop"),
}
REASONS: Final = {
    "once": "it takes long or reads text, and depends on no event loop, no kernel and no Python: once is enough",
    "without_kernel": "it needs no kernel and no event loop: once for each Python is enough",
    "own_loop": "the code makes its event loop itself: once for each kernel and each Python is enough",
}

# The kind of the tests of a folder, or of the files whose path begins so; the longest beginning decides.
PLACES: Final = {
    "architecture/": "once",
    "architecture/test_exports.py": "own_loop",
    "cli/": "own_loop",
    "cli/test_cron_command.py": "without_kernel",
    "cli/test_main.py": "without_kernel",
    "cli/test_new.py": "without_kernel",
    "cli/test_origin.py": "without_kernel",
    "cli/test_project.py": "without_kernel",
    "cli/test_queue_": "without_kernel",
    "cli/test_shop.py": "once",
    "cli/test_silly_worker.py": "without_kernel",
    "cli/test_small_words.py": "without_kernel",
    "cli/test_test.py": "without_kernel",
    "conformance/": "once",
    "contracts/test_cron_tables": "without_kernel",
    "contracts/test_queue_store": "without_kernel",
    "mutants/": "once",
    "servers/cron/ledger/": "without_kernel",
    "servers/cron/policies/": "without_kernel",
    "servers/cron/proofs/": "once",
    "servers/cron/test_decorators": "without_kernel",
    "servers/cron/test_enqueue_value": "without_kernel",
    "servers/cron/test_job": "without_kernel",
    "servers/cron/test_tick": "without_kernel",
    "servers/cron/test_virtual_year": "once",
    "servers/cron/when/": "without_kernel",
    "servers/queue/test_outcome": "without_kernel",
    "servers/queue/test_payload": "without_kernel",
    "servers/queue/test_postgres_": "without_kernel",
    "servers/queue/test_put_in": "without_kernel",
    "servers/queue/test_rate": "without_kernel",
    "servers/queue/test_sqlite_": "without_kernel",
    "simulation/test_lateness.py": "own_loop",
    "simulation/test_lesson.py": "own_loop",
    "simulation/test_models.py": "own_loop",
    "simulation/test_simulated_plugin.py": "own_loop",
    "snippets/": "once",
    "snippets/test_docstrings.py": "own_loop",
    "testing/test_clock_beside.py": "own_loop",
    "testing/test_failures.py": "own_loop",
    "testing/test_plugin.py": "own_loop",
    "website/": "once",
}


def left_out(kind: str, run: str = RUN) -> pytest.MarkDecorator:
    """Return the mark that skips a test in the runs that leave out its kind."""
    return pytest.mark.skipif(kind in LEFT_OUT[run], reason=REASONS[kind])


once: Final = left_out("once")


def kind_of(path: Path) -> str | None:
    """Return the kind of a file of tests, or None if each run needs it."""
    name = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
    return PLACES.get(max((place for place in PLACES if name.startswith(place)), key=len, default=""))


def mark(items: list[pytest.Item]) -> None:
    """Mark the tests of the places above."""
    for item in items:
        kind = kind_of(item.path)
        if kind is not None:
            item.add_marker(left_out(kind))
