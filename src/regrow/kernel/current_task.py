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
