"""The reports of a supervisor, of a crashing process and of a task."""

from __future__ import annotations

from regrow import Exit, Supervisor, cast, process
from tests.oracle.twin import Twin, child, kill, logs, name, result, say, settle

twin = Twin("70_logs_supervision", logs="sasl")


@twin.block("supervised start")
async def supervised() -> None:
    sup = await Supervisor.start_link([child("a")], max_restarts=1, name="My.Sup")
    await logs()
    say("-- a crashes")
    cast("a", "crash")
    await settle()
    await logs()
    say("-- a is killed: over the limit")
    process.unlink(sup)
    await kill("a")
    await settle()
    await logs()


@twin.block("start failure")
async def start_failure() -> None:
    process.trap_exit(True)
    await result(Supervisor.start_link([child("b", init=("stop", "bad"))], name="My.Sup2"))
    await logs()


@twin.block("a child killed at its shutdown limit")
async def killed() -> None:
    sup = await Supervisor.start_link([child("c", trap=True, linger=500, shutdown=0.02)], name="My.Sup3")
    await logs()
    await Supervisor.stop(sup)
    await logs()


twin.open_block("a task that raises", needs="Task")


@twin.block("a plain process that raises")
async def plain() -> None:
    async def boom() -> None:
        raise RuntimeError("boom")

    name(process.spawn(boom), "plain")
    await logs()


@twin.block("a plain process that exits abnormally logs nothing")
async def exits() -> None:
    async def oops() -> None:
        raise Exit("oops")

    process.spawn(oops)
    await logs()


twin.open_block("an agent that raises", needs="Agent")


twin.differs(
    "supervised start",
    "    Initial Call: T.Child.init/1",
    "    Initial Call: Child.init",
    because="a function has no arity in Python",
)
twin.differs(
    "supervised start",
    "    Dictionary: []\n    Trapping Exits: false\n    Status: :running\n"
    "    Heap Size: <n>\n    Stack Size: <n>\n    Reductions: <n>",
    "    Dictionary: %{}\n    Trapping Exits: false",
    because="a process dictionary is a dict, and processes here have no heap, stack or reductions of their own",
)
