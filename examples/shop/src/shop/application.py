"""The supervision tree of shop."""

from typing import Any

from regrow import Application, Pid, Supervisor
from regrow.cron import Cron, collect
from regrow.queue import Broker, SQLite

from shop import orders, reports, settings
from shop.mails import SendMail


class Shop(Application):
    """The application that `regrow run` starts."""

    async def start(self, start_type: str, args: Any) -> Pid:
        """Start the supervisor, which starts its children in this order."""
        database = settings.load().database
        orders.create_table(database)
        children: list[Any] = [
            # The table of orders is in the file, too: shared. At the end mails have 20 s.
            Broker.child_spec(SQLite(database, shared=True), workers=[SendMail], drain=20.0),
            # The nightly report: a tick and the job of its mail are one transaction.
            Cron.child_spec([*collect(reports), reports.nightly], name="shop.cron", store=Broker),
        ]
        return await Supervisor.start_link(
            children,
            strategy="one_for_one",
            name="shop.supervisor",
        )
