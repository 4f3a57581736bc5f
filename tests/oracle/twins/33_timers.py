"""send_after, start_timer, cancel_timer, read_timer."""

from __future__ import annotations

from typing import Any

from regrow import Ref, process
from regrow.kernel.alarms import Timer
from tests.oracle.actors import Errand
from tests.oracle.twin import Twin, exit_reason_of, kill, mailbox, say, settle, try_say, until

twin = Twin("33_timers")


def false(left: float | None) -> object:
    """The seconds that were left, or False, which is OTP's word for none."""
    return False if left is None else left


@twin.block("send_after fires once")
async def fires_once() -> None:
    timer = process.send_after(process.current(), "tick", 0.020)
    say("a ref", timer)
    say("mailbox", await mailbox(60))
    say("cancel after it fired", false(process.cancel_timer(timer)))
    say("read after it fired", false(process.read_timer(timer)))


@twin.block("cancel before: the milliseconds that were left; then false")
async def cancel_before() -> None:
    timer = process.send_after(process.current(), "tick", 1.0)
    say("read", 0.990 <= (process.read_timer(timer) or 0) <= 1.0)
    say("cancel", 0.990 <= (process.cancel_timer(timer) or 0) <= 1.0)
    say("cancel again", false(process.cancel_timer(timer)))
    say("read", false(process.read_timer(timer)))
    say("mailbox", await mailbox(10))


@twin.block("a timer that fired but whose message is not yet read: cancel says false and the message stays")
async def not_yet_read() -> None:
    timer = process.send_after(process.current(), "tick", 0.005)
    await settle()
    say("cancel", false(process.cancel_timer(timer)))
    say("mailbox", await mailbox(5))


@twin.block("0 ms goes through the timer service too; self-sent messages come first")
async def no_delay() -> None:
    process.send_after(process.current(), "timer", 0)
    process.send(process.current(), "plain")
    await settle()
    say("mailbox, sorted", sorted(await mailbox(5)))


@twin.block("timers fire in order of their due time, not of their making")
async def order() -> None:
    for milliseconds in (60, 20, 40):
        process.send_after(process.current(), milliseconds, milliseconds / 1000)
    say("mailbox", await mailbox(100))


@twin.block("bad arguments")
async def bad_arguments() -> None:
    me = process.current()
    no_timer: Any = "x"
    await try_say("negative", lambda: process.send_after(me, "x", -0.001))
    await try_say("infinity", lambda: process.send_after(me, "x", float("inf")))
    await try_say("cancel an unknown ref", lambda: false(process.cancel_timer(Ref())))
    await try_say("cancel no ref", lambda: process.cancel_timer(no_timer))


OUT_OF_RANGE = r'{:ERROR, %ArgumentError{message: "errors were found at the given arguments:\n\n  * 1st argument: '
twin.differs(
    "bad arguments",
    f'negative: {OUT_OF_RANGE}out of range\\n"}}}}',
    'negative: {:ERROR, %ValueError{message: "send_after: wanted seconds ≥ 0, got -0.001"}}',
    because="the error is Python's, and times are seconds",
)
twin.differs(
    "bad arguments",
    f'float: {OUT_OF_RANGE}not an integer\\n"}}}}',
    None,
    because="times are seconds, and a float is right",
)
twin.differs(
    "bad arguments",
    f'infinity: {OUT_OF_RANGE}not an integer\\n"}}}}',
    'infinity: {:ERROR, %ValueError{message: "send_after: wanted at most 9223372036 s (292 years), got inf"}}',
    because="the error is Python's",
)
twin.differs(
    "bad arguments",
    f'cancel no ref: {OUT_OF_RANGE}not a reference\\n"}}}}',
    "cancel no ref: {:ERROR, %TypeError{message: \"wanted the timer that send_after() returned, got 'x'\"}}",
    because="the error is Python's",
)


@twin.block("destination dies: the timer is gone")
async def destination_dies() -> None:
    pid = process.spawn(process.sleep, None)
    timer = process.send_after(pid, "x", 0.200)
    await kill(pid)
    await settle(10)
    say("read after the destination died", false(process.read_timer(timer)))
    say("cancel", false(process.cancel_timer(timer)))


