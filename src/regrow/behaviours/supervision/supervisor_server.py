"""The server process of every supervisor: it passes requests and the ends of children to its `Children`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import update_wrapper
from typing import Any, ClassVar, Final

from regrow.behaviours.gen import child_spec, reports, system
from regrow.behaviours.gen.cancelled_starts import Attempt, give_up
from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.init_argument import Arg, HasInit
from regrow.behaviours.gen.request import ask
from regrow.behaviours.gen.results import Error, NoClause, NoReply, Ok, Reply, Stop
from regrow.behaviours.gen.start_errors import StartError
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.gen_server.gen_server import From, GenServer
from regrow.behaviours.supervision.children import ChildError, ChildInfo, Children, Counts
from regrow.behaviours.supervision.restart import Flags
from regrow.kernel import bounded_repr, names
from regrow.kernel.addresses import Address, Name
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.explained_reasons import explained, returned
from regrow.kernel.node_shutdown import KEEPER
from regrow.kernel.process_record import Host, Pid, Process, is_guest
from regrow.kernel.requests import ANSWERED, CLOSED, CallRequest, new_request
from regrow.kernel.running import running
from regrow.kernel.signals import Exited


class Init:
    """The result of a supervisor's `init`: its options and child specs."""

    __slots__ = ("flags", "specs")

    def __init__(self, flags: Flags, specs: list[ChildSpec]) -> None:
        self.flags: Flags = flags
        self.specs: list[ChildSpec] = specs

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.flags!r}, {len(self.specs)} children)"

    def first_state(self, module: type) -> Children:
        """Return the first state of the supervisor."""
        return Children(module, self.flags)


class InitialCall:
    """The initial call of a supervisor: the `init` of the user's class, in place of `SupervisorServer.init`."""

    def __init__(self, module: Any) -> None:
        update_wrapper(self, getattr(module, "init", SupervisorServer.init))

    def __call__(self, *args: Any) -> Any:
        """Call the `init` that this stands for."""
        function: Any = vars(self)["__wrapped__"]
        return function(*args)


class SupervisorServer(GenServer[Children]):
    """The server process of every supervisor; its state is a `Children`."""

    init_type: ClassVar[type[Init]] = Init
    __regrow_shutdown_limit__: ClassVar[None] = None  # no limit: its children have their own limits

    async def init(self, arg: tuple[type, Any], /) -> Any:
        """Start all children, or none. `arg` is (class, Init) or (class, argument of its `init`)."""
        running().trap_exit = True
        module, init_arg = arg
        running().initial_call = InitialCall(module)
        init: Any = init_arg
        if not isinstance(init_arg, self.init_type):
            init = module().init(init_arg)
            if is_awaitable(init):
                init = await init
            if isinstance(init, Ignore):
                return init
            if not isinstance(init, self.init_type):
                wanted = getattr(module, "__regrow_init__", "the result of Supervisor.init")
                letter = returned(module, "init", init, f"{wanted} or IGNORE")
                return Stop(explained(("bad_return", (module, "init", init)), letter))
        children = init.first_state(module)
        children.arg = init_arg
        specs, init.specs = init.specs, []  # not kept, so that the arguments of temporary children can be freed
        failed = await children.begin(specs)
        KEEPER.set(children.process.pid)
        return Ok(children) if failed is None else Stop(failed)

    async def handle_call(self, request: Any, from_: From, children: Children, /) -> Any:
        """Serve a request of a client."""
        match request:
            case "which_children":
                answer: Any = children.rows()
            case "count_children":
                answer = children.counts()
            case "get_callback_module":
                answer = children.module
            case ("which_child", id):
                found = children.find(id)
                answer = ChildError("not_found", id) if found is None else children.row(found)
            case ("get_childspec", wanted):
                found = children.by_id_or_pid(wanted)
                answer = ChildError("not_found", wanted) if found is None else found.spec
            case ("start_child" | "restart_child", _) if is_withdrawn(from_):
                answer = None  # the caller was cancelled before the request's turn came
            case ("start_child" | "restart_child", wanted):
                children.request = from_
                try:
                    answer = await (children.start_child if request[0] == "start_child" else children.restart_child)(
                        wanted
                    )
                finally:
                    children.request = None
                    withdrawn(from_)
            case ("undo_start", operation, started):
                await children.undo_start(started, keep_spec=operation == "restart_child")
                answer = None
            case ("terminate_child", id):
                answer = await children.terminate_child(id)
            case ("delete_child", id):
                answer = await children.delete_child(id)
            case _:
                raise NoClause(request)
        return Reply(answer, children)

    async def handle_cast(self, request: Any, children: Children, /) -> Any:
        """Repeat a restart that has failed; log any other cast."""
        match request:
            case ("try_again_restart", id):
                return NoReply(children) if await children.try_again(id) else Stop("shutdown", children)
            case _:
                reports.unexpected_message(children.module, request)
                return NoReply(children)

    async def handle_info(self, message: Any, children: Children, /) -> Any:
        """Handle the end of a child; log any other message."""
        if type(message) is not Exited:
            reports.unexpected_message(children.module, message)
            return NoReply(children)
        child = children.by_pid.pop(message.pid, None)
        if child is None or await children.child_ended(child, message):
            return NoReply(children)
        return Stop("shutdown", children)

    async def terminate(self, reason: Any, children: Children, /) -> None:
        """Stop all children, before the supervisor ends."""
        await children.terminate_all()

    def code_change(self, old_version: Any, children: Children, extra: Any, /) -> Any:
        """Call the module's `init` again, and take over its options and specs; IGNORE changes nothing."""
        if isinstance(children.arg, self.init_type):  # started with a list of children, not by a class's `init`
            return Ok(children)
        module: Any = children.module
        init: Any = module().init(children.arg)
        if isinstance(init, Ignore):
            return Ok(children)
        if not isinstance(init, self.init_type):
            wrong: object = init
            if isinstance(init, Coroutine):
                init.close()
            return wrong
        if init.first_state(module).__class__ is not children.__class__:
            return Error(("invalid_strategy", init.flags.strategy))
        children.change(init.flags, init.specs)
        return Ok(children)


