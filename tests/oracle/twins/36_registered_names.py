"""register and its rules."""

from __future__ import annotations

from functools import partial
from typing import Any

from regrow import Pid, process
from tests.oracle.twin import Twin, kill, say, try_say

twin = Twin("36_registered_names")


NO_NAMES: dict[str, object] = {"nil": None, "true": True, "false": False}


def sleeper() -> Pid:
    """A process that lives until it is ended."""
    return process.spawn(process.sleep, None)


@twin.block("register, whereis, unregister")
async def rules() -> None:
    pid = sleeper()
    say("register", process.register("n1", pid))
    say("whereis", process.whereis("n1") is pid)
    say("send by name", process.send("n1", "hi"))
    await try_say("register the name again", lambda: process.register("n1", process.current()))
    await try_say("register the pid under a second name", lambda: process.register("n2", pid))
    await try_say("register the same again", lambda: process.register("n1", pid))
    say("unregister", process.unregister("n1"))
    await try_say("unregister again", lambda: process.unregister("n1"))
    say("whereis", process.whereis("n1"))


WHY = "because it is not alive, the name is already taken, or it has already been given another name"
TAKEN = "the ValueError says which of the three it is"
for label, who, wanted, ours in (
    ("register the name again", "main", "n1", "<A> has that name"),
    ("register the pid under a second name", "A", "n2", "it has the name 'n1' already"),
    ("register the same again", "A", "n1", "it has the name 'n1' already"),
):
    twin.differs(
        "register, whereis, unregister",
        f'{label}: {{:ERROR, %ArgumentError{{message: "could not register <{who}> with name :{wanted} {WHY}"}}}}',
        f"{label}: {{:ERROR, %ValueError{{message: \"could not register <{who}> as '{wanted}': {ours}\"}}}}",
        because=TAKEN,
    )
twin.differs(
    "register, whereis, unregister",
    r'unregister again: {:ERROR, %ArgumentError{message: "errors were found at the given arguments:\n\n'
    r'  * 1st argument: not a pid\n"}}',
    "unregister again: {:ERROR, %ValueError{message: \"could not unregister 'n1': no process has this name\"}}",
    because="the error is Python's, and says what is wrong",
)


@twin.block("freed at death")
async def freed() -> None:
    pid = sleeper()
    process.register("n3", pid)
    await kill(pid)
    say("whereis", process.whereis("n3"))
    say("register anew", process.register("n3", process.current()))


@twin.block("a dead process cannot be registered")
async def dead() -> None:
    pid = sleeper()
    await kill(pid)
    await try_say("register", lambda: process.register("n4", pid))


twin.differs(
    "a dead process cannot be registered",
    f'register: {{:ERROR, %ArgumentError{{message: "could not register <A> with name :n4 {WHY}"}}}}',
    "register: {:ERROR, %ValueError{message: \"could not register <A> as 'n4': it is not alive\"}}",
    because=TAKEN,
)


@twin.block("bad names")
async def bad_names() -> None:
    pid = sleeper()
    wanted: Any
    for label, wanted in NO_NAMES.items():
        await try_say(label, partial(process.register, wanted, pid))
    say("whereis of an unknown", process.whereis("unknown"))


CLAUSE = (
    "{:ERROR, %FunctionClauseError{module: Process, function: :register, arity: 2, kind: nil, args: nil, clauses: nil}}"
)
for label, no_name in NO_NAMES.items():
    twin.differs(
        "bad names",
        f"{label}: {CLAUSE}",
        f'{label}: {{:ERROR, %TypeError{{message: "register: wanted a name (a string or a class), got {no_name}"}}}}',
        because="the error is Python's for a wrong type",
    )
for label in (":undefined", "a string"):
    twin.differs(
        "bad names",
        f"{label}: {CLAUSE}",
        None,
        because='strings are the names here, and "undefined" is one like any other',
    )


@twin.block("in the exiting process's DOWN handler the name is free already")
async def free_at_down() -> None:
    for _ in range(200):
        pid = sleeper()
        process.register("n5", pid)
        await kill(pid)
        assert process.whereis("n5") is None
    say("200 times free at DOWN", True)
