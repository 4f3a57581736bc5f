"""Children that the tests in this folder supervise."""

from __future__ import annotations

from typing import Any

from regrow import (
    ChildSpec,
    GenServer,
    ModuleSupervisor,
    Pid,
    Supervisor,
    cast,
    process,
)
from regrow.testing import expect_down
from tests.behaviours.probes import Probe, crash, unlinked


def ids(rows: list[Any]) -> list[Any]:
    return [row.id for row in rows]


class Plain(GenServer[None]):
    """A server that does nothing."""


async def start_instance(options: dict[str, Any], *more: Any) -> Any:
    """Start a probe without a name; its argument is its id, or the result of its init."""
    for one in more:
        options = {**options, ("init" if callable(one) else "id"): one}
    return await Probe.start_link(options)


async def simple(restart: Any = "permanent", *, trap: bool = False, **options: Any) -> Pid:
    """Start a simple_one_for_one supervisor of probes, whose end does not end the test."""
    template = {key: options.pop(key) for key in ("shutdown", "type", "significant") if key in options}
    start = (start_instance, ({"id": "x", "to": process.current(), "trap": trap},))
    child = ChildSpec("template", start, restart=restart, **template)
    return await unlinked(child, strategy="simple_one_for_one", **options)


async def gone(pid: Pid, reason: object = "kill") -> None:
    """End a process and wait until its supervisor has reacted."""
    ref = process.monitor(pid)
    process.exit(pid, reason)
    await expect_down(ref)
    await process.sleep(0.001)


async def pids_of(sup: Pid) -> list[Any]:
    return [row.pid for row in await Supervisor.which_children(sup)]


async def ended(sup: Pid, id: str, how: str) -> None:
    """End a probe in one of those ways."""
    match how:
        case "terminate_child":
            await Supervisor.terminate_child(sup, id)
        case "kill":
            await crash(id, "killed")
        case "crash":
            cast(id, "crash")
        case _:
            cast(id, ("stop", "normal"))
    await process.sleep(0.1)


class Pool(ModuleSupervisor, restart="transient"):
    """A supervisor whose init returns its argument."""

    def init(self, arg: Any, /) -> Any:
        return arg() if callable(arg) else arg
