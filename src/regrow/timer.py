"""OTP's module `timer`: its functions under its names and in its order, the time first, and how long something takes.

    timer.send_interval(timer.minutes(1), "tick")     seconds, value = timer.tc(parse, text)
    lease = timer.exit_after(30.0, worker, "late")    seconds, page = await timer.tc(fetch, url)
    timer.cancel(lease)

The timers are those of `process`, which names the address first; what a delay of 0 asks for is done at once here. They
need no process to keep them: there is nothing to start, and nothing that could end under them.
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
