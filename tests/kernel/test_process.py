"""Processes: the facts of OTP's process, link, monitor, alias, register and signal suites, and of Elixir's Process.

The order is that of the catalogue, `tests/conformance/process.md`. Atoms are strings here, a crash reason is the
exception itself, `Exited` and `Down` are OTP's EXIT and DOWN, and an argument error is a TypeError or a ValueError.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from regrow import Agent, Down, Exit, Exited, Node, NoProcess, Pid, Ref, Via, VirtualClock, process
from regrow.kernel.tracebacks import trace_of
from regrow.testing import expect_down, expect_idle, expect_message


async def forever() -> None:
    """Receive, and never mind what."""
    while True:
        await process.receive()


async def until_told() -> None:
    """Receive one reason, and end with it."""
    raise Exit(await process.receive())


class Order:
    """What a process that runs `doing` is to do, for whom, and what that gave."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.asker = process.current()
        self.function = function
        self.args = args
        self.gave: Any = None


async def doing() -> None:
    """Do what one is ordered to."""
    while True:
        order = await process.receive(Order)
        order.gave = order.function(*order.args)
        process.send(order.asker, order)


async def does(pid: Pid, function: Callable[..., Any], *args: Any) -> Any:
    """Let a process that runs `doing` do something; what that gives."""
    process.send(pid, Order(function, args))
    return (await expect_message(Order)).gave


def messages() -> list[Any]:
    """What waits in one's own mailbox."""
    found: list[Any] = process.info(process.current(), "messages")
    return found


async def dead_pid() -> Pid:
    """The pid of a process that has ended."""
    pid, ref = process.spawn_monitor(int)
    assert await expect_down(ref) == "normal"
    return pid


def links_of(pid: Pid) -> list[Pid]:
    """The links of a process."""
    found: list[Pid] = process.info(pid, "links")
    return found


# Exit signals


@pytest.mark.otp("PR-001")
async def test_a_large_nested_reason(node: Node) -> None:
    """A reason arrives as it was, however large and nested."""
    reason = ("big", [{"deep": (number, [str(number)] * 5)} for number in range(200)], b"x" * 10_000)

    async def child() -> None:
        raise Exit(("big", [{"deep": (number, [str(number)] * 5)} for number in range(200)], b"x" * 10_000))

    process.trap_exit(True)
    pid = process.spawn_link(child)
    assert await expect_message(Exited) == Exited(pid, reason)


@pytest.mark.otp("PR-003")
async def test_exit_normal_to_another(node: Node) -> None:
    """exit(other, "normal") is ignored by one that does not trap exits."""
    pid, ref = process.spawn_monitor(forever)
    assert process.exit(pid, "normal") is True
    await process.sleep(1)
    assert process.alive(pid)
    assert messages() == []
    process.exit(pid, "kill")
    assert await expect_down(ref) == "killed"


@pytest.mark.otp("PR-004")
async def test_exit_to_oneself_while_trapping(node: Node) -> None:
    """A process that traps exits finds its own signal in its mailbox when exit returns, "normal" as any other."""
    me = process.current()
    process.trap_exit(True)
    assert process.exit(me, "reason") is True
    assert messages() == [Exited(me, "reason")]
    process.exit(me, "normal")
    assert messages() == [Exited(me, "reason"), Exited(me, "normal")]


@pytest.mark.otp("PR-006")
async def test_exit_to_oneself(node: Node) -> None:
    """One that does not trap exits dies where it sends itself a reason."""
    went_on: list[int] = []

    async def suicide() -> None:
        process.exit(process.current(), ("because", 42))
        went_on.append(1)

    _, ref = process.spawn_monitor(suicide)
    assert await expect_down(ref) == ("because", 42)
    await expect_idle()
    assert went_on == []


@pytest.mark.otp("PR-008")
@pytest.mark.parametrize("first", ["receiver", "killer"])
async def test_an_exit_signal_with_a_timeout(node: Node, first: str, reports: list[Any]) -> None:
    """A signal that comes in the very moment in which a receive times out ends the process once, with its reason."""
    times_out: list[int] = []

    async def receiver() -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await process.receive(timeout=1)
            times_out.append(1)
        await forever()

    async def killer() -> None:
        await process.sleep(3)
        process.exit(names["receiver"], "exit")

    names: dict[str, Pid] = {}
    functions = {"receiver": receiver, "killer": killer}
    for name in sorted(functions, key=first.__ne__):
        names[name] = process.spawn(functions[name])
    ref = process.monitor(names["receiver"])
    assert await expect_down(ref, timeout=5) == "exit"
    await process.sleep(5)
    assert messages() == []
    assert len(times_out) in (2, 3)
    assert len(reports) == 0


@pytest.mark.otp("PR-010")
@pytest.mark.parametrize("where", ["user code", "a library"])
async def test_an_argument_error_in_a_linked_child(node: Node, where: str) -> None:
    """An error raised by the child, or by what it calls, is its reason, and knows the lines it came from."""

    async def child() -> None:
        if where == "a library":
            int("none")
        raise ValueError("argument")

    process.trap_exit(True)
    pid = process.spawn_link(child)
    exited = await expect_message(Exited)
    assert exited.pid is pid
    assert type(exited.reason) is ValueError
    assert [code.co_name for code, _ in trace_of(exited.reason)][-1] == "child"


@pytest.mark.otp("PR-011")
async def test_kill(node: Node) -> None:
    """ "kill" ends one that traps exits, and links and monitors see "killed"."""

    async def trapper() -> None:
        process.trap_exit(True)
        await forever()

    process.trap_exit(True)
    pid = process.spawn_link(trapper)
    ref = process.monitor(pid)
    await expect_idle()
    process.exit(pid, "kill")
    assert messages() == [Exited(pid, "killed"), Down(ref, pid, "killed")]


@pytest.mark.otp("PR-014")
async def test_exit_signals_in_order_with_messages(node: Node) -> None:
    """What one sender sends, messages and signals, arrives in its order."""

    async def trapper() -> None:
        process.trap_exit(True)
        process.send(me, "ready")
        process.send(me, [await process.receive() for _ in range(5)])

    me = process.current()
    pid = process.spawn(trapper)
    assert await expect_message() == "ready"
    process.send(pid, 1)
    process.exit(pid, "shutdown")
    process.send(pid, 2)
    process.exit(pid, "normal")
    process.send(pid, 3)
    assert await expect_message() == [1, Exited(me, "shutdown"), 2, Exited(me, "normal"), 3]


