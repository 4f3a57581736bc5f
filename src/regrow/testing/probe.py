"""A child that tells its test what becomes of it, so that a start, an end and a restart are messages and no guesses.

the test                                    the probe
await start_supervised(probe("a"))
                     <---------------       ("started", "a")
process.exit(whereis("a"), "kill")
                     <---------------       ("started", "a")     the supervisor has started another
await stop_supervised("a")
                     <---------------       ("ended", "a", "shutdown")      if it traps exits: probe("a", trap=True)

It says nothing of its own but what it is told to: it sleeps, stops or crashes by a cast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.results import NoReply, Ok, Reply, Stop
from regrow.behaviours.gen_server.gen_server import GenServer
from regrow.kernel import bifs
from regrow.kernel.pid import Pid
from regrow.kernel.running import current
from regrow.kernel.sending import send, sleep
from regrow.kernel.signals import Exited


class Probe(GenServer[dict[str, Any]]):
    """Sends its test `("started", id)` when it is up and `("ended", id, reason)` when `terminate` runs.

    A call answers with its pid. It takes these casts: `("stop", reason)` ends it, `("sleep", seconds)` keeps it busy,
    anything else is a crash with RuntimeError. A plain message it forwards, as `("got", id, message)`.
    """

    async def init(self, options: dict[str, Any], /) -> Any:
        """Say that it is up, unless `init` is a function that says otherwise."""
        bifs.trap_exit(options.get("trap", False))
        init: Callable[[], Any] | None = options.get("init")
        if init is not None and (answer := init()) is not None:
            return answer
        send(options["to"], ("started", options["id"]))
        return Ok(options)

    def handle_call(self, _request: object, _from: object, options: dict[str, Any], /) -> Any:
        """Answer with the pid."""
        return Reply(current(), options)

    async def handle_cast(self, request: Any, options: dict[str, Any], /) -> Any:
        """Stop, sleep or crash."""
        match request:
            case ("stop", reason):
                return Stop(reason, options)
            case ("sleep", int() | float() as seconds):
                await sleep(seconds)
                return NoReply(options)
            case _:
                raise RuntimeError(f"{options['id']} was told to {request}")

    def handle_info(self, message: object, options: dict[str, Any], /) -> Any:
        """Tell the test what has come."""
        assert not isinstance(message, Exited), "a stranger's exit signal"
        send(options["to"], ("got", options["id"], message))
        return NoReply(options)

    async def terminate(self, reason: object, options: dict[str, Any], /) -> None:
        """Say so, and linger, or end otherwise than it was told."""
        send(options["to"], ("ended", options["id"], reason))
        if "linger" in options:
            await sleep(options["linger"])
        if "ends_with" in options:
            raise options["ends_with"]


def probe(
    id: Any,
    *,
    to: Any = None,
    trap: bool = False,
    init: Callable[[], Any] | None = None,
    linger: float | None = None,
    ends_with: BaseException | None = None,
    **spec: Any,
) -> ChildSpec:
    """The spec of a `Probe` that is registered under its id.

    Args:
        id: of the child, its name, and what its messages begin with.
        to: the address that it tells; None: the running process.
        trap: whether it traps exits, so that it tells of its end whatever the reason.
        init: is called first, and may return what the `init` of a server may, or raise.
        linger: the seconds that its `terminate` takes.
        ends_with: what its `terminate` raises.
        spec: `restart`, `shutdown`, `type` and `significant`, as of a ChildSpec.
    """
    given: dict[str, Any] = {"trap": trap, "init": init, "linger": linger, "ends_with": ends_with}
    options = {name: value for name, value in given.items() if value is not None}
    options |= {"id": id, "to": current() if to is None else to}
    return ChildSpec(id, (start_probe, (options,)), modules=(Probe,), **spec)


async def start_probe(options: dict[str, Any]) -> Pid:
    """Start one, linked, under its id as name."""
    return await Probe.start_link(options, name=options["id"])
