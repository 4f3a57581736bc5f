"""Administration of supervisors: start_child, which_children, delete_child, and specs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    ChildError,
    ChildSpec,
    InvalidChild,
    InvalidFlags,
    NoProcess,
    Pid,
    StartError,
    Supervisor,
    process,
)
from tests.behaviours.probes import Probe, probe, start_probe
from tests.behaviours.supervision.supervised import Plain, Pool, simple

pytestmark = pytest.mark.regrow


class TestAdministration:
    @pytest.mark.otp("SU-029")
    async def test_extra_information_goes_to_the_caller_of_start_child(self) -> None:
        async def start() -> tuple[Pid, str]:
            return await Probe.start_link({"id": "x", "to": parent}), "extra"

        parent = process.current()
        sup = await Supervisor.start_link()
        pid, extra = await Supervisor.start_child(sup, ChildSpec("x", start))
        assert (pid.process is not None, extra) == (True, "extra")
        await Supervisor.terminate_child(sup, "x")
        assert (await Supervisor.restart_child(sup, "x"))[1] == "extra"

    @pytest.mark.otp("SU-030")
    @pytest.mark.otp("SU-032")
    @pytest.mark.otp("SU-034")
    async def test_the_life_of_a_child(self) -> None:
        sup = await Supervisor.start_link()
        pid = await Supervisor.start_child(sup, probe("a"))
        with pytest.raises(AlreadyStarted) as caught:
            await Supervisor.start_child(sup, probe("a"))
        assert caught.value.pid is pid
        for function in (Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(ChildError, match=r"child 'a': it is running\. Stop it first") as refused:
                await function(sup, "a")
            assert refused.value.reason == "running"
        await Supervisor.terminate_child(sup, "a")
        with pytest.raises(ChildError, match="Use restart_child, or delete_child first"):
            await Supervisor.start_child(sup, probe("a"))
        assert await Supervisor.restart_child(sup, "a") is process.whereis("a")
        await Supervisor.terminate_child(sup, "a")
        await Supervisor.delete_child(sup, "a")
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(ChildError, match="no such child"):
                await function(sup, "a")

    @pytest.mark.otp("SU-036")
    @pytest.mark.parametrize(
        ("function", "args"),
        [
            (Supervisor.start_child, (Plain,)),
            (Supervisor.terminate_child, ("a",)),
            (Supervisor.delete_child, ("a",)),
            (Supervisor.restart_child, ("a",)),
            (Supervisor.which_children, ()),
            (Supervisor.count_children, ()),
            (Supervisor.get_childspec, ("a",)),
            (Supervisor.which_child, ("a",)),
            (Supervisor.get_callback_module, ()),
        ],
    )
    async def test_requests_to_a_supervisor_that_does_not_run(
        self, function: Callable[..., Awaitable[Any]], args: tuple[Any, ...]
    ) -> None:
        with pytest.raises(NoProcess) as caught:
            await function("unknown", *args)
        reason: Any = caught.value.reason
        what, (module, asked, (server, _request, timeout)) = reason
        assert (what, module, asked, server, timeout) == ("noproc", "GenServer", "call", "unknown", None)

    @pytest.mark.otp("SU-038")
    async def test_an_instance_is_administered_by_its_pid_alone(self) -> None:
        sup = await simple()
        pid = await Supervisor.start_child(sup, ["a"])
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(ChildError, match=r"have no ids\. Use terminate_child\(supervisor, pid\)") as caught:
                await function(sup, "template")
            assert caught.value.reason == "simple_one_for_one"
        await Supervisor.terminate_child(sup, pid)
        assert not process.alive(pid)
        await Supervisor.terminate_child(sup, pid)
        unrelated = process.spawn(process.sleep, 3600.0)
        with pytest.raises(ChildError) as refused:
            await Supervisor.terminate_child(sup, unrelated)
        assert refused.value.reason == "not_found"
        assert process.alive(unrelated)
        assert await Supervisor.which_children(sup) == []

    async def test_an_instance_is_started_with_a_list_of_arguments(self) -> None:
        sup, ordinary = await simple(), await Supervisor.start_link()
        with pytest.raises(InvalidChild, match="starts its one child spec: wanted the list of further arguments"):
            await Supervisor.start_child(sup, Plain)
        with pytest.raises(InvalidChild, match="a list of arguments is for a simple_one_for_one supervisor"):
            await Supervisor.start_child(ordinary, ["a"])
        with pytest.raises(InvalidChild, match="has one child, of which it starts many; got 2"):
            await Supervisor.start_link([Plain, probe("a")], strategy="simple_one_for_one")
        assert process.alive(sup)

    @pytest.mark.otp("SU-040")
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"start": 1}, ("invalid_mfa", 1)),
            ({"restart": "prmanent"}, ("invalid_restart_type", "prmanent")),
            ({"shutdown": -10}, ("invalid_shutdown", -10)),
            ({"type": "wrker"}, ("invalid_child_type", "wrker")),
            ({"modules": 1}, ("invalid_modules", 1)),
            ({"modules": "dy"}, ("invalid_modules", "dy")),
            ({"modules": [1]}, ("invalid_module", 1)),
        ],
    )
    def test_an_invalid_spec_is_refused(self, options: dict[str, Any], reason: object) -> None:
        """Adapted: the error is raised where the spec is made, so it is never wrapped in start_spec."""
        parts: dict[str, Any] = {"id": "child", "start": start_probe, **options}
        with pytest.raises(InvalidChild) as caught:
            ChildSpec(**parts)
        assert caught.value.reason == reason

    @pytest.mark.otp("SU-040")
    def test_check_childspecs(self) -> None:
        restarts: list[Any] = ["permanent", "transient", "temporary"]
        shutdowns: list[Any] = [1.0, 0, "infinity", "brutal_kill"]
        kinds: list[Any] = ["worker", "supervisor"]
        modules: list[Any] = ["dynamic", [], [Plain], [Plain, "another"]]
        legal = [
            ChildSpec((restart, shutdown, kind, str(named)), start_probe, restart, shutdown, kind, modules=named)
            for restart in restarts
            for shutdown in shutdowns
            for kind in kinds
            for named in modules
        ]
        assert len(legal) == 96
        Supervisor.check_childspecs(legal)
        Supervisor.check_childspecs([])
        Supervisor.check_childspecs([Plain, (Pool, 1)])
        no_list: Any = 1
        with pytest.raises(TypeError, match="wanted a list of children, got 1"):
            Supervisor.check_childspecs(no_list)
        with pytest.raises(InvalidChild) as caught:
            Supervisor.check_childspecs([legal[0], legal[1], legal[0]])
        assert caught.value.reason == ("duplicate_child_name", legal[0].id)

    def test_check_childspecs_for_an_auto_shutdown(self) -> None:
        lasting, passing = (
            [ChildSpec("s", start_probe, restart, significant=True)] for restart in ("permanent", "temporary")
        )
        Supervisor.check_childspecs(passing)
        Supervisor.check_childspecs(passing, "all_significant")
        for specs, flag, pair in (
            (passing, "never", [("auto_shutdown", "never"), ("significant", True)]),
            (lasting, None, [("restart", "permanent"), ("significant", True)]),
        ):
            with pytest.raises(InvalidChild) as caught:
                Supervisor.check_childspecs(specs, flag)  # type: ignore[arg-type]
            assert caught.value.reason == ("bad_combination", pair)
        wrong: Any = "sometimes"
        with pytest.raises(InvalidFlags):
            Supervisor.check_childspecs([], wrong)

    @pytest.mark.otp("SU-042")
    @pytest.mark.parametrize(
        ("options", "reason", "wanted"),
        [
            ({"start": "start_link"}, "invalid_mfa", "an async function"),
            ({"start": (start_probe, 1)}, "invalid_mfa", "(function, args)"),
            ({"start": (1, ())}, "invalid_mfa", "(function, args)"),
            ({"restart": "always"}, "invalid_restart_type", "permanent, transient, temporary"),
            ({"shutdown": -1}, "invalid_shutdown", "seconds ≥ 0"),
            ({"shutdown": "soon"}, "invalid_shutdown", "seconds ≥ 0"),
            ({"shutdown": True}, "invalid_shutdown", "seconds ≥ 0"),
            ({"shutdown": float("nan")}, "invalid_shutdown", "seconds ≥ 0"),
            ({"type": "boss"}, "invalid_child_type", "worker, supervisor"),
            ({"significant": "yes"}, "invalid_significant", "True or False"),
            ({"id": []}, "invalid_id", "hashable"),
        ],
    )
    def test_an_invalid_part_of_a_spec_is_refused(self, options: dict[str, Any], reason: str, wanted: str) -> None:
        parts: dict[str, Any] = {"id": "x", "start": start_probe, **options}
        with pytest.raises(InvalidChild) as caught:
            ChildSpec(**parts)
        found: Any = caught.value.reason
        assert found[0] == reason
        assert wanted in str(caught.value)

    @pytest.mark.otp("SU-044")
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"strategy": "none_for_one"}, "invalid_strategy"),
            ({"max_restarts": "infinity"}, "invalid_intensity"),
            ({"max_seconds": 0}, "invalid_period"),
            ({"max_seconds": "infinity"}, "invalid_period"),
            ({"auto_shutdown": "sometimes"}, "invalid_auto_shutdown"),
        ],
    )
    async def test_an_invalid_flag_is_refused(self, options: dict[str, Any], reason: str) -> None:
        with pytest.raises(InvalidFlags) as direct:
            await Supervisor.start_link([], **options)
        assert direct.value.reason == (reason, *options.values())
        process.trap_exit(True)
        flags: dict[str, Any] = {"strategy": "one_for_one", **options}
        with pytest.raises(StartError) as caught:
            await Pool.start_link(lambda: Supervisor.init([], **flags))
        assert isinstance(caught.value.reason, InvalidFlags)

    async def test_which_child_returns_one_row(self) -> None:
        sup, dynamic = await Supervisor.start_link([probe("a"), probe("b")]), await simple()
        assert await Supervisor.which_child(sup, "a") == (await Supervisor.which_children(sup))[1]
        pid = await Supervisor.start_child(dynamic, ["x"])
        assert [await Supervisor.which_child(dynamic, pid)] == await Supervisor.which_children(dynamic)
        for one, id in ((sup, "c"), (dynamic, "template"), (dynamic, sup)):
            with pytest.raises(ChildError, match="no such child"):
                await Supervisor.which_child(one, id)

    async def test_an_impossible_id_does_not_harm_the_supervisor(self) -> None:
        sup = await Supervisor.start_link()
        for function in (Supervisor.terminate_child, Supervisor.restart_child, Supervisor.delete_child):
            with pytest.raises(TypeError, match="hashable"):
                await function(sup, [])
        assert process.alive(sup)
