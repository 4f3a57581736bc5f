"""Servers that the tests of system messages inspect."""

from __future__ import annotations

from typing import Any

from regrow import (
    Exit,
    Exited,
    From,
    GenServer,
    NoReply,
    Pid,
    Reply,
    Stop,
    proc_lib,
    process,
    send,
    system,
)
from regrow.behaviours.gen.system_requests import SystemRequest


class Counter(GenServer[int]):
    """A server that counts its calls."""

    def handle_call(self, request: Any, _from: From, count: int, /) -> Any:
        match request:
            case ("stop", reason):
                return Stop(reason, count, reply="stopping")
            case number:
                return Reply(("ok", -number), count + 1)

    async def handle_cast(self, request: Any, count: int, /) -> Any:
        await process.sleep(request)
        return NoReply(count + 1)

    def handle_info(self, _message: Any, count: int, /) -> Any:
        return NoReply(count + 1)


class Formatted(Counter):
    """A server whose `format_status` shows its state differently, or fails."""

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        if status["state"] < 0:
            raise RuntimeError("no words")
        return {**status, "state": f"{status['state']} calls", "message": "hidden"}


class Channels:
    """A special process that lends channels. Its misc is (lent, free)."""

    @staticmethod
    async def start_link(count: int, **callbacks: Any) -> Any:
        callbacks_ = type("Callbacks", (), {name: staticmethod(one) for name, one in callbacks.items()})
        return await proc_lib.start_link(Channels.begin, process.current(), count, callbacks_)

    @staticmethod
    async def begin(parent: Pid, count: int, callbacks: Any) -> None:
        process.trap_exit(True)
        process.register("channels", process.current())
        proc_lib.init_ack()
        misc: Any = ([], list(range(1, count + 1)))
        await Channels.loop(parent, system.debug_options([]), callbacks, misc)

    @staticmethod
    async def loop(parent: Pid, debug: Any, callbacks: Any, misc: Any) -> None:
        while True:
            message = await process.receive()
            match message:
                case SystemRequest():
                    debug, misc = await system.handle_system_msg(message, parent, callbacks, debug, misc)
                    continue
                case Exited(pid, reason) if pid is parent:
                    raise Exit(reason)
                case ("alloc", caller):
                    debug = system.handle_debug(debug, ("in", "alloc"), event_text)
                    lent, (first, *free) = misc
                    send(caller, ("channel", first))
                    debug = system.handle_debug(debug, ("out", first, caller), event_text)
                    misc = ([first, *lent], free)
                case ("free", channel):
                    debug = system.handle_debug(debug, ("in", "free"), event_text)
                    lent, free = misc
                    lent.remove(channel)
                    misc = (lent, [channel, *free])
                case "log":
                    send(parent, system.get_log(debug))
                    system.print_log(debug)
                case _:
                    raise AssertionError(message)


def event_text(event: Any) -> str:
    return f"channels: {event[0]} {event[1]}"


async def waits() -> None:
    match await process.receive():
        case ("exit", reason):
            raise Exit(reason)
        case ("raise", error):
            raise error
        case _:
            pass
