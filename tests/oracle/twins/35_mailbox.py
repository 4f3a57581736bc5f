"""Selective receive, the mailbox as a list, what a message is."""

from __future__ import annotations

from typing import Any

from regrow import From, GenServer, Reply, call, process
from tests.oracle.twin import Twin, mailbox, say

twin = Twin("35_mailbox")


class Holder(GenServer[int]):
    def handle_call(self, _request: Any, _from: From, state: int) -> Any:
        return Reply(state, state)


@twin.block("selective receive takes the first match and leaves the rest in order")
async def selective() -> None:
    for message in ("a", ("x", 1), "b", ("x", 2), "c"):
        process.send(process.current(), message)
    say("first {:x, _}", (await process.receive(tuple))[1])
    say("second {:x, _}", (await process.receive(lambda message: type(message) is tuple))[1])
    say("the rest", await mailbox(5))


@twin.block("the message decides, not the clause: an earlier message matching a later clause wins")
async def message_decides() -> None:
    process.send(process.current(), "late_clause")
    process.send(process.current(), "early_clause")
    match await process.receive(lambda message: message in ("early_clause", "late_clause")):
        case "early_clause":
            say("got", "early")
        case _:
            say("got", "late")
    await mailbox(1)


@twin.block("after")
async def after() -> None:
    async def taken(wanted: object, timeout: float) -> bool:
        try:
            await process.receive(lambda message: message == wanted, timeout=timeout)
        except TimeoutError:
            return False
        return True

    process.send(process.current(), "other")
    start = process.monotonic()
    say("no match in time", 1 if await taken("never", 0.030) else "timed_out")
    say("waited about 30 ms", 0.029 <= process.monotonic() - start <= 0.060)
    say("the other is still there", await mailbox(1))
    for number in range(1, 101):
        process.send(process.current(), number)
    say("after 0 looks through the whole mailbox first", "found" if await taken(100, 0) else "not")
    await mailbox(1)


@twin.block("self-send")
async def self_send() -> None:
    me = process.current()
    say("send gives the message", process.send(me, ("m", 1)))
    for item, shown in (("message_queue_len", "queue length"), ("messages", "messages")):
        say(shown, (item, process.info(me, item)))
    await mailbox(1)


@twin.block("calls skip over the caller's other messages and leave them")
async def calls_skip() -> None:
    holder = await Holder.start_link(1)
    for number in (1, 2, 3):
        process.send(process.current(), number)
    say("call", await call(holder, "get"))
    say("mailbox", await mailbox(5))


@twin.block("values are immutable: what was sent never changes")
async def immutable() -> None:
    message = {"k": [1]}
    main = process.current()

    async def changes() -> None:
        received: dict[str, list[int]] = await process.receive()
        process.send(main, {**received, "k": [2]})

    process.send(process.spawn(changes), message)
    say("answer", await mailbox(20))
    say("mine", message)
