"""OTP for Python: processes, servers that answer one message at a time, supervisors that put back what fell over.

    >>> class Counter(GenServer[int]):
    ...     def handle_call(self, request, from_, count):
    ...         return Reply(count, count + 1)
    >>> async def main():
    ...     counter = await Counter.start_link(40)
    ...     await call(counter, "next")
    ...     return await call(counter, "next")
    >>> run(main)
    41

The map, in the order in which one would learn it:

    kernel/       processes and the signals between them
    behaviours/   servers and their keepers
    ops/          what an operator looks at: reports in words
    cli/          the `regrow` command
    testing/      what you test with: a node a test, virtual time
"""

from os import environ as _environ

if _environ.get("REGROW_PURE") == "1":  # before anything else is loaded
    import regrow.pure  # noqa: F401 # pyright: ignore[reportUnusedImport] (what it does when it is loaded is meant)

# Loaded on first use: a program that asks for two names waits for what those two need, `regrow --help` for nothing.
# Not typing's, which alone takes as long to load as all that is done here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from regrow.behaviours import application, gen_event, gen_server, gen_statem, global_, pg, proc_lib, service, system
    from regrow.behaviours.agent import Agent
    from regrow.behaviours.application import Application
    from regrow.behaviours.child_spec import ChildSpec, InvalidChild, child_spec
    from regrow.behaviours.dynamic_supervisor import DynamicSupervisor, ModuleDynamicSupervisor
    from regrow.behaviours.gen_event import GenEvent, RemoveHandler, SwapHandler
    from regrow.behaviours.gen_server import (
        CallReturn,
        Cast,
        CastReturn,
        From,
        GenServer,
        InitReturn,
        call,
        cast,
        reply,
        stop,
    )
    from regrow.behaviours.gen_statem import GenStatem
    from regrow.behaviours.machine_results import (
        ChangeCallbackModule,
        EventTimeout,
        GenericTimeout,
        KeepState,
        KeepStateAndData,
        NextEvent,
        NextState,
        PopCallbackModule,
        Postpone,
        PushCallbackModule,
        RepeatState,
        RepeatStateAndData,
        ReplyAction,
        StateTimeout,
        StopAndReply,
    )
    from regrow.behaviours.partition_supervisor import PartitionSupervisor
    from regrow.behaviours.proc_lib import IGNORE, AlreadyStarted, Ignored, StartError
    from regrow.behaviours.registry import AlreadyRegistered, Registry
    from regrow.behaviours.request_ids import RequestIds
    from regrow.behaviours.restart import InvalidFlags
    from regrow.behaviours.results import (
        HIBERNATE,
        BadReturn,
        Continue,
        Error,
        NoClause,
        NoReply,
        Ok,
        Reply,
        Stop,
    )
    from regrow.behaviours.service import Service
    from regrow.behaviours.supervisor import ChildError, ModuleSupervisor, Supervisor
    from regrow.behaviours.task import Task
    from regrow.behaviours.task_supervisor import TaskSupervisor
    from regrow.behaviours.typed_request import Request
    from regrow.kernel import process, timer
    from regrow.kernel.clock import VirtualClock
    from regrow.kernel.exits import (
        CalleeExit,
        CallExit,
        CallingSelf,
        CallTimeout,
        Deadlock,
        Exit,
        NoProcess,
        UnknownRequest,
    )
    from regrow.kernel.names import Global, Via
    from regrow.kernel.node import Node, NoNode
    from regrow.kernel.pid import Pid, Ref
    from regrow.kernel.process import send
    from regrow.kernel.signals import Down, Exited
    from regrow.kernel.timers import Timer
    from regrow.ops.tracing import trace
    from regrow.program import run
    from regrow.pure import compiled
    from regrow.thread_door import from_thread

__version__ = "0.1.0"

