"""Global names and locks, row by row of the catalogue: their scope is the program."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from regrow import CallExit, From, GenServer, Global, Node, Pid, Reply, call, global_, process, send
from regrow.behaviours.naming.global_ import LOCKS
from regrow.testing import expect_down, expect_idle, expect_message

pytestmark = pytest.mark.regrow


class Doer(GenServer[None]):
    """A server that runs in its process the functions it is sent."""

    async def handle_call(self, request: Any, _from: From, state: None) -> Reply[None]:
        done = request()
        return Reply(await done if asyncio.iscoroutine(done) else done, state)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert global_.registered_names() == []
    assert LOCKS.by_resource == {}
    assert LOCKS.held == {}


def me() -> Pid:
    return process.current()


def waiting() -> Pid:
    """A process that does nothing."""
    return process.spawn_link(process.receive)


async def kill(pid: Pid) -> None:
    process.unlink(pid)
    ref = process.monitor(pid)
    process.exit(pid, "kill")
    await expect_down(ref, "killed")


@pytest.mark.otp("PG-023")
async def test_names() -> None:
    """The scope is the program: all its nodes and threads."""
    first, second = waiting(), waiting()
    assert await global_.register_name("name", first)
    assert not await global_.register_name("name", second)
    assert global_.whereis_name("name") is process.whereis(Global("name")) is first
    await global_.unregister_name("name")
    assert global_.whereis_name("name") is None
    await global_.unregister_name("unknown")
    assert await global_.register_name("name", second)
    await kill(second)
    assert global_.whereis_name("name") is None


@pytest.mark.otp("PG-024")
async def test_names_and_locks() -> None:
    """The scope is the program."""
    doers = [await Doer.start_link() for _ in range(3)]
    for number, doer in enumerate(doers):
        assert await global_.register_name(f"name {number}", doer)
        assert await call(doer, lambda number=number: global_.set_lock((f"lock {number}", number)))
    assert sorted(str(name) for name in global_.registered_names()) == ["name 0", "name 1", "name 2"]
    assert not await global_.set_lock(("lock 0", "me"), retries=0)
    await kill(doers[0])
    assert sorted(str(name) for name in global_.registered_names()) == ["name 1", "name 2"]
    assert await global_.set_lock(("lock 0", "me"), retries=0)
    assert not await global_.set_lock(("lock 1", "me"), retries=0)
    await kill(doers[1])
    await kill(doers[2])


async def test_a_name_is_seen_from_every_node(node: Node) -> None:
    """A process of another node, in a separate thread, has the name and loses it at its end."""
    started: asyncio.Future[Pid] = asyncio.get_running_loop().create_future()
    main_loop = asyncio.get_running_loop()

    async def remote() -> None:
        async with Node("remote") as other:
            pid = process.spawn(process.receive)
            assert pid.process is not None
            ended = other.ended(pid.process)
            main_loop.call_soon_threadsafe(started.set_result, pid)
            await ended

    thread = asyncio.create_task(asyncio.to_thread(asyncio.run, remote()))
    pid = await started
    assert pid.node is not node
    assert await global_.register_name("there", pid)
    assert process.whereis(Global("there")) is pid
    assert global_.send("there", "end") is pid
    await thread
    assert global_.whereis_name("there") is None


@pytest.mark.otp("PG-026")
async def test_register_name_while_another_holds_the_lock() -> None:
    """The lock is that of the resource "global"; `start_link(name=Global(…))` does not wait for it."""
    doer = await Doer.start_link()
    assert await call(doer, lambda: global_.set_lock(("global", doer)))
    parent = me()

    async def register() -> None:
        send(parent, await global_.register_name("name", parent))

    process.spawn_link(register)
    with pytest.raises(TimeoutError):
        await process.receive(timeout=3.0)
    await call(doer, lambda: global_.del_lock(("global", doer)))
    assert await process.receive(bool, timeout=8.0) is True
    assert global_.whereis_name("name") is parent


async def test_register_name_by_the_holder_of_the_lock() -> None:
    assert await global_.set_lock(("global", "mine"))
    assert await global_.register_name("name", me())
    other = await Doer.start_link()
    assert not await call(other, lambda: global_.set_lock(("global", "theirs"), retries=0))
    global_.del_lock(("global", "mine"))


@pytest.mark.otp("PG-027")
@pytest.mark.parametrize("reason", ["normal", "oops", "kill"])
async def test_the_name_of_a_process_that_ends_is_free(reason: str) -> None:
    """The scope is the program. A name is free before the end is reported."""

    async def live() -> None:
        await process.receive("end".__eq__)

    pid = process.spawn(live)
    assert await global_.register_name("name", pid)
    ref = process.monitor(pid)
    if reason == "normal":
        send(pid, "end")
    else:
        process.exit(pid, reason)
    await expect_down(ref)
    assert global_.whereis_name("name") is None
    assert await global_.register_name("name", me())


@pytest.mark.otp("PG-028")
async def test_a_taken_lock_is_retried() -> None:
    """Retries wait as OTP's do, on the node's clock: an eighth of a second, then twice as long each time."""
    doer = await Doer.start_link()
    assert await call(doer, lambda: global_.set_lock(("resource", "first")))
    assert not await global_.set_lock(("resource", "second"), retries=0)
    began = process.monotonic()
    assert not await global_.set_lock(("resource", "second"), retries=3)
    assert process.monotonic() - began == 0.125 + 0.25 + 0.5
    global_.del_lock(("resource", "first"))
    assert not await global_.set_lock(("resource", "second"), retries=0)
    await call(doer, lambda: global_.del_lock(("resource", "first")))
    assert await global_.set_lock(("resource", "second"), retries=0)
    assert not await call(doer, lambda: global_.set_lock(("resource", "first"), retries=0))
    global_.del_lock(("resource", "second"))


async def test_a_lock_that_is_waited_for() -> None:
    doer = await Doer.start_link()
    await call(doer, lambda: global_.set_lock(("resource", "first")))
    process.apply_after(20.0, process.exit, doer, "kill")
    process.trap_exit(True)
    assert await global_.set_lock(("resource", "second"))
    global_.del_lock(("resource", "second"))


@pytest.mark.otp("PG-029")
async def test_a_lock_belongs_to_its_process() -> None:
    """It is released before the end of the process is reported."""
    doer = await Doer.start_link()
    await call(doer, lambda: global_.set_lock(("resource", "first")))
    await kill(doer)
    assert await global_.set_lock(("resource", "second"), retries=0)


@pytest.mark.otp("PG-030")
async def test_a_requester_may_set_a_lock_again() -> None:
    """The requester may do so in another process, too."""
    doer = await Doer.start_link()
    assert await global_.set_lock(("resource", "first"))
    assert await global_.set_lock(("resource", "first"))
    global_.del_lock(("resource", "first"))
    assert await call(doer, lambda: global_.set_lock(("resource", "second"), retries=0))
    assert await global_.set_lock(("resource", "second"), retries=0)
    await call(doer, lambda: global_.del_lock(("resource", "second")))
    assert not await call(doer, lambda: global_.set_lock(("resource", "first"), retries=0))
    global_.del_lock(("resource", "second"))
    assert await call(doer, lambda: global_.set_lock(("resource", "first"), retries=0))


@pytest.mark.otp("PG-031")
async def test_the_end_of_a_process_releases_all_its_locks() -> None:
    """All locks are released at once."""
    doer = await Doer.start_link()
    for resource in range(3):
        assert await call(doer, lambda resource=resource: global_.set_lock((resource, "first")))
    await kill(doer)
    for resource in range(3):
        assert await global_.set_lock((resource, "second"), retries=0)


@pytest.mark.otp("PG-032")
async def test_a_malformed_argument_is_refused() -> None:
    """No name server could crash: a malformed argument is a TypeError or ValueError in the caller."""
    anything: Any = "resource"
    for id in ("resource", ("resource",), ("a", "b", "c"), None):
        wrong: Any = id
        with pytest.raises(TypeError, match=r"wanted a lock's id, \(resource, requester\); got"):
            await global_.set_lock(wrong)
        with pytest.raises(TypeError, match="wanted a lock's id"):
            global_.del_lock(wrong)
        with pytest.raises(TypeError, match="wanted a lock's id"):
            await global_.trans(wrong, list)
    with pytest.raises(TypeError, match="retries: wanted a number of retries"):
        await global_.set_lock(("resource", "me"), retries=anything)
    with pytest.raises(ValueError, match="retries: wanted 0 or more; got -1"):
        await global_.set_lock(("resource", "me"), retries=-1)
    with pytest.raises(TypeError, match="register_name: wanted a pid, got 'resource'"):
        await global_.register_name("name", anything)
    with pytest.raises(TypeError, match="re_register_name: wanted a pid, got 'resource'"):
        await global_.re_register_name("name", anything)
    for register in (global_.register_name, global_.re_register_name):
        with pytest.raises(
            TypeError, match=r"register_name: wanted a function \(name, pid, pid\) as resolve, got 'res"
        ):
            await register("name", me(), anything)


@pytest.mark.otp("PG-033")
async def test_a_second_name_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """It is refused, as by OTP's default, and reported."""
    assert await global_.register_name("first", me())
    with caplog.at_level(logging.ERROR, "regrow.global"):
        assert not await global_.register_name("second", me())
    assert "is registered under ['first'], and not under a second name, 'second'" in caplog.text
    assert global_.registered_names() == ["first"]
    assert not await global_.register_name("first", me())
    await global_.unregister_name("first")
    assert await global_.register_name("second", me())


