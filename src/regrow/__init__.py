"""OTP for Python: processes, servers that answer one message at a time, supervisors that restart what crashes.

    >>> class Counter(GenServer[int]):
    ...     def handle_call(self, request, from_, count):
    ...         return Reply(count, count + 1)
    >>> async def main():
    ...     counter = await Counter.start_link(40)
    ...     await call(counter, "next")
    ...     return await call(counter, "next")
    >>> run(main)
    41

The folders of the package, from the bottom up:

    kernel/       processes and the signals between them
    behaviours/   servers, state machines, supervisors, applications
    servers/      the job queue, the cron server
    ops/          reports in words, the supervision tree, traces
    cli/          the `regrow` command
    testing/      tools for tests: a node for each test, virtual time
"""

from os import environ as _environ

if _environ.get("REGROW_PURE") == "1":  # before any other module of regrow is imported
    import regrow.pure  # noqa: F401 # pyright: ignore[reportUnusedImport] (imported for its effect)

# Names are loaded on first use: a program that uses two names imports only the modules of these two, and `regrow --help`
# none. TYPE_CHECKING is not typing's: importing typing alone takes as long as everything in this file.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from regrow import (
        application,
        cron,
        gen_event,
        gen_server,
        gen_statem,
        global_,
        logs,
        pg,
        proc_lib,
        process,
        queue,
        service,
        system,
        telemetry,
        timer,
        tracing,
    )
    from regrow.behaviours.agent.agent import Agent
    from regrow.behaviours.application.spec import Application
    from regrow.behaviours.gen.child_spec import Child, ChildSpec, HasChildSpec, InvalidChild, Start, child_spec
    from regrow.behaviours.gen.request import Cast
    from regrow.behaviours.gen.request_ids import RequestIds
    from regrow.behaviours.gen.results import HIBERNATE, BadReturn, Continue, Error, NoClause, NoReply, Ok, Reply, Stop
    from regrow.behaviours.gen.start_errors import AlreadyStarted, Ignored, StartError
    from regrow.behaviours.gen.starting import IGNORE
    from regrow.behaviours.gen.typed_request import Request
    from regrow.behaviours.gen_event.gen_event import GenEvent
    from regrow.behaviours.gen_event.manager import RemoveHandler, SwapHandler
    from regrow.behaviours.gen_server.client import call, cast, stop
    from regrow.behaviours.gen_server.gen_server import CallReturn, CastReturn, From, GenServer, InitReturn, reply
    from regrow.behaviours.gen_statem.gen_statem import GenStatem
    from regrow.behaviours.gen_statem.results import (
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
    from regrow.behaviours.naming.registry import Registry
    from regrow.behaviours.naming.registry_table import AlreadyRegistered
    from regrow.behaviours.service.service import Service
    from regrow.behaviours.supervision.children import ChildError
    from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor, ModuleDynamicSupervisor
    from regrow.behaviours.supervision.partition_supervisor import PartitionSupervisor
    from regrow.behaviours.supervision.restart import InvalidFlags
    from regrow.behaviours.supervision.supervisor import ModuleSupervisor, Supervisor
    from regrow.behaviours.task.task import Task
    from regrow.behaviours.task.task_supervisor import TaskSupervisor
    from regrow.kernel.addresses import Address, Addressed, Name
    from regrow.kernel.alarms import Timer
    from regrow.kernel.current_node import NoNode
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
    from regrow.kernel.node import Node
    from regrow.kernel.process_record import Pid
    from regrow.kernel.refs import Ref
    from regrow.kernel.sending import send
    from regrow.kernel.signals import Down, Exited
    from regrow.kernel.virtual_clock import VirtualClock
    from regrow.ops.tracing import trace
    from regrow.program import run
    from regrow.pure import compiled
    from regrow.threads import from_thread

__version__ = "0.1.0"

__all__ = [
    "HIBERNATE",
    "IGNORE",
    "Address",
    "Addressed",
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
    "Child",
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
    "HasChildSpec",
    "Ignored",
    "InitReturn",
    "InvalidChild",
    "InvalidFlags",
    "KeepState",
    "KeepStateAndData",
    "ModuleDynamicSupervisor",
    "ModuleSupervisor",
    "Name",
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
    "Start",
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
    "cron",
    "from_thread",
    "gen_event",
    "gen_server",
    "gen_statem",
    "global_",
    "logs",
    "pg",
    "proc_lib",
    "process",
    "queue",
    "reply",
    "run",
    "send",
    "service",
    "stop",
    "system",
    "telemetry",
    "timer",
    "trace",
    "tracing",
]

# The modules that are pages of the documentation; each loads what it shows.
_MODULES = (
    "application cron gen_event gen_server gen_statem global_ logs pg proc_lib process queue service system telemetry timer "
    "tracing"
)

# The module of each other name, for `__getattr__`. A test compares this table with the imports above.
_HOMES = {
    "behaviours.agent.agent": "Agent",
    "behaviours.application.spec": "Application",
    "behaviours.gen.child_spec": "Child ChildSpec HasChildSpec InvalidChild Start child_spec",
    "behaviours.gen.request": "Cast",
    "behaviours.gen.request_ids": "RequestIds",
    "behaviours.gen.results": "HIBERNATE BadReturn Continue Error NoClause NoReply Ok Reply Stop",
    "behaviours.gen.start_errors": "AlreadyStarted Ignored StartError",
    "behaviours.gen.starting": "IGNORE",
    "behaviours.gen.typed_request": "Request",
    "behaviours.gen_event.gen_event": "GenEvent",
    "behaviours.gen_event.manager": "RemoveHandler SwapHandler",
    "behaviours.gen_server.client": "call cast stop",
    "behaviours.gen_server.gen_server": "CallReturn CastReturn From GenServer InitReturn reply",
    "behaviours.gen_statem.gen_statem": "GenStatem",
    "behaviours.gen_statem.results": (
        "ChangeCallbackModule EventTimeout GenericTimeout KeepState KeepStateAndData NextEvent "
        "NextState PopCallbackModule Postpone PushCallbackModule RepeatState RepeatStateAndData "
        "ReplyAction StateTimeout StopAndReply"
    ),
    "behaviours.naming.registry": "Registry",
    "behaviours.naming.registry_table": "AlreadyRegistered",
    "behaviours.service.service": "Service",
    "behaviours.supervision.children": "ChildError",
    "behaviours.supervision.dynamic_supervisor": "DynamicSupervisor ModuleDynamicSupervisor",
    "behaviours.supervision.partition_supervisor": "PartitionSupervisor",
    "behaviours.supervision.restart": "InvalidFlags",
    "behaviours.supervision.supervisor": "ModuleSupervisor Supervisor",
    "behaviours.task.task": "Task",
    "behaviours.task.task_supervisor": "TaskSupervisor",
    "kernel.addresses": "Address Addressed Name",
    "kernel.current_node": "NoNode",
    "kernel.alarms": "Timer",
    "kernel.virtual_clock": "VirtualClock",
    "kernel.exits": "CalleeExit CallExit CallingSelf CallTimeout Deadlock Exit NoProcess UnknownRequest",
    "kernel.names": "Global Via",
    "kernel.node": "Node",
    "kernel.process_record": "Pid",
    "kernel.refs": "Ref",
    "kernel.sending": "send",
    "kernel.signals": "Down Exited",
    "ops.tracing": "trace",
    "program": "run",
    "pure": "compiled",
    "threads": "from_thread",
}

# Folders that are reached by attribute, as in `regrow.ops.logs`, without a separate import.
_FOLDERS = ("ops", "testing")

if not TYPE_CHECKING:  # a type checker that saw `__getattr__` would accept any name

    def __getattr__(name):  # noqa: ANN001, ANN202
        if name in _MODULES.split():
            return __import__(f"regrow.{name}", fromlist=(name,))
        for home, names in _HOMES.items():
            if name in names.split():
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
