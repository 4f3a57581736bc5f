"""A handler that keeps what it is called with."""

from __future__ import annotations

from typing import Any


class Seen(list[tuple[str, dict[str, Any], dict[str, Any]]]):
    """The events that were emitted, in order; call it as a handler."""

    def __call__(self, event: str, measurements: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Keep an event."""
        self.append((event, measurements, metadata))

    def events(self) -> list[str]:
        """Return the names of the events."""
        return [event for event, _, _ in self]
