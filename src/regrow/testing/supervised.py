"""Children of a test: started under the test's supervisor, stopped in reverse order when the test ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

from regrow.behaviours.gen.child_spec import child_spec
from regrow.behaviours.gen.start_errors import AlreadyStarted
from regrow.behaviours.supervision.children import ChildError
from regrow.behaviours.supervision.supervisor import Supervisor
from regrow.kernel import bifs
from regrow.kernel.process_record import Pid

SUPERVISOR = "regrow.testing.supervisor"
MANY = 1_000_000  # restarts: a child that the test crashes often does not end the other children


class StartSupervised(Protocol):
    """The type of the fixture `start_supervised`."""

    def __call__(self, child: Any, /) -> Awaitable[Pid]:
        """Start a child from a class, a tuple (class, arg) or a ChildSpec."""
        ...


async def start_supervised(child: Any) -> Pid:
    """Start a child under the test's supervisor (ExUnit's `start_supervised!`).

    The supervisor restarts the child as its `restart` says, with no limit on the number of restarts. When the test
    ends the children are stopped, the last one first, before the next test begins. The end of a child does not end
    the test; link to the child if it should.

    Args:
        child: a class, (class, arg) or a ChildSpec.

    Raises:
        StartError: the child does not start; AlreadyStarted if a running child has its id.
        ChildError: a child that does not run has its id.
    """
    supervisor = bifs.whereis(SUPERVISOR)
    if supervisor is None:
        # A plain task starts it, so that it is linked to the node: linked to the test, it would end with the test's
        # process, before the node stops the children in order.
        try:
            start = Supervisor.start_link([], name=SUPERVISOR, max_restarts=MANY)
            supervisor = await asyncio.shield(asyncio.create_task(start))  # another caller may use it already
        except AlreadyStarted as taken:  # a start_supervised in another process or task was first
            supervisor = taken.pid
    pid: Pid = await Supervisor.start_child(supervisor, child_spec(child))
    return pid


async def stop_supervised(child: Any) -> None:
    """Stop a child of the test's supervisor and delete its spec (ExUnit's `stop_supervised!`).

    Args:
        child: the child's pid or its id; the id is its class, unless its spec has another.

    Raises:
        LookupError: there is no such child; the message lists the children that there are.
    """
    supervisor = bifs.whereis(SUPERVISOR)
    children = [] if supervisor is None else await Supervisor.which_children(supervisor)
    for one in children:
        if supervisor is not None and child in (one.id, one.pid):
            try:
                await Supervisor.terminate_child(supervisor, one.id)
                await Supervisor.delete_child(supervisor, one.id)
            except ChildError as gone:  # the spec of a temporary child is deleted when its process ends, maybe just now
                if gone.reason != "not_found":
                    raise
            return
    there = ", ".join(repr(one.id) for one in children) or "none"
    raise LookupError(
        f"start_supervised has no child {child!r}: it was never started, or it ended and its `restart` did not start it "
        f"again. The children are: {there}"
    )
