# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Messages of services that are no calls or casts: `info` and `every`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    Down,
    Pid,
    Service,
    Stop,
    Supervisor,
    process,
    send,
    service,
)
from regrow.testing import expect_message
from tests.behaviours.service.services import Queue

pytestmark = pytest.mark.regrow


class TestInfo:
    async def test_a_message_goes_to_the_method_of_its_class(self) -> None:
        @dataclass
        class News:
            word: str

        class Special(News):
            pass

        class Reader(Service):
            def __init__(self) -> None:
                self.seen: list[Any] = []

            @service.info(News)
            def news(self, message: News) -> None:
                self.seen.append(("news", message.word))

            @service.info(str)
            @service.info(int)
            async def simple(self, message: str | int) -> None:
                await process.sleep(0.0)
                self.seen.append(("simple", message))

            @service.info(Down)
            def down(self, message: Down) -> None:
                self.seen.append(("down", message.reason))

            def handle_info(self, message: object, /) -> None:
                self.seen.append(("other", message))

            @service.call
            def watch(self, pid: Pid) -> None:
                process.monitor(pid)

            @service.call
            def all(self) -> list[Any]:
                return self.seen

        reader = await Reader.start_link()
        for message in (News("a"), Special("b"), "c", 4, 5.0):
            send(reader, message)
        await reader.watch(process.spawn(lambda: None))
        await process.sleep(0.1)
        assert await reader.all() == [
            ("news", "a"),
            ("news", "b"),
            ("simple", "c"),
            ("simple", 4),
            ("other", 5.0),
            ("down", "noproc"),
        ] or (await reader.all())[-1] == ("down", "normal")

    async def test_an_unexpected_message_is_logged(self, reports: list[Any]) -> None:
        queue = await Queue.start_link([1])
        send(queue, "hello")
        assert await queue.dequeue() == 1
        assert [report.kind for report in reports] == ["unexpected message"]


class TestEvery:
    async def test_a_periodic_method_runs_without_drift(self) -> None:
        class Clock(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            @service.every(2.0)
            async def tick(self) -> None:
                await process.sleep(0.5)
                send(self.to, process.monotonic())

            @service.every(timedelta(seconds=7))
            def tock(self) -> None:
                send(self.to, "tock")

        begin = process.monotonic()
        await Clock.start_link(process.current())
        received = [await expect_message(timeout=10.0) for _ in range(5)]
        assert received == [begin + 2.5, begin + 4.5, begin + 6.5, "tock", begin + 8.5]

    async def test_missed_ticks_are_skipped(self) -> None:
        class Slow(Service):
            def __init__(self) -> None:
                self.times: list[float] = []
                self.begin = process.monotonic()

            @service.every(1.0)
            async def tick(self) -> None:
                self.times.append(process.monotonic() - self.begin)
                if len(self.times) == 1:
                    await process.sleep(3.5)

            @service.call
            def all(self) -> list[float]:
                return self.times

        slow = await Slow.start_link()
        await process.sleep(7.5)
        assert await slow.all() == [1.0, 5.0, 6.0, 7.0]

    async def test_an_interval_ends_with_its_service_and_restarts_with_it(self) -> None:
        class Once(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            @service.every(1.0)
            def tick(self) -> None:
                send(self.to, "tick")
                self.then(Stop("normal"))

        await Supervisor.start_link([(Once, process.current())])
        begin = process.monotonic()
        for _ in range(3):
            await expect_message(timeout=5.0)
        assert process.monotonic() - begin == pytest.approx(3.0, abs=0.1)
