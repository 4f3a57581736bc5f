"""References: `Ref`, which equals no other."""

from __future__ import annotations

from typing import Final


class Counter:
    """A number that grows. Of an object and not of a class: Python forgets all it knows of a class that is written to."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: int = 0


REFS: Final = Counter()  # made so far


class Ref:
    """A unique reference, printed as `#Ref<0.7>`. Two refs are equal only when they are the same one."""

    __slots__ = ("number",)

    number: int

    def __init__(self) -> None:
        self.number = REFS.last = REFS.last + 1

    def __repr__(self) -> str:
        return f"#Ref<0.{self.number}>"

    def __lt__(self, other: Ref) -> bool:
        return self.number < other.number

    def __le__(self, other: Ref) -> bool:
        return self.number <= other.number

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, memo: object) -> Ref:
        return self


type.__setattr__(Ref, "__hash__", object.__hash__)  # mypyc gives a class with `__lt__` none
