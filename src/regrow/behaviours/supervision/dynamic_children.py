"""Dynamic children: known by pid, in no order, all stopped at the same time.

    DynamicSupervisorChildren   of a DynamicSupervisor: each has its own spec
    SimpleOneForOneChildren     of a simple_one_for_one supervisor: all have one template, each with further arguments

Nothing is kept of a child that has ended for good.
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
from regrow.kernel.process_record import Pid
from regrow.kernel.signals import Exited


class DynamicChild(Child):
    """A dynamic child, and its last pid, by which a restarting child is still known."""

    __slots__ = ("last",)

    def __init__(self, spec: ChildSpec) -> None:
        super().__init__(spec)
        self.last: Pid | None = None


class DynamicChildren(Children):
    """Running children by pid, in `by_pid`; restarting children by their last pid, in `children`."""

    def all_children(self) -> list[Child]:
        """Return all children, running and restarting."""
        return [*self.by_pid.values(), *self.children.values()]

    def size(self) -> int:
        """Return the number of children, running and restarting."""
        return len(self.by_pid) + len(self.children)

    def find(self, id: object) -> Child | None:
        """Return the child that has this pid, or that had it and is being restarted; None if there is none."""
        return (self.by_pid.get(id) or self.children.get(id)) if isinstance(id, Pid) else None

    def forget(self, child: Child) -> None:
        """Remove a child from the table of restarting children."""
        if isinstance(child, DynamicChild):
            self.children.pop(child.last, None)

    def row(self, child: Child) -> ChildInfo:
        """Return the row of `which_children` for a child; its id is None."""
        return shown(child, None)

    def rows(self) -> list[ChildInfo]:
        """Return the rows of `which_children`, in no order; all ids are None."""
        return [shown(child, None) for child in self.all_children()]

    async def add(self, spec: ChildSpec) -> Any:
        """Start one more child; return as `try_start`. The client raises a failure, so it is not reported."""
        child = DynamicChild(spec)
        started = await self.try_start(child)
        child.without_args()
        return started

    def terminated(self, child: Child) -> None:
        """Forget a child that `terminate_child` has stopped, whatever its restart type."""
        self.forget(child)

    async def child_ended(self, child: Child, message: Exited) -> bool:
        """Restart or forget a child that has ended. Where a supervisor would keep its spec, nothing is kept."""
        assert isinstance(child, DynamicChild)
        child.last = message.pid
        return await super().child_ended(child, message)

    async def start_again(self, child: Child) -> None:
        """Restart a child; repeat that later if it fails."""
        assert isinstance(child, DynamicChild)
        if isinstance(await self.start_process(child), StartError):
            child.pid = RESTARTING
            self.children[child.last] = child
            cast(self.process.pid, ("try_again_restart", child.last))
        else:
            self.trace_restart(child)
            self.forget(child)

    async def terminate_all(self) -> None:
        """Stop all children at the same time: send all the exit signals, then wait for each end."""
        ended = take_exits(self.process, self.by_pid)
        shutdowns = [
            (child, pid, None if pid in ended else begin_shutdown(self.process, pid, child.spec.shutdown))
            for pid, child in self.by_pid.items()
        ]
        self.by_pid.clear()
        for child, pid, ending in shutdowns:
            reason = ended.get(pid, "noproc") if ending is None else await ending.reason()
            self.report_end(child, pid, reason)


class DynamicSupervisorChildren(DynamicChildren):
    """The state of a `DynamicSupervisor`, where each child has its own spec."""

    def __init__(self, module: type, flags: DynamicFlags) -> None:
        super().__init__(module, flags)
        self.max_children = flags.max_children
        self.extra_arguments: tuple[Any, ...] = flags.extra_arguments

    def change(self, flags: Flags, specs: list[ChildSpec]) -> None:
        """Take over new options; the children stay."""
        assert isinstance(flags, DynamicFlags)
        self.set_flags(flags)
        self.max_children = flags.max_children
        self.extra_arguments = flags.extra_arguments

    def reported_spec(self, spec: ChildSpec) -> ChildSpec:
        """Return the spec without its id, which a dynamic supervisor does not use."""
        return spec.replace(id=None)

    async def start_child(self, spec: Any) -> Any:
        """Start one more child; return the pid, (pid, extra), None for IGNORE, or an exception."""
        refused = self.refused(spec)
        if refused is not None:
            return refused
        if self.max_children is not None and self.size() >= self.max_children:
            return ChildError("max_children", spec.id)
        if self.extra_arguments:
            spec = spec.replace(start=(spec.start, (*self.extra_arguments, *spec.args)))
        return await self.add(spec)

    def raised(self, spec: ChildSpec, error: BaseException) -> StartError:
        """Return the StartError for a start function that raised, with the bare reason, as in Elixir."""
        return StartError(exits.reason_of(error), named(spec))


class SimpleOneForOneChildren(DynamicChildren):
    """The state of a simple_one_for_one supervisor: a template, and the children that were started from it."""

    template: ChildSpec

    async def begin(self, specs: list[ChildSpec]) -> None:
        """Take the one spec as the template; no child is started."""
        (self.template,) = specs

    def change(self, flags: Flags, specs: list[ChildSpec]) -> None:
        """Take over a new template; running children restart by it, with the arguments that they have now."""
        self.set_flags(flags)
        (self.template,) = specs
        for child in self.all_children():
            child.spec = self.template.replace(start=(self.template.start, child.spec.args))
            child.without_args()

    def counts(self) -> Counts:
        """Return the result of `count_children`: one spec, with any number of children."""
        supervisors = self.size() if self.template.type == "supervisor" else 0
        return Counts(1, len(self.by_pid), supervisors, self.size() - supervisors)

    def by_id_or_pid(self, wanted: object) -> Child | None:
        """Return the template for the pid of a child, or of any ended process, which may have been a child."""
        known = isinstance(wanted, Pid) and (wanted.process is None or self.find(wanted) is not None)
        return Child(self.template) if known else None

    def others_left(self) -> bool:
        """Whether a child is left: all are significant, or none is."""
        return self.size() > 0

    def refused(self, child: object) -> InvalidChild | None:
        """Return the error for arguments that are no list; None for a list."""
        if isinstance(child, list):
            return None
        letter = "a simple_one_for_one supervisor starts its one child spec: wanted the list of further arguments"
        return InvalidChild(("invalid_arguments", child), f"{letter}; got {bounded_repr.safe_repr(child)}")

    async def start_child(self, spec: Any) -> Any:
        """Start one more child, with a list of further arguments; return as for a DynamicSupervisor."""
        refused = self.refused(spec)
        if refused is not None:
            return refused
        template = self.template
        return await self.add(template.replace(start=(template.start, (*template.args, *spec))) if spec else template)

    async def terminate_child(self, id: object) -> ChildError | None:
        """Stop a child, by its pid. For a process that has ended already there is nothing to do."""
        if not isinstance(id, Pid):
            return ChildError("simple_one_for_one", id)
        if id.process is None and self.find(id) is None:
            return None
        return await super().terminate_child(id)

    async def restart_child(self, id: object) -> ChildError:
        """Return the error: the children have no ids, and none is kept when it is stopped."""
        return ChildError("simple_one_for_one", id)

    async def delete_child(self, id: object) -> ChildError:
        """Return the error: the children have no ids, and none is kept when it is stopped."""
        return ChildError("simple_one_for_one", id)


# The results of their supervisors' `init`


class DynamicInit(Init):
    """The result of a dynamic supervisor's `init`: its options."""

    __slots__ = ("dynamic",)

    def __init__(self, flags: DynamicFlags) -> None:
        super().__init__(flags, [])
        self.dynamic: DynamicFlags = flags

    def first_state(self, module: type) -> DynamicSupervisorChildren:
        """Return the first state of the supervisor."""
        return DynamicSupervisorChildren(module, self.dynamic)


class SimpleInit(Init):
    """The result of a simple_one_for_one supervisor's `init`; its one spec is the template."""

    __slots__ = ()

    def first_state(self, module: type) -> SimpleOneForOneChildren:
        """Return the first state of the supervisor."""
        return SimpleOneForOneChildren(module, self.flags)
