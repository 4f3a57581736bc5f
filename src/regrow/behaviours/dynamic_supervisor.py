"""A keeper of children that come and go: started one by one, known by pid, stopped together (Elixir's `DynamicSupervisor`).

    a Supervisor                                  a DynamicSupervisor
    ------------                                  -------------------
    starts the children that it was given         starts with none; start_child(supervisor, child)
    knows them by id, in order                    knows them by pid, in no order
    stops them one after the other                stops all at the same time
    one_for_one, one_for_all, rest_for_one        one_for_one

A child that ends for good leaves nothing behind. Starting, ending and restarting one costs the same with ten children
and with a hundred thousand.

    >>> class Worker(GenServer[str]):
    ...     pass
    >>> async def main():
    ...     pool = await DynamicSupervisor.start_link(name="workers")
    ...     first = await DynamicSupervisor.start_child("workers", (Worker, "a"))
    ...     second = await DynamicSupervisor.start_child("workers", (Worker, "b"))
    ...     await DynamicSupervisor.terminate_child("workers", first)
    ...     return await DynamicSupervisor.count_children(pool)
    >>> import regrow
    >>> regrow.run(main)
    Counts(specs=1, active=1, supervisors=0, workers=1)
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from regrow.behaviours import child_spec, system
from regrow.behaviours.child_spec import ChildSpec, InvalidChild
from regrow.behaviours.gen_server import call, cast
from regrow.behaviours.keeper import (
    RESTARTING,
    Child,
    ChildError,
    ChildInfo,
    Counts,
    Init,
    Keeper,
    Tree,
    check_significant,
    counted,
    or_raise,
    shown,
    start_keeper,
)
from regrow.behaviours.proc_lib import IGNORE, Ignore, StartError
from regrow.behaviours.restart import DynamicFlags
from regrow.behaviours.results import Ok
from regrow.behaviours.stopping import begin, take_exits
from regrow.kernel import exits
from regrow.kernel.clock import seconds
from regrow.kernel.pid import Pid, Process
from regrow.kernel.signals import Exited

# Functions


class DynamicSupervisor:
    """Starts and keeps children on demand. All its functions are class methods: `DynamicSupervisor.start_child(pid, …)`."""

    @classmethod
    async def start_link(
        cls,
        *,
        strategy: Literal["one_for_one"] = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        max_children: int | None = None,
        extra_arguments: Sequence[Any] = (),
        name: object = None,
    ) -> Pid:
        """Start a dynamic supervisor, linked and without children (`DynamicSupervisor.start_link/1`).

        Args:
            strategy: "one_for_one" is the only one.
            max_restarts: more restarts than this …
            max_seconds: … within so many seconds, and the supervisor gives up.
            max_children: so many at the same time, those that are being restarted among them; None is any number.
            extra_arguments: what every start function gets before the arguments of its own.
            name: a string, a class, Global or Via.

        Raises:
            InvalidFlags: an option that it cannot have.
            AlreadyStarted: the name is taken.
        """
        init = cls.init(
            strategy=strategy,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            max_children=max_children,
            extra_arguments=extra_arguments,
        )
        return await start_keeper(DynamicKeeper, cls, init, name)

    @staticmethod
    def init(
        *,
        strategy: Literal["one_for_one"] = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        max_children: int | None = None,
        extra_arguments: Sequence[Any] = (),
        auto_shutdown: Literal["never"] = "never",
    ) -> DynamicInit:
        """What `ModuleDynamicSupervisor.init` returns (`DynamicSupervisor.init/1`).

        Arguments and errors as in `start_link`; `auto_shutdown` is "never", for no child here is significant.
        """
        return DynamicInit(
            DynamicFlags(strategy, max_restarts, max_seconds, max_children, extra_arguments, auto_shutdown)
        )

    @classmethod
    def child_spec(cls, *, name: object = None, **options: Any) -> ChildSpec:
        """A dynamic supervisor as a child: `DynamicSupervisor.child_spec(name="workers")`; its name is its id.

        Raises:
            InvalidFlags: an option that it cannot have; here and not when it is started.
        """
        cls.init(**options)
        start = partial(cls.start_link, name=name, **options)
        return ChildSpec(cls if name is None else name, start, type="supervisor", modules=(cls,))

    @staticmethod
    async def start_child(supervisor: Any, child: Any) -> Any:
        """Start a child (`DynamicSupervisor.start_child/2`). The id of its spec is not used.

        Returns:
            Its pid; (pid, extra) if its start function gave that; None if it did not want to run.

        Raises:
            InvalidChild: a child that is no child.
            ChildError: "max_children".
            StartError: it did not start; nothing is kept of it.
        """
        return or_raise(await call(supervisor, ("start_child", child_spec.child_spec(child)), None))

    @staticmethod
    async def terminate_child(supervisor: Any, pid: Any) -> None:
        """Stop a child and forget it; returns when it has ended (`DynamicSupervisor.terminate_child/2`).

        Raises:
            ChildError: "not_found".
            TypeError: this is no pid.
        """
        if not isinstance(pid, Pid):
            raise TypeError(
                f"terminate_child: a dynamic supervisor knows its children by pid, got {exits.safe_repr(pid)}"
            )
        or_raise(await call(supervisor, ("terminate_child", pid), None))

    @staticmethod
    async def which_children(supervisor: Any) -> list[ChildInfo]:
        """The children; the id of each is None (`DynamicSupervisor.which_children/1`)."""
        found: list[ChildInfo] = await call(supervisor, "which_children", None)
        return found

    @staticmethod
    async def count_children(supervisor: Any) -> Counts:
        """How many children, running ones, supervisors and workers (`DynamicSupervisor.count_children/1`)."""
        found: Counts = await call(supervisor, "count_children", None)
        return found

    @staticmethod
    async def stop(supervisor: Any, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
        """Stop a supervisor and all its children, at the same time (`DynamicSupervisor.stop/3`).

        Raises:
            CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
        """
        await system.stop(supervisor, reason, seconds(timeout, "stop(timeout=)"), "DynamicSupervisor")


class ModuleDynamicSupervisor:
    """A dynamic supervisor with an `init` of its own: `class Workers(ModuleDynamicSupervisor)`.

    Class options as those of a `GenServer`: id, restart, shutdown, significant.
    """

    __regrow_spec__: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **spec: Any) -> None:
        super().__init_subclass__()
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec)}

    def init(self, arg: Any, /) -> DynamicInit | Ignore | Awaitable[DynamicInit | Ignore]:
        """Return `DynamicSupervisor.init(max_children=…)`, or IGNORE."""
        raise NotImplementedError(f"{type(self).__name__} needs an init(arg) that returns DynamicSupervisor.init()")

    @classmethod
    async def start_link(cls, arg: Any = None, *, name: object = None) -> Pid:
        """Start it, linked, with what its `init(arg)` gives (`DynamicSupervisor.start_link/3`).

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` raised or returned something else.
        """
        return await start_keeper(DynamicKeeper, cls, arg, name)

    @classmethod
    def child_spec(cls, arg: Any = None) -> ChildSpec:
        """How another supervisor starts this one."""
        return child_spec.of_class(cls, arg, cls.__regrow_spec__, type="supervisor")


# The server


class DynamicInit(Init):
    """What a dynamic supervisor is made of."""

    __slots__ = ("dynamic",)

    def __init__(self, flags: DynamicFlags) -> None:
        super().__init__(flags, [])
        self.dynamic = flags

    def __repr__(self) -> str:
        return f"DynamicInit({self.dynamic!r})"

    def tree(self, module: type) -> Crowd:
        """The state that its supervisor begins with."""
        return Crowd(module, self.dynamic)


class Member(Child):
    """One child, and the pid that it had last: a restarting one is still called by it."""

    __slots__ = ("last",)

    def __init__(self, spec: ChildSpec) -> None:
        super().__init__(spec)
        self.last: Pid | None = None


class Crowd(Tree):
    """A dynamic supervisor's state: those that run by pid, and apart the few that are between two lives."""

    def __init__(self, module: type, flags: DynamicFlags) -> None:
        super().__init__(module, flags)
        self.arg: Any = None  # of the module's init
        self.max_children = flags.max_children
        self.extra_arguments = flags.extra_arguments

    def __repr__(self) -> str:
        return f"Crowd({self.module.__name__}, {self.flags!r}, {len(self.by_pid)} children)"

    def change(self, flags: DynamicFlags) -> None:
        """Go on with other options, and the children that are there."""
        self.flags = flags
        self.intensity.max_restarts, self.intensity.max_seconds = flags.max_restarts, flags.max_seconds
        self.max_children = flags.max_children
        self.extra_arguments = flags.extra_arguments

    def is_full(self) -> bool:
        """Whether there are as many as there may be."""
        return self.max_children is not None and len(self.by_pid) + len(self.children) >= self.max_children

    def find(self, id: object) -> Child | None:
        """The child that has this pid, or had it and is being restarted."""
        return (self.by_pid.get(id) or self.children.get(id)) if isinstance(id, Pid) else None

    def forget(self, child: Child) -> None:
        """No child any more."""
        if isinstance(child, Member):
            self.children.pop(child.last, None)

    def everyone(self) -> list[Child]:
        """All children."""
        return [*self.by_pid.values(), *self.children.values()]

    def rows(self) -> list[ChildInfo]:
        """What `which_children` gives."""
        return [shown(child, None) for child in self.everyone()]

    def counts(self) -> Counts:
        """What `count_children` gives."""
        return counted(self.everyone(), len(self.by_pid))


class DynamicKeeper(Keeper):
    """The server behind every dynamic supervisor: what it does otherwise than a `Keeper`."""

    made_of = DynamicInit

    async def init(self, arg: tuple[type, Any], /) -> Any:
        """Start without children."""
        result: Any = await super().init(arg)
        if result.__class__ is Ok:
            result.state.arg = arg[1]
        return result

    def code_change(self, old_version: Any, state: Tree, extra: Any, /) -> Any:
        """Ask the module's `init` again: what it says counts from now on; IGNORE leaves all as it is."""
        assert isinstance(state, Crowd)
        init: Any = state.module().init(state.arg) if issubclass(state.module, ModuleDynamicSupervisor) else IGNORE
        if isinstance(init, DynamicInit):
            state.change(init.dynamic)
        elif init is not IGNORE:
            return init
        return Ok(state)

    async def start_child(self, process: Process, tree: Tree, spec: ChildSpec) -> Any:
        """Start one more; gives the pid or an exception. Whoever asked hears of a failure, so it is not reported."""
        assert isinstance(tree, Crowd)
        try:
            check_significant(spec, tree.flags)
        except InvalidChild as error:
            return error
        if tree.is_full():
            return ChildError("max_children", spec.id)
        child = Member(spec)
        if tree.extra_arguments:
            child.spec = spec.replace(start=(spec.start, (*tree.extra_arguments, *spec.args)))
        started = await self.try_start(process, tree, child)
        if spec.restart == "temporary":
            child.spec = child.spec.without_args()
        return started

    def raised(self, spec: ChildSpec, error: BaseException) -> StartError:
        """A start function has raised: its reason stands by itself, as in Elixir."""
        return StartError(exits.reason_of(error), spec.id)

    def bad_start(self, spec: ChildSpec, started: object) -> StartError:
        """A start function gave no pid: what it gave is the reason."""
        return StartError(started, spec.id)

    async def child_ended(self, process: Process, tree: Tree, child: Child, message: Exited) -> Any:
        """Decide what becomes of a child that has gone; of one that is only kept, nothing is."""
        assert isinstance(child, Member)
        child.last = message.pid
        return await super().child_ended(process, tree, child, message)

    async def start_again(self, process: Process, tree: Tree, child: Child) -> None:
        """Start a child again; try later if that fails, and forget it if it does not want to run."""
        assert isinstance(child, Member)
        if isinstance(await self.start_child_process(process, tree, child), StartError):
            child.pid = RESTARTING
            tree.children[child.last] = child
            cast(process.pid, ("try_again_restart", child.last))
        else:
            tree.forget(child)

    async def terminate_child(self, process: Process, tree: Tree, child: Child) -> None:
        """Stop one."""
        await self.shut_down(process, tree, child)
        tree.forget(child)

    async def terminate_all(self, process: Process, tree: Tree) -> None:
        """Stop all children at the same time: all are told first, then each is waited for."""
        ended = take_exits(process, tree.by_pid)
        told = [
            (child, pid, None if pid in ended else begin(process, pid, child.spec.shutdown))
            for pid, child in tree.by_pid.items()
        ]
        tree.by_pid.clear()
        for child, pid, ending in told:
            reason = ended.get(pid, "noproc") if ending is None else await ending.reason()
            self.report_end(process, tree, child, pid, reason)
