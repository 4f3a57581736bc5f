"""A callback that fails in an odd way fails alone: its manager, its application's master, its supervisor continue.

`asyncio.CancelledError` is the oddest: a callback raises it without being cancelled when it awaits what another has
cancelled. A real cancellation stays one.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, current_task, get_running_loop, sleep
from typing import Any, NoReturn

import pytest

from regrow import (
    IGNORE,
    Application,
    CalleeExit,
    ChildSpec,
    DynamicSupervisor,
    Error,
    Exit,
    GenEvent,
    Node,
    Ok,
    PartitionSupervisor,
    Pid,
    Registry,
    RemoveHandler,
    Reply,
    StartError,
    Supervisor,
    application,
    gen_event,
    process,
    send,
)
from regrow.behaviours.application.controller import Ended
from regrow.behaviours.application.spec import ApplicationError
from regrow.testing import capture_reports, expect_down, flush

pytestmark = pytest.mark.regrow


class Odd(BaseException):
    """An exception of a kind that no handler expects."""


async def others_future() -> NoReturn:
    future = get_running_loop().create_future()
    future.cancel()
    await future
    raise AssertionError


def fail(how: Any) -> Any:
    """Fail in a way: with an exception, or as code that awaits a future which another has cancelled."""
    if how == "another's":
        return others_future()
    raise how


FAILURES: list[Any] = [ValueError("no"), Exit("no"), CancelledError(), GeneratorExit(), Odd(), "another's"]
failing = pytest.mark.parametrize("how", FAILURES, ids=[str(type(how).__name__) for how in FAILURES])


class Handler(GenEvent[Any]):
    """A handler that fails in the callback that its state names."""

    def init(self, arg: Any, /) -> Any:
        return fail(arg[1]) if arg[0] == "init" else Ok(arg)

    def handle_event(self, _event: Any, state: Any, /) -> Any:
        return fail(state[1]) if state[0] == "handle_event" else Ok(state)

    def handle_info(self, _message: Any, state: Any, /) -> Any:
        return fail(state[1]) if state[0] == "handle_info" else Ok(state)

    def handle_call(self, _request: Any, state: Any, /) -> Any:
        return fail(state[1]) if state[0] == "handle_call" else Reply("alive", state)

    def terminate(self, _reason: Any, state: Any, /) -> Any:
        return fail(state[1]) if state[0] == "terminate" else None


@failing
@pytest.mark.parametrize("where", ["init", "handle_event", "handle_info", "handle_call", "terminate"])
async def test_a_handler_that_fails_is_removed_alone(where: str, how: Any) -> None:
    manager = await gen_event.start_link()
    await gen_event.add_handler(manager, (Handler, "good"), ("", None))
    added = await gen_event.add_handler(manager, (Handler, "bad"), (where, how))
    with capture_reports() as reports:
        match where:
            case "init":
                assert added[0] == "EXIT"
            case "handle_event":
                assert await gen_event.sync_notify(manager, "event") == "ok"
            case "handle_info":
                send(manager, "message")
            case "handle_call":
                answer = await gen_event.call(manager, (Handler, "bad"), "ping")
                assert (answer[0], answer[1][0]) == ("error", "EXIT")
            case _:
                assert (await gen_event.delete_handler(manager, (Handler, "bad")))[0] == "EXIT"
        assert await gen_event.which_handlers(manager) == [(Handler, "good")]
    assert len(reports) == (0 if where in ("init", "terminate") else 1)
    assert await gen_event.call(manager, (Handler, "good"), "ping") == "alive"


class Waiting(GenEvent[Any]):
    """A handler that waits in each event."""

    def init(self, _arg: Any, /) -> Any:
        return Ok(None)

    async def handle_event(self, _event: Any, _state: Any, /) -> Any:
        await sleep(1000.0)


async def test_a_cancelled_manager_ends() -> None:
    manager = await gen_event.start()
    await gen_event.add_handler(manager, Waiting)
    gen_event.notify(manager, "event")
    await process.sleep(0.001)
    ref = process.monitor(manager)
    assert manager.process is not None
    assert manager.process.task is not None
    with capture_reports():
        manager.process.task.cancel()
        assert isinstance(await expect_down(ref), CancelledError)


class Incomparable:
    """An object whose comparison raises."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise Exit("not comparable")


