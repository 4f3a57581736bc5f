"""The errors of the cron server."""

from __future__ import annotations

from collections.abc import Iterable

from regrow.kernel.bounded_repr import safe_repr

MOST_NAMES = 20


class DuplicateJob(ValueError):
    """Two jobs of one name in one list."""


class UnknownJob(LookupError):
    """There is no job of this name; the text lists the names that there are.

    Attributes:
        job: the name.
        names: those that there are.
    """

    def __init__(self, job: object, names: Iterable[str]) -> None:
        self.job: object = job
        self.names: tuple[str, ...] = tuple(names)
        shown = ", ".join(self.names[:MOST_NAMES]) or "none yet"
        more = f" and {len(self.names) - MOST_NAMES} more" if len(self.names) > MOST_NAMES else ""
        super().__init__(f"there is no job {safe_repr(job)}. The jobs: {shown}{more}")

    def __reduce__(self) -> tuple[type[UnknownJob], tuple[object, tuple[str, ...]]]:
        return type(self), (self.job, self.names)


class NotInRun(RuntimeError):
    """The code does not run for a tick."""