@pytest.mark.otp("PR-016")
async def test_reasons_of_ends(node: Node) -> None:
    """What is raised is the reason, what `Exit` carries is, and returning is "normal".

    Python has no throw. What comes nearest, an exception beside `Exception`, is its own reason, too.
    """

    class Thrown(BaseException):
        """Nobody catches this by `except Exception`."""

    async def raises(error: BaseException) -> None:
        raise error

    async def returns(value: object) -> object:
        return value

    error, thrown = KeyError("raised"), Thrown("x")
    for function, argument, reason in (
        (raises, error, error),
        (raises, thrown, thrown),
        (raises, Exit("y"), "y"),
        (raises, Exit(("shutdown", 1)), ("shutdown", 1)),
        (raises, Exit("kill"), "kill"),
        (raises, Exit(), "normal"),
        (returns, "anything", "normal"),
    ):
        pid, ref = process.spawn_monitor(function, argument)
        assert await expect_message(Down) == Down(ref, pid, reason)


@pytest.mark.otp("PR-016")
async def test_what_a_function_may_be(node: Node) -> None:
    """`def` and `async def` run as processes; what they return is no reason, and a StopIteration no return."""

    class Socket:
        """Has a `send`, and is no coroutine."""

        def send(self, data: object) -> object:
            return data

    async def returns() -> int:
        return 1

    def stops() -> None:
        raise StopIteration(1)

    async def reason_of(function: Any) -> Any:
        return await expect_down(process.spawn_monitor(function)[1])

    assert await reason_of(returns) == "normal"
    assert await reason_of(Socket) == "normal"

    async def yields() -> AsyncGenerator[int, None]:
        yield 1

    assert await reason_of(int) == "normal"
    assert isinstance(await reason_of(stops), RuntimeError)
    assert isinstance(await reason_of(yields), TypeError)
    text: Any = "x"
    assert isinstance(await reason_of(lambda: asyncio.sleep(text)), TypeError)


# Links


@pytest.mark.otp("PR-018")
async def test_both_ends_agree_on_a_link(node: Node) -> None:
    """spawn_link, unlink from the other side, link again: both ends know the same after each."""
    me = process.current()
    pid = process.spawn_link(doing)
    assert pid in links_of(me)
    assert links_of(pid) == [me]
    assert await does(pid, process.unlink, me) is True
    assert pid not in links_of(me)
    assert links_of(pid) == []
    assert process.link(pid) is True
    assert process.link(pid) is True
    assert links_of(me).count(pid) == 1
    assert links_of(pid) == [me]
    process.unlink(pid)
    assert pid not in links_of(me)
    assert links_of(pid) == []


@pytest.mark.otp("PR-020")
async def test_a_linked_process_dies_with_its_peer(node: Node) -> None:
    """One that does not trap exits dies with the reason of its peer."""

    async def linked(to: Pid) -> None:
        process.link(to)
        await forever()

    peer = process.spawn(until_told)
    _, ref = process.spawn_monitor(linked, peer)
    await expect_idle()
    process.send(peer, "died")
    assert await expect_down(ref) == "died"


@pytest.mark.otp("PR-021")
async def test_a_link_to_oneself(node: Node) -> None:
    """It is none."""
    me = process.current()
    before = links_of(me)
    assert process.link(me) is True
    assert links_of(me) == before
    assert process.unlink(me) is True
    assert links_of(me) == before
    assert messages() == []


@pytest.mark.otp("PR-023")
async def test_a_link_to_the_dead(node: Node) -> None:
    """It gives True and an `Exited` with "noproc" to one that traps exits, and is an error to one that does not."""
    dead = await dead_pid()
    with pytest.raises(NoProcess) as refused:
        process.link(dead)
    assert refused.value.reason == ("noproc", ("process", "link", [dead]))
    assert "is not alive" in str(refused.value)
    process.trap_exit(True)
    assert process.link(dead) is True
    assert messages() == [Exited(dead, "noproc")]
    assert dead not in links_of(process.current())
    _, ref = process.spawn_monitor(process.link, dead)
    assert await expect_down(ref) == ("noproc", ("process", "link", [dead]))


@pytest.mark.otp("PR-025")
async def test_a_chain_of_links(node: Node) -> None:
    """A reason travels along all links of those that do not trap exits."""

    async def linked(to: Pid | None) -> None:
        if to is not None:
            process.link(to)
        raise Exit(await process.receive())

    last = process.spawn(linked, None)
    middle = process.spawn(linked, last)
    first = process.spawn(linked, middle)
    refs = [process.monitor(pid) for pid in (first, middle, last)]
    await expect_idle()
    process.send(last, "deep")
    assert [await expect_down(ref) for ref in refs] == ["deep"] * 3


@pytest.mark.otp("PR-026")
async def test_a_normal_end_is_not_passed_on(node: Node) -> None:
    """A linked process that ends normally leaves one that does not trap alone, and is told to one that does."""
    me = process.current()
    pid = process.spawn_link(until_told)
    process.send(pid, "normal")
    await expect_idle()
    assert not process.alive(pid)
    assert messages() == []
    assert pid not in links_of(me)
    process.trap_exit(True)
    pid = process.spawn_link(int)
    assert await expect_message() == Exited(pid, "normal")


@pytest.mark.otp("PR-028")
async def test_unlink_does_not_flush(node: Node) -> None:
    """An `Exited` that is in the mailbox when one unlinks stays there; none comes after."""
    process.trap_exit(True)
    first, second = process.spawn_link(until_told), process.spawn_link(until_told)
    process.send(first, "oops")
    await expect_idle()
    process.unlink(first)
    process.unlink(second)
    process.send(second, "oops")
    await process.sleep(1)
    assert messages() == [Exited(first, "oops")]


