"""Administration, in every store: pause, purge, retry, cancel, prune and move."""

from __future__ import annotations

import pytest

from regrow.servers.queue.job import Stats
from regrow.servers.queue.ops import Ack, Cancel, Move, Nack, NewJob, Pause, Prune, Purge, Put, ReadStats, Resume, Retry
from tests.contracts.queue_store import Opened


def every_state(opened: Opened) -> list[int]:
    """Put one job in each state; return their ids: ready, delayed, leased, blocked, dead, done."""
    (dead,) = opened.bury(b"dead")
    (done,) = opened.put(b"done", key="done", key_states="all")
    job = opened.take()
    opened.do(Ack("q", job.id, job.token))
    (leased,) = opened.put(b"leased", group="g")
    opened.take(lease=1e6)
    (blocked,) = opened.put(b"blocked", group="g")
    (delayed,) = opened.put(b"delayed", delay=60.0)
    (ready,) = opened.put(b"ready")
    assert opened.stats() == Stats(ready=1, delayed=1, leased=1, blocked=1, dead=1)
    return [ready, delayed, leased, blocked, dead, done]


# Pause


def test_a_pause_stops_claims_and_nothing_else(opened: Opened) -> None:
    opened.put(b"1")
    running = opened.take()
    opened.put(b"2")
    assert opened.do(Pause("q", "mail server down")) is None
    assert opened.stats() == Stats(ready=1, leased=1, paused="mail server down")
    assert opened.claim() == []
    opened.put(b"3")
    assert opened.do(Ack("q", running.id, running.token)) is None
    assert opened.stats() == Stats(ready=2, paused="mail server down")
    done = opened.run(Resume("q"))
    assert done.results == [None]
    assert done.woke == {"q"}
    assert len(opened.claim(5)) == 2
    assert opened.stats().paused is None


def test_a_pause_has_an_empty_note_and_is_of_one_queue(opened: Opened) -> None:
    opened.do(Pause("q"))
    opened.put(b"1")
    opened.put(b"1", queue="other")
    assert opened.stats() == Stats(ready=1, paused="")
    assert opened.claim() == []
    assert len(opened.claim(queue="other")) == 1
    opened.do(Pause("q", "another note"))
    assert opened.stats().paused == "another note"


def test_a_resume_of_a_queue_that_is_not_paused_does_nothing(opened: Opened) -> None:
    assert opened.do(Resume("nowhere")) is None
    opened.put(b"1")
    assert opened.run(Resume("q")).woke == frozenset()


def test_the_leases_and_delays_of_a_paused_queue_end(opened: Opened) -> None:
    opened.put(b"1")
    opened.take(lease=10.0)
    opened.put(b"2", delay=10.0)
    opened.do(Pause("q"))
    opened.move(10.0)
    opened.claim()
    assert opened.stats() == Stats(ready=2, paused="")


# Purge, cancel


def test_a_purge_deletes_the_jobs_that_wait(opened: Opened) -> None:
    ready, delayed, leased, blocked, dead, done = every_state(opened)
    assert opened.do(Purge("q")) == 3
    assert opened.states(ready, delayed, leased, blocked, dead, done) == "gone gone leased gone dead done"
    assert opened.stats() == Stats(leased=1, dead=1)


def test_a_purge_of_the_dead_deletes_them_alone(opened: Opened) -> None:
    ready, delayed, leased, blocked, dead, done = every_state(opened)
    assert opened.do(Purge("q", "dead")) == 1
    assert opened.states(ready, delayed, leased, blocked, dead, done) == "ready delayed leased blocked gone done"


def test_a_purge_has_a_limit_and_a_queue(opened: Opened) -> None:
    opened.put(*[b"x"] * 7)
    opened.bury(b"1", b"2", b"3", queue="other")
    assert [opened.do(Purge("q", limit=5)) for _ in range(3)] == [5, 2, 0]
    assert [opened.do(Purge("other", "dead", limit=2)) for _ in range(3)] == [2, 1, 0]
    assert opened.do(Purge("nowhere")) == 0
    assert (opened.stats(), opened.stats("other")) == (Stats(), Stats())


