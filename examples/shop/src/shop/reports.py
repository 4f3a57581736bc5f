"""The nightly report: a cron job puts a mail about the day's orders into the queue."""

import logging
from datetime import timedelta

from regrow.cron import CronJob, Tick, cron, enqueue, every

from shop import orders, settings
from shop.mails import Mail, SendMail

LOG = logging.getLogger(__name__)
OWNER = "owner@shop.example"


def report(tick: Tick) -> Mail:
    """Return the mail of a tick.

    It is called inside the transaction that decides the tick: there is one mail for each night,
    also if several shops run on one file.
    """
    day = (tick.scheduled_for - timedelta(days=1)).date()
    count, cents = orders.total(settings.load().database, day.isoformat())
    return Mail(
        message_id=f"report-{day}",
        to=OWNER,
        subject=f"The shop on {day}",
        text=f"{count} orders, {cents / 100:.2f} EUR.",
    )


nightly = CronJob(enqueue(SendMail, report), cron("30 2 * * *", tz="Europe/Berlin"), name="report")


@every(timedelta(minutes=10))
def count() -> None:
    """Log how much was ordered; a `def` runs in a thread."""
    number, cents = orders.total(settings.load().database)
    LOG.info("%d orders so far, %.2f EUR", number, cents / 100)
