"""Tasks: one thing to do beside others, and its value when it is wanted."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any, cast

import pytest

from regrow import (
    CalleeExit,
    CallTimeout,
    Down,
    Exit,
    Exited,
    GenServer,
    NoReply,
    Pid,
    Reply,
    Supervisor,
    call,
    child_spec,
    process,
)
from regrow.behaviours.task.task import Task
from regrow.behaviours.task.task_supervisor import TaskSupervisor
from regrow.ops.logs import words
from regrow.testing import expect_down, expect_idle, expect_message

pytestmark = pytest.mark.regrow

VARIABLE: ContextVar[str] = ContextVar("VARIABLE", default="nothing")


async def for_ever() -> Any:
    await process.sleep(1_000_000)


async def ends(reason: object) -> Any:
    raise Exit(reason)


async def sleeps(seconds: float) -> float:
    await process.sleep(seconds)
    return seconds


def missing() -> Any:
    return cast("Any", asyncio).no_such_function()


async def traps() -> Any:
    process.trap_exit(True)
    await for_ever()


def is_word(word: str) -> Callable[[Any], bool]:
    def fits(message: Any) -> bool:
        return bool(message == word)

    return fits


def pid_of(task: Task[Any]) -> Pid:
    assert task.pid is not None
    return task.pid


def messages() -> list[Any]:
    found: list[Any] = process.info(process.current(), "messages")
    return found


def clean() -> bool:
    """Nothing is left of tasks: no message, link or monitor."""
    me = process.current()
    return not messages() and process.info(me, "links") == [] and process.info(me, "monitors") == []


def fake(task: Task[Any], *contents: Any) -> None:
    """Messages of a task that is not watched any more, as the races bring them."""
    for content in contents:
        process.send(process.current(), content)


def unwatched() -> tuple[Task[Any], Any]:
    """A task without a process, and its ref."""
    task: Task[Any] = Task.completed(None)
    assert task.ignore() == ("ok", None)
    return task, task.ref


async def in_another(function: Callable[[], Any]) -> Any:
    """What a function gives or raises in another process."""

    async def attempt() -> Any:
        try:
            found = function()
            return await found if inspect.isawaitable(found) else found
        except Exception as error:
            return error

    return await Task.async_(attempt).await_()


async def gathered(stream: Any) -> list[Any]:
    return [outcome async for outcome in stream]


class TestStartAndHandle:
    @pytest.mark.otp("TK-001")
    async def test_it_can_be_supervised(self) -> None:
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
    async def test_async(self) -> None:
        """Adapted in nothing: the value comes to the owner's mailbox as (ref, value), and then a Down."""

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

    async def test_what_is_no_function(self) -> None:
        with pytest.raises(TypeError, match="Give the function"):
            Task.async_(cast("Any", "function"))

    async def test_a_plain_asyncio_task_has_no_mailbox_for_a_value(self) -> None:
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
    async def test_completed(self) -> None:
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


