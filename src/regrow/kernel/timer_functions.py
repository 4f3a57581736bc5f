"""The functions of OTP's module `timer` that differ from those of `process`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, overload

from regrow.kernel import names, timers
from regrow.kernel.addresses import Address
from regrow.kernel.alarms import Alarm, Timer
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.clock import Clock
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.running import running
from regrow.kernel.timers import NOT_GIVEN

Value = TypeVar("Value")

UNITS: Final = {"second": 1.0, "millisecond": 1e3, "microsecond": 1e6, "nanosecond": 1e9}


def start() -> None:
    """Do nothing: timers need no server here. It exists so that OTP's call can be kept (`timer:start/0`)."""


@overload
def send_after(delay: float | timedelta, message: object, /) -> Timer: ...
@overload
def send_after(delay: float | timedelta, address: Address, message: object) -> Timer: ...
def send_after(delay: float | timedelta, address: Any = NOT_GIVEN, message: Any = NOT_GIVEN) -> Timer:
    """Send a message in `delay` seconds (`timer:send_after/3`), or at once if that is 0.

    Args:
        delay: seconds from now.
        address: a pid or a name, which is looked up when the timer fires; without it, the message is for this process.
        message: what to send.

    Raises:
        TypeError: not a number of seconds, no address, or no message.
        ValueError: negative, or more than 292 years.
    """
    address, message = _to_self(address, message, "send_after")
    if timers.as_delay(delay, "send_after") > 0.0:
        return timers.send_after(address, message, delay)
    node = current_node()
    names.find(node, address)  # raises for what is no address
    timer = Alarm(node.scheduler.timers, address, message, timers.deliver)
    timer.fire()
    return timer


@overload
def send_interval(interval: float | timedelta, message: object, /) -> Timer: ...
@overload
def send_interval(interval: float | timedelta, address: Address, message: object) -> Timer: ...
def send_interval(interval: float | timedelta, address: Any = NOT_GIVEN, message: Any = NOT_GIVEN) -> Timer:
    """Send a message every `interval` seconds, until it is cancelled or the receiver ends (`timer:send_interval/3`).

    Args:
        interval: seconds; at least a millisecond.
        address: a pid or a name; without it, the messages are for this process.
        message: what to send.

    Raises:
        TypeError: not a number of seconds, no address, or no message.
        ValueError: less than a millisecond, or more than 292 years.
    """
    address, message = _to_self(address, message, "send_interval")
    return timers.send_interval(address, message, interval)


def cancel(timer: Timer) -> bool:
    """Cancel a timer of any kind (`timer:cancel/1`). One that has fired is no error, and its effect stays.

    `process.cancel_timer` returns the seconds that were left.

    Returns:
        True, for OTP's `{ok, cancel}`.

    Raises:
        TypeError: this is no timer.
    """
    timers.cancel_timer(timer)
    return True


@overload
def tc(  # pyright: ignore[reportOverlappingOverload] (a coroutine is a Value, too; this overload comes first)
    function: Callable[..., Coroutine[Any, Any, Value]], *args: Any, unit: str = "second"
) -> Coroutine[Any, Any, tuple[float, Value]]: ...
@overload
def tc(function: Callable[..., Value], *args: Any, unit: str = "second") -> tuple[float, Value]: ...
def tc(function: Callable[..., Any], *args: Any, unit: str = "second") -> Any:
    """Run `function(*args)` and return `(time, value)`: how long it took, and its result (`timer:tc/3`).

    For an `async def` function, await the pair. An exception of the function is passed on. The time is that of the
    node's clock, or of the machine's clock if there is no node.

    Args:
        function: what to run.
        args: its arguments.
        unit: "second", "millisecond", "microsecond" or "nanosecond".

    Raises:
        TypeError: no function.
        ValueError: an unknown unit.
    """
    if not callable(function):
        raise TypeError(f"tc: wanted a function to run, got {function!r}")
    factor = UNITS.get(unit)
    if factor is None:
        raise ValueError(f"tc: wanted one of {', '.join(UNITS)} as the unit, got {unit!r}")
    clock = _clock()
    begun = clock.now()
    value = function(*args)
    if is_coroutine(value):
        return _awaited(value, clock, factor)
    return (clock.now() - begun) * factor, value


@overload
def now_diff(later: datetime, earlier: datetime) -> float: ...
@overload
def now_diff(later: float, earlier: float) -> float: ...
def now_diff(later: Any, earlier: Any) -> float:
    """Return the seconds between two times of `process.monotonic()`, or two datetimes (`timer:now_diff/2`).

    Raises:
        TypeError: these cannot be subtracted.
    """
    difference = later - earlier
    return difference.total_seconds() if isinstance(difference, timedelta) else float(difference)


def seconds(number: float) -> float:
    """Return `number` seconds in regrow's unit of time, which is the second (`timer:seconds/1`)."""
    return 1.0 * number


def minutes(number: float) -> float:
    """Return `number` minutes in seconds (`timer:minutes/1`)."""
    return 60.0 * number


def hours(number: float) -> float:
    """Return `number` hours in seconds (`timer:hours/1`)."""
    return 3600.0 * number


def hms(hours: float, minutes: float, seconds: float) -> float:
    """Return the sum of hours, minutes and seconds, in seconds (`timer:hms/3`)."""
    return 3600.0 * hours + 60.0 * minutes + seconds


def _to_self(address: Any, message: Any, what: str) -> tuple[Any, Any]:
    """Return `(address, message)`. A single argument is the message, and the address is this process."""
    if message is NOT_GIVEN:
        address, message = NOT_GIVEN, address
    if message is NOT_GIVEN:
        raise TypeError(f"{what}: wanted (time, message) or (time, address, message), got no message")
    return (running().pid if address is NOT_GIVEN else address), message


def _clock() -> Clock:
    node = CURRENT.node
    return Clock() if node is None else node.clock


async def _awaited(made: Coroutine[Any, Any, Value], clock: Clock, factor: float) -> tuple[float, Value]:
    begun = clock.now()
    value = await made
    return (clock.now() - begun) * factor, value
