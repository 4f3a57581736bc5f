"""Exit signals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from regrow import Down, Exit, Exited, Node, Pid, process
from regrow.kernel.tracebacks import trace_of
from regrow.testing import expect_down, expect_idle, expect_message
from tests.kernel.process.processes import forever, messages


@pytest.mark.otp("PR-001")
async def test_a_large_nested_reason(node: Node) -> None:
    """A reason arrives as it was, however large and nested."""
    reason = ("big", [{"deep": (number, [str(number)] * 5)} for number in range(200)], b"x" * 10_000)

    async def child() -> None:
        raise Exit(("big", [{"deep": (number, [str(number)] * 5)} for number in range(200)], b"x" * 10_000))

    process.trap_exit(True)
    pid = process.spawn_link(child)
    assert await expect_message(Exited) == Exited(pid, reason)


@pytest.mark.otp("PR-003")
async def test_exit_normal_to_another(node: Node) -> None:
    """exit(other, "normal") is ignored by one that does not trap exits."""
    pid, ref = process.spawn_monitor(forever)
    assert process.exit(pid, "normal") is True
    await process.sleep(1)
    assert process.alive(pid)
    assert messages() == []
    process.exit(pid, "kill")
    assert await expect_down(ref) == "killed"


@pytest.mark.otp("PR-004")
async def test_exit_to_oneself_while_trapping(node: Node) -> None:
    """A process that traps exits finds its own signal in its mailbox when exit returns, "normal" as any other."""
    me = process.current()
    process.trap_exit(True)
    assert process.exit(me, "reason") is True
    assert messages() == [Exited(me, "reason")]
    process.exit(me, "normal")
    assert messages() == [Exited(me, "reason"), Exited(me, "normal")]


@pytest.mark.otp("PR-006")
async def test_exit_to_oneself(node: Node) -> None:
    """One that does not trap exits dies where it sends itself a reason."""
    went_on: list[int] = []

    async def suicide() -> None:
        process.exit(process.current(), ("because", 42))
        went_on.append(1)

    _, ref = process.spawn_monitor(suicide)
    assert await expect_down(ref) == ("because", 42)
    await expect_idle()
    assert went_on == []


@pytest.mark.otp("PR-008")
@pytest.mark.parametrize("first", ["receiver", "killer"])
async def test_an_exit_signal_with_a_timeout(node: Node, first: str, reports: list[Any]) -> None:
    """A signal that comes in the very moment in which a receive times out ends the process once, with its reason."""
    times_out: list[int] = []

    async def receiver() -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await process.receive(timeout=1)
            times_out.append(1)
        await forever()

    async def killer() -> None:
        await process.sleep(3)
        process.exit(names["receiver"], "exit")

    names: dict[str, Pid] = {}
    functions = {"receiver": receiver, "killer": killer}
    for name in sorted(functions, key=first.__ne__):
        names[name] = process.spawn(functions[name])
    ref = process.monitor(names["receiver"])
    assert await expect_down(ref, timeout=5) == "exit"
    await process.sleep(5)
    assert messages() == []
    assert len(times_out) in (2, 3)
    assert len(reports) == 0


@pytest.mark.otp("PR-010")
@pytest.mark.parametrize("where", ["user code", "a library"])
async def test_an_argument_error_in_a_linked_child(node: Node, where: str) -> None:
    """An error raised by the child, or by what it calls, is its reason, and knows the lines it came from."""

    async def child() -> None:
        if where == "a library":
            int("none")
        raise ValueError("argument")

    process.trap_exit(True)
    pid = process.spawn_link(child)
    exited = await expect_message(Exited)
    assert exited.pid is pid
    assert type(exited.reason) is ValueError
    assert [code.co_name for code, _ in trace_of(exited.reason)][-1] == "child"


@pytest.mark.otp("PR-011")
async def test_kill(node: Node) -> None:
    """ "kill" ends one that traps exits, and links and monitors see "killed"."""

    async def trapper() -> None:
        process.trap_exit(True)
        await forever()

    process.trap_exit(True)
    pid = process.spawn_link(trapper)
    ref = process.monitor(pid)
    await expect_idle()
    process.exit(pid, "kill")
    assert messages() == [Exited(pid, "killed"), Down(ref, pid, "killed")]


@pytest.mark.otp("PR-014")
async def test_exit_signals_in_order_with_messages(node: Node) -> None:
    """What one sender sends, messages and signals, arrives in its order."""

    async def trapper() -> None:
        process.trap_exit(True)
        process.send(me, "ready")
        process.send(me, [await process.receive() for _ in range(5)])

    me = process.current()
    pid = process.spawn(trapper)
    assert await expect_message() == "ready"
    process.send(pid, 1)
    process.exit(pid, "shutdown")
    process.send(pid, 2)
    process.exit(pid, "normal")
    process.send(pid, 3)
    assert await expect_message() == [1, Exited(me, "shutdown"), 2, Exited(me, "normal"), 3]


@pytest.mark.otp("PR-016")
async def test_reasons_of_ends(node: Node) -> None:
    """What is raised is the reason, what `Exit` carries is, and returning is "normal".

    Python has no throw. What comes nearest, an exception beside `Exception`, is its own reason, too.
    """

    class Thrown(BaseException):
        """Nobody catches this by `except Exception`."""

    async def raises(error: BaseException) -> None:
        raise error

    async def returns(value: object) -> object:
        return value

    error, thrown = KeyError("raised"), Thrown("x")
    for function, argument, reason in (
        (raises, error, error),
        (raises, thrown, thrown),
        (raises, Exit("y"), "y"),
        (raises, Exit(("shutdown", 1)), ("shutdown", 1)),
        (raises, Exit("kill"), "kill"),
        (raises, Exit(), "normal"),
        (returns, "anything", "normal"),
    ):
        pid, ref = process.spawn_monitor(function, argument)
        assert await expect_message(Down) == Down(ref, pid, reason)


@pytest.mark.otp("PR-016")
async def test_what_a_function_may_be(node: Node) -> None:
    """`def` and `async def` run as processes; what they return is no reason, and a StopIteration no return."""

    class Socket:
        """Has a `send`, and is no coroutine."""

        def send(self, data: object) -> object:
            return data

    async def returns() -> int:
        return 1

    def stops() -> None:
        raise StopIteration(1)

    async def reason_of(function: Any) -> Any:
        return await expect_down(process.spawn_monitor(function)[1])

    assert await reason_of(returns) == "normal"
    assert await reason_of(Socket) == "normal"

    async def yields() -> AsyncGenerator[int, None]:
        yield 1

    assert await reason_of(int) == "normal"
    assert isinstance(await reason_of(stops), RuntimeError)
    assert isinstance(await reason_of(yields), TypeError)
    text: Any = "x"
    assert isinstance(await reason_of(lambda: asyncio.sleep(text)), TypeError)
