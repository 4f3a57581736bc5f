"""The processes of a registry: a supervisor, which owns the table, and a server for each partition.

The registered processes are linked to the servers, and end with them. The only requests of the servers are locks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.results import NoClause, NoReply, Ok, Reply
from regrow.behaviours.gen.user_code import survives
from regrow.behaviours.gen_server import gen_server
from regrow.behaviours.gen_server.gen_server import CallReturn, CastReturn, From, GenServer
from regrow.behaviours.naming.registry_table import Table
from regrow.behaviours.supervision.supervisor import ModuleSupervisor, Supervisor
from regrow.behaviours.supervision.supervisor_server import Init
from regrow.kernel import bifs
from regrow.kernel.keys import same
from regrow.kernel.process_record import Monitor, Pid, extras
from regrow.kernel.refs import Ref
from regrow.kernel.running import current, running
from regrow.kernel.signals import Down, Exited


class Partitions(ModuleSupervisor):
    """The supervisor of a registry; the table ends with it."""

    def init(self, new_table: Callable[[], Table], /) -> Init:
        """Create the table, put it into the node's registries, and start the partitions' servers."""
        table = new_table()
        supervisor = running()
        supervisor.node.registries[table.name] = table
        extras(supervisor).tables[table] = None
        servers = [
            ChildSpec(number, (PartitionServer.start_link, ((table, number),)))
            for number in range(len(table.partitions))
        ]
        return Supervisor.init(servers, strategy="one_for_all")


class RegistryLock:
    """A process that holds a lock or waits for it."""

    __slots__ = ("from_", "monitor", "queue")

    def __init__(self, queue: Queue, from_: From, monitor: Monitor) -> None:
        self.queue: Queue = queue
        self.from_: From = from_
        self.monitor: Monitor = monitor


class Queue:
    """The queue of one lock; the first in it holds the lock."""

    __slots__ = ("key", "locks")

    def __init__(self, key: object) -> None:
        self.key: object = key
        self.locks: deque[RegistryLock] = deque()


class RegistryLocks:
    """The state of a server: the queues by key, and their entries by ref."""

    def __init__(self) -> None:
        self.queues: dict[object, Queue] = {}
        self.by_ref: dict[Ref, RegistryLock] = {}


class Refused:
    """The answer for a lock whose key raised in `__eq__` or `__hash__`; the caller raises the error."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error


class PartitionServer(GenServer[RegistryLocks]):
    """The server of a partition, to which registered processes are linked; the first one also has the locks."""

    def init(self, arg: tuple[Table, int], /) -> Ok[RegistryLocks]:
        """Attach this server to its partition."""
        table, number = arg
        bifs.trap_exit(True)
        table.partitions[number].serve(current())
        return Ok(RegistryLocks())

    def handle_call(self, request: Any, from_: From, locks: RegistryLocks, /) -> CallReturn[RegistryLocks]:
        """Grant a lock, now or when its turn comes. "sync" is answered after all earlier messages."""
        match request:
            case ("lock", key, Ref() as ref, Pid() as owner):
                try:
                    queue = locks.queues.setdefault(key, Queue(key))
                except BaseException as error:
                    if not survives(running(), error):
                        raise
                    return Reply(Refused(error), locks)
                lock = locks.by_ref[ref] = RegistryLock(queue, from_, bifs.monitor(owner, tag=ref))
                queue.locks.append(lock)
                return Reply("ok", locks) if queue.locks[0] is lock else NoReply(locks)
            case "sync":
                return Reply("ok", locks)
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, locks: RegistryLocks, /) -> CastReturn[RegistryLocks]:
        """Release a lock, or remove a process from its queue."""
        match request:
            case ("unlock", Ref() as ref):
                return self.free(locks, ref)
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, locks: RegistryLocks, /) -> CastReturn[RegistryLocks]:
        """Ignore the end of a registered process, whose entries are removed already; release the locks of a dead process."""
        match message:
            case Exited():
                return NoReply(locks)
            case Down(tag=Ref() as ref):
                return self.free(locks, ref)
            case _:
                return super().handle_info(message, locks)

    def free(self, locks: RegistryLocks, ref: Ref) -> NoReply[RegistryLocks]:
        """Remove a process from a lock's queue; if it held the lock, grant it to the next one."""
        lock = locks.by_ref.pop(ref, None)
        if lock is not None:
            bifs.demonitor(lock.monitor, flush=True)
            queue = lock.queue
            granted = queue.locks[0] is lock
            queue.locks.remove(lock)
            if not queue.locks:
                del locks.queues[same(queue.key)]
            elif granted:
                gen_server.reply(queue.locks[0].from_, "ok")
        return NoReply(locks)
