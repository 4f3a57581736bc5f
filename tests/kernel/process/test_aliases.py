"""Aliases: options of monitors and spawns, and when an alias is deactivated."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import Down, Node, process
from regrow.testing import expect_idle, expect_message
from tests.kernel.process.processes import does, doing, forever, links_of, messages, sends, until_told


@pytest.mark.otp("PR-059", "PR-060")
@pytest.mark.parametrize("mode", [None, "explicit_unalias"])
async def test_an_alias_delivers_until_it_is_deactivated(node: Node, mode: str | None) -> None:
    """Messages through an alias arrive until it is deactivated, and are dropped after that."""
    alias = process.alias() if mode is None else process.alias(mode)
    await sends(alias, "one", "two")
    assert messages() == ["one", "two"]
    assert process.unalias(alias) is True
    await sends(alias, "three", "four")
    assert messages() == ["one", "two"]


@pytest.mark.otp("PR-062")
async def test_unalias_returns_whether_the_alias_was_active(node: Node) -> None:
    """unalias returns True if the alias was active and belongs to the caller."""
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
    """unalias deactivates the alias and keeps the monitor. A `Down` does not deactivate the alias."""
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
    """The alias of mode "demonitor" is active until demonitor, which removes both, or until the `Down`."""
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
    """The first message through the alias deactivates the alias and the monitor."""
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
    """If the end comes first, only the `Down` arrives."""
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
    """The alias of a spawned process's monitor behaves as that of a separate monitor."""
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
    """Unknown options and kinds, and options of a monitor that is not requested, are refused; nothing is spawned."""
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
async def test_only_a_function_is_spawned(node: Node, how: str) -> None:
    """An argument that is not callable is refused at once, and nothing is spawned."""
    before = process.processes()
    coroutine = forever()
    for wrong in ("function", None, coroutine):
        with pytest.raises(TypeError, match="wanted a function to run"):
            getattr(process, how)(wrong)
    coroutine.close()
    assert process.processes() == before


@pytest.mark.otp("PR-070")
@pytest.mark.parametrize("mode", ["explicit_unalias", "demonitor", "reply_demonitor"])
async def test_a_monitor_of_a_dead_process_with_alias_and_tag(node: Node, mode: str) -> None:
    """The `Down` comes at once, with the tag; only an "explicit_unalias" alias stays active, until unalias."""
    ref = process.monitor("unknown", alias=mode, tag="tag")
    down = await expect_message()
    assert (down, down.tag) == (Down(ref, "unknown", "noproc"), "tag")
    await sends(ref, "one", "two")
    on = mode == "explicit_unalias"
    assert messages() == (["one", "two"] if on else [])
    assert process.unalias(ref) is on
    await sends(ref, "three")
    assert messages() == (["one", "two"] if on else [])
