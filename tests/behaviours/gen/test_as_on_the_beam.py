# ruff: noqa: ARG002 - a callback has the parameters that OTP gives it, whether or not this one reads them
"""Details of OTP: reports of an end, callbacks of an end, and refused arguments."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from regrow import (
    Address,
    Application,
    CallExit,
    DynamicSupervisor,
    Exit,
    GenServer,
    GenStatem,
    Global,
    ModuleDynamicSupervisor,
    ModuleSupervisor,
    Name,
    NextState,
    Ok,
    Registry,
    Supervisor,
    Via,
    application,
    child_spec,
    gen_event,
    proc_lib,
    process,
    stop,
)
from regrow.testing import expect_down
from regrow.testing.capture import Reports

pytestmark = pytest.mark.regrow

QUIET_REASONS: list[Any] = ["normal", "shutdown", ("shutdown", "x")]


class Traps(GenServer[Any]):
    """A server that ends with the reason it was given when its supervisor shuts it down."""

    def init(self, arg: Any) -> Any:
        process.trap_exit(True)
        return Ok(arg)

    def terminate(self, reason: Any, state: Any) -> None:
        if state is not None:
            raise Exit(state)


@pytest.mark.parametrize("reason", QUIET_REASONS)
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
async def test_a_child_that_ends_with_another_reason_is_reported(reason: Any, restart: Any, reports: Reports) -> None:
    supervisor = await Supervisor.start_link([child_spec((Traps, reason), id="child", restart=restart)])
    await Supervisor.terminate_child(supervisor, "child")
    reported = [report.reason for report in reports.of("shut down abnormally")]
    assert reported == ([reason] if restart == "permanent" and reason != "shutdown" else [])


@pytest.mark.parametrize("reason", QUIET_REASONS)
async def test_any_exception_of_terminate_is_reported(reason: Any, reports: Reports) -> None:
    """`gen_server:terminate` calls `error_info` for each; `proc_lib` sends a crash report for abnormal ends alone."""
    server = await Traps.start(reason)
    await stop_quietly(server)
    assert reports.only("GenServer terminating").reason == reason
    assert reports.of("process terminating") == []


async def stop_quietly(server: Any) -> None:
    with suppress(CallExit):  # it ends with another reason than the supervisor's
        await stop(server)


@pytest.mark.parametrize("reason", QUIET_REASONS)
async def test_any_exception_of_a_state_machine_s_terminate_is_reported(reason: Any, reports: Reports) -> None:
    class Machine(GenStatem[str, Any]):
        def init(self, arg: Any) -> Any:
            return NextState("on", arg)

        def terminate(self, reason: Any, state: str, data: Any) -> None:
            raise Exit(data)

    machine = await Machine.start(reason)
    await stop_quietly(machine)
    assert reports.only("GenStatem terminating").reason == reason
    assert reports.of("process terminating") == []


async def test_a_terminate_that_returns_leaves_no_report(reports: Reports) -> None:
    server = await Traps.start(None)
    await stop(server)
    assert reports == []


# Event managers


async def test_notify_to_an_unknown_name_raises() -> None:
    unknown: list[Name] = ["unknown", Traps]
    for name in unknown:
        with pytest.raises(ValueError, match="notify: no process has the name"):
            gen_event.notify(name, "event")
    await Registry.start_link(keys="unique", name="reg")
    remote = ("unknown", "nowhere")
    quiet: list[Address] = [Global("unknown"), Via("reg", "unknown"), Via("no registry", "key"), remote]
    for address in quiet:
        gen_event.notify(address, "event")
    with pytest.raises(TypeError):
        gen_event.notify(7, "event")  # type: ignore[arg-type]


async def test_notify_to_a_dead_manager_is_dropped() -> None:
    manager = await gen_event.start()
    await gen_event.stop(manager)
    await expect_down(manager)
    gen_event.notify(manager, "event")


# Environments


class Shop(Application, env={"price": 1}):
    pass


async def test_an_environment_belongs_to_an_application() -> None:
    wrongs: list[Any] = [7, None, Traps, ("Shop",)]
    for wrong in wrongs:
        for function in (application.put_env, application.set_env):
            with pytest.raises(TypeError, match="wanted a class derived from Application"):
                function(wrong, "price", 2)
        for look in (application.get_env, application.fetch_env, application.delete_env):
            with pytest.raises(TypeError, match="wanted a class derived from Application"):
                look(wrong, "price")


async def test_values_of_several_applications_are_set_for_all_or_for_none() -> None:
    for persistent in (False, True):
        for function in (application.put_all_env, application.set_env):
            with pytest.raises(TypeError, match="wanted a class derived from Application, got 7"):
                function({Shop: {"price": 2}, 7: {"price": 2}}, persistent=persistent)
            assert application.get_env(Shop, "price") == 1


# Initial calls


async def test_the_initial_call_of_a_supervisor_is_the_init_of_its_class() -> None:
    class Tree(ModuleSupervisor):
        def init(self, arg: Any) -> Any:
            return Supervisor.init([], strategy="one_for_one")

    class Crowd(ModuleDynamicSupervisor):
        async def init(self, arg: Any) -> Any:
            return DynamicSupervisor.init()

    for kind in (Tree, Crowd):
        supervisor = await kind.start_link(None)
        assert proc_lib.translate_initial_call(supervisor) == (__name__, kind.init.__qualname__, 1)
    plain = await Supervisor.start_link([])
    found = proc_lib.initial_call(plain)
    assert found is not None
    assert found[1] == "Supervisor.init"
