"""A schedule as a list of numbers: which of the things that might have happened next was chosen, decision by decision.

0 is what happens without a simulation; a list that has come to its end goes on with 0. So the ordinary run is the empty
list, what a list changes is its numbers other than 0, and a shorter list, or one with more 0 in it, is a simpler
schedule. The lists are written as `17:1,22:3`: the 17th decision took the first thing out of order, the 22nd the third.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

CHANCES = (0.03, 0.1, 0.3)  # of a decision out of order, in a run that mostly keeps to the order


class Choices:
    """The decisions of one run: those that were given, and then those of a seed.

    Args:
        given: the first decisions. One that is too high takes the last of what there is.
        seed: where the rest comes from; None for the ordinary order. The seed also says what kind of schedule it
            is: any order, an order with few things out of place, or one in which some processes go before others.
    """

    def __init__(self, given: Sequence[int] = (), seed: int | None = None) -> None:
        self.given = given
        self.made: list[int] = []
        self.options: list[int] = []
        self.random: random.Random | None = None if seed is None else random.Random(seed)
        self.chance: float = 0.0
        self.by_rank: bool = False
        self.ranks: dict[int, float] = {}
        if self.random is not None:
            self.by_rank = self.random.random() < 0.3
            self.chance = self.random.choice((*CHANCES, 1.0))

    def choose(self, options: int, chance: float | None = None) -> int:
        """One of `options` things that may happen now, 0 being the ordinary one.

        Args:
            options: so many.
            chance: of one out of order, where that is not the run's.
        """
        if options < 2:
            return 0
        position = len(self.made)
        if position < len(self.given):
            made = min(self.given[position], options - 1)
        elif self.random is None:
            made = 0
        elif self.random.random() < (self.chance if chance is None else chance):
            made = self.random.randrange(options) if chance is None else self.random.randrange(1, options)
        else:
            made = 0
        return self._noted(made, options)

    def choose_process(self, numbers: list[int], others: int) -> int:
        """The same, for the processes of these numbers and `others` things beside them."""
        options = len(numbers) + others
        if options < 2 or not self.by_rank or self.random is None or len(self.made) < len(self.given):
            return self.choose(options)
        ranked = [*numbers, *range(-others, 0)]  # what is no process has a rank, too
        for number in ranked:
            if number not in self.ranks:
                self.ranks[number] = self.random.random()
        highest = max(ranked, key=self.ranks.__getitem__)
        if self.random.random() < CHANCES[0]:  # its luck changes
            self.ranks[highest] = -self.random.random()
            highest = max(ranked, key=self.ranks.__getitem__)
        return self._noted(ranked.index(highest), options)

    def _noted(self, made: int, options: int) -> int:
        self.made.append(made)
        self.options.append(options)
        return made


def trimmed(made: Sequence[int]) -> tuple[int, ...]:
    """A list without the 0s at its end, which say nothing."""
    end = len(made)
    while end and made[end - 1] == 0:
        end -= 1
    return tuple(made[:end])


def written(made: Sequence[int]) -> str:
    """A list as it is printed, and as `--schedule` takes it; `0:0` for the ordinary order."""
    return ",".join(f"{place}:{choice}" for place, choice in enumerate(made) if choice) or "0:0"


def read(text: str) -> tuple[int, ...]:
    """What `written` wrote.

    Raises:
        ValueError: it was something else.
    """
    try:
        pairs = {int(place): int(choice) for place, _, choice in (part.partition(":") for part in text.split(","))}
    except ValueError:
        raise ValueError(f"a schedule looks like 17:1,22:3, as a failure prints it; got {text!r}") from None
    if min(*pairs, *pairs.values(), 0) < 0:
        raise ValueError(f"a schedule has no negative numbers; got {text!r}")
    return trimmed([pairs.get(place, 0) for place in range(max(pairs) + 1)])