class Strange(GenEvent[Any]):
    """A handler that returns the value it was given."""

    def init(self, arg: Any, /) -> Any:
        return arg

    def handle_event(self, event: Any, _state: Any, /) -> Any:
        return event


async def test_the_result_of_a_handler_is_not_compared() -> None:
    manager = await gen_event.start_link()
    strange = Incomparable()
    assert await gen_event.add_handler(manager, Strange, strange) is strange
    await gen_event.add_sup_handler(manager, Strange, Ok(None))
    await gen_event.sync_notify(manager, strange)
    (message,) = flush()
    assert message[:2] == ("gen_event_EXIT", Strange)
    assert message[2] is strange
    await gen_event.add_handler(manager, Strange, Ok(None))
    await gen_event.sync_notify(manager, RemoveHandler())
    assert await gen_event.which_handlers(manager) == []


# Applications


async def stray() -> None:
    """Start a process outside the application's tree."""
    process.register("stray", process.current())
    await process.sleep(None)


class App(Application, start_phases=[("go", None)]):
    """An application that fails as its argument, (where, how, test), says; it reports its stop callbacks."""

    async def start(self, _type: str, args: Any, /) -> Any:
        where, how, _test = args
        top = await Supervisor.start_link([], name="top")
        process.spawn(stray)
        await process.sleep(0.001)
        if where == "start":
            await fail(how)
        process.put("args", args)
        return top, args

    def start_phase(self, _phase: Any, _type: str, _args: Any, /) -> Any:
        where, how, _test = process.get("args")
        return fail(how) if where == "start_phase" else None

    def prep_stop(self, args: Any, /) -> Any:
        where, how, test = args
        send(test, "prep_stop")
        return fail(how) if where == "prep_stop" else args

    def stop(self, args: Any, /) -> Any:
        where, how, test = args
        send(test, "stop")
        return fail(how) if where == "stop" else None


@failing
@pytest.mark.parametrize("where", ["start", "start_phase"])
async def test_a_start_of_an_application_that_fails_leaves_nothing(where: str, how: Any) -> None:
    with capture_reports() as reports, pytest.raises(ApplicationError, match="did not start"):
        await application.start(App, args=(where, how, process.current()))
    assert [report.kind for report in reports if report.kind == "exited"] == ["exited"]
    assert process.whereis("top") is None
    assert process.whereis("stray") is None
    await application.start(App, args=("", None, process.current()))
    await application.stop(App)


@failing
@pytest.mark.parametrize("where", ["prep_stop", "stop"])
async def test_all_stop_callbacks_of_an_application_are_called(where: str, how: Any) -> None:
    await application.start(App, args=(where, how, process.current()))
    with capture_reports() as reports:
        await application.stop(App)
    assert flush() == ["prep_stop", "stop"]
    assert [report.kind for report in reports] == ["callback raised", "exited"]
    assert process.whereis("top") is None
    assert process.whereis("stray") is None


class Unmade(App):
    """An application whose object cannot be created."""

    def __init__(self) -> None:
        raise Exit("not made")


async def test_an_application_that_cannot_be_created_fails_to_start() -> None:
    with capture_reports() as reports, pytest.raises(ApplicationError, match="not made"):
        await application.start(Unmade)
    assert [report.kind for report in reports] == ["exited"]


class Changed(App):
    """An application that rejects its new environment."""

    def config_change(self, _changed: Any, _new: Any, _removed: Any, /) -> Any:
        return fail(application.get_env(Changed, "how"))


@failing
async def test_a_config_change_that_fails_counts_as_rejected(how: Any) -> None:
    await application.start(Changed, args=("", None, process.current()))
    before = application.prep_config_change()
    application.put_env(Changed, "how", how)
    with pytest.raises(ApplicationError, match="not accepted"):
        await application.config_change(before)
    await application.stop(Changed)


