"""What a test waits for, told as what it expects."""

from __future__ import annotations

import asyncio
from typing import Any

from regrow.behaviours.child_spec import child_spec
from regrow.behaviours.supervisor import Supervisor
from regrow.kernel import process
from regrow.kernel.exits import safe_repr
from regrow.kernel.node import here
from regrow.kernel.pid import Pid, Ref
from regrow.kernel.signals import Down

SUPERVISOR = "regrow.testing.supervisor"


async def expect_message(match: Any = None, *, timeout: float = 1.0) -> Any:
    """The first message that fits; a failure that shows the mailbox when none comes within `timeout` seconds."""
    try:
        return await process.receive(match, timeout=timeout)
    except TimeoutError:
        found = process.info(process.current(), "messages")
    raise AssertionError(
        f"no message that fits {safe_repr(match)} within {timeout} s. In the mailbox: {safe_repr(found)}"
    )


async def expect_down(who: Pid | Ref, reason: Any = ..., *, timeout: float = 1.0) -> Any:
    """Wait for the end of a process, by pid or by the ref of a monitor, and return its reason.

    With `reason` given, it must be that one.
    """
    ref = process.monitor(who) if isinstance(who, Pid) else who

    def fired(message: object) -> bool:
        return isinstance(message, Down) and message.ref is ref

    down: Down = await expect_message(fired, timeout=timeout)
    if reason is not ... and down.reason != reason:
        raise AssertionError(f"{down.pid} ended with {safe_repr(down.reason)}; expected {safe_repr(reason)}")
    return down.reason


async def expect_idle() -> None:
    """Wait, without moving the clock, until every other process waits for a message, a timer or asyncio."""
    scheduler = here().scheduler
    quiet = 0
    while quiet < 10:  # rounds of the loop: what asyncio's own tasks have in hand takes some
        await asyncio.sleep(0)
        quiet = 0 if scheduler.queue else quiet + 1


async def start_supervised(child: Any) -> Pid:
    """Start a child under the test's own supervisor, which stops it before the test ends."""
    supervisor = process.whereis(SUPERVISOR)
    if supervisor is None:
        supervisor = await Supervisor.start_link([], name=SUPERVISOR, max_restarts=1_000_000)
    pid: Pid = await Supervisor.start_child(supervisor, child_spec(child))
    return pid
