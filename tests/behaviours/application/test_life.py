"""The life of an application: start, stop, unload, and the processes that belong to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from regrow import (
    Error,
    Exit,
    Pid,
    application,
    process,
    send,
)
from regrow.behaviours.application.spec import ApplicationError
from regrow.testing import expect_down
from tests.behaviours.application.applications import Base, Plain, Reporter, end, refused, runs, start
from tests.behaviours.probes import crash, news

pytestmark = pytest.mark.regrow


class TestLife:
    @pytest.mark.otp("AP-011")
    async def test_an_application_starts_and_stops_in_order(self) -> None:
        await start()
        await application.stop(Reporter)
        assert news() == [
            ("start", "normal"),
            ("started", "child"),
            ("started", "named"),
            ("prep_stop", True),
            ("ended", "child", "shutdown"),
            ("stop", False),
        ]
        with pytest.raises(ApplicationError, match="Reporter does not run") as caught:
            await application.stop(Reporter)
        assert caught.value.reason == ("not_started", Reporter)

    @pytest.mark.otp("AP-010")
    @pytest.mark.otp("AP-001")
    async def test_an_application_runs_once(self) -> None:
        await start()
        with pytest.raises(ApplicationError, match="Reporter runs already") as caught:
            await start()
        assert caught.value.reason == ("already_started", Reporter)
        assert await application.ensure_all_started(Reporter) == []

    @pytest.mark.otp("AP-001")
    @pytest.mark.parametrize("start_type", ["temporary", "permanent"])
    async def test_ensure_started_starts_an_application_once(self, start_type: Any) -> None:
        await application.ensure_started(Plain, start_type)
        await application.ensure_started(Plain, start_type)
        assert runs() == [Plain]
        await application.stop(Plain)
        for function in (application.start, application.ensure_started):
            with pytest.raises(ApplicationError, match="there is no application 'unknown'") as caught:
                await function("unknown", start_type)
            assert caught.value.reason == ("not_found", "unknown")

    @pytest.mark.otp("AP-013")
    async def test_an_application_is_not_unloaded_while_it_runs(self) -> None:
        await application.start(Plain)
        assert refused(application.unload, Plain) == ("running", Plain)
        await application.stop(Plain)
        application.unload(Plain)
        assert refused(application.unload, Plain) == ("not_loaded", Plain)
        await application.start(Plain)  # which loads it
        assert refused(application.load, Plain) == ("already_loaded", Plain)

    async def test_an_application_that_ended_by_itself_can_be_unloaded_and_stopped_once(self) -> None:
        await application.start(Plain)
        await end(Plain, "kill")
        assert runs() == []
        application.unload(Plain)
        await application.stop(Plain)
        with pytest.raises(ApplicationError, match="Plain does not run"):
            await application.stop(Plain)

    @pytest.mark.otp("AP-046")
    async def test_the_lists_of_running_and_loaded_applications(self) -> None:
        application.load(Base)
        await start()
        assert application.started_applications() == [(Reporter, "reports to its test", "1.2")]
        assert application.which_applications(timeout=1.0) == [(Reporter, "reports to its test", "1.2")]
        assert application.loaded_applications() == [(Base, "", ""), (Reporter, "reports to its test", "1.2")]
        application.ensure_loaded(Base)
        assert refused(application.ensure_loaded, "unknown") == ("not_found", "unknown")

    @pytest.mark.otp("AP-024")
    @pytest.mark.otp("AP-025")
    async def test_an_application_ends_when_its_tree_gives_up(self) -> None:
        await start()
        ending = asyncio.ensure_future(application.wait_ended(Reporter))
        await asyncio.sleep(0)
        await crash("named")
        assert await ending == "shutdown"
        assert news()[-2:] == [("prep_stop", False), ("stop", False)]
        assert application.started_applications() == []
        await start()  # and it can run again

    @pytest.mark.otp("AP-020")
    async def test_two_starts_at_once_both_return(self) -> None:
        test = process.current()

        async def other() -> None:
            await application.start(Reporter, args=(test, "slowly"))
            send(test, "other")

        process.spawn_link(other)
        await start("slowly")
        assert await process.receive(str, timeout=0.1) == "other"
        assert news().count(("start", "normal")) == 1

    @pytest.mark.otp("AP-020")
    async def test_two_starts_at_once_both_fail(self) -> None:
        class Fails(Reporter):
            async def start(self, _start_type: str, _args: Any, /) -> Any:
                await process.sleep(1.0)
                return Error("no")

        errors: list[object] = []

        async def begin() -> None:
            try:
                await application.start(Fails)
            except ApplicationError as error:
                errors.append(error.reason)

        refs = [process.spawn_monitor(begin)[1] for _ in range(2)]
        for ref in refs:
            await expect_down(ref, "normal", timeout=5.0)
        assert errors == [("no", (Fails, "start", ["normal", ()]))] * 2
        assert application.started_applications() == []

    async def test_an_application_starts_though_its_caller_has_ended(self) -> None:
        test = process.current()

        async def impatient() -> None:
            await application.start(Reporter, args=(test, "slowly"))

        pid = process.spawn(impatient)
        await process.sleep(0.5)
        process.exit(pid, "kill")
        await process.sleep(1.0)
        assert [app for app, _, _ in application.started_applications()] == [Reporter]

    async def test_a_process_of_the_application_stops_it(self) -> None:
        """The process ends with its application, before it could get the result."""

        class Stops(Reporter):
            async def start(self, start_type: str, args: Any, /) -> Any:
                process.spawn(stop_it, args[0])
                return await super().start(start_type, args)

        async def stop_it(test: Pid) -> None:
            await process.sleep(1.0)
            await application.stop(Stops)
            send(test, ("answered",))

        await start(app=Stops)
        await process.sleep(1.5)
        assert runs() == []
        assert news()[-1] == ("stop", False)

    async def test_two_stops_at_once(self) -> None:
        await start()
        refs = [process.spawn_monitor(application.stop, Reporter)[1] for _ in range(2)]
        for ref in refs:
            await expect_down(ref, "normal")

    @pytest.mark.otp("AP-023")
    async def test_processes_outside_the_tree_end_with_the_application(self) -> None:
        class Leaves(Reporter):
            async def start(self, start_type: str, args: Any, /) -> Any:
                left.append(process.spawn(process.receive))
                return await super().start(start_type, args)

        left: list[Pid] = []
        await start(app=Leaves)
        ref = process.monitor(left[0])
        await application.stop(Leaves)
        await expect_down(ref, "killed")

    @pytest.mark.otp("AP-042")
    async def test_the_application_of_a_process(self) -> None:
        await start()
        assert application.get_application(process.whereis("named")) is Reporter
        assert application.get_application() is None

    async def test_the_master_is_killed(self) -> None:
        await start()
        ending = asyncio.ensure_future(application.wait_ended(Reporter))
        await asyncio.sleep(0)
        ref = process.monitor("reporter.sup")
        info: Any = process.info
        master: Any = info(ref.watched, "parent")
        process.exit(master, "kill")
        await expect_down(ref, "killed")
        assert await ending == "killed"
        await start()

    async def test_the_stop_callbacks_may_fail(self) -> None:
        class Fails(Reporter):
            async def prep_stop(self, _test: Any, /) -> Any:
                raise RuntimeError("in prep_stop")

            def stop(self, _test: Any, /) -> None:
                raise Exit("in stop")

        await start(app=Fails)
        await application.stop(Fails)
        assert process.whereis("reporter.sup") is None
