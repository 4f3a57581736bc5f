"""One clock beside other plugins: on pytest-asyncio's loop, with anyio's plugin, in any order and side by side."""

from __future__ import annotations

import pytest

from tests.testing.pytest_runs import COMMON, TOGETHER, Play, outcomes

TIMED = (
    COMMON
    + """
@pytest.mark.{other}
@pytest.mark.regrow
async def test_the_nearer_timer_comes_first(virtual_clock):
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100.0):
                await process.sleep(3600.0)
    assert virtual_clock.now() == pytest.approx(1300.0)

@pytest.mark.{other}
async def test_of_the_other_plugin():
    loop = asyncio.get_running_loop()
    before = loop.time()
    await asyncio.sleep(0.01)
    assert 0.009 <= loop.time() - before < 5.0

@pytest.mark.{other}
@pytest.mark.regrow
async def test_another():
    await asyncio.sleep(3600.0)
    assert process.monotonic() == pytest.approx(4600.0)

@pytest.mark.{other}
@pytest.mark.regrow
async def test_that_fails():
    assert 1 == 2, "its own line"
"""
)

WANTED = {
    "test_the_nearer_timer_comes_first": "PASSED",
    "test_of_the_other_plugin": "PASSED",
    "test_another": "PASSED",
    "test_that_fails": "FAILED",
}


@pytest.mark.parametrize("scope", ["function", "module"])
def test_timers_fire_in_order_on_the_loop_of_pytest_asyncio(play: Play, scope: str) -> None:
    pytest.importorskip("pytest_asyncio")
    printed = play(TIMED.replace("{other}", "asyncio"), *TOGETHER, f"-oasyncio_default_test_loop_scope={scope}")
    assert outcomes(printed) == WANTED, printed
    assert '>       assert 1 == 2, "its own line"\n' in printed


@pytest.mark.parametrize("other", ["", "randomly", "xdist"])
def test_timers_fire_in_order_with_the_plugin_of_anyio(play: Play, other: str) -> None:
    backend = '\n@pytest.fixture\ndef anyio_backend():\n    return "asyncio"\n'
    options = ["-pno:asyncio", "-n2"] if other == "xdist" else ["-pno:asyncio"]
    printed = play(TIMED.replace("{other}", "anyio") + backend, *options, beside=["anyio", other])
    assert outcomes(printed) == WANTED, printed
    assert '>       assert 1 == 2, "its own line"\n' in printed
