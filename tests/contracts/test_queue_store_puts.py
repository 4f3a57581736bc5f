"""Puts, in every store: the states of new jobs, keys, and the bound of a queue."""

from __future__ import annotations

from typing import Literal

import pytest

from regrow.servers.queue.job import Enqueued, Stats
from regrow.servers.queue.ops import Ack, Cancel, Claim, Count, Nack, NewJob, Pause, Peek, Put
from tests.contracts.queue_store import Opened


def test_a_new_job_is_ready_and_has_what_was_put(opened: Opened) -> None:
    (id,) = opened.put("é☃".encode(), max_attempts=3, traceparent="00-a-b-01")
    assert opened.stats() == Stats(ready=1)
    record = opened.show(id)
    assert record is not None
    assert (record.queue, record.state, record.payload, record.attempts) == ("q", "ready", "é☃".encode(), 0)
    assert (record.max_attempts, record.traceparent, record.errors) == (3, "00-a-b-01", ())
    assert (record.created_at, record.due_at) == pytest.approx((opened.clock.wall, opened.clock.wall))
    assert (record.holder, record.lease_until, record.died_at, record.group, record.key) == (None,) * 5


def test_the_jobs_of_a_put_keep_their_order(opened: Opened) -> None:
    ids = opened.put(*(b"%d" % number for number in range(150)))
    assert ids == sorted(set(ids))
    assert [job.payload for job in opened.claim(150)] == [b"%d" % number for number in range(150)]


def test_the_puts_of_a_commit_have_ids_in_their_order(opened: Opened) -> None:
    results = opened.results(*(Put("ab"[number % 2], (NewJob(b"%d" % number),)) for number in range(10)))
    ids: list[int] = [put.id for (put,) in results]
    assert ids == sorted(set(ids))
    assert [opened.do(Peek(name, 10)) for name in "ab"] == [
        [b"0", b"2", b"4", b"6", b"8"],
        [b"1", b"3", b"5", b"7", b"9"],
    ]


def test_an_id_is_not_used_again(opened: Opened) -> None:
    (first,) = opened.put(b"1")
    job = opened.take()
    opened.do(Ack("q", job.id, job.token))
    (second,) = opened.put(b"2")
    assert second > first


@pytest.mark.parametrize(("option", "seconds"), [("delay", 60.0), ("at", 60.0)])
def test_a_job_for_later_is_delayed(opened: Opened, option: str, seconds: float) -> None:
    value = seconds if option == "delay" else opened.clock.wall + seconds
    done = opened.run(Put("q", (NewJob(b"1", **{option: value}),)))  # type: ignore[arg-type]
    assert opened.stats() == Stats(delayed=1)
    assert done.woke == frozenset()
    assert done.due == pytest.approx(60.0)
    opened.move(59.0)
    assert opened.claim() == []
    opened.move(1.0)
    assert opened.take().payload == b"1"


def test_a_time_that_has_passed_makes_a_job_ready(opened: Opened) -> None:
    opened.put(b"1", at=opened.clock.wall - 100.0)
    assert opened.take().payload == b"1"


def test_lower_priorities_go_first_and_then_lower_ids(opened: Opened) -> None:
    for priority in (1, 0, -5, 0, 1):
        opened.put(b"%d" % priority, priority=priority)
    jobs = opened.claim(5)
    assert [job.priority for job in jobs] == [-5, 0, 0, 1, 1]
    assert jobs[1].id < jobs[2].id


def test_queues_do_not_share_their_jobs(opened: Opened) -> None:
    opened.put(b"1", queue="a")
    assert opened.claim(queue="b") == []
    assert opened.do(Count("a")) == 1
    assert opened.do(Count("b")) == 0


# Keys


