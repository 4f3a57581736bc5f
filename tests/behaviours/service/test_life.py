# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""The life of a service: init, terminate, code changes, and supervision."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from regrow import (
    IGNORE,
    CalleeExit,
    DynamicSupervisor,
    Error,
    Exited,
    Ignored,
    PartitionSupervisor,
    Pid,
    Service,
    StartError,
    Stop,
    Supervisor,
    Via,
    process,
    send,
    service,
    system,
)
from regrow.testing import expect_message
from tests.behaviours.service.services import Queue

pytestmark = pytest.mark.regrow


class TestLife:
    async def test_init_may_await_and_ignore_or_stop(self) -> None:
        class Picky(Service):
            def __init__(self, init: Callable[[], Any]) -> None:
                self.decide = init

            async def init(self) -> Any:
                await process.sleep(0.1)
                return self.decide()

        process.trap_exit(True)
        with pytest.raises(Ignored):
            await Picky.start_link(lambda: IGNORE)
        refuse: list[Callable[[], Any]] = [lambda: Stop("no"), lambda: Error("no")]
        for init in refuse:
            with pytest.raises(StartError) as raised:
                await Picky.start_link(init)
            assert raised.value.reason == "no"
        with pytest.raises(StartError) as raised:
            await Picky.start_link(lambda: 3)
        assert raised.value.reason == ("bad_return_value", 3)
        with pytest.raises(StartError, match="Picky did not start: 'timeout'"):
            await Picky.named(None, timeout=0.05).start_link(lambda: None)

    async def test_an_exception_in_init_is_the_reason(self) -> None:
        class Broken(Service):
            def __init__(self) -> None:
                raise ValueError("no")

        with pytest.raises(StartError, match=r"Broken did not start: ValueError\('no'\)"):
            await Broken.start()
        with pytest.raises(StartError, match="unexpected keyword argument"):
            await Queue.start(limit=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]

    async def test_the_constructor_may_stop_the_service(self) -> None:
        class Never(Service):
            def __init__(self) -> None:
                self.then(Stop("not today"))

        with pytest.raises(StartError, match="not today"):
            await Never.start()

    async def test_the_object_may_send_to_itself_during_its_start(self) -> None:
        class Early(Service):
            def __init__(self) -> None:
                self.seen: list[int] = []
                self.note(1)

            @service.cast
            def note(self, value: int) -> None:
                self.seen.append(value)

            @service.call
            def all(self) -> list[int]:
                return self.seen

        assert await (await Early.start_link()).all() == [1]

    async def test_a_dataclass_may_be_a_service(self) -> None:
        @dataclass
        class Counter(Service):
            count: int = 0
            log: list[int] = field(default_factory=list[int])

            @service.call
            def add(self, number: int) -> int:
                self.count += number
                return self.count

        one = await Counter.start_link(count=40)
        assert await one.add(2) == 42
        assert one == Counter.at(process.whereis(one))

    async def test_a_crash_is_reported_with_the_attributes(self, reports: list[Any]) -> None:
        queue = await Queue.start([1])
        with pytest.raises(CalleeExit):
            await queue.crash()
        report = reports[0]
        assert (report.kind, report.module.__name__) == ("GenServer terminating", "Queue")
        assert report.state == {"_items": deque([1])}
        assert report.message == ("Queue.crash",)

    async def test_format_status_is_a_callback(self) -> None:
        class Secret(Service):
            def __init__(self) -> None:
                self.password = "x"

            def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
                return {**status, "state": list(status["state"])}

        assert (await system.get_status(await Secret.start_link()))["state"] == ["password"]

    async def test_terminate_gets_the_reason_of_the_parents_end(self) -> None:
        class Last(Service):
            def __init__(self, to: Pid) -> None:
                process.trap_exit(True)
                self.to = to

            async def terminate(self, reason: object, /) -> None:
                await process.sleep(0.1)
                send(self.to, ("terminate", reason))

        to = process.current()
        supervisor = await Supervisor.start_link([(Last, to)])
        await Supervisor.stop(supervisor)
        assert await expect_message(tuple) == ("terminate", "shutdown")

    async def test_code_change(self) -> None:
        class New(Service):
            def __init__(self) -> None:
                self.version = 1

            def code_change(self, _old_version: object, extra: object, /) -> Any:
                if extra == "fail":
                    raise ValueError("no")
                self.version = 2

        new = await New.start_link()
        await system.suspend(new)
        assert await system.change_code(new, New, 1, None) == "ok"
        assert (await system.change_code(new, New, 1, "fail"))[0] == "error"
        await system.resume(new)
        assert (await system.get_state(new)).version == 2

    async def test_the_caller_is_known_while_a_call_is_handled(self) -> None:
        class Door(Service):
            def __init__(self) -> None:
                self.word = ""

            @service.call
            async def calling_pid(self) -> Pid:
                await process.sleep(0.1)
                return self.caller()

            @service.cast
            def cast_only(self) -> None:
                try:
                    self.caller()
                except RuntimeError as error:
                    self.word = str(error)

            @service.call
            def error_text(self) -> str:
                return self.word

        door = await Door.start_link()
        assert await door.calling_pid() is process.current()
        door.cast_only()
        assert "no call is being handled" in await door.error_text()


class TestSupervisors:
    async def test_a_service_is_a_child_in_every_form(self) -> None:
        class Named(Queue, id="n", restart="transient"):
            pass

        supervisor = await Supervisor.start_link(
            [Queue, Named.child_spec([1]), Queue.named("third").child_spec(items=[3])]
        )
        rows = {row.id: row for row in await Supervisor.which_children(supervisor)}
        assert list(reversed(rows)) == [Queue, "n", "third"]
        assert rows[Queue].modules == (Queue,)
        assert await Named.at(rows["n"].pid).dequeue() == 1
        assert await Queue.at("third").dequeue() == 3
        spec = Named.child_spec([1])
        assert (spec.restart, spec.args) == ("transient", ([1],))
        assert "Named.start_link([1])" in repr(spec)

    async def test_a_restart_makes_a_new_object(self) -> None:
        supervisor = await Supervisor.start_link([(Queue, [1, 2])])
        (row,) = await Supervisor.which_children(supervisor)
        assert await Queue.at(row.pid).dequeue() == 1
        process.exit(row.pid, "kill")
        await process.sleep(0.001)
        (row,) = await Supervisor.which_children(supervisor)
        assert await Queue.at(row.pid).length() == 2

    async def test_dynamic_and_partition_supervisors_start_services(self) -> None:
        supervisor = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(supervisor, Queue.child_spec([4]))
        assert await Queue.at(pid).dequeue() == 4
        await PartitionSupervisor.start_link(child_spec=Queue, name="queues", partitions=2)
        one, other = Queue.at(Via("queues", 0)), Queue.at(Via("queues", 1))
        one.enqueue(1)
        assert (await one.length(), await other.length()) == (1, 0)

    async def test_start_supervised_starts_a_service(self, start_supervised: Any) -> None:
        queue = Queue.at(await start_supervised((Queue, [1])))
        assert await queue.dequeue() == 1

    async def test_start_link_links_and_start_does_not(self) -> None:
        process.trap_exit(True)
        linked, free = await Queue.start_link(), await Queue.start()
        for one in (linked, free):
            with pytest.raises(CalleeExit):
                await one.crash()
        assert (await expect_message(Exited)).pid is process.whereis(linked)
        with pytest.raises(TimeoutError):
            await process.receive(timeout=1.0)
