"""Process groups, row by row of the catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import (
    AlreadyStarted,
    CalleeExit,
    Exited,
    NoClause,
    NoProcess,
    Pid,
    Supervisor,
    call,
    cast,
    pg,
    process,
    send,
)
from regrow.kernel.current_node import current_node
from regrow.kernel.running import running
from regrow.testing import expect_idle, kill

pytestmark = pytest.mark.regrow


def me() -> Pid:
    return process.current()


def messages() -> Any:
    return process.info(me(), "messages")


def waiting() -> Pid:
    """A process that does nothing."""
    return process.spawn(process.receive)


@pytest.mark.otp("PG-001")
async def test_join_members_groups_leave() -> None:
    await pg.start_link()
    pg.join("group", me())
    assert pg.get_members("group") == pg.get_local_members("group") == [me()]
    assert pg.which_groups() == pg.which_local_groups() == ["group"]
    assert pg.leave("group", me())
    assert pg.get_members("group") == pg.which_groups() == []


@pytest.mark.otp("PG-002")
@pytest.mark.parametrize("how", ["call", "cast", "info"])
async def test_junk_ends_the_scope(how: str) -> None:
    """As in OTP the scope ends, with NoClause in place of badarg."""
    process.trap_exit(True)
    scope = await pg.start_link("scope")
    if how == "call":
        with pytest.raises(CalleeExit) as caught:
            await call("scope", "garbage")
        reason = caught.value.reason
        assert isinstance(reason, tuple)
        assert isinstance(reason[0], NoClause)
    elif how == "cast":
        cast("scope", "garbage")
    else:
        send("scope", "garbage")
    ended = await process.receive(Exited)
    assert ended.pid is scope
    assert isinstance(ended.reason, NoClause)


@pytest.mark.otp("PG-008")
@pytest.mark.parametrize("bad", ["no pid", None, ["no pid"], 7])
async def test_only_a_pid_joins(bad: Any) -> None:
    await pg.start_link()
    wrong: list[Any] = [bad, [bad], [me(), bad]]
    for pids in wrong:
        with pytest.raises(TypeError, match="join: wanted a pid or a list of pids; got"):
            pg.join("group", pids)
        with pytest.raises(TypeError, match="leave: wanted a pid or a list of pids; got"):
            pg.leave("group", pids)
    assert pg.which_groups() == []
    with pytest.raises(TypeError, match="pg: wanted a scope's name"):
        await pg.start_link(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.otp("PG-009")
async def test_a_process_that_joins_twice_is_a_member_twice() -> None:
    await pg.start_link()
    other = waiting()
    pg.join("group", me())
    pg.join("group", [other, me()])
    assert pg.get_members("group") == [me(), me(), other]
    assert pg.leave("group", me())
    assert pg.get_members("group") == [me(), other]
    assert pg.leave("group", [me(), other, other])
    assert not pg.leave("group", me())
    assert not pg.leave("unknown", me())
    assert pg.which_groups() == []


async def test_a_member_that_ends_is_removed_before_its_end_is_reported() -> None:
    await pg.start_link()
    other, both = waiting(), waiting()
    pg.join("first", [other, both, both])
    pg.join("second", both)
    await kill(both)
    assert pg.get_members("first") == [other]
    assert pg.which_groups() == ["first"]
    await kill(other)
    assert pg.which_groups() == []
    pg.join("first", other)
    assert pg.which_groups() == []


async def test_groups_are_distinguished_by_value_and_type() -> None:
    await pg.start_link()
    for group in (1, 1.0, True):
        pg.join(group, me())
    assert [type(group) for group in pg.which_groups()] == [int, float, bool]
    assert pg.leave(1.0, me())
    assert [pg.get_members(group) for group in (1, 1.0)] == [[me()], []]


async def test_scopes_are_separate() -> None:
    await pg.start_link("one")
    await pg.start_link("two")
    pg.join("group", me(), scope="one")
    assert pg.get_members("group", scope="one") == [me()]
    assert pg.get_members("group", scope="two") == []


@pytest.mark.otp("PG-011")
async def test_a_scope_that_starts_again_is_empty() -> None:
    process.trap_exit(True)
    await Supervisor.start_link([pg.child_spec("scope")])
    other = waiting()
    pg.join("group", [me(), other], scope="scope")
    pg.monitor("group", scope="scope")
    scope = process.whereis("scope")
    assert scope is not None
    await kill(scope)
    await expect_idle()
    assert process.whereis("scope") not in (None, scope)
    assert pg.which_groups(scope="scope") == []
    assert process.alive(other)
    await kill(other)
    pg.join("group", me(), scope="scope")
    assert pg.get_members("group", scope="scope") == [me()]
    assert messages() == []


@pytest.mark.otp("PG-012")
async def test_requests_to_a_scope_that_does_not_run() -> None:
    calls: list[tuple[Any, Any]] = [
        (lambda: pg.join("group", me(), scope="none"), ("pg", "join", ["none", "group", me()])),
        (lambda: pg.leave("group", me(), scope="none"), ("pg", "leave", ["none", "group", me()])),
        (lambda: pg.monitor("group", scope="none"), ("pg", "monitor", ["none", "group"])),
        (lambda: pg.monitor_scope(scope="none"), ("pg", "monitor_scope", ["none"])),
    ]
    for calling, place in calls:
        with pytest.raises(NoProcess) as caught:
            calling()
        assert caught.value.reason == ("noproc", place)
    assert pg.get_members("group", scope="none") == pg.which_groups(scope="none") == []


@pytest.mark.otp("PG-014")
async def test_a_second_start_of_a_scope() -> None:
    scope = await pg.start("scope")
    assert process.info(scope, "links") == []
    for starting in (pg.start("scope"), pg.start_link("scope")):
        with pytest.raises(AlreadyStarted) as caught:
            await starting
        assert caught.value.pid is scope
    await pg.stop("scope")
    assert not process.alive(scope)
    assert current_node().registries == {}


@pytest.mark.otp("PG-015")
async def test_monitor_of_a_scope_with_members() -> None:
    await pg.start_link()
    other = waiting()
    pg.join("first", [me(), other])
    pg.join("second", other)
    snapshot = {"first": [me(), other], "second": [other]}
    ref, groups = pg.monitor_scope()
    assert groups == snapshot
    pg.join("third", other)
    pg.leave("third", other)
    assert messages() == [(ref, "join", "third", [other]), (ref, "leave", "third", [other])]
    assert pg.demonitor(ref)
    assert messages() == []
    assert not pg.demonitor(ref)
    assert pg.monitor_scope()[1] == snapshot


@pytest.mark.otp("PG-017")
async def test_monitor_of_a_group() -> None:
    await pg.start_link()
    other = waiting()
    pg.join("group", me())
    ref, members = pg.monitor("group")
    assert members == [me()]
    pg.join("another", other)
    pg.join("group", [other, other])
    pg.leave("group", [me(), me()])
    assert messages() == [(ref, "join", "group", [other, other]), (ref, "leave", "group", [me()])]
    await kill(other)
    assert messages()[2:] == [(ref, "leave", "group", [other])] * 2
    send(me(), "something else")
    assert pg.demonitor(ref)
    pg.join("group", me())
    assert messages() == ["something else"]


@pytest.mark.otp("PG-019")
async def test_the_monitors_of_a_process_that_ends_are_removed() -> None:
    await pg.start_link()

    async def watch() -> None:
        pg.monitor("group")
        pg.monitor_scope()
        await process.receive("end".__eq__)

    watcher = process.spawn(watch)
    await expect_idle()
    groups = current_node().registries["pg", "pg"]
    assert len(groups.monitors) == 2
    await kill(watcher)
    assert (groups.monitors, groups.watching_all, groups.watching) == ({}, {}, {})
    pg.join("group", me())


async def test_a_process_that_has_left_its_last_group_is_forgotten() -> None:
    await pg.start_link()
    ref, _ = pg.monitor("group")
    pg.join("group", me())
    pg.leave("group", me())
    pg.demonitor(ref)
    assert running().rare is not None
    assert running().rare.tables == {}  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
