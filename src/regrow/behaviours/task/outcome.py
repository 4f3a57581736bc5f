"""The outcome of a task: its value or its end, as messages in its owner's mailbox."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from regrow.kernel import links
from regrow.kernel.mailbox import remove_down, take_wanted
from regrow.kernel.process_record import Monitor, Pid, Process
from regrow.kernel.refs import Ref
from regrow.kernel.running import running
from regrow.kernel.sending import receive_adopted
from regrow.kernel.signals import Down
from regrow.kernel.wakeups import begin_now
from regrow.kernel.yields import EMPTY, TIMEOUT, Awaited, Receive


def outcome_of(refs: Container[Ref], timeout: float | None) -> Receive:
    """Return a `Receive` for the value or the end of one of these tasks; `timeout` in seconds."""
    wanted = Receive(None, timeout)
    wanted.kind = Awaited(refs)
    return wanted


async def next_outcome(refs: Container[Ref], timeout: float | None, pid: Pid | None = None) -> tuple[Ref, Any] | None:
    """Wait for the first of these tasks that is done; return (ref, outcome), or None after `timeout` seconds.

    `pid` is the task if there is only one: the scheduler then runs that task first, which saves a wait.
    """
    me = running()
    wanted = outcome_of(refs, timeout)
    if me.rare is not None and me.rare.adopted is not None:
        message = await receive_adopted(me, wanted)
    else:
        message = EMPTY
        task = None if pid is None or timeout == 0.0 else pid.process
        if task is not None and task.node is me.node:
            begin_now(task)
            if me.alive:
                message = take_wanted(me, wanted)
        if message is EMPTY:
            message = await wanted
    return None if message is TIMEOUT else parse_outcome(me, message)


def take_outcome(ref: Ref) -> Any:
    """Return the outcome of a task that is done; None if it is not."""
    me = running()
    message = take_wanted(me, outcome_of((ref,), None))
    return None if message is EMPTY else parse_outcome(me, message)[1]


def parse_outcome(me: Process, message: Any) -> tuple[Ref, Any]:
    """Return (ref, outcome), and discard the task's other message."""
    if type(message) is Down:
        return message.ref, ("exit", message.reason)
    ref: Ref = message[0]
    if type(ref) is not Monitor or ref.watched is None or not links.demonitor(me, ref):
        remove_down(me, ref)
    return ref, ("ok", message[1])