def test_a_purge_gives_keys_away(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k", key_states="all", delay=60.0)
    opened.do(Purge("q"))
    assert opened.put(b"2", key="k") > [first]


@pytest.mark.parametrize(("place", "cancelled"), list(enumerate([True, True, False, True, False, False])))
def test_a_job_that_waits_can_be_cancelled(opened: Opened, place: int, cancelled: bool) -> None:
    id = every_state(opened)[place]
    before = opened.states(id)
    assert opened.do(Cancel("q", id)) is cancelled
    assert opened.states(id) == ("gone" if cancelled else before)
    assert opened.do(Cancel("q", id)) is False


def test_a_cancel_names_the_queue_of_its_job(opened: Opened) -> None:
    (id,) = opened.put(b"1")
    assert opened.do(Cancel("other", id)) is False
    assert opened.do(Cancel("q", 999)) is False
    assert opened.states(id) == "ready"


# Retry


def test_a_retried_job_begins_again_and_keeps_its_history(opened: Opened) -> None:
    (id,) = opened.bury(b"1")
    opened.move(100.0)
    done = opened.run(Retry("q", (id,)))
    assert done.results == [1]
    assert done.woke == {"q"}
    record = opened.show(id)
    assert record is not None
    assert (record.state, record.attempts, record.died_at) == ("ready", 0, None)
    assert opened.stats() == Stats(ready=1)
    job = opened.take()
    assert (job.id, job.attempt, [error.message for error in job.errors]) == (id, 1, ["broken"])
    assert job.token > 1


def test_a_retry_takes_dead_jobs_of_its_queue_alone(opened: Opened) -> None:
    dead = opened.bury(b"1", b"2")
    (elsewhere,) = opened.bury(b"1", queue="other")
    (ready,) = opened.put(b"3")
    assert opened.do(Retry("q", (dead[1], elsewhere, ready, 999))) == 1
    assert opened.states(*dead, elsewhere, ready) == "dead ready dead ready"
    assert opened.do(Retry("nowhere")) == 0


def test_a_retry_of_all_has_a_limit(opened: Opened) -> None:
    opened.bury(*[b"x"] * 7)
    assert [opened.do(Retry("q", limit=5)) for _ in range(3)] == [5, 2, 0]
    assert opened.stats() == Stats(ready=7)


def test_a_retried_job_has_no_key_if_another_job_took_it(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k", key_states="all", key_for=60.0)
    job = opened.take()
    opened.do(Nack("q", first, job.token, "dead"))
    opened.move(60.0)
    (second,) = opened.put(b"2", key="k")
    assert opened.do(Retry("q", (first,))) == 1
    assert opened.states(first, second) == "ready ready"
    assert [job.key for job in opened.claim(2)] == [None, "k"]


def test_a_retried_job_that_kept_its_key_still_has_it(opened: Opened) -> None:
    (first,) = opened.put(b"1", key="k", key_states="all")
    job = opened.take()
    opened.do(Nack("q", first, job.token, "dead"))
    opened.do(Retry("q"))
    assert opened.put(b"2", key="k") == [first]
    assert opened.take().key == "k"


# Prune


def test_a_prune_deletes_old_dead_jobs_of_all_queues(opened: Opened) -> None:
    old = opened.bury(b"1") + opened.bury(b"1", queue="other")
    opened.move(50.0)
    young = opened.bury(b"2")
    (live,) = opened.put(b"3")
    opened.move(60.0)
    assert opened.do(Prune(100.0)) == 2
    assert opened.states(*old, *young, live) == "gone gone dead ready"
    assert opened.do(Prune(100.0)) == 0
    assert opened.stats() == Stats(ready=1, dead=1)


def test_a_prune_has_a_limit(opened: Opened) -> None:
    opened.bury(*[b"x"] * 5)
    opened.move(10.0)
    assert [opened.do(Prune(5.0, limit=3)) for _ in range(3)] == [3, 2, 0]


def test_a_retried_job_is_not_pruned(opened: Opened) -> None:
    (id,) = opened.bury(b"1")
    opened.move(10.0)
    opened.do(Retry("q"))
    assert opened.do(Prune(5.0)) == 0
    assert opened.states(id) == "ready"


# Move


def test_a_move_takes_all_jobs_but_the_leased_ones(opened: Opened) -> None:
    ready, delayed, leased, blocked, dead, done = every_state(opened)
    result = opened.run(Move("q", "new"))
    assert result.results == [5]
    assert result.freed == {"q"}
    assert result.woke == {"new"}
    assert opened.stats("q") == Stats(leased=1)
    # The head of its group stayed behind, so the blocked job is the head in the other queue.
    assert opened.stats("new") == Stats(ready=2, delayed=1, dead=1)
    assert opened.states(ready, delayed, leased, blocked, dead, done) == "ready delayed leased ready dead done"
    records = [opened.show(id) for id in (ready, delayed, leased, blocked, dead, done)]
    assert [record.queue for record in records if record is not None] == ["new", "new", "q", "new", "new", "new"]
    assert [job.payload for job in opened.claim(5, queue="new")] == [b"blocked", b"ready"]
    assert opened.do(Put("new", (NewJob(b"2", key="done"),)))[0].id == done
    assert opened.do(Retry("new")) == 1
    assert opened.store.check() == []


def test_moved_jobs_keep_their_order_among_those_that_are_there(opened: Opened) -> None:
    opened.put(b"1", queue="old")
    opened.put(b"2", queue="new")
    opened.put(b"3", queue="old")
    opened.put(b"4", queue="new", group="g")
    opened.put(b"5", queue="old", group="g")
    assert opened.do(Move("old", "new")) == 3
    assert [job.payload for job in opened.claim(9, queue="new")] == [b"1", b"2", b"3", b"4"]
    assert opened.stats("new") == Stats(leased=4, blocked=1)


def test_a_moved_job_has_no_key_that_the_other_queue_has(opened: Opened) -> None:
    (moved,) = opened.put(b"1", queue="old", key="k")
    opened.put(b"2", queue="old", key="l")
    (there,) = opened.put(b"3", queue="new", key="k")
    assert opened.do(Move("old", "new")) == 2
    assert [(job.payload, job.key) for job in opened.claim(5, queue="new")] == [
        (b"1", None),
        (b"2", "l"),
        (b"3", "k"),
    ]
    assert opened.put(b"4", queue="new", key="k") == [there]
    assert opened.put(b"5", queue="old", key="k") > [moved]


def test_a_move_has_a_limit(opened: Opened) -> None:
    opened.put(*[b"x"] * 7)
    assert [opened.do(Move("q", "new", limit=5)) for _ in range(3)] == [5, 2, 0]
    assert opened.stats("new") == Stats(ready=7)


@pytest.mark.parametrize("queue", ["q", "nowhere"])
def test_a_move_to_the_same_queue_or_from_an_unknown_one_does_nothing(opened: Opened, queue: str) -> None:
    opened.put(b"1")
    assert opened.do(Move(queue, "q")) == 0
    assert opened.stats() == Stats(ready=1)


def test_an_operation_on_an_unknown_queue_makes_no_job(opened: Opened) -> None:
    opened.results(Purge("x"), Retry("x"), Cancel("x", 1), Resume("x"), Move("x", "y"))
    assert all(stats == Stats() for stats in opened.do(ReadStats()).values())
