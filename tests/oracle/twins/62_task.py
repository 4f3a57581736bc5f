"""Task.async/await, yield, shutdown; linked tasks and crashes."""

from __future__ import annotations

from typing import Any

from regrow import Exit, Exited, Pid, process
from regrow.behaviours.task.task import Task
from regrow.kernel.exits import CallExit
from tests.oracle.terms import Text, Thrown
from tests.oracle.twin import Twin, down, exit_reason_of, mailbox, result, say, settle, try_say

twin = Twin("62_task")


async def for_ever() -> Any:
    await process.receive(lambda _: False)


async def late(milliseconds: float, value: Any) -> Any:
    await settle(milliseconds)
    return value


async def leave(reason: object) -> Any:
    raise Exit(reason)


async def upper(text: str) -> Text:
    return Text(text.upper())


def given(value: Any) -> Any:
    return value


async def place_of(waiting: Any, *parts: Any) -> Any:
    """The exit of a wait, without the task in it."""
    try:
        return await waiting
    except CallExit as error:
        reason, place = error.reason
        assert isinstance(place, tuple)
        return ("EXIT", (reason, (*place[:2], *parts)))


@twin.block("async and await")
async def async_and_await() -> None:
    task: Task[Any] = Task.async_(given, 1 + 1)
    say("task", sorted(Task.__slots__))
    say("owner is me", task.owner is process.current())
    say("await", await task.await_())
    say("mfa", await Task.async_(upper, "x").await_())
    say("await_many", await Task.await_many([Task.async_(given, 1), Task.async_(late, 20, 2)]))
    say("nothing is left in the mailbox", await mailbox(20))


@twin.block("the reply message of a task that nobody awaits")
async def nobody_awaits() -> None:
    task: Task[Any] = Task.async_(given, "result")
    await settle()
    messages = say("mailbox", await mailbox())
    say("its ref is the task's", messages[0][0] is task.ref)


@twin.block("await times out: the caller exits; the task is linked and lives or dies with it")
async def await_times_out() -> None:
    async def impatient() -> None:
        await Task.async_(for_ever).await_(0.02)

    reason, (module, function, (_, seconds)) = await exit_reason_of(impatient)
    say("caller", (reason, (module, function, ["task", round(seconds * 1000)])))
    task = Task.async_(late, 60, "late")
    _, (caught, _) = await place_of(task.await_(0.01))
    say("caught", ("EXIT", caught))
    assert task.pid is not None
    say("task still alive", process.alive(task.pid))
    say("a late result: dropped, await demonitored and the alias is off", await mailbox(150))


CRASHES = "the task crashes: the link kills the caller with the same reason"


@twin.block(CRASHES)
async def crashes() -> None:
    async def awaits(function: Any, *args: Any) -> None:
        await Task.async_(function, *args).await_()

    async def raises(error: Exception) -> None:
        raise error

    async def killed() -> None:
        task = Task.async_(for_ever)
        assert task.pid is not None
        process.exit(task.pid, "kill")
        await task.await_()

    say("raise", await exit_reason_of(lambda: awaits(raises, RuntimeError("boom"))))
    say("exit", await exit_reason_of(lambda: awaits(leave, "oops")))
    reason, place = await exit_reason_of(lambda: awaits(leave, "normal"))
    say("exit :normal: no link death; await exits", (reason, place[:2]))
    say("exit :shutdown", await exit_reason_of(lambda: awaits(leave, "shutdown")))
    say("throw", await exit_reason_of(lambda: awaits(raises, Thrown("ball"))))
    say("killed", await exit_reason_of(killed))


twin.differs(
    CRASHES,
    "throw: {{:nocatch, :ball}, <stack>}",
    'throw: {%Thrown{message: "ball"}, <stack>}',
    because="Python has no throw: an uncaught throw is an exception",
)


