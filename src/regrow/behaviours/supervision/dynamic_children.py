"""Children that come and go: known by pid, in no order, stopped all at the same time.

    Guests       of a DynamicSupervisor: each brings a spec of its own
    Instances    of a simple_one_for_one supervisor: all are made after one template, each with some arguments more

A child that ends for good leaves nothing behind.
"""

from __future__ import annotations

from typing import Any

from regrow.behaviours.gen.child_spec import ChildSpec, InvalidChild
from regrow.behaviours.gen.start_errors import StartError
from regrow.behaviours.gen_server.client import cast
from regrow.behaviours.supervision.children import (
    RESTARTING,
    Child,
    ChildError,
    ChildInfo,
    Children,
    Counts,
    named,
    shown,
)
from regrow.behaviours.supervision.restart import DynamicFlags, Flags
from regrow.behaviours.supervision.shutdown import begin_shutdown
from regrow.behaviours.supervision.supervisor_server import Init
from regrow.kernel import bounded_repr, exits
from regrow.kernel.mailbox import take_exits
from regrow.kernel.pid import Pid
from regrow.kernel.signals import Exited


class DynamicChild(Child):
    """One child, and the pid that it had last: a restarting one is still called by it."""

    __slots__ = ("last",)

    def __init__(self, spec: ChildSpec) -> None:
        super().__init__(spec)
        self.last: Pid | None = None


class DynamicChildren(Children):
    """Those that run by pid, and apart, by the pid that they had, the few that are between two lives."""

    def everyone(self) -> list[Child]:
        """All children."""
        return [*self.by_pid.values(), *self.children.values()]

    def size(self) -> int:
        """How many there are."""
        return len(self.by_pid) + len(self.children)

    def find(self, id: object) -> Child | None:
        """The child that has this pid, or had it and is being restarted."""
        return (self.by_pid.get(id) or self.children.get(id)) if isinstance(id, Pid) else None

    def forget(self, child: Child) -> None:
        """No child any more."""
        if isinstance(child, DynamicChild):
            self.children.pop(child.last, None)

    def row(self, child: Child) -> ChildInfo:
        """What is shown of one: they have no ids."""
        return shown(child, None)

    def rows(self) -> list[ChildInfo]:
        """What `which_children` gives."""
        return [shown(child, None) for child in self.everyone()]

    async def add(self, spec: ChildSpec) -> Any:
        """Start one more; gives what `try_start` gives. Whoever asked hears of a failure, so it is not reported."""
        child = DynamicChild(spec)
        started = await self.try_start(child)
        child.without_args()
        return started

    def was_told_to_end(self, child: Child) -> None:
        """Nothing is left of it, of whichever restart it is."""
        self.forget(child)

    async def child_ended(self, child: Child, message: Exited) -> bool:
        """Decide what becomes of a child that has gone; of one that is only kept, nothing is."""
        assert isinstance(child, DynamicChild)
        child.last = message.pid
        return await super().child_ended(child, message)

    async def start_again(self, child: Child) -> None:
        """Start a child again; try later if that fails, and forget it if it does not want to run."""
        assert isinstance(child, DynamicChild)
        if isinstance(await self.start_process(child), StartError):
            child.pid = RESTARTING
            self.children[child.last] = child
            cast(self.process.pid, ("try_again_restart", child.last))
        else:
            self.tell_restart(child)
            self.forget(child)

    async def terminate_all(self) -> None:
        """Stop all children at the same time: all are told first, then each is waited for."""
        ended = take_exits(self.process, self.by_pid)
        told = [
            (child, pid, None if pid in ended else begin_shutdown(self.process, pid, child.spec.shutdown))
            for pid, child in self.by_pid.items()
        ]
        self.by_pid.clear()
        for child, pid, ending in told:
            reason = ended.get(pid, "noproc") if ending is None else await ending.reason()
            self.report_end(child, pid, reason)


