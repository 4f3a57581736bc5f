"""Task.Supervisor: async, async_nolink, start_child; restarts; its shutdown."""

from __future__ import annotations

from typing import Any

from regrow import Down, Exit, Pid, Supervisor, process
from regrow.behaviours.agent.agent import Agent
from regrow.behaviours.task.task import Task
from regrow.behaviours.task.task_supervisor import TaskSupervisor
from regrow.kernel.exits import CallExit
from tests.oracle.twin import Twin, down, ev, exit_reason_of, kill, mailbox, name, result, say, settle, try_say

twin = Twin("63_task_supervisor")


async def started(**options: Any) -> Pid:
    return name(await TaskSupervisor.start_link(**options), "sup")


async def for_ever() -> Any:
    await process.receive(lambda _: False)


async def leave(reason: object) -> Any:
    raise Exit(reason)


def given(value: Any) -> Any:
    return value


@twin.block("async_nolink: a crash is a DOWN message, or an exit of await")
async def async_nolink() -> None:
    sup = await started()
    await TaskSupervisor.async_nolink(sup, leave, "oops")
    say("mailbox", await mailbox())
    task = await TaskSupervisor.async_nolink(sup, leave, "oops")
    try:
        await task.await_()
    except CallExit as error:
        reason, place = error.reason
        assert isinstance(place, tuple)
        say("await", ("EXIT", (reason, place[:2])))
    say("yield", await (await TaskSupervisor.async_nolink(sup, leave, "oops")).yield_())
    await TaskSupervisor.async_nolink(sup, given, "fine")
    await settle()
    found = [("DOWN", one.reason) if isinstance(one, Down) else ("ref", one[1]) for one in await mailbox()]
    say("unawaited result, then DOWN normal", found)
    say("I am linked to the supervisor only", ("links", process.info(process.current(), "links")))


@twin.block("async: linked to the caller")
async def linked() -> None:
    sup = await started()

    async def caller() -> None:
        await (await TaskSupervisor.async_(sup, leave, "oops")).await_()

    say("caller", await exit_reason_of(caller))
    say("the supervisor lives", process.alive(sup))


@twin.block("start_child: temporary by default")
async def temporary() -> None:
    sup = await started()
    pid = await TaskSupervisor.start_child(sup, for_ever)
    say("children", await TaskSupervisor.children(sup))
    await kill(pid)
    await settle()
    say("children after a kill", await TaskSupervisor.children(sup))


def count(number: int) -> tuple[int, int]:
    return number + 1, number + 1


@twin.block("start_child with restart: :transient")
async def transient() -> None:
    sup = await started()
    counter = await Agent.start_link(int)

    async def work() -> None:
        number = await Agent.get_and_update(counter, count)
        ev(f"run {number}")
        if number < 3:
            raise Exit("oops")

    await TaskSupervisor.start_child(sup, work, restart="transient")
    await settle()
    say("runs", await Agent.get(counter, given))
    say("children", await TaskSupervisor.children(sup))


@twin.block("terminate_child")
async def terminate_child() -> None:
    sup = await started()
    pid = await TaskSupervisor.start_child(sup, for_ever)
    ref = process.monitor(pid)
    say("terminate_child", await result(TaskSupervisor.terminate_child(sup, pid)))
    say("down", await down(ref))
    say("again", await result(TaskSupervisor.terminate_child(sup, pid)))


@twin.block("the supervisor stops: nolink tasks are shut down")
async def supervisor_stops() -> None:
    sup = await started()
    task: Task[Any] = await TaskSupervisor.async_nolink(sup, for_ever)
    await Supervisor.stop(sup)
    say("yield", await task.yield_(0.1))


@twin.block("the owner of an async_nolink task ends: the task goes on")
async def owner_ends() -> None:
    sup = await started()
    main = process.current()

    async def owner() -> None:
        process.send(main, (await TaskSupervisor.async_nolink(sup, for_ever)).pid)
        raise Exit("bye")

    process.spawn(owner)
    pid = await process.receive(Pid)
    await settle()
    say("alive", process.alive(pid))


@twin.block("max_children")
async def max_children() -> None:
    sup = await TaskSupervisor.start_link(max_children=1)
    await TaskSupervisor.start_child(sup, for_ever)
    say("start_child", await result(TaskSupervisor.start_child(sup, given, 1)))
    await try_say("async_nolink raises", lambda: TaskSupervisor.async_nolink(sup, given, 1))


REACHED = 'async_nolink raises: {:ERROR, %RuntimeError{message: "reached the maximum number of tasks for this task supervisor.'
twin.differs(
    "max_children",
    REACHED
    + " The maximum number of tasks that are allowed to run at the same time under this supervisor can be configured"
    ' with the :max_children option passed to Task.Supervisor.start_link/1"}}',
    REACHED + '\\n  TaskSupervisor.start_link(max_children=…) sets how many tasks may run at the same time."}}',
    because="the letter names our own function",
)
