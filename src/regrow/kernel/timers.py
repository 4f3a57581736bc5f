"""Timers: messages, function calls and exit signals after a delay or at an interval, and their cancellation.

`deadlines.py` keeps the timers of a node; the functions of OTP's module `timer` are in `timer_functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, copy_context
from datetime import timedelta
from typing import Any, Final, overload

from regrow.kernel import bounded_repr, exits, links, names, requests
from regrow.kernel.addresses import Address
from regrow.kernel.alarms import Alarm, Interval, Repeated, Timer
from regrow.kernel.current_node import CURRENT, current_node
from regrow.kernel.process_record import Host, Pid, Process, extras
from regrow.kernel.refs import Ref
from regrow.kernel.requests import CallRequest
from regrow.kernel.running import exit_if_killed, running
from regrow.kernel.sending import send
from regrow.kernel.signals import ExitSignal
from regrow.kernel.yields import Token

LONGEST: Final = float(2**63 // 10**9)  # seconds; OTP's clock counts nanoseconds in 64 bits
SHORTEST_INTERVAL: Final = 0.001
NOT_GIVEN: Final = Token("NOT_GIVEN")


class Message(Timer):
    """A message to a process of this node. Most timers are of this class, so it has as few slots as possible."""

    __slots__ = ()

    def fire(self) -> None:
        """Send the message to its process."""
        forget_if_fired(self)
        send(self.address, self.message)


def send_after(address: Address, message: object, delay: float | timedelta, *, abs: bool = False) -> Timer:
    """Send `message` in `delay` seconds (`erlang:send_after/4`). A name is looked up when the timer fires.

    Args:
        address: a pid or a name. The timer of a pid ends with its process.
        message: what to send.
        delay: seconds from now; with `abs`, a time of `monotonic()`. A time in the past means at once.
        abs: `delay` is a time.

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: negative, or more than 292 years.
    """
    node = CURRENT.node or current_node()
    timers = node.scheduler.timers
    if type(address) is Pid and (type(delay) is float or type(delay) is int) and 0.0 <= delay <= LONGEST and not abs:
        owner = address.process
        if owner is not None and owner.node is node:
            timer = Message(owner, message)
            (owner.rare or extras(owner)).timers.add(timer)
            timers.start(timer, delay)
            return timer
    alarm = Alarm(timers, address, message, deliver)
    _start(node, alarm, delay, abs, "send_after")
    return alarm


def start_timer(address: Address, message: object, delay: float | timedelta, *, abs: bool = False) -> Timer:
    """Send `("timeout", timer, message)` in `delay` seconds (`erlang:start_timer/4`).

    The timer in the message tells the timeout of this timer from that of an older one, which may be in the mailbox
    already. The arguments are those of `send_after`.

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: negative, or more than 292 years.
    """
    node = current_node()
    timer = Alarm(node.scheduler.timers, address, message, _deliver_timeout)
    _start(node, timer, delay, abs, "start_timer")
    return timer


def send_interval(address: Address, message: object, interval: float | timedelta) -> Timer:
    """Send `message` every `interval` seconds, without drift, until it is cancelled (`timer:send_interval/3`).

    It ends with the process that is at the address when it starts; if there is no process, it does not start.

    Args:
        address: a pid or a name; a name is looked up again for each message.
        message: what to send.
        interval: seconds; the first message comes after the first of them. At least a millisecond.

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: less than a millisecond, or more than 292 years.
    """
    node = current_node()
    every = as_interval(interval, "send_interval")
    timer = Interval(node.scheduler.timers, address, message, deliver, every)
    pid = names.find(node, address)
    if pid is not None and bind_to_owner(timer, pid, node):
        node.scheduler.timers.start(timer, every)
    return timer


def apply_after(delay: float | timedelta, function: Callable[..., Any], *args: Any) -> Timer:
    """Run `function(*args)`, `def` or `async def`, in a new process in `delay` seconds (`timer:apply_after/3`).

    With a delay of 0 the process is started before the function returns, and the timer has fired.

    Raises:
        TypeError: not a number of seconds, or no function.
        ValueError: negative, or more than 292 years.
    """
    node = current_node()
    timer = Alarm(node.scheduler.timers, None, Call(function, args, "apply_after"), _launch)
    _begin(timer, as_delay(delay, "apply_after"))
    return timer


def apply_interval(interval: float | timedelta, function: Callable[..., Any], *args: Any) -> Timer:
    """Run `function(*args)` in a new process every `interval` seconds (`timer:apply_interval/3`).

    A run does not wait for the end of another. The runs continue until the timer is cancelled or this process ends.

    Raises:
        TypeError: not a number of seconds, or no function.
        ValueError: less than a millisecond, or more than 292 years.
    """
    node = current_node()
    every = as_interval(interval, "apply_interval")
    timer = Interval(node.scheduler.timers, None, Call(function, args, "apply_interval"), _launch, every)
    if _belongs_to_caller(timer, node):
        node.scheduler.timers.start(timer, every)
    return timer


def apply_repeatedly(interval: float | timedelta, function: Callable[..., Any], *args: Any) -> Timer:
    """Run `function(*args)` every `interval` seconds, never twice at the same time (`timer:apply_repeatedly/3`).

    Each run is a new process. After a run that took longer than `interval`, those that fell due meanwhile follow at
    once, one by one.

    Raises:
        TypeError: not a number of seconds, or no function.
        ValueError: less than a millisecond, or more than 292 years.
    """
    node = current_node()
    every = as_interval(interval, "apply_repeatedly")
    timer = Repeated(node.scheduler.timers, None, Call(function, args, "apply_repeatedly"), _repeat, every)
    if _belongs_to_caller(timer, node):
        node.scheduler.timers.start(timer, every)
    return timer


@overload
def exit_after(delay: float | timedelta, reason: object, /) -> Timer: ...
@overload
def exit_after(delay: float | timedelta, target: Address, reason: object) -> Timer: ...
def exit_after(delay: float | timedelta, target: Any = NOT_GIVEN, reason: Any = NOT_GIVEN) -> Timer:
    """Send an exit signal in `delay` seconds (`timer:exit_after/3`), or at once if that is 0.

    Args:
        delay: seconds from now.
        target: a pid or a name, which is looked up when the timer fires; without it, the signal is for this process.
        reason: the reason of the exit. The timer is the source, so a process that sends itself "normal" ignores it.

    Raises:
        TypeError: not a number of seconds, no address, or no reason.
        ValueError: negative, or more than 292 years.
    """
    if reason is NOT_GIVEN:
        target, reason = NOT_GIVEN, target
    if reason is NOT_GIVEN:
        raise TypeError("exit_after: wanted (delay, reason) or (delay, target, reason), got no reason")
    return _exit_after(delay, running().pid if target is NOT_GIVEN else target, reason, "exit_after")


@overload
def kill_after(delay: float | timedelta) -> Timer: ...
@overload
def kill_after(delay: float | timedelta, target: Address) -> Timer: ...
def kill_after(delay: float | timedelta, target: Any = NOT_GIVEN) -> Timer:
    """Send the exit signal "kill" in `delay` seconds, to this process if no other is named (`timer:kill_after/2`).

    Raises:
        TypeError: not a number of seconds, or no address.
        ValueError: negative, or more than 292 years.
    """
    return _exit_after(delay, running().pid if target is NOT_GIVEN else target, "kill", "kill_after")


def cancel_timer(timer: Any, *, async_: bool = False, info: bool = True) -> float | None:
    """Cancel a timer; return the seconds left, or None if it had fired or was cancelled (`erlang:cancel_timer/2`).

    Any process may cancel it; a message that the timer has sent already stays in its mailbox.

    Args:
        timer: a timer, as returned by the function that made it.
        async_: return None, and send `("cancel_timer", timer, seconds)` to the caller.
        info: False: return None, and send nothing.

    Raises:
        TypeError: this is no timer.
        RuntimeError: `async_` in a plain asyncio task.
    """
    if type(timer) is Message and info and not async_:
        owner = timer.owner
        if timer.due == 0.0 or owner is None or owner.rare is None:
            return None
        timers = owner.node.scheduler.timers
        seconds = timer.due - timers.now()
        timers.cancel(timer)
        owner.rare.timers.remove(timer)
        return seconds if seconds > 0.0 else 0.0  # noqa: FURB136 - `max` would cost as much as the rest
    caller = running().pid if async_ and info else None
    left = read_timer(timer)
    if isinstance(timer, Timer):
        timer.stop()
        unbind(timer)
    if caller is not None:
        send(caller, ("cancel_timer", timer, left))
    return left if info and not async_ else None


def read_timer(timer: Any, *, async_: bool = False) -> float | None:
    """Return the seconds until a timer fires, or None if it has fired or was cancelled (`erlang:read_timer/2`).

    Args:
        timer: a timer, as returned by the function that made it.
        async_: return None, and send `("read_timer", timer, seconds)` to the caller.

    Raises:
        TypeError: this is no timer.
        RuntimeError: `async_` in a plain asyncio task.
    """
    if isinstance(timer, Timer):
        left = timer.left()
    elif isinstance(timer, Ref):
        left = None
    else:
        raise TypeError(f"wanted the timer that send_after() returned, got {bounded_repr.safe_repr(timer)}")
    if not async_:
        return left
    send(running().pid, ("read_timer", timer, left))
    return None


def monotonic() -> float:
    """Return the time of this node's clock in seconds (`erlang:monotonic_time/0`)."""
    return current_node().clock.now()