class TestAwait:
    @pytest.mark.otp("TK-011")
    async def test_a_value(self) -> None:
        task = Task.async_(sleeps, 0.5)
        assert await task.await_() == 0.5
        assert await Task.async_(process.get, "nothing").await_() is None
        await expect_idle()
        assert clean()

    async def test_a_timeout(self) -> None:
        task = Task.async_(sleeps, 1.0)
        with pytest.raises(CallTimeout, match="not done within") as caught:
            await task.await_(0.5)
        assert caught.value.reason == ("timeout", ("Task", "await", [task, 0.5]))
        await process.sleep(1.0)
        assert clean()

    @pytest.mark.parametrize("reason", ["normal", "shutdown", "oops", ("shutdown", 1)])
    async def test_an_exit(self, reason: object) -> None:
        process.trap_exit(True)
        task = Task.async_(ends, reason)
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        assert caught.value.reason == (reason, ("Task", "await", [task, 5.0]))
        assert messages() == [Exited(pid_of(task), reason)]

    @pytest.mark.otp("TK-014")
    async def test_what_is_raised_and_is_no_exit(self) -> None:
        """Adapted: Python has no throw; what is raised is the reason, with its lines."""
        process.trap_exit(True)

        async def raises() -> None:
            raise LookupError("unknown")

        task = Task.async_(raises)
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        reason, place = caught.value.reason
        assert isinstance(reason, LookupError)
        assert place == ("Task", "await", [task, 5.0])

    @pytest.mark.otp("TK-016")
    async def test_a_function_that_is_not_there(self) -> None:
        """Adapted: it is an AttributeError."""
        process.trap_exit(True)
        task: Task[Any] = Task.async_(missing)
        with pytest.raises(CalleeExit) as caught:
            await task.await_()
        assert isinstance(caught.value.reason[0], AttributeError)

    async def test_a_failure_takes_an_owner_along_that_does_not_trap_exits(self) -> None:
        async def owner() -> None:
            await Task.async_(ends, "oops").await_()

        await expect_down(process.spawn_monitor(owner)[1], "oops")

    @pytest.mark.otp("TK-019")
    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        error = await in_another(task.await_)
        assert isinstance(error, ValueError)
        assert "must be queried from the owner but was queried from <" in str(error)

    @pytest.mark.otp("TK-020")
    async def test_twice(self) -> None:
        """Adapted: as on the BEAM, the second time waits in vain; it never gives the value again."""
        task = Task.async_(lambda: "value")
        await task.await_()
        began = process.monotonic()
        with pytest.raises(CallTimeout):
            await task.await_(2.0)
        assert process.monotonic() - began == pytest.approx(2.0)


class TestAwaitMany:
    @pytest.mark.otp("TK-022")
    async def test_none(self) -> None:
        assert await Task.await_many([]) == []

    async def test_values_in_order(self) -> None:
        tasks = [Task.async_(sleeps, seconds) for seconds in (0.3, 0.1, 0.2)]
        assert await Task.await_many(tasks) == [0.3, 0.1, 0.2]
        await expect_idle()
        assert clean()

    @pytest.mark.otp("TK-024")
    async def test_an_extra_message_stays(self) -> None:
        """Adapted in nothing: values come to the mailbox."""
        task, ref = unwatched()
        fake(task, (ref, "first"), (ref, "second"))
        assert await Task.await_many([task]) == ["first"]
        assert messages() == [(ref, "second")]

    @pytest.mark.otp("TK-025")
    async def test_a_timeout(self) -> None:
        tasks = [Task.async_(for_ever), Task.async_(for_ever)]
        with pytest.raises(CallTimeout) as caught:
            await Task.await_many(tasks, 0)
        assert caught.value.reason == ("timeout", ("Task", "await_many", [tasks, 0]))
        assert process.info(process.current(), "monitors") == []

    async def test_the_timeout_is_for_all_together(self) -> None:
        tasks = [Task.async_(sleeps, 1.0), Task.async_(sleeps, 2.0)]
        with pytest.raises(CallTimeout):
            await Task.await_many(tasks, 1.5)

    @pytest.mark.otp("TK-026")
    async def test_a_normal_exit(self) -> None:
        tasks = [Task.async_(ends, "normal"), Task.async_(for_ever)]
        with pytest.raises(CalleeExit) as caught:
            await Task.await_many(tasks)
        assert caught.value.reason == ("normal", ("Task", "await_many", [tasks, 5.0]))
        assert process.info(process.current(), "monitors") == []

    @pytest.mark.otp("TK-028")
    async def test_another_process(self) -> None:
        theirs = Task.async_(for_ever)
        error = await in_another(lambda: Task.await_many([Task.completed(1), theirs]))
        assert isinstance(error, ValueError)
        assert repr(theirs) in str(error)


