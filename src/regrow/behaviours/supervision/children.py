"""The children of a supervisor: how they are started, what becomes of those that end, how they are stopped.

    start_child      a spec is added, and its process started
    child_ended      `restart.py` is asked, and what it says is done
    terminate_child  a process is stopped in the way of its spec

What is done for one child costs the same with ten children and with a hundred thousand; only rest_for_one and
one_for_all, which concern the others, look at them.
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
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.running import running
from regrow.kernel.signals import Exited
from regrow.kernel.yields import Token

RESTARTING: Final = Token("restarting")

# What is shown of them


class ChildInfo(NamedTuple):
    """One row of `which_children`; `pid` is None when the child does not run, "restarting" while it is tried again."""

    id: Any
    pid: Any
    type: str
    modules: tuple[object, ...]


class Counts(NamedTuple):
    """What `count_children` gives."""

    specs: int
    active: int
    supervisors: int
    workers: int


# What is wrong with them


class ChildError(Exception):
    """A child could not be administered so.

    Attributes:
        reason: "not_found", "running", "restarting", "already_present", "max_children" or "simple_one_for_one".
        id: of the child, as it was given.
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
    "already_present": "its spec is there already, stopped. Use restart_child, or delete_child first",
    "max_children": "the supervisor has as many children as its max_children allows. Try later, or allow more",
    "simple_one_for_one": "the children of a simple_one_for_one supervisor have no ids. Use terminate_child(supervisor, pid)",
}


class BadStart(StartError):
    """A start function gave something else than a pid; that is the reason, as in OTP."""

    def __init__(self, reason: object, who: object, function: object) -> None:
        super().__init__(reason, who)
        self.function = function

    def __str__(self) -> str:
        wanted = "Wanted: the pid of a process that it has linked, or (pid, extra)"
        what = f"its start function returned {bounded_repr.safe_repr(self.reason)}"
        return f"child {exits.display_name(self.who)}: {what}. {wanted}{at(self.function)}"


class CancelledStart(StartError):
    """A child's start was cancelled by the process that had asked for it."""


def named(spec: ChildSpec) -> str:
    """A child, as the error of its start names it: by its id, or by what starts it."""
    return (
        f"child {exits.display_name(spec.id)}"
        if spec.id is not None
        else f"the child of {bounded_repr.safe_repr(spec.start)}"
    )


# The children themselves


class Child:
    """One child: its spec, and the process that it is now."""

    __slots__ = ("key", "pid", "spec")

    def __init__(self, spec: ChildSpec, key: Any = None) -> None:
        self.spec: ChildSpec = spec
        self.key: Any = key  # of its id, as it stands among those of its supervisor; whatever becomes of the id
        self.pid: Any = None  # a Pid, None or RESTARTING

    def without_args(self) -> None:
        """What a temporary child was started with is not kept: it is never started again."""
        if not may_start_again(self.spec.restart):
            self.spec = self.spec.without_args()


