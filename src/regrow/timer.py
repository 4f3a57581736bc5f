"""Timers and measurements with the names and the parameter order of OTP's `timer`: the time is the first argument.

    timer.send_interval(timer.minutes(1), "tick")     seconds, value = timer.tc(parse, text)
    lease = timer.exit_after(30.0, worker, "late")    seconds, page = await timer.tc(fetch, url)
    timer.cancel(lease)

The timers are those of `regrow.process`, where the address is the first argument; here a delay of 0 acts at once. Times
are in seconds. Unlike OTP's, these timers need no server process: `start` has no effect.

    >>> minutes(1), hms(1, 30, 0)
    (60.0, 5400.0)
    >>> async def main():
    ...     send_after(0, "tick")
    ...     return await process.receive()
    >>> import regrow
    >>> regrow.run(main)
    'tick'
"""

from regrow.kernel.sending import sleep
from regrow.kernel.timer_functions import (
    cancel,
    hms,
    hours,
    minutes,
    now_diff,
    seconds,
    send_after,
    send_interval,
    start,
    tc,
)
from regrow.kernel.timers import apply_after, apply_interval, apply_repeatedly, exit_after, kill_after

__all__ = [
    "send_after",
    "sleep",
    "send_interval",
    "apply_after",
    "apply_interval",
    "apply_repeatedly",
    "exit_after",
    "kill_after",
    "cancel",
    "tc",
    "now_diff",
    "seconds",
    "minutes",
    "hours",
    "hms",
    "start",
]
