"""Tasks: starts, handles, and callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, cast

import pytest

from regrow import (
    Down,
    GenServer,
    NoReply,
    Reply,
    Supervisor,
    call,
    child_spec,
    process,
)
from regrow.behaviours.task.task import Task
from regrow.testing import expect_idle, expect_message
from tests.behaviours.task.tasks import clean, for_ever, messages, sleeps

pytestmark = pytest.mark.regrow


VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="nothing")


def is_word(word: str) -> Callable[[Any], bool]:
    def fits(message: Any) -> bool:
        return bool(message == word)

    return fits


class TestStartAndHandle:
    @pytest.mark.otp("TK-001")
    async def test_a_task_can_be_supervised(self) -> None:
        me = process.current()
        await Supervisor.start_link([(Task, lambda: process.send(me, "ran"))])
        await expect_message(is_word("ran"))
        spec = child_spec((Task, for_ever))
        assert (spec.id, spec.restart, spec.args) == (Task, "temporary", (for_ever,))
        assert child_spec((Task, (sleeps, 1.0))).args == (sleeps, 1.0)

    async def test_child_spec_of_a_subclass(self) -> None:
        class Mailer(Task[None], id="mailer", restart="permanent", shutdown="brutal_kill"):
            pass

        spec = Mailer.child_spec(for_ever)
        assert (spec.id, spec.restart, spec.shutdown) == ("mailer", "permanent", "brutal_kill")

    @pytest.mark.otp("TK-003")
    async def test_async_sends_the_value_and_a_down(self) -> None:
        """The value comes to the owner's mailbox as (ref, value), and then a Down, as in OTP."""

        async def work(what: str) -> str:
            await process.receive(is_word("go"))
            return what

        task = Task.async_(work, "value")
        await expect_idle()
        assert task.pid is not None
        assert task.owner is process.current()
        assert task.mfa == (work.__module__, work.__qualname__, 1)
        assert task.pid in process.info(process.current(), "links")
        assert process.info(task.pid, "initial_call") is work
        process.send(task.pid, "go")
        await expect_idle()
        assert messages() == [(task.ref, "value"), Down(task.ref, task.pid, "normal")]

    async def test_an_argument_that_is_no_function_is_refused(self) -> None:
        with pytest.raises(TypeError, match="Pass the function"):
            Task.async_(cast("Any", "function"))

    async def test_a_plain_asyncio_task_has_no_mailbox_for_the_value(self) -> None:
        async def plain() -> None:
            with pytest.raises(RuntimeError, match="plain asyncio task"):
                Task.async_(for_ever)

        await asyncio.ensure_future(plain())

    async def test_a_server_may_take_the_value_as_a_message(self) -> None:
        class Server(GenServer[Any]):
            def handle_call(self, request: Any, _from: Any, state: Any) -> Any:
                if request == "start":
                    return Reply(None, Task.async_(lambda: "value"))
                return Reply(state, state)

            def handle_info(self, message: Any, state: Any) -> Any:
                match message:
                    case (ref, value) if ref is state.ref:
                        process.demonitor(ref, flush=True)
                        return NoReply(value)
                    case _:
                        raise AssertionError(message)

        server = await Server.start_link()
        await call(server, "start")
        await expect_idle()
        assert await call(server, "value") == "value"

    @pytest.mark.otp("TK-005")
    async def test_callers_of_async(self) -> None:
        async def inner() -> Any:
            return Task.callers()

        async def outer() -> Any:
            return process.current(), Task.callers(), await Task.async_(inner).await_()

        assert Task.callers() == ()
        parent, seen, inside = await Task.async_(outer).await_()
        assert seen == (process.current(),)
        assert inside == (parent, process.current())

    async def test_a_process_that_a_task_spawns_is_no_task(self) -> None:
        async def work() -> Any:
            server = await Asks.start_link()
            return await call(server, "callers")

        class Asks(GenServer[None]):
            def handle_call(self, _request: Any, _from: Any, state: None) -> Reply[None]:
                return Reply(Task.callers(), state)

        assert await Task.async_(work).await_() == ()

    async def test_a_task_has_the_context_variables_of_its_owner(self) -> None:
        VARIABLE.set("request 7")
        assert await Task.async_(VARIABLE.get).await_() == "request 7"

    @pytest.mark.otp("TK-007")
    async def test_completed_returns_a_finished_task(self) -> None:
        task = Task.completed("done")
        assert task.pid is None
        assert await task.await_() == "done"
        assert Task.completed("done").ignore() == ("ok", "done")
        assert clean()

    @pytest.mark.otp("TK-009")
    async def test_callers_of_start_link(self) -> None:
        me = process.current()

        async def inner() -> None:
            process.send(me, ("inner", Task.callers()))

        async def outer() -> None:
            process.send(me, ("outer", Task.callers(), process.current()))
            await Task.start_link(inner)
            await for_ever()

        await Task.start_link(outer)
        _, seen, parent = await expect_message()
        assert seen == (me,)
        assert await expect_message() == ("inner", (parent, me))

    async def test_start_is_not_linked_and_start_link_is(self) -> None:
        alone, linked = await Task.start(for_ever), await Task.start_link(for_ever)
        assert process.info(process.current(), "links") == [linked]
        process.exit(alone, "oops")
        await expect_idle()
