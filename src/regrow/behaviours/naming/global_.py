"""Names and locks of the whole program. `regrow.global_` is the page of the concept."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, TypeVar, overload

from regrow.kernel import bifs, sending
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.exits import CallExit
from regrow.kernel.keys import exact, plain, same
from regrow.kernel.names import FORGET_IN_A_CHILD, GLOBAL_LOCK, GLOBAL_NAMES
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process, extras
from regrow.kernel.report import log
from regrow.kernel.running import current, running, unwind
from regrow.kernel.sending import sleep

LOG = logging.getLogger("regrow.global")

Result = TypeVar("Result")
Resolve = Callable[[Any, Pid, Pid], Pid | None]
LockId = tuple[Hashable, Hashable]  # (resource, requester): a requester may set the lock of a resource again
Retries = int | None

NAMES: Final = "global"  # the resource that is locked while a name changes
FIRST_DELAY: Final = 0.125  # OTP's: an eighth of a second, then twice as long each time, at most 8 seconds
LONGEST_DELAY: Final = 8.0


class Aborted(Exception):
    """`trans` did not get its lock."""


# Names


async def register_name(name: Hashable, pid: Pid, resolve: Resolve | None = None) -> bool:
    """Give a process a name; it waits while another process holds the lock of the names (`global:register_name/3`).

    A process has one global name: a second one is refused, and reported.

    Args:
        name: any hashable term.
        pid: of the process.
        resolve: who keeps a name that two parts of a divided network have given. One program is never divided, so
            this is only taken for the sake of those who give it.

    Returns:
        Whether the process has the name now. A process that has ended loses it at once.

    Raises:
        TypeError: `pid` is not a pid, or `resolve` no function.
    """
    _check_pid("register_name", pid)
    _check_resolve("register_name", resolve)
    return await _alone(lambda: _register(name, pid))


async def re_register_name(name: Hashable, pid: Pid, resolve: Resolve | None = None) -> None:
    """Give a process a name, whoever has it now (`global:re_register_name/3`); `resolve` as for `register_name`.

    Raises:
        TypeError: `pid` is not a pid, or `resolve` no function.
    """
    _check_pid("re_register_name", pid)
    _check_resolve("re_register_name", resolve)

    await _alone(lambda: _replace(name, pid))


async def unregister_name(name: Hashable) -> None:
    """Free a name; nobody may have it (`global:unregister_name/1`)."""
    await _alone(lambda: _unregister(name))


def whereis_name(name: Hashable) -> Pid | None:
    """Who has a name (`global:whereis_name/1`)."""
    return GLOBAL_NAMES.get(exact(name))


def registered_names() -> list[Hashable]:
    """All global names (`global:registered_names/0`)."""
    return list(map(plain, list(GLOBAL_NAMES)))


def send(name: Hashable, message: object) -> Pid:
    """Send a message to whoever has a name; gives the pid (`global:send/2`).

    Raises:
        CallExit: nobody has it; the reason is ("badarg", (name, message)).
    """
    pid = whereis_name(name)
    if pid is None:
        raise CallExit(("badarg", (name, message)), f"nobody has the global name {safe_repr(name)}")
    sending.send(pid, message)
    return pid


def random_exit_name(name: Hashable, one: Pid, other: Pid) -> Pid:
    """Settle a clash of names: one process keeps it, the other is killed (`global:random_exit_name/3`).

    Which one it is is nobody's business; here it is the older. This and the next two are what `resolve` may be.
    """
    kept, lost = sorted((one, other))
    log(LOG, logging.INFO, "global: name conflict, terminating %s, which was also %s", lost, safe_repr(name))
    bifs.exit(lost, "kill")
    return kept


def random_notify_name(name: Hashable, one: Pid, other: Pid) -> Pid:
    """The same, but the other is told: it gets ("global_name_conflict", name) (`global:random_notify_name/3`)."""
    kept, lost = sorted((one, other))
    sending.send(lost, ("global_name_conflict", name))
    return kept


def notify_all_name(name: Hashable, one: Pid, other: Pid) -> None:
    """The same, but nobody keeps it: each gets ("global_name_conflict", name, who else) (`global:notify_all_name/3`)."""
    sending.send(one, ("global_name_conflict", name, other))
    sending.send(other, ("global_name_conflict", name, one))


async def sync() -> None:
    """Wait until all nodes agree on the names: in one program they always do (`global:sync/0`)."""


async def _alone(change: Callable[[], Result]) -> Result:
    me = current()
    if LOCKS.holds(NAMES, me):  # by a lock of its own, which is not for us to release
        return change()
    return await trans((NAMES, me), change)


def _check_pid(what: str, pid: object) -> None:
    if not isinstance(pid, Pid):
        raise TypeError(f"{what}: wanted a pid, got {safe_repr(pid)}")


def _check_resolve(what: str, resolve: object) -> None:
    if resolve is not None and not callable(resolve):
        raise TypeError(f"{what}: wanted a function (name, pid, pid) as resolve, got {safe_repr(resolve)}")


def _register(name: Hashable, pid: Pid) -> bool:
    holder = pid.process
    key = exact(name)
    with GLOBAL_LOCK:
        if key in GLOBAL_NAMES:
            return False
        others = None if holder is None else list(extras(holder).global_names)
        if not others:
            _give(key, pid)
            return True
    words = "global: %s is registered under %s, and not under a second name, %s"
    log(LOG, logging.ERROR, words, pid, safe_repr(list(map(plain, others))), safe_repr(name))
    return False


def _replace(name: Hashable, pid: Pid) -> None:
    """Unlike `_register` this may give a process its second name, as OTP's does."""
    key = exact(name)
    with GLOBAL_LOCK:
        _take(key)
        _give(key, pid)


