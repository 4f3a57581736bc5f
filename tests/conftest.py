"""The event loop of the tests: REGROW_TEST_LOOP=asyncio (the default) or uvloop."""

import asyncio
import os

import pytest

LOOP = os.environ.get("REGROW_TEST_LOOP", "asyncio")


def pytest_configure() -> None:
    """Choose the loop that `asyncio.run` and `asyncio.new_event_loop` make, here and in each xdist worker."""
    if LOOP == "uvloop":
        import uvloop

        # Deprecated since Python 3.14, but there is no other way to choose the loop of called code.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # type: ignore[deprecated]
    elif LOOP != "asyncio":
        msg = f"REGROW_TEST_LOOP is asyncio or uvloop. Got: {LOOP!r}"
        raise pytest.UsageError(msg)


def pytest_report_header() -> str:
    """Print the loop beside pytest's versions and the seed of the order."""
    return f"event loop: {LOOP}"
