"""Children that announce themselves to their test, so that a restart is a message and not a guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import ChildSpec, Exited, GenServer, NoReply, Ok, Pid, Reply, Stop, Supervisor, process


class Probe(GenServer[dict[str, Any]]):
    """Tells its test ("started", id) and ("ended", id, reason); does as its options and its messages say."""

    async def init(self, options: dict[str, Any], /) -> Any:
        """Say that it is up, unless `init` is a function that says otherwise."""
        process.trap_exit(bool(options.get("trap", False)))
        init: Callable[[], Any] | None = options.get("init")
        if init is not None and (answer := init()) is not None:
            return answer
        process.send(options["to"], ("started", options["id"]))
        return Ok(options)

    def handle_call(self, _request: Any, _from: Any, options: dict[str, Any], /) -> Any:
        """Answer with the pid."""
        return Reply(process.current(), options)

    async def handle_cast(self, request: Any, options: dict[str, Any], /) -> Any:
        """Stop, crash or sleep."""
        match request:
            case ("stop", reason):
                return Stop(reason, options)
            case ("sleep", seconds):
                await process.sleep(seconds)
                return NoReply(options)
            case _:
                raise RuntimeError(f"{options['id']} was told to {request}")

    def handle_info(self, message: Any, options: dict[str, Any], /) -> Any:
        """Nothing."""
        assert not isinstance(message, Exited), "a stranger's exit signal"
        return NoReply(options)

    async def terminate(self, reason: Any, options: dict[str, Any], /) -> None:
        """Say so, and linger, or end otherwise than it was told."""
        process.send(options["to"], ("ended", options["id"], reason))
        if "linger" in options:
            await process.sleep(options["linger"])
        if "ends_with" in options:
            raise options["ends_with"]


def probe(id: str, **options: Any) -> ChildSpec:
    """The spec of a Probe that announces itself to the running process, registered under its id."""
    spec = {key: options.pop(key) for key in ("restart", "shutdown", "type", "significant") if key in options}
    start = (start_probe, ({"id": id, "to": process.current(), **options},))
    return ChildSpec(id, start, modules=(Probe,), **spec)


async def start_probe(options: dict[str, Any]) -> Pid:
    """Start one, linked, under its id as name."""
    return await Probe.start_link(options, name=options["id"])


def news() -> list[Any]:
    """What the probes have said since it was last asked for."""
    waiting: list[Any] = process.info(process.current(), "messages")
    found: list[Any] = [message for message in waiting if type(message) is tuple]
    mailbox = process.running().mailbox
    if mailbox is not None:
        for message in found:
            mailbox.remove(message)
        if not mailbox:
            process.running().mailbox = None
    return found


async def unlinked(*children: Any, **options: Any) -> Pid:
    """A supervisor whose end does not end the test."""
    process.trap_exit(True)
    return await Supervisor.start_link(children, **options)


async def crash(id: str, reason: object = "died") -> None:
    """End a probe and wait until it has ended, and its supervisor has done what it does at once."""
    pid = process.whereis(id)
    assert pid is not None, f"{id} does not run"
    ref = process.monitor(pid)
    process.exit(pid, "kill" if reason == "killed" else reason)
    await process.receive(lambda message: getattr(message, "ref", None) is ref, timeout=10.0)
    await process.sleep(0.001)
