"""Groups, in every store: one job of a group at a time, in the order of their ids."""

from __future__ import annotations

import pytest

from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Ack, Cancel, Nack, NewJob, Purge, Put, Retry
from tests.contracts.queue_store import Opened


def test_the_jobs_of_a_group_run_one_after_another(opened: Opened) -> None:
    ids = opened.put(b"1", b"2", b"3", group="g")
    assert opened.stats() == Stats(ready=1, blocked=2)
    for id in ids:
        (job,) = opened.claim(5)
        assert job.id == id
        assert opened.claim(5) == []
        opened.do(Ack("q", job.id, job.token))
    assert opened.claim(5) == []


def test_groups_do_not_wait_for_each_other_nor_for_the_same_name_elsewhere(opened: Opened) -> None:
    for group in ("a", "b", None):
        opened.put(b"1", b"2", group=group)
    opened.put(b"1", queue="other", group="a")
    assert [(job.group, job.payload) for job in opened.claim(9)] == [
        ("a", b"1"),
        ("b", b"1"),
        (None, b"1"),
        (None, b"2"),
    ]
    assert len(opened.claim(9, queue="other")) == 1


def test_puts_of_one_commit_are_one_line(opened: Opened) -> None:
    opened.run(*(Put("q", (NewJob(b"%d" % number, group="g"),)) for number in range(3)))
    assert opened.stats() == Stats(ready=1, blocked=2)
    assert opened.take().payload == b"0"


def test_a_delayed_head_holds_its_group_back(opened: Opened) -> None:
    (head,) = opened.put(b"1", group="g", delay=60.0)
    (second,) = opened.put(b"2", group="g")
    assert opened.states(head, second) == "delayed blocked"
    assert opened.claim() == []
    opened.move(60.0)
    assert opened.take().id == head


def test_a_failing_head_holds_its_group_back_until_it_is_dead(opened: Opened) -> None:
    head, second = opened.put(b"1", b"2", group="g", max_attempts=2)
    job = opened.take()
    assert opened.do(Nack("q", head, job.token, "retry", 60.0)) == "delayed"
    assert opened.claim() == []
    opened.move(60.0)
    job = opened.take()
    assert job.id == head
    assert opened.do(Nack("q", head, job.token, "retry", 60.0)) == "dead"
    assert opened.take().id == second


@pytest.mark.parametrize("lease_ends", [False, True])
def test_a_head_that_comes_back_stays_the_head(opened: Opened, lease_ends: bool) -> None:
    head, second = opened.put(b"1", b"2", group="g")
    job = opened.take(lease=30.0)
    if lease_ends:
        opened.move(30.0)
        opened.claim(0)
    else:
        assert opened.do(Nack("q", head, job.token, "release")) == "ready"
    assert opened.states(head, second) == "ready blocked"
    assert opened.take().id == head


def test_a_lease_that_is_over_at_the_last_attempt_frees_the_group(opened: Opened) -> None:
    head, second = opened.put(b"1", b"2", group="g", max_attempts=1)
    opened.take(lease=30.0)
    opened.move(30.0)
    assert opened.take().id == second
    assert opened.states(head, second) == "dead leased"


def test_a_blocked_job_keeps_its_own_time(opened: Opened) -> None:
    (head,) = opened.put(b"1", group="g")
    (second,) = opened.put(b"2", group="g", delay=60.0)
    (third,) = opened.put(b"3", group="g")
    record = opened.show(second)
    assert record is not None
    assert record.due_at == pytest.approx(opened.clock.wall + 60.0)
    job = opened.take()
    opened.do(Ack("q", head, job.token))
    assert opened.states(second, third) == "delayed blocked"
    opened.move(60.0)
    assert opened.take().id == second


def test_a_blocked_job_whose_time_has_come_meanwhile_is_ready_next(opened: Opened) -> None:
    (head,) = opened.put(b"1", group="g")
    (second,) = opened.put(b"2", group="g", delay=10.0)
    job = opened.take(lease=60.0)
    opened.move(20.0)
    opened.claim(0)
    assert opened.states(second) == "blocked"
    done = opened.run(Ack("q", head, job.token))
    assert done.woke == {"q"}
    assert opened.states(second) == "ready"


@pytest.mark.parametrize("how", ["cancel", "drop"])
def test_a_head_that_is_removed_frees_its_group(opened: Opened, how: str) -> None:
    head, second, third = opened.put(b"1", b"2", b"3", group="g")
    if how == "cancel":
        assert opened.do(Cancel("q", head)) is True
    else:
        opened.do(Put("q", (NewJob(b"4", delay=60.0),), 3, "drop_oldest"))
    assert opened.states(head, second, third) == "gone ready blocked"


def test_a_blocked_job_that_is_cancelled_leaves_the_line(opened: Opened) -> None:
    head, second, third = opened.put(b"1", b"2", b"3", group="g")
    job = opened.take()
    assert opened.do(Cancel("q", second)) is True
    assert opened.states(head, third) == "leased blocked"
    opened.do(Ack("q", head, job.token))
    assert opened.states(third) == "ready"


def test_a_purge_leaves_the_leased_head_and_the_line_starts_anew(opened: Opened) -> None:
    head, *_ = opened.put(b"1", b"2", b"3", group="g")
    job = opened.take()
    assert opened.do(Purge("q")) == 2
    (next_one,) = opened.put(b"4", group="g")
    assert opened.states(head, next_one) == "leased blocked"
    opened.do(Ack("q", head, job.token))
    assert opened.states(next_one) == "ready"


def test_a_retried_job_takes_its_place_by_its_id(opened: Opened) -> None:
    head, second, third = opened.put(b"1", b"2", b"3", group="g", max_attempts=1)
    job = opened.take()
    opened.do(Nack("q", head, job.token, "dead"))
    assert opened.states(head, second, third) == "dead ready blocked"
    assert opened.do(Retry("q", (head,))) == 1
    assert opened.states(head, second, third) == "ready blocked blocked"
    assert opened.claim(5)[0].id == head
    assert opened.claim(5) == []


def test_a_retried_job_waits_for_the_lease_of_a_younger_one(opened: Opened) -> None:
    head, second = opened.put(b"1", b"2", group="g")
    job = opened.take()
    opened.do(Nack("q", head, job.token, "dead"))
    younger = opened.take()
    assert younger.id == second
    opened.do(Retry("q"))
    assert opened.states(head, second) == "blocked leased"
    assert opened.claim() == []
    assert opened.do(Nack("q", second, younger.token, "retry", 60.0)) == "blocked"
    assert opened.states(head, second) == "ready blocked"
    job = opened.take()
    opened.do(Ack("q", head, job.token))
    assert opened.states(second) == "delayed"
    opened.move(60.0)
    assert opened.take().id == second
