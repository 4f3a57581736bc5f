"""The errors of schedules; all are raised where the schedule is made."""

from __future__ import annotations


class BadExpression(ValueError):
    """A cron expression that cannot be used; the text says what is wrong, and what to write.

    Attributes:
        expression: as it was given.
        field: "second", "minute", "hour", "day of month", "month" or "day of week"; "" if no single field is wrong.
    """

    def __init__(self, expression: str, field: str, problem: str) -> None:
        super().__init__(f"{expression!r}: {problem}")
        self.expression: str = expression
        self.field: str = field
        self.problem: str = problem

    def __reduce__(self) -> tuple[type[BadExpression], tuple[str, str, str]]:
        return type(self), (self.expression, self.field, self.problem)


class UnknownZone(ValueError):
    """A time zone that this machine does not know."""
