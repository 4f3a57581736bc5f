"""A keeper: starts its children in order, puts back what fell over, stops them in reverse order (OTP's `supervisor`).

    one_for_one    a b c   b ends:   a b' c         only b is started again
    rest_for_one   a b c   b ends:   a b' c'        c is stopped first, then b and c are started
    one_for_all    a b c   b ends:   a' b' c'       c and a are stopped first, then all are started

    simple_one_for_one     children of one kind, started on demand, known by pid; `DynamicSupervisor` keeps any kind

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
from typing import Any

from regrow.behaviours.gen import child_spec
from regrow.behaviours.gen.child_spec import Child, ChildSpec, InvalidChild
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.supervision.children import ChildError, ChildInfo, Counts
from regrow.behaviours.supervision.dynamic_children import SimpleInit
from regrow.behaviours.supervision.restart import AutoShutdown, Flags, Strategy, check_significant
from regrow.behaviours.supervision.supervisor_server import (
    Init,
    ModuleBased,
    SupervisorFunctions,
    SupervisorServer,
    ask_to_start,
    hashable,
    or_raise,
    start_supervisor,
)
from regrow.kernel.addresses import Address, Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.keys import exact
from regrow.kernel.pid import Pid

__all__ = ["ChildError", "ChildInfo", "Counts", "Init", "SupervisorServer", "ModuleSupervisor", "Supervisor"]

# Functions


class Supervisor(SupervisorFunctions):
    """Starts and keeps children. All its functions are class methods, as in Elixir: `Supervisor.which_children(pid)`."""

    @classmethod
    async def start_link(
        cls,
        children: Iterable[Child] = (),
        *,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        auto_shutdown: AutoShutdown = "never",
        name: Name | None = None,
    ) -> Pid:
        """Start a supervisor, linked, and all its children, in order (`supervisor:start_link/2`).

        Args:
            children: each a class, (class, argument) or a ChildSpec.
            strategy: whom to start again: "one_for_one", "one_for_all", "rest_for_one". With "simple_one_for_one" there
                is one child, none of which is started yet: each `start_child` starts one more of it.
            max_restarts: more restarts than this …
            max_seconds: … within so many seconds, and the supervisor gives up.
            auto_shutdown: whether the end of significant children ends it: "never", "any_significant", "all_significant".
            name: a string, a class, Global or Via.

        Raises:
            InvalidChild: a child that is no child, or two with one id.
            InvalidFlags: an option that it cannot have.
            AlreadyStarted: the name is taken.
            StartError: a child did not start; those before it were stopped again.
            TypeError: the children are no list of them.
        """
        init = cls.init(
            children,
            strategy=strategy,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            auto_shutdown=auto_shutdown,
        )
        return await start_supervisor(SupervisorServer, cls, init, name)

    @staticmethod
    def init(
        children: Iterable[Child],
        *,
        strategy: Strategy,
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        auto_shutdown: AutoShutdown = "never",
    ) -> Init:
        """What `ModuleSupervisor.init` returns (`Supervisor.init/2`). Arguments and errors as in `start_link`.

        Raises:
            TypeError: there is no strategy: who writes an `init` says which.
        """
        flags = Flags(strategy, max_restarts, max_seconds, auto_shutdown)
        specs = [child_spec.child_spec(child) for child in several(children)]
        check_specs(specs, flags)
        return SimpleInit(flags, specs) if flags.has_template else Init(flags, specs)

    @classmethod
    def child_spec(
        cls, children: Iterable[Child] | Child = (), *, name: Name | None = None, **options: Any
    ) -> ChildSpec:
        """A supervisor as the child of another: `Supervisor.child_spec([Worker], strategy="one_for_all", name="inner")`.

        Given one child, and not a list, it is that child's spec with some values replaced, as `regrow.child_spec` makes
        it: `Supervisor.child_spec((Worker, 1), id="first")` (`Supervisor.child_spec/2`).

        Raises:
            InvalidChild: one of its children is none; here and not when it is started.
            InvalidFlags: an option that it cannot have.
            TypeError: the children are no list of them.
        """
        if child_spec.is_one(children) or options.keys() & child_spec.CLASS_OPTIONS:
            one: Any = children
            return child_spec.child_spec(one, **options)
        given = list(several(children))
        options.setdefault("strategy", "one_for_one")
        cls.init(given, **options)
        start = partial(cls.start_link, name=name, **options)
        return ChildSpec(cls if name is None else name, (start, (given,)), type="supervisor", modules=(cls,))

    @staticmethod
    def check_childspecs(children: Iterable[Child], auto_shutdown: AutoShutdown | None = None) -> None:
        """Raise unless these can be the children of one supervisor (`supervisor:check_childspecs/1,2`).

        Args:
            children: each a class, (class, argument) or a ChildSpec.
            auto_shutdown: of the supervisor; None if it may be any.

        Raises:
            InvalidChild: a child that is no child, two with one id, or one whose end cannot be significant.
            InvalidFlags: this is no auto_shutdown.
            TypeError: these are not several.
        """
        flags = Flags(auto_shutdown="any_significant" if auto_shutdown is None else auto_shutdown)
        check_specs([child_spec.child_spec(child) for child in several(children)], flags)

    @staticmethod
    async def start_child(supervisor: Address, child: Child | list[Any]) -> Any:
        """Add a child and start it (`supervisor:start_child/2`).

        Args:
            supervisor: its pid or name.
            child: a class, (class, argument) or a ChildSpec; for a simple_one_for_one supervisor the list of arguments
                that its start function gets after those of the spec.

        Returns:
            Its pid; (pid, extra) if its start function gave that; None if it did not want to run.

        Raises:
            InvalidChild: a child that is no child.
            AlreadyStarted: a child with this id runs.
            ChildError: "already_present": it is there, stopped.
            StartError: it did not start; its spec is not kept.
        """
        more = child if isinstance(child, list) else child_spec.child_spec(child)  # pyright: ignore[reportUnknownVariableType]
        return await ask_to_start(supervisor, "start_child", more)  # pyright: ignore[reportUnknownArgumentType]

    @staticmethod
    async def terminate_child(supervisor: Address, id: object) -> None:
        """Stop a child and keep its spec, unless it is temporary (`supervisor:terminate_child/2`).

        Args:
            supervisor: its pid or name.
            id: of the child; its pid, where the supervisor is a simple_one_for_one.

        Raises:
            ChildError: "not_found", or "simple_one_for_one" if it wants a pid.
        """
        or_raise(await call(supervisor, ("terminate_child", hashable(id)), None))

    @staticmethod
    async def restart_child(supervisor: Address, id: object) -> Any:
        """Start a stopped child again; returns as `start_child` (`supervisor:restart_child/2`).

        Raises:
            ChildError: "not_found", "running", "restarting" or "simple_one_for_one".
            StartError: it did not start.
        """
        return await ask_to_start(supervisor, "restart_child", hashable(id))

    @staticmethod
    async def delete_child(supervisor: Address, id: object) -> None:
        """Remove the spec of a stopped child (`supervisor:delete_child/2`).

        Raises:
            ChildError: "not_found", "running", "restarting" or "simple_one_for_one".
        """
        or_raise(await call(supervisor, ("delete_child", hashable(id)), None))

    @staticmethod
    async def which_child(supervisor: Address, id: object) -> ChildInfo:
        """One row of `which_children` (`supervisor:which_child/2`); by pid, where the children have no ids.

        Raises:
            ChildError: "not_found".
        """
        found: ChildInfo = or_raise(await call(supervisor, ("which_child", hashable(id)), None))
        return found

    @staticmethod
    async def get_childspec(supervisor: Address, id_or_pid: object) -> ChildSpec:
        """The spec of a child, by id or pid (`supervisor:get_childspec/2`).

        Raises:
            ChildError: "not_found".
        """
        found: ChildSpec = or_raise(await call(supervisor, ("get_childspec", hashable(id_or_pid)), None))
        return found

    @staticmethod
    async def get_callback_module(supervisor: Address) -> type:
        """The class of a running supervisor (`supervisor:get_callback_module/1`)."""
        found: type = await call(supervisor, "get_callback_module", None)
        return found


class ModuleSupervisor(ModuleBased):
    """A supervisor with an `init` of its own: `class Pool(ModuleSupervisor)`, started by `Pool.start_link(arg)`.

    `system.change_code` asks `init` again: options and specs are from then on what it says.
    """

    def init(self, arg: Any, /) -> Init | Ignore | Awaitable[Init | Ignore]:
        """Return `Supervisor.init(children, strategy=…)`, or IGNORE."""
        result: Init | Ignore = super().init(arg)
        return result


def several(children: Any) -> Iterable[Any]:
    """The children that a supervisor is given, which is more easily forgotten to be a list when it is to have one.

    Raises:
        TypeError: this is one child, or nothing that has children in it.
    """
    kind: object = type(children)  # pyright: ignore[reportUnknownVariableType]
    one = child_spec.is_one(children) and kind is not list
    if one or kind is str or not hasattr(children, "__iter__"):
        advice = ". One child stands in a list, too: [child]" if one else ""
        raise TypeError(f"children: wanted a list of children, got {safe_repr(children)}{advice}")
    found: Iterable[Any] = children
    return found


def check_specs(specs: list[ChildSpec], flags: Flags) -> None:
    """Raise unless these can be the children of one supervisor.

    Raises:
        InvalidChild: two have one id, a significant one cannot be, or a simple_one_for_one has not exactly one.
    """
    if flags.has_template and len(specs) != 1:
        raise InvalidChild(
            ("bad_start_spec", specs),
            f"a simple_one_for_one supervisor has one child, of which it starts many; got {len(specs)}",
        )
    seen: set[object] = set()
    for spec in specs:
        id = exact(spec.id)
        if id in seen:
            raise InvalidChild(
                ("duplicate_child_name", spec.id),
                f"two children have the id {safe_repr(spec.id)}. Give one of them another: child_spec(child, id=…)",
            )
        seen.add(id)
        check_significant(spec, flags.auto_shutdown)
