"""User code that may fail without ending its process: a handler, a last callback, or an observer of a server.

An observer is code that reads or shows a server's state: `format_status`, an installed function, a `__repr__`, the
function of `replace_state`.

| raised                                                  | by a callback    | by an observer                    |
|---------------------------------------------------------|------------------|-----------------------------------|
| any exception, in a process that has been killed        | unwinds it       | unwinds it                        |
| CancelledError, after asyncio has cancelled the process | cancels it       | cancels it                        |
| KeyboardInterrupt, SystemExit                           | ends the program | ends the program, after this step |
| any other: Exit, and the CancelledError of a future     | is a failure     | is a failure                      |
"""

from __future__ import annotations

from asyncio import CancelledError, current_task
from collections.abc import Callable, Generator, Mapping
from typing import Any

from regrow.kernel import exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.process_record import Process


def is_failure(process: Process | None, error: BaseException) -> bool:
    """Whether an exception is a failure of the callback alone; `process` is None if a plain asyncio task called it."""
    if (process is not None and not process.alive) or exits.is_a(error, KeyboardInterrupt, SystemExit):
        return False
    return not exits.is_a(error, CancelledError) or not is_cancelled(process)


def is_cancelled(process: Process | None) -> bool:
    """Whether asyncio has cancelled the process's task, and `uncancel` has not undone that."""
    task: Any = current_task() if process is None else process.task
    if process is not None and process.rare is not None and process.rare.adopted is not None:
        task = process.rare.adopted
    return task is not None and task.cancelling() > 0


def survives(process: Process, error: BaseException) -> bool:
    """Whether a process continues after an observer has raised this exception. KeyboardInterrupt is noted for later."""
    if process.alive and exits.is_a(error, KeyboardInterrupt, SystemExit):
        process.node.interrupted(error)
        return True
    return is_failure(process, error)


def called(process: Process, function: Callable[..., Any], *args: Any) -> Generator[Any, Any, Any]:
    """Call a user's function, `def` or `async def`, and return its result."""
    result: Any = function(*args)
    if is_awaitable(result):
        result = yield from enter_task(process, result)
    return result


def formatted(
    process: Process, callbacks: Any, status: dict[str, Any], hidden: str, ending: bool = False
) -> Generator[Any, Any, dict[str, Any]]:
    """Return a status as `format_status` returns it. If that fails, one value is left out, which it may have to hide.

    Args:
        process: the process of the server.
        callbacks: the object that has `format_status`.
        status: the argument of `format_status`.
        hidden: the key of the value that is left out after a failure, such as "state".
        ending: whether the process is ending anyway; then a cancellation does not suppress the report.
    """
    try:
        found = yield from called(process, callbacks.format_status, dict(status))
        if isinstance(found, Mapping):
            merged: dict[str, Any] = {**status, **found}
            return merged
        problem = f"returned {safe_repr(found, 100)}, not a dict"
    except BaseException as error:
        if not (survives(process, error) or (ending and process.alive)):
            raise
        problem = f"raised {type(error).__name__}"
    return {**status, hidden: f"<format_status {problem}>"}


class Steps:
    """A generator of kernel steps as an awaitable, for a process whose body is a coroutine."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self.steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.steps
