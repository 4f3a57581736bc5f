# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Inspection of servers: status, reports of terminate, and debug events."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    CallTimeout,
    Continue,
    Exit,
    Exited,
    From,
    NoReply,
    Ok,
    call,
    process,
    send,
    stop,
    system,
)
from regrow.kernel.tracebacks import trace_of
from tests.behaviours.gen_server.servers import KINDS, Server, Watched, keep, stopping, unused_address

pytestmark = pytest.mark.regrow


class Shown(Server):
    """A server whose format_status shows only that it was called."""

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        log = [("shown", event) for event in status["log"]]
        return {**{key: ("shown", status[key]) for key in ("state", "message", "reason")}, "log": log}


class TestInspection:
    @pytest.mark.otp("GS-112")
    @pytest.mark.parametrize("kind", [*KINDS, "pid"])
    async def test_get_status_by_any_name(self, kind: str) -> None:
        name = None if kind == "pid" else await unused_address(kind)
        pid = await Shown.start([1], name=name)
        status = await system.get_status(name or pid)
        found = {key: status[key] for key in ("pid", "module", "status", "state", "log")}
        assert found == {"pid": pid, "module": Shown, "status": "running", "state": ("shown", [1]), "log": []}

    @pytest.mark.otp("GS-115")
    @pytest.mark.parametrize("raised", [Exit(("crash", "terminate")), RuntimeError("in terminate")])
    async def test_the_report_of_a_failed_terminate_has_the_last_message(
        self, reports: list[Any], raised: BaseException
    ) -> None:
        """The report of an `Exit` has the reason alone; only the report of an exception has lines."""
        process.trap_exit(True)
        pid = await Shown.start_link(Watched(process.current(), raised))
        request = stopping("stopped")
        assert await call(pid, request) == "stopping"
        reason = raised.reason if isinstance(raised, Exit) else raised
        assert await process.receive(Exited) == Exited(pid, reason)
        report = reports[0]
        assert report.kind == "GenServer terminating"
        assert (report.message, report.state, report.reason) == (
            ("shown", request),
            ("shown", []),
            ("shown", reason),
        )
        if isinstance(reason, Exception):
            assert trace_of(reason)[-1][0].co_qualname == "Server.terminate"

    @pytest.mark.otp("GS-118")
    async def test_format_status_may_change_every_part_of_a_status(self, reports: list[Any]) -> None:
        pid = await Shown.start([])
        await system.log(pid, True)
        first = keep("answer")
        assert await call(pid, first) == "answer"
        froms: list[From] = []

        def second(from_: From, state: Any) -> Any:
            froms.append(from_)
            return NoReply(state, 0.5)

        with pytest.raises(CallTimeout):
            await call(pid, second, 1.0)
        status = await system.get_status(pid)
        assert status["state"] == ("shown", ["timeout"])
        events = [event for _, event in status["log"]]
        (_, asked), (_, answer, to, _), *others = events
        assert (asked.request, answer, to) == (first, "answer", asked)
        assert others == [("in", froms[0]), ("noreply", []), ("in", "timeout"), ("noreply", ["timeout"])]
        assert all(word == "shown" for word, _ in status["log"])
        await stop(pid, "oops")
        report = reports[0]
        assert (report.state, report.message, report.reason) == (
            ("shown", ["timeout"]),
            ("shown", None),
            ("shown", "oops"),
        )
        assert report.log == status["log"]

    async def test_a_continue_is_a_separate_kind_of_event(self) -> None:
        pid = await Server.start(lambda: Ok([], Continue("first")), debug=["log", "statistics"])
        assert await system.log(pid, "get") == [("continue", "first"), ("noreply", [("continue", "first")])]
        counts = await system.statistics(pid, "get")
        assert (counts["messages_in"], counts["messages_out"]) == (0, 0)

    @pytest.mark.otp("GS-123")
    async def test_a_call_does_not_scan_a_full_mailbox_of_the_caller(self, server: Any) -> None:
        pid = await server.start([])
        for number in range(10_000):
            send(process.current(), number)
        for number in range(100):
            assert await call(pid, keep(number)) == number
        assert process.info(process.current(), "message_queue_len") == 10_000
