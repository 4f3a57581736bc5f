"""exit to others and to oneself; Exit; trapping or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import Exit, Pid, process
from tests.oracle.terms import Text, term
from tests.oracle.twin import Twin, attempt, down, ev, exit_reason_of, kill, mailbox, name, say, settle, try_say

twin = Twin("32_exit_signals")


async def target(trap: bool) -> Pid:
    """A process that prints what it gets."""
    main = process.current()

    async def loop() -> None:
        process.trap_exit(trap)
        process.send(main, "ready")
        while True:
            ev("got", await process.receive())

    pid = process.spawn(loop)
    await process.receive()
    return pid


async def exit_of_another(trap: bool) -> None:
    """Every reason, sent to another process."""
    for reason in ("normal", "shutdown", ("shutdown", 1), "oops", "kill", "killed", Text("string"), (1, [2])):
        pid = name(await target(trap), "p")
        ref = process.monitor(pid)
        say(f"exit(p, {term(reason)})", process.exit(pid, reason))
        say("down", await down(ref, 30))
        process.demonitor(ref, flush=True)
        process.exit(pid, "kill")


for trap in (False, True):
    twin.add(f"Process.exit(other, reason), trap_exit {term(trap)}", exit_of_another, trap)


@twin.block("Process.exit(self(), reason)")
async def exit_of_oneself() -> None:
    def not_trapping(reason: object) -> Callable[[], Any]:
        def function() -> None:
            process.exit(process.current(), reason)
            raise Exit("survived")

        return function

    def trapping(reason: object) -> Callable[[], Any]:
        async def function() -> None:
            process.trap_exit(True)
            process.exit(process.current(), reason)
            raise Exit(("survived", await mailbox(10)))

        return function

    for reason in ("normal", "shutdown", "oops", "kill"):
        say(f"not trapping, {term(reason)}", await exit_reason_of(not_trapping(reason)))
        say(f"trapping, {term(reason)}", await exit_reason_of(trapping(reason)))


def leaves(reason: object) -> Callable[[], None]:
    """A function that leaves its process with `reason`."""

    def function() -> None:
        raise Exit(reason)

    return function


@twin.block("exit/1 can be caught, an exit signal cannot")
async def caught() -> None:
    async def catches(function: Callable[[], Any]) -> None:
        await attempt(function)
        raise Exit("survived")

    def with_finally() -> None:
        try:
            raise Exit("oops")
        finally:
            ev("after block")

    async def sleeps(word: str) -> None:
        try:
            await process.sleep(None)
        finally:
            ev(f"after block {word}: never printed")

    say("exit(:oops) caught", await exit_reason_of(lambda: catches(leaves("oops"))))
    say("exit(:normal) ends the process", await exit_reason_of(leaves("normal")))
    say("exit(:kill) is an ordinary reason", await exit_reason_of(leaves("kill")))
    signal = await exit_reason_of(lambda: catches(lambda: process.exit(process.current(), "oops")))
    say("Process.exit(self(), :oops) in try", signal)
    say("after blocks run for exit/1", await exit_reason_of(with_finally))
    pid = process.spawn(sleeps, "of the killed")
    await settle(10)
    say("killed", await kill(pid))
    pid = process.spawn(sleeps, "on an exit signal")
    await settle(10)
    say("exit signal :oops", await kill(pid, "oops"))


twin.differs(
    "exit/1 can be caught, an exit signal cannot",
    """killed: :killed
exit signal :oops: :oops""",
    """<B> after block of the killed: never printed
killed: :killed
<C> after block on an exit signal: never printed
exit signal :oops: :oops""",
    because="a killed coroutine is cancelled at its await, and its `finally` runs: what holds a socket must let go of it",
)


@twin.block(":kill through a link is not :kill: the linked process gets :killed, and can trap it")
async def through_a_link() -> None:
    process.trap_exit(True)
    pid = process.spawn_link(process.sleep, None)
    process.exit(pid, "kill")
    say("mailbox", await mailbox(20))
    name(process.spawn_link(leaves("kill")), "p")
    say("exit(:kill) through a link", await mailbox(20))

    async def linked() -> None:
        process.spawn_link(leaves("kill"))
        await settle()
        raise Exit("survived")

    say("exit(:kill) through a link to one that does not trap", await exit_reason_of(linked))


@twin.block("how errors become reasons")
async def errors() -> None:
    def raises() -> None:
        raise ValueError("bad")

    def custom() -> None:
        raise LookupError("custom")

    say("raise", await exit_reason_of(raises))
    say(":erlang.error", await exit_reason_of(custom))
    say("badarith", await exit_reason_of(lambda: 1 / len("")))
    say("returns anything: normal", await exit_reason_of(lambda: ("error", "x")))


twin.differs(
    "how errors become reasons",
    """raise: {%ArgumentError{message: "bad"}, <stack>}
throw: {{:nocatch, :ball}, <stack>}
:erlang.error: {:custom, <stack>}
badmatch: {{:badmatch, 2}, <stack>}""",
    """raise: {%ValueError{message: "bad"}, <stack>}
:erlang.error: {%LookupError{message: "custom"}, <stack>}""",
    because="only exceptions are raised in Python, and they are the reasons; there is neither throw nor a failing match",
)
twin.differs(
    "how errors become reasons",
    "undefined function: {:undef, <stack>}",
    None,
    because="an unknown function is an AttributeError where it is named, before a process runs it",
)


@twin.block("bad use")
async def bad_use() -> None:
    await try_say("exit of no pid", lambda: process.exit("name", "oops"))  # type: ignore[arg-type]


twin.differs(
    "bad use",
    r'exit of no pid: {:ERROR, %ArgumentError{message: "errors were found at the given arguments:\n\n  * 1st argument: not a pid\n"}}',
    "exit of no pid: {:ERROR, %TypeError{message: \"exit: wanted a pid, got 'name'. For a name: exit(whereis(name), reason)\"}}",
    because="the error is Python's for a wrong type, and says what to do",
)
