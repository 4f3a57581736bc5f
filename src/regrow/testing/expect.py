"""What a test waits for, told as what it expects: messages, ends, and silence.

    expect_message(match)     a message comes; it is taken out of the mailbox
    refute_message(match)     none comes
    expect_down(who, reason)  a process ends, whether linked or not
    expect_exit(who, reason)  an exit signal comes, to a process that traps exits
    expect_idle()             all others have done what they can
    kill(who)                 a process ends, now
    flush(match)              what lies in the mailbox, taken out

A `match` is a class or several, a predicate, or a pattern: a value in which `...` stands for anything, a dict for a
dict that has at least that. Times are those of the node's clock, which in a test is virtual: to wait takes no time. A
failure shows what was expected, what lies in the mailbox instead, and what the others do.
"""

from __future__ import annotations

from collections import deque
from typing import Any, TypeVar, cast, overload

from regrow.behaviours.gen_server.client import whereis
from regrow.behaviours.naming.pattern import fits
from regrow.kernel import bifs
from regrow.kernel.clock import until_idle
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import is_word
from regrow.kernel.info import info
from regrow.kernel.pid import Monitor, Pid, Ref
from regrow.kernel.receiving import receive
from regrow.kernel.running import current, running
from regrow.kernel.signals import Down, Exited
from regrow.testing.describe import brief, describe_all, doing, mailbox_words, wish_words

Message = TypeVar("Message")


@overload
async def expect_message(match: type[Message], *, timeout: float = 1.0) -> Message: ...
@overload
async def expect_message(match: Any = None, *, timeout: float = 1.0) -> Any: ...
async def expect_message(match: Any = None, *, timeout: float = 1.0) -> Any:
    """Take the first message that fits out of the mailbox, and wait for it if it is not there yet (`assert_receive`).

    Args:
        match: a class or a tuple of classes, a predicate, or a pattern such as `("started", ...)`. None: any message.
        timeout: seconds of the node's clock.

    Returns:
        The message.

    Raises:
        AssertionError: none came in time; it shows what lies in the mailbox and what the other processes do.
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
                *describe_all(but=lambda other: other.pid is me or other is current_node().init),
            ]
        )
    )


async def refute_message(match: Any = None, *, timeout: float = 0.0) -> None:
    """Be sure that no message fits: none that lies in the mailbox, and none that comes (`refute_receive`).

    Args:
        match: as for `expect_message`.
        timeout: seconds of the node's clock. 0: until all others have done what they can at this moment.

    Raises:
        AssertionError: one has come; it is shown, and taken out of the mailbox.
    """
    await until_idle()
    try:
        message = await receive(_wanted(match), timeout=timeout)
    except TimeoutError:
        return
    raise AssertionError(
        f"no message{wish_words(match)} was to come, and here is {brief(message)}.\n"
        f"  Beside it in the mailbox: {mailbox_words(current())}"
    )


async def expect_down(who: Any, reason: Any = ..., *, timeout: float = 1.0) -> Any:
    """Wait for the end of a process (`assert_receive {:DOWN, …}`).

    Args:
        who: a pid, a name or a handle; or the ref of a monitor that was set before, which is needed where the process
            may have ended already: a new one could only say "noproc".
        reason: what the reason must be: a value, a pattern such as `("shutdown", ...)`, or a class, of which it must be.
        timeout: seconds of the node's clock.

    Returns:
        The reason.

    Raises:
        AssertionError: it has not ended in time, or for another reason.
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
        does = "Its Down has been taken out already." if watched is None else doing(watched)
        raise AssertionError(f"{name} has not ended within {timeout:g} s.\n  {does}") from None
    if not reason_fits(reason, down.reason):
        raise AssertionError(_other_reason(brief(down.pid), reason, down.reason))
    return down.reason


async def expect_exit(who: Pid | None = None, reason: Any = ..., *, timeout: float = 1.0) -> Any:
    """Wait for the exit signal of a linked process, in one that traps exits (`assert_receive {:EXIT, …}`).

    Args:
        who: from whom; None: from anybody.
        reason: as for `expect_down`.
        timeout: seconds of the node's clock.

    Returns:
        The reason.

    Raises:
        AssertionError: none came in time, it has another reason, or this process does not trap exits and so would be
            ended by the signal.
    """
    me = current()
    if not info(me, "trap_exit"):
        raise AssertionError(
            f"{me} does not trap exits: the exit signal would end it, and be no message. "
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
        who: a pid, a name or a handle. It should not be linked to the test, unless that traps exits.
        reason: why; "kill" cannot be trapped.
        timeout: seconds of the node's clock.

    Returns:
        The reason with which it has ended: "killed" for "kill".

    Raises:
        AssertionError: nobody is there, or it has not ended in time.
    """
    pid = who if isinstance(who, Pid) else whereis(who)
    if pid is None:
        raise AssertionError(f"kill: nobody is at {brief(who)}")
    ref = bifs.monitor(pid)
    bifs.exit(pid, reason)
    return await expect_down(ref, timeout=timeout)


async def expect_idle() -> None:
    """Wait, without moving the clock, until every other process waits for a message, a timer or asyncio."""
    await until_idle()


def flush(match: Any = None) -> list[Any]:
    """Take all messages that fit out of the mailbox, oldest first, and wait for none (`flush()` of the shells)."""
    mine = running()
    found: list[Any] = []
    left: list[Any] = []
    for message in mine.mailbox or ():
        (found if _fits(match, message) else left).append(message)
    mine.mailbox = deque(left) if left else None
    return found


def reason_fits(wanted: Any, reason: object) -> bool:
    """Whether a reason is as wanted: of a class, accepted by a predicate, or fitting a pattern."""
    if isinstance(wanted, type):
        return reason is wanted or isinstance(reason, wanted)
    if callable(wanted) and not isinstance(wanted, BaseException):
        return bool(wanted(reason))
    return fits(wanted, reason)


def _other_reason(who: str, wanted: object, reason: object) -> str:
    words = wanted.__name__ if isinstance(wanted, type) else brief(wanted)
    letter = f"{who} has ended with {brief(reason)}; expected {words}"
    if is_word(reason, "noproc"):
        letter += (
            ".\n  Nobody was there any more when it was monitored. Set the monitor before: ref = process.monitor(pid)"
        )
    return letter


def _wanted(match: Any) -> Any:
    """What `receive` is to wait for."""
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
    """Whether this is a class, several or a predicate, and no pattern."""
    if isinstance(match, tuple):
        several = cast("tuple[object, ...]", match)
        return bool(several) and all(isinstance(one, type) for one in several)
    return callable(match)
