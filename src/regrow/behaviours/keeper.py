"""The server behind every supervisor: starts children, hears of their ends, asks `restart.py`, and acts.

What is done for one child costs the same with ten children and with a hundred thousand; only rest_for_one and
one_for_all, which concern the others, look at them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from inspect import isawaitable
from typing import Any, ClassVar, Final, NamedTuple

from regrow.behaviours import reports
from regrow.behaviours.child_spec import ChildSpec, InvalidChild
from regrow.behaviours.gen_server import From, GenServer, cast
from regrow.behaviours.proc_lib import AlreadyStarted, Ignore, Ignored, StartError
from regrow.behaviours.restart import (
    Decision,
    Flags,
    Intensity,
    affected,
    after_exit,
    after_terminate,
    ends_supervisor,
    expected_end,
)
from regrow.behaviours.results import NoClause, NoReply, Ok, Reply, Stop
from regrow.behaviours.stopping import stop_process, take_exits
from regrow.kernel import exits
from regrow.kernel.pid import Pid, Process
from regrow.kernel.process import running
from regrow.kernel.signals import Exited, Token

RESTARTING: Final = Token("restarting")


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


class ChildError(Exception):
    """A child could not be administered so.

    Attributes:
        reason: "not_found", "running", "restarting", "already_present" or "max_children".
        id: of the child, as it was given.
    """

    def __init__(self, reason: str, id: object) -> None:
        super().__init__(reason, id)
        self.reason = reason
        self.id = id

    def __str__(self) -> str:
        return f"child {exits.safe_repr(self.id)}: {CHILD_ERRORS[self.reason]}"


CHILD_ERRORS: Final = {
    "not_found": "the supervisor has no such child",
    "running": "it is running. Stop it first, with terminate_child",
    "restarting": "it is being restarted. Stop it first, with terminate_child",
    "already_present": "its spec is there already, stopped. Use restart_child, or delete_child first",
    "max_children": "the supervisor has as many children as its max_children allows. Try later, or allow more",
}


class Init:
    """What a supervisor is made of; `ModuleSupervisor.init` returns one."""

    __slots__ = ("flags", "specs")

    def __init__(self, flags: Flags, specs: list[ChildSpec]) -> None:
        self.flags = flags
        self.specs = specs

    def __repr__(self) -> str:
        return f"Init({self.flags!r}, {len(self.specs)} children)"

    def tree(self, module: type) -> Tree:
        """The state that its supervisor begins with."""
        return Tree(module, self.flags)


def check_significant(spec: ChildSpec, flags: Flags) -> None:
    """Raise if a significant child would mean nothing here.

    Raises:
        InvalidChild: it would be started again, or its supervisor never ends by itself.
    """
    if spec.significant and spec.restart == "permanent":
        pair = [("restart", "permanent"), ("significant", True)]
        letter = "a permanent child always comes back, so its end cannot be significant. Make it transient or temporary"
    elif spec.significant and flags.auto_shutdown == "never":
        pair = [("auto_shutdown", "never"), ("significant", True)]
        letter = 'significant needs a supervisor with auto_shutdown="any_significant" or "all_significant"'
    else:
        return
    raise InvalidChild(("bad_combination", pair), f"child {exits.safe_repr(spec.id)}: {letter}")


class Child:
    """One child: its spec, and the process that it is now."""

    __slots__ = ("pid", "spec")

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.pid: Any = None  # a Pid, None or RESTARTING


class Tree:
    """A supervisor's state: its children in start order, and by pid."""

    def __init__(self, module: type, flags: Flags) -> None:
        self.module = module
        self.flags = flags
        self.children: dict[object, Child] = {}
        self.by_pid: dict[Pid, Child] = {}
        self.intensity = Intensity(flags.max_restarts, flags.max_seconds)

    def __repr__(self) -> str:
        return f"Tree({self.module.__name__}, {self.flags!r}, {len(self.children)} children)"

    def add(self, spec: ChildSpec) -> Child:
        """A new last child."""
        child = self.children[spec.id] = Child(spec)
        return child

    def find(self, id: object) -> Child | None:
        """The child that is called so."""
        return self.children.get(id)

    def forget(self, child: Child) -> None:
        """No child any more."""
        self.children.pop(child.spec.id, None)

    def rows(self) -> list[ChildInfo]:
        """What `which_children` gives."""
        return [shown(child, child.spec.id) for child in reversed(self.children.values())]

    def counts(self) -> Counts:
        """What `count_children` gives."""
        return counted(self.children.values(), len(self.by_pid))

    def others_left(self) -> bool:
        """Whether a significant child still runs."""
        return any(child.spec.significant and child.pid is not None for child in self.children.values())

    def ends_with(self, child: Child) -> bool:
        """Whether this child, which has gone for good, takes the supervisor along. Most are not significant."""
        return child.spec.significant and ends_supervisor(self.flags.auto_shutdown, True, self.others_left())

    def affected(self, child: Child) -> list[Child]:
        """Who is started again with this child, in start order."""
        if self.flags.strategy == "one_for_one":
            return [child]
        every = list(self.children.values())
        return [every[position] for position in affected(self.flags.strategy, every.index(child), len(every))]


