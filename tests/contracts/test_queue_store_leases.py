"""Claims, leases and how they end, in every store: the table "The life of a job" of a leased job."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.servers.queue.errors import LeaseLost
from regrow.servers.queue.job import JobError, Stats
from regrow.servers.queue.ops import Ack, Claim, Extend, Nack, NewJob, Put, Verdict
from tests.contracts.queue_store import Opened, needs

FAILED = JobError(1, 0.0, "OSError", "no such host", "Traceback …")


def test_a_claim_counts_an_attempt_and_holds_the_job(opened: Opened) -> None:
    (id,) = opened.put(b"1", key="k", group="g", max_attempts=7, traceparent="00-a-b-01")
    job = opened.take(lease=30.0)
    assert (job.id, job.queue, job.payload, job.attempt, job.max_attempts) == (id, "q", b"1", 1, 7)
    assert (job.priority, job.group, job.key, job.errors, job.traceparent) == (0, "g", "k", (), "00-a-b-01")
    assert job.lease_until == pytest.approx(opened.clock.monotonic + 30.0)
    assert (job.created_at, job.due_at) == pytest.approx((opened.clock.wall, opened.clock.wall))
    record = opened.show(id)
    assert record is not None
    assert (record.state, record.attempts, record.token) == ("leased", 1, job.token)
    assert record.lease_until == pytest.approx(job.lease_until)
    assert record.holder == "host:1:<worker>"
    assert opened.stats() == Stats(leased=1)
    assert opened.claim() == []


@pytest.mark.parametrize(("count", "got"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_a_claim_takes_up_to_its_count(opened: Opened, count: int, got: int) -> None:
    opened.put(b"1", b"2", b"3")
    assert [job.payload for job in opened.claim(count)] == [b"1", b"2", b"3"][:got]


def test_the_claims_of_a_commit_share_the_jobs_in_their_order(opened: Opened) -> None:
    opened.put(b"2", b"3", b"4")
    opened.put(b"1", priority=-1)
    opened.put(b"other", queue="other")
    claims = [
        Claim("q", 1, 30.0, "a"),
        Claim("other", 5, 30.0, "b"),
        Claim("q", 2, 60.0, "c"),
        Claim("q", 2, 30.0, "d"),
    ]
    results = opened.results(*claims)
    assert [[job.payload for job in jobs] for jobs in results] == [[b"1"], [b"other"], [b"2", b"3"], [b"4"]]
    assert results[2][0].lease_until == pytest.approx(opened.clock.monotonic + 60.0)
    holders = [record.holder for job in (*results[0], *results[2]) if (record := opened.show(job.id)) is not None]
    assert holders == ["a", "c", "c"]


# Acks


def test_an_acked_job_is_gone(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    assert opened.do(Ack("q", job.id, job.token)) is None
    assert opened.show(job.id) is None
    assert opened.stats() == Stats()
    opened.move(1000.0)
    assert opened.claim() == []


def test_a_second_ack_is_lost(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    first, second = opened.results(Ack("q", job.id, job.token), Ack("q", job.id, job.token))
    assert first is None
    assert isinstance(second, LeaseLost)
    with pytest.raises(LeaseLost, match=rf"{job.id}"):
        opened.do(Ack("q", job.id, job.token))


@pytest.mark.parametrize("move", [30.0, 31.0])
def test_a_lease_is_over_when_its_end_has_come(opened: Opened, move: float) -> None:
    opened.put(b"1")
    job = opened.take(lease=30.0)
    opened.move(move)
    with pytest.raises(LeaseLost):
        opened.do(Ack("q", job.id, job.token))
    assert opened.states(job.id) == "ready"


def test_a_lease_is_valid_until_its_end(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take(lease=30.0)
    opened.move(29.99)
    assert opened.claim() == []
    assert opened.do(Ack("q", job.id, job.token)) is None


@pytest.mark.parametrize("late", ["ack", "retry", "snooze", "release", "dead", "extend"])
def test_the_token_of_an_old_lease_does_nothing(opened: Opened, late: Any) -> None:
    opened.put(b"1")
    old = opened.take(lease=30.0)
    opened.move(30.0)
    new = opened.take(lease=30.0)
    assert (new.id, new.attempt) == (old.id, 2)
    assert new.token > old.token
    if late == "extend":
        assert opened.do(Extend("q", ((old.id, old.token),), 600.0)) == [None]
    else:
        op = Ack("q", old.id, old.token) if late == "ack" else Nack("q", old.id, old.token, late)
        with pytest.raises(LeaseLost):
            opened.do(op)
    record = opened.show(new.id)
    assert record is not None
    assert (record.state, record.token, record.attempts) == ("leased", new.token, 2)
    assert record.lease_until == pytest.approx(new.lease_until)
    assert opened.do(Ack("q", new.id, new.token)) is None


def test_tokens_grow_with_each_lease_of_a_job(opened: Opened) -> None:
    (id,) = opened.put(b"1", max_attempts=100)
    tokens: list[int] = []
    verdicts: list[Verdict] = ["retry", "release", "snooze", "retry"]
    for verdict in verdicts:
        job = opened.take()
        tokens.append(job.token)
        opened.do(Nack("q", id, job.token, verdict))
    tokens.append(opened.take().token)
    assert tokens == sorted(set(tokens))
    assert tokens[0] > 0


@pytest.mark.parametrize("op", [Ack("q", 999, 1), Nack("q", 999, 1, "retry"), Ack("nowhere", 1, 1)])
def test_a_job_that_is_not_there_has_no_lease(opened: Opened, op: Ack | Nack) -> None:
    opened.put(b"1")
    with pytest.raises(LeaseLost):
        opened.do(op)


def test_a_ready_job_has_no_lease(opened: Opened) -> None:
    (id,) = opened.put(b"1")
    for op in (Ack("q", id, 0), Nack("q", id, 0, "dead")):
        with pytest.raises(LeaseLost):
            opened.do(op)
    assert opened.do(Extend("q", ((id, 0),), 30.0)) == [None]
    assert opened.states(id) == "ready"


# Nacks


@pytest.mark.parametrize(
    ("verdict", "delay", "last", "state", "attempts"),
    [
        ("retry", 60.0, False, "delayed", 1),
        ("retry", 0.0, False, "ready", 1),
        ("retry", 60.0, True, "dead", 1),
        ("retry", 0.0, True, "dead", 1),
        ("snooze", 60.0, False, "delayed", 0),
        ("snooze", 60.0, True, "delayed", 0),
        ("snooze", 0.0, True, "ready", 0),
        ("release", 0.0, False, "ready", 0),
        ("release", 0.0, True, "ready", 0),
        ("dead", 0.0, False, "dead", 1),
        ("dead", 60.0, True, "dead", 1),
    ],
)
def test_a_nack_takes_a_job_to_the_state_of_its_row(
    opened: Opened, verdict: Verdict, delay: float, last: bool, state: str, attempts: int
) -> None:
    opened.put(b"1", max_attempts=1 if last else 2)
    job = opened.take()
    opened.move(2.0)
    assert opened.do(Nack("q", job.id, job.token, verdict, delay)) == state
    record = opened.show(job.id)
    assert record is not None
    assert (record.state, record.attempts, record.payload) == (state, attempts, b"1")
    assert (record.holder, record.lease_until) == (None, None)
    assert record.died_at == (pytest.approx(opened.clock.wall) if state == "dead" else None)
    assert opened.stats() == Stats(**{state: 1})  # type: ignore[arg-type]
    if state == "delayed":
        assert record.due_at == pytest.approx(opened.clock.wall + 60.0)
        opened.move(59.0)
        assert opened.claim() == []
        opened.move(1.0)
    if state != "dead":
        assert opened.take().attempt == attempts + 1


def test_a_nack_keeps_its_error_with_the_time_of_the_commit(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    opened.move(5.0)
    opened.do(Nack("q", job.id, job.token, "retry", 0.0, FAILED))
    (error,) = opened.take().errors
    assert (error.attempt, error.kind, error.message, error.trace) == (1, "OSError", "no such host", "Traceback …")
    assert error.at == pytest.approx(opened.clock.wall)


def test_a_nack_without_an_error_adds_none(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    opened.do(Nack("q", job.id, job.token, "retry"))
    assert opened.take().errors == ()


def test_a_history_keeps_its_last_ten_errors(opened: Opened) -> None:
    opened.put(b"1", max_attempts=100)
    for attempt in range(1, 13):
        job = opened.take()
        error = JobError(attempt, 0.0, "ValueError", f"ä ' \" \x00 {attempt}", "trace")
        opened.do(Nack("q", job.id, job.token, "retry", 0.0, error))
    errors = opened.take().errors
    assert [error.attempt for error in errors] == list(range(3, 13))
    assert errors[-1].message == "ä ' \" \x00 12"


# Leases that are over


def test_a_lease_that_is_over_is_a_failed_attempt_that_names_the_holder(opened: Opened) -> None:
    (id,) = opened.put(b"1", max_attempts=2)
    opened.take(lease=10.0)
    opened.move(10.0)
    job = opened.take(lease=10.0)
    assert (job.id, job.attempt) == (id, 2)
    (error,) = job.errors
    assert (error.kind, error.attempt) == ("LeaseLost", 1)
    assert error.at == pytest.approx(opened.clock.wall)
    assert "host:1:<worker>" in error.message
    opened.move(10.0)
    assert opened.claim() == []
    record = opened.show(id)
    assert record is not None
    assert (record.state, record.attempts, record.holder) == ("dead", 2, None)
    assert [error.attempt for error in record.errors] == [1, 2]
    assert record.died_at == pytest.approx(opened.clock.wall)


def test_many_leases_end_in_one_commit(opened: Opened) -> None:
    opened.put(*[b"x"] * 100)
    opened.claim(50, lease=10.0)
    opened.claim(50, lease=20.0)
    opened.move(10.0)
    done = opened.run(Claim("other", 1, 1.0, "me"))
    assert done.woke == {"q"}
    assert opened.stats() == Stats(ready=50, leased=50)
    opened.move(10.0)
    opened.claim(0)
    assert opened.stats() == Stats(ready=100)


# Extensions


def test_an_extension_counts_from_now_and_may_shorten(opened: Opened) -> None:
    opened.put(b"1", b"2", b"3")
    one, two, three = opened.claim(3, lease=30.0)
    opened.move(20.0)
    longer = opened.do(Extend("q", ((one.id, one.token), (999, 1), (two.id, two.token + 1)), 30.0))
    assert longer == [pytest.approx(opened.clock.monotonic + 30.0), None, None]
    opened.do(Extend("q", ((three.id, three.token),), 5.0))
    opened.move(5.0)
    opened.claim(0)
    assert opened.states(one.id, two.id, three.id) == "leased leased ready"
    opened.move(5.0)
    opened.claim(0)
    assert opened.states(one.id, two.id, three.id) == "leased ready ready"
    opened.move(20.0)
    opened.claim(0)
    assert opened.states(one.id) == "ready"


def test_an_extension_after_the_end_is_lost(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take(lease=30.0)
    opened.move(30.0)
    assert opened.do(Extend("q", ((job.id, job.token),), 30.0)) == [None]
    assert opened.states(job.id) == "ready"


# Clocks


@pytest.mark.parametrize("step", [-86_400.0, 86_400.0])
def test_a_step_of_the_wall_clock_moves_no_lease(opened: Opened, step: float) -> None:
    needs(opened, "monotonic")
    opened.put(b"1")
    job = opened.take(lease=30.0)
    opened.move(29.0, step=step)
    assert opened.claim() == []
    until = opened.do(Extend("q", ((job.id, job.token),), 30.0))
    assert until == [pytest.approx(opened.clock.monotonic + 30.0)]
    opened.move(29.0, step=step)
    assert opened.claim() == []
    opened.move(1.0, step=-step)
    assert opened.take().attempt == 2


def test_a_delay_moves_with_the_wall_clock_and_ends_once(opened: Opened) -> None:
    (id,) = opened.put(b"1", delay=3600.0)
    opened.move(step=3600.0)
    job = opened.take(lease=7200.0)
    opened.move(step=-3600.0)
    assert opened.claim() == []
    assert opened.states(id) == "leased"
    assert opened.do(Nack("q", id, job.token, "release")) == "ready"
    assert opened.take().id == id


def test_a_step_back_leaves_ready_jobs_ready(opened: Opened) -> None:
    opened.put(b"1")
    opened.put(b"2", delay=60.0)
    opened.move(step=-3600.0)
    assert [job.payload for job in opened.claim(5, lease=1e6)] == [b"1"]
    opened.move(60.0)
    assert opened.claim() == []
    opened.move(3600.0)
    assert [job.payload for job in opened.claim(5)] == [b"2"]


def test_a_lease_from_before_a_reboot_is_void_at_the_next_open(opened: Opened) -> None:
    needs(opened, "monotonic")
    (id,) = opened.put(b"1")
    old = opened.take(lease=1e6)
    opened.store.close()
    opened.clock.monotonic = 5.0  # the machine's clock begins again
    opened.store.open(opened.clock)
    new = opened.take()
    assert (new.id, new.attempt) == (id, 2)
    assert new.token > old.token
    with pytest.raises(LeaseLost):
        opened.do(Ack("q", old.id, old.token))


def test_a_lease_outlives_the_store_that_gave_it(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take(lease=30.0)
    opened.store.close()
    opened.move(10.0)
    opened.store.open(opened.clock)
    assert opened.claim() == []
    assert opened.do(Ack("q", job.id, job.token)) is None


def test_an_ack_and_a_put_of_one_commit_do_not_meet(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    put, ack, claim = opened.results(Put("q", (NewJob(b"2"),)), Ack("q", job.id, job.token), Claim("q", 5, 30.0, "me"))
    assert ack is None
    assert [found.id for found in claim] == [put[0].id]
