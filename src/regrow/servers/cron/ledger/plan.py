"""Jobs of the code, as operations of the ledger need them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from regrow.servers.cron.policies.jitter import due
from regrow.servers.cron.when.schedules import Reboot, Schedule, next_after, text_of, zone_of_schedule

if TYPE_CHECKING:
    from regrow.servers.cron.job import CronJob


class Plan:
    """A job of the code, as the ledger sees it.

    Args:
        job: the job.
        zone: the zone of its expressions without one.
        ledger: the ledger's name, for the jitter.
        seed: that of the jitter.

    Attributes:
        revision: of its schedule in the ledger, as this process registered it.
        anchor: where the ticks of an interval begin, as the ledger has it.
        at_boot: whether it runs when the program starts, and never by the clock.
        enqueues: what it puts into the durable queue in the ledger's transaction; None if it runs code, or if the queue
            is in another store: then a run puts.
        shown_zone: the zone in which its ticks are shown.
    """

    __slots__ = (
        "anchor",
        "at_boot",
        "enqueues",
        "job",
        "ledger",
        "name",
        "revision",
        "schedule",
        "seed",
        "shown_zone",
        "text",
        "zone",
    )

    def __init__(self, job: CronJob, zone: ZoneInfo, ledger: str, seed: str) -> None:
        self.job: CronJob = job
        self.name: str = job.name
        self.schedule: Schedule = job.schedule
        self.zone: ZoneInfo = zone
        self.shown_zone: Any = zone_of_schedule(job.schedule, zone)
        self.ledger: str = ledger
        self.seed: str = seed
        self.text: str = text_of(job.schedule, zone)
        self.at_boot: bool = self.text == "reboot" or isinstance(job.schedule, Reboot)
        self.enqueues: Any = job.enqueues
        self.revision: int = 1
        self.anchor: int = 0

    def next(self, after: int) -> int | None:
        """Return the first tick after a moment."""
        return next_after(self.schedule, after, anchor=self.anchor, zone=self.zone)

    def due(self, tick: int) -> int:
        """Return the moment at which a tick is due: the tick with its jitter."""
        most = self.job.jitter_us
        if not most:
            return tick
        return due(tick, most, self.next(tick), seed=self.seed, ledger=self.ledger, job=self.name)