# Supervisors


async def gives(value: Any) -> Any:
    return value


@failing
async def test_a_start_function_that_fails_is_a_child_that_did_not_start(how: Any) -> None:
    async def start() -> Any:
        await fail(how)

    supervisor = await Supervisor.start_link([])
    with capture_reports(), pytest.raises(StartError):
        await Supervisor.start_child(supervisor, ChildSpec("child", start))
    assert await Supervisor.which_children(supervisor) == []


async def test_a_cancelled_supervisor_ends() -> None:
    async def start() -> Any:
        task = current_task()
        assert task is not None
        task.cancel()
        await sleep(1000.0)

    process.trap_exit(True)
    supervisor = await Supervisor.start_link([])
    ref = process.monitor(supervisor)
    with capture_reports():
        process.spawn(Supervisor.start_child, supervisor, ChildSpec("child", start))
        assert isinstance(await expect_down(ref), CancelledError)


@pytest.mark.parametrize("supervisor_class", [Supervisor, DynamicSupervisor])
async def test_a_start_function_may_return_an_error_or_ignore(supervisor_class: Any) -> None:
    """As in OTP: {error, Reason} and ignore."""
    supervisor = await supervisor_class.start_link()
    with capture_reports(), pytest.raises(StartError) as caught:
        await supervisor_class.start_child(supervisor, ChildSpec("child", (gives, (Error("not today"),))))
    assert caught.value.reason == "not today"
    assert await supervisor_class.start_child(supervisor, ChildSpec("child", (gives, (IGNORE,)))) is None


async def test_a_child_that_returns_an_error_at_its_restart_is_tried_again() -> None:
    outcomes: list[Any] = [Error("not now"), None]

    async def sleeps() -> None:
        await process.sleep(None)

    def start() -> Any:
        outcome = outcomes.pop() if outcomes else None
        return process.spawn_link(sleeps) if outcome is None else outcome

    supervisor = await Supervisor.start_link([ChildSpec("child", start)])
    (child,) = await Supervisor.which_children(supervisor)
    with capture_reports():
        process.exit(child.pid, "kill")
        await process.sleep(0.001)
    (child,) = await Supervisor.which_children(supervisor)
    assert isinstance(child.pid, Pid)
    assert outcomes == []


async def test_a_partition_may_be_started_by_a_plain_function() -> None:
    async def sleeps() -> None:
        await process.sleep(None)

    def start() -> Pid:
        return process.spawn_link(sleeps)

    await PartitionSupervisor.start_link(child_spec=ChildSpec("sleeper", start), name="sleepers", partitions=2)
    assert await PartitionSupervisor.partitions("sleepers") == 2
    assert PartitionSupervisor.whereis_name(("sleepers", 1)) is not None
    process.trap_exit(True)
    with capture_reports(), pytest.raises(StartError):
        await PartitionSupervisor.start_link(
            child_spec=ChildSpec("x", (gives, (Error("no"),))), name="none", partitions=2
        )


# The whole program


@failing
def test_a_permanent_application_that_fails_to_start_ends_the_program(how: Any) -> None:
    async def main() -> None:
        async with Node():
            with pytest.raises(ApplicationError):
                await application.start(App, "permanent", ("start", how, None))
            await sleep(1000.0)

    with capture_reports(), pytest.raises(Ended):
        asyncio.run(main())


class Unequal:
    """A reason whose comparison raises."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise Exit("not comparable")


async def test_a_reason_is_not_compared_with_the_word_normal() -> None:
    await Registry.start_link(keys="duplicate", name="topics", partitions=2)
    Registry.register("topics", "news")
    process.trap_exit(True)
    reason = Unequal()

    def fails(_entries: Any) -> NoReturn:
        raise Exit(reason)

    with pytest.raises(CalleeExit) as caught:
        await Registry.dispatch("topics", "news", fails, parallel=True)
    assert caught.value.reason[0] is reason
