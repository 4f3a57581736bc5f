"""Links: both ends agree, and reasons travel along them."""

from __future__ import annotations

import asyncio
import random

import pytest

from regrow import Exit, Exited, Node, NoProcess, Pid, process
from regrow.testing import expect_down, expect_idle, expect_message
from tests.kernel.process.processes import dead_pid, does, doing, forever, links_of, messages, until_told


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
    """A process that does not trap exits dies with the reason of its peer."""

    async def linked(to: Pid) -> None:
        process.link(to)
        await forever()

    peer = process.spawn(until_told)
    _, ref = process.spawn_monitor(linked, peer)
    await expect_idle()
    process.send(peer, "died")
    assert await expect_down(ref) == "died"


@pytest.mark.otp("PR-021")
async def test_a_link_to_oneself_has_no_effect(node: Node) -> None:
    """link(current()) returns True and links nothing."""
    me = process.current()
    before = links_of(me)
    assert process.link(me) is True
    assert links_of(me) == before
    assert process.unlink(me) is True
    assert links_of(me) == before
    assert messages() == []


@pytest.mark.otp("PR-023")
async def test_a_link_to_a_dead_process(node: Node) -> None:
    """A process that traps exits gets True and an `Exited` with "noproc"; the call raises in one that does not."""
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
async def test_a_reason_travels_along_a_chain_of_links(node: Node) -> None:
    """The reason passes every process that does not trap exits."""

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
async def test_a_normal_end_does_not_end_linked_processes(node: Node) -> None:
    """A linked process that does not trap exits lives on; one that traps exits gets an `Exited`."""
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
    """An `Exited` that is already in the mailbox stays there after unlink; none comes later."""
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
    """A process that links to one that has unlinked it and ended gets "noproc", never the old reason."""
    process.trap_exit(True)
    for _ in range(20):
        pid = process.spawn_link(doing)
        await does(pid, process.unlink, process.current())
        process.exit(pid, "old reason")
        process.link(pid)
        assert await expect_message() == Exited(pid, "noproc")
    assert messages() == []
