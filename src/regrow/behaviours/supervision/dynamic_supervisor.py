"""Dynamic supervisors: children are started on demand, and known by pid (Elixir's `DynamicSupervisor`).

    a Supervisor                                  a DynamicSupervisor
    ------------                                  -------------------
    starts the children of its list               starts with none; start_child(supervisor, child)
    identifies them by id, in order               identifies them by pid, in no order
    stops them one after another                  stops all at the same time
    one_for_one, one_for_all, rest_for_one        one_for_one

The supervisor keeps nothing of a child that has ended for good. Starting, ending and restarting a child costs the same
with ten children and with a hundred thousand.

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

from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from regrow.behaviours.gen import child_spec
from regrow.behaviours.gen.child_spec import Child, ChildSpec, InvalidChild
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.supervision.dynamic_children import DynamicInit
from regrow.behaviours.supervision.restart import DynamicFlags
from regrow.behaviours.supervision.supervisor_server import (
    Init,
    ModuleBased,
    SupervisorFunctions,
    SupervisorServer,
    ask_to_start,
    or_raise,
    start_supervisor,
)
from regrow.kernel.addresses import Address, Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Pid


class DynamicSupervisorServer(SupervisorServer):
    """The server process of every dynamic supervisor."""

    init_type: ClassVar[type[Init]] = DynamicInit


# Functions


class DynamicSupervisor(SupervisorFunctions):
    """The functions of dynamic supervisors. All are class methods: `DynamicSupervisor.start_child(pid, …)`."""

    _called = "DynamicSupervisor"

    @classmethod
    async def start_link(
        cls,
        *,
        strategy: Literal["one_for_one"] = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        max_children: int | None = None,
        extra_arguments: Sequence[Any] = (),
        name: Name | None = None,
    ) -> Pid:
        """Start a dynamic supervisor, linked to the caller, without children (`DynamicSupervisor.start_link/1`).

        Args:
            strategy: "one_for_one" is the only one.
            max_restarts: the number of restarts that are allowed within `max_seconds`; after one more it gives up.
            max_seconds: the period for `max_restarts`, in seconds or as a timedelta.
            max_children: the largest number of children at a time, including restarting ones; None is any number.
            extra_arguments: the first arguments of every start function, before those of the child's spec.
            name: a string, a class, Global or Via; None for no name.

        Raises:
            InvalidFlags: an option has an invalid value.
            AlreadyStarted: the name is taken.
        """
        init = cls.init(
            strategy=strategy,
            max_restarts=max_restarts,
            max_seconds=max_seconds,
            max_children=max_children,
            extra_arguments=extra_arguments,
        )
        return await start_supervisor(DynamicSupervisorServer, cls, init, name)

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
        """Return the result for `ModuleDynamicSupervisor.init` (`DynamicSupervisor.init/1`).

        Arguments and errors are those of `start_link`; `auto_shutdown` is "never", because no child can be significant.
        """
        return DynamicInit(
            DynamicFlags(strategy, max_restarts, max_seconds, max_children, extra_arguments, auto_shutdown)
        )

    @classmethod
    def child_spec(cls, options: Mapping[str, Any] | None = None, **more: Any) -> ChildSpec:
        """Return the child spec of a dynamic supervisor (`DynamicSupervisor.child_spec/1`).

        As a child it is `DynamicSupervisor.child_spec(name="workers")` or `(DynamicSupervisor, {"name": "workers"})`.
        Its id is its name; for a Global or a Via name, the key.

        Args:
            options: arguments of `start_link`, as a dict.
            more: arguments of `start_link`, as keywords.

        Raises:
            InvalidFlags: an option has an invalid value; raised here, before it is started.
        """
        arguments = {**(options or {}), **more}
        cls.init(**{key: value for key, value in arguments.items() if key != "name"})
        id = child_spec.id_of(arguments.get("name"), cls)
        return ChildSpec(id, partial(cls.start_link, **arguments), type="supervisor", modules=(cls,))

    @staticmethod
    async def start_child(supervisor: Address, child: Child) -> Any:
        """Start a child (`DynamicSupervisor.start_child/2`). The id of its spec is not used.

        Args:
            supervisor: its pid or name.
            child: a class, (class, argument) or a ChildSpec.

        Returns:
            The child's pid; (pid, extra) if its start function returned that; None if its `init` returned IGNORE.

        Raises:
            InvalidChild: `child` is no valid child, or a significant one: a dynamic supervisor never ends with a child.
            ChildError: "max_children".
            StartError: the child did not start, and is not kept.
        """
        spec = child_spec.child_spec(child)
        if spec.significant:
            letter = f"child {safe_repr(spec.id)}: a child of a dynamic supervisor cannot be significant"
            raise InvalidChild(("invalid_significant", True), letter)
        return await ask_to_start(supervisor, "start_child", spec)

    @staticmethod
    async def terminate_child(supervisor: Address, pid: Any) -> None:
        """Stop a child, and return when it has ended; it is not kept (`DynamicSupervisor.terminate_child/2`).

        Raises:
            ChildError: "not_found".
            TypeError: `pid` is no pid.
        """
        if not isinstance(pid, Pid):
            raise TypeError(
                f"terminate_child: a dynamic supervisor identifies its children by pid; got {safe_repr(pid)}"
            )
        or_raise(await call(supervisor, ("terminate_child", pid), None))


class ModuleDynamicSupervisor(ModuleBased):
    """The base class of dynamic supervisors that define `init`: `class Workers(ModuleDynamicSupervisor)`."""

    __regrow_server__: ClassVar[type[SupervisorServer]] = DynamicSupervisorServer
    __regrow_init__ = "DynamicSupervisor.init()"

    def init(self, arg: Any, /) -> DynamicInit | Ignore | Awaitable[DynamicInit | Ignore]:
        """Return `DynamicSupervisor.init(max_children=…)`, or IGNORE."""
        result: DynamicInit | Ignore = super().init(arg)
        return result
