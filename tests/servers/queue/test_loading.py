"""The libraries that the queue loads: none before a payload type or a store needs it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import cast

import pytest

PROGRAM = """
import json, sys
before = set(sys.modules)
from regrow.queue import *
from dataclasses import dataclass
from datetime import datetime
@dataclass
class Point:
    x: int
{use}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""


@pytest.mark.parametrize(
    ("use", "library"),
    [
        ("", None),
        ("Queue[dict[str, list[int] | None]]('q').encoding.encode({'a': [1]})", None),
        ("SQLite('app.db'), Memory(), Postgres('')", None),
        ("Queue[Point]('q')", None),
        ("Queue[Point]('q').encoding", "msgspec"),
        ("Queue[datetime]('q').encoding", "msgspec"),
    ],
)
def test_a_library_is_loaded_when_a_payload_type_needs_it(use: str, library: str | None) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM.format(use=use)], capture_output=True, text=True, check=True)
    loaded = set(cast("list[str]", json.loads(ran.stdout)))
    # A compiled module has a helper module, whose name ends in __mypyc.
    others = {
        name
        for name in loaded - {"regrow", "typing_extensions"} - sys.stdlib_module_names
        if not name.endswith("__mypyc")
    }
    assert others == ({library} if library else set())
