"""Children of a test: started under a supervisor of its own, stopped in reverse order when the test is over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from regrow.behaviours.gen.child_spec import child_spec
from regrow.behaviours.gen.start_errors import AlreadyStarted
from regrow.behaviours.supervision.children import ChildError
from regrow.behaviours.supervision.supervisor import Supervisor
from regrow.kernel import bifs
from regrow.kernel.pid import Pid

SUPERVISOR = "regrow.testing.supervisor"
MANY = 1_000_000  # restarts: what a test does to its children ends none of the others


class StartSupervised(Protocol):
    """The type of the fixture `start_supervised`."""

    def __call__(self, child: Any, /) -> Awaitable[Pid]:
        """Start a child: a class, (class, arg) or a ChildSpec."""
        ...


async def start_supervised(child: Any) -> Pid:
    """Start a child under the test's own supervisor (ExUnit's `start_supervised!`).

    It is started again as its `restart` says, for as often as it takes. When the test is over the children are stopped,
    the last one first, before the next test begins. An end of theirs does not end the test: link to them for that.

    Args:
        child: a class, (class, arg) or a ChildSpec.

    Raises:
        StartError: it does not start; AlreadyStarted where its id is taken by a child that runs.
        ChildError: its id is taken by one that does not.
    """
    supervisor = bifs.whereis(SUPERVISOR)
    if supervisor is None:
        # In a plain task: it is linked to the node and not to the test, whose end would be one too early.
        try:
            start = Supervisor.start_link([], name=SUPERVISOR, max_restarts=MANY)
            supervisor = await asyncio.shield(asyncio.create_task(start))  # another caller may rely on it by now
        except AlreadyStarted as taken:  # another start_supervised, in another process or task, was first
            supervisor = taken.pid
    pid: Pid = await Supervisor.start_child(supervisor, child_spec(child))
    return pid


async def stop_supervised(child: Any) -> None:
    """Stop a child of the test's supervisor, which does not start it again (ExUnit's `stop_supervised!`).

    Args:
        child: its id, which is its class unless its spec says otherwise, or its pid.

    Raises:
        LookupError: there is no such child; it shows which there are.
    """
    supervisor = bifs.whereis(SUPERVISOR)
    children = [] if supervisor is None else await Supervisor.which_children(supervisor)
    for one in children:
        if child in (one.id, one.pid):
            try:
                await Supervisor.terminate_child(supervisor, one.id)
                await Supervisor.delete_child(supervisor, one.id)
            except ChildError as gone:  # a temporary child goes with its process, which may have ended meanwhile
                if gone.reason != "not_found":
                    raise
            return
    there = ", ".join(repr(one.id) for one in children) or "none"
    raise LookupError(
        f"no child {child!r} was started by start_supervised, or its `restart` let it go; there are: {there}"
    )
