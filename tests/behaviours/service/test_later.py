# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Replies that come later, and results that say what comes next."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    CalleeExit,
    CallTimeout,
    Continue,
    Exit,
    Pid,
    Service,
    Stop,
    process,
    send,
    service,
)
from regrow.behaviours.service.methods import Later
from regrow.testing import expect_down, expect_message

pytestmark = pytest.mark.regrow


class TestLater:
    async def test_another_message_may_give_the_reply(self) -> None:
        class Mailbox(Service):
            def __init__(self) -> None:
                self.waiting: deque[Later[int]] = deque()

            @service.call
            def take(self) -> Later[int]:
                self.waiting.append(Later())
                return self.waiting[-1]

            @service.cast
            def put(self, value: int) -> None:
                self.waiting.popleft().reply(value)

        mailbox = await Mailbox.start_link()
        caller = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        mailbox.put(5)
        assert await caller == 5

    async def test_one_later_answers_earlier_and_later_callers(self) -> None:
        class Gate(Service):
            def __init__(self) -> None:
                self.opened: Later[str] = Later()

            @service.call
            async def wait_open(self) -> Later[str]:
                return self.opened

            @service.cast
            def open(self, how: str) -> None:
                self.opened.reply(how)

        gate = await Gate.start_link()
        callers = [asyncio.create_task(gate.wait_open()) for _ in range(3)]
        await asyncio.sleep(0)
        gate.open("wide")
        gate.open("a second answer is dropped")
        assert await asyncio.gather(*callers) == ["wide"] * 3
        assert await gate.wait_open() == "wide"

    async def test_a_later_may_have_its_value_already(self) -> None:
        class Ready(Service):
            @service.call
            def ask(self) -> Later[int]:
                return Later.now(3)

            @service.call
            def ask_early(self) -> Later[int]:
                later: Later[int] = Later()
                later.reply(4)
                return later

        ready = await Ready.start_link()
        assert (await ready.ask(), await ready.ask_early()) == (3, 4)

    async def test_callers_that_timed_out_are_forgotten(self) -> None:
        never: Later[int] = Later()

        class Never(Service):
            @service.call(timeout=0.1)
            def ask(self) -> Later[int]:
                return never

        deaf = await Never.start_link()
        for _ in range(200):
            with pytest.raises(CallTimeout):
                await deaf.ask()
        assert len(never._calls) < 20

    def test_the_repr_of_a_later_shows_its_value(self) -> None:
        never: Later[int] = Later()
        assert (repr(never), repr(Later.now(3))) == ("Later()", "Later.now(3)")


class TestThen:
    async def test_a_stop_comes_after_the_reply(self) -> None:
        class Last(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            @service.call
            def leave(self, reason: object) -> str:
                self.then(Stop(reason))
                return "bye"

            @service.call
            async def leave_slowly(self, reason: object) -> str:
                await process.sleep(1.0)
                self.then(Stop(reason))
                return "bye"

            @service.cast
            def go(self) -> None:
                self.then(Stop("normal"))

            def terminate(self, reason: object, /) -> None:
                send(self.to, ("terminate", reason))

        for leave in (Last.leave, Last.leave_slowly):
            last = await Last.start(process.current())
            ref = process.monitor(last)
            assert await getattr(last, leave.name)("normal") == "bye"
            assert await expect_message(tuple) == ("terminate", "normal")
            assert await expect_down(ref) == "normal"
        last = await Last.start(process.current())
        ref = process.monitor(last)
        last.go()
        assert await expect_down(ref) == "normal"

    async def test_a_caller_that_waits_for_a_later_gets_the_stop(self) -> None:
        class Rude(Service):
            @service.call
            def ask(self) -> Later[int]:
                self.then(Stop("shutdown"))
                return Later()

        rude = await Rude.start()
        with pytest.raises(CalleeExit) as raised:
            await rude.ask()
        assert raised.value.reason[0] == "shutdown"

    async def test_a_timeout_is_a_message(self) -> None:
        class Idle(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to
                self.then(10.0)

            @service.cast
            def touch(self) -> None:
                self.then(timedelta(seconds=20))

            @service.call
            def forget(self) -> None:
                self.then(1.0)
                self.then(HIBERNATE)

            def handle_info(self, message: object, /) -> None:
                send(self.to, (message, process.monotonic()))

        begin = process.monotonic()
        idle = await Idle.start_link(process.current())
        assert await expect_message(timeout=100.0) == ("timeout", begin + 10.0)
        idle.touch()
        assert await expect_message(timeout=100.0) == ("timeout", begin + 30.0)
        await idle.forget()
        with pytest.raises(TimeoutError):
            await process.receive(timeout=100.0)

    async def test_a_continue_comes_before_queued_messages(self) -> None:
        class Loading(Service):
            def __init__(self) -> None:
                self.seen: list[str] = []
                self.then(Continue(self.load))

            async def load(self) -> None:
                await process.sleep(1.0)
                self.seen.append("loaded")

            @service.cast
            def note(self, word: str) -> None:
                self.seen.append(word)
                if word == "more":
                    self.then(Continue(self.load))

            @service.call
            def all(self) -> list[str]:
                return self.seen

        loading = await Loading.start_link()
        loading.note("more")
        loading.note("last")
        assert await loading.all() == ["loaded", "more", "loaded", "last"]

    async def test_handle_continue_is_a_callback(self) -> None:
        class Chained(Service):
            def __init__(self) -> None:
                self.left = 3
                self.then(Continue("down"))

            def handle_continue(self, arg: str, /) -> None:
                assert arg == "down"
                self.left -= 1
                if self.left:
                    self.then(Continue("down"))

            @service.call
            def get(self) -> int:
                return self.left

        assert await (await Chained.start_link()).get() == 0

    async def test_an_invalid_then_is_refused(self) -> None:
        class Wrong(Service):
            @service.call
            def say(self, what: Any) -> str:
                try:
                    self.then(what)
                except (TypeError, Exit) as error:
                    return str(error)
                return "fine"

            @service.call
            def no_continue(self) -> None:
                self.then(Continue("what"))

        wrong = await Wrong.start()
        assert "self is the state" in await wrong.say(Stop("normal", 3))
        assert "self is the state" in await wrong.say(Stop("normal", reply=3))
        assert "a timeout of seconds" in await wrong.say(-1)
        assert "a timeout of seconds" in await wrong.say("soon")
        ref = process.monitor(wrong)
        await wrong.no_continue()
        assert "has no handle_continue" in str(await expect_down(ref))

    async def test_then_works_only_in_the_process_of_the_service(self) -> None:
        class Shared(Service):
            @service.call
            def leak(self) -> Shared:
                return self

        inside = await (await Shared.start_link()).leak()
        with pytest.raises(RuntimeError, match="then: only a service's own methods may use it"):
            inside.then(1.0)
        with pytest.raises(RuntimeError, match="caller: only a service's own methods may use it"):
            Shared().caller()
