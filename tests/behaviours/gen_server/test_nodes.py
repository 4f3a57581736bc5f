# Tests send a server lambdas that say what to do, and the parameters of a lambda cannot be annotated.
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""abcast and multi_call, on one node and on several."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    From,
    Global,
    Node,
    NoReply,
    Reply,
    call,
    gen_server,
    process,
)
from tests.behaviours.gen_server.servers import Server, keep, later, messages, stopping
from tests.kernel.nodes.nodes import Other

pytestmark = pytest.mark.regrow


async def start_named(state: Any) -> None:
    """Start a server under the name of the server that the test has on its own node."""
    await Server.start(state, name="named")


async def callers_of(name: str) -> int:
    """Return the number of callers that wait for a reply of a server of this node."""
    pid = process.whereis(name)
    assert pid is not None
    return len(process.info(pid, "monitored_by"))


class TestNodes:
    """A program may have several nodes. Without others, "all nodes" is this one."""

    @pytest.mark.otp("GS-094")
    @pytest.mark.otp("GS-141")
    async def test_abcast(self, server: Any, node: Node) -> None:
        def add(word: str) -> Any:
            return lambda state: NoReply([*state, word])

        await server.start([], name="named")
        assert gen_server.abcast("named", add("all")) == "abcast"
        assert gen_server.abcast("named", add("this"), nodes=[node.name, "nowhere"]) == "abcast"
        assert gen_server.abcast("unknown", add("none")) == "abcast"
        assert gen_server.abcast("named", add("none"), nodes=[]) == "abcast"
        assert await call(("named", node.name), lambda _from, state: Reply(state, state)) == ["all", "this"]

    @pytest.mark.otp("GS-095")
    async def test_multi_call(self, server: Any, node: Node) -> None:
        here = [node.name]
        await server.start([], name="named")
        assert await gen_server.multi_call("named", keep("ok")) == ([(node.name, "ok")], [])
        assert await gen_server.multi_call("named", later("delayed", 0.001), nodes=here) == (
            [(node.name, "delayed")],
            [],
        )
        within = await gen_server.multi_call("named", lambda _from, _: Reply("ok", True, 1.0), nodes=here)
        assert within == ([(node.name, "ok")], [])
        await process.sleep(0.5)
        window = lambda _from, state: Reply(state is True, state, 1.0)  # noqa: E731 (as in all these tests)
        assert await gen_server.multi_call("named", window, nodes=here) == ([(node.name, True)], [])
        assert await gen_server.multi_call("named", stopping("normal"), nodes=here) == ([(node.name, "stopping")], [])
        assert await gen_server.multi_call("named", keep("ok"), nodes=here) == ([], here)

    @pytest.mark.otp("GS-095")
    async def test_multi_call_lists_the_nodes_without_a_reply(self, server: Any, node: Node) -> None:
        pid = await server.start([], name="named")
        began = process.monotonic()
        many = [node.name, "nowhere", node.name]
        assert await gen_server.multi_call("named", later("late", 5.0), 1.0, nodes=many) == ([], many)
        assert process.monotonic() - began == pytest.approx(1.0)
        await process.sleep(10.0)
        assert messages() == []
        assert process.info(pid, "monitored_by") == []
        assert await gen_server.multi_call("named", lambda _from, _: 1 / 0) == ([], [node.name])

    async def test_a_server_that_multi_calls_itself_gets_no_reply(self, node: Node) -> None:
        class Asks(Server):
            async def handle_call(self, _request: Any, _from: From, state: Any, /) -> Any:
                return Reply(await gen_server.multi_call("named", keep("ok")), state)

        await Asks.start([], name="named")
        assert await call("named", "ask") == ([], [node.name])

    async def test_a_caller_killed_in_multi_call_leaves_nothing_behind(self, server: Any) -> None:
        pid = await server.start([], name="named")
        caller = process.spawn(gen_server.multi_call, "named", later("late", 5.0))
        await process.sleep(1.0)
        assert process.info(pid, "monitored_by") == [caller]
        process.exit(caller, "kill")
        await process.sleep(1.0)
        assert process.info(pid, "monitored_by") == []
        assert await call(pid, keep("up")) == "up"

    @pytest.mark.parametrize("ask", [gen_server.abcast, gen_server.multi_call])
    async def test_invalid_names_and_nodes_are_refused(self, ask: Any) -> None:
        for name in (Global("named"), process.current(), None, 1):
            with pytest.raises(TypeError, match="wanted a name on each node"):
                await ask(name, 1)
        with pytest.raises(TypeError, match="wanted a list of nodes; got 'named'"):
            await ask("named", 1, nodes="named")

    @pytest.mark.otp("GS-094")
    @pytest.mark.otp("GS-095")
    @pytest.mark.regrow(clock="real", name="here")
    async def test_two_nodes(self, node: Node) -> None:
        other = Other("there")
        other.thread.start()
        assert other.up.wait(20)
        try:
            for start in (Server.start(["here"], name="named"), other.run(start_named, ["there"])):
                await start
            gen_server.abcast("named", lambda state: NoReply([*state, "cast"]))
            ask = lambda _from, state: Reply(state, state)  # noqa: E731 (as in all these tests)
            answers = [("here", ["here", "cast"]), ("there", ["there", "cast"])]
            assert await gen_server.multi_call("named", ask) == (answers, [])
            gone: list[str | Node] = ["there", "nowhere", other.node, node]
            assert await gen_server.multi_call("named", ask, 20, nodes=gone) == (
                [answers[1], (other.node, ["there", "cast"]), (node, ["here", "cast"])],
                ["nowhere"],
            )
            assert await gen_server.multi_call("named", lambda _from, state: NoReply(state), 0.01) == (
                [],
                ["here", "there"],
            )
            caller = process.spawn(gen_server.multi_call, "named", lambda _from, state: NoReply(state))
            while await other.run(callers_of, "named") == 0:
                await process.sleep(0.001)
            process.exit(caller, "kill")
            while await other.run(callers_of, "named") > 0:
                await process.sleep(0.001)
            assert await gen_server.multi_call("named", stopping("normal"), nodes=["there"]) == (
                [("there", "stopping")],
                [],
            )
            assert await gen_server.multi_call("named", ask) == (answers[:1], ["there"])
        finally:
            other.stop()
        assert await gen_server.multi_call("named", ask, nodes=["there"]) == ([], ["there"])
        assert await gen_server.multi_call("named", ask) == (answers[:1], [])
