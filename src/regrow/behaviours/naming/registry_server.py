"""The processes of a registry: a supervisor, with which its table ends, and a server for each partition.

The servers are asked for nothing but locks. They are there to be linked with: when one ends, so do those who are
registered in its partition.
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
from regrow.kernel.pid import Monitor, Pid, Ref
from regrow.kernel.process_record import extras
from regrow.kernel.running import current, running
from regrow.kernel.signals import Down, Exited


class Partitions(ModuleSupervisor):
    """The process of a registry: the table ends with it."""

    def init(self, table: Callable[[], Table], /) -> Init:
        """Show the table to the node, then start the servers that those registered are linked to."""
        made = table()
        keeper = running()
        keeper.node.registries[made.name] = made
        extras(keeper).tables[made] = None
        servers = [
            ChildSpec(number, (PartitionServer.start_link, ((made, number),))) for number in range(len(made.partitions))
        ]
        return Supervisor.init(servers, strategy="one_for_all")


class RegistryLock:
    """One who holds or waits for a lock."""

    __slots__ = ("from_", "monitor", "queue")

    def __init__(self, queue: Queue, from_: From, monitor: Monitor) -> None:
        self.queue: Queue = queue
        self.from_: From = from_
        self.monitor: Monitor = monitor


class Queue:
    """Those who want one lock, the first of them holding it."""

    __slots__ = ("key", "locks")

    def __init__(self, key: object) -> None:
        self.key: object = key
        self.locks: deque[RegistryLock] = deque()


class RegistryLocks:
    """A server's state: the queues by key; and all who stand in them by their own refs."""

    def __init__(self) -> None:
        self.queues: dict[object, Queue] = {}
        self.by_ref: dict[Ref, RegistryLock] = {}


class Refused:
    """An answer: the key of a lock has raised when it was compared with others."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException = error


class PartitionServer(GenServer[RegistryLocks]):
    """What those registered are linked to; the first one of a registry also keeps its locks."""

    def init(self, arg: tuple[Table, int], /) -> Ok[RegistryLocks]:
        """Take up a partition."""
        table, number = arg
        bifs.trap_exit(True)
        table.partitions[number].serve(current())
        return Ok(RegistryLocks())

    def handle_call(self, request: Any, from_: From, locks: RegistryLocks, /) -> CallReturn[RegistryLocks]:
        """Grant a lock, now or when those before have freed it. "sync" answers after all that came before."""
        match request:
            case ("lock", key, Ref() as held, Pid() as owner):
                try:
                    queue = locks.queues.setdefault(key, Queue(key))
                except BaseException as error:
                    if not survives(running(), error):
                        raise
                    return Reply(Refused(error), locks)
                lock = locks.by_ref[held] = RegistryLock(queue, from_, bifs.monitor(owner, tag=held))
                queue.locks.append(lock)
                return Reply("ok", locks) if queue.locks[0] is lock else NoReply(locks)
            case "sync":
                return Reply("ok", locks)
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, locks: RegistryLocks, /) -> CastReturn[RegistryLocks]:
        """Free a lock, or leave its queue."""
        match request:
            case ("unlock", Ref() as held):
                return self.free(locks, held)
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, locks: RegistryLocks, /) -> CastReturn[RegistryLocks]:
        """One who was registered has ended, of which the table knows already; or one who has to do with a lock."""
        match message:
            case Exited():
                return NoReply(locks)
            case Down(tag=Ref() as held):
                return self.free(locks, held)
            case _:
                return super().handle_info(message, locks)

    def free(self, locks: RegistryLocks, held: Ref) -> NoReply[RegistryLocks]:
        """Let the next one have the lock, if this one had it."""
        lock = locks.by_ref.pop(held, None)
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
