"""Monitors: their `Down`, their options, and the lists that `info` shows."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import Down, Exit, Exited, Node, Pid, Ref, process
from regrow.testing import expect_down, expect_idle, expect_message
from tests.kernel.process.processes import dead_pid, does, doing, forever, messages, until_told


@pytest.mark.otp("PR-032")
@pytest.mark.parametrize("how", ["monitor", "spawn_monitor"])
async def test_a_monitored_process_kills_its_watcher(node: Node, how: str) -> None:
    """A monitors B, B ends A and returns: nothing goes wrong."""

    async def killer(of: Pid) -> None:
        await process.receive()
        process.exit(of, "foo")

    async def watcher() -> None:
        if how == "monitor":
            pid = process.spawn(killer, process.current())
            process.monitor(pid)
        else:
            pid, _ = process.spawn_monitor(killer, process.current())
        process.send(me, pid)
        process.send(pid, "go")
        await process.receive("never".__eq__)

    me = process.current()
    _, ref = process.spawn_monitor(watcher)
    pid = await expect_message(Pid)
    ended = process.monitor(pid)
    assert await expect_down(ref) == "foo"
    assert await expect_down(ended) in ("normal", "noproc")


@pytest.mark.otp("PR-034")
@pytest.mark.parametrize("wrong", [["bingo"], ("rex", "node", "junk"), 1, 2.5, b"name"], ids=repr)
async def test_a_monitor_of_an_invalid_address_is_refused(node: Node, wrong: Any) -> None:
    """A list, a tuple of three and a number are refused; the error says what was expected."""
    with pytest.raises(TypeError, match="wanted"):
        process.monitor(wrong)
    with pytest.raises(TypeError, match="got the alias"):
        process.monitor(process.alias())  # type: ignore[arg-type]
    assert messages() == []


@pytest.mark.otp("PR-035")
@pytest.mark.parametrize("wrong", ["plutt", 1, None, ("ref",)], ids=repr)
async def test_a_demonitor_of_an_invalid_ref_is_refused(node: Node, wrong: Any) -> None:
    """A string and a number are refused."""
    with pytest.raises(TypeError, match="wanted the ref"):
        process.demonitor(wrong)
    with pytest.raises(TypeError, match="wanted the ref"):
        process.demonitor(wrong, flush=True)


@pytest.mark.otp("PR-036")
async def test_a_demonitor_of_a_fresh_ref(node: Node) -> None:
    """A ref that belongs to no monitor, or to another process, is no error."""
    assert process.demonitor(process.make_ref()) is True
    assert process.demonitor(process.make_ref(), flush=True) is True
    assert process.demonitor(process.make_ref(), info=True) is False
    sleeper = process.spawn(forever)
    pid = process.spawn(doing)
    others: Ref = await does(pid, process.monitor, sleeper)
    assert process.demonitor(others) is True
    assert process.demonitor(others, info=True) is False
    assert process.info(sleeper, "monitored_by") == [pid]


@pytest.mark.otp("PR-038")
async def test_wrong_options_of_demonitor(node: Node) -> None:
    """An unknown option, or an option in the wrong place, is refused."""
    demonitor: Any = process.demonitor
    with pytest.raises(TypeError):
        demonitor(process.make_ref(), "flush")
    with pytest.raises(TypeError):
        demonitor(process.make_ref(), flus=True)
    with pytest.raises(TypeError):
        demonitor("x", flush=True)


@pytest.mark.otp("PR-039")
async def test_demonitor_flush(node: Node) -> None:
    """Of four monitors, the one taken back before and the one flushed after the end send nothing."""
    pid = process.spawn(forever)
    refs = [process.monitor(pid) for _ in range(4)]
    assert process.demonitor(refs[0], flush=True) is True
    process.exit(pid, "bang")
    assert await expect_message() == Down(refs[1], pid, "bang")
    await process.sleep(0.1)
    process.send(process.current(), ("ref", refs[2]))
    assert process.demonitor(refs[2], flush=True) is True
    assert process.demonitor(refs[3]) is True
    assert messages() == [Down(refs[3], pid, "bang"), ("ref", refs[2])]


@pytest.mark.otp("PR-039")
async def test_flush_removes_only_the_down(node: Node) -> None:
    """Other messages about the monitor stay, in their order."""

    class Mine:
        """A message class that has a `ref`, too."""

        def __init__(self, ref: Ref) -> None:
            self.ref = ref

    pid, ref = process.spawn_monitor(forever)
    mine = Mine(ref)
    for message in (1, mine):
        process.send(process.current(), message)
    process.exit(pid, "bang")
    process.send(process.current(), 2)
    assert process.demonitor(ref, flush=True, info=True) is False
    assert messages() == [1, mine, 2]


@pytest.mark.otp("PR-040")
@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor", "reply_demonitor"])
async def test_demonitor_of_an_alias_is_no_error(node: Node, mode: str) -> None:
    """A ref that is only an alias, or whose monitor has fired, is no error."""
    alias = process.alias()
    assert process.demonitor(alias) is True
    process.send(alias, "still on")
    assert await expect_message() == "still on"
    pid = process.spawn(forever)
    ref = process.monitor(pid, alias=mode)
    process.exit(pid, "kill")
    assert await expect_message() == Down(ref, pid, "killed")
    assert process.demonitor(ref) is True
    assert process.demonitor(ref, info=True) is False


@pytest.mark.otp("PR-042")
@pytest.mark.parametrize("reason", ["normal", "frop"])
@pytest.mark.parametrize("how", ["monitor", "spawn_monitor"])
async def test_a_monitor_reports_the_reason_of_the_end_once(node: Node, how: str, reason: str) -> None:
    """Each monitor of a living process sends one `Down`, with the reason of the end."""
    if how == "monitor":
        pid = process.spawn(until_told)
        ref = process.monitor(pid)
    else:
        pid, ref = process.spawn_monitor(until_told)
    process.send(pid, reason)
    assert await expect_message() == Down(ref, pid, reason)
    await process.sleep(1)
    assert messages() == []


@pytest.mark.otp("PR-043")
async def test_monitors_of_a_dead_process_and_of_an_unknown_name(node: Node) -> None:
    """The `Down` comes at once, with "noproc". It has the name in the form in which it was given."""
    dead = await dead_pid()
    address: Any
    for address in (dead, "unknown", ("unknown", node.name), process.whereis("unknown")):
        ref = process.monitor(address)
        assert messages() == [Down(ref, address, "noproc")]
        assert process.demonitor(ref, info=True, flush=True) is False
    ref = process.monitor(("unknown", "nowhere"))
    assert messages() == [Down(ref, ("unknown", "nowhere"), "noconnection")]
    assert process.info(process.current(), "monitors") == []


@pytest.mark.otp("PR-044")
@pytest.mark.parametrize("reason", ["normal", "frop"])
async def test_monitors_of_names(node: Node, reason: str) -> None:
    """The `Down` of a monitor of a name has the name in the form in which it was given: alone or with its node."""
    for address in ("jeeves", ("jeeves", node.name)):
        pid = process.spawn(until_told)
        process.register("jeeves", pid)
        ref = process.monitor(address)
        process.send(pid, reason)
        assert await expect_message() == Down(ref, address, reason)


@pytest.mark.otp("PR-046")
async def test_the_lists_of_monitors(node: Node) -> None:
    """`monitors` and `monitored_by` are exact after each step, by pid and by name, whichever process ends."""
    me = process.current()

    def monitored_by(pid: Pid) -> list[Pid]:
        found: list[Pid] = process.info(pid, "monitored_by")
        return [one for one in found if one is not node.guest]  # the process that waits for the end of the test

    pid, other = process.spawn(doing), process.spawn(doing)
    process.register("other", other)
    refs = [process.monitor(pid), process.monitor("other"), process.monitor(pid)]
    back = await does(pid, process.monitor, me)
    assert process.info(me, "monitors") == [pid, "other", pid]
    assert monitored_by(me) == [pid]
    assert process.info(pid, "monitors") == [me]
    assert monitored_by(pid) == [me, me]
    assert monitored_by(other) == [me]
    process.demonitor(refs[0])
    assert process.info(me, "monitors") == ["other", pid]
    assert monitored_by(pid) == [me]
    await does(pid, process.demonitor, back)
    assert monitored_by(me) == []
    assert process.info(pid, "monitors") == []
    process.exit(other, "kill")
    assert process.info(me, "monitors") == [pid]
    await does(pid, process.monitor, me)
    process.exit(pid, "kill")
    assert process.info(me, "monitors") == []
    assert monitored_by(me) == []
    assert sorted(message.reason for message in messages()) == ["killed", "killed"]


@pytest.mark.otp("PR-047")
async def test_many_monitors_from_many_sides(node: Node) -> None:
    """Monitors of several processes on one are all gone after demonitor, or the end of the watcher or the watched."""
    me = process.current()
    target = process.spawn(forever)

    async def watcher(number: int) -> None:
        refs = [process.monitor(target) for _ in range(20)]
        process.send(me, "watching")
        await process.receive()
        if number % 3 == 0:
            for ref in refs:
                assert process.demonitor(ref, info=True)
        elif number % 3 == 1:
            return
        process.send(me, "left")
        downs = [await process.receive(Down) for _ in refs if number % 3 == 2]
        assert {down.ref for down in downs} <= set(refs)
        assert process.info(process.current(), "monitors") == []

    watchers = [process.spawn_monitor(watcher, number) for number in range(9)]
    for _ in watchers:
        assert await expect_message(str) == "watching"
    assert process.info(target, "monitored_by") == [pid for pid, _ in watchers for _ in range(20)]
    for pid, _ in watchers:
        process.send(pid, "go on")
    assert [await expect_message(str) for _ in range(6)] == ["left"] * 6
    await expect_idle()
    third = [pid for number, (pid, _) in enumerate(watchers) if number % 3 == 2]
    assert process.info(target, "monitored_by") == [pid for pid in third for _ in range(20)]
    process.exit(target, "kill")
    for _, ref in watchers:
        assert await expect_down(ref) == "normal"
    assert process.info(me, "monitors") == []


@pytest.mark.otp("PR-049")
async def test_a_name_is_free_before_the_exit_is_seen(node: Node) -> None:
    """When an `Exited` or a `Down` arrives, the name is already free."""
    process.trap_exit(True)
    signals: tuple[type[Exited | Down], ...] = (Exited, Down)
    for signal in signals:
        pid = process.spawn_link(until_told)
        process.monitor(pid)
        process.register("name", pid)
        process.send(pid, "over")
        assert (await process.receive(signal)).pid is pid
        assert process.whereis("name") is None
        process.register("name", process.current())
        process.unregister("name")
        await process.receive((Exited, Down))


@pytest.mark.otp("PR-052")
async def test_the_down_has_the_tag(node: Node) -> None:
    """The `Down` has the tag as its `tag`, for a living, a dead, a spawned and an unknown process."""
    tag = ("my", ["own"])
    living, dead = process.spawn(until_told), await dead_pid()
    refs = [process.monitor(living, tag=tag), process.monitor(dead, tag=tag), process.monitor("unknown", tag=tag)]
    pid, spawned = process.spawn_monitor(until_told, tag=tag)
    for each in (living, pid):
        process.send(each, "over")
    await expect_idle()
    assert {message.ref for message in messages()} == {*refs, spawned}
    assert all(message.tag is tag for message in messages())
    while messages():
        await process.receive()
    plain = process.monitor(dead)
    assert (await process.receive(Down)).tag is None
    assert plain not in refs


@pytest.mark.otp("PR-054")
@pytest.mark.parametrize("mode", [None, "explicit_unalias", "demonitor", "reply_demonitor"])
async def test_a_monitor_of_oneself(node: Node, mode: str | None) -> None:
    """The result is a ref, no `Down` ever comes, no monitor is set, and the ref is no alias."""
    me = process.current()
    ref = process.monitor(me, alias=mode)
    assert isinstance(ref, Ref)
    process.send(ref, "lost")
    assert process.info(me, "monitors") == []
    assert process.demonitor(ref, info=True) is False
    assert process.unalias(ref) is False
    assert messages() == []


@pytest.mark.otp("PR-055")
async def test_messages_come_before_the_down(node: Node) -> None:
    """Messages that a process sent before its end are received before its `Down`, in order."""
    me = process.current()

    async def sender() -> None:
        process.send(me, "first")
        process.send(me, "second")
        raise Exit("over")

    pid, ref = process.spawn_monitor(sender)
    assert [await process.receive() for _ in range(3)] == ["first", "second", Down(ref, pid, "over")]