class Children:
    """A supervisor's state: its children in start order, and by pid."""

    def __init__(self, module: type, flags: Flags) -> None:
        self.module = module
        self.arg: Any = None  # of the module's init
        self.flags: Flags = flags
        self.process: Process = running()
        self.request: CallRequest | None = None  # to start a child, that is being served
        self.children: dict[object, Child] = {}  # by `exact` ids
        self.by_pid: dict[Pid, Child] = {}
        self.intensity: Intensity = Intensity(flags.max_restarts, flags.max_seconds)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.module.__name__}, {self.flags!r}, {len(self.everyone())} children)"

    @property
    def me(self) -> object:
        """The supervisor, as its reports call it."""
        process = self.process
        return process.name if process.name is not None else (process.pid, self.module.__name__)

    def told_of(self, spec: ChildSpec) -> ChildSpec:
        """A child, as the supervisor's reports show it."""
        return spec

    def report(self, level: int, kind: str, child: Child, pid: object, reason: object) -> None:
        """Report on a child, if anybody is to hear of it."""
        if reports.SUPERVISORS.isEnabledFor(level):
            reports.supervisor_report(level, kind, self.me, self.told_of(child.spec), pid, reason)

    async def begin(self, specs: list[ChildSpec]) -> object:
        """Start all children, or none; gives the reason of the supervisor's end if one did not start."""
        for spec in specs:
            started = await self.start_child(spec)
            if exits.is_a(started, StartError):
                KEEPER.set(self.process.pid)
                await self.terminate_all()
                return ("shutdown", ("failed_to_start_child", spec.id, started.reason))
        return None

    def everyone(self) -> Collection[Child]:
        """All children, in start order if they have one."""
        return self.children.values()

    def find(self, id: object) -> Child | None:
        """The child that is called so."""
        try:
            return self.children.get(exact(id))
        except BaseException as error:  # what is not comparable is no child's id: its supervisor goes on
            if not survives(self.process, error):
                raise
            return None

    def described(self, wanted: object) -> Child | None:
        """The child that `get_childspec` means, by id or pid."""
        return (self.by_pid.get(wanted) if isinstance(wanted, Pid) else None) or self.find(wanted)

    def forget(self, child: Child) -> None:
        """No child any more."""
        self.children.pop(same(child.key), None)

    def row(self, child: Child) -> ChildInfo:
        """What is shown of one."""
        return shown(child, child.spec.id)

    def rows(self) -> list[ChildInfo]:
        """What `which_children` gives."""
        return [shown(child, child.spec.id) for child in reversed(self.children.values())]

    def counts(self) -> Counts:
        """What `count_children` gives."""
        return counted(self.everyone(), len(self.by_pid))

    def change(self, flags: Flags, specs: list[ChildSpec]) -> None:
        """Go on with other flags and specs (`supervisor:code_change/3`).

        Who runs goes on running, and is started again by the new spec. New children are not started by themselves, and
        those that are not named any more stay, after the others.
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
        """Go on with other flags; restarts that have been counted stay counted."""
        self.flags = flags
        self.intensity.max_restarts, self.intensity.max_seconds = flags.max_restarts, flags.max_seconds

    # Administering: each gives what is answered, an exception among it

    def refused(self, child: object) -> InvalidChild | None:
        """Why this is no child that could be added."""
        if not isinstance(child, ChildSpec):
            letter = "a list of arguments is for a simple_one_for_one supervisor; wanted a class, (class, argument) or a ChildSpec"
            return InvalidChild(("invalid_child_spec", child), f"{letter}; got {bounded_repr.safe_repr(child)}")
        try:
            check_significant(child, self.flags.auto_shutdown)
        except InvalidChild as error:
            return error
        return None

    async def start_child(self, spec: Any) -> Any:
        """Add and start one; gives the pid, too."""
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
        """Stop one."""
        child = self.find(id)
        if child is None:
            return ChildError("not_found", id)
        await self.shut_down(child)
        self.was_told_to_end(child)
        return None

    def was_told_to_end(self, child: Child) -> None:
        """A child has been stopped by hand."""
        if not may_start_again(child.spec.restart):
            self.forget(child)

    async def restart_child(self, id: object) -> Any:
        """Start one that was stopped."""
        child = self.stopped(id)
        return child if isinstance(child, ChildError) else await self.start_process(child)

    async def delete_child(self, id: object) -> ChildError | None:
        """Forget one that was stopped."""
        child = self.stopped(id)
        if isinstance(child, ChildError):
            return child
        self.forget(child)
        return None

    async def undo_start(self, started: Any, keep_spec: bool) -> None:
        """Stop a child whose start was cancelled in the moment in which it was answered."""
        pid = pid_in(started)
        child = None if pid is None else self.by_pid.get(pid)
        if child is not None:
            await self.shut_down(child)
            if not keep_spec:
                self.forget(child)

    def stopped(self, id: object) -> Child | ChildError:
        """A child that does not run."""
        child = self.find(id)
        if child is None:
            return ChildError("not_found", id)
        if child.pid is not None:
            return ChildError("restarting" if child.pid is RESTARTING else "running", id)
        return child

    # Starting

    async def start_process(self, child: Child) -> Any:
        """Start a child's process and report how it went; gives what `try_start` gives."""
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
        """Start a child's process; gives its pid, (pid, extra), None if it did not want to run, or a StartError."""
        child.pid = None
        if self.process in self.process.node.told:  # its parent's word to end waits in the mailbox, behind this request
            return CancelledStart("cancelled", child.spec.id)
        attempt = Attempt(self.process, self.request)
        try:
            started = await self.called(child.spec, attempt)
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

    async def called(self, spec: ChildSpec, attempt: Attempt) -> Any:
        """What a start function returns, None if the child did not want to run, or a StartError."""
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
        """A start function has raised."""
        return StartError(("EXIT", exits.reason_of(error)), named(spec))

    # Restarting: each gives whether the supervisor goes on

    async def child_ended(self, child: Child, message: Exited) -> bool:
        """Decide what becomes of a child that has gone."""
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
        """Whether this child, which has gone for good, takes the supervisor along. Most are not significant."""
        return child.spec.significant and ends_supervisor(self.flags.auto_shutdown, True, self.others_left())

    def others_left(self) -> bool:
        """Whether a significant child still runs."""
        return any(child.spec.significant and child.pid is not None for child in self.everyone())

    async def try_again(self, id: object) -> bool:
        """Try a restart again that has failed, unless the child was stopped meanwhile."""
        child = self.find(id)
        return child is None or child.pid is not RESTARTING or await self.restart(child)

    async def restart(self, child: Child) -> bool:
        """Start again what the strategy says, or give up."""
        if not self.intensity.allows(self.process.node.clock.now()):
            self.report(logging.ERROR, "caused shutdown", child, None, "reached_max_restart_intensity")
            self.forget(child)
            return False
        await self.start_again(child)
        return True

    async def start_again(self, child: Child) -> None:
        """Start a child again, and those who are affected; try later if that fails."""
        group = affected(self.flags.strategy, child, self.everyone())
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
            self.tell_restart(other)

    def tell_restart(self, child: Child) -> None:
        """Tell whoever listens that a child runs again."""
        trace = self.process.node.trace
        if trace is not None and isinstance(child.pid, Pid):
            trace.tell("restart", self.process.pid, child.pid, child.spec.id)

    # Stopping

    async def terminate_all(self) -> None:
        """Stop all children, the last started first."""
        await self.shut_down_all(reversed(list(self.everyone())))

    async def shut_down_all(self, children: Iterable[Child]) -> None:
        """Stop some children, one after the other."""
        ended = take_exits(self.process, self.by_pid)
        for child in children:
            if child.pid in ended:
                pid, child.pid = child.pid, None
                del self.by_pid[pid]
                self.report_end(child, pid, ended[pid])
            else:
                await self.shut_down(child)

    async def shut_down(self, child: Child) -> None:
        """Stop one child in its own way, and report it if it ended otherwise."""
        pid, child.pid = child.pid, None
        if isinstance(pid, Pid):
            self.by_pid.pop(pid, None)
            self.report_end(child, pid, await shut_down(self.process, pid, child.spec.shutdown))

    def report_end(self, child: Child, pid: Pid, reason: object) -> None:
        """Say so if a child that was to end did not end as it was told."""
        spec = child.spec
        if not expected_end(spec.shutdown, spec.restart, reason):
            self.report(logging.ERROR, "shut down abnormally", child, pid, reason)


def pid_in(started: Any) -> Pid | None:
    """The pid that a start function gave, by itself or as (pid, extra)."""
    first: Any = started[0] if type(started) is tuple and len(started) == 2 else started  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return first if type(first) is Pid else None  # pyright: ignore[reportUnknownArgumentType]


def shown(child: Child, id: object) -> ChildInfo:
    """A child as a row of `which_children`."""
    pid = "restarting" if child.pid is RESTARTING else child.pid
    return ChildInfo(id, pid, child.spec.type, child.spec.modules)


def counted(every: Collection[Child], active: int) -> Counts:
    """These children in numbers."""
    supervisors = sum(1 for child in every if child.spec.type == "supervisor")
    return Counts(len(every), active, supervisors, len(every) - supervisors)
