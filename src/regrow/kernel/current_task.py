"""asyncio's current task. Replacing it differs by Python version; the differences are in this module only."""

from __future__ import annotations

import asyncio
import sys
from asyncio import tasks
from collections.abc import Callable
from typing import Any

# `set_current_task` is for a task that replaces another one, if the caller does not need the previous task.
if sys.version_info >= (3, 12):
    swap_current_task: Callable[[asyncio.AbstractEventLoop, Any], Any] = getattr(tasks, "_swap_current_task")  # noqa: B009
    set_current_task: Callable[[asyncio.AbstractEventLoop, Any], Any] = swap_current_task
else:
    _current_tasks: dict[asyncio.AbstractEventLoop, Any] = getattr(tasks, "_current_tasks")  # noqa: B009
    set_current_task: Callable[[asyncio.AbstractEventLoop, Any], Any] = _current_tasks.__setitem__

    def swap_current_task(loop: asyncio.AbstractEventLoop, task: Any) -> Any:
        """Make `task`, or None, the loop's current task, and return the previous one."""
        previous = _current_tasks.get(loop)
        if task is None:
            _current_tasks.pop(loop, None)  # with a stored None asyncio would refuse its next task
        else:
            _current_tasks[loop] = task
        return previous


class CurrentTask:
    """The task that asyncio sees as the current one of a node's loop.

    It stays until the task of another process replaces it, or the turn ends. A step costs no exchange if the same
    process continues, and one exchange otherwise.
    """

    __slots__ = ("eager", "loop", "outer", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.task: Any = None
        self.outer: Any = None  # the task before: that of a plain caller, while a server runs on its stack
        # Tasks that asyncio has started eagerly and that are calling now, by the task on whose stack they run.
        self.eager: dict[Any, Any] = {}

    def show(self, task: Any) -> None:
        """Let asyncio see this task as the current one, or with None the task that it saw before."""
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
