"""Processes that acknowledge their start, and whose abnormal end is reported (OTP's `proc_lib`).

    starter                                process
    -------                                -------
    await start_link(function, *args)
      spawns it, linked        ----->      runs function(*args)
      waits                                ...
      gets value               <-----      init_ack(value)
      or StartError(reason)    <-----      init_fail(reason), or its end before either call

The abnormal end of a process that this module spawned is reported, whether it raised or exited. The report has its
initial call, its ancestors, its messages, and the linked processes that end with it. Servers are started in this way, too.

    >>> async def counter(step):
    ...     number = 0
    ...     init_ack(process.current())
    ...     while True:
    ...         caller = await process.receive()
    ...         number += step
    ...         process.send(caller, number)
    >>> async def main():
    ...     pid = await start_link(counter, 10)
    ...     process.send(pid, process.current())
    ...     return await process.receive()
    >>> from regrow import process, run
    >>> run(main)
    10
"""

from regrow.behaviours.gen.proc_lib import (
    get_label,
    init_ack,
    init_fail,
    initial_call,
    spawn,
    spawn_link,
    spawn_monitor,
    spawn_opt,
    start,
    start_link,
    start_monitor,
    stop,
    translate_initial_call,
)
from regrow.behaviours.gen.start_errors import AlreadyStarted, Ignored, StartError
from regrow.behaviours.gen.starting import IGNORE
from regrow.kernel.dictionary import set_label
from regrow.kernel.spawning import hibernate

__all__ = [
    "spawn",
    "spawn_link",
    "spawn_monitor",
    "spawn_opt",
    "hibernate",
    "set_label",
    "get_label",
    "start",
    "start_link",
    "start_monitor",
    "stop",
    "IGNORE",
    "StartError",
    "init_ack",
    "init_fail",
    "initial_call",
    "translate_initial_call",
    "AlreadyStarted",
    "Ignored",
]
