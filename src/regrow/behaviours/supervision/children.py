"""The children of a supervisor: starting, restarting and stopping them.

    start_child      adds a spec, and starts its process
    child_ended      decides by `restart.py`, and restarts, keeps or forgets the child
    terminate_child  stops a process by the `shutdown` of its spec

An operation on one child costs the same with ten children and with a hundred thousand; only rest_for_one and
one_for_all read the other children.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from regrow.behaviours.gen import reports
from regrow.behaviours.gen.cancelled_starts import Attempt
from regrow.behaviours.gen.child_spec import ChildSpec, InvalidChild
from regrow.behaviours.gen.results import Error
from regrow.behaviours.gen.start_errors import AlreadyStarted, Ignored, StartError
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen.user_code import is_failure, survives
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.supervision.restart import (
    Decision,
    Flags,
    Intensity,
    affected,
    after_exit,
    check_significant,
    ends_supervisor,
    expected_end,
    may_start_again,
    unexpected_end,
)
from regrow.behaviours.supervision.shutdown import shut_down
from regrow.kernel import bounded_repr, exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.explained_reasons import at
from regrow.kernel.keys import exact, same
from regrow.kernel.mailbox import take_exits
from regrow.kernel.node_shutdown import KEEPER
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.running import running
from regrow.kernel.signals import Exited
from regrow.kernel.yields import Token

RESTARTING: Final = Token("restarting")

# Results of the client functions


class ChildInfo(NamedTuple):
    """A row of `which_children`: id, pid, type and modules of a child.

    `pid` is None for a stopped child, and "restarting" while a failed restart is repeated.
    """

    id: Any
    pid: Any
    type: str
    modules: tuple[object, ...]


class Counts(NamedTuple):
    """The numbers that `count_children` returns: specs, running children, supervisors and workers."""

    specs: int
    active: int
    supervisors: int
    workers: int


# Errors


class ChildError(Exception):
    """A supervisor could not do an operation on a child.

    Attributes:
        reason: "not_found", "running", "restarting", "already_present", "max_children" or "simple_one_for_one".
        id: the child's id, as it was passed.
    """

    def __init__(self, reason: str, id: object) -> None:
        super().__init__(reason, id)
        self.reason = reason
        self.id = id

    def __str__(self) -> str:
        return f"child {bounded_repr.safe_repr(self.id)}: {CHILD_ERRORS[self.reason]}"


CHILD_ERRORS: Final = {
    "not_found": "the supervisor has no such child",
    "running": "it is running. Stop it first, with terminate_child",
    "restarting": "it is being restarted. Stop it first, with terminate_child",
    "already_present": "the supervisor has it already, stopped. Use restart_child, or delete_child first",
    "max_children": "the supervisor has as many children as its max_children allows. Try later, or allow more",
    "simple_one_for_one": "the children of a simple_one_for_one supervisor have no ids. Use terminate_child(supervisor, pid)",
}


class BadStart(StartError):
    """A start function returned no pid; the reason is the value that it returned, as in OTP."""

    def __init__(self, reason: object, who: object, function: object) -> None:
        super().__init__(reason, who)
        self.function = function

    def __str__(self) -> str:
        wanted = "Wanted: the pid of a linked process, or (pid, extra)"
        what = f"its start function returned {bounded_repr.safe_repr(self.reason)}"
        return f"child {exits.display_name(self.who)}: {what}. {wanted}{at(self.function)}"


class CancelledStart(StartError):
    """A child's start was cancelled by the process that had requested it."""


def named(spec: ChildSpec) -> str:
    """Return the name of a child for the error of its start: its id, or its start function without one."""
    return (
        f"child {exits.display_name(spec.id)}"
        if spec.id is not None
        else f"the child of {bounded_repr.safe_repr(spec.start)}"
    )


# The children themselves


class Child:
    """One child of a supervisor: its spec, and the pid of its process.

    Attributes:
        spec: the child spec.
        key: the `exact` key of its id, computed once: the id's `__hash__` may raise later.
        pid: a Pid; None if the child is stopped; RESTARTING while a failed restart is repeated.
    """

    __slots__ = ("key", "pid", "spec")

    def __init__(self, spec: ChildSpec, key: Any = None) -> None:
        self.spec: ChildSpec = spec
        self.key: Any = key
        self.pid: Any = None

    def without_args(self) -> None:
        """Drop the start arguments of a temporary child, which is never started again."""
        if not may_start_again(self.spec.restart):
            self.spec = self.spec.without_args()