async def start_supervisor(server_class: type[SupervisorServer], module: type, arg: Any, name: Name | None) -> Pid:
    """Start a supervisor that reports show as `module`, with its `Init` or the argument of its `init`."""
    try:
        return await server_class.start_link((module, arg), name=name)
    except StartError as error:
        if error.who is server_class:  # name the user's class in place of the internal one
            error.who = module if name is None else name
        raise


# Starts on request, and their cancellation


async def ask_to_start(supervisor: Address, operation: str, wanted: object) -> Any:
    """Request a start from a supervisor; return its answer, or raise it if it is an exception.

    A caller that is cancelled has no child afterwards: a child that is being started is ended, one that has started is
    stopped again, and a request that is still queued is ignored.
    """
    node = current_node()
    sent = new_request(node, (operation, wanted))
    caller = node.caller()
    try:
        return or_raise(await ask(supervisor, sent, None, ("GenServer", "call", [supervisor, sent.request, None])))
    except asyncio.CancelledError:
        if caller is None or caller.alive:
            await withdraw(node, supervisor, operation, sent)
        raise


async def withdraw(node: Host, supervisor: Address, operation: str, sent: CallRequest) -> None:
    """Cancel a start, because its caller was cancelled; return when the child has ended.

    The supervisor may have answered already (the child is stopped again), be at this start (it is given up, in the
    supervisor's thread), or not have begun (`is_withdrawn` keeps it from beginning).
    """
    pid = names.find(node, supervisor)
    server = None if pid is None else pid.process
    if pid is None or server is None:
        return
    if sent.state == ANSWERED:
        if not isinstance(sent.answer, Exception):
            await call(pid, ("undo_start", operation, sent.answer), None)
        return
    gone = node.loop.create_future()

    def settled() -> None:
        if not gone.done():
            gone.set_result(None)

    if server.node is node:
        interrupt(server, sent, settled)
    elif not server.node.post(interrupt, server, sent, lambda: node.post(settled)):
        return
    await gone


