# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""A service that calls its own methods."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CallingSelf,
    Pid,
    Service,
    process,
    send,
    service,
)
from regrow.behaviours.service.methods import Later
from regrow.testing import expect_message
from tests.behaviours.service.services import Queue, letter

pytestmark = pytest.mark.regrow


class TestInside:
    """A service's own methods called from inside the service."""

    async def test_a_call_to_itself_runs_in_place_and_a_cast_waits_its_turn(self) -> None:
        class Selfish(Queue):
            @service.call
            async def two(self) -> list[int | None]:
                self.enqueue(9)
                return [await self.dequeue(), await self.dequeue()]

            @service.call
            async def nap(self) -> str:
                return await self.slow(1.0)

        selfish = await Selfish.start_link([1])
        assert await selfish.two() == [1, None]
        assert await selfish.dequeue() == 9
        assert await selfish.nap() == "slept"

    async def test_super_works_as_in_python(self) -> None:
        class Loud(Queue):
            @service.call
            async def length(self) -> int:
                return 100 + await super().length()

            @service.cast
            def enqueue(self, value: int) -> None:
                super().enqueue(value * 2)
                super().enqueue(value * 2 + 1)

        loud = await Loud.start_link()
        loud.enqueue(4)
        assert await loud.length() == 102
        assert await Queue.at(loud).dequeue() == 8
        Queue.at(loud).enqueue(1)
        assert await Queue.at(loud).length() == 103

    async def test_an_async_cast_of_super_explains_how_to_call_it(self) -> None:
        class Base(Service):
            @service.cast
            async def notify(self, to: Pid) -> None:
                send(to, "base")

        class Derived(Base):
            @service.cast
            async def notify(self, to: Pid) -> None:
                try:
                    super().notify(to)
                except TypeError as error:
                    send(to, str(error))
                await Base.notify.function(self, to)

        derived = await Derived.start_link()
        derived.notify(process.current())
        assert "Base.notify.function(self, …)`" in await expect_message()
        assert await expect_message() == "base"

    async def test_a_bound_method_in_another_process_calls_the_service(self) -> None:
        class Busy(Service):
            @service.call
            def where(self) -> Pid:
                return process.current()

            @service.cast
            def lend(self, to: Pid) -> None:
                send(to, self.where)

        busy = await Busy.start_link()
        busy.lend(process.current())
        where: Any = await process.receive()
        assert await where() is process.whereis(busy)

    async def test_a_service_cannot_wait_for_itself(self) -> None:
        class Knot(Service):
            @service.call
            def wait(self) -> Later[int]:
                return Later()

            @service.call
            def known(self) -> Later[int]:
                return Later.now(3)

            @service.call
            async def tie(self) -> str:
                assert await self.known() == 3
                try:
                    await self.wait()
                except CallingSelf as error:
                    return str(error)
                return "?"

        assert "called its own wait(…)" in await (await Knot.start_link()).tie()

    async def test_an_object_without_a_process_raises(self) -> None:
        queue = Queue([1])
        with pytest.raises(RuntimeError) as raised:
            await queue.dequeue()
        letter(
            raised, "Queue(…) has no process", "queue = await Queue.start_link(…)", "Queue.dequeue.function(queue, …)"
        )
        with pytest.raises(RuntimeError, match="has no process"):
            queue.enqueue(1)
        assert Queue.dequeue.function(queue) == 1

    async def test_a_method_called_on_the_class_raises(self) -> None:
        on_the_class: Any = Queue
        for method, how in (("dequeue", "await queue.dequeue(…)"), ("enqueue", "    queue.enqueue(…)")):
            with pytest.raises(TypeError) as raised:
                getattr(on_the_class, method)(1)
            letter(raised, f"Queue.{method}(…) was called on the class", "await Queue.start_link(…)", "Queue.at(", how)

    async def test_an_object_that_leaves_its_service_sends_like_a_handle(self) -> None:
        class Leaky(Queue):
            @service.call
            def leak(self) -> Leaky:
                return self

        leaky = await Leaky.start_link([1, 2])
        inside = await leaky.leak()
        inside.enqueue(3)
        assert await inside.dequeue() == 1
        assert repr(inside) == f"<the inside of Leaky {process.whereis(leaky)}>"
