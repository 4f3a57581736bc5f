"""The processes of a registry: a supervisor, with which its table ends, and a server for each partition.

The servers are asked for nothing but locks. They are there to be linked with: when one ends, so do those who are
registered in its partition.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from regrow.behaviours import gen_server
from regrow.behaviours.child_spec import ChildSpec
from regrow.behaviours.gen_server import CallReturn, CastReturn, From, GenServer
from regrow.behaviours.registry_table import Table
from regrow.behaviours.results import NoClause, NoReply, Ok, Reply
from regrow.behaviours.supervisor import Init, ModuleSupervisor, Supervisor
from regrow.kernel import process
from regrow.kernel.pid import Monitor, Pid, Ref, rare
from regrow.kernel.signals import Down, Exited


class Partitions(ModuleSupervisor):
    """The process of a registry: the table ends with it."""

    def init(self, table: Callable[[], Table], /) -> Init:
        """Show the table to the node, then start the servers that those registered are linked to."""
        made = table()
        keeper = process.running()
        keeper.node.registries[made.name] = made
        rare(keeper).tables[made] = None
        servers = [
            ChildSpec(number, (PartitionServer.start_link, ((made, number),))) for number in range(len(made.partitions))
        ]
        return Supervisor.init(servers, strategy="one_for_all")


class Lock:
    """One who holds or waits for a lock."""

    __slots__ = ("from_", "key", "monitor")

    def __init__(self, key: object, from_: From, monitor: Monitor) -> None:
        self.key = key
        self.from_ = from_
        self.monitor = monitor


class Locks:
    """A server's state: by key those who want the lock, the first of them holding it; and all by their own refs."""

    def __init__(self) -> None:
        self.queues: dict[object, deque[Lock]] = {}
        self.by_ref: dict[Ref, Lock] = {}


class PartitionServer(GenServer[Locks]):
    """What those registered are linked to; the first one of a registry also keeps its locks."""

    def init(self, arg: tuple[Table, int], /) -> Ok[Locks]:
        """Take up a partition."""
        table, number = arg
        process.trap_exit(True)
        table.partitions[number].serve(process.current())
        return Ok(Locks())

    def handle_call(self, request: Any, from_: From, locks: Locks, /) -> CallReturn[Locks]:
        """Grant a lock, now or when those before have freed it. "sync" answers after all that came before."""
        match request:
            case ("lock", key, Ref() as held, Pid() as owner):
                lock = Lock(key, from_, process.monitor(owner, tag=held))
                locks.by_ref[held] = lock
                queue = locks.queues.setdefault(key, deque())
                queue.append(lock)
                return Reply("ok", locks) if queue[0] is lock else NoReply(locks)
            case "sync":
                return Reply("ok", locks)
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, locks: Locks, /) -> CastReturn[Locks]:
        """Free a lock, or leave its queue."""
        match request:
            case ("unlock", Ref() as held):
                return self.free(locks, held)
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, locks: Locks, /) -> CastReturn[Locks]:
        """One who was registered has ended, of which the table knows already; or one who has to do with a lock."""
        match message:
            case Exited():
                return NoReply(locks)
            case Down(tag=Ref() as held):
                return self.free(locks, held)
            case _:
                return super().handle_info(message, locks)

    def free(self, locks: Locks, held: Ref) -> NoReply[Locks]:
        """Let the next one have the lock, if this one had it."""
        lock = locks.by_ref.pop(held, None)
        if lock is not None:
            process.demonitor(lock.monitor, flush=True)
            queue = locks.queues[lock.key]
            granted = queue[0] is lock
            queue.remove(lock)
            if not queue:
                del locks.queues[lock.key]
            elif granted:
                gen_server.reply(queue[0].from_, "ok")
        return NoReply(locks)