class Children:
    """The state of a supervisor: its options, and its children in start order and by pid."""

    def __init__(self, module: type, flags: Flags) -> None:
        self.module = module
        self.arg: Any = None  # the argument of the module's init
        self.flags: Flags = flags
        self.process: Process = running()
        self.request: CallRequest | None = None  # the start_child or restart_child that is being served
        self.children: dict[object, Child] = {}  # by `exact` ids
        self.by_pid: dict[Pid, Child] = {}
        self.intensity: Intensity = Intensity(flags.max_restarts, flags.max_seconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.module.__name__}, {self.flags!r}, {len(self.all_children())} children)"

    @property
    def reported_name(self) -> object:
        """The supervisor in its reports: its name, or (pid, class name)."""
        process = self.process
        return process.name if process.name is not None else (process.pid, self.module.__name__)

    def reported_spec(self, spec: ChildSpec) -> ChildSpec:
        """Return the spec of a child as the supervisor's reports show it."""
        return spec

    def report(self, level: int, kind: str, child: Child, pid: object, reason: object) -> None:
        """Report on a child, if the logger is enabled for this level."""
        if reports.SUPERVISORS.isEnabledFor(level):
            reports.supervisor_report(level, kind, self.reported_name, self.reported_spec(child.spec), pid, reason)

    async def begin(self, specs: list[ChildSpec]) -> object:
        """Start all children; if one fails, stop the others and return the reason for the supervisor's end."""
        for spec in specs:
            started = await self.start_child(spec)
            if exits.is_a(started, StartError):
                KEEPER.set(self.process.pid)
                await self.terminate_all()
                return ("shutdown", ("failed_to_start_child", spec.id, started.reason))
        return None

    def all_children(self) -> Collection[Child]:
        """Return all children, in start order if they have one."""
        return self.children.values()

    def find(self, id: object) -> Child | None:
        """Return the child with this id; None if there is none."""
        try:
            return self.children.get(exact(id))
        except BaseException as error:  # __hash__ or __eq__ of the id raised: there is no such child
            if not survives(self.process, error):
                raise
            return None

    def by_id_or_pid(self, wanted: object) -> Child | None:
        """Return the child with this id or pid, for `get_childspec`; None if there is none."""
        return (self.by_pid.get(wanted) if isinstance(wanted, Pid) else None) or self.find(wanted)

    def forget(self, child: Child) -> None:
        """Remove a child from the table."""
        self.children.pop(same(child.key), None)

    def row(self, child: Child) -> ChildInfo:
        """Return the row of `which_children` for one child."""
        return shown(child, child.spec.id)

    def rows(self) -> list[ChildInfo]:
        """Return the rows of `which_children`, the last started child first."""
        return [shown(child, child.spec.id) for child in reversed(self.children.values())]

    def counts(self) -> Counts:
        """Return the result of `count_children`."""
        return counted(self.all_children(), len(self.by_pid))

    def change(self, flags: Flags, specs: list[ChildSpec]) -> None:
        """Take over new flags and specs (`supervisor:code_change/3`).

        Running children continue, and restart by their new specs. New children are not started. Children that the new
        specs do not contain stay, after the others.
        """
        self.set_flags(flags)
        before, self.children = self.children, {}
        for spec in specs:
            id = exact(spec.id)
            child = before[id] if id in before else Child(spec, id)
            before.pop(same(child.key), None)
            self.children[child.key] = child
            child.spec = spec
            if child.pid is not None:
                child.without_args()
        self.children.update(before)

    def set_flags(self, flags: Flags) -> None:
        """Take over new flags; restarts that were counted stay counted."""
        self.flags = flags
        self.intensity.max_restarts, self.intensity.max_seconds = flags.max_restarts, flags.max_seconds

    # Requests. Each returns its answer; an exception is an answer, too, which the client raises.

    def refused(self, child: object) -> InvalidChild | None:
        """Return the error for a child that cannot be added; None for a valid one."""
        if not isinstance(child, ChildSpec):
            letter = "a list of arguments is for a simple_one_for_one supervisor; wanted a class, (class, argument) or a ChildSpec"
            return InvalidChild(("invalid_child_spec", child), f"{letter}; got {bounded_repr.safe_repr(child)}")
        try:
            check_significant(child, self.flags.auto_shutdown)
        except InvalidChild as error:
            return error
        return None

    async def start_child(self, spec: Any) -> Any:
        """Add a child and start it; return the pid, (pid, extra), None for IGNORE, or an exception."""
        refused = self.refused(spec)
        if refused is not None:
            return refused
        there = self.find(spec.id)
        if there is not None:
            running_now = isinstance(there.pid, Pid)
            return AlreadyStarted(there.pid, spec.id) if running_now else ChildError("already_present", spec.id)
        try:
            child = Child(spec, exact(spec.id))
            self.children[child.key] = child
        except BaseException as error:
            if not survives(self.process, error):
                raise
            letter = f"a child's id can be hashed and compared; that of {bounded_repr.safe_repr(spec.id)} raised {bounded_repr.safe_repr(error)}"
            return InvalidChild(("invalid_id", spec.id), letter)
        started = await self.start_process(child)
        if exits.is_a(started, StartError) or (started is None and not may_start_again(spec.restart)):
            self.forget(child)
        return started

    async def terminate_child(self, id: object) -> ChildError | None:
        """Stop a child, and keep its spec unless it is temporary."""
        child = self.find(id)
        if child is None:
            return ChildError("not_found", id)
        await self.shut_down(child)
        self.terminated(child)
        return None

    def terminated(self, child: Child) -> None:
        """Forget a child that `terminate_child` has stopped, if it is temporary."""
        if not may_start_again(child.spec.restart):
            self.forget(child)

    async def restart_child(self, id: object) -> Any:
        """Start a stopped child again; return as `start_child`."""
        child = self.stopped(id)
        return child if isinstance(child, ChildError) else await self.start_process(child)

    async def delete_child(self, id: object) -> ChildError | None:
        """Remove the spec of a stopped child."""
        child = self.stopped(id)
        if isinstance(child, ChildError):
            return child
        self.forget(child)
        return None

    async def undo_start(self, started: Any, keep_spec: bool) -> None:
        """Stop a child whose start was cancelled after the supervisor had answered."""
        pid = pid_in(started)
        child = None if pid is None else self.by_pid.get(pid)
        if child is not None:
            await self.shut_down(child)
            if not keep_spec:
                self.forget(child)

    def stopped(self, id: object) -> Child | ChildError:
        """Return the stopped child with this id, or the error that there is none."""
        child = self.find(id)
        if child is None:
            return ChildError("not_found", id)
        if child.pid is not None:
            return ChildError("restarting" if child.pid is RESTARTING else "running", id)
        return child

    # Starting

    async def start_process(self, child: Child) -> Any:
        """Start a child's process, and report the start or its failure; return as `try_start`."""
        started = await self.try_start(child)
        if exits.is_a(started, CancelledStart):
            return started
        if exits.is_a(started, StartError):
            self.report(logging.ERROR, "failed to start", child, None, started.reason)
        elif started is not None:
            self.report(logging.INFO, "started", child, child.pid, None)
            child.without_args()
        return started

    async def try_start(self, child: Child) -> Any:
        """Start a child's process; return its pid, (pid, extra), None for IGNORE, or a StartError."""
        child.pid = None
        if self.process in self.process.node.told:  # the parent's shutdown is in the mailbox, behind this request
            return CancelledStart("cancelled", child.spec.id)
        attempt = Attempt(self.process, self.request)
        try:
            started = await self.call_start(child.spec, attempt)
        finally:
            attempt.over()
        pid = pid_in(started)
        if pid is not None:
            child.pid = pid
            self.by_pid[pid] = child
        if attempt.given_up:
            await self.shut_down(child)
            return CancelledStart("cancelled", child.spec.id)
        return started

    async def call_start(self, spec: ChildSpec, attempt: Attempt) -> Any:
        """Call a start function; return its result, None for IGNORE, or a StartError."""
        try:
            started: Any = spec.start(*spec.args)
            if is_awaitable(started):
                started = await started
        except Ignored:
            return None
        except StartError as error:
            return StartError(error.reason, named(spec)) if type(error) is StartError else error
        except BaseException as error:
            if exits.is_a(error, asyncio.CancelledError) and attempt.is_cancelled():
                return None
            if not is_failure(self.process, error):
                raise
            return self.raised(spec, error)
        if type(started) is Error:
            return StartError(started.reason, named(spec))
        if type(started) is Ignore:
            return None
        return BadStart(started, spec.id, spec.start) if pid_in(started) is None else started

    def raised(self, spec: ChildSpec, error: BaseException) -> StartError:
        """Return the StartError for a start function that raised."""
        return StartError(("EXIT", exits.reason_of(error)), named(spec))

    # Restarting. Each returns False if the supervisor has to end.

    async def child_ended(self, child: Child, message: Exited) -> bool:
        """Restart, keep or forget a child that has ended."""
        child.pid = None
        decision = after_exit(child.spec.restart, message.reason)
        if unexpected_end(child.spec.restart, message.reason):
            self.report(logging.ERROR, "terminated", child, message.pid, message.reason)
        if decision is Decision.RESTART:
            return await self.restart(child)
        if decision is Decision.FORGET:
            self.forget(child)
        return not self.ends_with(child)

    def ends_with(self, child: Child) -> bool:
        """Whether the supervisor ends, because this child has ended for good. Most children are not significant."""
        return child.spec.significant and ends_supervisor(self.flags.auto_shutdown, True, self.others_left())

    def others_left(self) -> bool:
        """Whether another significant child still runs."""
        return any(child.spec.significant and child.pid is not None for child in self.all_children())

    async def try_again(self, id: object) -> bool:
        """Repeat a restart that has failed, unless the child was stopped meanwhile."""
        child = self.find(id)
        return child is None or child.pid is not RESTARTING or await self.restart(child)

    async def restart(self, child: Child) -> bool:
        """Restart the children that the strategy names; return False if there were too many restarts."""
        if not self.intensity.allows(self.process.node.clock.now()):
            self.report(logging.ERROR, "caused shutdown", child, None, "reached_max_restart_intensity")
            self.forget(child)
            return False
        await self.start_again(child)
        return True

    async def start_again(self, child: Child) -> None:
        """Restart a child and the other affected children. If a start fails, a cast to itself repeats it later."""
        group = affected(self.flags.strategy, child, self.all_children())
        if len(group) > 1:
            await self.shut_down_all(reversed(group))
        for other in group:
            if other is not child and not may_start_again(other.spec.restart):
                self.forget(other)
                continue
            if isinstance(await self.start_process(other), StartError):
                other.pid = RESTARTING
                cast(self.process.pid, ("try_again_restart", other.key))
                break
            self.trace_restart(other)

    def trace_restart(self, child: Child) -> None:
        """Record in the node's trace that a child has restarted."""
        trace = self.process.node.trace
        if trace is not None and isinstance(child.pid, Pid):
            trace.emit("restart", self.process.pid, child.pid, child.spec.id)

    # Stopping

    async def terminate_all(self) -> None:
        """Stop all children, the last started first."""
        await self.shut_down_all(reversed(list(self.all_children())))

    async def shut_down_all(self, children: Iterable[Child]) -> None:
        """Stop some children, one after another; children that have ended meanwhile are only reported."""
        ended = take_exits(self.process, self.by_pid)
        for child in children:
            if child.pid in ended:
                pid, child.pid = child.pid, None
                del self.by_pid[pid]
                self.report_end(child, pid, ended[pid])
            else:
                await self.shut_down(child)

    async def shut_down(self, child: Child) -> None:
        """Stop one child by the `shutdown` of its spec, and report an unexpected end."""
        pid, child.pid = child.pid, None
        if isinstance(pid, Pid):
            self.by_pid.pop(pid, None)
            self.report_end(child, pid, await shut_down(self.process, pid, child.spec.shutdown))

    def report_end(self, child: Child, pid: Pid, reason: object) -> None:
        """Report the end of a child that was shut down, if its reason is unexpected."""
        spec = child.spec
        if not expected_end(spec.shutdown, spec.restart, reason):
            self.report(logging.ERROR, "shut down abnormally", child, pid, reason)


def pid_in(started: Any) -> Pid | None:
    """Return the pid in the result of a start function, which is a pid or (pid, extra); None if there is none."""
    first: Any = started[0] if type(started) is tuple and len(started) == 2 else started  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return first if type(first) is Pid else None  # pyright: ignore[reportUnknownArgumentType]


def shown(child: Child, id: object) -> ChildInfo:
    """Return the row of `which_children` for a child, with this id."""
    pid = "restarting" if child.pid is RESTARTING else child.pid
    return ChildInfo(id, pid, child.spec.type, child.spec.modules)


def counted(every: Collection[Child], active: int) -> Counts:
    """Return the result of `count_children` for these children, of which `active` run."""
    supervisors = sum(1 for child in every if child.spec.type == "supervisor")
    return Counts(len(every), active, supervisors, len(every) - supervisors)
