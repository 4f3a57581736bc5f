"""Messages and calls that come later: `send_after`, `send_interval`, `start_timer`, `apply_after`, and taking them back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import isnan
from typing import Any

from regrow.kernel import exits, names
from regrow.kernel.clock import seconds
from regrow.kernel.current import running
from regrow.kernel.messages import Address, send
from regrow.kernel.node import Node, here
from regrow.kernel.pid import Pid, Process, Ref, rare
from regrow.kernel.timers import Interval, Timer


def send_after(address: Address, message: object, delay: float | timedelta, *, absolute: bool = False) -> Timer:
    """Send `message` in `delay` seconds (`erlang:send_after/3`). A name is looked up when the timer fires.

    Args:
        address: a pid or a name. The timer of a pid ends with its process.
        message: what to send.
        delay: seconds from now; with `absolute`, a time of `monotonic()`.
        absolute: take `delay` as a time.

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: negative.
    """
    node = here()
    timer = Timer(node.scheduler.timers, address, message, _deliver)
    _start(node, timer, delay, absolute, "send_after")
    return timer


def start_timer(address: Address, message: object, delay: float | timedelta, *, absolute: bool = False) -> Timer:
    """The same, but what arrives is `("timeout", timer, message)`, which tells old from new (`erlang:start_timer/3`).

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: negative.
    """
    node = here()
    timer = Timer(node.scheduler.timers, address, None, _deliver)
    timer.message = ("timeout", timer, message)
    _start(node, timer, delay, absolute, "start_timer")
    return timer


def send_interval(address: Address, message: object, interval: float | timedelta) -> Timer:
    """Send `message` every `interval` seconds, without drift, until it is cancelled (`timer:send_interval/3`).

    One to a pid ends with its process.

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: not more than 0.
    """
    node = here()
    timer = Interval(node.scheduler.timers, address, message, _deliver, _interval(interval, "send_interval"))
    _start(node, timer, interval, False, "send_interval")
    return timer


def apply_after(delay: float | timedelta, function: Callable[..., Any], *args: Any) -> Timer:
    """Run `function(*args)` in a process of its own, in `delay` seconds (`timer:apply_after/4`).

    Raises:
        TypeError: not a number of seconds, or no function.
        ValueError: negative.
    """
    node = here()
    timer = Timer(node.scheduler.timers, None, (_function(function, "apply_after"), args), _launch)
    _start(node, timer, delay, False, "apply_after")
    return timer


def apply_interval(interval: float | timedelta, function: Callable[..., Any], *args: Any) -> Timer:
    """Run `function(*args)` in a new process every `interval` seconds, until it is cancelled (`timer:apply_interval/4`).

    Raises:
        TypeError: not a number of seconds, or no function.
        ValueError: not more than 0.
    """
    node = here()
    wanted = (_function(function, "apply_interval"), args)
    timer = Interval(node.scheduler.timers, None, wanted, _launch, _interval(interval, "apply_interval"))
    _start(node, timer, interval, False, "apply_interval")
    return timer


def cancel_timer(timer: Any, *, asynchronous: bool = False, info: bool = True) -> float | None:
    """Cancel a timer; the seconds that were left, or None if it had fired or was cancelled (`erlang:cancel_timer/2`).

    Args:
        timer: what made it gave.
        asynchronous: give nothing now, but send `("cancel_timer", timer, seconds)` to the caller.
        info: False: tell nothing at all.

    Raises:
        TypeError: this is no timer.
    """
    left = read_timer(timer)
    if isinstance(timer, Timer) and timer.due != 0.0:
        timer.timers.cancel(timer)
        if timer.owner is not None:
            rare(timer.owner).timers.pop(timer, None)
    if asynchronous and info:
        send(running().pid, ("cancel_timer", timer, left))
    return left if info and not asynchronous else None


def read_timer(timer: Any) -> float | None:
    """The seconds until a timer fires, or None if it has fired or was cancelled (`erlang:read_timer/1`).

    Raises:
        TypeError: this is no timer.
    """
    if isinstance(timer, Ref):
        return None
    if not isinstance(timer, Timer):
        raise TypeError(f"wanted the timer that send_after() gave, got {exits.safe_repr(timer)}")
    if timer.due == 0.0:
        return None
    return max(0.0, timer.due - timer.timers.clock.now())


def monotonic() -> float:
    """The time of this node's clock in seconds (`erlang:monotonic_time/0`)."""
    return here().clock.now()


def _start(node: Node, timer: Timer, delay: float | timedelta, absolute: bool, what: str) -> None:
    wait = 0.0 if absolute else _delay(delay, what)
    address = timer.address
    if type(address) is Pid:
        owner = address.process
        if owner is None:
            return  # nobody will ever be there: it has ended before it began
        if owner.node is node:
            rare(owner).timers[timer] = None
            timer.owner = owner
    elif address is not None and not names.is_name(address):
        names.find(node, address)
    if absolute:
        node.scheduler.timers.start_at(timer, _time(delay, what))
    else:
        node.scheduler.timers.start(timer, wait)


def _time(time: object, what: str) -> float:
    if isinstance(time, timedelta):
        return time.total_seconds()
    if isinstance(time, bool) or not isinstance(time, int | float) or isnan(time):
        raise TypeError(f"{what}: wanted a time as monotonic() tells it, got {time!r}")
    return float(time)


def _delay(delay: object, what: str) -> float:
    found = seconds(delay, what)
    if found is None:
        raise TypeError(f"{what}: wanted seconds or a timedelta, got {delay!r}")
    return found


def _interval(interval: object, what: str) -> float:
    found = _delay(interval, what)
    if found == 0.0:
        raise ValueError(f"{what}: wanted an interval of more than 0 seconds, got {interval!r}")
    return found


def _function(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    if not callable(function):
        raise TypeError(f"{what}: wanted a function to run, got {exits.safe_repr(function)}")
    return function


def _deliver(timer: Timer) -> None:
    owner: Process | None = timer.owner
    if owner is not None and timer.due == 0.0:
        rare(owner).timers.pop(timer, None)
    try:
        send(timer.address, timer.message)
    except ValueError:  # nobody has the name now: dropped, as everything that is sent to nobody
        return


def _launch(timer: Timer) -> None:
    function, args = timer.message
    here().launch(function, args, None)
