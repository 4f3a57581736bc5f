"""The source of regrow keeps every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.rules import RULES, Rule
from tests.architecture.source import Package

REGROW = Package(Path(__file__).parents[2] / "src" / "regrow")


def test_source_is_found() -> None:
    assert "regrow" in REGROW.modules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(rule: Rule) -> None:
    broken = rule(REGROW)
    assert not broken, "\n".join([rule.__doc__ or "", *broken])
