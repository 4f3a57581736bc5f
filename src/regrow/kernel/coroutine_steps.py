"""Steps of users' coroutines: while they run, asyncio has to see a current task that can be cancelled."""

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
    """Return whether asyncio has cancelled the task of this process, and the cancellation is not thrown yet."""
    return process.task is not None and process.task.must_cancel


def takes_its_turn(scheduler: Runner, process: Process, value: object, error: BaseException) -> bool:
    """Postpone a step whose context is entered already, by an asyncio task that calls the process.

    Python raises this error before the body runs, so its traceback ends at the frame that tried to step the body.
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
    """Make a step that does more than send a value to the loop of a behaviour; return END if the body has ended."""
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
    """Make the first step of a behaviour: its function returns the loop, which runs to its first wait."""
    body = process.body = opening.function(process, *opening.args)
    return END if body is None else body.send(None)


def enter_task(process: Process, awaited: Any) -> Generator[Any, Any, Any]:
    """Return the generator that a loop has to `yield from` to await what the user's code returned.

    Asyncio must see a current task from here on.
    """
    if not process.as_task:
        process.as_task = True
        task = process.task
        if task is None:
            task = process.task = asyncio_task.ProcessTask(process)
        process.node.scheduler.shown.show(task)
    if not COMPILED:
        # repeats `steps`, which saves a call
        return awaited if type(awaited) is GeneratorType else awaited.__await__()  # pyright: ignore[reportUnknownVariableType]
    inner: Any = driven(process, awaited)
    process.inner = inner
    return cast("Generator[Any, Any, Any]", inner)


def interrupted(process: Process, waited: object, value: object, cancelled: CancelledError) -> BaseException:
    """Return the exception that a cancelled step begins with in the place of `value`.

    As in an asyncio task, the cancellation replaces an exception. A message goes back to its place in the mailbox.
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
    if begins and type(body) is CoroutineType:  # saves the StopIteration of a coroutine that ends here
        return process.context.run(next, body.__await__(), END)  # pyright: ignore[reportUnknownArgumentType]
    return process.context.run(body.send, value)


def _throw(process: Process, body: Any, error: BaseException) -> object:
    """Throw into the user's coroutine, and not into the loop of a behaviour that awaits it."""
    inner = process.inner
    if inner is None:
        return process.context.run(body.throw, error)
    process.inner = None
    wish = process.context.run(inner.throw, error)
    if wish is BACK:
        return process.context.run(body.send, None)
    process.inner = inner
    return wish
