"""Processes that tell their starter that they are up, and everybody why they fell over (OTP's `proc_lib`).

    starter                                process
    -------                                -------
    await start_link(function, *args)
      spawns it, linked        ----->      runs function(*args)
      waits                                ...
      gets value               <-----      init_ack(value)
      or StartError(reason)    <-----      init_fail(reason), or its end before any of the two

A process that is spawned here has a report when it ends abnormally, whether it raised or exited: its initial call, its
ancestors, its mail, and the neighbours that it takes along. Servers are started in this way, too.

    >>> async def counter(step):
    ...     number = 0
    ...     init_ack(process.current())
    ...     while True:
    ...         asker = await process.receive()
    ...         number += step
    ...         process.send(asker, number)
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