@pytest.mark.otp("PR-029")
@pytest.mark.parametrize("rounds", [1, 40])
async def test_linking_and_unlinking_at_the_same_time(node: Node, rounds: int) -> None:
    """Two processes that link and unlink each other, in turns or at random, agree in the end."""
    me = process.current()

    async def restless(seed: int) -> None:
        other: Pid = await process.receive(Pid)
        chance = random.Random(seed)
        for number in range(rounds):
            change = process.link if (number % 2 == 0 if rounds == 1 else chance.random() < 0.5) else process.unlink
            change(other)
            if chance.random() < 0.7:
                await asyncio.sleep(0)
        process.send(me, "done")
        await forever()

    for seed in range(50):
        one, two = process.spawn(restless, seed), process.spawn(restless, 1000 + seed)
        process.send(one, two)
        process.send(two, one)
        assert [await expect_message(str), await expect_message(str)] == ["done"] * 2
        assert (two in links_of(one)) == (one in links_of(two))
        linked = two in links_of(one)
        process.exit(one, "oops")
        assert process.alive(two) != linked
        process.exit(two, "kill")


@pytest.mark.otp("PR-030")
async def test_a_link_after_the_other_has_unlinked_and_ended(node: Node) -> None:
    """Who links to a process that has unlinked him and ended gets "noproc", never the old reason."""
    process.trap_exit(True)
    for _ in range(20):
        pid = process.spawn_link(doing)
        await does(pid, process.unlink, process.current())
        process.exit(pid, "old reason")
        process.link(pid)
        assert await expect_message() == Exited(pid, "noproc")
    assert messages() == []


# Monitors


@pytest.mark.otp("PR-032")
@pytest.mark.parametrize("how", ["monitor", "spawn_monitor"])
async def test_the_monitored_kills_its_monitor(node: Node, how: str) -> None:
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
async def test_a_monitor_of_what_is_no_address(node: Node, wrong: Any) -> None:
    """A list, a tuple of three, a number: refused, with what was wanted."""
    with pytest.raises(TypeError, match="wanted"):
        process.monitor(wrong)
    with pytest.raises(TypeError, match="got the alias"):
        process.monitor(process.alias())
    assert messages() == []


@pytest.mark.otp("PR-035")
@pytest.mark.parametrize("wrong", ["plutt", 1, None, ("ref",)], ids=repr)
async def test_a_demonitor_of_what_is_no_ref(node: Node, wrong: Any) -> None:
    """A string, a number: refused."""
    with pytest.raises(TypeError, match="wanted the ref"):
        process.demonitor(wrong)
    with pytest.raises(TypeError, match="wanted the ref"):
        process.demonitor(wrong, flush=True)


@pytest.mark.otp("PR-036")
async def test_a_demonitor_of_a_fresh_ref(node: Node) -> None:
    """A ref that is no monitor's, or another process's, is no error."""
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
    """An option that there is not, or that stands in the wrong place, is refused."""
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
async def test_flush_takes_the_down_alone(node: Node) -> None:
    """What else speaks of the monitor stays, and all keeps its order."""

    class Mine:
        """A message that has a `ref`, too."""

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
async def test_demonitor_of_what_is_an_alias(node: Node, mode: str) -> None:
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
async def test_monitors_of_the_living(node: Node, how: str, reason: str) -> None:
    """A monitor tells the reason of the end, once."""
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
async def test_monitors_of_nobody(node: Node) -> None:
    """A dead pid or an unknown name: "noproc" at once. The `Down` names the name as it was given."""
    dead = await dead_pid()
    for nobody in (dead, "nobody", ("nobody", node.name), process.whereis("nobody")):
        ref = process.monitor(nobody)
        assert messages() == [Down(ref, nobody, "noproc")]
        assert process.demonitor(ref, info=True, flush=True) is False
    ref = process.monitor(("nobody", "nowhere"))
    assert messages() == [Down(ref, ("nobody", "nowhere"), "noconnection")]
    assert process.info(process.current(), "monitors") == []


@pytest.mark.otp("PR-044")
@pytest.mark.parametrize("reason", ["normal", "frop"])
async def test_monitors_of_names(node: Node, reason: str) -> None:
    """The `Down` of a monitor of a name names the name as it was given, be it alone or with its node."""
    for address in ("jeeves", ("jeeves", node.name)):
        pid = process.spawn(until_told)
        process.register("jeeves", pid)
        ref = process.monitor(address)
        process.send(pid, reason)
        assert await expect_message() == Down(ref, address, reason)


@pytest.mark.otp("PR-046")
async def test_the_lists_of_monitors(node: Node) -> None:
    """`monitors` and `monitored_by` are exact after each step, by pid and by name, whoever ends."""
    me = process.current()

    def monitored_by(pid: Pid) -> list[Pid]:
        found: list[Pid] = process.info(pid, "monitored_by")
        return [one for one in found if one is not node.guest]  # who waits for the end of the test

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
    """Monitors of several processes on one, taken back, ended with the watcher or with the watched, are all gone."""
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
    """When an `Exited` or a `Down` arrives, nobody has the name any more."""
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
async def test_a_tag(node: Node) -> None:
    """A tag comes back in the `Down`, as its `tag`, of a living, a dead, a spawned and an unknown process."""
    tag = ("my", ["own"])
    living, dead = process.spawn(until_told), await dead_pid()
    refs = [process.monitor(living, tag=tag), process.monitor(dead, tag=tag), process.monitor("nobody", tag=tag)]
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
    """It gives a ref and never a `Down`; there is nothing behind it, and it is no alias either."""
    me = process.current()
    ref = process.monitor(me, alias=mode)
    assert isinstance(ref, Ref)
    process.send(ref, "lost")
    assert process.info(me, "monitors") == []
    assert process.demonitor(ref, info=True) is False
    assert process.unalias(ref) is False
    assert messages() == []


@pytest.mark.otp("PR-055")
async def test_messages_before_the_down(node: Node) -> None:
    """What a process has sent before its end is received before its `Down`, in order."""
    me = process.current()

    async def sender() -> None:
        process.send(me, "first")
        process.send(me, "second")
        raise Exit("over")

    pid, ref = process.spawn_monitor(sender)
    assert [await process.receive() for _ in range(3)] == ["first", "second", Down(ref, pid, "over")]


