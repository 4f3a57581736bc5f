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
from regrow.kernel.pid import Pid


class DynamicSupervisorServer(SupervisorServer):
    """The server behind every dynamic supervisor."""

    made_of: ClassVar[type[Init]] = DynamicInit


# Functions


class DynamicSupervisor(SupervisorFunctions):
    """Starts and keeps children on demand. All its functions are class methods: `DynamicSupervisor.start_child(pid, …)`."""

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
        """What `ModuleDynamicSupervisor.init` returns (`DynamicSupervisor.init/1`).

        Arguments and errors as in `start_link`; `auto_shutdown` is "never", for no child here is significant.
        """
        return DynamicInit(
            DynamicFlags(strategy, max_restarts, max_seconds, max_children, extra_arguments, auto_shutdown)
        )

    @classmethod
    def child_spec(cls, options: Mapping[str, Any] | None = None, **more: Any) -> ChildSpec:
        """It as a child: `DynamicSupervisor.child_spec(name="workers")`, or `(DynamicSupervisor, {"name": "workers"})`.

        Its name is its id; of a Global or a Via, the key.

        Raises:
            InvalidFlags: an option that it cannot have; here and not when it is started.
        """
        given = {**(options or {}), **more}
        cls.init(**{key: value for key, value in given.items() if key != "name"})
        id = child_spec.id_of(given.get("name"), cls)
        return ChildSpec(id, partial(cls.start_link, **given), type="supervisor", modules=(cls,))

    @staticmethod
    async def start_child(supervisor: Address, child: Child) -> Any:
        """Start a child (`DynamicSupervisor.start_child/2`). The id of its spec is not used.

        Returns:
            Its pid; (pid, extra) if its start function gave that; None if it did not want to run.

        Raises:
            InvalidChild: a child that is no child, or a significant one: no dynamic supervisor ends with a child.
            ChildError: "max_children".
            StartError: it did not start; nothing is kept of it.
        """
        spec = child_spec.child_spec(child)
        if spec.significant:
            letter = f"child {safe_repr(spec.id)}: a child of a dynamic supervisor cannot be significant"
            raise InvalidChild(("invalid_significant", True), letter)
        return await ask_to_start(supervisor, "start_child", spec)

    @staticmethod
    async def terminate_child(supervisor: Address, pid: Any) -> None:
        """Stop a child and forget it; returns when it has ended (`DynamicSupervisor.terminate_child/2`).

        Raises:
            ChildError: "not_found".
            TypeError: this is no pid.
        """
        if not isinstance(pid, Pid):
            raise TypeError(f"terminate_child: a dynamic supervisor knows its children by pid, got {safe_repr(pid)}")
        or_raise(await call(supervisor, ("terminate_child", pid), None))


class ModuleDynamicSupervisor(ModuleBased):
    """A dynamic supervisor with an `init` of its own: `class Workers(ModuleDynamicSupervisor)`."""

    __regrow_keeper__: ClassVar[type[SupervisorServer]] = DynamicSupervisorServer
    __regrow_init__ = "DynamicSupervisor.init()"

    def init(self, arg: Any, /) -> DynamicInit | Ignore | Awaitable[DynamicInit | Ignore]:
        """Return `DynamicSupervisor.init(max_children=…)`, or IGNORE."""
        result: DynamicInit | Ignore = super().init(arg)
        return result
