"""What schedules import: cronsim at the first expression, and of regrow the kernel alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from regrow.servers.cron import when
from tests.architecture.source import Module

PROGRAM = """
import sys
from regrow.cron import *
from datetime import datetime, timezone
{use}
print("cronsim" in sys.modules)
assert "sqlite3" not in sys.modules
"""


@pytest.mark.parametrize(
    ("use", "loaded"),
    [
        ("", False),
        ("every(5)(lambda: None), at(datetime(2027, 1, 4, tzinfo=timezone.utc)), reboot()", False),
        ("cron('@reboot'), explain('@reboot'), next_fires(every(5))", False),
        ("cron('@daily')", True),
    ],
)
def test_cronsim_is_loaded_at_the_first_expression(use: str, loaded: bool) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM.format(use=use)], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(loaded)


def test_schedules_import_the_kernel_and_themselves() -> None:
    paths = sorted(Path(str(when.__file__)).parent.glob("*.py"))
    assert len(paths) > 5
    others = [
        f"{path.name}: {found.module}"
        for path in paths
        for found in Module(f"{when.__name__}.{path.stem}", path).imports
        if f"{found.module}.".startswith("regrow.")
        and not f"{found.module}.".startswith(("regrow.kernel.", f"{when.__name__}."))
    ]
    assert others == []
