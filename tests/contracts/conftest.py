"""The fixture `opened`: each store of `STORES` in turn, open, empty, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.queue_store import STORES, Opened


@pytest.fixture(params=list(STORES))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """An open store, without jobs."""
    kind = STORES[request.param]
    found = Opened(kind.make(tmp_path), kind, tmp_path)
    yield found
    found.store.close()