def system_time() -> float:
    """Return the Unix time of this node's clock: the seconds since 1970-01-01T00:00:00Z (`erlang:system_time/0`).

    The wall clock can be set, forward and back, so measure durations with `monotonic()`. In virtual time it starts at
    2024-01-01T00:00:00Z and moves with the virtual clock; see `VirtualClock.set_wall` and `step_wall`.

    Raises:
        NoNode: there is no node in this thread.
    """
    return current_node().clock.wall()


# For timers of every kind


def as_delay(value: object, what: str) -> float:
    """Return `value` as seconds from now. `what` is the function whose argument this is.

    Raises:
        TypeError: neither a number nor a timedelta.
        ValueError: negative, not a number or out of range.
    """
    delay = _as_time(value, what)
    if delay < 0.0:
        raise ValueError(f"{what}: wanted seconds ≥ 0, got {value!r}")
    return delay


def as_interval(value: object, what: str) -> float:
    """Return `value` as the seconds of an interval. A shorter one than a millisecond would let nothing else run.

    Raises:
        TypeError: neither a number nor a timedelta.
        ValueError: too short, not a number or out of range.
    """
    interval = _as_time(value, what)
    if interval < SHORTEST_INTERVAL:
        raise ValueError(f"{what}: wanted an interval of {SHORTEST_INTERVAL} s or more, got {value!r}")
    return interval