def _unregister(name: Hashable) -> None:
    key = exact(name)
    with GLOBAL_LOCK:
        _take(key)


def _give(key: Any, pid: Pid) -> None:
    holder = pid.process
    if holder is None:
        return
    GLOBAL_NAMES[key] = pid
    extras(holder).global_names[key] = None
    if pid.process is None:  # it has ended meanwhile, in a thread of its own
        GLOBAL_NAMES.pop(same(key), None)


def _take(key: Any) -> None:
    pid = GLOBAL_NAMES.pop(key, None)
    holder = None if pid is None else pid.process
    if holder is not None:
        extras(holder).global_names.pop(key, None)


class Table:
    """The names as `Via` asks for them, without waiting: `Via(global_, key)` is the same name as `Global(key)`."""

    register_name: staticmethod[[Hashable, Pid], bool] = staticmethod(_register)
    unregister_name: staticmethod[[Hashable], None] = staticmethod(_unregister)
    whereis_name: staticmethod[[Hashable], Pid | None] = staticmethod(whereis_name)


__regrow_names__ = Table


# Locks


class Lock:
    """Who holds the lock of a resource: one requester, in one or several processes."""

    __slots__ = ("asked", "key", "pids", "requester")

    def __init__(self, id: LockId, key: Any, requester: Any) -> None:
        self.asked: LockId = id
        self.key: Any = key  # of the resource and …
        self.requester: Any = requester  # … of the requester, as they were when the lock was set
        self.pids: dict[Pid, None] = {}

    def is_for(self, id: LockId) -> bool:
        """Whether it was set with these very objects, which may be other keys by now."""
        return self.asked[0] is id[0] and self.asked[1] is id[1]


class Locks:
    """All locks of the program."""

    def __init__(self) -> None:
        self.by_resource: dict[Any, Lock] = {}
        self.held: dict[Pid, dict[Lock, None]] = {}

    def take(self, id: LockId, holder: Process) -> Lock | None:
        """Let a process hold a lock until it drops it or ends; None when another requester does."""
        key, asking, pid = exact(id[0]), _term(id[1]), holder.pid
        extras(holder).tables[self] = None
        with GLOBAL_LOCK:
            lock = self.by_resource.get(key)
            if lock is None:
                lock = self.by_resource[key] = Lock(id, key, asking)
            elif lock.requester != asking:
                return None
            lock.pids[pid] = None
            self.held.setdefault(pid, {})[lock] = None
            return lock

    def drop(self, id: LockId, pid: Pid) -> None:
        """A process holds this lock no longer, if it did."""
        with GLOBAL_LOCK:
            lock = next((one for one in self.held.get(pid, ()) if one.is_for(id)), None)
            if lock is None:
                lock = self.by_resource.get(exact(id[0]))
                if lock is None or lock.requester != _term(id[1]):
                    return
            self.let_go(lock, pid)

    def let_go(self, lock: Lock, pid: Pid) -> None:
        """Take a process out of those who hold a lock, which ends with the last of them."""
        if pid not in lock.pids:
            return
        del lock.pids[pid]
        if not lock.pids:
            del self.by_resource[same(lock.key)]
        del self.held[pid][lock]
        if not self.held[pid]:
            del self.held[pid]

    def holds(self, resource: str, pid: Pid) -> bool:
        """Whether a process holds the lock of a resource of ours."""
        return any(lock.key == resource for lock in self.held.get(pid, ()) if type(lock.key) is str)

    def forget(self) -> None:
        """Those who held them run in the parent of this forked process."""
        self.by_resource.clear()
        self.held.clear()

    def release(self, pid: Pid) -> None:
        """A process that holds locks has ended."""
        with GLOBAL_LOCK:
            for lock in list(self.held.get(pid, ())):
                self.let_go(lock, pid)


