"""Claims with rates beside others without, in every store: who takes tokens, how many are left, and the next timer."""

from __future__ import annotations

import pytest

from regrow.servers.queue.ops import Ack, Claim, NewJob, Op, Put
from regrow.servers.queue.rate import Rate
from tests.contracts.queue_store import Opened, needs

RATE = Rate(2, per=8.0, burst=3)  # a token comes every 4 seconds
LEASE = 1e6


def claim(count: int, rate: Rate | None = None) -> Claim:
    """Return a claim of jobs of the queue "q"."""
    return Claim("q", count, LEASE, "me", rate)


@pytest.mark.parametrize(
    ("jobs", "claims", "counts", "tokens"),
    [
        (9, [claim(2), claim(2, RATE)], [2, 2], 1),
        (9, [claim(2, RATE), claim(2)], [2, 2], 1),
        (9, [claim(2, RATE), claim(2, RATE)], [2, 1], 0),
        (9, [claim(5), claim(5, RATE)], [5, 3], 0),
        (9, [claim(5, RATE), claim(9)], [3, 6], 0),
        (9, [claim(1, RATE), claim(5), claim(5, RATE)], [1, 5, 2], 0),
        (9, [claim(2), claim(0, RATE)], [2, 0], 3),
        (9, [claim(-1), claim(-1, RATE), claim(2, RATE)], [0, 0, 2], 1),
        (3, [claim(2), claim(2, RATE)], [2, 1], 2),
        (3, [claim(5), claim(2, RATE)], [3, 0], 3),
        (2, [claim(1, RATE), claim(5, RATE), claim(5)], [1, 1, 0], 1),
        (9, [claim(5, RATE), claim(5, Rate(1, per=8.0, burst=1))], [3, 0], 0),
        (9, [claim(5, Rate(1, per=8.0, burst=1)), claim(5, RATE)], [1, 0], 0),
    ],
)
def test_only_claims_with_a_rate_take_tokens(
    opened: Opened, jobs: int, claims: list[Op], counts: list[int], tokens: int
) -> None:
    opened.put(*[b"x"] * jobs)
    assert [len(found) for found in opened.results(*claims)] == counts
    opened.put(*[b"x"] * 9)
    assert len(opened.claim(9, rate=RATE)) == tokens


def test_the_claims_of_a_commit_beside_other_ops_take_their_tokens(opened: Opened) -> None:
    opened.put(*[b"x"] * 2)
    job = opened.take(lease=LEASE)
    results = opened.results(
        claim(2), Put("q", (NewJob(b"x"),) * 5), claim(2, RATE), Ack("q", job.id, job.token), claim(2, RATE)
    )
    assert [len(results[place]) for place in (0, 2, 4)] == [2, 2, 1]


@pytest.mark.parametrize("claims", [[claim(2), claim(5, RATE)], [claim(5, RATE), claim(2)]])
def test_a_claim_that_is_short_of_tokens_has_a_timer(opened: Opened, claims: list[Op]) -> None:
    opened.put(*[b"x"] * 9)
    assert opened.run(*claims).due == pytest.approx(4.0)
    opened.move(1.0)
    assert opened.run(claim(1)).due == pytest.approx(3.0)
    opened.move(3.0)
    assert opened.run().woke == {"q"}
    assert len(opened.claim(9, lease=LEASE, rate=RATE)) == 1


def test_claims_that_leave_no_job_have_no_timer_of_a_rate(opened: Opened) -> None:
    opened.put(*[b"x"] * 5)
    assert opened.run(claim(9, RATE), claim(2)).due == pytest.approx(LEASE)


def test_a_token_that_comes_a_moment_early_is_missing_later(opened: Opened) -> None:
    moment = 2.0**-20  # a microsecond
    opened.put(*[b"x"] * 5)
    rate = Rate(1)
    assert len(opened.claim(5, rate=rate)) == 1
    opened.move(1.0 - moment)
    assert len(opened.claim(5, rate=rate)) == 1
    opened.move(1.0 - moment)
    assert opened.claim(5, rate=rate) == []
    opened.move(moment)
    assert len(opened.claim(5, rate=rate)) == 1


@pytest.mark.parametrize("reboot", [False, True])
def test_tokens_come_after_the_clock_has_gone_back(opened: Opened, reboot: bool) -> None:
    opened.put(*[b"x"] * 9)
    assert len(opened.claim(9, lease=LEASE, rate=RATE)) == 3
    opened.move(step=-3600.0)
    if reboot:
        needs(opened, "monotonic")
        opened.store.close()
        opened.clock.monotonic = 5.0
        opened.store.open(opened.clock)
    assert opened.claim(9, lease=LEASE, rate=RATE) == []
    opened.move(4.0)
    assert len(opened.claim(9, lease=LEASE, rate=RATE)) == 1
