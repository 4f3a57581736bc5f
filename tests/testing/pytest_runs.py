"""Helpers of the plugin's tests, which run pytest in a separate process."""

from __future__ import annotations

import re
from collections.abc import Callable

Play = Callable[..., str]

ALONE = ["-pno:asyncio", "-oregrow_auto=true"]
TOGETHER = ["-oasyncio_default_fixture_loop_scope=function"]

COMMON = """
import asyncio
import pytest
from regrow import Down, Exit, GenServer, NoNode, Reply, VirtualClock, call, process, send
from regrow.testing import expect_message, flush, probe

"""


def outcomes(printed: str) -> dict[str, str]:
    """Return the outcome of each test of a run."""
    lines = re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED) \S*::(\w+)", printed, re.MULTILINE)
    return {name: how for how, name in lines}
