# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A machine of these tests holds any data, and its rules are lambdas as short as the row.
"""Fixtures of the tests in this folder."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Pid,
)
from regrow.behaviours.gen_statem.results import (
    NextState,
)
from tests.behaviours.gen_statem.machines import Begin, Rules, Scripted


@pytest.fixture(params=["state_functions", "handle_event_function"])
def begin(request: pytest.FixtureRequest) -> Begin:
    """Return a function that starts a scripted machine: `await begin(rules)`, in each mode."""

    async def begin(
        rules: Rules,
        first: Any = None,
        *,
        enter: bool = False,
        link: bool = False,
        module: type[Scripted] = Scripted,
        **options: Any,
    ) -> Pid:
        mode = [request.param, "state_enter"] if enter else request.param
        arg = (mode, rules, NextState("s1", []) if first is None else first)
        return await (module.start_link if link else module.start)(arg, **options)

    return begin
