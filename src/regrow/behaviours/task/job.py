"""The process of a task: it runs one function, and sends its value to the owner of the task.

    owner                                   task
    -----                                   ----
    spawns it, monitors it      ----->      run(job)
    takes (ref, value)          <-----      sends the function's value
    or Down(ref, pid, reason)   <-----      or ends with the exception as reason

A supervised task is spawned by its supervisor. It waits until its owner has monitored it, and sends the job: a process
cannot monitor another for the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from functools import lru_cache
from typing import Any, Final

from regrow.behaviours.gen import reports
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.supervision.children import ChildError
from regrow.behaviours.supervision.dynamic_supervisor import DynamicSupervisor
from regrow.kernel import bifs, bounded_repr, exits, links
from regrow.kernel.addresses import Address
from regrow.kernel.ancestors import NEAREST
from regrow.kernel.awaitables import Foreign, is_awaitable
from regrow.kernel.coroutine_driver import completed
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Monitor, Pid, Process
from regrow.kernel.running import current, running, running_alive
from regrow.kernel.sending import send
from regrow.kernel.signals import Down
from regrow.kernel.spawning import spawn_link
from regrow.kernel.tracebacks import Raised
from regrow.kernel.yields import TIMEOUT, Receive

JOB_TIMEOUT: Final = 5.0  # seconds that a supervised task waits for its job

# (the task's pid, its callers). The pid is checked: a process that a task spawns has a copy of this, and is no task.
CALLERS: ContextVar[tuple[Pid, tuple[Pid, ...]] | None] = ContextVar("regrow_callers", default=None)


def callers() -> tuple[Pid, ...]:
    """Return the callers of the running task: its owner, the owner's owner …; () if this process is no task.

    Elixir keeps them as `$callers`. They lead to the process for which the task works; the ancestors of a process lead to
    its supervisor.
    """
    entry = CALLERS.get()
    caller = current_node().caller()
    return entry[1] if entry is not None and caller is not None and entry[0] is caller.pid else ()


def callers_of_new(caller: Process | None) -> tuple[Pid, ...]:
    """Return the callers of a task that `caller` starts now; None stands for a plain asyncio task."""
    if caller is None:
        return ()
    entry = CALLERS.get()
    if entry is None or entry[0] is not caller.pid:
        return (caller.pid,)
    if len(entry[1]) < NEAREST:
        return (caller.pid, *entry[1])
    return (caller.pid, *entry[1][: NEAREST - 1])  # bounded: a task may start its successor for ever


class Job:
    """A function to run for an owner. Its value is sent under `ref`; without a ref it is dropped."""

    __slots__ = ("args", "callers", "function", "owner", "ref")

    def __init__(
        self,
        owner: Pid,
        callers: tuple[Pid, ...],
        function: Callable[..., Any],
        args: tuple[Any, ...],
        ref: Monitor | None = None,
    ) -> None:
        self.owner: Pid = owner
        self.callers: tuple[Pid, ...] = callers
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.ref: Monitor | None = ref


def new_job(function: Callable[..., Any], args: tuple[Any, ...]) -> Job:
    """Return a job of the running process.

    Raises:
        TypeError: `function` is no function.
    """
    if not callable(function):
        raise TypeError(
            f"a task runs a function, got {bounded_repr.safe_repr(function)}. Pass the function, without calling it"
        )
    node = current_node()
    caller = node.caller()
    return Job(node.guest if caller is None else caller.pid, callers_of_new(caller), function, args)


def run(job: Job) -> Coroutine[Any, Any, None] | None:
    """Run a job in the running process: the body of a task's process.

    Return None after a `def`, and a coroutine that awaits the rest of an `async def`: a process that runs only a `def`
    needs no asyncio task.
    """
    me = running()
    me.initial_call = job.function
    CALLERS.set((me.pid, job.callers))
    try:
        value = job.function(*job.args)
    except BaseException as error:
        raise failure(me, job, error) from None
    if is_awaitable(value):
        return completed(me, job, value, send_value, failure)
    if job.ref is not None:
        send(job.ref, (job.ref, value))
    return None


def send_value(job: Job, value: object) -> None:
    """Send a task's value to its owner, unless the job has no ref."""
    if job.ref is not None:
        send(job.ref, (job.ref, value))


