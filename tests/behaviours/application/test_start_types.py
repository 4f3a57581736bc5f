"""Start types of applications: permanent, transient and temporary."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from regrow import (
    Application,
    Exit,
    Node,
    Pid,
    Supervisor,
    VirtualClock,
    application,
    process,
    run,
)
from regrow.behaviours.application.spec import ApplicationError
from regrow.kernel.running import running
from tests.behaviours.application.applications import STOPPED, First, Keeps, Last, end, runs

pytestmark = pytest.mark.regrow


class TestStartTypes:
    """Where OTP stops the node, the program ends in order: a waiting call raises `Ended`."""

    @pytest.fixture(autouse=True)
    def nothing_is_said(self) -> None:
        Keeps.said.clear()

    @staticmethod
    async def main(start_type: Any, reason: str) -> str:
        """A program with two applications, the second of which ends by itself."""
        await application.start(First)
        await application.start(Last, start_type)
        await end(Last, reason)
        for _ in range(3):
            await process.sleep(0.001)
        return "continues"

    ENDS = ("normal", "shutdown", "kill")
    GOES_ON = (*(("temporary", reason) for reason in ENDS), ("transient", "normal"))
    ENDS_IT = (("transient", "shutdown"), ("transient", "kill"), *(("permanent", reason) for reason in ENDS))

    @pytest.mark.otp("AP-025")
    @pytest.mark.parametrize(("start_type", "reason"), GOES_ON)
    def test_the_program_continues(self, start_type: Any, reason: str) -> None:
        assert run(self.main, start_type, reason, node=Node(clock=VirtualClock())) == "continues"
        assert Keeps.said == STOPPED

    @pytest.mark.otp("AP-025")
    @pytest.mark.parametrize(("start_type", "reason"), ENDS_IT)
    def test_the_program_ends(self, start_type: Any, reason: str) -> None:
        why = "killed" if reason == "kill" else reason
        with pytest.raises(application.Ended, match=f"^Last ended: '{why}'$") as caught:
            run(self.main, start_type, reason, node=Node(clock=VirtualClock()))
        assert caught.value.reason == ("application_terminated", Last, why)
        assert Keeps.said == STOPPED

    @pytest.mark.otp("AP-018")
    @pytest.mark.parametrize("start_type", ["transient", "permanent"])
    def test_the_program_ends_if_it_does_not_start(self, start_type: Any) -> None:
        class Fails(Application):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                raise Exit("abnormal")

        why = ("bad_return", ((Fails, "start", ["normal", ()]), ("EXIT", "abnormal")))
        reasons: list[Any] = []

        async def main() -> None:
            await application.start(First)
            try:
                await application.start(Fails, start_type)
            except ApplicationError as error:
                reasons.append(error.reason)
            await process.receive()

        with pytest.raises(application.Ended) as caught:
            run(main, node=Node(clock=VirtualClock()))
        assert reasons == [why]
        assert caught.value.reason == ("application_start_failure", Fails, why)
        assert Keeps.said == STOPPED[2:]

    def test_the_program_continues_if_the_application_is_stopped(self) -> None:
        async def main() -> str:
            await application.start(First, "permanent")
            await application.stop(First)
            await process.sleep(0.01)
            return "continues"

        assert run(main, node=Node(clock=VirtualClock())) == "continues"

    def test_a_block_that_holds_the_node_is_left(self) -> None:
        left: list[str] = []

        async def main() -> None:
            async with Node():
                await application.start(First)
                await application.start(Last, "permanent")
                process.exit(cast("Pid", application.get_child(Last)), "kill")
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    left.append("left")

        with pytest.raises(application.Ended, match="Last ended: 'killed'"):
            asyncio.run(main())
        assert left == ["left"]
        assert Keeps.said == STOPPED

    def test_a_node_without_a_block_stops(self) -> None:
        async def main() -> bool:
            node = Node()
            node.start()
            await application.start(Last, "permanent")
            process.exit(cast("Pid", application.get_child(Last)), "kill")
            while node.running:  # noqa: ASYNC110  (no event reports that a node has stopped)
                await asyncio.sleep(0)
            return node.running

        assert asyncio.run(main()) is False
        assert Keeps.said == STOPPED[:2]

    def test_run_names_the_application_that_has_ended(self) -> None:
        class Whole(Application, applications=[First]):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                process.spawn(end, First, "shutdown")
                return await Supervisor.start_link([])

        with pytest.raises(application.Ended, match="First ended: 'shutdown'") as caught:
            run(Whole, node=Node(clock=VirtualClock()))
        assert caught.value.reason == ("application_terminated", First, "shutdown")

    @pytest.mark.otp("AP-036")
    def test_the_hook_is_called_before_the_end(self) -> None:
        """OTP names the hook in the environment of `kernel`; here it is a function, `async def` or not."""
        said: list[Any] = []

        async def down(reason: Any) -> None:
            said.append((reason, runs()))

        async def main(reason: str | None) -> None:
            application.put_env("kernel", "shutdown_func", down)
            await application.start(First, "permanent")
            if reason is not None:
                await end(First, reason)

        run(main, None, node=Node(clock=VirtualClock()))
        with pytest.raises(application.Ended):
            run(main, "kill", node=Node(clock=VirtualClock()))
        assert said == [("shutdown", [First]), (("application_terminated", First, "killed"), [])]

    @pytest.mark.otp("AP-036")
    def test_the_hook_is_called_before_the_end_of_an_application_that_is_run(self) -> None:
        said: list[Any] = []

        def down(reason: Any) -> None:
            said.append((reason, runs()))

        class Whole(Application, applications=[First]):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                application.put_env("kernel", "shutdown_func", down)
                process.spawn(end, Whole, "shutdown")
                return await Supervisor.start_link([])

        with pytest.raises(application.Ended):
            run(Whole, node=Node(clock=VirtualClock()))
        assert said == [(("application_terminated", Whole, "shutdown"), [First])]

    def test_the_hook_may_fail(self, caplog: pytest.LogCaptureFixture) -> None:
        def down(_reason: Any) -> None:
            raise RuntimeError("in shutdown_func")

        async def main() -> None:
            application.put_env("kernel", "shutdown_func", down)

        run(main)
        assert "in shutdown_func" in caplog.text


async def test_a_node_that_stops_stops_its_applications(virtual_clock: VirtualClock) -> None:
    said: list[Any] = []

    class Says(Application):
        async def start(self, _start_type: str, _args: Any, /) -> Any:
            return await Supervisor.start_link([])

        def prep_stop(self, state: Any, /) -> Any:
            said.append("prep_stop")
            return state

        def stop(self, _state: Any, /) -> None:
            said.append("stop")

    node = running().node
    await application.start(Says)
    master = next(iter(node.applications.values())).master
    await node.end(master, "shutdown")
    assert said == ["prep_stop", "stop"]