__all__ = [
    "HIBERNATE",
    "IGNORE",
    "AlreadyRegistered",
    "Agent",
    "AlreadyStarted",
    "Application",
    "BadReturn",
    "CallExit",
    "CallReturn",
    "CallTimeout",
    "CalleeExit",
    "CallingSelf",
    "Cast",
    "CastReturn",
    "ChangeCallbackModule",
    "ChildError",
    "ChildSpec",
    "Continue",
    "Deadlock",
    "Down",
    "DynamicSupervisor",
    "Error",
    "EventTimeout",
    "Exit",
    "Exited",
    "From",
    "GenEvent",
    "GenServer",
    "GenStatem",
    "GenericTimeout",
    "Global",
    "Ignored",
    "InitReturn",
    "InvalidChild",
    "InvalidFlags",
    "KeepState",
    "KeepStateAndData",
    "ModuleDynamicSupervisor",
    "ModuleSupervisor",
    "NextEvent",
    "NextState",
    "NoClause",
    "NoNode",
    "NoProcess",
    "NoReply",
    "Node",
    "Ok",
    "PartitionSupervisor",
    "Pid",
    "PopCallbackModule",
    "Postpone",
    "PushCallbackModule",
    "Ref",
    "Registry",
    "RemoveHandler",
    "RepeatState",
    "RepeatStateAndData",
    "Reply",
    "ReplyAction",
    "Request",
    "RequestIds",
    "Service",
    "StartError",
    "StateTimeout",
    "Stop",
    "StopAndReply",
    "Supervisor",
    "SwapHandler",
    "Task",
    "TaskSupervisor",
    "Timer",
    "UnknownRequest",
    "Via",
    "VirtualClock",
    "application",
    "call",
    "cast",
    "child_spec",
    "compiled",
    "from_thread",
    "gen_event",
    "gen_server",
    "gen_statem",
    "global_",
    "pg",
    "proc_lib",
    "process",
    "reply",
    "run",
    "send",
    "service",
    "stop",
    "system",
    "timer",
    "trace",
]

# Where each name is at home: what the imports above say, for `__getattr__`. A test holds one against the other.
_HOMES = {
    "behaviours": "application gen_event gen_server gen_statem global_ pg proc_lib service system",
    "behaviours.agent": "Agent",
    "behaviours.application": "Application",
    "behaviours.child_spec": "ChildSpec InvalidChild child_spec",
    "behaviours.dynamic_supervisor": "DynamicSupervisor ModuleDynamicSupervisor",
    "behaviours.gen_event": "GenEvent RemoveHandler SwapHandler",
    "behaviours.gen_server": "CallReturn Cast CastReturn From GenServer InitReturn call cast reply stop",
    "behaviours.gen_statem": "GenStatem",
    "behaviours.machine_results": (
        "ChangeCallbackModule EventTimeout GenericTimeout KeepState KeepStateAndData NextEvent NextState "
        "PopCallbackModule Postpone PushCallbackModule RepeatState RepeatStateAndData ReplyAction StateTimeout "
        "StopAndReply"
    ),
    "behaviours.partition_supervisor": "PartitionSupervisor",
    "behaviours.proc_lib": "IGNORE AlreadyStarted Ignored StartError",
    "behaviours.registry": "AlreadyRegistered Registry",
    "behaviours.request_ids": "RequestIds",
    "behaviours.restart": "InvalidFlags",
    "behaviours.results": "HIBERNATE BadReturn Continue Error NoClause NoReply Ok Reply Stop",
    "behaviours.service": "Service",
    "behaviours.supervisor": "ChildError ModuleSupervisor Supervisor",
    "behaviours.task": "Task",
    "behaviours.task_supervisor": "TaskSupervisor",
    "behaviours.typed_request": "Request",
    "kernel": "process timer",
    "kernel.clock": "VirtualClock",
    "kernel.exits": "CalleeExit CallExit CallingSelf CallTimeout Deadlock Exit NoProcess UnknownRequest",
    "kernel.names": "Global Via",
    "kernel.node": "Node NoNode",
    "kernel.pid": "Pid Ref",
    "kernel.process": "send",
    "kernel.signals": "Down Exited",
    "kernel.timers": "Timer",
    "ops.tracing": "trace",
    "program": "run",
    "pure": "compiled",
    "thread_door": "from_thread",
}

# What is reached by its path, as `regrow.ops.logs` is, without an import of its own.
_FOLDERS = ("ops", "testing")

if not TYPE_CHECKING:  # a checker that saw these would believe in any name

    def __getattr__(name):  # noqa: ANN001, ANN202
        for home, names in _HOMES.items():
            if name in names.split():
                # What `from regrow.home import name` does, which loads a module where the name is one.
                found = globals()[name] = getattr(__import__(f"regrow.{home}", fromlist=(name,)), name)
                return found
        if name in _FOLDERS:
            return __import__(f"regrow.{name}", fromlist=(name,))
        raise AttributeError(f"module 'regrow' has no attribute {name!r}")

    def __dir__():  # noqa: ANN202
        return sorted({*globals(), *__all__})

else:
    from regrow import ops as ops
    from regrow import testing as testing
