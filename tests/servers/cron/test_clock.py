"""Steps of the wall clock, nights on which it changes, and time in suspend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from regrow import process
from regrow.servers.cron.when.schedules import at, cron, every
from tests.servers.cron.helpers import START, Recording, clock, history, rows, start

pytestmark = pytest.mark.regrow


async def test_a_step_forward_is_caught_up_at_once() -> None:
    job = Recording()
    server = await start(job.job(cron("0 * * * *")))
    await process.sleep(100)
    clock().step_wall(5 * 3600)
    await process.sleep(1)
    assert job.starts == [5 * 3600]
    assert await rows(server) == [(3600, "coalesced", None), (5 * 3600, "caught_up", "succeeded")]
    (first, _) = await history(server)
    assert first.ticks == 4


async def test_a_step_back_repeats_no_tick_of_the_wall_clock() -> None:
    job = Recording()
    server = await start(job.job(cron("* * * * *")))
    await process.sleep(601)
    clock().step_wall(-300)
    await process.sleep(420)
    assert job.starts == [60.0 * n for n in range(1, 13)]
    assert len({tick.key for tick in await history(server)}) == 12


async def test_an_interval_keeps_its_pace_when_the_clock_is_set_back() -> None:
    job = Recording()
    server = await start(job.job(every(60)))
    await process.sleep(601)
    clock().step_wall(-307.5)
    await process.sleep(300)
    assert len(job.starts) == 15
    keys = [tick.key for tick in await history(server)]
    assert len(set(keys)) == 15
    assert job.at[10:] == pytest.approx([660 - 307.5 + 60 * n for n in range(5)], abs=1e-3)


async def test_an_interval_with_an_own_anchor_stays_at_it() -> None:
    job = Recording()
    await start(job.job(every(60, anchor=datetime(1970, 1, 1, tzinfo=UTC))))
    await process.sleep(601)
    clock().step_wall(-90)
    await process.sleep(240)
    assert job.starts == [60.0 * n for n in range(1, 13)]


async def test_a_clock_that_was_a_year_ahead_silences_no_job() -> None:
    job = Recording()
    server = await start(job.job(cron("0 * * * *")))
    clock().step_wall(365 * 86_400)
    await process.sleep(3_601)
    clock().step_wall(-365 * 86_400)
    await process.sleep(3_601)
    assert len(job.starts) == 3
    reasons = sorted(tick.reason for tick in await history(server))
    assert reasons == ["coalesced", "missed", "ran", "ran", "ran"]
    assert job.starts[-1] == 2 * 3600


async def test_slewing_is_no_step(caplog: pytest.LogCaptureFixture) -> None:
    job = Recording()
    await start(job.job(every(60)))
    for _ in range(10):
        await process.sleep(60)
        clock().step_wall(-0.5)
    assert "stepped" not in caplog.text
    assert len(job.starts) in {9, 10}


@pytest.mark.parametrize(
    ("zone", "day", "expression", "wanted"),
    [
        ("Europe/Berlin", (2024, 3, 31), "30 2 * * *", ["2024-03-31T03:00:00+02:00"]),
        ("Europe/Berlin", (2024, 10, 27), "30 2 * * *", ["2024-10-27T02:30:00+02:00"]),
        ("Europe/Berlin", (2024, 10, 27), "0 */3 * * *", None),
        ("Pacific/Chatham", (2024, 4, 7), "0,30 3 * * *", ["2024-04-07T03:00:00+13:45", "2024-04-07T03:30:00+13:45"]),
        ("Pacific/Apia", (2011, 12, 30), "30 2 * * *", []),
        ("Africa/Cairo", (2024, 4, 26), "30 0 * * *", ["2024-04-26T01:00:00+03:00"]),
    ],
)
async def test_nights_on_which_the_clock_changes(
    zone: str, day: tuple[int, int, int], expression: str, wanted: list[str] | None
) -> None:
    place = ZoneInfo(zone)
    begin = datetime(*day, tzinfo=place) - timedelta(minutes=1)
    clock().set_wall(begin)
    job = Recording()
    server = await start(job.job(cron(expression, tz=zone)))
    length = (datetime(*day, tzinfo=place) + timedelta(days=1)).timestamp() - begin.timestamp()
    await process.sleep(length)
    found = [tick.scheduled_for.isoformat() for tick in await history(server)]
    if wanted is None:
        assert len(found) == len(set(found)) == 9
    else:
        assert [one for one in found if one[:10] == datetime(*day).date().isoformat()] == wanted  # noqa: DTZ001


async def test_a_nap_reads_the_wall_clock_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.servers.cron.scheduler.naps", bool)
    job = Recording()
    await start(job.job(at(START + timedelta(hours=8))))
    await process.sleep(100)
    clock().wall_ahead += 8 * 3600  # suspend: no timer and no step is seen
    await process.sleep(29.9)
    assert job.at != []


async def test_the_seed_of_the_jitter_makes_hosts_differ() -> None:
    one, other = Recording(), Recording()
    await start(one.job(every(100), jitter=50), seed="web-1", ledger="a")
    await start(other.job(every(100), jitter=50), seed="web-2", ledger="a")
    await process.sleep(501)
    assert one.starts == other.starts
    assert one.at != pytest.approx(other.at, abs=0.5)
