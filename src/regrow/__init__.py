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

from regrow.behaviours import application, gen_event, gen_server, gen_statem, global_, pg, system
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
from regrow.behaviours.supervisor import ChildError, ModuleSupervisor, Supervisor
from regrow.behaviours.task import Task
from regrow.behaviours.task_supervisor import TaskSupervisor
from regrow.from_thread import from_thread
from regrow.kernel import process
from regrow.kernel.clock import VirtualClock
from regrow.kernel.exits import CalleeExit, CallExit, CallingSelf, CallTimeout, Exit, NoProcess
from regrow.kernel.names import Global, Via
from regrow.kernel.node import Node, NoNode
from regrow.kernel.pid import Pid, Ref
from regrow.kernel.process import send
from regrow.kernel.signals import Down, Exited
from regrow.run import run

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
    "RequestIds",
    "StartError",
    "StateTimeout",
    "Stop",
    "StopAndReply",
    "Supervisor",
    "SwapHandler",
    "Task",
    "TaskSupervisor",
    "Via",
    "VirtualClock",
    "application",
    "call",
    "cast",
    "child_spec",
    "from_thread",
    "gen_event",
    "gen_server",
    "gen_statem",
    "global_",
    "pg",
    "process",
    "reply",
    "run",
    "send",
    "stop",
    "system",
]
