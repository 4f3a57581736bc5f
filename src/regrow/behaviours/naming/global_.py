"""Names and locks that hold in the whole program. `regrow.global_` is the page of the concept."""

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
from regrow.kernel.process_record import Pid, Process, extras
from regrow.kernel.report import log
from regrow.kernel.running import current, running, unwind
from regrow.kernel.sending import sleep

LOG = logging.getLogger("regrow.global")

Result = TypeVar("Result")
Resolve = Callable[[Any, Pid, Pid], Pid | None]
LockId = tuple[Hashable, Hashable]  # (resource, requester): the same requester may set the lock again
Retries = int | None

NAMES: Final = "global"  # the resource whose lock is held while a name changes
FIRST_DELAY: Final = 0.125  # seconds; doubled at each retry up to LONGEST_DELAY, as in OTP
LONGEST_DELAY: Final = 8.0


class Aborted(Exception):
    """Raised by `trans` if it did not get the lock within its retries."""


# Names


async def register_name(name: Hashable, pid: Pid, resolve: Resolve | None = None) -> bool:
    """Register a process under a global name (`global:register_name/3`).

    The function waits while another process holds the lock of the names. A process may have one global name: a second
    one is refused and logged. The name is free again when the process ends.

    Args:
        name: any hashable value.
        pid: the process.
        resolve: a function for name conflicts after a network split. It is accepted as in OTP, and never called: one
            program has no network split.

    Returns:
        Whether the process has the name now; False if another process has it.

    Raises:
        TypeError: `pid` is no pid, or `resolve` no function.
    """
    _check_pid("register_name", pid)
    _check_resolve("register_name", resolve)
    return await _alone(lambda: _register(name, pid))


async def re_register_name(name: Hashable, pid: Pid, resolve: Resolve | None = None) -> None:
    """Register a process under a global name, also if another process has it (`global:re_register_name/3`).

    Args:
        name: any hashable value.
        pid: the process.
        resolve: as for `register_name`.

    Raises:
        TypeError: `pid` is no pid, or `resolve` no function.
    """
    _check_pid("re_register_name", pid)
    _check_resolve("re_register_name", resolve)

    await _alone(lambda: _replace(name, pid))


async def unregister_name(name: Hashable) -> None:
    """Remove a global name; without effect if no process has it (`global:unregister_name/1`)."""
    await _alone(lambda: _unregister(name))


def whereis_name(name: Hashable) -> Pid | None:
    """Return the pid with a global name; None if no process has it (`global:whereis_name/1`)."""
    return GLOBAL_NAMES.get(exact(name))


def registered_names() -> list[Hashable]:
    """Return all global names (`global:registered_names/0`)."""
    return list(map(plain, list(GLOBAL_NAMES)))


def send(name: Hashable, message: object) -> Pid:
    """Send a message to the process with a global name, and return its pid (`global:send/2`).

    Raises:
        CallExit: no process has the name; the reason is ("badarg", (name, message)).
    """
    pid = whereis_name(name)
    if pid is None:
        raise CallExit(("badarg", (name, message)), f"no process has the global name {safe_repr(name)}")
    sending.send(pid, message)
    return pid


def random_exit_name(name: Hashable, one: Pid, other: Pid) -> Pid:
    """Resolve a name conflict: the older process keeps the name, the other is killed (`global:random_exit_name/3`).

    It is a function for the argument `resolve` of `register_name`; OTP chooses the process at random.
    """
    winner, loser = sorted((one, other))
    log(LOG, logging.INFO, "global: name conflict, terminating %s, which was also %s", loser, safe_repr(name))
    bifs.exit(loser, "kill")
    return winner


def random_notify_name(name: Hashable, one: Pid, other: Pid) -> Pid:
    """Resolve a name conflict: the older process keeps the name (`global:random_notify_name/3`).

    The other process is sent ("global_name_conflict", name). It is a function for the argument `resolve`.
    """
    winner, loser = sorted((one, other))
    sending.send(loser, ("global_name_conflict", name))
    return winner


def notify_all_name(name: Hashable, one: Pid, other: Pid) -> None:
    """Resolve a name conflict: no process keeps the name (`global:notify_all_name/3`).

    Each is sent ("global_name_conflict", name, the other pid). It is a function for the argument `resolve`.
    """
    sending.send(one, ("global_name_conflict", name, other))
    sending.send(other, ("global_name_conflict", name, one))


async def sync() -> None:
    """Return at once: all nodes of one program always agree on the names (`global:sync/0`)."""


async def _alone(change: Callable[[], Result]) -> Result:
    me = current()
    if LOCKS.holds(NAMES, me):  # the process set this lock itself, and releases it itself
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
    """Register a process also if it has another global name, as OTP's `re_register_name` does."""
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
    if pid.process is None:  # race: the process ended meanwhile, in its node's thread
        GLOBAL_NAMES.pop(same(key), None)


def _take(key: Any) -> None:
    pid = GLOBAL_NAMES.pop(key, None)
    holder = None if pid is None else pid.process
    if holder is not None:
        extras(holder).global_names.pop(key, None)


class Table:
    """The functions for `Via(global_, key)`, which is the same name as `Global(key)`; they do not wait for the lock."""

    register_name: staticmethod[[Hashable, Pid], bool] = staticmethod(_register)
    unregister_name: staticmethod[[Hashable], None] = staticmethod(_unregister)
    whereis_name: staticmethod[[Hashable], Pid | None] = staticmethod(whereis_name)


__regrow_names__ = Table


# Locks