# Aliases


def sends(address: object, *words: str) -> Any:
    """A process that sends these words, and has ended when this is awaited."""

    async def sender() -> None:
        for word in words:
            process.send(address, word)

    return expect_down(process.spawn_monitor(sender)[1], "normal")


@pytest.mark.otp("PR-059", "PR-060")
@pytest.mark.parametrize("mode", [None, "explicit_unalias"])
async def test_an_alias(node: Node, mode: str | None) -> None:
    """What comes through an alias arrives until it is switched off, and is dropped after that."""
    alias = process.alias() if mode is None else process.alias(mode)
    await sends(alias, "one", "two")
    assert messages() == ["one", "two"]
    assert process.unalias(alias) is True
    await sends(alias, "three", "four")
    assert messages() == ["one", "two"]


@pytest.mark.otp("PR-062")
async def test_what_unalias_returns(node: Node) -> None:
    """Whether the alias was on, and one's own."""
    alias = process.alias()
    assert process.unalias(alias) is True
    assert process.unalias(alias) is False
    others = await does(process.spawn(doing), process.alias)
    assert process.unalias(others) is False
    assert process.unalias(process.make_ref()) is False
    wrong: Any = "alias"
    with pytest.raises(TypeError, match="unalias: wanted"):
        process.unalias(wrong)


@pytest.mark.otp("PR-063")
async def test_explicit_unalias_of_a_monitor(node: Node) -> None:
    """The alias is off after unalias; the monitor is still there. A `Down` does not switch the alias off."""
    pid = process.spawn(until_told)
    ref = process.monitor(pid, alias="explicit_unalias")
    await sends(ref, "one", "two")
    assert process.unalias(ref) is True
    await sends(ref, "three")
    process.send(pid, "over")
    await expect_idle()
    assert messages() == ["one", "two", Down(ref, pid, "over")]

    pid = process.spawn(until_told)
    ref = process.monitor(pid, alias="explicit_unalias")
    process.send(pid, "over")
    await expect_idle()
    await sends(ref, "after the end")
    assert messages()[3:] == [Down(ref, pid, "over"), "after the end"]
    assert process.unalias(ref) is True


@pytest.mark.otp("PR-064")
async def test_demonitor_alias(node: Node) -> None:
    """The alias of mode "demonitor" is on until demonitor, which switches both off, or until the `Down`."""
    pid = process.spawn(until_told)
    ref = process.monitor(pid, alias="demonitor")
    await sends(ref, "one", "two")
    process.demonitor(ref)
    await sends(ref, "three")
    assert process.unalias(ref) is False
    ref = process.monitor(pid, alias="demonitor")
    process.send(pid, "over")
    await expect_idle()
    await sends(ref, "after the end")
    assert messages() == ["one", "two", Down(ref, pid, "over")]
    ref = process.monitor(pid, alias="demonitor")
    await sends(ref, "after noproc")
    assert messages()[3:] == [Down(ref, pid, "noproc")]


@pytest.mark.otp("PR-066")
async def test_reply_demonitor(node: Node) -> None:
    """The first message through the alias switches off both the alias and the monitor."""
    pid = process.spawn(until_told)
    ref = process.monitor(pid, alias="reply_demonitor")
    await sends(ref, "one", "two")
    process.send(pid, "over")
    await expect_idle()
    assert messages() == ["one"]
    assert process.info(process.current(), "monitors") == []
    assert process.unalias(ref) is False


@pytest.mark.otp("PR-067")
async def test_reply_demonitor_after_the_end(node: Node) -> None:
    """If the end comes first there is the `Down` alone."""
    pid = process.spawn(until_told)
    ref = process.monitor(pid, alias="reply_demonitor")
    process.send(pid, "over")
    await expect_idle()
    await sends(ref, "late", "later")
    assert messages() == [Down(ref, pid, "over")]


@pytest.mark.otp("PR-068")
@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor", "reply_demonitor"])
@pytest.mark.parametrize("how", ["spawn_monitor", "spawn_opt"])
async def test_spawning_with_an_alias(node: Node, how: str, mode: str) -> None:
    """The alias of a spawned process's monitor does what that of a separate monitor does."""
    spawn: Any = process.spawn_monitor if how == "spawn_monitor" else process.spawn_opt
    options = {} if how == "spawn_monitor" else {"monitor": True, "link": True}
    process.trap_exit(True)
    pid, ref = spawn(until_told, **options, alias=mode, tag="tag")
    assert (pid in links_of(process.current())) == (how == "spawn_opt")
    process.unlink(pid)
    await sends(ref, "one", "two")
    process.send(pid, "over")
    await expect_idle()
    await sends(ref, "three")
    down = Down(ref, pid, "over")
    expected = {
        "explicit_unalias": ["one", "two", down, "three"],
        "demonitor": ["one", "two", down],
        "reply_demonitor": ["one"],
    }
    assert messages() == expected[mode]
    assert [message.tag for message in messages() if isinstance(message, Down)] == ["tag"] * (mode != "reply_demonitor")


@pytest.mark.otp("PR-068")
async def test_wrong_options_of_spawning(node: Node) -> None:
    """Unknown options and kinds, and options of a monitor that is not asked for, are refused, and nothing is spawned."""
    before = process.processes()
    spawn_opt: Any = process.spawn_opt
    spawn_monitor: Any = process.spawn_monitor
    with pytest.raises(ValueError, match="alias is one of"):
        spawn_monitor(forever, alias="nonsense")
    with pytest.raises(ValueError, match="alias is one of"):
        spawn_opt(forever, monitor=True, alias="nonsense")
    with pytest.raises(ValueError, match="options of a monitor"):
        spawn_opt(forever, alias="demonitor")
    with pytest.raises(ValueError, match="options of a monitor"):
        spawn_opt(forever, tag="tag")
    with pytest.raises(TypeError):
        spawn_opt(forever, monitors=True)
    with pytest.raises(ValueError, match="alias is one of"):
        process.monitor(process.current(), alias="nonsense")
    with pytest.raises(ValueError, match="alias: wanted"):
        process.alias("nonsense")
    assert process.processes() == before


