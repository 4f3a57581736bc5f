"""The reports of a supervisor, of a crashing process and of a task."""

from __future__ import annotations

from regrow import Exit, Supervisor, cast, process
from regrow.behaviours.agent.agent import Agent
from regrow.behaviours.task.task import Task
from tests.oracle.actors import child
from tests.oracle.twin import Twin, attempt, kill, logs, name, result, say, settle

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


async def boom(_state: object = None) -> None:
    raise RuntimeError("boom")


@twin.block("a task that raises")
async def task() -> None:
    name(await Task.start(boom), "task")
    await logs()


@twin.block("a plain process that raises")
async def plain() -> None:
    name(process.spawn(boom), "plain")
    await logs()


@twin.block("a plain process that exits abnormally logs nothing")
async def exits() -> None:
    async def oops() -> None:
        raise Exit("oops")

    process.spawn(oops)
    await logs()


@twin.block("an agent that raises")
async def agent() -> None:
    pid = name(await Agent.start(lambda: 0), "agent")
    await attempt(lambda: Agent.update(pid, boom))
    await logs()


WITH_SIZES = (
    "    Dictionary: []\n    Trapping Exits: false\n    Status: :running\n"
    "    Heap Size: <n>\n    Stack Size: <n>\n    Reductions: <n>"
)
twin.differs(
    "supervised start",
    "    Initial Call: T.Child.init/1",
    "    Initial Call: Child.init",
    because="a function has no arity in Python",
)
twin.differs(
    "supervised start",
    WITH_SIZES,
    "    Dictionary: %{}\n    Trapping Exits: false",
    because="a process dictionary is a dict, and processes here have no heap, stack or reductions of their own",
)
for theirs, ours, because in (
    (
        "log [error] GenServer <agent> terminating",
        "log [error] GenServer <agent> (AgentServer) terminating",
        "a server without a name is shown with its class",
    ),
    (
        "    Last message (from <main>): {:update, <fun>}",
        "    Last message (from <main>): {:update, <fun>, {}}",
        "the arguments of the function travel beside it",
    ),
    ("    \n        <stack>", "        <stack>", "no empty line stands before the lines at which the client waits"),
    (
        "    Initial Call: anonymous fn/0 in :elixir_compiler_0.__FILE__/1",
        "    Initial Call: agent.<locals>.<lambda>",
        "a function is shown with its place",
    ),
    (
        WITH_SIZES,
        "    Dictionary: %{}\n    Trapping Exits: false",
        "a process dictionary is a dict, and processes here have no heap, stack or reductions of their own",
    ),
):
    twin.differs("an agent that raises", theirs, ours, because=because)
twin.differs(
    "a task that raises", "    Function: <fun>", "    Function: boom", because="a function has a name in Python"
)
twin.differs(
    "a task that raises",
    "log [error] Process <task> terminating\n    ** (RuntimeError) boom\n        <stack>\n"
    "    Initial Call: anonymous fn/0 in :elixir_compiler_0.__FILE__/1\n    Ancestors: [<main>]\n"
    "    Message Queue Length: 0\n    Messages: []\n    Links: []\n"
    '    Dictionary: ["$callers": [<main>]]\n    Trapping Exits: false\n    Status: :running\n'
    "    Heap Size: <n>\n    Stack Size: <n>\n    Reductions: <n>",
    None,
    because="one death of a task is reported once, as newer Elixir does",
)
