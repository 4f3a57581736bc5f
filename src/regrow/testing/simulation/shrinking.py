"""Shrink a schedule that fails to the simplest one that still fails.

First long stretches of it are put in order or left out, then shorter ones, then single decisions. The rest may still
hold decisions that only compensate for others. So all schedules with one decision out of order are tried; then, with the
first decision that is needed, all schedules with one more; and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from regrow.testing.simulation.choices import trimmed


@dataclass(frozen=True)
class Tried:
    """The result of a schedule that was tried.

    Attributes:
        failed: whether it failed in the way that is looked for.
        made: its decisions, as they were made.
        options: the number of options that each decision had.
    """

    failed: bool
    made: tuple[int, ...]
    options: Sequence[int]


Run = Callable[[tuple[int, ...]], Tried | None]


def shrink(made: tuple[int, ...], run: Run) -> tuple[int, ...]:
    """Return the simplest schedule that can be found that fails as `made` does.

    Args:
        made: a schedule that fails.
        run: runs a schedule; returns None when no more runs are allowed.
    """
    search = Search(made, run)
    search.better(())
    while search.stretches() or search.smaller():
        pass
    search.from_the_front()
    return search.best


class Search:
    """A search, with the simplest failing schedule so far."""

    def __init__(self, made: tuple[int, ...], run: Run) -> None:
        self.best: tuple[int, ...] = made
        self.run = run
        self.known: set[tuple[int, ...]] = {made}

    def better(self, tried: Sequence[int]) -> bool:
        """Try a schedule; keep it if it fails, too, and is simpler. Return whether it was kept."""
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
        """Put stretches in order, or leave them out; return whether a simpler schedule was found."""
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
        """Replace options above 1 by option 1; return whether a simpler schedule was found."""
        progress = False
        for place, choice in enumerate(self.best):
            if choice > 1 and place < len(self.best):
                progress |= self.better((*self.best[:place], 1, *self.best[place + 1 :]))
        return progress

    def from_the_front(self) -> None:
        """Try one decision out of order; then, after the first decision that is needed, one more; and so on."""
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
    """Return the places of the decisions out of order."""
    return [place for place, choice in enumerate(made) if choice]


def weight(made: Sequence[int]) -> tuple[int, int, int]:
    """Return the distance of a schedule from the ordinary order; a smaller one is simpler."""
    return len(changed(made)), len(made), sum(made)
