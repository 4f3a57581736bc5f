"""Supervisors start children in order, restart those that crash, and stop them in reverse order (OTP's `supervisor`).

    one_for_one    a b c   b ends:   a b' c         only b is started again
    rest_for_one   a b c   b ends:   a b' c'        c is stopped first, then b and c are started
    one_for_all    a b c   b ends:   a' b' c'       c and a are stopped first, then all are started

    simple_one_for_one     children of one spec, started on demand, known by pid; a `DynamicSupervisor` takes any spec

The `restart` of a child and the reason of its end decide whether it is started again; `max_restarts` within
`max_seconds` limits how often. The tables are in `restart.py`. A supervisor that gives up stops its children and ends
with "shutdown"; then the supervisor above it decides.

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
from regrow.kernel.process_record import Pid

__all__ = ["ChildError", "ChildInfo", "Counts", "Init", "SupervisorServer", "ModuleSupervisor", "Supervisor"]

# Functions


class Supervisor(SupervisorFunctions):
    """The functions of supervisors. All are class methods, as in Elixir: `Supervisor.which_children(pid)`."""

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
        """Start a supervisor, linked to the caller, and all its children, in order (`supervisor:start_link/2`).

        Args:
            children: each a class, (class, argument) or a ChildSpec.
            strategy: which children restart with one that has ended: "one_for_one", "one_for_all", "rest_for_one". With
                "simple_one_for_one" the list has one child, which is not started; each `start_child` starts one more.
            max_restarts: the number of restarts that are allowed within `max_seconds`; after one more it gives up.
            max_seconds: the period for `max_restarts`, in seconds or as a timedelta.
            auto_shutdown: whether the end of significant children ends the supervisor: "never", "any_significant",
                "all_significant".
            name: a string, a class, Global or Via; None for no name.

        Raises:
            InvalidChild: an element is no valid child, or two have one id.
            InvalidFlags: an option has an invalid value.
            AlreadyStarted: the name is taken.
            StartError: a child did not start; the earlier ones were stopped again.
            TypeError: `children` is no list.
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
        """Return the result for `ModuleSupervisor.init` (`Supervisor.init/2`).

        Arguments and errors are those of `start_link`, but `strategy` has no default.

        Raises:
            InvalidChild: an element is no valid child, or two have one id.
            InvalidFlags: an option has an invalid value.
            TypeError: `children` is no list.
        """
        flags = Flags(strategy, max_restarts, max_seconds, auto_shutdown)
        specs = [child_spec.child_spec(child) for child in check_list(children)]
        check_specs(specs, flags)
        return SimpleInit(flags, specs) if flags.has_template else Init(flags, specs)

    @classmethod
    def child_spec(
        cls, children: Iterable[Child] | Child = (), *, name: Name | None = None, **options: Any
    ) -> ChildSpec:
        """Return the child spec of a supervisor, for a supervisor above it (`Supervisor.child_spec/2`).

        For example `Supervisor.child_spec([Worker], strategy="one_for_all", name="inner")`. With one child in place of
        a list it returns that child's spec with some values replaced, as `regrow.child_spec` does:
        `Supervisor.child_spec((Worker, 1), id="first")`.

        Args:
            children: the list of children; or one child.
            name: the name of the supervisor, which is also its id.
            options: other arguments of `start_link`; for one child, values of its spec.

        Raises:
            InvalidChild: an element is no valid child; raised here, before the supervisor is started.
            InvalidFlags: an option has an invalid value.
            TypeError: `children` is neither a list nor a child.
        """
        if child_spec.is_single_child(children) or options.keys() & child_spec.CLASS_OPTIONS:
            child: Any = children
            return child_spec.child_spec(child, **options)
        child_list = list(check_list(children))
        options.setdefault("strategy", "one_for_one")
        cls.init(child_list, **options)
        start = partial(cls.start_link, name=name, **options)
        return ChildSpec(cls if name is None else name, (start, (child_list,)), type="supervisor", modules=(cls,))

    @staticmethod
    def check_childspecs(children: Iterable[Child], auto_shutdown: AutoShutdown | None = None) -> None:
        """Check that these can be the children of one supervisor (`supervisor:check_childspecs/1,2`).

        Args:
            children: each a class, (class, argument) or a ChildSpec.
            auto_shutdown: the option of the supervisor; None if it may have any.

        Raises:
            InvalidChild: an element is no valid child, two have one id, or the end of one cannot be significant.
            InvalidFlags: `auto_shutdown` has an invalid value.
            TypeError: `children` is no list.
        """
        flags = Flags(auto_shutdown="any_significant" if auto_shutdown is None else auto_shutdown)
        check_specs([child_spec.child_spec(child) for child in check_list(children)], flags)

    @staticmethod
    async def start_child(supervisor: Address, child: Child | list[Any]) -> Any:
        """Add a child and start it (`supervisor:start_child/2`).

        Args:
            supervisor: its pid or name.
            child: a class, (class, argument) or a ChildSpec; for a simple_one_for_one supervisor a list of further
                arguments for its start function, after those of the spec.

        Returns:
            The child's pid; (pid, extra) if its start function returned that; None if its `init` returned IGNORE.

        Raises:
            InvalidChild: `child` is no valid child.
            AlreadyStarted: a child with this id runs.
            ChildError: "already_present": the supervisor has a child with this id, which is stopped.
            StartError: the child did not start; its spec is not kept.
        """
        more = child if isinstance(child, list) else child_spec.child_spec(child)  # pyright: ignore[reportUnknownVariableType]
        return await ask_to_start(supervisor, "start_child", more)  # pyright: ignore[reportUnknownArgumentType]

    @staticmethod
    async def terminate_child(supervisor: Address, id: object) -> None:
        """Stop a child and keep its spec, unless it is temporary (`supervisor:terminate_child/2`).

        Args:
            supervisor: its pid or name.
            id: the child's id; its pid, for a simple_one_for_one supervisor.

        Raises:
            ChildError: "not_found", or "simple_one_for_one" if the supervisor needs a pid.
        """
        or_raise(await call(supervisor, ("terminate_child", hashable(id)), None))

    @staticmethod
    async def restart_child(supervisor: Address, id: object) -> Any:
        """Start a stopped child again (`supervisor:restart_child/2`).

        Returns:
            The child's pid; (pid, extra) if its start function returned that; None if its `init` returned IGNORE.

        Raises:
            ChildError: "not_found", "running", "restarting" or "simple_one_for_one".
            StartError: the child did not start.
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
        """Return the row of `which_children` for one child, by id, or by pid without ids (`supervisor:which_child/2`).

        Raises:
            ChildError: "not_found".
        """
        found: ChildInfo = or_raise(await call(supervisor, ("which_child", hashable(id)), None))
        return found

    @staticmethod
    async def get_childspec(supervisor: Address, id_or_pid: object) -> ChildSpec:
        """Return the spec of a child, by id or pid (`supervisor:get_childspec/2`).

        Raises:
            ChildError: "not_found".
        """
        found: ChildSpec = or_raise(await call(supervisor, ("get_childspec", hashable(id_or_pid)), None))
        return found

    @staticmethod
    async def get_callback_module(supervisor: Address) -> type:
        """Return the class of a running supervisor (`supervisor:get_callback_module/1`)."""
        found: type = await call(supervisor, "get_callback_module", None)
        return found


class ModuleSupervisor(ModuleBased):
    """The base class of supervisors that define `init`: `class Pool(ModuleSupervisor)`, and `Pool.start_link(arg)`.

    `system.change_code` calls `init` again, and takes over its options and specs.
    """

    def init(self, arg: Any, /) -> Init | Ignore | Awaitable[Init | Ignore]:
        """Return `Supervisor.init(children, strategy=…)`, or IGNORE."""
        result: Init | Ignore = super().init(arg)
        return result


def check_list(children: Any) -> Iterable[Any]:
    """Check that `children` is a list; passing a single child is a common mistake.

    Raises:
        TypeError: `children` is a single child, or no iterable.
    """
    kind: object = type(children)  # pyright: ignore[reportUnknownVariableType]
    is_single = child_spec.is_single_child(children) and kind is not list
    if is_single or kind is str or not hasattr(children, "__iter__"):
        advice = ". Put a single child into a list: [child]" if is_single else ""
        raise TypeError(f"children: wanted a list of children, got {safe_repr(children)}{advice}")
    found: Iterable[Any] = children
    return found


def check_specs(specs: list[ChildSpec], flags: Flags) -> None:
    """Check that these can be the children of one supervisor.

    Raises:
        InvalidChild: two have one id, one cannot be significant, or a simple_one_for_one has not exactly one.
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
