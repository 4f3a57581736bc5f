"""A keeper: starts its children in order, puts back what fell over, stops them in reverse order (OTP's `supervisor`).

    one_for_one    a b c   b ends:   a b' c         only b is started again
    rest_for_one   a b c   b ends:   a b' c'        c is stopped first, then b and c are started
    one_for_all    a b c   b ends:   a' b' c'       c and a are stopped first, then all are started

Whether a child is started again is decided by its `restart` and the reason of its end, and how often by `max_restarts`
within `max_seconds`: all of that is in `restart.py`. A supervisor that gives up stops its children and ends with
"shutdown", and then its own supervisor decides.

    >>> class Worker(GenServer[int]):
    ...     pass
    >>> async def main():
    ...     supervisor = await Supervisor.start_link([(Worker, 1), ChildSpec("second", Worker.start_link)])
    ...     return await Supervisor.count_children(supervisor)
    >>> import regrow
    >>> regrow.run(main)
    Counts(specs=2, active=2, supervisors=0, workers=2)
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import Any, ClassVar, Final, NamedTuple

from regrow.behaviours import child_spec, reports, system
from regrow.behaviours.child_spec import ChildSpec, InvalidChild
from regrow.behaviours.gen_server import From, GenServer, call, cast
from regrow.behaviours.proc_lib import AlreadyStarted, Ignore, Ignored, StartError
from regrow.behaviours.restart import (
    AutoShutdown,
    Decision,
    Flags,
    Intensity,
    Strategy,
    affected,
    after_exit,
    after_terminate,
    ends_supervisor,
    expected_end,
)
from regrow.behaviours.results import NoClause, NoReply, Ok, Reply, Stop
from regrow.kernel import exits, links
from regrow.kernel.clock import seconds
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


# Functions


class Supervisor:
    """Starts and keeps children. All its functions are class methods, as in Elixir: `Supervisor.which_children(pid)`."""

    @classmethod
    async def start_link(
        cls,
        children: Iterable[Any] = (),
        *,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown = "never",
        name: object = None,
    ) -> Pid:
        """Start a supervisor, linked, and all its children, in order (`supervisor:start_link/2`).

        Args:
            children: each a class, (class, argument) or a ChildSpec.
            strategy: whom to start again: "one_for_one", "one_for_all", "rest_for_one".
            max_restarts: more restarts than this …
            max_seconds: … within so many seconds, and the supervisor gives up.
            auto_shutdown: whether the end of significant children ends it: "never", "any_significant", "all_significant".
            name: a string, a class, Global or Via.

        Raises:
            InvalidChild: a child that is no child, or two with one id.
            InvalidFlags: an option that it cannot have.
            AlreadyStarted: the name is taken.
            StartError: a child did not start; those before it were stopped again.
        """
        init = cls.init(
            children,
            strategy=strategy,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            auto_shutdown=auto_shutdown,
        )
        return await Keeper.start_link((cls, init), name=name)

    @staticmethod
    def init(
        children: Iterable[Any],
        *,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float = 5.0,
        auto_shutdown: AutoShutdown = "never",
    ) -> Init:
        """What `ModuleSupervisor.init` returns (`Supervisor.init/2`). Arguments and errors as in `start_link`."""
        flags = Flags(strategy, max_restarts, max_seconds, auto_shutdown)
        specs = [child_spec.child_spec(child) for child in children]
        check_specs(specs, flags)
        return Init(flags, specs)

    @classmethod
    def child_spec(cls, children: Any = (), **options: Any) -> ChildSpec:
        """A supervisor as the child of another: `Supervisor.child_spec([Worker], strategy="one_for_all", name="inner")`."""

        async def start_link() -> Pid:
            return await cls.start_link(children, **options)

        id = options.get("name") or cls
        return ChildSpec(id, start_link, type="supervisor", modules=(cls,))

    @staticmethod
    async def start_child(supervisor: Any, child: Any) -> Any:
        """Add a child and start it (`supervisor:start_child/2`).

        Returns:
            Its pid; (pid, extra) if its start function gave that; None if it did not want to run.

        Raises:
            InvalidChild: a child that is no child.
            AlreadyStarted: a child with this id runs.
            ChildError: "already_present": it is there, stopped.
            StartError: it did not start; its spec is not kept.
        """
        return _or_raise(await call(supervisor, ("start_child", child_spec.child_spec(child)), None))

    @staticmethod
    async def terminate_child(supervisor: Any, id: object) -> None:
        """Stop a child and keep its spec, unless it is temporary (`supervisor:terminate_child/2`).

        Raises:
            ChildError: "not_found".
        """
        _or_raise(await call(supervisor, ("terminate_child", id), None))

    @staticmethod
    async def restart_child(supervisor: Any, id: object) -> Any:
        """Start a stopped child again; returns as `start_child` (`supervisor:restart_child/2`).

        Raises:
            ChildError: "not_found", "running" or "restarting".
            StartError: it did not start.
        """
        return _or_raise(await call(supervisor, ("restart_child", id), None))

    @staticmethod
    async def delete_child(supervisor: Any, id: object) -> None:
        """Remove the spec of a stopped child (`supervisor:delete_child/2`).

        Raises:
            ChildError: "not_found", "running" or "restarting".
        """
        _or_raise(await call(supervisor, ("delete_child", id), None))

    @staticmethod
    async def which_children(supervisor: Any) -> list[ChildInfo]:
        """The children, the last started first (`supervisor:which_children/1`)."""
        found: list[ChildInfo] = await call(supervisor, "which_children", None)
        return found

    @staticmethod
    async def count_children(supervisor: Any) -> Counts:
        """How many specs, running children, supervisors and workers (`supervisor:count_children/1`)."""
        found: Counts = await call(supervisor, "count_children", None)
        return found

    @staticmethod
    async def get_childspec(supervisor: Any, id_or_pid: object) -> ChildSpec:
        """The spec of a child, by id or pid (`supervisor:get_childspec/2`).

        Raises:
            ChildError: "not_found".
        """
        found: ChildSpec = _or_raise(await call(supervisor, ("get_childspec", id_or_pid), None))
        return found

    @staticmethod
    async def get_callback_module(supervisor: Any) -> type:
        """The class of a running supervisor (`supervisor:get_callback_module/1`)."""
        found: type = await call(supervisor, "get_callback_module", None)
        return found

    @staticmethod
    async def stop(supervisor: Any, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
        """Stop a supervisor and its children, the last started first (`Supervisor.stop/3`)."""
        await system.stop(supervisor, reason, seconds(timeout, "stop(timeout=)"), "Supervisor")


class ModuleSupervisor:
    """A supervisor with an `init` of its own: `class Pool(ModuleSupervisor)`, started by `Pool.start_link(arg)`."""

    __regrow_spec__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **spec: Any) -> None:
        super().__init_subclass__()
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **spec}

    def init(self, arg: Any, /) -> Init | Ignore | Awaitable[Init | Ignore]:
        """Return `Supervisor.init(children, strategy=…)`, or IGNORE."""
        raise NotImplementedError(f"{type(self).__name__} needs an init(arg) that returns Supervisor.init(children)")

    @classmethod
    async def start_link(cls, arg: Any = None, *, name: object = None) -> Pid:
        """Start it, linked, with what its `init(arg)` gives; returns and raises as `Supervisor.start_link`."""
        return await Keeper.start_link((cls, arg), name=name)

    @classmethod
    def child_spec(cls, arg: Any = None) -> ChildSpec:
        """How another supervisor starts this one."""
        return child_spec.of_class(cls, arg, cls.__regrow_spec__, type="supervisor")


def check_specs(specs: list[ChildSpec], flags: Flags) -> None:
    """Raise unless these can be the children of one supervisor.

    Raises:
        InvalidChild: two have one id, or a significant one cannot be.
    """
    seen: set[object] = set()
    for spec in specs:
        if spec.id in seen:
            raise InvalidChild(
                ("duplicate_child_name", spec.id),
                f"two children have the id {exits.safe_repr(spec.id)}. Give one another: child_spec(child, id=…)",
            )
        seen.add(spec.id)
        check_significant(spec, flags)


def check_significant(spec: ChildSpec, flags: Flags) -> None:
    """Raise if a significant child would mean nothing here.

    Raises:
        InvalidChild: it would be started again, or its supervisor never ends by itself.
    """
    if spec.significant and spec.restart == "permanent":
        pair = [("restart", "permanent"), ("significant", True)]
        raise InvalidChild(("bad_combination", pair), f"child {exits.safe_repr(spec.id)}: a permanent child always comes back, it cannot be significant")
    if spec.significant and flags.auto_shutdown == "never":
        pair = [("auto_shutdown", "never"), ("significant", True)]
        raise InvalidChild(("bad_combination", pair), f"child {exits.safe_repr(spec.id)}: significant needs a supervisor with auto_shutdown")


def _or_raise(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


# The keeper


class Child:
    """One child: its spec, and the process that it is now."""

    __slots__ = ("pid", "spec")

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.pid: Any = None  # a Pid, None or RESTARTING


class Tree:
    """A supervisor's state: its children in start order, and by pid."""

    def __init__(self, module: type, init: Init) -> None:
        self.module = module
        self.flags = init.flags
        self.children: dict[object, Child] = {}
        self.by_pid: dict[Pid, Child] = {}
        self.intensity = Intensity(init.flags.max_restarts, init.flags.max_seconds)

    def add(self, spec: ChildSpec) -> Child:
        """A new last child."""
        child = self.children[spec.id] = Child(spec)
        return child

    def forget(self, child: Child) -> None:
        """No child any more."""
        self.children.pop(child.spec.id, None)

    def significant_left(self) -> int:
        """How many significant children still run."""
        return sum(1 for child in self.children.values() if child.spec.significant and child.pid is not None)