class Keeper(GenServer[Tree]):
    """The server behind every supervisor."""

    made_of: ClassVar[type[Init]] = Init

    async def init(self, arg: tuple[type, Any], /) -> Any:
        """Start all children, or none."""
        process = running()
        process.trap_exit = True
        module, given = arg
        init: Any = given
        if not isinstance(given, self.made_of):
            init = module().init(given)
            if isawaitable(init):
                init = await init
            if isinstance(init, Ignore):
                return init
            if not isinstance(init, self.made_of):
                return Stop(("bad_return", (module, "init", init)))
        tree = init.tree(module)
        specs, init.specs = init.specs, []  # what a temporary child was started with is not kept
        for spec in specs:
            started = await self.start_child_process(process, tree, tree.add(spec))
            if isinstance(started, StartError):
                await self.terminate_all(process, tree)
                return Stop(("shutdown", ("failed_to_start_child", spec.id, started.reason)))
            if started is None and spec.restart == "temporary":
                del tree.children[spec.id]
        return Ok(tree)

    async def handle_call(self, request: Any, from_: From, tree: Tree, /) -> Any:
        """Administer the children."""
        process = running()
        match request:
            case "which_children":
                return Reply(tree.rows(), tree)
            case "count_children":
                return Reply(tree.counts(), tree)
            case "get_callback_module":
                return Reply(tree.module, tree)
            case ("start_child", ChildSpec() as spec):
                return Reply(await self.start_child(process, tree, spec), tree)
            case ("get_childspec", wanted):
                found = tree.by_pid.get(wanted) if isinstance(wanted, Pid) else tree.find(wanted)
                return Reply(ChildError("not_found", wanted) if found is None else found.spec, tree)
            case ("terminate_child" | "restart_child" | "delete_child" as what, id):
                child = tree.find(id)
                if child is None:
                    return Reply(ChildError("not_found", id), tree)
                return Reply(await getattr(self, what)(process, tree, child), tree)
            case _:
                raise NoClause(request)

    async def handle_cast(self, request: Any, tree: Tree, /) -> Any:
        """Try a restart again that has failed, unless the child was stopped meanwhile."""
        match request:
            case ("try_again_restart", id):
                child = tree.find(id)
                if child is None or child.pid is not RESTARTING:
                    return NoReply(tree)
                return await self.restart(running(), tree, child)
            case _:
                raise NoClause(request)

    async def handle_info(self, message: Any, tree: Tree, /) -> Any:
        """A child has ended, or somebody has sent something that is ignored."""
        if not isinstance(message, Exited):
            reports.unexpected_message(tree.module, message)
            return NoReply(tree)
        child = tree.by_pid.pop(message.pid, None)
        if child is None:
            return NoReply(tree)
        return await self.child_ended(running(), tree, child, message)

    async def terminate(self, reason: Any, tree: Tree, /) -> None:
        """Stop the children."""
        await self.terminate_all(running(), tree)

    # Administering

    async def start_child(self, process: Process, tree: Tree, spec: ChildSpec) -> Any:
        """Add and start one; gives the pid or an exception."""
        try:
            check_significant(spec, tree.flags)
        except InvalidChild as error:
            return error
        there = tree.children.get(spec.id)
        if there is not None:
            running_now = isinstance(there.pid, Pid)
            return AlreadyStarted(there.pid, spec.id) if running_now else ChildError("already_present", spec.id)
        child = tree.add(spec)
        started = await self.start_child_process(process, tree, child)
        if isinstance(started, StartError) or (started is None and spec.restart == "temporary"):
            tree.forget(child)
        return started

    async def terminate_child(self, process: Process, tree: Tree, child: Child) -> None:
        """Stop one."""
        await self.shut_down(process, tree, child)
        if after_terminate(child.spec.restart) is Decision.FORGET:
            tree.forget(child)

    async def restart_child(self, process: Process, tree: Tree, child: Child) -> Any:
        """Start one that was stopped."""
        if child.pid is not None:
            return ChildError("restarting" if child.pid is RESTARTING else "running", child.spec.id)
        return await self.start_child_process(process, tree, child)

    async def delete_child(self, process: Process, tree: Tree, child: Child) -> Any:
        """Forget one that was stopped."""
        if child.pid is not None:
            return ChildError("restarting" if child.pid is RESTARTING else "running", child.spec.id)
        tree.forget(child)
        return None

    # Starting

    async def start_child_process(self, process: Process, tree: Tree, child: Child) -> Any:
        """Start a child's process and report how it went; gives what `try_start` gives."""
        started = await self.try_start(process, tree, child)
        if isinstance(started, StartError):
            reports.supervisor_report(
                logging.ERROR, "failed to start", _me(process, tree), child.spec, None, started.reason
            )
        elif started is not None:
            reports.supervisor_report(logging.INFO, "started", _me(process, tree), child.spec, child.pid, None)
            if child.spec.restart == "temporary":
                child.spec = child.spec.without_args()
        return started

    async def try_start(self, process: Process, tree: Tree, child: Child) -> Any:
        """Start a child's process; gives its pid, (pid, extra), None if it did not want to run, or a StartError."""
        spec = child.spec
        child.pid = None
        try:
            started: Any = spec.start(*spec.args)
            if isawaitable(started):
                started = await started
        except Ignored:
            return None
        except StartError as error:
            return error
        except (Exception, exits.Exit) as error:
            return self.raised(spec, error)
        except asyncio.CancelledError as error:
            if not process.alive or process.task is None or process.task.cancelling():
                raise
            # Nobody cancelled this supervisor: something that the start function waited for was.
            return self.raised(spec, error)
        pid = _pid_in(started)
        if pid is None:
            return self.bad_start(spec, started)
        child.pid = pid
        tree.by_pid[pid] = child
        return started

    def raised(self, spec: ChildSpec, error: BaseException) -> StartError:
        """A start function has raised."""
        return StartError(("EXIT", exits.reason_of(error)), spec.id)

    def bad_start(self, spec: ChildSpec, started: object) -> StartError:
        """A start function gave no pid."""
        return StartError(("bad_return_value", started), spec.id)

    # Restarting

    async def child_ended(self, process: Process, tree: Tree, child: Child, message: Exited) -> Any:
        """Decide what becomes of a child that has gone."""
        child.pid = None
        decision = after_exit(child.spec.restart, message.reason)
        if decision is Decision.RESTART or not exits.is_normal(message.reason):
            reports.supervisor_report(
                logging.ERROR, "terminated", _me(process, tree), child.spec, message.pid, message.reason
            )
        if decision is Decision.RESTART:
            return await self.restart(process, tree, child)
        if decision is Decision.FORGET:
            tree.forget(child)
        return Stop("shutdown", tree) if tree.ends_with(child) else NoReply(tree)

    async def restart(self, process: Process, tree: Tree, child: Child) -> Any:
        """Start again what its strategy says, or give up."""
        if not tree.intensity.allows(process.node.clock.now()):
            reason = "reached_max_restart_intensity"
            reports.supervisor_report(logging.ERROR, "caused shutdown", _me(process, tree), child.spec, None, reason)
            tree.forget(child)
            return Stop("shutdown", tree)
        await self.start_again(process, tree, child)
        return NoReply(tree)

    async def start_again(self, process: Process, tree: Tree, child: Child) -> None:
        """Start a child again, and those who are affected; try later if that fails."""
        group = tree.affected(child)
        if len(group) > 1:
            await self.shut_down_all(process, tree, reversed(group))
        for other in group:
            if other is not child and other.spec.restart == "temporary":
                tree.forget(other)
                continue
            if isinstance(await self.start_child_process(process, tree, other), StartError):
                other.pid = RESTARTING
                cast(process.pid, ("try_again_restart", other.spec.id))
                break

    # Stopping

    async def terminate_all(self, process: Process, tree: Tree) -> None:
        """Stop all children, the last started first."""
        await self.shut_down_all(process, tree, reversed(list(tree.children.values())))

    async def shut_down_all(self, process: Process, tree: Tree, children: Iterable[Child]) -> None:
        """Stop some children, one after the other."""
        ended = take_exits(process, tree.by_pid)
        for child in children:
            if child.pid in ended:
                pid, child.pid = child.pid, None
                del tree.by_pid[pid]
                self.report_end(process, tree, child, pid, ended[pid])
            else:
                await self.shut_down(process, tree, child)

    async def shut_down(self, process: Process, tree: Tree, child: Child) -> None:
        """Stop one child in its own way, and report it if it ended otherwise."""
        pid, child.pid = child.pid, None
        if isinstance(pid, Pid):
            tree.by_pid.pop(pid, None)
            self.report_end(process, tree, child, pid, await stop_process(process, pid, child.spec.shutdown))

    def report_end(self, process: Process, tree: Tree, child: Child, pid: Pid, reason: object) -> None:
        """Say so if a child that was to end did not end as it was told."""
        spec = child.spec
        if not expected_end(spec.shutdown, spec.restart, reason):
            reports.supervisor_report(logging.ERROR, "shut down abnormally", _me(process, tree), spec, pid, reason)


