# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false
# A handler of these tests holds whatever its row asks for.
"""`gen_event`, row by row: handlers."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    HIBERNATE,
    AlreadyStarted,
    CallTimeout,
    Error,
    Global,
    Node,
    NoProcess,
    Pid,
    StartError,
    Via,
    gen_event,
    process,
    system,
)
from regrow.behaviours.gen.results import Ok
from regrow.behaviours.gen_event.gen_event import GenEvent
from regrow.behaviours.gen_event.manager import RemoveHandler, SwapHandler
from regrow.kernel.bounded_repr import Limits
from regrow.ops.logs import words
from regrow.testing import expect_down
from tests.behaviours.gen_event.handlers import OWNER, Empty, H, begin, mailbox


class Second(H):
    """A second class of handlers."""


class Table:
    """A name table as `Via` wants it."""

    def __init__(self) -> None:
        self.names: dict[Any, Pid] = {}

    def register_name(self, key: Any, pid: Pid) -> bool:
        return self.names.setdefault(key, pid) is pid

    def unregister_name(self, key: Any) -> None:
        self.names.pop(key, None)

    def whereis_name(self, key: Any) -> Pid | None:
        found = self.names.get(key)
        return found if found is not None and process.alive(found) else None


@pytest.mark.otp("GE-001")
async def test_start(node: Node) -> None:
    """`Global` is known to the nodes of this program."""
    for name in (None, "GE-001", Global("GE-001"), Via(Table(), "GE-001"), Via(Table(), "GE-001")):
        for start in (gen_event.start, gen_event.start_link):
            if isinstance(name, Via):
                name.registry.names.clear()
            manager = await start(name)
            address = manager if name is None else name
            assert await gen_event.which_handlers(address) == []
            await gen_event.stop(address)
            assert not process.alive(manager)
    manager, ref = await gen_event.start_monitor("GE-001")
    await gen_event.stop(manager)
    assert await expect_down(ref) == "normal"
    with pytest.raises(NoProcess):
        await gen_event.stop(manager)
    assert await mailbox() == []


@pytest.mark.otp("GE-003")
async def test_start_options(node: Node) -> None:
    manager = await gen_event.start("GE-003", timeout=5.0, debug=["statistics"], hibernate_after=1.0)
    assert (await system.statistics(manager, "get"))["messages_in"] == 0
    for start in (gen_event.start, gen_event.start_link, gen_event.start_monitor):
        with pytest.raises(AlreadyStarted) as refused:
            await start("GE-003", debug=["log"])
        assert refused.value.reason == ("already_started", manager)
        with pytest.raises(StartError) as late:
            await start("other", timeout=0)
        assert late.value.reason == "timeout"
    assert gen_event.child_spec("GE-003").id == "GE-003"


@pytest.mark.otp("GE-004")
async def test_add_handler(node: Node) -> None:
    manager = await begin()
    assert await gen_event.add_handler(manager, H, ("return", Error("my_error"))) == ("error", "my_error")
    assert await gen_event.add_handler(manager, H, ("return", "whatever")) == "whatever"
    assert await gen_event.which_handlers(manager) == []
    assert await gen_event.add_handler(manager, H, 1) == "ok"
    assert await gen_event.add_handler(manager, (H, "id"), 2) == "ok"
    assert await gen_event.which_handlers(manager) == [(H, "id"), H]
    word, why = await gen_event.add_handler(manager, "no class")  # type: ignore[arg-type]
    assert (word, type(why)) == ("EXIT", TypeError)


@pytest.mark.otp("GE-006")
async def test_add_sup_handler(node: Node) -> None:
    manager = await begin()
    for handler in (H, (H, 1)):
        assert await gen_event.add_sup_handler(manager, handler, "state") == "ok"
    await gen_event.stop(manager)
    assert await mailbox() == [
        ("state", "terminate", "stop"),
        ("gen_event_EXIT", (H, 1), "shutdown"),
        ("state", "terminate", "stop"),
        ("gen_event_EXIT", H, "shutdown"),
    ]


@pytest.mark.otp("GE-008")
async def test_delete_handler(node: Node) -> None:
    manager = await begin(H, (H, 1), Second)
    assert await gen_event.delete_handler(manager, (H, 2), "arg") == ("error", "module_not_found")
    assert await gen_event.delete_handler(manager, (H, 1), "arg") == ("left", (H, 1))
    assert await gen_event.delete_handler(manager, H, "arg") == ("left", H)
    assert await gen_event.which_handlers(manager) == [Second]
    assert await mailbox() == [((H, 1), "terminate", "arg"), (H, "terminate", "arg")]


@pytest.mark.otp("GE-009")
async def test_delete_supervised_handler(node: Node) -> None:
    manager = await begin()
    await gen_event.add_sup_handler(manager, H, "state")
    assert await gen_event.delete_handler(manager, H, "arg") == ("left", "state")
    assert await mailbox() == [("state", "terminate", "arg"), ("gen_event_EXIT", H, "normal")]


@pytest.mark.otp("GE-011")
async def test_swap_sup_handler(node: Node) -> None:
    manager = await begin(H)
    me = process.current()
    assert await gen_event.swap_sup_handler(manager, (H, "swap"), (Second, "new")) == "ok"
    assert await mailbox() == [(H, "terminate", "swap")]
    assert await gen_event.call(manager, Second, "state") == ("new", ("left", H))
    assert await gen_event.swap_handler(manager, (Second, "swap"), ((H, 1), "newer")) == "ok"
    assert (await mailbox())[1] == ("gen_event_EXIT", Second, ("swapped", (H, 1), me))
    assert await gen_event.swap_sup_handler(manager, (Second, "not there"), (Second, ("return", 5))) == "ok"
    assert await gen_event.call(manager, Second, "state") == (("return", 5), "error")
    assert await gen_event.swap_sup_handler(manager, ((H, 1), "swap"), ((H, 2), "last")) == "ok"
    assert (await mailbox())[1] == ("gen_event_EXIT", (H, 1), ("swapped", (H, 2), me))
    await gen_event.delete_handler(manager, (H, 2))
    assert (await mailbox())[1] == ("gen_event_EXIT", (H, 2), "normal")
    refused = await gen_event.swap_handler(manager, (Second, "swap"), ("no class", None))  # type: ignore[arg-type]
    assert refused[0] == "error"
    assert refused[1][0] == "EXIT"


SWAP = SwapHandler("swap", "old", (Second, 2), "new")


@pytest.mark.otp("GE-013")
async def test_notify(node: Node) -> None:
    manager = await begin(Second)
    await gen_event.add_sup_handler(manager, H, "h")
    gen_event.notify(manager, "event")
    assert await mailbox() == [("h", "event"), (Second, "event")]
    gen_event.notify(manager, ("return", Ok("h", HIBERNATE)))  # both
    await mailbox()

    swapped = [("old", "terminate", "swap"), ("gen_event_EXIT", H, ("swapped", (Second, 2), process.current()))]
    await gen_event.delete_handler(manager, Second)
    await mailbox()
    gen_event.notify(manager, ("return", SWAP))
    assert (await mailbox())[1:] == swapped
    assert await gen_event.which_handlers(manager) == [(Second, 2)]
    assert await gen_event.call(manager, (Second, 2), "state") == ("new", ("left", "old"))

    for result, ended, reason in (
        (RemoveHandler(), "remove_handler", "normal"),
        ("illegal", ("error", "illegal"), "illegal"),
    ):
        await gen_event.add_sup_handler(manager, H, "h")
        gen_event.notify(manager, ("return", result))
        found = await mailbox()
        assert ("h", "terminate", ended) in found
        assert ("gen_event_EXIT", H, reason) in found
        assert await gen_event.which_handlers(manager) == []
        await gen_event.add_handler(manager, (Second, 2), "h")
        gen_event.notify(manager, "lives")
        assert await mailbox() == [("h", "lives")]


@pytest.mark.otp("GE-015")
async def test_sync_notify(node: Node) -> None:
    manager = await begin(Second)
    for result, ended in (
        (RemoveHandler(), "remove_handler"),
        (SWAP, "swap"),
        ("illegal", ("error", "illegal")),
    ):
        await gen_event.add_handler(manager, H, "h")
        assert await gen_event.sync_notify(manager, ("return", result)) == "ok"
        found: list[Any] = process.info(process.current(), "messages")  # all have run
        assert next(one[-1] for one in found if one[1] == "terminate" and one[0] in ("h", "old")) == ended
        await mailbox()
    await gen_event.add_handler(manager, H, "h")
    await gen_event.add_handler(manager, (H, "other"), "o")
    assert await gen_event.sync_notify(manager, "raise") == "ok"
    reasons = [one[2] for one in await mailbox() if one[1] == "terminate"]
    assert [(one[0], one[1][0], type(one[1][1])) for one in reasons] == [("error", "EXIT", ValueError)] * len(reasons)
    assert await gen_event.which_handlers(manager) == []


@pytest.mark.otp("GE-017")
async def test_call(node: Node) -> None:
    manager = await begin(H, (H, 1))
    assert await gen_event.call(manager, H, "state") is H
    assert await gen_event.call(manager, (H, 1), "state", 1.0) == (H, 1)
    assert await gen_event.call(manager, Second, "state") == ("error", "bad_module")
    with pytest.raises(NoProcess) as gone:
        await gen_event.call("unknown", H, "state")
    assert gone.value.reason == ("noproc", ("gen_event", "call", ["unknown", H, "state"]))


@pytest.mark.otp("GE-018")
async def test_call_that_ends_its_handler(node: Node) -> None:
    manager = await begin(H)
    swap = SwapHandler("swap", "old", (H, 2), "new", reply="answer")
    assert await gen_event.call(manager, H, ("return", swap)) == "answer"
    assert await mailbox() == [("old", "terminate", "swap")]
    assert await gen_event.call(manager, (H, 2), ("return", RemoveHandler("last"))) == "last"
    assert await mailbox() == [(("new", ("left", "old")), "terminate", "remove_handler")]
    assert await gen_event.which_handlers(manager) == []
    await gen_event.add_handler(manager, H, "h")
    assert await gen_event.call(manager, H, ("return", "illegal")) == ("error", "illegal")
    assert await gen_event.which_handlers(manager) == []


@pytest.mark.otp("GE-020")
async def test_call_is_limited_in_time(node: Node) -> None:
    manager = await begin(H)
    with pytest.raises(CallTimeout):
        await gen_event.call(manager, H, ("sleep", 1.0), 0.1)
    await process.sleep(1.0)
    assert process.alive(manager)
    assert await gen_event.call(manager, H, ("sleep", 1.0)) == "slept"
    assert await mailbox() == []


@pytest.mark.otp("GE-021")
async def test_send_request(node: Node) -> None:
    async def ask(handler: Any, request: Any) -> Any:
        return await gen_event.receive_response(gen_event.send_request(manager, handler, request), 5.0)

    manager = await begin(H)
    assert await ask(H, "state") == ("reply", H)
    assert await ask(Second, "state") == ("error", "bad_module")
    assert await ask(H, ("return", SwapHandler("swap", "s", (H, 1), 1, reply="swapped"))) == ("reply", "swapped")
    assert await ask((H, 1), ("return", RemoveHandler("removed"))) == ("reply", "removed")
    await gen_event.add_handler(manager, H, "h")
    assert await ask(H, ("return", "illegal")) == ("error", "illegal")
    await gen_event.add_handler(manager, H, "h")
    word, (exit_word, why) = await ask(H, "raise")
    assert (word, exit_word, type(why)) == ("error", "EXIT", ValueError)

    await gen_event.add_handler(manager, H, "h")
    requests = gen_event.send_request(manager, H, "state", "label", gen_event.reqids_new())
    response, label, left = await gen_event.wait_response(requests)
    assert (response, label, gen_event.reqids_size(left)) == (("reply", "h"), "label", 0)
    await gen_event.stop(manager)
    assert await ask(H, "state") == ("error", ("noproc", manager))


@pytest.mark.otp("GE-023")
async def test_hibernate(node: Node) -> None:
    """Adapted: HIBERNATE and `hibernate_after` are accepted, and change nothing else."""
    process.register(OWNER, process.current())
    manager = await gen_event.start(hibernate_after=0.1)
    assert await gen_event.add_handler(manager, H, ("return", Ok("h", HIBERNATE))) == "ok"
    await process.sleep(1.0)
    assert await gen_event.call(manager, H, "hibernate") == "h"
    gen_event.notify(manager, ("return", Ok("h2", HIBERNATE)))
    process.send(manager, "message")
    assert await gen_event.call(manager, H, "state") == "h2"
    assert (await mailbox())[-1] == ("h2", "info", "message")


class Shown(H):
    """A handler that formats its state."""

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        return {**status, "state": ("formatted", status["state"])}


@pytest.mark.otp("GE-024")
async def test_get_status(node: Node) -> None:
    manager = await begin(Shown, (Shown, 1), H)
    status = await system.get_status(manager)
    assert status["pid"] is manager
    assert status["name"] is None
    assert status["state"] == [
        (H, False, H),
        (Shown, 1, ("formatted", (Shown, 1))),
        (Shown, False, ("formatted", Shown)),
    ]


def of_kind(reports: Any, kind: str) -> list[Any]:
    return [one for one in reports if getattr(one, "kind", None) == kind]


@pytest.mark.otp("GE-025")
@pytest.mark.otp("LG-011")
async def test_report_of_a_handler_that_fails(node: Node, reports: Any) -> None:
    """Adapted: a crash is `("EXIT", exception)`; the manager is named by pid and name."""
    process.register(OWNER, process.current())
    manager = await gen_event.start("LG-011")
    await gen_event.add_handler(manager, (Shown, 1), "state")
    assert await gen_event.sync_notify(manager, "raise") == "ok"
    (report,) = of_kind(reports, "handler terminating")
    assert (report.handler, report.name, report.pid) == ((Shown, 1), "LG-011", manager)
    assert (report.message, report.state) == ("raise", ("formatted", "state"))
    assert report.reason[0] == "EXIT"
    assert isinstance(report.reason[1], ValueError)
    assert process.alive(manager)


@pytest.mark.otp("GE-026")
async def test_get_state(node: Node) -> None:
    manager = await begin(H, (H, 1))
    wanted = [(H, 1, (H, 1)), (H, False, H)]
    assert await system.get_state(manager) == wanted
    await system.suspend(manager)
    assert await system.get_state(manager) == wanted
    replaced = await system.replace_state(manager, lambda triple: (*triple[:2], "new") if triple[1] else 1 / 0)
    assert replaced == [(H, 1, "new"), (H, False, H)]
    await system.resume(manager)
    assert await gen_event.call(manager, (H, 1), "state") == "new"


class Bare(GenEvent[Any]):
    """A handler that has only the required callback."""

    def init(self, arg: Any, /) -> Any:
        return Ok(arg)


@pytest.mark.otp("GE-028")
async def test_no_init(node: Node) -> None:
    """Adapted: a missing callback raises NotImplementedError."""
    manager = await begin()
    for handler, arg, error in ((Empty, None, NotImplementedError), (H, "raise", ValueError)):
        word, why = await gen_event.add_handler(manager, handler, arg)
        assert (word, type(why)) == ("EXIT", error)
    assert await gen_event.which_handlers(manager) == []


@pytest.mark.otp("GE-029")
async def test_stop(node: Node) -> None:
    manager = await begin(H, Second)
    ref = process.monitor(manager)
    await gen_event.stop(manager)
    assert await expect_down(ref) == "normal"
    assert await mailbox() == [(Second, "terminate", "stop"), (H, "terminate", "stop")]
    manager = await gen_event.start()
    ref = process.monitor(manager)
    await gen_event.stop(manager, "another", 1.0)
    assert await expect_down(ref) == "another"


@pytest.mark.otp("GE-030")
async def test_no_handle_event_and_no_handle_call(node: Node) -> None:
    """Adapted: a missing callback raises NotImplementedError."""
    manager = await begin(Bare)
    assert await gen_event.sync_notify(manager, "event") == "ok"
    assert await gen_event.which_handlers(manager) == []
    await gen_event.add_handler(manager, Bare)
    word, (exit_word, why) = await gen_event.call(manager, Bare, "request")
    assert (word, exit_word, type(why)) == ("error", "EXIT", NotImplementedError)
    assert await gen_event.which_handlers(manager) == []


async def test_no_handle_info(node: Node, reports: Any) -> None:
    """A message that a handler does not expect is logged, and the handler stays."""
    manager = await begin(Bare)
    process.send(manager, "message")
    assert await gen_event.which_handlers(manager) == [Bare]
    (report,) = of_kind(reports, "unhandled info")
    assert (report.module, report.message) == (Bare, "message")


@pytest.mark.otp("GE-032")
async def test_no_terminate(node: Node) -> None:
    class Failing(Bare):
        def terminate(self, reason: Any, state: Any, /) -> Any:
            raise LookupError("inner")

    manager = await begin(Bare, Failing)
    assert await gen_event.delete_handler(manager, Bare) == "ok"
    word, why = await gen_event.delete_handler(manager, Failing)
    assert (word, type(why)) == ("EXIT", LookupError)
    assert await gen_event.which_handlers(manager) == []


@pytest.mark.otp("GE-033")
async def test_no_code_change(node: Node) -> None:
    """Adapted: a class without `code_change` answers ("error", NotImplementedError)."""

    class Newer(Bare):
        def code_change(self, old_version: Any, state: Any, extra: Any, /) -> Any:
            return Ok((old_version, state, extra))

    manager = await begin(Bare, Newer)
    await system.suspend(manager)
    word, why = await system.change_code(manager, Bare, 1, None)
    assert (word, type(why)) == ("error", NotImplementedError)
    assert await system.change_code(manager, Newer, 1, 2) == "ok"
    await system.resume(manager)
    assert await system.get_state(manager) == [(Newer, False, (1, Newer, 2)), (Bare, False, Bare)]


@pytest.mark.otp("GE-034")
async def test_reports_as_text(node: Node, reports: Any) -> None:
    """Adapted: the texts are regrow's; long terms are shortened."""
    manager = await begin()
    await gen_event.add_handler(manager, H, "x" * 10_000)
    await gen_event.sync_notify(manager, ("return", "illegal"))
    (report,) = of_kind(reports, "handler terminating")
    text = words(report)
    assert f"GenEvent handler H installed in {manager} terminating" in text
    assert "illegal" in text
    assert "State: 'xxx" in text
    assert len(words(report, Limits(chars_limit=200, single_line=True))) < 300
    await gen_event.add_handler(manager, Bare)
    process.send(manager, "message")
    await gen_event.which_handlers(manager)
    (report,) = of_kind(reports, "unhandled info")
    assert words(report) == f"Handler Bare in {manager} received unexpected message in handle_info: 'message'"
