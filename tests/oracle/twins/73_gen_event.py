"""An event manager in short: a failing handler is removed, the manager survives, the owner of a supervised handler is notified."""

from __future__ import annotations

from typing import Any

from regrow import NoClause, Ok, Reply, gen_event, send
from regrow.behaviours.gen_event.gen_event import GenEvent
from regrow.behaviours.gen_event.manager import RemoveHandler
from tests.oracle.twin import Twin, ev, mailbox, name, say, settle

twin = Twin("73_gen_event")


class H(GenEvent[int]):
    def init(self, number: int, /) -> Any:
        return Ok(number)

    def handle_event(self, event: Any, number: int, /) -> Any:
        match event:
            case ("crash", who) if who == number:
                raise RuntimeError(f"handler {number}")
            case ("remove", who) if who == number:
                return RemoveHandler()
            case _:
                ev(f"handler {number}", event)
                return Ok(number)

    def handle_call(self, request: Any, number: int, /) -> Any:
        match request:
            case "state":
                return Reply(number, number)
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, number: int, /) -> Any:
        ev(f"handler {number} info", message)
        return Ok(number)

    def terminate(self, reason: Any, number: int, /) -> None:
        ev(f"handler {number} terminate", "error" if type(reason) is tuple else reason)


@twin.block("handlers")
async def handlers() -> None:
    manager = await gen_event.start_link()
    name(manager, "manager")
    say("add", await gen_event.add_handler(manager, (H, 1), 1))
    say("add", await gen_event.add_handler(manager, (H, 2), 2))
    say("add again", await gen_event.add_handler(manager, (H, 2), 2))
    say("which (last added first)", await gen_event.which_handlers(manager))
    gen_event.notify(manager, "hello")
    say("notify", "ok")
    say("sync_notify", await gen_event.sync_notify(manager, "sync"))
    say("call", await gen_event.call(manager, (H, 1), "state"))
    say("call of an unknown", await gen_event.call(manager, (H, 9), "state"))
    send(manager, "info")
    await gen_event.sync_notify(manager, ("crash", 1))
    say("left", await gen_event.which_handlers(manager))
    await gen_event.sync_notify(manager, ("remove", 2))
    say("left", await gen_event.which_handlers(manager))
    say("delete unknown", await gen_event.delete_handler(manager, (H, 2), "arg"))


@twin.block("a supervised handler: its owner is told")
async def supervised() -> None:
    manager = await gen_event.start_link()
    await gen_event.add_sup_handler(manager, (H, 1), 1)
    await gen_event.sync_notify(manager, ("remove", 1))
    await settle(0)
    say("mailbox", await mailbox())