def is_timer(value: object) -> bool:
    return isinstance(value, Timer)


@twin.block("destination already dead")
async def destination_dead() -> None:
    pid = process.spawn(int)
    await until(lambda: not process.alive(pid))
    timer = process.send_after(pid, "x", 0.200)
    say("send_after", is_timer(timer))
    say("cancel", false(process.cancel_timer(timer)))


@twin.block("destination by name: looked up when it fires")
async def by_name() -> None:
    first = process.send_after("later_name", "hi", 0.040)
    say("no such name yet: fine", is_timer(first))
    process.register("later_name", process.current())
    say("mailbox", await mailbox(80))
    process.send_after("never_name", "hi", 0.010)
    await settle()
    say("nobody there: dropped silently", await mailbox(5))
    timer = process.send_after("later_name", "x", 0.500)
    process.unregister("later_name")
    say("a timer by name lives on when the name is gone", isinstance(process.cancel_timer(timer), float))


@twin.block("the setter's death does not cancel")
async def setter_dies() -> None:
    main = process.current()

    def setter() -> None:
        process.send_after(main, "from_the_dead", 0.030)

    say("setter", await exit_reason_of(setter))
    say("mailbox", await mailbox(60))


@twin.block("another process may cancel")
async def another_cancels() -> None:
    timer = process.send_after(process.current(), "x", 1.0)
    errand = Errand(lambda: isinstance(process.cancel_timer(timer), float))
    say("cancelled by another", await errand.wait())
    say("mailbox", await mailbox(5))


@twin.block("cancel options")
async def cancel_options() -> None:
    timer = process.send_after(process.current(), "x", 1.0)
    say("async: true", process.cancel_timer(timer, async_=True) or "ok")
    [(word, same, left)] = await mailbox()
    assert (word, same) == ("cancel_timer", timer)
    say("a message {:cancel_timer, ref, left}", 0.9 <= left <= 1.0)
    timer = process.send_after(process.current(), "x", 1.0)
    say("info: false", process.cancel_timer(timer, info=False) or "ok")
    say("async, no info", process.cancel_timer(timer, async_=True, info=False) or "ok")
    say("mailbox", await mailbox(20))


@twin.block("start_timer: the message carries the ref")
async def start_timer() -> None:
    timer = process.start_timer(process.current(), "payload", 0.010)
    [message] = await mailbox()
    say("message", message)
    say("its ref is the timer's", message[1] is timer)


@twin.block("absolute time")
async def absolute_time() -> None:
    now = process.monotonic()
    process.send_after(process.current(), "abs", now + 0.020, abs=True)
    process.send_after(process.current(), "past", now - 1.0, abs=True)
    say("mailbox", await mailbox(50))


@twin.block(":timer module: apply_after, send_interval, cancel")
async def timer_module() -> None:
    timer = process.send_interval(process.current(), "tick", 0.020)
    await process.sleep(0.110)
    assert process.cancel_timer(timer) is not None
    say("about 5 ticks", len(await mailbox(30)) in (4, 5, 6))
    say("cancel twice", false(process.cancel_timer(timer)))
    main = process.current()
    process.apply_after(0.010, process.send, main, "applied")
    say("apply_after", await mailbox(40))


twin.differs(
    ":timer module: apply_after, send_interval, cancel",
    "cancel twice: {:ok, :cancel}",
    "cancel twice: false",
    because="there is one kind of timer, and cancel_timer says of each whether it was still there",
)
twin.differs(
    ":timer module: apply_after, send_interval, cancel",
    "cancel nonsense: {:error, :badarg}",
    None,
    because="cancel_timer raises TypeError for what is no timer, as above",
)


@twin.block("sleep and receive after")
async def sleep_and_receive() -> None:
    async def at_once() -> object:
        try:
            return await process.receive(timeout=0)
        except TimeoutError:
            return "empty"

    await process.sleep(0)
    say("sleep 0", "ok")
    say("after 0 on an empty mailbox", await at_once())
    process.send(process.current(), "m")
    say("after 0 on a full mailbox", await at_once())
