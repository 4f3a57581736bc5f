"""Exit signals: reasons, kills, trapping, and their order with messages."""

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
    """A reason arrives unchanged, however large and nested."""
    reason = ("big", [{"deep": (number, [str(number)] * 5)} for number in range(200)], b"x" * 10_000)

    async def child() -> None:
        raise Exit(("big", [{"deep": (number, [str(number)] * 5)} for number in range(200)], b"x" * 10_000))

    process.trap_exit(True)
    pid = process.spawn_link(child)
    assert await expect_message(Exited) == Exited(pid, reason)


@pytest.mark.otp("PR-003")
async def test_exit_normal_to_another(node: Node) -> None:
    """A process that does not trap exits ignores exit(other, "normal")."""
    pid, ref = process.spawn_monitor(forever)
    assert process.exit(pid, "normal") is True
    await process.sleep(1)
    assert process.alive(pid)
    assert messages() == []
    process.exit(pid, "kill")
    assert await expect_down(ref) == "killed"


@pytest.mark.otp("PR-004")
async def test_exit_to_oneself_while_trapping(node: Node) -> None:
    """A process that traps exits finds its own signal in its mailbox when exit returns, even the reason "normal"."""
    me = process.current()
    process.trap_exit(True)
    assert process.exit(me, "reason") is True
    assert messages() == [Exited(me, "reason")]
    process.exit(me, "normal")
    assert messages() == [Exited(me, "reason"), Exited(me, "normal")]


@pytest.mark.otp("PR-006")
async def test_exit_to_oneself(node: Node) -> None:
    """A process that does not trap exits dies where it sends itself a reason."""
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
    """A signal that comes at the moment a receive times out ends the process once, with its reason."""
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
    """An error raised by the child, or by a function it calls, is its reason, and keeps its traceback lines."""

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
    """ "kill" ends a process that traps exits; links and monitors see "killed"."""

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
    """Messages and signals of one sender arrive in the order sent."""

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
async def test_the_reason_of_each_kind_of_end(node: Node) -> None:
    """An exception is the reason, an `Exit` gives the reason it carries, and a return gives "normal".

    Python has no throw. The nearest thing, an exception outside `Exception`, is the reason itself, too.
    """

    class Thrown(BaseException):
        """An exception that `except Exception` does not catch."""

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
async def test_a_process_runs_def_and_async_def(node: Node) -> None:
    """The returned value is not the reason of the end, and a StopIteration does not count as a return."""

    class Socket:
        """An object with a `send` method that is no coroutine."""

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
