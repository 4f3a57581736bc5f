"""A test of telemetry begins and ends without handlers: they belong to the program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow import telemetry


@pytest.fixture(autouse=True)
def no_handlers_are_left() -> Iterator[None]:
    """Detach all handlers, before and after the test."""
    for one in telemetry.handlers():
        telemetry.detach(one.id)
    yield
    for one in telemetry.handlers():
        telemetry.detach(one.id)
