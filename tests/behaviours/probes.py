"""Supervisors and the probes under them, for the tests of supervisors."""

from __future__ import annotations

from typing import Any

from regrow import Pid, Supervisor, process
from regrow.testing import Probe, expect_down, flush, probe
from regrow.testing.probe import start_probe

__all__ = ["Probe", "crash", "news", "probe", "start_probe", "unlinked"]


def _is_news(message: object) -> bool:
    return type(message) is tuple


def news() -> list[Any]:
    """Return the messages that the probes have sent since the last call."""
    return flush(_is_news)


async def unlinked(*children: Any, **options: Any) -> Pid:
    """Start a supervisor whose end does not end the test."""
    process.trap_exit(True)
    return await Supervisor.start_link(children, **options)


async def crash(id: str, reason: object = "died") -> None:
    """End a probe and wait until it has ended, and its supervisor has reacted."""
    pid = process.whereis(id)
    assert pid is not None, f"{id} does not run"
    ref = process.monitor(pid)
    process.exit(pid, "kill" if reason == "killed" else reason)
    await expect_down(ref, timeout=10.0)
    await process.sleep(0.001)