class DynamicSupervisorChildren(DynamicChildren):
    """The state of a `DynamicSupervisor`: every child brings a spec of its own."""

    def __init__(self, module: type, flags: DynamicFlags) -> None:
        super().__init__(module, flags)
        self.max_children = flags.max_children
        self.extra_arguments: tuple[Any, ...] = flags.extra_arguments

    def change(self, flags: Flags, specs: list[ChildSpec]) -> None:
        """Go on with other options, and the children that are there."""
        assert isinstance(flags, DynamicFlags)
        self.set_flags(flags)
        self.max_children = flags.max_children
        self.extra_arguments = flags.extra_arguments

    def told_of(self, spec: ChildSpec) -> ChildSpec:
        """The ids that they bring are none here."""
        return spec.replace(id=None)

    async def start_child(self, spec: Any) -> Any:
        """Start one more; gives the pid or an exception."""
        refused = self.refused(spec)
        if refused is not None:
            return refused
        if self.max_children is not None and self.size() >= self.max_children:
            return ChildError("max_children", spec.id)
        if self.extra_arguments:
            spec = spec.replace(start=(spec.start, (*self.extra_arguments, *spec.args)))
        return await self.add(spec)

    def raised(self, spec: ChildSpec, error: BaseException) -> StartError:
        """A start function has raised: its reason stands by itself, as in Elixir."""
        return StartError(exits.reason_of(error), named(spec))


class SimpleOneForOneChildren(DynamicChildren):
    """The state of a simple_one_for_one supervisor: a template, and the children that were made after it."""

    template: ChildSpec

    async def begin(self, specs: list[ChildSpec]) -> None:
        """Start with the template alone."""
        (self.template,) = specs

    def change(self, flags: Flags, specs: list[ChildSpec]) -> None:
        """Go on with another template: who runs is started again by it, with the arguments that it has now."""
        self.set_flags(flags)
        (self.template,) = specs
        for child in self.everyone():
            child.spec = self.template.replace(start=(self.template.start, child.spec.args))
            child.without_args()

    def counts(self) -> Counts:
        """What `count_children` gives: one spec, however many children are made after it."""
        supervisors = self.size() if self.template.type == "supervisor" else 0
        return Counts(1, len(self.by_pid), supervisors, self.size() - supervisors)

    def described(self, wanted: object) -> Child | None:
        """Of every child, the template; of a process that has ended, too, which may have been one."""
        known = isinstance(wanted, Pid) and (wanted.process is None or self.find(wanted) is not None)
        return Child(self.template) if known else None

    def others_left(self) -> bool:
        """Whether a child is left: all are significant, or none."""
        return self.size() > 0

    def refused(self, child: object) -> InvalidChild | None:
        """Why these are no arguments for a child."""
        if isinstance(child, list):
            return None
        letter = "a simple_one_for_one supervisor starts its one child, with the list of arguments to add"
        return InvalidChild(("invalid_arguments", child), f"{letter}; got {bounded_repr.safe_repr(child)}")

    async def start_child(self, spec: Any) -> Any:
        """Start one more, with a list of further arguments; gives the pid or an exception."""
        refused = self.refused(spec)
        if refused is not None:
            return refused
        template = self.template
        return await self.add(template.replace(start=(template.start, (*template.args, *spec))) if spec else template)

    async def terminate_child(self, id: object) -> ChildError | None:
        """Stop one, by its pid; one that has ended has been stopped."""
        if not isinstance(id, Pid):
            return ChildError("simple_one_for_one", id)
        if id.process is None and self.find(id) is None:
            return None
        return await super().terminate_child(id)

    async def restart_child(self, id: object) -> ChildError:
        """Not here."""
        return ChildError("simple_one_for_one", id)

    async def delete_child(self, id: object) -> ChildError:
        """Not here."""
        return ChildError("simple_one_for_one", id)


# What they are made of


class DynamicInit(Init):
    """What a dynamic supervisor is made of."""

    __slots__ = ("dynamic",)

    def __init__(self, flags: DynamicFlags) -> None:
        super().__init__(flags, [])
        self.dynamic: DynamicFlags = flags

    def tree(self, module: type) -> DynamicSupervisorChildren:
        """The state that its supervisor begins with."""
        return DynamicSupervisorChildren(module, self.dynamic)


class SimpleInit(Init):
    """What a simple_one_for_one supervisor is made of; its one spec is the template."""

    __slots__ = ()

    def tree(self, module: type) -> SimpleOneForOneChildren:
        """The state that its supervisor begins with."""
        return SimpleOneForOneChildren(module, self.flags)
