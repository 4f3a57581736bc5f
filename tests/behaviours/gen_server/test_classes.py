# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Server classes: options, child specs, and forms of a name."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    Agent,
    AlreadyStarted,
    GenServer,
    GenStatem,
    Global,
    InvalidChild,
    ModuleSupervisor,
    Node,
    NoProcess,
    NoReply,
    Service,
    Stop,
    Task,
    Via,
    call,
    cast,
    gen_server,
    global_,
    process,
    stop,
)
from regrow.testing import expect_down
from tests.behaviours.gen_server.servers import KINDS, Server, keep, state_of, unused_address

pytestmark = pytest.mark.regrow


class TestClasses:
    def test_an_unknown_class_option_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"unknown option nmaed\. Wanted one of id, modules, named, restart"):
            type("Q", (GenServer,), {}, nmaed=True)

    @pytest.mark.parametrize("base", [GenServer, GenStatem, Service, Agent, Task, ModuleSupervisor])
    @pytest.mark.parametrize(
        ("option", "value", "wanted"),
        [
            ("restart", "permament", "child Q: restart is one of permanent, transient, temporary; got 'permament'"),
            ("shutdown", -1, "child Q: shutdown is seconds ≥ 0"),
            ("id", [], "a child's id is a string, a class or any other hashable term"),
            ("start", "here", "start is an async function"),
        ],
    )
    def test_an_invalid_value_of_a_class_option_is_refused(
        self, base: Any, option: str, value: Any, wanted: str
    ) -> None:
        with pytest.raises(InvalidChild, match=wanted):
            type("Q", (base,), {}, **{option: value})

    @pytest.mark.otp("GS-130")
    def test_child_spec(self) -> None:
        class Transient(Server, restart="transient", shutdown=1, id="other"):
            pass

        spec = Transient.child_spec(["hello"])
        assert (spec.id, spec.args, spec.restart, spec.shutdown) == ("other", (["hello"],), "transient", 1)
        assert Server.child_spec().args == ()

        class Started(Server, start=Transient.start, type="supervisor", significant=True):
            pass

        spec = Started.child_spec(["not used"])
        assert (spec.id, spec.start, spec.args) == (Started, Transient.start, ())
        assert (spec.type, spec.shutdown, spec.significant, spec.modules) == (
            "supervisor",
            "infinity",
            True,
            (Started,),
        )

    async def test_a_server_may_be_named_by_its_class(self) -> None:
        class Named(Server, named=True):
            pass

        pid = await Named.start_link([])
        assert process.whereis(Named) is pid
        with pytest.raises(AlreadyStarted):
            await Named.start_link([])

    @pytest.mark.otp("GS-133")
    @pytest.mark.parametrize("kind", [*KINDS, "via global_"])
    async def test_a_server_may_have_every_form_of_a_name(self, server: Any, kind: str) -> None:
        name = Via(global_, "named") if kind == "via global_" else await unused_address(kind)
        pid = await server.start_link([], name=name)
        assert await call(name, keep("up")) == "up"
        cast(name, lambda state: NoReply([*state, "cast"]))
        assert await state_of(pid) == ["cast"]
        if kind == "via global_":
            assert gen_server.whereis(Global("named")) is pid
        await stop(name)
        assert gen_server.whereis(name) is None

    @pytest.mark.otp("GS-139")
    async def test_none_means_no_name(self, server: Any) -> None:
        pid = await server.start_link([], name=None)
        assert not process.info(pid, "registered_name")
        assert process.whereis(None) is None
        assert await server.start_link([], name=None) is not pid

    @pytest.mark.otp("GS-143")
    @pytest.mark.parametrize("kind", KINDS)
    async def test_whereis(self, server: Any, node: Node, kind: str) -> None:
        """`(name, node)` with an unknown node gives None: no other program is connected."""
        name = await unused_address(kind)
        assert gen_server.whereis(name) is None
        pid = await server.start([], name=name)
        for address in (name, pid, (name, node.name), (name, node)):
            assert gen_server.whereis(address) is pid
        for unknown in ((name, "nowhere"), ("unknown", node.name), None):
            assert gen_server.whereis(unknown) is None
        wrong: Any
        for wrong in (1, ("a", "b", "c"), [name]):
            with pytest.raises(TypeError):
                gen_server.whereis(wrong)

    async def test_terminate_gets_the_state_of_stop(self) -> None:
        ended: list[Any] = []

        class Stops(GenServer[str]):
            def handle_cast(self, request: Any, _state: str, /) -> Any:
                return Stop("normal", request)

            def terminate(self, _reason: Any, state: str, /) -> None:
                ended.append(state)

        pid = await Stops.start("old")
        ref = process.monitor(pid)
        cast(pid, "new")
        await expect_down(ref, "normal")
        assert ended == ["new"]

    @pytest.mark.otp("GS-144")
    async def test_stop_of_a_dead_server(self) -> None:
        with pytest.raises(NoProcess) as caught:
            await stop(None)  # type: ignore[arg-type]
        assert caught.value.reason == ("noproc", ("GenServer", "stop", [None, "normal", None]))
