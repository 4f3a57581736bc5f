"""Code of the user's that may fail without its process: a handler, a last callback, or what only looks at a server.

| raised                                                       | by a callback    | by what only looks              |
|--------------------------------------------------------------|------------------|---------------------------------|
| anything, in a process that is dead by then                  | unwinds it       | unwinds it                      |
| CancelledError, the process having been cancelled by asyncio | cancels it       | cancels it                      |
| KeyboardInterrupt, SystemExit                                | ends the program | the same, and the server goes on until then |
| any other: Exit, and the CancelledError of another's future  | is a failure     | is a failure                    |
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
    """Whether what a callback has raised is a failure of the callback alone. Without a process a plain task called it."""
    if (process is not None and not process.alive) or exits.is_a(error, KeyboardInterrupt, SystemExit):
        return False
    return not exits.is_a(error, CancelledError) or not is_cancelled(process)


def is_cancelled(process: Process | None) -> bool:
    """Whether asyncio has cancelled the task that this process is, and nothing has taken that back."""
    task: Any = current_task() if process is None else process.task
    if process is not None and process.rare is not None and process.rare.adopted is not None:
        task = process.rare.adopted
    return task is not None and task.cancelling() > 0


def survives(process: Process, error: BaseException) -> bool:
    """Whether a process goes on after this was raised by what only looks at it."""
    if process.alive and exits.is_a(error, KeyboardInterrupt, SystemExit):
        process.node.interrupted(error)
        return True
    return is_failure(process, error)


def called(process: Process, function: Callable[..., Any], *args: Any) -> Generator[Any, Any, Any]:
    """What a function of the user's gives, whether it is `def` or `async def`."""
    result: Any = function(*args)
    if is_awaitable(result):
        result = yield from enter_task(process, result)
    return result


def formatted(
    process: Process, callbacks: Any, status: dict[str, Any], hidden: str, ending: bool = False
) -> Generator[Any, Any, dict[str, Any]]:
    """What `format_status` makes of a status. If it fails, what it may have been there to hide is not shown.

    Args:
        process: whose it is.
        callbacks: has `format_status`.
        status: what is shown without it.
        hidden: the key of what is not shown after a failure.
        ending: whether the process ends anyway; then a cancellation is no reason to leave the report out.
    """
    try:
        found = yield from called(process, callbacks.format_status, dict(status))
        if isinstance(found, Mapping):
            made: dict[str, Any] = {**status, **found}
            return made
        problem = f"returned {safe_repr(found, 100)}, and no dict"
    except BaseException as error:
        if not (survives(process, error) or (ending and process.alive)):
            raise
        problem = f"raised {type(error).__name__}"
    return {**status, hidden: f"<format_status {problem}>"}


class Steps:
    """A generator of ours, to be awaited by a process that is a coroutine."""

    def __init__(self, steps: Generator[Any, Any, Any]) -> None:
        self.steps = steps

    def __await__(self) -> Generator[Any, Any, Any]:
        return self.steps
