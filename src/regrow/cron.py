"""A cron server inside the application: schedules, a ledger of every tick, and one run a tick in all processes.

    your program                     the cron server                    the store
    ------------                     ---------------                    ---------
    Cron.child_spec(jobs)   ----->   sleeps until a tick is due
                                     decides, and claims       ----->   one transaction: a row for each tick
    the job's code          <-----   starts a process for it
      returns, or raises    ----->   writes what became of it  ----->   the row says why, and how it ended

A schedule is a value and a policy an argument of the job, so `next_fires` and `explain` need no server. A tick runs once,
also if several processes use one store. What a tick did, or why it did not run, stands in its row.

    >>> @every(3600)
    ... async def clean():
    ...     print("cleaned for", current().job)
    >>> async def main():
    ...     server = await Cron.start_link(collect(clean))
    ...     await Cron.trigger(server, "clean")
    ...     while (await Cron.history(server))[0].outcome == "running":
    ...         await regrow.process.sleep(0.01)
    ...     return [(tick.reason, tick.outcome) for tick in await Cron.history(server)]
    >>> import regrow
    >>> regrow.run(main)
    cleaned for clean
    [('triggered', 'succeeded')]
"""

from regrow.servers.cron.cron import Cron
from regrow.servers.cron.decorators import collect, scheduled
from regrow.servers.cron.enqueue import Enqueue, enqueue
from regrow.servers.cron.errors import DuplicateJob, NotInRun, UnknownJob
from regrow.servers.cron.job import CronJob, Policies
from regrow.servers.cron.job_info import JobInfo
from regrow.servers.cron.policies.catch_up import CatchUp
from regrow.servers.cron.policies.overlap import Overlap
from regrow.servers.cron.rows import Outcome, Reason
from regrow.servers.cron.tick import Tick, current
from regrow.servers.cron.when.errors import BadExpression, UnknownZone
from regrow.servers.cron.when.explain import Explanation, Fire, explain, next_fires
from regrow.servers.cron.when.moments import EPOCH
from regrow.servers.cron.when.schedules import At, Crontab, Every, Reboot, Schedule, at, cron, every, reboot
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.signals import Discard, Retry

__all__ = [
    "Cron",
    "CronJob",
    "every",
    "cron",
    "at",
    "reboot",
    "scheduled",
    "collect",
    "enqueue",
    "current",
    "next_fires",
    "explain",
    "Tick",
    "JobInfo",
    "Explanation",
    "Fire",
    "Schedule",
    "Every",
    "Crontab",
    "At",
    "Reboot",
    "Policies",
    "CatchUp",
    "Overlap",
    "Reason",
    "Outcome",
    "Backoff",
    "Retry",
    "Discard",
    "Enqueue",
    "EPOCH",
    "BadExpression",
    "UnknownZone",
    "DuplicateJob",
    "UnknownJob",
    "NotInRun",
]