@pytest.mark.otp("PR-068")
@pytest.mark.parametrize("how", ["spawn", "spawn_link", "spawn_monitor", "spawn_opt", "spawn_request"])
async def test_what_is_no_function(node: Node, how: str) -> None:
    """What cannot be called is refused where it is given, and nothing is spawned."""
    before = process.processes()
    coroutine = forever()
    for wrong in ("function", None, coroutine):
        with pytest.raises(TypeError, match="wanted a function to run"):
            getattr(process, how)(wrong)
    coroutine.close()
    assert process.processes() == before


@pytest.mark.otp("PR-070")
@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor", "reply_demonitor"])
async def test_a_monitor_of_nobody_with_alias_and_tag(node: Node, mode: str) -> None:
    """The `Down` comes at once, with the tag; only an "explicit_unalias" alias is on after it, until unalias."""
    ref = process.monitor("nobody", alias=mode, tag="tag")
    down = await expect_message()
    assert (down, down.tag) == (Down(ref, "nobody", "noproc"), "tag")
    await sends(ref, "one", "two")
    on = mode == "explicit_unalias"
    assert messages() == (["one", "two"] if on else [])
    assert process.unalias(ref) is on
    await sends(ref, "three")
    assert messages() == (["one", "two"] if on else [])


# Spawn, names, flags, info


@pytest.mark.otp("PR-071")
async def test_names_that_are_none(node: Node) -> None:
    """A name is a string other than "undefined", or a class; what gets it is a living pid."""
    register: Any = process.register
    me = process.current()
    for wrong in ({"a", "b"}, ("a", "b"), ["a"], None, 12, b"name"):
        with pytest.raises(TypeError, match="wanted a name"):
            register(wrong, me)
        with pytest.raises(TypeError, match="wanted a name"):
            process.unregister(wrong)
    with pytest.raises(ValueError, match="undefined"):
        register("undefined", me)
    for no_pid in (process.make_ref(), ["pid"], ("pid", 1), "name"):
        with pytest.raises(TypeError, match="wanted a pid"):
            register("name", no_pid)
    with pytest.raises(ValueError, match="not alive"):
        register("name", await dead_pid())
    assert process.registered() == []


@pytest.mark.otp("PR-072")
async def test_registering_twice(node: Node) -> None:
    """A taken name, a second name and an unknown name are refused, and what was stays."""
    me, other = process.current(), process.spawn(forever)
    assert process.register("taken", me) is True
    for name, pid, problem in (("taken", other, "has that name"), ("second", me, "already"), ("taken", me, "already")):
        with pytest.raises(ValueError, match=problem):
            process.register(name, pid)
    with pytest.raises(ValueError, match="nobody has this name"):
        process.unregister("unknown")
    assert process.registered() == ["taken"]
    assert process.whereis("taken") is me
    assert process.unregister("taken") is True
    assert process.whereis("taken") is None
    assert process.register("second", me) is True


@pytest.mark.otp("PR-074")
async def test_a_name_passes_from_the_dead_to_the_next(node: Node) -> None:
    """Over and over: a name is free at once when its holder is killed, and one alone has it."""
    for _ in range(2000):
        pid = process.spawn(forever)
        process.register("passed on", pid)
        assert process.whereis("passed on") is pid
        process.exit(pid, "kill")
        assert process.whereis("passed on") is None
    assert process.registered() == []


@pytest.mark.otp("PR-075")
async def test_no_stale_name(node: Node) -> None:
    """While processes register and die, whoever looks finds names of the living alone. A stress test, made smaller."""
    found: list[Pid] = []

    async def registers(number: int) -> None:
        process.register(f"name {number % 10}", process.current())
        await asyncio.sleep(0)
        if number % 3 == 0:
            process.exit(process.current(), "kill")

    async def looks() -> None:
        while True:
            for name in process.registered():
                pid = process.whereis(name)
                assert pid is not None
                assert process.alive(pid)
                assert process.info(pid, "registered_name") == name
                found.append(pid)
            await asyncio.sleep(0)

    watching, ref = process.spawn_monitor(looks)
    for number in range(500):
        process.spawn_monitor(registers, number)
        if number % 7 == 0:
            await asyncio.sleep(0)
    for _ in range(500):
        down = await process.receive(Down)
        assert down.ref is not ref
        assert down.reason in ("normal", "killed") or isinstance(down.reason, ValueError)
    assert process.alive(watching)
    assert len(found) > 100
    assert process.registered() == []


@pytest.mark.otp("PR-077")
async def test_trap_exit_gives_the_old_value(node: Node) -> None:
    """Setting a flag gives what it was; there is no other flag, and no other value."""
    me = process.current()
    assert process.info(me, "trap_exit") is False
    assert process.trap_exit(True) is False
    assert process.trap_exit(True) is True
    assert process.flag("trap_exit", False) is True
    assert process.flag("trap_exit", True) is False
    wrong: Any = 1
    with pytest.raises(TypeError, match="True or False"):
        process.trap_exit(wrong)
    with pytest.raises(ValueError, match="trap_exit"):
        process.flag("priority", True)
    assert process.info(me, "trap_exit") is True


@pytest.mark.otp("PR-078")
@pytest.mark.parametrize("link", [True, False])
@pytest.mark.parametrize("monitor", [True, False])
@pytest.mark.parametrize("reply", ["yes", "no", "error_only", "success_only"])
async def test_spawn_request(node: Node, link: bool, monitor: bool, reply: str) -> None:
    """The reply, if there is one, comes before the EXIT, and this before the DOWN.

    A process is spawned at once here, where OTP only asks for it: the order of the messages is the same.
    """
    process.trap_exit(True)

    async def child() -> None:
        raise Exit("early")

    ref = process.spawn_request(child, link=link, monitor=monitor, reply=reply, reply_tag=("my", "tag"))
    pid = process.processes()[-1]
    await process.sleep(1)
    expected: list[Any] = [(("my", "tag"), ref, "ok", pid)] if reply in ("yes", "success_only") else []
    if link:
        expected.append(Exited(pid, "early"))
    if monitor:
        expected.append(Down(ref, pid, "early"))
    assert messages() == expected