async def start_keeper(keeper: type[Keeper], module: type, arg: Any, name: object) -> Pid:
    """Start a supervisor that is `module` to those who look, from its `Init` or the argument of its `init`."""
    try:
        return await keeper.start_link((module, arg), name=name)
    except StartError as error:
        if error.who is keeper:  # whoever reads this wrote the module
            error.who = module if name is None else name
        raise


def or_raise(answer: Any) -> Any:
    """What a keeper answered, or raised if it answered with an exception."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def _pid_in(started: Any) -> Pid | None:
    """The pid that a start function gave, by itself or as (pid, extra)."""
    match started:
        case Pid() | (Pid(), _):
            return started if isinstance(started, Pid) else started[0]
        case _:
            return None


def shown(child: Child, id: object) -> ChildInfo:
    """A child as a row of `which_children`."""
    pid = "restarting" if child.pid is RESTARTING else child.pid
    return ChildInfo(id, pid, child.spec.type, child.spec.modules)


def counted(every: Collection[Child], active: int) -> Counts:
    """These children in numbers."""
    supervisors = sum(1 for child in every if child.spec.type == "supervisor")
    return Counts(len(every), active, supervisors, len(every) - supervisors)


def _me(process: Process, tree: Tree) -> object:
    return process.name if process.name is not None else (process.pid, tree.module.__name__)
