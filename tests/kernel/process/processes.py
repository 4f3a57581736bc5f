"""Processes that the tests in this folder spawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import Address, Exit, Pid, process
from regrow.testing import expect_down, expect_message


async def forever() -> None:
    """Receive and discard messages until killed."""
    while True:
        await process.receive()


async def until_told() -> None:
    """Receive one reason, and end with it."""
    raise Exit(await process.receive())


class Order:
    """A function for a process that runs `doing`, the pid of the requester, and the function's result."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.caller = process.current()
        self.function = function
        self.args = args
        self.gave: Any = None


async def doing() -> None:
    """Run each function that arrives and send back its result."""
    while True:
        order = await process.receive(Order)
        order.gave = order.function(*order.args)
        process.send(order.caller, order)


async def does(pid: Pid, function: Callable[..., Any], *args: Any) -> Any:
    """Let a process that runs `doing` run a function; return its result."""
    process.send(pid, Order(function, args))
    return (await expect_message(Order)).gave


def messages() -> list[Any]:
    """Return the messages in the current process's mailbox."""
    found: list[Any] = process.info(process.current(), "messages")
    return found


async def dead_pid() -> Pid:
    """Return the pid of a process that has ended."""
    pid, ref = process.spawn_monitor(int)
    assert await expect_down(ref) == "normal"
    return pid


def links_of(pid: Pid) -> list[Pid]:
    """Return the links of a process."""
    found: list[Pid] = process.info(pid, "links")
    return found


def sends(address: Address, *words: str) -> Any:
    """Spawn a process that sends these words; it has ended when this returns."""

    async def sender() -> None:
        for word in words:
            process.send(address, word)

    return expect_down(process.spawn_monitor(sender)[1], "normal")
