"""A receive that is cancelled at the moment its message is chosen puts the message back into its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from regrow import Down, Node, process


class Letter(str):
    """A message with its own class."""

    __slots__ = ()


MATCHES: dict[str, Any] = {
    "predicate": lambda message: message == "B",  # pyright: ignore[reportUnknownLambdaType]
    "class": Letter,
    "classes": (Letter, bytes),
}


async def left_of(receiver: Callable[[], Any], sends: list[object], late: list[object]) -> list[object]:
    """Return the messages of a process whose receive was cancelled after its message had been chosen.

    Args:
        receiver: the function the process runs before it takes its messages, oldest first.
        sends: the messages sent to it before it begins.
        late: the messages sent to it while it waits; its receive matches the last one.
    """
    me = process.current()

    async def run() -> None:
        try:
            await receiver()
        except asyncio.CancelledError:
            shown = process.info(process.current(), "messages")
            taken = [await process.receive(timeout=0) for _ in sends + late]
            process.send(me, (shown, taken))

    pid, _ = process.spawn_monitor(run)
    for message in sends:
        process.send(pid, message)
    await process.sleep(1)
    task = pid.process.task  # type: ignore[union-attr]
    for message in late:
        process.send(pid, message)
    task.cancel()  # type: ignore[union-attr]
    answer: Any = await process.receive(lambda message: isinstance(message, tuple))
    shown: list[object]
    taken: list[object]
    shown, taken = answer
    assert shown == taken
    await process.receive(Down)
    return taken  # pyright: ignore[reportUnknownVariableType]


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize("before", [[], ["A"], ["A", "A2"]])
@pytest.mark.parametrize("late", [["B"], ["C", "B"]])
async def test_a_chosen_message_keeps_its_place(node: Node, match: str, before: list[str], late: list[str]) -> None:
    async def waits() -> None:
        with pytest.raises(asyncio.CancelledError):
            await process.receive(MATCHES[match])
        raise asyncio.CancelledError

    mail = [Letter(one) if one == "B" else one for one in late]
    assert await left_of(waits, [*before], [*mail]) == [*before, *late]


async def test_a_timeout_at_the_moment_the_message_is_chosen(node: Node) -> None:
    """`asyncio.timeout` ends a receive whose message has been taken out of the middle of the mailbox."""
    me = process.current()

    async def run() -> None:
        task: Any = asyncio.current_task()
        try:
            async with asyncio.timeout(None) as limit:

                def fits(message: object) -> bool:
                    if message == "B":
                        limit.reschedule(0)
                        task.cancel()  # what the timeout does, when it has come
                    return message == "B"

                await process.receive(fits)
        except asyncio.CancelledError:
            task.uncancel()
        process.send(me, [await process.receive(timeout=0) for _ in range(3)])

    pid = process.spawn(run)
    for message in ("A", "B", "C"):
        process.send(pid, message)
    assert await process.receive(list) == ["A", "B", "C"]


async def test_the_value_of_a_task_in_flight_keeps_its_place(node: Node) -> None:
    """A `Down` and the value of a task go to their waiter directly, past the messages in the mailbox."""
    me = process.current()

    async def run() -> None:
        other, ref = process.spawn_monitor(process.receive)
        del other
        process.send(process.current(), "A")
        process.send(me, ref)
        try:
            await process.receive(lambda message: isinstance(message, Down))
        except asyncio.CancelledError:
            process.send(me, [await process.receive(timeout=0) for _ in range(3)])

    pid = process.spawn(run)
    ref = await process.receive()
    watched = ref.watched
    task = pid.process.task  # type: ignore[union-attr]
    process.send(watched, "end")
    process.send(pid, "B")
    process.exit(watched, "kill")
    task.cancel()  # type: ignore[union-attr]
    mail: Any = await process.receive(lambda message: isinstance(message, list))
    first, second, third = mail
    assert (first, second) == ("A", "B")
    assert third.ref is ref  # pyright: ignore[reportUnknownMemberType]


async def test_info_shows_a_message_in_flight_in_its_place(node: Node) -> None:
    """At the moment in between, info shows the messages as they were."""
    waiting = asyncio.Event()

    async def run() -> None:
        waiting.set()
        await process.receive(lambda message: message == "B")

    pid = process.spawn(run)
    process.send(pid, "A")
    await waiting.wait()
    await process.sleep(0)
    process.send(pid, "B")
    process.send(pid, "C")
    for _ in range(3):
        mail = process.info(pid, "messages") if process.alive(pid) else ["A", "B", "C"]
        assert mail in (["A", "B", "C"], ["A", "C"])
        await process.sleep(0)


@pytest.mark.parametrize("cancels", ["before", "in the predicate"])
async def test_a_predicate_that_raises_does_not_swallow_a_cancellation(node: Node, cancels: str) -> None:
    """As in asyncio, the cancellation replaces the exception, which stays visible as its context."""
    seen: list[BaseException] = []

    async def run() -> None:
        def raises(_message: object) -> bool:
            if cancels != "before":
                task.cancel()
            raise ValueError("a predicate")

        task: Any = asyncio.current_task()
        try:
            await process.receive(raises)
        except BaseException as error:
            seen.append(error)
            raise

    pid, _ = process.spawn_monitor(run)
    await process.sleep(1)
    task: Any = pid.process.task  # type: ignore[union-attr]
    process.send(pid, "any")
    if cancels == "before":
        task.cancel()
    await process.receive(Down)
    (error,) = seen
    assert isinstance(error, asyncio.CancelledError)
    if cancels != "before":
        assert isinstance(error.__context__, ValueError)
