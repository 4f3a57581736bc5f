"""The source of regrow keeps every rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.rules import RULES, RULES_OF_TESTS, Rule
from tests.architecture.source import Package

REGROW = Package(Path(__file__).parents[2] / "src" / "regrow")
TESTS = Package(Path(__file__).parents[1])


def test_source_is_found() -> None:
    assert "regrow" in REGROW.modules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_source_keeps_the_rule(rule: Rule) -> None:
    broken = rule(REGROW)
    assert not broken, "\n".join([rule.__doc__ or "", *broken])


def test_tests_are_found() -> None:
    assert __name__ in TESTS.modules


@pytest.mark.parametrize("rule", RULES_OF_TESTS, ids=lambda rule: rule.__name__)
def test_tests_keep_the_rule(rule: Rule) -> None:
    broken = rule(TESTS)
    assert not broken, "\n".join([rule.__doc__ or "", *broken])
