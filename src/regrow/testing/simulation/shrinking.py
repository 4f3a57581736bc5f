"""From a schedule that fails to the simplest that still does.

First whole stretches of it are put in order or left out, then smaller ones, then single decisions. What is left may
still hold decisions that only make up for others: so all schedules with one decision out of order are tried, then, from
the first such decision that is needed, all with one more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from regrow.testing.simulation.choices import trimmed


@dataclass(frozen=True)
class Tried:
    """What came of a schedule that was tried.

    Attributes:
        failed: whether it failed in the way that is looked for.
        made: its decisions, as they turned out.
        options: how many things each could choose from.
    """

    failed: bool
    made: tuple[int, ...]
    options: Sequence[int]


Run = Callable[[tuple[int, ...]], Tried | None]


def shrink(made: tuple[int, ...], run: Run) -> tuple[int, ...]:
    """Make a schedule that fails simpler, as long as it does.

    Args:
        made: the schedule.
        run: runs one; None when there have been enough.
    """
    search = Search(made, run)
    search.better(())
    while search.stretches() or search.smaller():
        pass
    search.from_the_front()
    return search.best


class Search:
    """The simplest schedule so far."""

    def __init__(self, made: tuple[int, ...], run: Run) -> None:
        self.best: tuple[int, ...] = made
        self.run = run
        self.known: set[tuple[int, ...]] = {made}

    def better(self, tried: Sequence[int]) -> bool:
        """Whether this one fails, too, and is simpler."""
        candidate = trimmed(tried)
        if candidate in self.known:
            return False
        self.known.add(candidate)
        result = self.run(candidate)
        if result is None or not result.failed or weight(result.made) >= weight(self.best):
            return False
        self.best = result.made
        return True

    def stretches(self) -> bool:
        """Put stretches in order, or leave them out; whether that went anywhere."""
        progress = False
        size = max(1, len(self.best) // 2)
        while size:
            start = 0
            while start < len(self.best):
                before, stretch, after = self.best[:start], self.best[start : start + size], self.best[start + size :]
                if self.better((*before, *(0 for _ in stretch), *after)) or self.better((*before, *after)):
                    progress = True
                else:
                    start += size
            size //= 2
        return progress

    def smaller(self) -> bool:
        """Take the first thing out of order, where it need not be another; whether that went anywhere."""
        progress = False
        for place, choice in enumerate(self.best):
            if choice > 1 and place < len(self.best):
                progress |= self.better((*self.best[:place], 1, *self.best[place + 1 :]))
        return progress

    def from_the_front(self) -> None:
        """Try what one decision alone can do; then what one more can do behind the first that is needed, and so on."""
        kept: tuple[int, ...] = ()
        while len(changed(self.best)) - len(changed(kept)) > 1:
            ordinary = self.run(kept)
            if ordinary is None:
                return
            for place in range(len(kept), len(ordinary.options)):
                made = (*kept, *(0 for _ in range(place - len(kept))))
                if any(self.better((*made, choice)) for choice in range(1, ordinary.options[place])):
                    return
            following = next(place for place in changed(self.best) if place >= len(kept))
            kept = self.best[: following + 1]


def changed(made: Sequence[int]) -> list[int]:
    """The places of the decisions out of order."""
    return [place for place, choice in enumerate(made) if choice]


def weight(made: Sequence[int]) -> tuple[int, int, int]:
    """How far a schedule is from the ordinary order: the less, the simpler."""
    return len(changed(made)), len(made), sum(made)
