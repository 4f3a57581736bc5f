"""The fixture `book`: a ledger in each store of `STORES` in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.queue_store import STORES, Opened
from tests.servers.cron.ledger.book import Book


@pytest.fixture(params=list(STORES))
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """A ledger without jobs."""
    kind = STORES[request.param]
    opened = Opened(kind.make(tmp_path), kind, tmp_path)
    yield Book(opened)
    opened.store.close()
