"""The server behind every supervisor: takes requests and the ends of children, and lets its `Children` deal with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import update_wrapper
from typing import Any, ClassVar, Final

from regrow.behaviours.gen import child_spec, reports, system
from regrow.behaviours.gen.cancelled_starts import Attempt, give_up
from regrow.behaviours.gen.child_spec import ChildSpec
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
from regrow.kernel.node import Node
from regrow.kernel.node_shutdown import KEEPER
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import ANSWERED, CLOSED, CallRequest, new_request
from regrow.kernel.running import running
from regrow.kernel.signals import Exited


class Init:
    """What a supervisor is made of; `ModuleSupervisor.init` returns one."""

    __slots__ = ("flags", "specs")

    def __init__(self, flags: Flags, specs: list[ChildSpec]) -> None:
        self.flags: Flags = flags
        self.specs: list[ChildSpec] = specs

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.flags!r}, {len(self.specs)} children)"

    def tree(self, module: type) -> Children:
        """The state that its supervisor begins with."""
        return Children(module, self.flags)


class InitialCall:
    """The initial call of a supervisor: the `init` of its own class, which is the user's, in place of the keeper's."""

    def __init__(self, module: Any) -> None:
        update_wrapper(self, getattr(module, "init", SupervisorServer.init))

    def __call__(self, *args: Any) -> Any:
        """What the function gives."""
        function: Any = vars(self)["__wrapped__"]
        return function(*args)


class SupervisorServer(GenServer[Children]):
    """The server behind every supervisor."""

    made_of: ClassVar[type[Init]] = Init
    __regrow_patience__: ClassVar[None] = None  # it knows how long its children may take to end

    async def init(self, arg: tuple[type, Any], /) -> Any:
        """Start all children, or none."""
        running().trap_exit = True
        module, given = arg
        running().initial_call = InitialCall(module)
        init: Any = given
        if not isinstance(given, self.made_of):
            init = module().init(given)
            if is_awaitable(init):
                init = await init
            if isinstance(init, Ignore):
                return init
            if not isinstance(init, self.made_of):
                gives = getattr(module, "__regrow_init__", "what makes a supervisor")
                letter = returned(module, "init", init, f"{gives} or IGNORE")
                return Stop(explained(("bad_return", (module, "init", init)), letter))
        tree = init.tree(module)
        tree.arg = given
        specs, init.specs = init.specs, []  # what a temporary child was started with is not kept
        failed = await tree.begin(specs)
        KEEPER.set(tree.process.pid)
        return Ok(tree) if failed is None else Stop(failed)

    async def handle_call(self, request: Any, from_: From, tree: Children, /) -> Any:
        """Administer the children."""
        match request:
            case "which_children":
                answer: Any = tree.rows()
            case "count_children":
                answer = tree.counts()
            case "get_callback_module":
                answer = tree.module
            case ("which_child", id):
                found = tree.find(id)
                answer = ChildError("not_found", id) if found is None else tree.row(found)
            case ("get_childspec", wanted):
                found = tree.described(wanted)
                answer = ChildError("not_found", wanted) if found is None else found.spec
            case ("start_child" | "restart_child", _) if is_withdrawn(from_):
                answer = None  # its caller was cancelled before its turn came
            case ("start_child" | "restart_child", wanted):
                tree.request = from_
                try:
                    answer = await (tree.start_child if request[0] == "start_child" else tree.restart_child)(wanted)
                finally:
                    tree.request = None
                    withdrawn(from_)
            case ("undo_start", operation, started):
                await tree.undo_start(started, keep_spec=operation == "restart_child")
                answer = None
            case ("terminate_child", id):
                answer = await tree.terminate_child(id)
            case ("delete_child", id):
                answer = await tree.delete_child(id)
            case _:
                raise NoClause(request)
        return Reply(answer, tree)

    async def handle_cast(self, request: Any, tree: Children, /) -> Any:
        """Try a restart again that has failed. Nobody else casts to a supervisor; what comes all the same is logged."""
        match request:
            case ("try_again_restart", id):
                return NoReply(tree) if await tree.try_again(id) else Stop("shutdown", tree)
            case _:
                reports.unexpected_message(tree.module, request)
                return NoReply(tree)

    async def handle_info(self, message: Any, tree: Children, /) -> Any:
        """A child has ended, or somebody has sent something that is ignored."""
        if type(message) is not Exited:
            reports.unexpected_message(tree.module, message)
            return NoReply(tree)
        child = tree.by_pid.pop(message.pid, None)
        if child is None or await tree.child_ended(child, message):
            return NoReply(tree)
        return Stop("shutdown", tree)

    async def terminate(self, reason: Any, tree: Children, /) -> None:
        """Stop the children."""
        await tree.terminate_all()

    def code_change(self, old_version: Any, tree: Children, extra: Any, /) -> Any:
        """Ask the module's `init` again: what it says counts from now on; IGNORE leaves all as it is."""
        if isinstance(tree.arg, self.made_of):  # started with a list of children, which no module can change
            return Ok(tree)
        module: Any = tree.module
        init: Any = module().init(tree.arg)
        if isinstance(init, Ignore):
            return Ok(tree)
        if not isinstance(init, self.made_of):
            wrong: object = init
            if isinstance(init, Coroutine):
                init.close()
            return wrong
        if init.tree(module).__class__ is not tree.__class__:
            return Error(("invalid_strategy", init.flags.strategy))
        tree.change(init.flags, init.specs)
        return Ok(tree)