def interrupt(server: Process, sent: CallRequest, settled: Callable[[], object]) -> None:
    """Give up a requested start, if the supervisor is at it; `settled` is called when that is over."""
    attempt: Attempt | None = server.node.attempts.get(server)
    if attempt is None or attempt.request is not sent:
        settled()  # it has not begun, and `is_withdrawn` will keep it from beginning
        return
    WITHDRAWN[sent] = settled
    give_up(server)


def is_withdrawn(sent: CallRequest) -> bool:
    """Whether the caller of a start was cancelled. If it was killed, the child is started all the same, as in OTP."""
    return sent.state == CLOSED and (sent.pid.process is not None or is_guest(sent.pid))


def withdrawn(sent: CallRequest) -> None:
    """Wake the cancelled caller of a start that is over, if there is one."""
    settled = WITHDRAWN.pop(sent, None) if WITHDRAWN else None
    if settled is not None:
        settled()


WITHDRAWN: Final[dict[CallRequest, Callable[[], object]]] = {}


def or_raise(answer: Any) -> Any:
    """Return the answer of a supervisor, or raise it if it is an exception."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def hashable(id: object) -> object:
    """Return an id after checking that it is hashable, in the client: in the supervisor it would raise there.

    Raises:
        TypeError: `id` is not hashable.
    """
    try:
        hash(id)
    except TypeError:
        raise TypeError(
            f"wanted the id or the pid of a child, which are hashable; got {bounded_repr.safe_repr(id)}"
        ) from None
    return id


# Base classes of the public classes


class SupervisorFunctions:
    """The class methods that every kind of supervisor has."""

    _called: ClassVar[str] = "Supervisor"

    @staticmethod
    async def which_children(supervisor: Address) -> list[ChildInfo]:
        """Return the children, the last started first (`supervisor:which_children/1`).

        The children of a dynamic supervisor have no order, and the id of each is None.
        """
        found: list[ChildInfo] = await call(supervisor, "which_children", None)
        return found

    @staticmethod
    async def count_children(supervisor: Address) -> Counts:
        """Return the numbers of specs, running children, supervisors and workers (`supervisor:count_children/1`)."""
        found: Counts = await call(supervisor, "count_children", None)
        return found

    @classmethod
    async def stop(
        cls, supervisor: Address, reason: object = "normal", timeout: float | timedelta | None = None
    ) -> None:
        """Stop a supervisor and its children, and wait until they have ended (`Supervisor.stop/3`).

        The children of a supervisor end one after another, the last started first; those of a dynamic one together.

        Args:
            supervisor: its pid or name.
            reason: the reason to end with.
            timeout: seconds to wait for the end; None waits for ever.

        Raises:
            CallExit: there is no such process, it took longer than `timeout`, or it ended with another reason.
        """
        await system.stop(supervisor, reason, seconds(timeout, "stop(timeout=)"), cls._called)


class ModuleBased:
    """A supervisor that defines `init`. Its class options are those of a `GenServer`, without `named`."""

    __regrow_spec__: ClassVar[dict[str, Any]] = {}
    __regrow_server__: ClassVar[type[SupervisorServer]] = SupervisorServer
    __regrow_init__: ClassVar[str] = "Supervisor.init(children, strategy=…)"

    def __init_subclass__(cls, **spec: Any) -> None:
        super().__init_subclass__()
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec)}

    def init(self, arg: Any, /) -> Any:
        """Return the result of `Supervisor.init` or `DynamicSupervisor.init`, or IGNORE."""
        raise NotImplementedError(f"{type(self).__name__} needs an init(arg) that returns {self.__regrow_init__}")

    @classmethod
    async def start_link(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
    ) -> Pid:
        """Start the supervisor, linked to the caller, by its `init(arg)`; return its pid (`Supervisor.start_link/3`).

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` raised or returned an invalid result, or a child did not start.
        """
        module: Any = cls
        return await start_supervisor(module.__regrow_server__, module, arg, name)

    @classmethod
    def child_spec(cls, arg: Any = None) -> ChildSpec:
        """Return the child spec of this supervisor, for a supervisor above it: its id is the class."""
        return child_spec.of_class(cls, arg, cls.__regrow_spec__, type="supervisor")
