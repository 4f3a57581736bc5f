"""Tasks: `async_stream`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from regrow import (
    CallTimeout,
    Down,
    Exit,
    Pid,
    process,
)
from regrow.behaviours.task.task import Task
from regrow.behaviours.task.task_supervisor import TaskSupervisor
from regrow.ops.logs import words
from regrow.testing import expect_down, expect_idle
from tests.behaviours.task.tasks import clean, ends, for_ever, missing, sleeps

pytestmark = pytest.mark.regrow


async def gathered(stream: Any) -> list[Any]:
    return [outcome async for outcome in stream]


concurrency = pytest.mark.parametrize("max_concurrency", [4, 2, 8])


class TestStream:
    @pytest.mark.otp("TK-058")
    @concurrency
    async def test_values_in_order(self, max_concurrency: int) -> None:
        stream = Task.async_stream([1, 2, 3, 4], sleeps, max_concurrency=max_concurrency)
        assert await gathered(stream) == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]

        def add(item: int, more: int) -> int:
            return item + more

        assert await gathered(Task.async_stream([1, 2], add, 10)) == [("ok", 11), ("ok", 12)]

    @pytest.mark.otp("TK-060")
    async def test_values_without_order(self) -> None:
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

    async def test_a_failure_ends_a_consumer_that_does_not_trap_exits(self) -> None:
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
    async def test_the_item_comes_with_the_reason(self, max_concurrency: int) -> None:
        process.trap_exit(True)
        stream = Task.async_stream([1, 2, 3, 4], ends, max_concurrency=max_concurrency, zip_input_on_exit=True)
        assert await gathered(stream) == [("exit", (number, number)) for number in (1, 2, 3, 4)]
        late = Task.async_stream([1e6, 0.5], sleeps, timeout=1.0, on_timeout="kill_task", zip_input_on_exit=True)
        assert await gathered(late) == [("exit", (1e6, "timeout")), ("ok", 0.5)]

    @pytest.mark.otp("TK-067")
    @concurrency
    async def test_any_timeout_is_accepted(self, max_concurrency: int) -> None:
        stream = Task.async_stream([1e3] * 4, sleeps, max_concurrency=max_concurrency, timeout=None)
        assert await gathered(stream) == [("ok", 1e3)] * 4

    @pytest.mark.otp("TK-069")
    @concurrency
    async def test_messages_to_its_inner_process_are_ignored(self, max_concurrency: int) -> None:
        """Adapted: the test finds the inner process through the links of a task."""

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
    async def test_items_may_be_a_shortened_stream(self) -> None:
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
        """Adapted: the stream is an object, and each iteration runs separate tasks."""
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
    async def test_items_may_end_early(self, max_concurrency: int) -> None:
        def four() -> Iterator[int]:
            for item in range(1, 9):
                if item > 4:
                    return
                yield item

        stream = Task.async_stream(four(), sleeps, max_concurrency=max_concurrency)
        assert await gathered(stream) == [("ok", 1), ("ok", 2), ("ok", 3), ("ok", 4)]

    @pytest.mark.otp("TK-076")
    @concurrency
    async def test_items_and_consumer_release_their_resources(self, max_concurrency: int) -> None:
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
    async def test_no_more_tasks_start_than_max_concurrency(self, ordered: bool) -> None:
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

    async def test_a_loop_that_ends_early_stops_the_tasks(self) -> None:
        pids: list[Pid] = []

        async def work(item: float) -> Any:
            pids.append(process.current())
            return await sleeps(item)

        async with aclosing(aiter(Task.async_stream([0, 1e6, 1e6], work, max_concurrency=3))) as outcomes:
            assert await anext(outcomes) == ("ok", 0)
        assert not any(process.alive(pid) for pid in pids)
        async for _ in Task.async_stream([0, 1e6], work, max_concurrency=2):
            break
        await process.sleep(1.0)  # asyncio closes an abandoned iterator later
        assert not any(process.alive(pid) for pid in pids)
        assert clean()

    async def test_a_plain_asyncio_task_may_consume_a_stream(self) -> None:
        async def plain() -> Any:
            return await gathered(Task.async_stream([1, 2], sleeps))

        assert await asyncio.ensure_future(plain()) == [("ok", 1), ("ok", 2)]

    async def test_items_raise(self) -> None:
        def items() -> Iterator[int]:
            yield 1
            raise LookupError("items")

        with pytest.raises(LookupError):
            await gathered(Task.async_stream(items(), sleeps))
        assert clean()

    async def test_the_tasks_end_with_their_consumer(self) -> None:
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

    async def test_wrong_options_are_refused(self) -> None:
        with pytest.raises(ValueError, match="max_concurrency"):
            Task.async_stream([], sleeps, max_concurrency=0)
        with pytest.raises(ValueError, match="on_timeout"):
            Task.async_stream([], sleeps, on_timeout=cast("Any", "nothing"))


class TestLog:
    @pytest.mark.otp("TK-078")
    @pytest.mark.otp("LG-016")
    async def test_a_task_that_raises_is_reported(self, reports: list[Any]) -> None:
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
    async def test_a_task_that_calls_a_missing_function_is_reported(self, reports: list[Any]) -> None:
        """Adapted: the reason is an AttributeError, which names the function."""
        await expect_down(await Task.start(missing))
        (report,) = reports
        assert "no_such_function" in words(report)

    @pytest.mark.otp("LG-019")
    async def test_a_task_that_exits_is_reported(self, reports: list[Any]) -> None:
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
    async def test_a_normal_end_is_not_reported(self, reason: object, reports: list[Any]) -> None:
        await expect_down(await Task.start(ends, reason), reason)
        assert list(reports) == []


def test_a_task_supervisor_is_a_supervisor() -> None:
    assert TaskSupervisor.child_spec().type == "supervisor"
