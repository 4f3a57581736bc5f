"""Expectations of a test: messages, silence, and the ends of processes.

    expect_message(match)     wait for a message, and take it out of the mailbox
    refute_message(match)     check that no such message comes
    expect_down(who, reason)  wait until a process has ended, linked or not
    expect_exit(who, reason)  wait for an exit signal, in a process that traps exits
    expect_idle()             wait until all other processes wait
    kill(who)                 end a process, and wait until it has ended
    flush(match)              take messages out of the mailbox

A `match` is a class, a tuple of classes, a predicate, or a pattern: a value in which `...` stands for any value, and a
dict for a dict that has at least these items. Times are those of the node's clock, which in a test is virtual: waiting
takes no real time. A failure shows what was expected, what the mailbox holds, and what the other processes do.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast, overload

from regrow.behaviours.gen_server.client import whereis
from regrow.behaviours.naming.pattern import fits
from regrow.kernel import bifs, mailbox
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import is_word
from regrow.kernel.info import info
from regrow.kernel.process_record import Monitor, Pid
from regrow.kernel.receiving import receive
from regrow.kernel.refs import Ref
from regrow.kernel.running import current, running
from regrow.kernel.signals import Down, Exited
from regrow.kernel.virtual_clock import until_idle
from regrow.testing.describe import brief, describe_all, doing, mailbox_words, wish_words

Message = TypeVar("Message")


@overload
async def expect_message(match: type[Message], *, timeout: float = 1.0) -> Message: ...
@overload
async def expect_message(match: Any = None, *, timeout: float = 1.0) -> Any: ...
async def expect_message(match: Any = None, *, timeout: float = 1.0) -> Any:
    """Wait for the first message that matches, and take it out of the mailbox (ExUnit's `assert_receive`).

    Args:
        match: a class or a tuple of classes, a predicate, or a pattern such as `("started", ...)`. None: any message.
        timeout: seconds of the node's clock.

    Returns:
        The message.

    Raises:
        AssertionError: no such message came in time; the error shows the mailbox and what the other processes do.
    """
    me = current()
    try:
        return await receive(_wanted(match), timeout=timeout)
    except TimeoutError:
        pass
    raise AssertionError(
        "\n  ".join(
            [
                f"no message{wish_words(match)} came within {timeout:g} s.",
                f"In the mailbox: {mailbox_words(me)}",
                *describe_all(except_=lambda other: other.pid is me or other is current_node().init),
            ]
        )
    )


async def refute_message(match: Any = None, *, timeout: float = 0.0) -> None:
    """Check that no message in the mailbox matches, and that none arrives (ExUnit's `refute_receive`).

    Args:
        match: a class, classes, a predicate or a pattern, as for `expect_message`.
        timeout: seconds of the node's clock. 0: until all other processes wait.

    Raises:
        AssertionError: a message came; the error shows it, and it is taken out of the mailbox.
    """
    await until_idle()
    try:
        message = await receive(_wanted(match), timeout=timeout)
    except TimeoutError:
        return
    raise AssertionError(
        f"expected no message{wish_words(match)}, but got {brief(message)}.\n"
        f"  Other messages in the mailbox: {mailbox_words(current())}"
    )


async def expect_down(who: Any, reason: Any = ..., *, timeout: float = 1.0) -> Any:
    """Wait until a process has ended, and check its reason (ExUnit's `assert_receive {:DOWN, …}`).

    Args:
        who: a pid, a name or a handle; or the ref of a monitor. If the process may have ended already, a monitor that
            was set before is needed: the reason of a new one is "noproc".
        reason: the expected reason: a value, a pattern such as `("shutdown", ...)`, a predicate, or a class that the
            reason must be or be an instance of. `...`: any reason.
        timeout: seconds of the node's clock.

    Returns:
        The reason.

    Raises:
        AssertionError: the process has not ended in time, or its reason is another.
    """
    ref = who if isinstance(who, Ref) else bifs.monitor(who)

    def fired(message: object) -> bool:
        return isinstance(message, Down) and message.ref is ref

    try:
        down: Down = await receive(fired, timeout=timeout)
    except TimeoutError:
        watched = ref.watched if isinstance(ref, Monitor) else None
        if not isinstance(who, Ref):
            bifs.demonitor(ref, flush=True)
        name = brief(who if watched is None else watched)
        does = "Its Down has already been taken out of the mailbox." if watched is None else doing(watched)
        raise AssertionError(f"{name} has not ended within {timeout:g} s.\n  {does}") from None
    if not reason_fits(reason, down.reason):
        raise AssertionError(_other_reason(brief(down.pid), reason, down.reason))
    return down.reason


async def expect_exit(who: Pid | None = None, reason: Any = ..., *, timeout: float = 1.0) -> Any:
    """Wait for the exit signal of a linked process; the caller must trap exits (`assert_receive {:EXIT, …}`).

    Args:
        who: the process that sends the signal; None: any process.
        reason: the expected reason, as for `expect_down`.
        timeout: seconds of the node's clock.

    Returns:
        The reason.

    Raises:
        AssertionError: no signal came in time, its reason is another, or the calling process does not trap exits: the
            signal would end it.
    """
    me = current()
    if not info(me, "trap_exit"):
        raise AssertionError(
            f"{me} does not trap exits: the exit signal would end it instead of arriving as a message. "
            "Call process.trap_exit(True) before the link is made"
        )

    def came(message: object) -> bool:
        return isinstance(message, Exited) and (who is None or message.pid == who)

    try:
        exited: Exited = await receive(came, timeout=timeout)
    except TimeoutError:
        whose = "" if who is None else f" of {who}"
        does = "" if who is None else f"\n  {doing(who)}"
        raise AssertionError(
            f"no exit signal{whose} came within {timeout:g} s.\n  In the mailbox: {mailbox_words(me)}{does}"
        ) from None
    if not reason_fits(reason, exited.reason):
        raise AssertionError(_other_reason(str(exited.pid), reason, exited.reason))
    return exited.reason


async def kill(who: Any, reason: object = "kill", *, timeout: float = 1.0) -> Any:
    """Send a process an exit signal, and wait until it has ended.

    Args:
        who: a pid, a name or a handle. If the process is linked to the test, the test should trap exits.
        reason: the reason of the signal; "kill" cannot be trapped.
        timeout: seconds of the node's clock.

    Returns:
        The reason with which the process ended: "killed" for "kill".

    Raises:
        AssertionError: there is no such process, or it has not ended in time.
    """
    pid = who if isinstance(who, Pid) else whereis(who)
    if pid is None:
        raise AssertionError(f"kill: there is no process {brief(who)}")
    ref = bifs.monitor(pid)
    bifs.exit(pid, reason)
    return await expect_down(ref, timeout=timeout)


async def expect_idle() -> None:
    """Wait, without moving the clock, until every other process waits for a message, a timer or asyncio."""
    await until_idle()


def flush(match: Any = None) -> list[Any]:
    """Take all messages that match out of the mailbox, oldest first, without waiting (`flush()` of the shells)."""
    return mailbox.remove(running(), lambda message: _fits(match, message))


def reason_fits(wanted: Any, reason: object) -> bool:
    """Whether a reason is of the wanted class, is accepted by the predicate, or matches the pattern."""
    if isinstance(wanted, type):
        return reason is wanted or isinstance(reason, wanted)
    if callable(wanted) and not isinstance(wanted, BaseException):
        return bool(wanted(reason))
    return fits(wanted, reason)


def _other_reason(who: str, wanted: object, reason: object) -> str:
    words = wanted.__name__ if isinstance(wanted, type) else brief(wanted)
    text = f"{who} has ended with {brief(reason)}; expected {words}"
    if is_word(reason, "noproc"):
        text += (
            ".\n  The process had ended before it was monitored. Set the monitor earlier: ref = process.monitor(pid)"
        )
    return text


def _wanted(match: Any) -> Any:
    """Return the class, classes or predicate for `receive` that stand for a match."""
    if match is None or _is_test(match):
        return match

    def fitting(message: object) -> bool:
        return fits(match, message)

    return fitting


def _fits(match: Any, message: object) -> bool:
    if match is None:
        return True
    if not _is_test(match):
        return fits(match, message)
    return isinstance(message, match) if isinstance(match, type | tuple) else bool(match(message))


def _is_test(match: Any) -> bool:
    """Whether a match is a class, a tuple of classes or a predicate, and not a pattern."""
    if isinstance(match, tuple):
        several = cast("tuple[object, ...]", match)
        return bool(several) and all(isinstance(one, type) for one in several)
    return callable(match)
