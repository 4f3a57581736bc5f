"""An exception between any two lines of the kernel: work in progress is finished or undone, and reported once."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import regrow
from regrow import Down, Exited, Pid, compiled, process, send
from tests.matrix.cells import Echo, run_cell

KERNEL = str(Path(regrow.__file__).parent / "kernel")

pytestmark = [
    pytest.mark.skipif(compiled, reason="compiled code has no lines"),
    pytest.mark.timeout(300),
]


class Interruption:
    """Raises at the n-th line of the kernel that runs in its block."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self.at = at
        self.error = error
        self.lines = 0
        self.place = ""

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        """Trace function for `sys.settrace`."""
        if not frame.f_code.co_filename.startswith(KERNEL):
            return None
        # A step, also one that is handed over, is undone by assignments, which Python never interrupts.
        if event == "line" and not self.place and frame.f_code.co_name not in ("hand_over", "step"):
            # A line that returns a constant raises nothing, and Python checks for signals at calls and loops alone.
            if linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip() in ("return True", "return False"):
                return self.trace
            self.lines += 1
            if self.lines == self.at:
                self.place = f"{frame.f_code.co_name}, line {frame.f_lineno}"
                raise self.error("broken off")
        return self.trace

    @contextmanager
    def here(self) -> Generator[None]:
        """Run the block."""
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            with suppress(Exception):  # itself, or an exception of a start that it has ended
                yield
        finally:
            sys.settrace(before)


async def mail() -> list[Any]:
    """Return all messages that this process has got."""
    found: list[Any] = []
    while True:
        try:
            found.append(await process.receive(timeout=0.01))
        except TimeoutError:
            return found


async def an_exit(broken: Interruption) -> None:
    async def linked(to: Pid) -> None:
        process.link(to)
        await process.receive(str)

    async def trapping(to: Pid) -> None:
        process.trap_exit(True)
        await linked(to)

    victim = process.spawn_link(process.receive, str)
    process.register("victim", victim)
    others = [process.spawn(linked, victim), process.spawn(linked, victim), process.spawn(trapping, victim)]
    refs = [process.monitor(one) for one in [victim, *others]]
    await process.sleep(0.01)
    with broken.here():
        process.exit(victim, "boom")
    found = await mail()
    downs = sorted(one.ref for one in found if type(one) is Down)
    exits = [one for one in found if type(one) is Exited]
    alive = [process.alive(one) for one in [victim, *others]]
    if process.alive(victim):
        assert (downs, exits, alive) == ([], [], [True] * 4), broken.place
    else:
        assert (downs, len(exits), alive) == (refs[:3], 1, [False, False, False, True]), broken.place
        assert process.whereis("victim") is None, broken.place


async def a_message(broken: Interruption) -> None:
    async def passes_on(to: Pid) -> None:
        while True:
            send(to, await process.receive())

    async def selects(to: Pid) -> None:
        while True:
            send(to, await process.receive(lambda message: type(message) is str))

    for function in (passes_on, selects):
        pid = process.spawn(function, process.current())
        await process.sleep(0.01)
        with broken.here():
            send(pid, "first")
        send(pid, "second")
        assert await mail() in (["first", "second"], ["second"]), broken.place


async def a_spawn(broken: Interruption) -> None:
    with broken.here():
        process.spawn_monitor(process.sleep, 0.1)
    await process.sleep(1.0)
    assert [type(one) for one in await mail()] in ([Down], []), broken.place


async def a_start(broken: Interruption) -> None:
    with broken.here():
        await Echo.start(1, name="subject")
    held = process.whereis("subject")
    if held is not None:
        process.exit(held, "kill")
    await Echo.start(1, name="subject")


async def a_timer(broken: Interruption) -> None:
    with broken.here():
        process.send_after(process.current(), "first", 0.5)
    process.send_after(process.current(), "second", 1.0)
    await process.sleep(2.0)
    assert await mail() in (["first", "second"], ["second"]), broken.place


SCENARIOS: list[Callable[[Interruption], Awaitable[None]]] = [an_exit, a_message, a_spawn, a_start, a_timer]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_an_interrupted_operation_is_finished_or_undone(scenario: Callable[[Interruption], Awaitable[None]]) -> None:
    at = 0
    while True:
        at += 1
        broken = Interruption(at, MemoryError)
        assert run_cell(lambda broken=broken: scenario(broken)) == []  # type: ignore[misc]
        if not broken.place:
            break
    assert at > 10
