"""The task that asyncio takes for the current one: how it is exchanged differs by Python version, and lives here alone."""

from __future__ import annotations

import asyncio
import sys
from asyncio import tasks
from collections.abc import Callable
from typing import Any

# `set_current_task` is for a task that takes the place of another one, which nobody asks for.
if sys.version_info >= (3, 12):
    swap_current_task: Callable[[asyncio.AbstractEventLoop, Any], Any] = getattr(tasks, "_swap_current_task")  # noqa: B009
    set_current_task: Callable[[asyncio.AbstractEventLoop, Any], Any] = swap_current_task
else:
    _current_tasks: dict[asyncio.AbstractEventLoop, Any] = getattr(tasks, "_current_tasks")  # noqa: B009
    set_current_task: Callable[[asyncio.AbstractEventLoop, Any], Any] = _current_tasks.__setitem__

    def swap_current_task(loop: asyncio.AbstractEventLoop, task: Any) -> Any:
        """Make `task` the loop's current one, or none at all, and return what was."""
        previous = _current_tasks.get(loop)
        if task is None:
            _current_tasks.pop(loop, None)  # a stored None would make asyncio refuse its next task
        else:
            _current_tasks[loop] = task
        return previous


class CurrentTask:
    """Whose task asyncio is shown as the current one.

    It stays until another process's takes its place, or the turn ends: a step costs no exchange where the same process
    goes on, and one where another does.
    """

    __slots__ = ("eager", "loop", "outer", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.task: Any = None
        self.outer: Any = None  # what asyncio had before: the task of a plain caller, while a server runs on its stack
        # Those that asyncio has started eagerly, and that call now, by the task on whose stack they stand.
        self.eager: dict[Any, Any] = {}

    def show(self, task: Any) -> None:
        """Let asyncio see this task, or, with None, what it saw before."""
        if task is None:
            swap_current_task(self.loop, self.outer)
            self.outer = None
        elif self.task is None:
            self.outer = swap_current_task(self.loop, task)
        else:
            above = self.eager.pop(task, None) if self.eager else None
            before = swap_current_task(self.loop, task if above is None else above)
            if before is not self.task:
                self.eager[self.task] = before
        self.task = task
