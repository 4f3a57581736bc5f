"""What the expectations take, what they give, and what they say when they are not met."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import Down, Exit, Exited, GenServer, Reply, call, compiled, process, send
from regrow.testing import expect_down, expect_exit, expect_idle, expect_message, flush, kill, refute_message

pytestmark = pytest.mark.regrow


def tell_me(*messages: object) -> None:
    for message in messages:
        send(process.current(), message)


def is_long(message: object) -> bool:
    return isinstance(message, str) and len(message) > 3


def of_two(reason: Any) -> bool:
    return len(reason) == 2


async def ends_with(reason: object, delay: float = 0.5) -> None:
    await process.sleep(delay)
    raise Exit(reason)


async def waits_for_a_word() -> None:
    await process.receive(str)


class Slow(GenServer[None]):
    async def handle_call(self, request: Any, _from: Any, state: None, /) -> Reply[None]:
        await process.sleep(request)
        return Reply("done", state)


class TestExpectMessage:
    @pytest.mark.parametrize(
        ("match", "found"),
        [
            (None, 1),
            (str, "word"),
            ((bytes, list), [2]),
            (is_long, "word"),
            (("reading", ...), ("reading", 21.5)),
            ({"unit": "C"}, {"unit": "C", "value": 3}),
            ([...], [2]),
            (1.0, 1.0),
            ("word", "word"),
        ],
        ids=["any", "class", "classes", "predicate", "tuple", "dict", "list", "number", "word"],
    )
    async def test_the_first_that_fits_is_taken(self, match: Any, found: object) -> None:
        everything = [1, "word", [2], ("reading", 21.5), {"unit": "C", "value": 3}, 1.0]
        tell_me(*everything)
        taken = await expect_message(match)
        assert (type(taken), taken) == (type(found), found)
        everything.pop(next(at for at, one in enumerate(everything) if one == found and type(one) is type(found)))
        assert flush() == everything

    async def test_one_that_is_not_there_yet_is_waited_for(self) -> None:
        process.send_after(process.current(), "late", 0.9)
        start = process.monotonic()
        assert await expect_message("late") == "late"
        assert process.monotonic() - start == pytest.approx(0.9)

    async def test_no_longer_than_the_timeout(self) -> None:
        process.send_after(process.current(), "late", 5.0)
        start = process.monotonic()
        with pytest.raises(AssertionError, match=r"no message of class str came within 2 s"):
            await expect_message(str, timeout=2.0)
        assert process.monotonic() - start == 2.0

    async def test_a_failure_shows_the_mailbox_and_what_the_others_do(self) -> None:
        server = await Slow.start_link(None, name="slow")
        asking = process.spawn(call, server, 60.0, None)
        waiting = process.spawn(waits_for_a_word)
        tell_me(("reading", 21.5))
        with pytest.raises(AssertionError) as failed:
            await expect_message(("reading", "high"))
        told = str(failed.value)
        assert told.startswith("no message that fits ('reading', 'high') came within 1 s.")
        assert "In the mailbox: ('reading', 21.5)" in told
        assert f"{server} (slow) sleeps, for 60 s at most" in told
        if not compiled:  # a compiled loop does not tell at which callback it waits
            assert "in Slow.handle_call" in told
        assert f"{asking} (call) waits for the answer of {server} (slow) to 60.0" in told
        assert f"{waiting} (waits_for_a_word) waits for a message of class str" in told
        assert "in waits_for_a_word" in told


class TestRefuteMessage:
    async def test_an_empty_mailbox(self) -> None:
        await refute_message()

    async def test_others_may_lie_there(self) -> None:
        tell_me("word")
        await refute_message(int)
        assert flush() == ["word"]

    async def test_one_that_lies_there(self) -> None:
        tell_me("other", ("bad", 1))
        with pytest.raises(
            AssertionError, match=r"expected no message that fits \('bad', Ellipsis\), but got"
        ) as failed:
            await refute_message(("bad", ...))
        assert "but got ('bad', 1)" in str(failed.value)
        assert "Other messages in the mailbox: 'other'" in str(failed.value)

    async def test_one_that_somebody_is_about_to_send(self) -> None:
        process.spawn(send, process.current(), "word")
        with pytest.raises(AssertionError, match="but got 'word'"):
            await refute_message()

    async def test_time_passes_only_if_it_is_asked_for(self) -> None:
        process.send_after(process.current(), "late", 1.0)
        start = process.monotonic()
        await refute_message()
        assert process.monotonic() == start
        await refute_message(timeout=0.9)
        with pytest.raises(AssertionError, match="but got 'late'"):
            await refute_message(timeout=0.2)


class TestExpectDown:
    @pytest.mark.parametrize("how", ["pid", "name", "ref"])
    async def test_the_end_of_a_process(self, how: str) -> None:
        pid = process.spawn(ends_with, "bad")
        process.register("doomed", pid)
        who: Any = {"pid": pid, "name": "doomed", "ref": process.monitor(pid)}[how]
        assert await expect_down(who, "bad") == "bad"

    @pytest.mark.parametrize("wanted", [..., ("shutdown", ...), ("shutdown", [1]), tuple, of_two])
    async def test_what_a_reason_may_be_asked(self, wanted: Any) -> None:
        assert await expect_down(process.spawn(ends_with, ("shutdown", [1])), wanted) == ("shutdown", [1])

    async def test_the_class_of_an_exception(self) -> None:
        pid = process.spawn(int, "no number")
        assert isinstance(await expect_down(pid, ValueError), ValueError)

    @pytest.mark.parametrize(("wanted", "words"), [("good", "'good'"), (ValueError, "ValueError"), (1, "1")])
    async def test_another_reason(self, wanted: Any, words: str) -> None:
        pid = process.spawn(ends_with, "bad")
        with pytest.raises(AssertionError, match=f"{pid} has ended with 'bad'; expected {words}"):
            await expect_down(pid, wanted)

    async def test_one_that_had_ended_before(self) -> None:
        pid = process.spawn(ends_with, "bad", 0.0)
        await expect_idle()
        await process.sleep(0.1)
        with pytest.raises(AssertionError, match=r"Set the monitor earlier"):
            await expect_down(pid, "bad")

    async def test_one_that_does_not_end(self) -> None:
        pid = process.spawn(waits_for_a_word)
        await expect_idle()
        send(pid, 5)
        with pytest.raises(AssertionError) as failed:
            await expect_down(pid)
        told = str(failed.value)
        assert f"{pid} has not ended within 1 s" in told
        assert "waits for a message of class str" in told
        assert "In its mailbox: 5" in told
        send(pid, "word")
        await expect_idle()
        assert flush(Down) == []  # the monitor was taken back


class TestExpectExit:
    async def test_the_signal_of_a_linked_process(self) -> None:
        process.trap_exit(True)
        pid = process.spawn_link(ends_with, "bad")
        assert await expect_exit(pid, "bad") == "bad"

    async def test_of_whomever(self) -> None:
        process.trap_exit(True)
        process.spawn_link(ends_with, "bad")
        assert await expect_exit() == "bad"

    async def test_not_that_of_another(self) -> None:
        process.trap_exit(True)
        other = process.spawn_link(ends_with, "first", 0.1)
        pid = process.spawn_link(ends_with, "second", 0.2)
        assert await expect_exit(pid) == "second"
        assert flush() == [Exited(other, "first")]

    async def test_another_reason(self) -> None:
        process.trap_exit(True)
        pid = process.spawn_link(ends_with, "bad")
        with pytest.raises(AssertionError, match=f"{pid} has ended with 'bad'; expected 'good'"):
            await expect_exit(pid, "good")

    async def test_none_comes(self) -> None:
        process.trap_exit(True)
        pid = process.spawn_link(waits_for_a_word)
        with pytest.raises(AssertionError, match=f"no exit signal of {pid} came within 1 s") as failed:
            await expect_exit(pid)
        assert "waits for a message of class str" in str(failed.value)

    async def test_a_process_that_would_die_of_it_is_told_so(self) -> None:
        pid = process.spawn(waits_for_a_word)
        with pytest.raises(AssertionError, match=r"does not trap exits: .*process\.trap_exit\(True\)"):
            await expect_exit(pid)


class TestKill:
    async def test_it_has_ended(self) -> None:
        pid = process.spawn(waits_for_a_word)
        process.register("doomed", pid)
        assert await kill("doomed") == "killed"
        assert not process.alive(pid)
        assert flush() == []

    async def test_with_a_reason(self) -> None:
        assert await kill(process.spawn(waits_for_a_word), "bad") == "bad"

    async def test_nobody(self) -> None:
        with pytest.raises(AssertionError, match="there is no process 'nobody'"):
            await kill("nobody")

    async def test_one_that_traps_exits_and_goes_on(self) -> None:
        async def stubborn() -> None:
            process.trap_exit(True)
            await process.sleep(None)

        pid = process.spawn(stubborn)
        await expect_idle()
        with pytest.raises(AssertionError, match=f"{pid} has not ended within 1 s") as failed:
            await kill(pid, "please")
        assert f"In its mailbox: Exited({process.current()}, 'please')" in str(failed.value)


async def test_flush_takes_what_fits_and_waits_for_nothing() -> None:
    assert flush() == []
    tell_me(1, "a", 2, "b")
    assert flush(str) == ["a", "b"]
    assert flush(2) == [2]
    assert flush() == [1]
    assert process.info(process.current(), "message_queue_len") == 0
