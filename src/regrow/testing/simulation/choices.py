"""A schedule as a list of numbers: at each decision, the number of the option that was chosen.

0 is the option that is taken without a simulation; after the end of the list every decision is 0. So the ordinary run is
the empty list, only numbers other than 0 change the order, and a shorter list, or one with more 0s, is a simpler
schedule. A list is written as `17:1,22:3`: decision 17 took option 1, decision 22 option 3.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

CHANCES = (0.03, 0.1, 0.3)  # of a decision out of order, in a run that mostly keeps the order


class Choices:
    """The decisions of one run: first the given ones, then those of a seed.

    Args:
        given: the first decisions. A number that is too high means the last option.
        seed: the source of the other decisions; None for the ordinary order. The seed also selects the kind of schedule:
            a random order, an order with few things out of place, or one in which some processes run before others.
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
        """Choose one of `options` options; 0 is the ordinary one.

        Args:
            options: the number of options.
            chance: the chance of an option other than 0; None for the run's.
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
        return self._record(made, options)

    def choose_process(self, numbers: list[int], others: int) -> int:
        """Choose among the processes with these numbers and `others` further options, by rank if the seed says so."""
        options = len(numbers) + others
        if options < 2 or not self.by_rank or self.random is None or len(self.made) < len(self.given):
            return self.choose(options)
        ranked = [*numbers, *range(-others, 0)]  # the further options have ranks, too
        for number in ranked:
            if number not in self.ranks:
                self.ranks[number] = self.random.random()
        highest = max(ranked, key=self.ranks.__getitem__)
        if self.random.random() < CHANCES[0]:  # the highest becomes the lowest
            self.ranks[highest] = -self.random.random()
            highest = max(ranked, key=self.ranks.__getitem__)
        return self._record(ranked.index(highest), options)

    def _record(self, made: int, options: int) -> int:
        self.made.append(made)
        self.options.append(options)
        return made


def trimmed(made: Sequence[int]) -> tuple[int, ...]:
    """Return a list without the 0s at its end, which change nothing."""
    end = len(made)
    while end and made[end - 1] == 0:
        end -= 1
    return tuple(made[:end])


def written(made: Sequence[int]) -> str:
    """Return a list as it is printed, and as `--schedule` takes it; `0:0` for the ordinary order."""
    return ",".join(f"{place}:{choice}" for place, choice in enumerate(made) if choice) or "0:0"


def read(text: str) -> tuple[int, ...]:
    """Parse a list that `written` has written.

    Raises:
        ValueError: the text is not such a list.
    """
    try:
        pairs = {int(place): int(choice) for place, _, choice in (part.partition(":") for part in text.split(","))}
    except ValueError:
        raise ValueError(f"a schedule looks like 17:1,22:3, as a failure prints it; got {text!r}") from None
    if min(*pairs, *pairs.values(), 0) < 0:
        raise ValueError(f"a schedule has no negative numbers; got {text!r}")
    return trimmed([pairs.get(place, 0) for place in range(max(pairs) + 1)])