class Keeper(GenServer[Tree]):
    """The server behind every supervisor."""

    async def init(self, arg: tuple[type, Any], /) -> Any:
        """Start all children, or none."""
        process = running()
        process.trap_exit = True
        module, init = arg
        if not isinstance(init, Init):
            init = module().init(init)
            if isinstance(init, Awaitable):
                init = await init
            if isinstance(init, Ignore):
                return init
            if not isinstance(init, Init):
                return Stop(("bad_return", (module, "init", init)))
        tree = Tree(module, init)
        for spec in init.specs:
            started = await self.start(process, tree, tree.add(spec))
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
            reports.unexpected_message(self, message)
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
            return AlreadyStarted(there.pid, spec.id) if isinstance(there.pid, Pid) else ChildError("already_present", spec.id)
        child = tree.add(spec)
        started = await self.start(process, tree, child)
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
        return await self.start(process, tree, child)

    async def delete_child(self, process: Process, tree: Tree, child: Child) -> Any:
        """Forget one that was stopped."""
        if child.pid is not None:
            return ChildError("restarting" if child.pid is RESTARTING else "running", child.spec.id)
        tree.forget(child)
        return None

    # Starting

    async def start(self, process: Process, tree: Tree, child: Child) -> Any:
        """Start a child's process; gives its pid, (pid, extra), None if it did not want to run, or a StartError."""
        spec = child.spec
        child.pid = None
        try:
            started = await spec.start(*spec.args)
        except Ignored:
            return None
        except StartError as error:
            failed = error
        except Exception as error:
            failed = StartError(("EXIT", exits.reason_of(error)), spec.id)
        else:
            pid = started[0] if isinstance(started, tuple) and started else started
            if isinstance(pid, Pid):
                child.pid = pid
                tree.by_pid[pid] = child
                reports.supervisor_report(logging.INFO, "started", _me(process, tree), spec, pid, None)
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
        if ends_supervisor(tree.flags.auto_shutdown, child.spec.significant, tree.significant_left()):
            return Stop("shutdown", tree)
        return NoReply(tree)

    async def restart(self, process: Process, tree: Tree, child: Child) -> Any:
        """Start again what its strategy says, or give up."""
        if not tree.intensity.allows(process.node.clock.now()):
            reason = "reached_max_restart_intensity"
            reports.supervisor_report(logging.ERROR, "caused shutdown", _me(process, tree), child.spec, None, reason)
            tree.forget(child)
            return Stop("shutdown", tree)
        if tree.flags.strategy == "one_for_one":
            group = [child]
        else:
            every = list(tree.children.values())
            group = [every[position] for position in affected(tree.flags.strategy, every.index(child), len(every))]
            for other in reversed(group):
                await self.shut_down(process, tree, other)
                if other.spec.restart == "temporary":
                    tree.forget(other)
        for other in group:
            if other.spec.id not in tree.children:
                continue
            if isinstance(await self.start(process, tree, other), StartError):
                other.pid = RESTARTING
                cast(process.pid, ("try_again_restart", other.spec.id))
                break
        return NoReply(tree)

    # Stopping

    async def terminate_all(self, process: Process, tree: Tree) -> None:
        """Stop all children, the last started first."""
        for child in reversed(list(tree.children.values())):
            await self.shut_down(process, tree, child)

    async def shut_down(self, process: Process, tree: Tree, child: Child) -> None:
        """Stop one child in its own way, and report it if it ended otherwise."""
        pid, child.pid = child.pid, None
        if not isinstance(pid, Pid):
            return
        tree.by_pid.pop(pid, None)
        shutdown = child.spec.shutdown
        reason = await stop_process(process, pid, shutdown)
        if not expected_end(shutdown, reason) and not (child.spec.restart == "permanent" and reason == "normal"):
            reports.supervisor_report(
                logging.ERROR, "shut down abnormally", _me(process, tree), child.spec, pid, reason
            )


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


def _shown(child: Child) -> ChildInfo:
    pid = "restarting" if child.pid is RESTARTING else child.pid
    return ChildInfo(child.spec.id, pid, child.spec.type, child.spec.modules)


def _counted(tree: Tree) -> Counts:
    every = tree.children.values()
    supervisors = sum(1 for child in every if child.spec.type == "supervisor")
    return Counts(len(every), len(tree.by_pid), supervisors, len(every) - supervisors)


def _me(process: Process, tree: Tree) -> object:
    return process.name if process.name is not None else (process.pid, tree.module.__name__)
