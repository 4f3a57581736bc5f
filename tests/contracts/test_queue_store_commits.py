"""A commit of several ops, in every store: its order, its results, and what it reports to the writer."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.servers.queue.errors import LeaseLost, StoreError
from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import (
    Ack,
    Cancel,
    Claim,
    Claimed,
    Count,
    Extend,
    Nack,
    NewJob,
    Pause,
    Purge,
    Put,
    ReadStats,
    Resume,
    Retry,
)
from regrow.servers.queue.rate import Rate
from regrow.servers.queue.store import Done
from tests.contracts.queue_store import Opened, needs

ONE = (NewJob(b"1"),)
CLAIM = Claim("q", 1, 30.0, "me")


def only_job(done: Done) -> Claimed:
    """Return the job of a commit that claimed one."""
    results: list[Any] = list(done.results)
    found: Claimed = results[0][0]
    assert [len(jobs) for jobs in results] == [1]
    return found


# Order


def test_an_ack_makes_room_for_a_put_that_stands_before_it(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    put, ack = opened.results(Put("q", ONE, 1), Ack("q", job.id, job.token))
    assert put is not None
    assert ack is None


def test_a_nack_and_an_extension_come_before_a_claim(opened: Opened) -> None:
    opened.put(b"1", b"2")
    one, two = opened.claim(2, lease=30.0)
    claim, nack, extend = opened.results(
        Claim("q", 5, 30.0, "me"), Nack("q", one.id, one.token, "retry"), Extend("q", ((two.id, two.token),), 60.0)
    )
    assert ([job.id for job in claim], nack) == ([one.id], "ready")
    assert extend == [pytest.approx(opened.clock.monotonic + 60.0)]


def test_a_put_comes_before_a_claim_and_a_claim_before_a_read(opened: Opened) -> None:
    stats, claim, put = opened.results(ReadStats("q"), CLAIM, Put("q", ONE))
    assert claim[0].id == put[0].id
    assert stats == {"q": Stats(leased=1)}


def test_administration_comes_after_puts_and_before_claims(opened: Opened) -> None:
    claim, purge, put = opened.results(CLAIM, Purge("q"), Put("q", ONE))
    assert (claim, purge, len(put)) == ([], 1, 1)
    claim, _, put = opened.results(CLAIM, Pause("q"), Put("q", ONE))
    assert (claim, len(put)) == ([], 1)
    claim, _ = opened.results(CLAIM, Resume("q"))
    assert len(claim) == 1


def test_the_sweep_comes_first(opened: Opened) -> None:
    opened.put(b"1")
    opened.put(b"2", delay=30.0)
    job = opened.take(lease=30.0)
    opened.move(30.0)
    ack, claim = opened.results(Ack("q", job.id, job.token), Claim("q", 5, 30.0, "me"))
    assert isinstance(ack, LeaseLost)
    assert [found.payload for found in claim] == [b"1", b"2"]


def test_the_kinds_of_a_phase_keep_their_order(opened: Opened) -> None:
    opened.put(b"1")
    job = opened.take()
    nack, ack = opened.results(Nack("q", job.id, job.token, "release"), Ack("q", job.id, job.token))
    assert nack == "ready"
    assert isinstance(ack, LeaseLost)
    (id,) = opened.put(b"2", queue="other")
    assert opened.results(Cancel("other", id), Purge("other"), Cancel("other", id)) == [True, 0, False]


def test_an_op_that_fails_fails_alone(opened: Opened) -> None:
    results = opened.results(Ack("q", 999, 1), Put("q", ONE), Nack("q", 999, 1, "dead"), Put("q", ONE, 1), Count("q"))
    assert isinstance(results[0], LeaseLost)
    assert isinstance(results[2], LeaseLost)
    assert (len(results[1]), results[3], results[4]) == (1, None, 1)


def test_a_commit_without_ops_is_a_sweep(opened: Opened) -> None:
    opened.put(b"1", delay=30.0)
    opened.move(30.0)
    done = opened.run()
    assert done.results == []
    assert done.woke == {"q"}
    assert opened.stats() == Stats(ready=1)


def test_reads_alone_make_no_sweep(opened: Opened) -> None:
    opened.put(b"1", delay=30.0)
    opened.move(30.0)
    assert opened.stats() == Stats(delayed=1)
    assert opened.run(Count("q")).woke == frozenset()


# Woke and freed


def test_a_commit_names_the_queues_in_which_jobs_became_ready(opened: Opened) -> None:
    done = opened.run(Put("a", ONE), Put("b", (NewJob(b"1", delay=9.0),)), Put("c", ONE), Count("d"))
    assert done.woke == {"a", "c"}
    job = opened.take(queue="a")
    assert opened.run(Nack("a", job.id, job.token, "retry", 5.0)).woke == frozenset()
    opened.move(5.0)
    assert opened.run(Count("a")).woke == frozenset()
    assert opened.run(Count("a"), Ack("a", 999, 1)).woke == {"a"}
    job = opened.take(queue="a", lease=10.0)
    opened.move(10.0)
    assert opened.run(Ack("a", job.id, job.token)).woke == {"a", "b"}
    job = opened.take(queue="a")
    opened.do(Nack("a", job.id, job.token, "dead"))
    assert opened.run(Retry("a")).woke == {"a"}


def test_a_commit_names_the_queues_that_have_fewer_live_jobs(opened: Opened) -> None:
    for name in "abcde":
        opened.put(b"1", b"2", queue=name)
    jobs = {name: opened.take(queue=name) for name in "abcd"}
    done = opened.run(
        Ack("a", jobs["a"].id, jobs["a"].token),
        Nack("b", jobs["b"].id, jobs["b"].token, "dead"),
        Nack("c", jobs["c"].id, jobs["c"].token, "retry"),
        Ack("d", jobs["d"].id, jobs["d"].token),
        Put("d", ONE),
        Purge("e"),
        Claim("a", 1, 30.0, "me"),
    )
    assert done.freed == {"a", "b", "e"}


def test_a_lease_that_ends_in_the_dead_letters_frees_room(opened: Opened) -> None:
    opened.put(b"1", max_attempts=1)
    opened.take(lease=30.0)
    opened.move(30.0)
    assert opened.run().freed == {"q"}


# Due


def test_an_empty_store_has_nothing_to_come(opened: Opened) -> None:
    assert opened.run(Put("q", ONE)).due is None


def test_the_next_timer_is_the_earliest_of_delays_and_leases(opened: Opened) -> None:
    assert opened.run(Put("q", (NewJob(b"1", delay=60.0),)), Put("q", ONE)).due == pytest.approx(60.0)
    done = opened.run(Claim("q", 1, 30.0, "me"))
    job = only_job(done)
    assert done.due == pytest.approx(30.0)
    opened.move(10.0)
    assert opened.run(Claim("q", 1, 30.0, "me")).due == pytest.approx(20.0)
    assert opened.run(Extend("q", ((job.id, job.token),), 100.0)).due == pytest.approx(50.0)
    assert opened.run(Ack("q", job.id, job.token)).due == pytest.approx(50.0)
    opened.move(50.0)
    assert opened.run().due is None


def test_a_blocked_job_has_no_timer(opened: Opened) -> None:
    opened.put(b"1", group="g", delay=100.0)
    assert opened.run(Put("q", (NewJob(b"2", group="g", delay=60.0),))).due == pytest.approx(100.0)


# Rates


def test_a_rate_is_a_bucket_of_claims(opened: Opened) -> None:
    opened.put(*[b"x"] * 20)
    rate = Rate(2, per=1.0, burst=5)
    assert len(opened.claim(10, rate=rate)) == 5
    assert opened.claim(10, rate=rate) == []
    opened.move(1.0)
    assert len(opened.claim(1, rate=rate)) == 1
    assert len(opened.claim(10, rate=rate)) == 1
    opened.move(0.5)
    assert len(opened.claim(10, rate=rate)) == 1
    opened.move(3600.0)
    assert len(opened.claim(10, rate=rate)) == 5


def test_a_rate_is_shared_by_the_claims_of_a_commit_and_of_one_queue(opened: Opened) -> None:
    opened.put(*[b"x"] * 9)
    opened.put(*[b"x"] * 9, queue="other")
    rate = Rate(3)
    names = ["q", "q", "other"]
    results = opened.results(*(Claim(name, 2, 30.0, "me", rate) for name in names))
    assert [len(jobs) for jobs in results] == [2, 1, 2]


def test_the_next_token_is_a_timer_while_jobs_wait_for_it(opened: Opened) -> None:
    opened.put(b"1", b"2")
    rate = Rate(1, per=10.0)
    done = opened.run(Claim("q", 2, 1000.0, "me", rate))
    assert done.due == pytest.approx(10.0)
    opened.move(4.0)
    assert opened.run(Claim("q", 1, 1000.0, "me", rate)).due == pytest.approx(6.0)
    opened.move(6.0)
    assert len(opened.claim(1, lease=1000.0, rate=rate)) == 1
    assert opened.run(Claim("q", 1, 1000.0, "me", rate)).due == pytest.approx(990.0)


@pytest.mark.parametrize("limit", [0.1, 1 / 3, 3, 7])
def test_a_timer_for_the_next_token_finds_it(opened: Opened, limit: float) -> None:
    opened.put(*[b"x"] * 50)
    rate = Rate(limit, burst=1)
    for _ in range(10):
        done = opened.run(Claim("q", 1, 1e6, "me", rate))
        job = only_job(done)
        assert job.payload == b"x"
        opened.run(Ack("q", job.id, job.token))
        due = opened.run(Claim("q", 1, 1e6, "me", rate)).due
        assert due == pytest.approx(1 / limit, abs=1e-5)  # a server counts microseconds
        assert due is not None
        opened.move(due)


def test_a_step_of_the_wall_clock_gives_no_token(opened: Opened) -> None:
    needs(opened, "monotonic")
    opened.put(b"1", b"2")
    assert len(opened.claim(2, rate=Rate(1))) == 1
    opened.move(step=3600.0)
    assert opened.claim(2, rate=Rate(1)) == []
    opened.move(1.0, step=-7200.0)
    assert len(opened.claim(2, rate=Rate(1))) == 1


def test_a_claim_that_finds_no_job_takes_no_token(opened: Opened) -> None:
    assert opened.claim(5, rate=Rate(3)) == []
    opened.put(*[b"x"] * 5)
    assert len(opened.claim(5, rate=Rate(3))) == 3


# The store itself


def test_a_store_that_is_closed_refuses_and_opens_again(opened: Opened) -> None:
    opened.put(b"1")
    opened.store.close()
    with pytest.raises(StoreError):
        opened.run(Count("q"))
    opened.store.open(opened.clock)
    assert opened.take().payload == b"1"


def test_a_sound_store_has_no_problems_and_names_itself(opened: Opened) -> None:
    opened.put(b"1", b"2", group="g", key=None)
    assert opened.store.check() == []
    assert isinstance(opened.store.diagnostics()["kind"], str)
    assert opened.store.changed() is False


def test_a_store_without_backup_says_so(opened: Opened) -> None:
    if "backup" in opened.kind.traits:
        pytest.skip("the store has a backup")
    with pytest.raises(StoreError, match="no backup"):
        opened.store.backup(str(opened.folder / "copy"))
