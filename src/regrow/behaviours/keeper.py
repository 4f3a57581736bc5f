"""The server behind every supervisor: starts children, hears of their ends, asks `restart.py`, and acts.

What is done for one child costs the same with ten children and with a hundred thousand; only rest_for_one and
one_for_all, which concern the others, look at them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from inspect import isawaitable
from typing import Any, Final, NamedTuple

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
from regrow.kernel import exits, links
from regrow.kernel.pid import Pid, Process
from regrow.kernel.process import running
from regrow.kernel.signals import FAILED, Exited, Request, Token

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
        reason: "not_found", "running", "restarting" or "already_present".
        id: of the child, as it was given.
    """

    def __init__(self, reason: str, id: object) -> None:
        super().__init__(reason, id)
        self.reason = reason
        self.id = id

    def __str__(self) -> str:
        return f"child {exits.safe_repr(self.id)}: {CHILD_ERRORS[self.reason]}"


CHILD_ERRORS: Final = {
    "not_found": "the supervisor has no child with this id",
    "running": "it is running. Stop it first, with terminate_child",
    "restarting": "it is being restarted. Stop it first, with terminate_child",
    "already_present": "its spec is there already, stopped. Use restart_child, or delete_child first",
}


class Init:
    """What a supervisor is made of; `ModuleSupervisor.init` returns one."""

    __slots__ = ("flags", "specs")

    def __init__(self, flags: Flags, specs: list[ChildSpec]) -> None:
        self.flags = flags
        self.specs = specs

    def __repr__(self) -> str:
        return f"Init({self.flags!r}, {len(self.specs)} children)"


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

    def forget(self, child: Child) -> None:
        """No child any more."""
        self.children.pop(child.spec.id, None)

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

    async def init(self, arg: tuple[type, Any], /) -> Any:
        """Start all children, or none."""
        process = running()
        process.trap_exit = True
        module, given = arg
        init: Any = given
        if not isinstance(given, Init):
            init = module().init(given)
            if isawaitable(init):
                init = await init
            if isinstance(init, Ignore):
                return init
            if not isinstance(init, Init):
                return Stop(("bad_return", (module, "init", init)))
        tree = Tree(module, init.flags)
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
                return Reply([_shown(child) for child in reversed(tree.children.values())], tree)
            case "count_children":
                return Reply(_counted(tree), tree)
            case "get_callback_module":
                return Reply(tree.module, tree)
            case ("start_child", ChildSpec() as spec):
                return Reply(await self.start_child(process, tree, spec), tree)
            case ("get_childspec", wanted):
                found = tree.by_pid.get(wanted) if isinstance(wanted, Pid) else tree.children.get(wanted)
                return Reply(ChildError("not_found", wanted) if found is None else found.spec, tree)
            case ("terminate_child" | "restart_child" | "delete_child" as what, id):
                child = tree.children.get(id)
                if child is None:
                    return Reply(ChildError("not_found", id), tree)
                return Reply(await getattr(self, what)(process, tree, child), tree)
            case _:
                raise NoClause(request)

    async def handle_cast(self, request: Any, tree: Tree, /) -> Any:
        """Try a restart again that has failed, unless the child was stopped meanwhile."""
        match request:
            case ("try_again_restart", id):
                child = tree.children.get(id)
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
            failed = error
        except (Exception, exits.Exit) as error:
            failed = StartError(("EXIT", exits.reason_of(error)), spec.id)
        except asyncio.CancelledError as error:
            if not process.alive or process.task is None or process.task.cancelling():
                raise
            # Nobody cancelled this supervisor: something that the start function waited for was.
            failed = StartError(("EXIT", exits.reason_of(error)), spec.id)
        else:
            pid = _pid_in(started)
            if pid is not None:
                child.pid = pid
                tree.by_pid[pid] = child
                reports.supervisor_report(logging.INFO, "started", _me(process, tree), spec, pid, None)
                if spec.restart == "temporary":
                    child.spec = spec.without_args()
                return started
            failed = StartError(("bad_return_value", started), spec.id)
        reports.supervisor_report(logging.ERROR, "failed to start", _me(process, tree), spec, None, failed.reason)
        return failed

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
        return NoReply(tree)

    # Stopping

    async def terminate_all(self, process: Process, tree: Tree) -> None:
        """Stop all children, the last started first."""
        await self.shut_down_all(process, tree, reversed(list(tree.children.values())))

    async def shut_down_all(self, process: Process, tree: Tree, children: Iterable[Child]) -> None:
        """Stop some children, one after the other."""
        ended = _take_exits(process, tree)
        for child in children:
            if child.pid in ended:
                pid, child.pid = child.pid, None
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


def _pid_in(started: Any) -> Pid | None:
    """The pid that a start function gave, by itself or as (pid, extra)."""
    match started:
        case Pid() | (Pid(), _):
            return started if isinstance(started, Pid) else started[0]
        case _:
            return None


async def stop_process(process: Process, pid: Pid, shutdown: Any) -> object:
    """Tell a linked process to end, wait as long as it may take, then kill it; gives the reason of its end."""
    if shutdown == "brutal_kill":
        reason = await _signalled(process, pid, "kill", None)
    else:
        limit = None if shutdown == "infinity" else float(shutdown)
        reason = await _signalled(process, pid, "shutdown", limit)
        if reason is None:
            reason = await _signalled(process, pid, "kill", None)
    links.unlink(process, pid)
    return _take_exit(process, pid, reason)


async def _signalled(process: Process, pid: Pid, signal: str, limit: float | None) -> object:
    """Send an exit signal and wait for the end; None if it does not come within `limit` seconds."""
    target = pid.process
    if target is None:
        return "noproc"
    watch = Request(process.pid, None)
    links.watch_for(watch, target, limit or None)
    links.exit_signal(target, process.pid, signal, False)
    if watch.state != FAILED:
        if limit == 0.0:
            links.stop_watching(watch)
            return None
        await watch
    return watch.answer if watch.state == FAILED else None


def _take_exit(process: Process, pid: Pid, reason: object) -> object:
    """The exit message of a child that is gone is not for the loop; one that came before says the true reason."""
    for message in process.mailbox or ():
        if isinstance(message, Exited) and message.pid is pid:
            assert process.mailbox is not None
            process.mailbox.remove(message)
            if not process.mailbox:
                process.mailbox = None
            return message.reason
    return reason


def _take_exits(process: Process, tree: Tree) -> dict[Pid, object]:
    """Take the exit messages of all children that are gone already: looking for each by itself would take for ever."""
    ended: dict[Pid, object] = {}
    mailbox = process.mailbox
    if mailbox is None:
        return ended
    left: list[Any] = []
    for message in mailbox:
        if isinstance(message, Exited) and tree.by_pid.pop(message.pid, None) is not None:
            ended[message.pid] = message.reason
        else:
            left.append(message)
    if ended:
        mailbox.clear()
        mailbox.extend(left)
        if not left:
            process.mailbox = None
    return ended


def _shown(child: Child) -> ChildInfo:
    pid = "restarting" if child.pid is RESTARTING else child.pid
    return ChildInfo(child.spec.id, pid, child.spec.type, child.spec.modules)


def _counted(tree: Tree) -> Counts:
    every = tree.children.values()
    supervisors = sum(1 for child in every if child.spec.type == "supervisor")
    return Counts(len(every), len(tree.by_pid), supervisors, len(every) - supervisors)


def _me(process: Process, tree: Tree) -> object:
    return process.name if process.name is not None else (process.pid, tree.module.__name__)