def _term(requester: Any) -> Any:
    """A requester as it is compared: it stands in no table, and need not be hashable."""
    try:
        return exact(requester)
    except TypeError:
        return requester


LOCKS: Final = Locks()
FORGET_IN_A_CHILD.append(LOCKS.forget)


async def set_lock(id: LockId, nodes: object = None, retries: Retries = None) -> bool:
    """Set the lock of a resource for this process, waiting for it if need be (`global:set_lock/3`).

    Args:
        id: (resource, requester). The same requester may hold it in several processes, and set it again.
        nodes: where to set it; taken for the sake of those who give it, as a lock holds in the whole program.
        retries: how often to try again, after pauses that grow up to 8 s; None, until it is had.

    Returns:
        Whether this process holds the lock now.

    Raises:
        TypeError: the id is no pair, or the retries are no number.
        ValueError: fewer than 0 retries.
        RuntimeError: the code runs in a plain asyncio task.
    """
    del nodes
    return await _taken(_checked(id), retries) is not None


async def _taken(id: LockId, retries: Retries) -> Lock | None:
    """The lock, once this process holds it; None after so many retries."""
    _check_retries(retries)
    holder = running()
    delay = FIRST_DELAY
    tries = 0
    while True:
        if not holder.alive:  # it would hold the lock for ever
            await unwind()
        lock = LOCKS.take(id, holder)
        if lock is not None or tries == retries:
            return lock
        tries += 1
        await sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY)


def del_lock(id: LockId, nodes: object = None) -> None:
    """Release a lock, if this process holds it for that requester (`global:del_lock/2`); `nodes` as for `set_lock`.

    Raises:
        TypeError: the id is no pair.
    """
    del nodes
    LOCKS.drop(_checked(id), current())


@overload
async def trans(
    id: LockId, function: Callable[[], Awaitable[Result]], nodes: object = None, retries: Retries = None
) -> Result: ...
@overload
async def trans(
    id: LockId, function: Callable[[], Result], nodes: object = None, retries: Retries = None
) -> Result: ...
async def trans(id: LockId, function: Callable[[], Any], nodes: object = None, retries: Retries = None) -> Any:
    """Run a function while holding a lock, and give what it gave (`global:trans/4`); `nodes` as for `set_lock`.

    The lock is released when the function returns or raises.

    Raises:
        Aborted: the lock was not to be had with so many retries; the function has not run.
        TypeError: as in `set_lock`.
        ValueError: as in `set_lock`.
    """
    del nodes
    lock = await _taken(_checked(id), retries)
    if lock is None:
        raise Aborted(f"the lock {safe_repr(id)} is held by another, also after {retries} retries")
    try:
        result = function()
        if is_awaitable(result):
            return await result
        return result
    finally:
        with GLOBAL_LOCK:
            LOCKS.let_go(lock, current())


def _checked(id: Any) -> LockId:
    pair: Any = id
    if isinstance(id, tuple) and len(pair) == 2:
        resource, requester = pair
        return resource, requester
    raise TypeError(f"wanted a lock's id, (resource, requester); got {safe_repr(pair)}")


def _check_retries(retries: Any) -> None:
    if retries is None:
        return
    if type(retries) is not int:
        raise TypeError(f"retries: wanted how often to try again, or None for ever; got {safe_repr(retries)}")
    if retries < 0:
        raise ValueError(f"retries: wanted 0 or more; got {retries}")
