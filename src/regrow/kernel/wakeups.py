"""Events that wake a waiting process: a receive's timeout, an asyncio future that completes, a cancellation.

This module also takes back what a process waits for, and closes the bodies of killed processes.
"""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Any, ClassVar

from regrow.kernel import requests
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.deadlines import Deadline
from regrow.kernel.process_record import AWAITING, CALLING, ENDED, READY, RECEIVING, SELECTING, Process
from regrow.kernel.trace import watch_no_more
from regrow.kernel.yields import RESCAN, TIMEOUT, Launch, Throw

if TYPE_CHECKING:
    from regrow.kernel.process_record import Runner


class ReceiveTimeout(Deadline):
    """The time limit of one `receive`."""

    __slots__ = ("process",)

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process: Process = process

    def fire(self) -> None:
        """End the receive with TIMEOUT; a message that arrived earlier and has not been examined is examined first."""
        process = self.process
        process.deadline = None
        if process.status == READY and process.value is RESCAN:
            process.waiting.timeout = 0.0
        else:
            process.node.scheduler.wake(process, TIMEOUT)


class FutureCallback:
    """The callback of a future that a process awaits."""

    __slots__ = ("process",)

    def __init__(self, process: Process) -> None:
        self.process: Process = process

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FutureCallback) and other.process is self.process

    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def __call__(self, future: object) -> None:
        """Resume the process, since the future is done; at once if no turn is scheduled."""
        process = self.process
        scheduler = process.node.scheduler
        scheduler.awaiting -= 1
        if process.status != AWAITING or process.waiting is not future or scheduler.closed:
            return
        process.waiting = None
        if scheduler.scheduled or scheduler.turning or scheduler.depth > 0:
            scheduler.ready(process, None)
        else:
            scheduler.scheduled = True  # saves a `call_soon`: the turn that it would schedule runs now
            scheduler.ready(process, None)
            scheduler.turn()


def await_future(process: Process, future: Any) -> None:
    """Let a process wait for an asyncio future; a future that it must not await raises in the process instead."""
    scheduler = process.node.scheduler
    if not future._asyncio_future_blocking or is_foreign(scheduler, future):
        scheduler.ready(process, Throw(wrongly_awaited(process, future)))
        return
    future._asyncio_future_blocking = False
    scheduler.awaiting += 1
    try:
        # Not in the process's context: the callback's step enters that context, and it cannot be entered twice.
        future.add_done_callback(FutureCallback(process))
    except BaseException as error:  # a user-defined future class may raise anything
        scheduler.awaiting -= 1
        scheduler.ready(process, Throw(error))
        return
    process.status = AWAITING
    process.waiting = future
    task = process.task
    if task is not None and task.must_cancel and future.cancel(msg=task.cancel_message):
        task.take_cancel()


def is_foreign(scheduler: Runner, future: Any) -> bool:
    """Return whether a future belongs to another event loop: its callbacks would run this node in that loop's thread."""
    loop = getattr(future, "_loop", None)
    if loop is None:
        asked = getattr(future, "get_loop", None)
        loop = scheduler.loop if asked is None else asked()
    return loop is not scheduler.loop


def wrongly_awaited(process: Process, future: Any) -> RuntimeError:
    """Return the error for an await that asyncio rejects, too, with the way to correct it."""
    if not future._asyncio_future_blocking:
        return RuntimeError(f"{process.pid} yielded {safe_repr(future)} without awaiting it")
    return RuntimeError(
        f"{process.task!r} got {safe_repr(future)} attached to a different loop. "
        "Await it there: asyncio.run_coroutine_threadsafe(…, its loop), or asyncio.wrap_future of a concurrent future"
    )


def cancel_waiting(process: Process) -> None:
    """Handle a cancellation of a process's task while the process waits for something other than a future."""
    if process.status in (RECEIVING, SELECTING, CALLING):
        scheduler = process.node.scheduler
        scheduler.want_turn()
        stop_waiting(process)
        assert process.task is not None
        scheduler.ready(process, Throw(process.task.take_cancel() or CancelledError()))


def stop_waiting(process: Process) -> None:
    """Withdraw what a process waits for, so that it does not wake the process later."""
    scheduler = process.node.scheduler
    if process.deadline is not None:
        scheduler.timers.cancel(process.deadline)
        process.deadline = None
    if process.status == CALLING:
        requests.abandon(process.waiting)
    elif process.status == AWAITING:
        scheduler.awaiting -= process.waiting.remove_done_callback(FutureCallback(process))
    process.waiting = None


def leave_body(process: Process, wish: Any) -> None:
    """Unwind a process that was killed while it ran, now that it has reached its next wait."""
    if process.as_task:
        process.node.remnants.keep(process, wish)
    else:
        close_body(process)


def close_body(process: Process) -> None:
    """Drop a body, and close it if it holds a user's coroutine. An internal loop has nothing to release."""
    stop_waiting(process)
    body = process.body if process.inner is None else process.inner
    process.body = None
    process.status = ENDED
    if process.task is not None:
        process.task.end("killed")
    watch_no_more(process)
    if body is not None and process.as_task:
        try:
            process.context.run(body.close)
        except RuntimeError:  # it yielded while it was being closed; it is not resumed again
            pass
        except BaseException as error:
            process.node.interrupted(error)


def begin_now(process: Process) -> None:
    """Run a process that has not begun yet directly, because the running process is about to wait for it.

    This is done only for the first or the last process of the queue: removing one from the middle takes time in
    proportion to the queue's length.
    """
    scheduler = process.node.scheduler
    queue = scheduler.queue
    launch = process.value
    if scheduler.schedule is not None or process.status != READY or type(launch) is not Launch or not queue:
        return
    if queue[-1] is process:
        queue.pop()
        process.value = None
        if not scheduler.hand_over(process, launch):
            process.value = launch
            queue.append(process)
    elif queue[0] is process:
        queue.popleft()
        process.value = None
        if not scheduler.hand_over(process, launch):
            process.value = launch
            queue.appendleft(process)
