"""The times of the lesson's job: send_after after the work drifts by its duration; a send before it does not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from regrow import From, GenServer, NoReply, Ok, Pid, Reply, call, process
from tests.oracle.twin import Twin, say, settle

twin = Twin("75_cron_drift")


class Cron(GenServer[Any]):
    def init(self, job: tuple[str, int, int]) -> Ok[Any]:
        how, interval, work = job
        self.schedule(interval)
        return Ok((how, interval, work, []))

    def schedule(self, interval: int) -> None:
        process.send_after(process.current(), "perform_job", interval / 1000)

    async def handle_info(self, message: Any, job: Any) -> NoReply[Any]:
        assert message == "perform_job"
        how, interval, work, times = job
        now = process.monotonic() * 1000
        if how == "first":
            self.schedule(interval)
        await settle(work)
        if how == "last":
            self.schedule(interval)
        return NoReply((how, interval, work, [*times, now]))

    def handle_call(self, request: Any, _from: From, job: Any) -> Reply[Any]:
        assert request == "gaps"
        return Reply([after - before for before, after in pairwise(job[3])], job)


async def gaps_about(milliseconds: int, how: str, interval: int, work: int) -> None:
    pid: Pid = await Cron.start_link((how, interval, work))
    await settle(500)
    gaps: list[float] = await call(pid, "gaps")
    say(f"gaps about {milliseconds}", bool(gaps) and all(abs(gap - milliseconds) < 0.001 for gap in gaps))


twin.add("scheduled after the work (as in the lesson): period = interval + work", gaps_about, 80, "last", 50, 30)
twin.add("scheduled before the work: period = interval", gaps_about, 80, "first", 80, 30)
twin.add("work longer than the interval: runs back to back, never two at once", gaps_about, 60, "first", 20, 60)


@twin.block("a callback that blocks delays every other request")
async def blocks() -> None:
    pid = await Cron.start_link(("last", 10, 150))
    await settle(40)
    began = process.monotonic()
    await call(pid, "gaps")
    say("call waited for the work", (process.monotonic() - began) * 1000 > 50)
