"""Jitter: the formula, its bounds, and what it depends on."""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b
from statistics import mean

import pytest

from regrow.servers.cron.policies.jitter import due

SECOND = 1_000_000
TICK = 1_793_000_000 * SECOND
NAMES = {"seed": "", "ledger": "cron", "job": "report"}


@pytest.mark.parametrize(
    ("names", "share"),
    [
        ({}, "86e215d95e2c812a"),
        ({"seed": "web-1"}, "ca4ae79c2a1165c7"),
        ({"ledger": "other"}, "0de7454e5bd04d89"),
        ({"job": "clean"}, "6f93b73b0049f55d"),
    ],
)
def test_the_share_is_a_hash_that_never_changes(names: dict[str, str], share: str) -> None:
    found = due(TICK, 1 << 64, None, **{**NAMES, **names}) - TICK  # of 2**64 µs the share is the hash itself
    assert f"{found:016x}" == share


@pytest.mark.parametrize("following", [None, TICK + 300 * SECOND, TICK + 30 * SECOND, TICK + 1, TICK])
def test_the_formula(following: int | None) -> None:
    text = f"web-1\0cron\0report\0{TICK}"
    share = Fraction(int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big"), 2**64)
    room = 60 * SECOND if following is None else min(60 * SECOND, following - TICK)
    assert due(TICK, 60 * SECOND, following, seed="web-1", ledger="cron", job="report") == TICK + int(share * room)


def test_without_jitter_a_tick_is_due_at_its_moment() -> None:
    assert due(TICK, 0, None, **NAMES) == TICK
    assert due(TICK, -5, None, **NAMES) == TICK


def test_a_tick_is_due_before_the_next_one_and_in_no_other_order() -> None:
    ticks = [TICK + 10 * SECOND * n for n in range(2000)]
    dues = [due(tick, 60 * SECOND, tick + 10 * SECOND, **NAMES) for tick in ticks]
    assert all(0 <= moment - tick < 10 * SECOND for tick, moment in zip(ticks, dues, strict=True))
    assert dues == sorted(dues)
    shares = [(moment - tick) / (10 * SECOND) for tick, moment in zip(ticks, dues, strict=True)]
    assert mean(shares) == pytest.approx(0.5, abs=0.03)
    assert min(shares) < 0.01
    assert max(shares) > 0.99


def test_jobs_ledgers_and_seeds_have_other_delays() -> None:
    names = [NAMES, {**NAMES, "seed": "web-1"}, {**NAMES, "ledger": "b"}, {**NAMES, "job": "b"}]
    assert len({due(TICK, 60 * SECOND, None, **one) for one in names}) == 4
    assert due(TICK, 60 * SECOND, None, **NAMES) == due(TICK, 60 * SECOND, None, **NAMES)