@twin.block("the same, caller traps: await exits with {reason, mfa}, an EXIT message stays")
async def caller_traps() -> None:
    process.trap_exit(True)
    say("await", await place_of(Task.async_(leave, "oops").await_()))
    say("mailbox", await mailbox())
    say("await", await Task.async_(given, "fine").await_())
    say("a normal end leaves an EXIT message too", await mailbox())


@twin.block("await twice; await from another process")
async def await_twice() -> None:
    task: Task[Any] = Task.async_(given, 1)
    await task.await_()
    say("again", await place_of(task.await_(0.02)))
    other: Task[Any] = Task.async_(given, 1)
    error = await exit_reason_of(other.await_)
    assert isinstance(error, ValueError)
    say("another process", (type(error), "must be queried from the owner" in str(error)))


twin.differs(
    "await twice; await from another process",
    "another process: {:ArgumentError, true}",
    "another process: {ValueError, true}",
    because="an argument that is wrong is a ValueError in Python",
)


@twin.block("yield")
async def yielding() -> None:
    task = Task.async_(late, 60, "done")
    say("too early", await task.yield_(0.01))
    say("later", await task.yield_(0.5))
    say("again: nil at the timeout", await task.yield_(0.01))
    process.trap_exit(True)
    say("crashed", await Task.async_(leave, "oops").yield_(0.1))
    say("EXIT message", await mailbox())


@twin.block("yield_many")
async def yield_many() -> None:
    tasks: list[Task[Any]] = [Task.async_(given, 1), Task.async_(for_ever), Task.async_(given, 3)]
    say("results", [outcome for _, outcome in await Task.yield_many(tasks, 0.06)])
    say("shutdown of the slow one", await tasks[1].shutdown("brutal_kill"))


@twin.block("shutdown")
async def shutdown() -> None:
    async def answers() -> str:
        process.trap_exit(True)
        message = await process.receive(Exited)
        return "saw_shutdown" if message.reason == "shutdown" else "saw_something"

    async def stays() -> None:
        process.trap_exit(True)
        await for_ever()

    say("of a running one", await Task.async_(for_ever).shutdown())
    done: Task[Any] = Task.async_(given, "done")
    await settle()
    say("of one that is done: its result", await done.shutdown())
    answering = Task.async_(answers)
    await settle(20)
    say("of one that traps and answers", await answering.shutdown())
    staying = Task.async_(stays)
    await settle(20)
    say("of one that traps and does not end, 30 ms: killed", await staying.shutdown(0.03))
    say("brutal_kill", await Task.async_(for_ever).shutdown("brutal_kill"))
    say("nothing is left in the mailbox, I live", await mailbox(30))


@twin.block("ignore")
async def ignore() -> None:
    say("ignore", Task.async_(late, 60, "x").ignore())
    say("mailbox", await mailbox(120))


@twin.block("Task.start, start_link")
async def start_and_start_link() -> None:
    async def linked() -> None:
        await Task.start_link(leave, "oops")
        await settle()
        raise Exit("survived")

    say("start", (await result(Task.start(leave, "oops")))[0])
    await settle(20)
    say("start_link that crashes", await exit_reason_of(linked))
    say("mailbox", await mailbox(10))


@twin.block("the caller dies: the linked task dies with it")
async def caller_dies() -> None:
    main = process.current()

    async def caller(reason: str) -> None:
        process.send(main, Task.async_(for_ever).pid)
        await process.receive(is_end)
        raise Exit(reason)

    for reason, label in (("bye", "task down with"), ("normal", "the caller ends normally: the task lives on")):
        pid = process.spawn(caller, reason)
        task = await process.receive(Pid)
        ref = process.monitor(task)
        process.send(pid, "end")
        say(label, await down(ref, 60))
        process.exit(task, "kill")


def is_end(message: object) -> bool:
    return message == "end"


@twin.block("Task.completed")
async def completed() -> None:
    await try_say("await", lambda: Task.completed(1).await_())