async def start_supervisor(keeper: type[SupervisorServer], module: type, arg: Any, name: Name | None) -> Pid:
    """Start a supervisor that is `module` to those who look, from its `Init` or the argument of its `init`."""
    try:
        return await keeper.start_link((module, arg), name=name)
    except StartError as error:
        if error.who is keeper:  # whoever reads this wrote the module
            error.who = module if name is None else name
        raise


# Starts on request


async def ask_to_start(supervisor: Address, operation: str, wanted: object) -> Any:
    """Let a keeper start a child; gives or raises what it answers.

    Where the caller is cancelled the start has failed: a child that is being started is ended, one that has started is
    stopped again, and a request that waits for its turn comes to nothing.
    """
    node = current_node()
    made = new_request(node, (operation, wanted))
    caller = node.caller()
    try:
        return or_raise(await ask(supervisor, made, None, ("GenServer", "call", [supervisor, made.request, None])))
    except asyncio.CancelledError:
        if caller is None or caller.alive:
            await withdraw(node, supervisor, operation, made)
        raise


async def withdraw(node: Node, supervisor: Address, operation: str, made: CallRequest) -> None:
    """The caller of a start was cancelled; returns when nothing is left of what was started."""
    pid = names.find(node, supervisor)
    keeper = None if pid is None else pid.process
    if pid is None or keeper is None:
        return
    if made.state == ANSWERED:
        if not isinstance(made.answer, Exception):
            await call(pid, ("undo_start", operation, made.answer), None)
        return
    gone = node.loop.create_future()

    def settled() -> None:
        if not gone.done():
            gone.set_result(None)

    if keeper.node is node:
        interrupt(keeper, made, settled)
    elif not keeper.node.post(interrupt, keeper, made, lambda: node.post(settled)):
        return
    await gone


def interrupt(keeper: Process, made: CallRequest, settled: Callable[[], object]) -> None:
    """Give up the start that a keeper was asked for, if it is at it; `settled` is called when that is over."""
    attempt: Attempt | None = keeper.node.attempts.get(keeper)
    if attempt is None or attempt.request is not made:
        settled()  # it has not begun: `is_withdrawn` will keep it from that
        return
    WITHDRAWN[made] = settled
    give_up(keeper)


def is_withdrawn(made: CallRequest) -> bool:
    """Whether the caller of a start was cancelled. For one that was killed the child is started, as in OTP."""
    return made.state == CLOSED and (made.pid.process is not None or made.pid is made.pid.node.guest)


def withdrawn(made: CallRequest) -> None:
    """A start is over: a caller that has withdrawn it may go."""
    settled = WITHDRAWN.pop(made, None) if WITHDRAWN else None
    if settled is not None:
        settled()


WITHDRAWN: Final[dict[CallRequest, Callable[[], object]]] = {}


def or_raise(answer: Any) -> Any:
    """What a keeper answered, or raised if it answered with an exception."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def hashable(id: object) -> object:
    """An id that a child could have: one that could not would be the end of the supervisor.

    Raises:
        TypeError: it is not hashable.
    """
    try:
        hash(id)
    except TypeError:
        raise TypeError(
            f"wanted the id or the pid of a child, which are hashable; got {bounded_repr.safe_repr(id)}"
        ) from None
    return id


# What the classes that users see have in common


class SupervisorFunctions:
    """The functions that every supervisor's class has."""

    _called: ClassVar[str] = "Supervisor"

    @staticmethod
    async def which_children(supervisor: Address) -> list[ChildInfo]:
        """The children, the last started first (`supervisor:which_children/1`).

        Those of a dynamic supervisor stand in no order, and the id of each is None.
        """
        found: list[ChildInfo] = await call(supervisor, "which_children", None)
        return found

    @staticmethod
    async def count_children(supervisor: Address) -> Counts:
        """How many specs, running children, supervisors and workers (`supervisor:count_children/1`)."""
        found: Counts = await call(supervisor, "count_children", None)
        return found

    @classmethod
    async def stop(
        cls, supervisor: Address, reason: object = "normal", timeout: float | timedelta | None = None
    ) -> None:
        """Stop a supervisor and its children, and wait until they have ended (`Supervisor.stop/3`).

        The children of a supervisor end one after the other, the last started first; those of a dynamic one together.

        Raises:
            CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
        """
        await system.stop(supervisor, reason, seconds(timeout, "stop(timeout=)"), cls._called)


class ModuleBased:
    """A supervisor with an `init` of its own. Class options as those of a `GenServer`, but for `named`."""

    __regrow_spec__: ClassVar[dict[str, Any]] = {}
    __regrow_keeper__: ClassVar[type[SupervisorServer]] = SupervisorServer
    __regrow_init__: ClassVar[str] = "Supervisor.init(children, strategy=…)"

    def __init_subclass__(cls, **spec: Any) -> None:
        super().__init_subclass__()
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec)}

    def init(self, arg: Any, /) -> Any:
        """Return what the supervisor is made of, or IGNORE."""
        raise NotImplementedError(f"{type(self).__name__} needs an init(arg) that returns {self.__regrow_init__}")

    @classmethod
    async def start_link(cls, arg: Any = None, *, name: Name | None = None) -> Pid:
        """Start it, linked, with what its `init(arg)` gives (`Supervisor.start_link/3`).

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` raised or returned something else, or a child did not start.
        """
        return await start_supervisor(cls.__regrow_keeper__, cls, arg, name)

    @classmethod
    def child_spec(cls, arg: Any = None) -> ChildSpec:
        """How another supervisor starts this one."""
        return child_spec.of_class(cls, arg, cls.__regrow_spec__, type="supervisor")
