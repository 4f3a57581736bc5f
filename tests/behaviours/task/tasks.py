"""Helpers of the tests of tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, cast

from regrow import (
    Exit,
    Pid,
    process,
)
from regrow.behaviours.task.task import Task


async def for_ever() -> Any:
    await process.sleep(1_000_000)


async def ends(reason: object) -> Any:
    raise Exit(reason)


async def sleeps(seconds: float) -> float:
    await process.sleep(seconds)
    return seconds


def missing() -> Any:
    return cast("Any", asyncio).no_such_function()


def pid_of(task: Task[Any]) -> Pid:
    assert task.pid is not None
    return task.pid


def messages() -> list[Any]:
    found: list[Any] = process.info(process.current(), "messages")
    return found


def clean() -> bool:
    """Check that nothing is left of tasks: no message, link or monitor."""
    me = process.current()
    return not messages() and process.info(me, "links") == [] and process.info(me, "monitors") == []


def fake(task: Task[Any], *contents: Any) -> None:
    """Send messages of a task that is no longer monitored, as races do."""
    for content in contents:
        process.send(process.current(), content)


def unwatched() -> tuple[Task[Any], Any]:
    """Return a task without a process, and its ref."""
    task: Task[Any] = Task.completed(None)
    assert task.ignore() == ("ok", None)
    return task, task.ref


async def in_another(function: Callable[[], Any]) -> Any:
    """Run a function in another process; return or raise its result."""

    async def attempt() -> Any:
        try:
            found = function()
            return await found if inspect.isawaitable(found) else found
        except Exception as error:
            return error

    return await Task.async_(attempt).await_()