def bind_to_owner(timer: Timer, pid: Pid, node: Host) -> bool:
    """Let a timer end with a process of this node; return false if the process has ended already.

    A timer for a process of another node has no owner: that node drops a message to a dead process.
    """
    if pid.node is not node:
        return True
    owner: Process | None = pid.process
    if owner is None:
        return False
    if owner.rare is None:
        extras(owner).timers.add(timer)
    else:
        owner.rare.timers.add(timer)
    timer.owner = owner
    return True


def unbind(timer: Timer) -> None:
    """Remove a cancelled timer from its owner's timers."""
    owner = timer.owner
    if owner is not None and owner.rare is not None:
        owner.rare.timers.discard(timer)


def forget_if_fired(timer: Timer) -> None:
    """Remove a timer that has fired, and does not start again, from its owner's timers."""
    if timer.due == 0.0 and timer.owner is not None:
        extras(timer.owner).timers.discard(timer)


def deliver(timer: Alarm) -> None:
    """Send a timer's message to its address."""
    forget_if_fired(timer)
    _send(timer, timer.message)


def _deliver_timeout(timer: Alarm) -> None:
    forget_if_fired(timer)
    _send(timer, ("timeout", timer, timer.message))


def _send(timer: Timer, message: object) -> None:
    try:
        send(timer.address, message)
    except ValueError:  # no process has the name now: the message is dropped, as in OTP
        return


