"""Steps of the wall clock, in every store: what may be claimed stays so when the clock goes back before its time."""

from __future__ import annotations

import pytest

from regrow.servers.queue.ops import Ack, Move, Nack, Retry, Verdict
from tests.contracts.queue_store import Opened, needs

LEASE = 1e6  # seconds; where the wall clock times leases, a step does not end it


@pytest.mark.parametrize("group", [None, "g"])
@pytest.mark.parametrize("verdict", ["release", "retry", "snooze"])
def test_a_job_that_returns_after_a_step_back_is_ready(opened: Opened, verdict: Verdict, group: str | None) -> None:
    head, *_ = opened.put(b"1", b"2", group=group)
    job = opened.take(lease=LEASE)
    opened.move(step=-16.0)
    assert opened.do(Nack("q", head, job.token, verdict)) == "ready"
    assert opened.take(lease=LEASE).id == head


@pytest.mark.parametrize("group", [None, "g"])
def test_a_lease_that_is_over_after_a_step_back_leaves_a_ready_job(opened: Opened, group: str | None) -> None:
    needs(opened, "monotonic")
    head, *_ = opened.put(b"1", b"2", group=group)
    opened.take(lease=2.0)
    opened.move(2.0, step=-16.0)
    opened.run()
    assert opened.states(head) == "ready"
    job = opened.take()
    assert (job.id, job.attempt) == (head, 2)


@pytest.mark.parametrize("group", [None, "g"])
def test_a_ready_job_that_moves_after_a_step_back_is_ready(opened: Opened, group: str | None) -> None:
    head, second = opened.put(b"1", b"2", group=group)
    opened.move(step=-16.0)
    assert opened.do(Move("q", "other")) == 2
    assert opened.states(head) == "ready"
    # Its time is now, so it is ready also after another lease.
    job = opened.take(queue="other", lease=LEASE)
    assert job.id == head
    assert job.due_at == pytest.approx(opened.clock.wall)
    opened.do(Ack("other", head, job.token))
    assert opened.states(second) == ("ready" if group is None else "delayed")


@pytest.mark.parametrize("group", [None, "g"])
def test_a_retry_after_a_step_back_makes_a_job_ready(opened: Opened, group: str | None) -> None:
    (head,) = opened.put(b"1", group=group)
    job = opened.take(lease=LEASE)
    opened.do(Nack("q", head, job.token, "dead"))
    opened.move(step=-16.0)
    assert opened.do(Retry("q")) == 1
    assert opened.take(lease=LEASE).id == head


@pytest.mark.parametrize("group", [None, "g"])
def test_a_delayed_job_waits_longer_after_a_step_back(opened: Opened, group: str | None) -> None:
    (job,) = opened.put(b"1", group=group, delay=8.0)
    opened.move(8.0, step=-16.0)
    opened.run()
    assert opened.states(job) == "delayed"
    assert opened.do(Move("q", "other")) == 1
    assert opened.states(job) == "delayed"
    opened.move(16.0)
    assert opened.take(queue="other").id == job