@pytest.mark.otp("PR-078")
async def test_spawn_request_and_its_child(node: Node) -> None:
    """A child that cannot run dies after the reply; a parent that ends takes a linked child along; nothing is undone."""
    function: Any = forever
    ref = process.spawn_request(function, "one argument too many", monitor=True, tag="tag")
    reply, down = await process.receive(), await process.receive()
    assert reply == ("spawn_reply", ref, "ok", down.pid)
    assert (down.ref, down.tag) == (ref, "tag")
    assert isinstance(down.reason, TypeError)

    me = process.current()

    async def parent() -> None:
        process.spawn_request(forever, link=True)
        process.send(me, await process.receive())
        raise Exit("parent")

    process.spawn(parent)
    child: Pid = (await expect_message(lambda message: type(message) is tuple))[3]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType, reportUnknownLambdaType]
    watch = process.monitor(child)
    assert await expect_down(watch) in ("parent", "noproc")

    ref = process.spawn_request(forever, monitor=True)
    assert process.spawn_request_abandon(ref) is False
    assert process.demonitor(ref, info=True) is True
    assert (await process.receive())[1] is ref
    assert process.spawn_request_abandon(process.make_ref()) is False
    wrong: Any = "ref"
    with pytest.raises(TypeError, match="wanted the ref"):
        process.spawn_request_abandon(wrong)
    with pytest.raises(ValueError, match="reply is one of"):
        process.spawn_request(forever, reply="maybe")
    with pytest.raises(ValueError, match="options of a monitor"):
        process.spawn_request(forever, tag="tag")


@pytest.mark.otp("PR-080")
async def test_info(node: Node) -> None:
    """One item gives its value, a list pairs in its order, doubles kept; the dead give None.

    OTP gives a pair for one item, too: here it is the value, which Python can tell from None.
    """
    me = process.current()
    pid = process.spawn_link(process.receive)
    process.monitor(pid)
    process.register("named", pid)
    await expect_idle()
    assert process.info(pid, "status") == "waiting"
    assert process.info(me, "status") == "running"
    assert process.info(pid, ["status", "links", "registered_name", "status"]) == [
        ("status", "waiting"),
        ("links", [me]),
        ("registered_name", "named"),
        ("status", "waiting"),
    ]
    assert process.info(pid, []) == []
    whole = process.info(pid)
    assert whole == {item: process.info(pid, item) for item in whole}
    assert whole["monitored_by"] == [me]
    assert whole["initial_call"] is process.receive
    assert (whole["trap_exit"], whole["message_queue_len"], whole["label"]) == (False, 0, None)
    assert whole["ancestors"][0] is me
    process.unlink(pid)
    process.exit(pid, "kill")
    assert process.info(pid) is None
    assert process.info(pid, "links") is None
    assert process.info(pid, ["links", "status"]) is None
    assert process.info(pid, []) is None


@pytest.mark.otp("PR-080")
async def test_what_info_refuses(node: Node) -> None:
    """An unknown item, alone or in a list, is refused even of the dead; and so is what is no pid."""
    wrong: Any = "name"
    unhashable: Any = ["links", ["status"]]
    for pid in (process.current(), await dead_pid()):
        for item in ("nonsense", ["links", "nonsense"], unhashable):
            with pytest.raises(ValueError, match="wanted one of registered_name"):
                process.info(pid, item)
    for function in (process.info, process.alive, process.link, process.unlink, process.get_label, process.node):
        with pytest.raises(TypeError, match="wanted a pid, got 'name'"):
            function(wrong)
    with pytest.raises(TypeError, match="For a name"):
        process.exit(wrong, "reason")


@pytest.mark.otp("PR-081")
async def test_the_messages_of_a_process(node: Node) -> None:
    """Queue and its length are exact for what one has sent, while others send as well, and for one that is about to run."""
    waiting = process.spawn(process.receive)
    busy = process.spawn(process.receive, bytes)
    await expect_idle()
    for pid in (waiting, busy):
        for number in range(3):
            process.send(pid, number)
            assert process.info(pid, ["message_queue_len", "messages"]) == [
                ("message_queue_len", number + 1),
                ("messages", list(range(number + 1))),
            ]

    async def sender() -> None:
        for _ in range(10):
            process.send(busy, "other's")
            await asyncio.sleep(0)

    others = [process.spawn_monitor(sender)[1] for _ in range(3)]
    for number in range(3, 10):
        process.send(busy, number)
        await asyncio.sleep(0)
    mine = [message for message in process.info(busy, "messages") if isinstance(message, int)]
    assert mine == list(range(10))
    for ref in others:
        await expect_down(ref)
    assert process.info(busy, "message_queue_len") == 40
    process.send(process.current(), None)
    assert process.info(process.current(), ["message_queue_len", "messages"]) == [
        ("message_queue_len", 1),
        ("messages", [None]),
    ]


@pytest.mark.otp("PR-082")
async def test_the_parent_of_a_process(node: Node) -> None:
    """It is the spawner's pid, even if the spawner has a name, or is gone; the first process has none."""
    me = process.current()
    process.register("me", me)
    pid = process.spawn(doing)
    assert process.info(pid, "parent") is me
    assert process.info(pid, "ancestors")[0] == "me"
    grandchild = await does(pid, process.spawn, forever)
    process.exit(pid, "kill")
    assert process.info(grandchild, "parent") is pid
    assert process.info(node.init.pid, "parent") is None


async def test_ancestors_are_those_of_the_parent_at_the_time_of_the_spawn(node: Node) -> None:
    one = process.spawn(doing)
    between = process.spawn(doing)
    other = await does(between, process.spawn, doing)
    await does(one, process.register, "name", one)
    assert process.info(await does(one, process.spawn, forever), "ancestors") == [
        "name",
        *process.info(one, "ancestors"),
    ]
    await does(one, process.unregister, "name")
    assert process.info(await does(one, process.spawn, forever), "ancestors") == [one, *process.info(one, "ancestors")]
    await does(one, process.register, "name", one)
    await does(one, process.spawn, forever)
    await does(one, process.unregister, "name")
    await does(other, process.register, "name", other)
    assert process.info(await does(other, process.spawn, forever), "ancestors")[:2] == ["name", between]