async def test_re_register_name() -> None:
    first, second = waiting(), waiting()
    await global_.re_register_name("name", first)
    await global_.re_register_name("name", second)
    assert global_.whereis_name("name") is second
    await kill(first)
    assert global_.whereis_name("name") is second


async def test_the_functions_that_resolve_a_name_conflict() -> None:
    """In one program no name has two owners; the functions that resolve a conflict are OTP's, and may be called."""
    first, second, notified = (process.spawn(process.receive) for _ in range(3))
    assert await global_.register_name("name", first, global_.random_exit_name)
    await global_.re_register_name("name", second, global_.random_notify_name)
    ref = process.monitor(second)
    assert global_.random_exit_name("name", second, first) is first
    await expect_down(ref, "killed")
    test = me()
    assert global_.random_notify_name("name", notified, test) is test
    await expect_down(process.monitor(notified), "normal")
    global_.notify_all_name("name", first, test)
    await expect_down(process.monitor(first), "normal")
    assert await process.receive() == ("global_name_conflict", "name", first)


async def test_nodes_may_be_named() -> None:
    nodes: list[object] = ["nonode@nohost"]
    assert await global_.set_lock(("resource", "me"), nodes, 0)
    global_.del_lock(("resource", "me"), nodes)
    assert await global_.trans(("resource", "me"), lambda: 42, nodes, 0) == 42


