"""A child that sends its test a message when it starts and when it ends, so that a test can wait for a restart.

the test                                    the probe
await start_supervised(probe("a"))
                     <---------------       ("started", "a")
process.exit(whereis("a"), "kill")
                     <---------------       ("started", "a")     the supervisor has restarted it
await stop_supervised("a")
                     <---------------       ("ended", "a", "shutdown")      if it traps exits: probe("a", trap=True)

A cast makes it sleep, stop or crash.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.results import NoReply, Ok, Reply, Stop
from regrow.behaviours.gen_server.gen_server import GenServer
from regrow.kernel import bifs
from regrow.kernel.process_record import Pid
from regrow.kernel.running import current
from regrow.kernel.sending import send, sleep
from regrow.kernel.signals import Exited


class Probe(GenServer[dict[str, Any]]):
    """Sends its test `("started", id)` when it is up and `("ended", id, reason)` when `terminate` runs.

    A call returns its pid. A cast `("stop", reason)` ends it, `("sleep", seconds)` keeps it busy, and any other cast
    crashes it with RuntimeError. It forwards a plain message to the test as `("got", id, message)`.
    """

    async def init(self, options: dict[str, Any], /) -> Any:
        """Send the test `("started", id)`, unless the `init` option returns another result or raises."""
        bifs.trap_exit(options.get("trap", False))
        init: Callable[[], Any] | None = options.get("init")
        if init is not None and (answer := init()) is not None:
            return answer
        send(options["to"], ("started", options["id"]))
        return Ok(options)

    def handle_call(self, _request: object, _from: object, options: dict[str, Any], /) -> Any:
        """Reply with the pid of the probe."""
        return Reply(current(), options)

    async def handle_cast(self, request: Any, options: dict[str, Any], /) -> Any:
        """Stop, sleep or crash, as the request says."""
        match request:
            case ("stop", reason):
                return Stop(reason, options)
            case ("sleep", int() | float() as seconds):
                await sleep(seconds)
                return NoReply(options)
            case _:
                raise RuntimeError(f"{options['id']} was asked to {request}")

    def handle_info(self, message: object, options: dict[str, Any], /) -> Any:
        """Forward the message to the test."""
        assert not isinstance(message, Exited), "an exit signal of a process that the test did not link to the probe"
        send(options["to"], ("got", options["id"], message))
        return NoReply(options)

    async def terminate(self, reason: object, options: dict[str, Any], /) -> None:
        """Send the test `("ended", id, reason)`; then sleep if `linger` asks for it, and raise `ends_with` if given."""
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
    """Return the spec of a `Probe` that is registered under its id.

    Args:
        id: the id of the child, its registered name, and the second item of its messages.
        to: the address that its messages go to; None: the running process.
        trap: whether it traps exits, so that it reports its end for every reason except "kill".
        init: a function that its `init` calls first; it may return what a server's `init` may, or raise.
        linger: seconds that its `terminate` takes.
        ends_with: an exception that its `terminate` raises.
        spec: `restart`, `shutdown`, `type` and `significant` of the ChildSpec.
    """
    given: dict[str, Any] = {"trap": trap, "init": init, "linger": linger, "ends_with": ends_with}
    options = {name: value for name, value in given.items() if value is not None}
    options |= {"id": id, "to": current() if to is None else to}
    return ChildSpec(id, (start_probe, (options,)), modules=(Probe,), **spec)


async def start_probe(options: dict[str, Any]) -> Pid:
    """Start a probe, linked to the caller and registered under its id."""
    return await Probe.start_link(options, name=options["id"])