@pytest.mark.otp("PR-084")
async def test_the_list_of_processes(node: Node) -> None:
    """Under load, every living process is in it and no dead one, and each can be sent to. OTP's test, made smaller."""
    chance = random.Random(1)
    living: set[Pid] = set(process.processes())
    mine: list[Pid] = []

    async def infant() -> None:
        assert process.current() in process.processes()
        await forever()

    for _ in range(30):
        mine += [process.spawn(infant) for _ in range(20)]
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        for pid in chance.sample(mine, 10):
            mine.remove(pid)
            process.exit(pid, "kill")
        assert process.processes() == sorted({*living, *mine})
        assert all(process.send(pid, "hello") == "hello" for pid in process.processes()[-20:])
    assert all(process.alive(pid) for pid in process.processes())


@pytest.mark.otp("PR-087")
async def test_selective_receive(node: Node) -> None:
    """A class, a tuple of classes or a predicate takes the first that fits, and leaves the others in order."""
    for message in ("a", 1, b"b", 2.5, "c", None):
        process.send(process.current(), message)
    assert await process.receive(bytes) == b"b"
    assert await process.receive((int, float)) == 1
    assert await process.receive(lambda message: message == "c") == "c"
    assert messages() == ["a", 2.5, None]
    assert await process.receive(lambda message: message is None) is None
    assert [await process.receive(), await process.receive()] == ["a", 2.5]


@pytest.mark.otp("PR-088")
@pytest.mark.parametrize("match", [None, int, bool])
async def test_receive_with_timeout_0(node: Node, virtual_clock: VirtualClock, match: Any) -> None:
    """It looks through the whole mailbox once, and gives the match or times out at once."""
    start = virtual_clock.now()
    with pytest.raises(TimeoutError, match="got no message"):
        await process.receive(match, timeout=0)
    process.send(process.current(), "other")
    process.send(process.current(), True)
    found = await process.receive(match, timeout=0)
    assert found == ("other" if match is None else True)
    assert virtual_clock.now() == start


# Elixir's Process


@pytest.mark.otp("PR-091")
async def test_the_dictionary(node: Node) -> None:
    """It is a mapping of the process's own: put and delete give the old value."""
    assert process.get("key") is None
    assert process.get_keys() == []
    assert process.delete("key") is None
    assert process.erase() == {}
    assert process.put("key", 1) is None
    assert process.put("key", 2) == 1
    assert process.get("key") == 2
    assert process.get("other", "default") == "default"
    process.put("twin", 2)
    assert process.get_keys() == ["key", "twin"]
    assert process.get_keys(2) == ["key", "twin"]
    assert process.get_keys(1) == []
    assert process.get() == {"key": 2, "twin": 2}
    process.get()["key"] = 3
    assert process.info(process.current(), "dictionary") == {"key": 2, "twin": 2}
    assert await does(process.spawn(doing), process.get) == {}
    assert process.delete("key") == 2
    assert process.erase("twin") == 2
    assert process.get("key") is None
    process.put("last", 1)
    assert process.erase() == {"last": 1}
    assert process.get_keys() == []


@pytest.mark.otp("PR-091")
async def test_labels(node: Node) -> None:
    """A label describes a process to others; one that has none, or is dead, gives None."""
    me = process.current()
    assert process.get_label() is None
    process.set_label(("cart", 12))
    assert process.get_label() == ("cart", 12)
    assert await does(process.spawn(doing), process.get_label, me) == ("cart", 12)
    assert process.info(me, "label") == ("cart", 12)
    assert process.get_label(await dead_pid()) is None


@pytest.mark.otp("PR-094")
async def test_monitor_with_alias(node: Node) -> None:
    """An answer comes through the alias of a monitor, and then its `Down`."""

    async def ponger() -> None:
        answer_to = await process.receive()
        process.send(answer_to, "pong")

    pid = process.spawn(ponger)
    ref = process.monitor(pid, alias="explicit_unalias")
    process.send(pid, ref)
    assert [await process.receive() for _ in range(2)] == ["pong", Down(ref, pid, "normal")]
    assert process.unalias(ref) is True


@pytest.mark.otp("PR-096")
async def test_the_registered_name(node: Node) -> None:
    """The name; [] for one that has none; None for the dead. There is no priority here."""
    me = process.current()
    dead = await dead_pid()
    assert process.info(dead, "registered_name") is None
    assert process.info(dead, ["registered_name"]) is None
    assert process.info(me, "registered_name") == []
    assert process.info(me, ["registered_name"]) == [("registered_name", [])]
    process.register("me", me)
    assert process.info(me, "registered_name") == "me"
    assert process.info(me, ["registered_name"]) == [("registered_name", "me")]
    with pytest.raises(ValueError, match="wanted one of"):
        process.info(me, "priority")


@pytest.mark.otp("PR-097")
async def test_send_after(node: Node, virtual_clock: VirtualClock) -> None:
    """A message comes after its time, or at it; a timer that has fired or was cancelled gives None."""
    me = process.current()
    start = virtual_clock.now()
    process.send_after(me, "relative", 0.01)
    assert await process.receive() == "relative"
    process.send_after(me, "absolute", start + 1, abs=True)
    assert await process.receive() == "absolute"
    assert virtual_clock.now() == start + 1

    timer = process.send_after(me, "hello", 100)
    assert process.read_timer(timer) == 100
    await process.sleep(1)
    assert process.cancel_timer(timer) == 99
    assert process.read_timer(timer) is None
    assert process.cancel_timer(timer) is None
    timer = process.send_after(me, "at once", 0)
    assert await process.receive() == "at once"
    assert process.read_timer(timer) is None
    assert process.cancel_timer(timer) is None

    timer = process.send_after(me, "hello", 100)
    assert process.cancel_timer(timer, async_=True) is None
    assert await process.receive() == ("cancel_timer", timer, 100)
    assert process.cancel_timer(timer, async_=True) is None
    assert await process.receive() == ("cancel_timer", timer, None)
    await process.sleep(200)
    assert messages() == []