async def test_a_process_that_has_ended_loses_its_name_at_once() -> None:
    pid = waiting()
    await kill(pid)
    assert await global_.register_name("name", pid)
    assert global_.whereis_name("name") is None


@pytest.mark.otp("PG-034")
async def test_trans_runs_a_function_under_a_lock() -> None:
    """The function may be `def` or `async def`; without the lock it is not run, and Aborted is raised."""
    doer = await Doer.start_link()

    async def held() -> str:
        assert not await call(doer, lambda: global_.set_lock(("resource", "other"), retries=0))
        return "value"

    assert await global_.trans(("resource", "me"), held) == "value"
    assert await global_.trans(("resource", "me"), lambda: "value") == "value"
    await call(doer, lambda: global_.set_lock(("resource", "other"), retries=0))
    with pytest.raises(global_.Aborted, match=r"another requester still holds the lock .* after 0 retries"):
        await global_.trans(("resource", "me"), held, retries=0)
    await call(doer, lambda: global_.del_lock(("resource", "other")))
    with pytest.raises(ZeroDivisionError):
        await global_.trans(("resource", "me"), lambda: 1 / 0)
    assert await call(doer, lambda: global_.set_lock(("resource", "other"), retries=0))


@pytest.mark.otp("PG-035")
async def test_send_to_a_global_name() -> None:
    """A send to an unknown name raises CallExit with OTP's reason."""
    await global_.register_name("name", me())
    assert global_.send("name", "message") is me()
    assert await expect_message() == "message"
    with pytest.raises(CallExit, match="no process has the global name 'unknown'") as caught:
        global_.send("unknown", "message")
    assert caught.value.reason == ("badarg", ("unknown", "message"))


@pytest.mark.otp("PG-036")
async def test_garbage_messages() -> None:
    """No name server could get junk: names and locks are tables of the program."""
    process.trap_exit(True)
    pids = process.processes()
    await global_.register_name("name", me())
    await global_.sync()
    await expect_idle()
    assert process.processes() == pids
    send(Global("name"), "garbage")
    assert global_.whereis_name("name") is me()