def _start(node: Host, timer: Timer, delay: float | timedelta, absolute: bool, what: str) -> None:
    time = _as_time(delay, what) if absolute else as_delay(delay, what)
    address = timer.address
    if type(address) is Pid:
        if not bind_to_owner(timer, address, node):
            return  # the process has ended, and its pid is not used again: the timer never starts
    elif not names.is_name(address):
        names.find(node, address)  # raises for what is no address
    timers = node.scheduler.timers
    if absolute:
        timers.start_at(timer, max(time, node.clock.now()))
    else:
        timers.start(timer, time)


def _as_time(value: object, what: str) -> float:
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError(f"{what}: wanted seconds (a number) or a timedelta, got {bounded_repr.safe_repr(value)}")
    if not -LONGEST <= number <= LONGEST:
        raise ValueError(f"{what}: wanted at most {LONGEST:.0f} s (292 years), got {bounded_repr.safe_repr(value)}")
    return float(number)


# Functions that run, and exit signals


class Call:
    """A function to run in a new process, which gets a copy of the caller's context."""

    __slots__ = ("args", "context", "function")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], what: str) -> None:
        if not callable(function):
            raise TypeError(f"{what}: wanted a function to run, got {bounded_repr.safe_repr(function)}")
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.context: Context = copy_context()

    def __repr__(self) -> str:
        return f"{bounded_repr.safe_repr(self.function)}{bounded_repr.safe_repr(self.args)}"

    def launch(self) -> Process:
        """Start the process, and return it."""
        launched: Process = self.context.run(current_node().launch, self.function, self.args, None)
        return launched


class Run(CallRequest):
    """A wait for the end of one run of a repeated timer. To the kernel it is a request of the node's guest."""

    __slots__ = ("timer",)

    def __init__(self, guest: Pid, timer: Repeated) -> None:
        super().__init__(guest, None)
        self.timer: Repeated = timer
        self.waiter = self

    def done(self) -> bool:
        """Return False: the timer always waits."""
        return False

    def set_result(self, _: None) -> None:
        """Start the timer again, since the run has ended."""
        self.timer.over()


def _launch(timer: Timer) -> None:
    forget_if_fired(timer)
    call: Call = timer.message
    call.launch()


def _repeat(timer: Timer) -> None:
    assert isinstance(timer, Repeated)
    call: Call = timer.message
    process = call.launch()
    requests.watch_for(Run(process.node.guest, timer), process, None)


def _belongs_to_caller(timer: Timer, node: Host) -> bool:
    """Let an interval end with the process that makes it; one that a plain task makes ends with the node."""
    caller = node.caller()
    return caller is None or bind_to_owner(timer, caller.pid, node)


def _exit_after(delay: float | timedelta, target: Any, reason: object, what: str) -> Timer:
    node = current_node()
    if target is None:
        raise TypeError(f"{what}: wanted a pid or a name, got None")
    names.find(node, target)  # raises for what is no address
    timer = Alarm(node.scheduler.timers, target, exits.apart(reason), _exit)
    wait = as_delay(delay, what)
    if type(target) is not Pid or bind_to_owner(timer, target, node):
        _begin(timer, wait)
    exit_if_killed(node.caller())
    return timer


def _exit(timer: Alarm) -> None:
    forget_if_fired(timer)
    node = current_node()
    try:
        pid = names.find(node, timer.address)
    except ValueError:  # its registry has ended
        return
    if pid is None:
        return
    target: Process | None = pid.process
    if pid.node is not node:
        pid.node.deliver(ExitSignal(node.guest, pid, timer.message))
    elif target is not None:
        links.exit_signal(target, node.guest, timer.message, False)


def _begin(timer: Alarm, delay: float) -> None:
    """Start a timer. As in OTP's module `timer`, one with a delay of 0 fires before the function returns."""
    if delay == 0.0:
        timer.fire()
    else:
        timer.timers.start(timer, delay)
