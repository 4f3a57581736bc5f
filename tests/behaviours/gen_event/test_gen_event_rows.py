# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A handler of these tests holds whatever its row asks for.
"""`gen_event`, row by row: supervised handlers, and the end of a manager."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CallExit,
    Exit,
    Exited,
    Node,
    Pid,
    gen_event,
    process,
)
from regrow.behaviours.gen_event.manager import SwapHandler
from regrow.testing import expect_down, expect_message
from tests.behaviours.gen_event.handlers import OWNER, Empty, H, begin, mailbox


async def test_the_supervisor_of_a_handler_ends(node: Node) -> None:
    """Its handlers are removed; the others get its end as a message."""

    async def own(manager: Pid) -> None:
        await gen_event.add_sup_handler(manager, (H, "owned"), "owned")
        await process.sleep(1.0)
        raise Exit("gone")

    manager = await begin(H)
    pid = process.spawn(own, manager)
    await process.sleep(2.0)
    assert await mailbox() == [("owned", "terminate", ("stop", "gone")), (H, "info", Exited(pid, "gone"))]
    assert await gen_event.which_handlers(manager) == [H]


async def test_a_manager_ends_with_its_parent(node: Node) -> None:
    """A manager traps exits, and calls terminate of its handlers when the parent ends."""

    async def parent(owner: Pid) -> None:
        manager = await gen_event.start_link()
        await gen_event.add_handler(manager, H, "h")
        process.send(owner, manager)
        await process.sleep(1.0)
        raise Exit("parent")

    process.register(OWNER, process.current())
    process.spawn(parent, process.current())
    manager: Pid = await expect_message(Pid)
    assert await expect_down(manager, timeout=2.0) == "parent"
    assert await mailbox() == [("h", "terminate", "stop")]


async def test_a_swap_to_a_handler_that_does_not_start(node: Node, reports: Any) -> None:
    """Both handlers are removed; the supervisor gets a crash of the new one, and the report names the old one."""
    manager = await begin()
    await gen_event.add_sup_handler(manager, H, "h")
    await gen_event.sync_notify(manager, ("return", SwapHandler("swap", "s", Empty, "new")))
    assert await gen_event.which_handlers(manager) == []
    found = await mailbox()
    assert found[2] == ("gen_event_EXIT", H, ("swapped", Empty, process.current()))
    assert found[3] == ("gen_event_EXIT", Empty, "crash")
    (report,) = reports
    assert (report.kind, report.handler, report.reason) == ("handler terminating", Empty, "crash")
    word, (how, error) = report.state
    assert (word, how, type(error)) == ("error", "EXIT", NotImplementedError)


async def test_a_call_to_a_dead_manager_raises(node: Node) -> None:
    """Every function that waits for the manager raises when it does not run."""
    for asking in (gen_event.which_handlers("unknown"), gen_event.sync_notify("unknown", 1)):
        with pytest.raises(CallExit):
            await asking