class TestYield:
    @pytest.mark.otp("TK-031")
    async def test_a_timeout(self) -> None:
        task = Task.async_(sleeps, 1.0)
        assert await task.yield_(0) is None
        assert await task.yield_(0.5) is None
        assert await task.yield_() == ("ok", 1.0)
        await expect_idle()
        assert clean()

    @pytest.mark.otp("TK-032")
    async def test_a_normal_exit(self) -> None:
        assert await Task.async_(ends, "normal").yield_() == ("exit", "normal")

    @pytest.mark.otp("TK-033")
    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        assert isinstance(await in_another(task.yield_), ValueError)

    @pytest.mark.otp("TK-034")
    async def test_many(self) -> None:
        process.trap_exit(True)
        tasks: list[Task[Any]] = [Task.async_(lambda: "value"), Task.async_(for_ever), Task.async_(ends, "oops")]
        assert await Task.yield_many(tasks, 0.1) == [
            (tasks[0], ("ok", "value")),
            (tasks[1], None),
            (tasks[2], ("exit", "oops")),
        ]

    @pytest.mark.otp("TK-037")
    async def test_many_with_a_limit(self) -> None:
        tasks = [Task.async_(sleeps, number) for number in (1, 2, 3)]
        await process.sleep(4.0)
        assert await Task.yield_many(tasks, None, limit=1) == [
            (tasks[0], ("ok", 1)),
            (tasks[1], None),
            (tasks[2], None),
        ]
        assert await Task.yield_many(tasks[1:], None, limit=2) == [(tasks[1], ("ok", 2)), (tasks[2], ("ok", 3))]

    @pytest.mark.otp("TK-038")
    async def test_fewer_than_the_limit(self) -> None:
        task = Task.async_(sleeps, 1.0)
        assert await Task.yield_many([task], None, limit=2) == [(task, ("ok", 1.0))]

    @pytest.mark.otp("TK-040")
    async def test_many_for_ever(self) -> None:
        tasks = [Task.async_(sleeps, seconds) for seconds in (30.0, 10.0, 20.0)]
        assert [outcome for _, outcome in await Task.yield_many(tasks, None)] == [
            ("ok", 30.0),
            ("ok", 10.0),
            ("ok", 20.0),
        ]

    @pytest.mark.parametrize(("on_timeout", "alive"), [("nothing", True), ("ignore", True), ("kill_task", False)])
    async def test_many_that_are_not_done_in_time(self, on_timeout: Any, alive: bool) -> None:
        task = Task.async_(for_ever)
        assert await Task.yield_many([task], 1.0, on_timeout=on_timeout) == [(task, None)]
        assert task.pid is not None
        assert process.alive(task.pid) is alive
        linked = process.info(process.current(), "links")
        assert linked == ([task.pid] if on_timeout == "nothing" else [])

    @pytest.mark.otp("TK-041")
    async def test_many_of_another_process(self) -> None:
        """Adapted: only the error of use, for there is no other node."""
        theirs = Task.async_(for_ever)
        error = await in_another(lambda: Task.yield_many([theirs]))
        assert isinstance(error, ValueError)
        assert repr(theirs) in str(error)

    async def test_wrong_options(self) -> None:
        with pytest.raises(ValueError, match="on_timeout"):
            await Task.yield_many([], on_timeout=cast("Any", "sleep"))
        with pytest.raises(ValueError, match="limit"):
            await Task.yield_many([], limit=0)


class TestIgnore:
    @pytest.mark.otp("TK-042")
    async def test_on_time(self) -> None:
        task = Task.async_(lambda: "value")
        await expect_idle()
        assert task.ignore() == ("ok", "value")
        with pytest.raises(CallTimeout):
            await task.await_(0)

    @pytest.mark.otp("TK-043")
    async def test_a_late_value(self) -> None:
        task = Task.async_(sleeps, 1.0)
        assert task.ignore() is None
        with pytest.raises(CallTimeout):
            await task.await_(0)
        await process.sleep(2.0)
        assert clean()

    async def test_one_that_has_failed_and_one_that_fails_later(self) -> None:
        process.trap_exit(True)
        task = Task.async_(ends, "oops")
        await expect_idle()
        assert task.ignore() == ("exit", "oops")
        assert messages() == [Exited(pid_of(task), "oops")]
        later = Task.async_(for_ever)
        later.ignore()
        assert later.pid is not None
        process.exit(later.pid, "oops")
        assert len(messages()) == 1

    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        assert isinstance(await in_another(task.ignore), ValueError)


