"""Steps of the user's coroutines: asyncio has to see a current task, which can be cancelled, while they run."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncGenerator, Coroutine, Generator
from types import CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, cast

from regrow.kernel import asyncio_task, bounded_repr, exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.coroutine_driver import BACK, COMPILED, driven, finished
from regrow.kernel.mailbox import put_back
from regrow.kernel.process_record import Process
from regrow.kernel.yields import ANY, END, TIMEOUT, Launch, Opening, Receive, Throw

if TYPE_CHECKING:
    from regrow.kernel.process_record import Runner


def is_cancelled(process: Process) -> bool:
    """Whether asyncio has cancelled the task that this process is, and it has not heard of it."""
    return process.task is not None and process.task.must_cancel


def takes_its_turn(scheduler: Runner, process: Process, value: object, error: BaseException) -> bool:
    """Put off a step that has not begun, for its context is entered already: by a task of asyncio's that calls the process.

    Python raises this before the body runs, so that its frames end with the one that has tried to step it.
    """
    if type(error) is not RuntimeError or not str(error).startswith("cannot enter context"):
        return False
    traceback = error.__traceback__
    if traceback is not None and traceback.tb_next is not None:
        return False
    process.waiting = ANY if process.as_task else None
    scheduler.ready(process, value)
    return True


def resume(scheduler: Runner, process: Process, value: object) -> object:
    """A step that is more than sending a value to a loop of ours. Gives END where the body has run to its end."""
    if process.body is None:
        if type(value) is Opening:
            return process.context.run(_first_step, process, value)
        assert isinstance(value, Launch)
        body = process.context.run(value.function, *value.args)
        if body is None:
            return END
        if type(body) is not CoroutineType and not isinstance(body, Coroutine | Generator):
            if isinstance(body, AsyncGenerator):
                raise TypeError(
                    f"{bounded_repr.safe_repr(value.function)} yields: a process runs a function that does not"
                )
            if not is_awaitable(body):
                return END
            body = finished(body)
        process.body = cast("Generator[Any, Any, Any]", body)
        process.as_task = True
        return _run_as_task(scheduler, process, None, True)
    if process.as_task:
        return _run_as_task(scheduler, process, value, False)
    assert process.body is not None
    if isinstance(value, Throw):
        return process.context.run(process.body.throw, value.error)
    return process.context.run(process.body.send, value)


def _first_step(process: Process, opening: Opening) -> object:
    """The step in which a loop of ours comes to be: what goes before its first wait is no generator of its own."""
    body = process.body = opening.function(process, *opening.args)
    return END if body is None else body.send(None)


def enter_task(process: Process, awaited: Any) -> Generator[Any, Any, Any]:
    """The running process goes on with what the user's code gave; gives what its loop has to `yield from` for it.

    Asyncio must see a current task from here on.
    """
    if not process.as_task:
        process.as_task = True
        task = process.task
        if task is None:
            task = process.task = asyncio_task.ProcessTask(process)
        process.node.scheduler.shown.show(task)
    if not COMPILED:
        # `steps`, without its call
        return awaited if type(awaited) is GeneratorType else awaited.__await__()  # pyright: ignore[reportUnknownVariableType]
    inner: Any = driven(process, awaited)
    process.inner = inner
    return cast("Generator[Any, Any, Any]", inner)


def interrupted(process: Process, waited: object, value: object, cancelled: CancelledError) -> BaseException:
    """With what a step begins that asyncio has cancelled, and that was to begin with `value`.

    As in a task of asyncio's, the cancellation takes the place of an exception. A message goes back to its place.
    """
    if isinstance(value, Throw):
        if exits.is_a(value.error, CancelledError):
            return value.error
        cancelled.__context__ = value.error
    elif type(waited) is Receive and value is not TIMEOUT:
        put_back(process, value, waited.seen)
    return cancelled


def _run_as_task(scheduler: Runner, process: Process, value: object, begins: bool) -> object:
    """Step a user's coroutine: asyncio must see a current task that can be cancelled."""
    # hot: `Scheduler.step` repeats the last line for a coroutine with a task that is not cancelled, which saves two calls
    # for each step ("ping" in the benchmarks; `tests/kernel/test_costs.py`, "a message is one step").
    task = process.task
    if task is None:
        task = process.task = asyncio_task.ProcessTask(process)
    waited, process.waiting = process.waiting, None
    cancelled = task.take_cancel() if task.must_cancel else None
    if cancelled is not None:
        value = Throw(interrupted(process, waited, value, cancelled))
    body: Any = process.body
    if scheduler.shown.task is not task:
        scheduler.shown.show(task)
    if isinstance(value, Throw):
        return _throw(process, body, value.error)
    if begins and type(body) is CoroutineType:  # many end here, and make no StopIteration to tell it
        return process.context.run(next, body.__await__(), END)  # pyright: ignore[reportUnknownArgumentType]
    return process.context.run(body.send, value)


def _throw(process: Process, body: Any, error: BaseException) -> object:
    """Throw into the coroutine of the user's that is being driven: nothing is thrown into a loop that waits for it."""
    inner = process.inner
    if inner is None:
        return process.context.run(body.throw, error)
    process.inner = None
    wish = process.context.run(inner.throw, error)
    if wish is BACK:
        return process.context.run(body.send, None)
    process.inner = inner
    return wish
