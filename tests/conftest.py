"""The event loop of the tests: REGROW_TEST_LOOP=asyncio (the default) or uvloop. And SIGINT, which some shells ignore."""

import asyncio
import os
import signal

import pytest

from tests.once import mark

LOOP = os.environ.get("REGROW_TEST_LOOP", "asyncio")


def pytest_configure() -> None:
    """Choose the loop that `asyncio.run` and `asyncio.new_event_loop` make, here and in each xdist worker."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # A shell without job control starts a background command so; programs that the tests start would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if LOOP == "uvloop":
        import uvloop

        # Deprecated since Python 3.14, but there is no other way to choose the loop of called code.
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # type: ignore[deprecated]
    elif LOOP != "asyncio":
        msg = f"REGROW_TEST_LOOP is asyncio or uvloop. Got: {LOOP!r}"
        raise pytest.UsageError(msg)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this run leaves out."""
    mark(items)


def pytest_report_header() -> str:
    """Print the loop beside pytest's versions and the seed of the order."""
    return f"event loop: {LOOP}"