class TestShutdown:
    @pytest.mark.otp("TK-046")
    @pytest.mark.parametrize("how", [5.0, "brutal_kill"])
    @pytest.mark.parametrize("reason", ["abnormal", "normal", "shutdown"])
    async def test_a_value_is_there(self, how: Any, reason: str) -> None:
        process.trap_exit(True)

        async def answers_and_ends(owner: Pid) -> None:
            received: Any = await process.receive()
            ref = received[0]
            process.send(owner, (ref, "value"))
            raise Exit(reason)

        task = Task.async_(answers_and_ends, process.current())
        assert task.pid is not None
        process.send(task.pid, (task.ref,))
        await expect_idle()
        assert await task.shutdown(how) == ("ok", "value")
        assert [type(message) for message in messages()] == [Exited]

    @pytest.mark.otp("TK-047")
    async def test_one_that_runs(self) -> None:
        task = Task.async_(for_ever)
        assert await task.shutdown() is None
        assert task.pid is not None
        assert not process.alive(task.pid)
        assert clean()

    @pytest.mark.otp("TK-048")
    @pytest.mark.parametrize("reason", ["abnormal", "normal"])
    async def test_one_that_has_ended_without_a_value(self, reason: str) -> None:
        process.trap_exit(True)
        task = Task.async_(ends, reason)
        await expect_idle()
        assert await task.shutdown() == ("exit", reason)

    async def test_one_that_takes_its_time_and_then_its_own_reason(self) -> None:
        async def lingers() -> None:
            process.trap_exit(True)
            await process.receive(Exited)
            await process.sleep(1.0)
            raise Exit("oops")

        task = Task.async_(lingers)
        await expect_idle()
        assert await task.shutdown() == ("exit", "oops")
        assert clean()

    @pytest.mark.otp("TK-052")
    async def test_a_completed_one(self) -> None:
        assert await Task.completed("value").shutdown() == ("ok", "value")
        task, ref = unwatched()
        fake(task, Down(ref, None, "oops"))
        assert await task.shutdown() == ("exit", "oops")

    @pytest.mark.otp("TK-053")
    async def test_another_process(self) -> None:
        task = Task.async_(for_ever)
        assert isinstance(await in_another(task.shutdown), ValueError)

    @pytest.mark.otp("TK-054")
    async def test_brutal_kill_of_one_that_traps_exits(self) -> None:
        task = Task.async_(traps)
        await expect_idle()
        assert await task.shutdown("brutal_kill") is None
        assert clean()

    async def test_one_that_traps_exits_is_killed_when_its_time_is_over(self) -> None:
        task = Task.async_(traps)
        await expect_idle()
        began = process.monotonic()
        assert await task.shutdown(2.0) == ("exit", "killed")
        assert process.monotonic() - began == pytest.approx(2.0)
        assert clean()

    @pytest.mark.otp("TK-056")
    async def test_one_whose_messages_are_taken(self) -> None:
        task = Task.async_(lambda: "value")
        await task.await_()
        await expect_idle()
        assert await task.shutdown() == ("exit", "noproc")

    @pytest.mark.otp("TK-057")
    async def test_the_owner_is_unlinked_first(self) -> None:
        async def owner() -> None:
            await Task.async_(for_ever).shutdown()
            raise Exit("survived")

        await expect_down(process.spawn_monitor(owner)[1], "survived")


concurrency = pytest.mark.parametrize("max_concurrency", [4, 2, 8])