class Lock:
    """The lock of a resource: one requester holds it, in one or several processes."""

    __slots__ = ("id", "key", "pids", "requester")

    def __init__(self, id: LockId, key: Any, requester: Any) -> None:
        self.id: LockId = id
        self.key: Any = key  # of the resource and …
        self.requester: Any = requester  # … of the requester, as they were when the lock was set
        self.pids: dict[Pid, None] = {}

    def is_for(self, id: LockId) -> bool:
        """Whether it was set with the same objects, compared by identity: their equality may have changed since."""
        return self.id[0] is id[0] and self.id[1] is id[1]


class Locks:
    """All locks of the program."""

    def __init__(self) -> None:
        self.by_resource: dict[Any, Lock] = {}
        self.held: dict[Pid, dict[Lock, None]] = {}

    def take(self, id: LockId, holder: Process) -> Lock | None:
        """Set a lock for a process until it drops it or ends; return None if another requester holds it."""
        key, requester, pid = exact(id[0]), _term(id[1]), holder.pid
        extras(holder).tables[self] = None
        with GLOBAL_LOCK:
            lock = self.by_resource.get(key)
            if lock is None:
                lock = self.by_resource[key] = Lock(id, key, requester)
            elif lock.requester != requester:
                return None
            lock.pids[pid] = None
            self.held.setdefault(pid, {})[lock] = None
            return lock

    def drop(self, id: LockId, pid: Pid) -> None:
        """Release a lock of a process; without effect if the process does not hold it."""
        with GLOBAL_LOCK:
            lock = next((candidate for candidate in self.held.get(pid, ()) if candidate.is_for(id)), None)
            if lock is None:
                lock = self.by_resource.get(exact(id[0]))
                if lock is None or lock.requester != _term(id[1]):
                    return
            self.remove_holder(lock, pid)

    def remove_holder(self, lock: Lock, pid: Pid) -> None:
        """Remove a process from the holders of a lock; the lock is free when it was the last one."""
        if pid not in lock.pids:
            return
        del lock.pids[pid]
        if not lock.pids:
            del self.by_resource[same(lock.key)]
        del self.held[pid][lock]
        if not self.held[pid]:
            del self.held[pid]

    def holds(self, resource: str, pid: Pid) -> bool:
        """Whether a process holds the lock of one of regrow's resources, which are strings."""
        return any(lock.key == resource for lock in self.held.get(pid, ()) if type(lock.key) is str)

    def forget(self) -> None:
        """Drop all locks, in a forked child: their holders run in the parent."""
        self.by_resource.clear()
        self.held.clear()

    def release(self, pid: Pid) -> None:
        """Release the locks of a process that has ended."""
        with GLOBAL_LOCK:
            for lock in list(self.held.get(pid, ())):
                self.remove_holder(lock, pid)


def _term(requester: Any) -> Any:
    """Return a requester in the form in which it is compared; it is no key, and need not be hashable."""
    try:
        return exact(requester)
    except TypeError:
        return requester


LOCKS: Final = Locks()
FORGET_IN_A_CHILD.append(LOCKS.forget)


async def set_lock(id: LockId, nodes: object = None, retries: Retries = None) -> bool:
    """Set the lock of a resource for this process, and wait until it is free (`global:set_lock/3`).

    Args:
        id: (resource, requester). The same requester may hold the lock in several processes, and set it again.
        nodes: accepted as in OTP, and not used: a lock holds in the whole program.
        retries: the number of retries, after pauses that grow up to 8 s; None for no limit.

    Returns:
        Whether this process holds the lock now.

    Raises:
        TypeError: `id` is no pair, or `retries` no whole number.
        ValueError: `retries` is negative.
        RuntimeError: the code runs in a plain asyncio task.
    """
    del nodes
    return await _take_lock(_checked(id), retries) is not None


async def _take_lock(id: LockId, retries: Retries) -> Lock | None:
    """Return the lock once this process holds it; None if it did not get it within the retries."""
    _check_retries(retries)
    holder = running()
    delay = FIRST_DELAY
    tries = 0
    while True:
        if not holder.alive:  # a dead process would never release the lock
            await unwind()
        lock = LOCKS.take(id, holder)
        if lock is not None or tries == retries:
            return lock
        tries += 1
        await sleep(delay)
        delay = min(delay * 2, LONGEST_DELAY)


def del_lock(id: LockId, nodes: object = None) -> None:
    """Release a lock, if this process holds it for that requester (`global:del_lock/2`).

    Args:
        id: (resource, requester).
        nodes: accepted as in OTP, and not used.

    Raises:
        TypeError: `id` is no pair.
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
    """Run a function while this process holds a lock, and return its value (`global:trans/4`).

    The lock is released when the function returns or raises.

    Args:
        id: (resource, requester).
        function: `def` or `async def`, without arguments.
        nodes: accepted as in OTP, and not used.
        retries: the number of retries, after pauses that grow up to 8 s; None for no limit.

    Raises:
        Aborted: another requester still held the lock after all retries; the function has not run.
        TypeError: `id` is no pair, or `retries` no whole number.
        ValueError: `retries` is negative.
        RuntimeError: the code runs in a plain asyncio task.
    """
    del nodes
    lock = await _take_lock(_checked(id), retries)
    if lock is None:
        raise Aborted(f"another requester still holds the lock {safe_repr(id)} after {retries} retries")
    try:
        result = function()
        if is_awaitable(result):
            return await result
        return result
    finally:
        with GLOBAL_LOCK:
            LOCKS.remove_holder(lock, current())


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
        raise TypeError(f"retries: wanted a number of retries, or None for no limit; got {safe_repr(retries)}")
    if retries < 0:
        raise ValueError(f"retries: wanted 0 or more; got {retries}")
