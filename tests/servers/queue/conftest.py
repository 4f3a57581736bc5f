"""Tests of stores and of payloads need no kernel: they are skipped where they have run before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.once import mark

FILES = ("test_sqlite_", "test_postgres_", "test_payload", "test_outcome", "test_rate", "test_put_in")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    mark(items, Path(__file__).parent, *FILES)