class TestStream:
    @pytest.mark.otp("TK-058")
    @concurrency
    async def test_values(self, max_concurrency: int) -> None:
        stream = Task.async_stream([1, 2, 3, 4], sleeps, max_concurrency=max_concurrency)
        assert await gathered(stream) == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]

        def add(item: int, more: int) -> int:
            return item + more

        assert await gathered(Task.async_stream([1, 2], add, 10)) == [("ok", 11), ("ok", 12)]

    @pytest.mark.otp("TK-060")
    async def test_not_ordered(self) -> None:
        items = [0.4, 0.3, 0.2, 0.1]
        alone = Task.async_stream(items, sleeps, max_concurrency=1, ordered=False)
        assert await gathered(alone) == [("ok", item) for item in items]
        together = Task.async_stream(items, sleeps, max_concurrency=4, ordered=False)
        assert await gathered(together) == [("ok", item) for item in reversed(items)]

    @pytest.mark.otp("TK-061")
    @concurrency
    async def test_exits(self, max_concurrency: int) -> None:
        process.trap_exit(True)
        stream = Task.async_stream([1, 2, 3, 4], ends, max_concurrency=max_concurrency)
        assert await gathered(stream) == [("exit", number) for number in (1, 2, 3, 4)]
        assert clean()

    async def test_a_failure_takes_a_consumer_along_that_does_not_trap_exits(self) -> None:
        async def consumer() -> None:
            await gathered(Task.async_stream([1], ends))

        await expect_down(process.spawn_monitor(consumer)[1], 1)

    @pytest.mark.otp("TK-062")
    @concurrency
    async def test_nothing_is_left(self, max_concurrency: int) -> None:
        await gathered(Task.async_stream([1, 2, 3, 4], sleeps, max_concurrency=max_concurrency))
        await expect_idle()
        assert clean()
        assert len(process.processes()) == 2

    @pytest.mark.otp("TK-064")
    @concurrency
    async def test_a_timeout(self, max_concurrency: int) -> None:
        with pytest.raises(CallTimeout) as caught:
            await gathered(Task.async_stream([1e6] * 4, sleeps, max_concurrency=max_concurrency, timeout=0))
        assert caught.value.reason == ("timeout", ("Task.Supervised", "stream", [0]))
        await expect_idle()
        assert clean()

    async def test_a_timeout_that_kills_the_task(self) -> None:
        stream = Task.async_stream([0.1, 9.0, 0.2], sleeps, timeout=1.0, on_timeout="kill_task")
        assert await gathered(stream) == [("ok", 0.1), ("exit", "timeout"), ("ok", 0.2)]
        assert clean()

    @pytest.mark.otp("TK-066")
    @concurrency
    async def test_the_item_beside_the_reason(self, max_concurrency: int) -> None:
        process.trap_exit(True)
        stream = Task.async_stream([1, 2, 3, 4], ends, max_concurrency=max_concurrency, zip_input_on_exit=True)
        assert await gathered(stream) == [("exit", (number, number)) for number in (1, 2, 3, 4)]
        late = Task.async_stream([1e6, 0.5], sleeps, timeout=1.0, on_timeout="kill_task", zip_input_on_exit=True)
        assert await gathered(late) == [("exit", (1e6, "timeout")), ("ok", 0.5)]

    @pytest.mark.otp("TK-067")
    @concurrency
    async def test_any_time(self, max_concurrency: int) -> None:
        stream = Task.async_stream([1e3] * 4, sleeps, max_concurrency=max_concurrency, timeout=None)
        assert await gathered(stream) == [("ok", 1e3)] * 4

    @pytest.mark.otp("TK-069")
    @concurrency
    async def test_messages_to_its_inner_process_are_ignored(self, max_concurrency: int) -> None:
        """Adapted: the inner process is reached by way of the links of a task."""

        async def works(item: int) -> int:
            (spawner,) = process.info(process.current(), "links")
            for junk in (Down(Task.completed(1).ref, spawner, "oops"), "junk", ("timeout", 1)):
                process.send(spawner, junk)
            return item

        stream = Task.async_stream([1, 2, 3, 4], works, max_concurrency=max_concurrency)
        assert await gathered(stream) == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]

    @pytest.mark.otp("TK-070")
    async def test_callers(self) -> None:
        async def inner(_item: int) -> Any:
            return Task.callers()

        async def outer(_item: int) -> Any:
            ((_, inside),) = await gathered(Task.async_stream([1], inner))
            return process.current(), Task.callers(), inside

        ((_, (parent, seen, inside)),) = await gathered(Task.async_stream([1], outer))
        assert seen == (process.current(),)
        assert inside == (parent, process.current())

    @pytest.mark.otp("TK-072")
    async def test_items_that_are_a_stream_cut_short(self) -> None:
        async def items() -> AsyncIterator[int]:
            stream = Task.async_stream([1, 2, 3, 4], sleeps, max_concurrency=2)
            async with aclosing(aiter(stream)) as outcomes:
                async for _, value in outcomes:
                    yield int(value)
                    if value == 2:
                        break
            yield 9

        assert await gathered(Task.async_stream(items(), sleeps, timeout=60)) == [("ok", 1), ("ok", 2), ("ok", 9)]
        assert clean()

    @pytest.mark.otp("TK-073")
    @concurrency
    async def test_two_iterations_at_once(self, max_concurrency: int) -> None:
        """Adapted: the stream is an object, and each iteration runs tasks of its own."""
        runs: list[int] = []

        async def work(item: int) -> int:
            runs.append(item)
            return item

        stream = Task.async_stream([1, 2, 3, 4], work, max_concurrency=max_concurrency)
        async with aclosing(aiter(stream)) as left, aclosing(aiter(stream)) as right:
            pairs = [(outcome, await anext(right)) async for outcome in left]
        assert pairs == [(("ok", item), ("ok", item)) for item in (1, 2, 3, 4)]
        assert sorted(runs) == [1, 1, 2, 2, 3, 3, 4, 4]

    @pytest.mark.otp("TK-074")
    @concurrency
    async def test_items_that_are_cut_short(self, max_concurrency: int) -> None:
        def four() -> Iterator[int]:
            for item in range(1, 9):
                if item > 4:
                    return
                yield item

        stream = Task.async_stream(four(), sleeps, max_concurrency=max_concurrency)
        assert await gathered(stream) == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]

    @pytest.mark.otp("TK-076")
    @concurrency
    async def test_what_items_and_consumer_clean_up(self, max_concurrency: int) -> None:
        cleaned: list[str] = []

        class Inner:
            def __iter__(self) -> Iterator[int]:
                try:
                    yield from (1, 2, 3, 4, 5, 6, 7, 8)
                finally:
                    cleaned.append("inner")

        async def outer(taken: int) -> list[Any]:
            found: list[Any] = []
            try:
                async with aclosing(
                    aiter(Task.async_stream(Inner(), sleeps, max_concurrency=max_concurrency, timeout=60))
                ) as outcomes:
                    async for outcome in outcomes:
                        found.append(outcome)
                        if len(found) == taken:
                            break
            finally:
                cleaned.append("outer")
            return found

        assert await outer(4) == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]
        assert cleaned == ["inner", "outer"]
        cleaned.clear()
        assert len(await outer(99)) == 8
        assert cleaned == ["inner", "outer"]
        assert clean()

    @pytest.mark.otp("TK-077")
    @pytest.mark.parametrize("ordered", [True, False])
    async def test_no_more_is_started_than_there_is_room_for(self, ordered: bool) -> None:
        started: list[int] = []

        async def work(item: int) -> int:
            started.append(item)
            return item

        stream = Task.async_stream(range(100), work, max_concurrency=3, ordered=ordered)
        taken = 0
        assert started == []
        async with aclosing(aiter(stream)) as outcomes:
            async for _ in outcomes:
                taken += 1
                await process.sleep(1.0)
                assert len(started) <= taken - 1 + 3
                if taken == 10:
                    break
        assert clean()

    async def test_a_loop_that_is_left_stops_the_tasks(self) -> None:
        pids: list[Pid] = []

        async def work(item: float) -> Any:
            pids.append(process.current())
            return await sleeps(item)

        async with aclosing(aiter(Task.async_stream([0, 1e6, 1e6], work, max_concurrency=3))) as outcomes:
            assert await anext(outcomes) == ("ok", 0)
        assert not any(process.alive(pid) for pid in pids)
        async for _ in Task.async_stream([0, 1e6], work, max_concurrency=2):
            break
        await process.sleep(1.0)  # asyncio closes a forgotten iterator when it comes to it
        assert not any(process.alive(pid) for pid in pids)
        assert clean()

    async def test_a_plain_asyncio_task_may_consume_one(self) -> None:
        async def plain() -> Any:
            return await gathered(Task.async_stream([1, 2], sleeps))

        assert await asyncio.ensure_future(plain()) == [("ok", 1), ("ok", 2)]

    async def test_items_that_raise(self) -> None:
        def items() -> Iterator[int]:
            yield 1
            raise LookupError("items")

        with pytest.raises(LookupError):
            await gathered(Task.async_stream(items(), sleeps))
        assert clean()

    async def test_a_consumer_that_ends_takes_the_tasks_along(self) -> None:
        pids: list[Pid] = []

        async def work(_item: int) -> Any:
            pids.append(process.current())
            await for_ever()

        async def consumer() -> None:
            await gathered(Task.async_stream([1, 2], work, timeout=None))

        pid = process.spawn(consumer)
        await expect_idle()
        process.exit(pid, "shutdown")
        await process.sleep(1.0)
        assert len(pids) == 2
        assert not any(process.alive(pid) for pid in pids)

    async def test_wrong_options(self) -> None:
        with pytest.raises(ValueError, match="max_concurrency"):
            Task.async_stream([], sleeps, max_concurrency=0)
        with pytest.raises(ValueError, match="on_timeout"):
            Task.async_stream([], sleeps, on_timeout=cast("Any", "nothing"))