def failure(me: Process, job: Job, error: BaseException) -> BaseException:
    """Return the exception that ends a task whose function raised; report it if it is abnormal."""
    if not me.alive or exits.is_a(error, KeyboardInterrupt, SystemExit, GeneratorExit):
        return error
    raised = Raised(error)
    reason = exits.reason_of(error)
    if not exits.is_normal(reason):
        reports.task_terminated(me, job.owner, job.callers, job.function, job.args, reason, raised)
    return exits.Exit(reason)


async def wait_for_job(owner: Pid) -> None:
    """Wait for the job from the owner, and run it: the body of a supervised task's process.

    Raises:
        Exit: "timeout" if no job came, ("shutdown", reason) if the owner ended first.
    """
    ref = bifs.monitor(owner)

    def is_for_me(message: object) -> bool:
        return type(message) is Job or (type(message) is Down and message.ref is ref)

    message: Any = await Receive(is_for_me, JOB_TIMEOUT)
    if message is TIMEOUT:
        raise exits.Exit("timeout")
    bifs.demonitor(ref, flush=True)
    if type(message) is Down:
        raise exits.Exit(("shutdown", message.reason))
    rest = run(message)
    if rest is not None:
        await rest


# Starting


async def spawn(context: Context, function: Callable[..., Any], argument: object) -> Pid:
    """Spawn a task's process, linked to the supervisor, with the context variables of the task's starter."""
    return context.run(spawn_link, function, argument)


def supervised(function: Callable[..., Any], argument: object, restart: Any, shutdown: Any) -> ChildSpec:
    """Return the child spec of a supervised task."""
    try:
        spec = _template(restart, shutdown)
    except TypeError:  # a value that is not hashable is refused below
        spec = _template.__wrapped__(restart, shutdown)
    return spec.with_args((copy_context(), function, argument))


@lru_cache(maxsize=64, typed=True)
def _template(restart: Any, shutdown: Any) -> ChildSpec:
    """Return the spec of all tasks with these values, without arguments: to check them takes longer than to spawn."""
    return ChildSpec("task", (spawn, ()), restart=restart, shutdown=shutdown, modules=(Job,))


FULL = """reached the maximum number of tasks for this task supervisor.
  TaskSupervisor.start_link(max_children=…) sets how many tasks may run at the same time."""


async def start_supervised_job(supervisor: Address, shutdown: Any) -> Pid:
    """Start a supervised task of the running process, which waits for its job; return its pid.

    Raises:
        RuntimeError: the supervisor has its maximum number of tasks.
        CallExit: the supervisor does not run.
    """
    spec = supervised(wait_for_job, current(), "temporary", shutdown)
    try:
        pid: Pid = await Foreign(DynamicSupervisor.start_child(supervisor, spec))
    except ChildError as error:
        if not exits.is_word(error.reason, "max_children"):
            raise
        raise RuntimeError(FULL) from None
    return pid


def send_job(job: Job, pid: Pid) -> Monitor:
    """Monitor a waiting task, and send it a job; its value comes under the ref of the monitor."""
    ref = job.ref = bifs.monitor(pid, alias="demonitor")
    send(pid, job)
    return ref


def spawn_job(job: Job) -> tuple[Pid, Monitor]:
    """Spawn a process that runs a job, linked to its owner; its value comes under the ref of the monitor."""
    owner = job.owner.process
    if owner is None or not owner.alive or owner.node.scheduler.current is not owner:
        owner = running_alive()
    pid = owner.node.launch(run, (job,), owner).pid
    links.link(owner, pid)
    ref = job.ref = links.monitor(owner, pid, pid, None, "demonitor")
    return pid, ref