@pytest.mark.otp("PR-099")
async def test_exit_normal_to_oneself(node: Node) -> None:
    """exit(current(), "normal") ends the process, which links and monitors are told."""
    went_on: list[int] = []

    async def leaves() -> None:
        process.exit(process.current(), "normal")
        went_on.append(1)

    process.trap_exit(True)
    pid = process.spawn_link(leaves)
    assert await expect_message() == Exited(pid, "normal")
    assert not process.alive(pid)
    assert went_on == []


@pytest.mark.otp("PR-100")
async def test_alias_and_unalias(node: Node) -> None:
    """Nothing arrives after unalias; with "reply" nothing after the first message."""
    alias = process.alias()
    assert process.send(alias, "one") == "one"
    process.unalias(alias)
    assert process.send(alias, "two") == "two"
    reply = process.alias("reply")
    await sends(reply, "three", "four")
    assert messages() == ["one", "three"]
    assert process.unalias(reply) is False


# What the rows do not say


async def test_hibernate(node: Node) -> None:
    """The process leaves all that runs, waits for mail, and goes on as the function, which receives that mail."""
    me = process.current()
    events: list[str] = []

    async def woken(word: str) -> None:
        process.send(me, (word, await process.receive(), process.info(process.current(), "links")))
        if word == "first":
            await process.hibernate(woken, "second")

    async def sleepy() -> None:
        try:
            await process.hibernate(woken, "first")
        except Exception:
            events.append("caught")
            raise
        finally:
            await asyncio.sleep(0)
            events.append("left")

    pid = process.spawn_link(sleepy)
    ref = process.monitor(pid)
    await expect_idle()
    assert events == ["left"]
    assert process.info(pid, ["status", "message_queue_len"]) == [("status", "waiting"), ("message_queue_len", 0)]
    process.send(pid, 1)
    process.send(pid, 2)
    assert await expect_message(tuple) == ("first", 1, [me])
    assert await expect_message(tuple) == ("second", 2, [me])
    assert await expect_down(ref) == "normal"


async def test_hibernate_ends(node: Node) -> None:
    """One that hibernates can be killed; what it goes on as may raise, may be `def`, or may not be a function."""
    me = process.current()

    async def sleepy(function: Any, *args: Any) -> None:
        await process.hibernate(function, *args)

    pid, ref = process.spawn_monitor(sleepy, forever)
    await expect_idle()
    process.exit(pid, "kill")
    assert await expect_down(ref) == "killed"

    pid, ref = process.spawn_monitor(sleepy, process.send, me, "woken")
    process.send(pid, "wake")
    assert await expect_message(str) == "woken"
    assert await expect_down(ref) == "normal"

    pid, ref = process.spawn_monitor(sleepy, int, "none")
    process.send(pid, "wake")
    assert isinstance(await expect_down(ref), ValueError)

    async def adopted() -> None:
        async with process.adopt():
            await process.hibernate(forever)

    with pytest.raises(RuntimeError, match="hibernate"):
        await asyncio.create_task(adopted())


async def test_companions(node: Node) -> None:
    """References are all different, and a pid and an alias tell their node."""
    refs = [process.make_ref() for _ in range(100)]
    assert len(set(refs)) == 100
    assert sorted(refs) == refs
    assert refs[0] <= refs[0] < refs[1] <= refs[2]
    pids = [process.spawn(int) for _ in range(3)]
    assert pids[0] <= pids[0] < pids[1] <= pids[2]
    assert pids[2] > pids[1] >= pids[1]
    me = process.current()
    assert process.node() == process.node(me) == process.node(process.alias()) == node.name


async def test_a_table_that_refuses_and_knows_nobody(node: Node) -> None:
    """A name that a table of the user's own refuses although nobody has it is not taken for given."""

    class Full:
        """Takes no name."""

        def register_name(self, _key: object, _pid: Pid) -> bool:
            return False

        def unregister_name(self, key: object) -> None:
            raise LookupError(key)

        def whereis_name(self, _key: object) -> Pid | None:
            return None

    before = process.processes()
    with pytest.raises(ValueError, match="was refused by its table"):
        await Agent.start(int, name=Via(Full(), "key"))
    assert process.processes() == before


async def test_sending_to_what_is_no_address(node: Node) -> None:
    """An unknown name and what is no address are refused; a dead pid, an alias that is off and a far name are not."""
    for wrong in (12, ["name"], ("a", "b", "c")):
        with pytest.raises(TypeError, match="wanted"):
            process.send(wrong, "x")
    with pytest.raises(ValueError, match="nobody has this name"):
        process.send("nobody", 1)
    assert process.send(await dead_pid(), 1) == 1
    assert process.send(("nobody", node.name), 1) == 1
    assert process.send(("name", "nowhere"), 1) == 1


@pytest.mark.parametrize("how", ["other's kill", "own kill", "exit"])
async def test_a_line_of_links(node: Node, how: str) -> None:
    """Along a line of links a kill arrives as "killed", and `Exit("kill")` as "kill", at one that traps exits."""
    me = process.current()

    async def line(left: int) -> None:
        if left:
            process.spawn_link(line, left - 1)
        elif how == "other's kill":
            process.send(me, process.current())
        elif how == "own kill":
            process.exit(process.current(), "kill")
        else:
            raise Exit("kill")
        await forever()

    process.trap_exit(True)
    for length in (1, 2, 9, 10):
        pid = process.spawn_link(line, length)
        if how == "other's kill":
            process.exit(await expect_message(Pid), "kill")
        assert await expect_message(Exited) == Exited(pid, "kill" if how == "exit" else "killed")


async def test_nothing_arrives_after_an_exit_signal(node: Node) -> None:
    """Who is sent messages, a reason, and messages again dies of that reason, and never sees the last ones."""

    async def looks() -> None:
        while True:
            if await process.receive() == "may not reach":
                raise Exit("bad signal order")

    for _ in range(200):
        pid, ref = process.spawn_monitor(looks)
        for _ in range(3):
            process.send(pid, "may reach")
        process.exit(pid, "good signal order")
        for _ in range(3):
            process.send(pid, "may not reach")
        assert await expect_down(ref) == "good signal order"