class TestLog:
    @pytest.mark.otp("TK-078")
    @pytest.mark.otp("LG-016")
    async def test_a_task_that_raises(self, reports: list[Any]) -> None:
        def fails(what: str) -> None:
            raise RuntimeError(what)

        pid = await Task.start(fails, "oops")
        error = await expect_down(pid)
        assert isinstance(error, RuntimeError)
        (report,) = reports
        assert report.kind == "task terminating"
        assert (report.pid, report.starter) == (pid, process.current())
        assert (report.function, report.args, report.reason) == (fails, ["oops"], error)
        assert report.callers == [process.current()]
        text = words(report)
        assert text.startswith(
            f"Task {report.pid} started from {process.current()} terminating\n** (RuntimeError) oops"
        )
        assert "Function: " in text
        assert "Args: ['oops']" in text

    @pytest.mark.otp("LG-017")
    async def test_a_task_that_calls_what_is_not_there(self, reports: list[Any]) -> None:
        """Adapted: it is an AttributeError, which names the function."""
        await expect_down(await Task.start(missing))
        (report,) = reports
        assert "no_such_function" in words(report)

    @pytest.mark.otp("LG-019")
    async def test_a_task_that_exits(self, reports: list[Any]) -> None:
        await expect_down(await Task.start(ends, "abnormal"), "abnormal")
        (report,) = reports
        assert report.reason == "abnormal"
        assert "** (stop) abnormal" in words(report)

    @pytest.mark.otp("LG-020")
    async def test_the_label_of_a_task(self, reports: list[Any]) -> None:
        async def fails() -> None:
            process.set_label("nightly")
            raise Exit("oops")

        await expect_down(await Task.start(fails), "oops")
        (report,) = reports
        assert report.label == "nightly"
        assert "Process Label: 'nightly'" in words(report)

    @pytest.mark.parametrize("reason", ["normal", "shutdown", ("shutdown", 1)])
    async def test_an_end_that_is_none_of_anybodys_business(self, reason: object, reports: list[Any]) -> None:
        await expect_down(await Task.start(ends, reason), reason)
        assert list(reports) == []


def test_a_task_supervisor_is_a_keeper() -> None:
    assert TaskSupervisor.child_spec().type == "supervisor"
