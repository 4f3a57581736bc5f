"""The tests of the lesson's application, under many schedules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

LESSON = Path(__file__).parents[2] / "examples" / "silly_worker"


def test_the_lesson_passes_in_all_schedules() -> None:
    """`regrow test --simulate 1000` runs a thousand schedules a test, in less than a minute."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "--simulate", "60"],
        cwd=LESSON,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.findall(r"simulated: (\d+) tests? in (\d+) schedules?, (\d+) of them different", done.stdout)
    tests, schedules, different = map(int, counts[0])
    assert schedules == tests * 60
    assert different > tests * 5
