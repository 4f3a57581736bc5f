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

from collections.abc import Awaitable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from regrow.behaviours import child_spec, system
from regrow.behaviours.child_spec import ChildSpec, InvalidChild
from regrow.behaviours.gen_server import call
from regrow.behaviours.keeper import (
    ChildError,
    ChildInfo,
    Counts,
    Init,
    Keeper,
    check_significant,
    or_raise,
    start_keeper,
)
from regrow.behaviours.proc_lib import Ignore
from regrow.behaviours.restart import AutoShutdown, Flags, Strategy
from regrow.kernel import exits
from regrow.kernel.clock import seconds
from regrow.kernel.pid import Pid

__all__ = ["ChildError", "ChildInfo", "Counts", "Init", "Keeper", "ModuleSupervisor", "Supervisor"]

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
        max_seconds: float | timedelta = 5.0,
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
        return await start_keeper(Keeper, cls, init, name)

    @staticmethod
    def init(
        children: Iterable[Any],
        *,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        auto_shutdown: AutoShutdown = "never",
    ) -> Init:
        """What `ModuleSupervisor.init` returns (`Supervisor.init/2`). Arguments and errors as in `start_link`."""
        flags = Flags(strategy, max_restarts, max_seconds, auto_shutdown)
        specs = [child_spec.child_spec(child) for child in children]
        check_specs(specs, flags)
        return Init(flags, specs)

    @classmethod
    def child_spec(cls, children: Iterable[Any] = (), *, name: object = None, **options: Any) -> ChildSpec:
        """A supervisor as the child of another: `Supervisor.child_spec([Worker], strategy="one_for_all", name="inner")`.

        Raises:
            InvalidChild: one of its children is none; here and not when it is started.
            InvalidFlags: an option that it cannot have.
        """
        children = list(children)
        cls.init(children, **options)
        start = partial(cls.start_link, name=name, **options)
        return ChildSpec(cls if name is None else name, (start, (children,)), type="supervisor", modules=(cls,))

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
        return or_raise(await call(supervisor, ("start_child", child_spec.child_spec(child)), None))

    @staticmethod
    async def terminate_child(supervisor: Any, id: object) -> None:
        """Stop a child and keep its spec, unless it is temporary (`supervisor:terminate_child/2`).

        Raises:
            ChildError: "not_found".
        """
        or_raise(await call(supervisor, ("terminate_child", _hashable(id)), None))

    @staticmethod
    async def restart_child(supervisor: Any, id: object) -> Any:
        """Start a stopped child again; returns as `start_child` (`supervisor:restart_child/2`).

        Raises:
            ChildError: "not_found", "running" or "restarting".
            StartError: it did not start.
        """
        return or_raise(await call(supervisor, ("restart_child", _hashable(id)), None))

    @staticmethod
    async def delete_child(supervisor: Any, id: object) -> None:
        """Remove the spec of a stopped child (`supervisor:delete_child/2`).

        Raises:
            ChildError: "not_found", "running" or "restarting".
        """
        or_raise(await call(supervisor, ("delete_child", _hashable(id)), None))

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
        found: ChildSpec = or_raise(await call(supervisor, ("get_childspec", _hashable(id_or_pid)), None))
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
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec)}

    def init(self, arg: Any, /) -> Init | Ignore | Awaitable[Init | Ignore]:
        """Return `Supervisor.init(children, strategy=…)`, or IGNORE."""
        raise NotImplementedError(f"{type(self).__name__} needs an init(arg) that returns Supervisor.init(children)")

    @classmethod
    async def start_link(cls, arg: Any = None, *, name: object = None) -> Pid:
        """Start it, linked, with what its `init(arg)` gives; returns and raises as `Supervisor.start_link`."""
        return await start_keeper(Keeper, cls, arg, name)

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
                f"two children have the id {exits.safe_repr(spec.id)}. Give one of them another: child_spec(child, id=…)",
            )
        seen.add(spec.id)
        check_significant(spec, flags)


def _hashable(id: object) -> object:
    """An id that a child could have: one that could not would be the end of the supervisor."""
    hash(id)
    return id
