"""What gets a process going: the end of a receive's time, a future of asyncio's that is done, who is about to wait for it."""

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
        """Nothing came in time; mail that came before it, and is still to be looked at, goes first."""
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
        """The future is done: the process goes on, at once if no turn is scheduled."""
        process = self.process
        scheduler = process.node.scheduler
        scheduler.awaiting -= 1
        if process.status != AWAITING or process.waiting is not future or scheduler.closed:
            return
        process.waiting = None
        if scheduler.scheduled or scheduler.turning or scheduler.depth > 0:
            scheduler.ready(process, None)
        else:
            scheduler.scheduled = True  # the turn that would be scheduled is this one
            scheduler.ready(process, None)
            scheduler.turn()


def await_future(process: Process, future: Any) -> None:
    """Let a process wait for asyncio."""
    scheduler = process.node.scheduler
    if not future._asyncio_future_blocking or is_foreign(scheduler, future):
        scheduler.ready(process, Throw(wrongly_awaited(process, future)))
        return
    future._asyncio_future_blocking = False
    scheduler.awaiting += 1
    try:
        # In a context of its own: the process's is entered again by the step that follows.
        future.add_done_callback(FutureCallback(process))
    except BaseException as error:  # a class of the user's
        scheduler.awaiting -= 1
        scheduler.ready(process, Throw(error))
        return
    process.status = AWAITING
    process.waiting = future
    task = process.task
    if task is not None and task.must_cancel and future.cancel(msg=task.cancel_message):
        task.take_cancel()


def is_foreign(scheduler: Runner, future: Any) -> bool:
    """Whether a future belongs to another event loop, in whose thread its callbacks would step this node."""
    loop = getattr(future, "_loop", None)
    if loop is None:
        asked = getattr(future, "get_loop", None)
        loop = scheduler.loop if asked is None else asked()
    return loop is not scheduler.loop


def wrongly_awaited(process: Process, future: Any) -> RuntimeError:
    """What asyncio says at such an await, and what to do."""
    if not future._asyncio_future_blocking:
        return RuntimeError(f"{process.pid} yielded {safe_repr(future)} without awaiting it")
    return RuntimeError(
        f"{process.task!r} got {safe_repr(future)} attached to a different loop. "
        "Await it there: asyncio.run_coroutine_threadsafe(…, its loop), or asyncio.wrap_future of a concurrent future"
    )


def cancel_waiting(process: Process) -> None:
    """asyncio cancels the task that a process is; what it waits for is no future."""
    if process.status in (RECEIVING, SELECTING, CALLING):
        scheduler = process.node.scheduler
        scheduler.want_turn()
        stop_waiting(process)
        assert process.task is not None
        scheduler.ready(process, Throw(process.task.take_cancel() or CancelledError()))


def stop_waiting(process: Process) -> None:
    """Take back what a process waits for: it will not be woken by it."""
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
    """Unwind a process that was ended while it ran, and has come to its next wait."""
    if process.as_task:
        process.node.remnants.keep(process, wish)
    else:
        close_body(process)


def close_body(process: Process) -> None:
    """Drop a body, and close it if a coroutine of the user's is in it. A loop of ours has nothing to release."""
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
        except RuntimeError:  # it yielded while it was closed: it will not be asked again
            pass
        except BaseException as error:
            process.node.interrupted(error)


def begin_now(process: Process) -> None:
    """Hand over to a process that has not begun, and that the running one is about to wait for.

    Only the next or the last of the queue: to take another out of it would cost the more the longer it is.
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