def test_a_key_is_unique_in_its_queue_while_the_job_is_live(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k")
    assert opened.do(Put("q", (NewJob(b"2", key="k"),))) == [Enqueued(first, duplicate=True)]
    assert opened.put(b"3", queue="other", key="k") != [first]
    job = opened.take()
    assert (job.payload, job.key) == (b"1", "k")
    assert opened.put(b"4", key="k") == [first]
    opened.do(Ack("q", job.id, job.token))
    (second,) = opened.put(b"5", key="k")
    assert second > first


def test_a_key_holds_for_delayed_and_blocked_jobs(opened: Opened) -> None:
    (delayed,) = opened.put(b"1", key="k", delay=60.0, group="g")
    (blocked,) = opened.put(b"2", key="l", group="g")
    assert opened.states(delayed, blocked) == "delayed blocked"
    assert opened.put(b"3", key="k") == [delayed]
    assert opened.put(b"4", key="l") == [blocked]


def test_two_equal_keys_of_one_put_are_one_job(opened: Opened) -> None:
    (first,) = opened.put(b"0", key="old")
    jobs = tuple(NewJob(key.encode(), key=key) for key in ("new", "old", "new", "other"))
    new, old, again, other = opened.do(Put("q", jobs))
    assert new.id < other.id
    assert not new.duplicate
    assert not other.duplicate
    assert (old, again) == (Enqueued(first, duplicate=True), Enqueued(new.id, duplicate=True))
    assert opened.stats() == Stats(ready=3)


def test_equal_keys_of_two_puts_in_one_commit_are_one_job(opened: Opened) -> None:
    (first,), (second,) = opened.results(*(Put("q", (NewJob(b"%d" % n, key="k"),)) for n in range(2)))
    assert second == Enqueued(first.id, duplicate=True)
    assert opened.stats() == Stats(ready=1)


def test_a_key_holds_for_its_window_at_most(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k", key_for=60.0)
    opened.move(59.0)
    assert opened.put(b"2", key="k") == [first]
    opened.move(1.0)
    (second,) = opened.put(b"3", key="k")
    assert second > first
    assert opened.put(b"4", key="k") == [second]
    assert [job.key for job in opened.claim(5)] == [None, "k"]


@pytest.mark.parametrize(
    ("end", "states", "free"),
    [
        ("ack", "live", True),
        ("ack", "all", False),
        ("dead", "live", True),
        ("dead", "all", False),
        ("cancel", "live", True),
        ("cancel", "all", True),
    ],
)
def test_a_key_ends_with_its_job_unless_its_states_are_all(
    opened: Opened, end: str, states: Literal["live", "all"], free: bool
) -> None:
    (first,) = opened.put(b"1", key="k", key_states=states)
    if end == "cancel":
        assert opened.do(Cancel("q", first)) is True
    else:
        job = opened.take()
        opened.do(Ack("q", job.id, job.token) if end == "ack" else Nack("q", job.id, job.token, "dead"))
    second = opened.do(Put("q", (NewJob(b"2", key="k"),)))[0]
    assert second.duplicate is not free
    assert (second.id == first) is not free
    assert opened.do(Count("q")) == free


def test_a_done_row_keeps_the_key_alone_and_goes_with_its_window(opened: Opened) -> None:
    (id,) = opened.put(b"secret", key="k", key_for=60.0, key_states="all")
    job = opened.take()
    opened.do(Ack("q", job.id, job.token))
    record = opened.show(id)
    assert record is not None
    assert (record.state, record.payload, record.key) == ("done", b"", "k")
    assert opened.stats() == Stats()
    assert opened.claim() == []
    opened.move(59.0)
    assert opened.put(b"2", key="k") == [id]
    opened.move(1.0)
    opened.claim()
    assert opened.show(id) is None
    assert opened.put(b"3", key="k") > [id]


def test_a_key_whose_window_is_over_keeps_no_row_when_its_job_is_done(opened: Opened) -> None:
    (id,) = opened.put(b"1", key="k", key_for=5.0, key_states="all")
    job = opened.take()
    opened.move(5.0)
    opened.do(Ack("q", job.id, job.token))
    assert opened.show(id) is None


def test_a_dead_job_gives_up_its_key_when_the_window_is_over(opened: Opened) -> None:
    (id,) = opened.put(b"1", key="k", key_for=60.0, key_states="all")
    job = opened.take()
    opened.do(Nack("q", job.id, job.token, "dead"))
    opened.move(60.0)
    (second,) = opened.put(b"2", key="k")
    assert second > id
    assert opened.states(id, second) == "dead ready"


# The bound


def test_a_full_queue_takes_no_job(opened: Opened) -> None:
    two = (NewJob(b"1"), NewJob(b"2", delay=60.0))
    assert len(opened.do(Put("q", two, 2))) == 2
    done = opened.run(Put("q", (NewJob(b"3"),), 2))
    assert done.results == [None]
    assert done.woke == frozenset()
    assert opened.do(Count("q")) == 2


def test_leased_and_blocked_jobs_take_room_and_dead_ones_do_not(opened: Opened) -> None:
    opened.put(b"1", b"2", group="g")
    job = opened.take()
    assert opened.stats() == Stats(leased=1, blocked=1)
    assert opened.do(Put("q", (NewJob(b"3"),), 2)) is None
    opened.do(Nack("q", job.id, job.token, "dead"))
    assert opened.do(Put("q", (NewJob(b"3"),), 2)) is not None
    assert opened.stats() == Stats(ready=2, dead=1)


@pytest.mark.parametrize("full", ["wait", "drop_oldest"])
def test_all_jobs_of_a_put_are_stored_or_none(opened: Opened, full: Literal["wait", "drop_oldest"]) -> None:
    opened.put(b"1", b"2", delay=60.0)
    assert opened.do(Put("q", (NewJob(b"3"), NewJob(b"4")), 3, full)) is None
    assert opened.stats() == Stats(delayed=2)
    assert opened.do(Put("other", (NewJob(b"1"), NewJob(b"2"), NewJob(b"3")), 2, full)) is None
    assert opened.stats("other") == Stats()


def test_duplicates_take_no_room(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k")
    assert opened.do(Put("q", (NewJob(b"2", key="k"),), 1)) == [Enqueued(first, duplicate=True)]
    jobs = (NewJob(b"3", key="k"), NewJob(b"4", key="l"), NewJob(b"5", key="l"))
    assert [put.duplicate for put in opened.do(Put("q", jobs, 2))] == [True, False, True]
    assert opened.stats() == Stats(ready=2)


def test_the_oldest_ready_jobs_make_room(opened: Opened) -> None:
    opened.put(b"delayed", delay=60.0)
    opened.put(b"leased")
    opened.take()
    ids = opened.put(b"oldest", b"older", priority=-1) + opened.put(b"first", priority=-2)
    assert opened.do(Put("q", (NewJob(b"new"), NewJob(b"newer")), 5, "drop_oldest")) is not None
    assert opened.states(*ids) == "gone gone ready"
    assert opened.stats() == Stats(ready=3, delayed=1, leased=1)
    assert [job.payload for job in opened.claim(5)] == [b"first", b"new", b"newer"]


def test_a_dropped_job_gives_its_key_and_its_group_away(opened: Opened) -> None:
    head, second = opened.put(b"1", key="k", group="g") + opened.put(b"2", group="g")
    (new,) = opened.do(Put("q", (NewJob(b"3"),), 2, "drop_oldest"))
    assert opened.states(head, second, new.id) == "gone ready ready"
    assert not opened.do(Put("q", (NewJob(b"4", key="k"),)))[0].duplicate


def test_jobs_of_a_group_that_become_ready_are_dropped_too(opened: Opened) -> None:
    ids = opened.put(b"1", b"2", b"3", group="g")
    assert opened.do(Put("q", (NewJob(b"4"), NewJob(b"5")), 3, "drop_oldest")) is not None
    assert opened.states(*ids) == "gone gone ready"
    assert opened.do(Put("q", (NewJob(b"6"), NewJob(b"7"), NewJob(b"8"), NewJob(b"9")), 3, "drop_oldest")) is None
    assert opened.stats() == Stats(ready=3)


def test_a_put_that_does_not_find_enough_to_drop_drops_none(opened: Opened) -> None:
    opened.put(b"1", delay=60.0)
    (ready,) = opened.put(b"2")
    assert opened.do(Put("q", (NewJob(b"3"), NewJob(b"4")), 2, "drop_oldest")) is None
    assert opened.states(ready) == "ready"


def test_a_pause_does_not_stop_puts_and_drops(opened: Opened) -> None:
    (first,) = opened.put(b"1")
    opened.do(Pause("q", "why"))
    assert opened.do(Put("q", (NewJob(b"2"),), 1, "drop_oldest")) is not None
    assert opened.states(first) == "gone"
    assert opened.do(Claim("q", 5, 30.0, "me")) == []


def test_a_put_drops_jobs_of_a_put_of_the_same_commit(opened: Opened) -> None:
    first, second = opened.results(*(Put("q", (NewJob(b"1"), NewJob(b"2")), 3, "drop_oldest") for _ in range(2)))
    ids = [put.id for put in (*first, *second)]
    assert opened.states(*ids) == "gone ready ready ready"


def test_a_put_drops_a_job_that_an_ack_of_the_same_commit_makes_ready(opened: Opened) -> None:
    head, second, third = opened.put(b"1", b"2", b"3", group="g")
    job = opened.take()
    put, ack = opened.results(Put("q", (NewJob(b"4"), NewJob(b"5")), 3, "drop_oldest"), Ack("q", head, job.token))
    assert (len(put), ack) == (2, None)
    assert opened.states(head, second, third) == "gone gone ready"


def test_a_put_drops_the_next_job_of_a_group_before_younger_jobs(opened: Opened) -> None:
    head, second, third = opened.put(b"1", b"2", b"3", group="g")
    (other,) = opened.put(b"4")
    assert opened.do(Put("q", (NewJob(b"5"), NewJob(b"6")), 4, "drop_oldest")) is not None
    assert opened.states(head, second, third, other) == "gone gone ready ready"


def test_a_duplicate_of_a_job_that_its_put_drops_takes_no_room(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k")
    results = opened.results(
        Put("q", (NewJob(b"2"), NewJob(b"3", key="k")), 1, "drop_oldest"),
        Put("q", (NewJob(b"4", key="k"),), 1, "drop_oldest"),
    )
    assert [[put.duplicate for put in puts] for puts in results] == [[False, True], [False]]
    assert results[0][1].id == first
    assert opened.states(first, results[0][0].id, results[1][0].id) == "gone gone ready"


def test_a_dead_job_whose_window_is_over_has_no_key(opened: Opened) -> None:
    (id,) = opened.put(b"1", key="k", key_for=8.0, key_states="all", max_attempts=1)
    opened.take(lease=16.0)
    opened.move(16.0)
    opened.run()
    record = opened.show(id)
    assert record is not None
    assert (record.state, record.key) == ("dead", None)
    opened.move(step=-12.0)
    assert opened.put(b"2", key="k") > [id]
