"""Catch-up: what becomes of ticks that were due while no program ran, or while the clock was wrong.

    catch_up      the newest is    the newest is late,   older ones, within   outside of
                  on time          within the window     the window           the window
    --------      -------------    -------------------   ------------------   ----------
    "skip"        ran              missed                missed               missed
    "run_once"    ran              caught_up             coalesced            missed
    "run_all"     ran              caught_up             caught_up            missed

A tick is on time if it is at most a minute late: a scheduler sleeps for 30 s at most, and a loop may be busy.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from regrow.servers.cron.rows import Reason

CatchUp = Literal["skip", "run_once", "run_all"]

ON_TIME: Final = 60_000_000  # µs
MOST_CAUGHT_UP: Final = 10_000  # ticks of one job that one decision may catch up


class Reasons(NamedTuple):
    """A line of the table."""

    on_time: Reason
    late: Reason
    older: Reason
    outside: Reason


CATCH_UP: Final[dict[CatchUp, Reasons]] = {
    "skip": Reasons("ran", "missed", "missed", "missed"),
    "run_once": Reasons("ran", "caught_up", "coalesced", "missed"),
    "run_all": Reasons("ran", "caught_up", "caught_up", "missed"),
}
