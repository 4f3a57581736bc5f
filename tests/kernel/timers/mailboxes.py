"""Helpers of the tests of timers."""

from __future__ import annotations

from typing import Any

from regrow import (
    Node,
    Pid,
    process,
    timer,
)

FAR = 3000.0  # seconds: no timer of these tests fires by then


def me() -> Pid:
    return process.current()


def messages() -> Any:
    return process.info(me(), "messages")


def waiting() -> Pid:
    """A process that does nothing."""
    return process.spawn(process.sleep, None)


def nothing_is_set(node: Node) -> bool:
    return node.scheduler.timers.next_due() == float("inf")


class Slow:
    """A module with slow functions."""

    @staticmethod
    async def half_a_second(value: object = None) -> object:
        await timer.sleep(0.5)
        return value

    @staticmethod
    def nothing(value: object = None) -> object:
        return value
