"""The expectations of a test: arguments, results and errors."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import Down, Exit, Exited, GenServer, Reply, call, compiled, process, send
from regrow.testing import expect_down, expect_exit, expect_idle, expect_message, flush, kill, refute_message

pytestmark = pytest.mark.regrow


def send_to_self(*messages: object) -> None:
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
    async def test_the_first_message_that_matches_is_taken(self, match: Any, found: object) -> None:
        everything = [1, "word", [2], ("reading", 21.5), {"unit": "C", "value": 3}, 1.0]
        send_to_self(*everything)
        taken = await expect_message(match)
        assert (type(taken), taken) == (type(found), found)
        everything.pop(next(at for at, one in enumerate(everything) if one == found and type(one) is type(found)))
        assert flush() == everything

    async def test_expect_message_waits_for_a_message(self) -> None:
        process.send_after(process.current(), "late", 0.9)
        start = process.monotonic()
        assert await expect_message("late") == "late"
        assert process.monotonic() - start == pytest.approx(0.9)

    async def test_expect_message_waits_no_longer_than_its_timeout(self) -> None:
        process.send_after(process.current(), "late", 5.0)
        start = process.monotonic()
        with pytest.raises(AssertionError, match=r"no message of class str came within 2 s"):
            await expect_message(str, timeout=2.0)
        assert process.monotonic() - start == 2.0

    async def test_a_failure_shows_the_mailbox_and_the_other_processes(self) -> None:
        server = await Slow.start_link(None, name="slow")
        asking = process.spawn(call, server, 60.0, None)
        waiting = process.spawn(waits_for_a_word)
        send_to_self(("reading", 21.5))
        with pytest.raises(AssertionError) as failed:
            await expect_message(("reading", "high"))
        message = str(failed.value)
        assert message.startswith("no message that fits ('reading', 'high') came within 1 s.")
        assert "In the mailbox: ('reading', 21.5)" in message
        assert f"{server} (slow) sleeps, for 60 s at most" in message
        if not compiled:  # the frames of a compiled loop are not known
            assert "in Slow.handle_call" in message
        assert f"{asking} (call) waits for the answer of {server} (slow) to 60.0" in message
        assert f"{waiting} (waits_for_a_word) waits for a message of class str" in message
        assert "in waits_for_a_word" in message


class TestRefuteMessage:
    async def test_an_empty_mailbox_passes(self) -> None:
        await refute_message()

    async def test_other_messages_stay_in_the_mailbox(self) -> None:
        send_to_self("word")
        await refute_message(int)
        assert flush() == ["word"]

    async def test_a_message_in_the_mailbox_fails(self) -> None:
        send_to_self("other", ("bad", 1))
        with pytest.raises(
            AssertionError, match=r"expected no message that fits \('bad', Ellipsis\), but got"
        ) as failed:
            await refute_message(("bad", ...))
        assert "but got ('bad', 1)" in str(failed.value)
        assert "Other messages in the mailbox: 'other'" in str(failed.value)

    async def test_a_message_that_is_about_to_be_sent_fails(self) -> None:
        process.spawn(send, process.current(), "word")
        with pytest.raises(AssertionError, match="but got 'word'"):
            await refute_message()

    async def test_time_passes_only_with_a_timeout(self) -> None:
        process.send_after(process.current(), "late", 1.0)
        start = process.monotonic()
        await refute_message()
        assert process.monotonic() == start
        await refute_message(timeout=0.9)
        with pytest.raises(AssertionError, match="but got 'late'"):
            await refute_message(timeout=0.2)


class TestExpectDown:
    @pytest.mark.parametrize("how", ["pid", "name", "ref"])
    async def test_expect_down_waits_for_the_end_of_a_process(self, how: str) -> None:
        pid = process.spawn(ends_with, "bad")
        process.register("doomed", pid)
        who: Any = {"pid": pid, "name": "doomed", "ref": process.monitor(pid)}[how]
        assert await expect_down(who, "bad") == "bad"

    @pytest.mark.parametrize("wanted", [..., ("shutdown", ...), ("shutdown", [1]), tuple, of_two])
    async def test_a_reason_matches_a_pattern_a_class_or_a_predicate(self, wanted: Any) -> None:
        assert await expect_down(process.spawn(ends_with, ("shutdown", [1])), wanted) == ("shutdown", [1])

    async def test_a_reason_matches_the_class_of_an_exception(self) -> None:
        pid = process.spawn(int, "no number")
        assert isinstance(await expect_down(pid, ValueError), ValueError)

    @pytest.mark.parametrize(("wanted", "words"), [("good", "'good'"), (ValueError, "ValueError"), (1, "1")])
    async def test_another_reason_fails(self, wanted: Any, words: str) -> None:
        pid = process.spawn(ends_with, "bad")
        with pytest.raises(AssertionError, match=f"{pid} has ended with 'bad'; expected {words}"):
            await expect_down(pid, wanted)

    async def test_a_process_that_had_ended_before_fails(self) -> None:
        pid = process.spawn(ends_with, "bad", 0.0)
        await expect_idle()
        await process.sleep(0.1)
        with pytest.raises(AssertionError, match=r"Set the monitor earlier"):
            await expect_down(pid, "bad")

    async def test_a_process_that_does_not_end_fails(self) -> None:
        pid = process.spawn(waits_for_a_word)
        await expect_idle()
        send(pid, 5)
        with pytest.raises(AssertionError) as failed:
            await expect_down(pid)
        message = str(failed.value)
        assert f"{pid} has not ended within 1 s" in message
        assert "waits for a message of class str" in message
        assert "In its mailbox: 5" in message
        send(pid, "word")
        await expect_idle()
        assert flush(Down) == []  # the monitor was removed


class TestExpectExit:
    async def test_expect_exit_waits_for_a_linked_process(self) -> None:
        process.trap_exit(True)
        pid = process.spawn_link(ends_with, "bad")
        assert await expect_exit(pid, "bad") == "bad"

    async def test_expect_exit_takes_the_signal_of_any_process(self) -> None:
        process.trap_exit(True)
        process.spawn_link(ends_with, "bad")
        assert await expect_exit() == "bad"

    async def test_expect_exit_leaves_the_signal_of_another_process(self) -> None:
        process.trap_exit(True)
        other = process.spawn_link(ends_with, "first", 0.1)
        pid = process.spawn_link(ends_with, "second", 0.2)
        assert await expect_exit(pid) == "second"
        assert flush() == [Exited(other, "first")]

    async def test_another_reason_fails(self) -> None:
        process.trap_exit(True)
        pid = process.spawn_link(ends_with, "bad")
        with pytest.raises(AssertionError, match=f"{pid} has ended with 'bad'; expected 'good'"):
            await expect_exit(pid, "good")

    async def test_a_missing_signal_fails(self) -> None:
        process.trap_exit(True)
        pid = process.spawn_link(waits_for_a_word)
        with pytest.raises(AssertionError, match=f"no exit signal of {pid} came within 1 s") as failed:
            await expect_exit(pid)
        assert "waits for a message of class str" in str(failed.value)

    async def test_a_caller_that_does_not_trap_exits_fails(self) -> None:
        pid = process.spawn(waits_for_a_word)
        with pytest.raises(AssertionError, match=r"does not trap exits: .*process\.trap_exit\(True\)"):
            await expect_exit(pid)


class TestKill:
    async def test_kill_waits_for_the_end(self) -> None:
        pid = process.spawn(waits_for_a_word)
        process.register("doomed", pid)
        assert await kill("doomed") == "killed"
        assert not process.alive(pid)
        assert flush() == []

    async def test_kill_sends_another_reason(self) -> None:
        assert await kill(process.spawn(waits_for_a_word), "bad") == "bad"

    async def test_an_unknown_name_fails(self) -> None:
        with pytest.raises(AssertionError, match="there is no process 'nobody'"):
            await kill("nobody")

    async def test_a_process_that_traps_exits_and_continues_fails(self) -> None:
        async def stubborn() -> None:
            process.trap_exit(True)
            await process.sleep(None)

        pid = process.spawn(stubborn)
        await expect_idle()
        with pytest.raises(AssertionError, match=f"{pid} has not ended within 1 s") as failed:
            await kill(pid, "please")
        assert f"In its mailbox: Exited({process.current()}, 'please')" in str(failed.value)


async def test_flush_takes_matching_messages_without_waiting() -> None:
    assert flush() == []
    send_to_self(1, "a", 2, "b")
    assert flush(str) == ["a", "b"]
    assert flush(2) == [2]
    assert flush() == [1]
    assert process.info(process.current(), "message_queue_len") == 0
