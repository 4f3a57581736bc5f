"""The timeout of start and start_link: init is killed when it takes too long."""

from __future__ import annotations

from typing import Any

from regrow import Exit, GenServer, Ok, Pid, process
from tests.oracle.actors import Errand
from tests.oracle.twin import Twin, ev, exit_reason_of, mailbox, result, say, settle, until

twin = Twin("04_gs_start_timeout")


class S(GenServer[None]):
    async def init(self, milliseconds: int) -> Ok[None]:
        ev("init begins")
        await settle(milliseconds)
        ev("init ends")
        return Ok(None)

    def terminate(self, reason: Any, _state: None) -> None:
        ev("terminate", reason)


@twin.block("start")
async def start() -> None:
    say("start, timeout 50", await result(S.start(150, timeout=0.05, name="slow")))
    say("name registered after?", process.whereis("slow"))
    await settle(150)
    say("mailbox", await mailbox(10))


@twin.block("start_link, trapping")
async def trapping() -> None:
    process.trap_exit(True)
    say("start_link, timeout 50", await result(S.start_link(150, timeout=0.05)))
    say("mailbox", await mailbox(150))


@twin.block("start_link, not trapping: the caller lives")
async def not_trapping() -> None:
    async def start_and_leave() -> None:
        raise Exit(("returned", await result(S.start_link(150, timeout=0.05))))

    say("caller ends with", await exit_reason_of(start_and_leave))


@twin.block("timeout: long enough")
async def long_enough() -> None:
    say("start", await result(S.start(10, timeout=0.5)))


@twin.block("the name is taken while init runs: callers can already queue messages")
async def name_taken() -> None:
    errand = Errand(lambda: result(S.start(100, name="slow2")))
    await until(lambda: process.whereis("slow2"))
    say("whereis during init", isinstance(process.whereis("slow2"), Pid))
    say("second start during init", await result(S.start(100, name="slow2")))
    await errand.wait()
