# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Methods of services as messages: calls, casts, arguments, and timeouts."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, cast

import pytest

from regrow import (
    CallTimeout,
    Service,
    Stop,
    call,
    process,
    send,
    service,
    system,
)
from regrow.behaviours.service.methods import Later
from tests.behaviours.service.services import Queue, letter

pytestmark = pytest.mark.regrow


class TestMessages:
    async def test_a_call_answers_and_a_cast_does_not(self) -> None:
        queue = await Queue.start_link([1, 2])
        assert await queue.dequeue() == 1
        queue.enqueue(3)
        assert [await queue.dequeue() for _ in range(3)] == [2, 3, None]

    async def test_messages_are_handled_in_order(self) -> None:
        queue = await Queue.start_link()
        for number in range(100):
            queue.enqueue(number)
        assert [await queue.dequeue() for _ in range(100)] == list(range(100))

    async def test_a_method_may_be_def_or_async_def(self) -> None:
        class Both(Service):
            def __init__(self) -> None:
                self.seen: list[str] = []

            @service.call
            async def ask(self, word: str) -> str:
                await asyncio.sleep(0)
                return word

            @service.cast
            async def record(self, word: str) -> None:
                await process.sleep(0.0)
                self.seen.append(word)

            @service.call
            def words(self) -> list[str]:
                return self.seen

        both = await Both.start_link()
        assert await both.ask("a") == "a"
        both.record("b")
        assert await both.words() == ["b"]

    async def test_a_def_may_return_a_coroutine(self) -> None:
        """`call` is compiled where the kernel is: its coroutine is awaited like any other."""
        queue = await Queue.start_link([1, 2, 3, 4, 5])

        class Caller(Service):
            def __init__(self) -> None:
                self.asked = 0

            @service.call
            def ask(self) -> Coroutine[Any, Any, int]:
                self.asked += 1
                return call(queue, ("Queue.dequeue",))

            @service.call
            async def ask_oneself(self) -> int:
                return await self.ask()

            @service.call
            def ask_and_stop(self) -> Coroutine[Any, Any, int]:
                self.then(Stop("normal"))
                return call(queue, ("Queue.dequeue",))

            @service.cast
            def record(self) -> Coroutine[Any, Any, None]:
                return call(queue, ("Queue.dequeue",))

            @service.info(str)
            def on_text(self, _: str) -> Coroutine[Any, Any, None]:
                return call(queue, ("Queue.dequeue",))

            @service.call
            def future(self) -> asyncio.Future[None]:
                return asyncio.get_running_loop().create_future()

        caller = await Caller.start()
        assert await caller.ask() == 1
        assert await caller.ask_oneself() == 2
        caller.record()
        send(caller, "now")
        assert isinstance(await caller.future(), asyncio.Future)  # an object as it is
        assert await caller.ask_and_stop() == 5
        assert not process.alive(caller)

    async def test_replies_of_any_class_arrive(self) -> None:
        class Echo(Service):
            @service.call
            def same(self, one: Any) -> Any:
                return one

            @service.call
            def later(self, one: Any) -> Later[Any]:
                return Later.now(one)

            @service.call
            async def soon(self, one: Any) -> Any:
                return one

        echo = await Echo.start_link()
        for one in (1, "a", None, object(), 2, 3, Later, Echo, (), None):
            assert await echo.same(one) is one
            assert await echo.later(one) is one
            assert await echo.soon(one) is one

    async def test_every_kind_of_parameter_arrives(self) -> None:
        class Wide(Service):
            @service.call
            def ask(self, a: int, /, b: int = 2, *rest: int, c: int, d: int = 4, **more: int) -> tuple[Any, ...]:
                return a, b, rest, c, d, more

        wide = await Wide.start_link()
        assert await wide.ask(1, c=3) == (1, 2, (), 3, 4, {})
        assert await wide.ask(1, 9, 8, 7, c=3, d=5, e=6) == (1, 9, (8, 7), 3, 5, {"e": 6})
        assert await wide.ask(1, b=9, c=3) == (1, 9, (), 3, 4, {})

    async def test_a_wrong_argument_is_the_callers_error(self) -> None:
        queue = await Queue.start_link([1])
        with pytest.raises(TypeError, match=r"enqueue\(\) missing 1 required positional argument: 'value'"):
            queue.enqueue()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        with pytest.raises(TypeError, match="unexpected keyword argument 'now'"):
            await queue.dequeue(now=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        assert await queue.dequeue() == 1

    async def test_a_message_is_a_tuple_that_names_its_method(self) -> None:
        queue = await Queue.start_link()
        await system.suspend(queue)
        queue.enqueue(7)
        (waiting,) = process.info(queue, "messages")
        assert waiting.request == ("Queue.enqueue", 7)

    async def test_calls_come_from_plain_tasks_too(self) -> None:
        queue = await Queue.start_link([1, 2])
        answers = await asyncio.gather(asyncio.create_task(queue.dequeue()), asyncio.create_task(queue.dequeue()))
        assert sorted(cast("list[int]", answers)) == [1, 2]

    async def test_a_default_is_evaluated_once_as_pythons_are(self) -> None:
        class Kept(Service):
            @service.call
            def same(self, one: list[int] = []) -> list[int]:  # noqa: B006
                return one

        kept = await Kept.start_link()
        assert await kept.same() is await kept.same()


class TestTimeouts:
    async def test_a_call_waits_five_seconds(self) -> None:
        queue = await Queue.start_link()
        begin = process.monotonic()
        with pytest.raises(CallTimeout) as raised:
            await queue.slow(10.0)
        assert process.monotonic() - begin == 5.0
        letter(raised, "('Queue.slow', 10.0)", "within 5.0 s")

    async def test_a_method_may_have_its_own_timeout(self) -> None:
        class Patient(Service):
            @service.call(timeout=timedelta(minutes=1))
            async def slow(self, delay: float) -> None:
                await process.sleep(delay)

            @service.call(timeout=None)
            async def slower(self, delay: float) -> str:
                await process.sleep(delay)
                return "done"

        patient = await Patient.start_link()
        await patient.slow(59.0)
        with pytest.raises(CallTimeout, match=r"within 60\.0 s"):
            await patient.slow(61.0)
        assert await patient.slower(86_400.0) == "done"

    async def test_within_applies_to_one_call(self) -> None:
        queue = await Queue.start_link()
        patient = service.within(queue, 20.0)
        assert await patient.slow(10.0) == "slept"
        assert patient == queue
        assert isinstance(patient, Queue)
        with pytest.raises(CallTimeout, match=r"within 0\.5 s"):
            await service.within(patient, 0.5).slow(1.0)

    async def test_within_needs_a_handle_and_seconds(self) -> None:
        queue = await Queue.start_link()
        with pytest.raises(TypeError, match=r"wanted a handle, as start_link\(…\) or at\(…\) returns it; got 3"):
            service.within(3, 1.0)
        with pytest.raises(ValueError, match="within"):
            service.within(queue, -1.0)

    async def test_a_negative_timeout_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"@service\.call\(timeout=\)"):
            service.call(timeout=-1.0)
