# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Fixtures of the tests in this folder."""

from __future__ import annotations

from typing import Any

import pytest

from tests.behaviours.gen_server.servers import Awaiting, Server


@pytest.fixture(params=[Server, Awaiting], ids=["def", "async def"])
def server(request: pytest.FixtureRequest) -> Any:
    """The class of a server whose callbacks are written in either way."""
    return request.param
