"""The lesson's SimpleQueue, and its CronJob with a short interval."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import (
    CallReturn,
    CastReturn,
    ChildSpec,
    From,
    GenServer,
    NoClause,
    NoReply,
    Ok,
    Pid,
    Reply,
    Supervisor,
    call,
    cast,
    process,
)
from tests.oracle.twin import Twin, ev, kill, mailbox, name, result, say, settle

twin = Twin("00_lesson")


class SimpleQueue(GenServer[list[int]], named=True):
    @classmethod
    async def queue(cls) -> Any:
        return await call(cls, "queue")

    @classmethod
    def enqueue(cls, value: int) -> None:
        cast(cls, ("enqueue", value))

    @classmethod
    async def dequeue(cls) -> Any:
        return await call(cls, "dequeue")

    def handle_call(self, request: object, _from: From, state: list[int]) -> CallReturn[list[int]]:
        match request, state:
            case "dequeue", [value, *rest]:
                return Reply(value, rest)
            case "dequeue", []:
                return Reply(None, [])
            case "queue", _:
                return Reply(state, state)
            case _:
                raise NoClause(request)

    def handle_cast(self, request: object, state: list[int]) -> CastReturn[list[int]]:
        match request:
            case ("enqueue", int(value)):
                return NoReply([*state, value])
            case _:
                raise NoClause(request)


Job = tuple[Callable[[str], None], str, float]


class CronJob(GenServer[Job]):
    def init(self, job: Job) -> Ok[Job]:
        self.schedule_work(job)
        return Ok(job)

    def handle_info(self, message: object, job: Job) -> CastReturn[Job]:
        match message:
            case "perform_job":
                function, argument, _ = job
                function(argument)
                self.schedule_work(job)
                return NoReply(job)
            case _:
                raise NoClause(message)

    def schedule_work(self, job: Job) -> None:
        process.send_after(process.current(), "perform_job", job[2])


def do_work(job_name: str) -> None:
    ev(f"{job_name} Complete!")


def bad_work(job_name: str) -> None:
    ev(f"{job_name} about to fail")
    raise RuntimeError(f"{job_name} failed")


async def start_supervisor(job: Job) -> Pid:
    return await Supervisor.start_link([ChildSpec(CronJob, (CronJob.start_link, (job,)))], strategy="one_for_one")


@twin.block("queue session")
async def queue_session() -> None:
    say("start_link [1, 2, 3]", await result(SimpleQueue.start_link([1, 2, 3])))
    say("dequeue", await SimpleQueue.dequeue())
    say("dequeue", await SimpleQueue.dequeue())
    say("queue", await SimpleQueue.queue())
    SimpleQueue.enqueue(20)
    say("enqueue 20", "ok")
    say("queue", await SimpleQueue.queue())
    say("dequeue", await SimpleQueue.dequeue())
    say("dequeue", await SimpleQueue.dequeue())
    say("dequeue of the empty queue", await SimpleQueue.dequeue())
    say("start_link again", await result(SimpleQueue.start_link([9])))


@twin.block("cron job under a supervisor: killed, it is restarted and goes on")
async def cron_job() -> None:
    supervisor = await start_supervisor((do_work, "Job Number 1", 0.1))
    await settle(250)
    [child] = await Supervisor.which_children(supervisor)
    say("child", child)
    say("killed", await kill(child.pid))
    await settle(250)
    [again] = await Supervisor.which_children(supervisor)
    say("same process?", child.pid is again.pid)
    say("count", await Supervisor.count_children(supervisor))


@twin.block("a job that fails every time: 3 restarts, then the supervisor gives up")
async def failing_job() -> None:
    process.trap_exit(True)
    supervisor = await start_supervisor((bad_work, "Job Number 1", 0.05))
    name(supervisor, "sup")
    say("main got", await mailbox(400))
    say("supervisor alive?", process.alive(supervisor))
