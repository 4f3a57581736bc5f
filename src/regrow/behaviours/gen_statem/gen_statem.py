"""The class `GenStatem`: its callbacks and its start functions. `regrow.gen_statem` documents the concept."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Sequence
from datetime import timedelta
from types import FunctionType
from typing import Any, ClassVar, Final, Generic, Literal, NoReturn, TypeVar

from regrow.behaviours.gen import child_spec, loop_entry, starting, system
from regrow.behaviours.gen import request as gen_request
from regrow.behaviours.gen.debug import Debug, DebugOptions, debug_options
from regrow.behaviours.gen.init_argument import Arg, HasInit
from regrow.behaviours.gen.results import Error, Ok, Stop
from regrow.behaviours.gen.start_request import StartRequest
from regrow.behaviours.gen.starting import Failed, Ignore, init_ack, init_failed
from regrow.behaviours.gen_statem.machine import Machine
from regrow.behaviours.gen_statem.results import (
    Actions,
    KeepState,
    KeepStateAndData,
    NextState,
    ReplyAction,
    StopAndReply,
)
from regrow.behaviours.gen_statem.transition import BadTransition, as_list
from regrow.kernel import bounded_repr, exits, requests
from regrow.kernel.addresses import Name
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Monitor, Pid, Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.yields import END, Become

State = TypeVar("State")
Data = TypeVar("Data")

Mode = Literal["state_functions", "handle_event_function"]
CallbackMode = Mode | list[Mode | Literal["state_enter"]]
Result = NextState[State, Data] | KeepState[Data] | KeepStateAndData | Stop[Data] | StopAndReply[Data]
EventReturn = Result[State, Data] | Awaitable[Result[State, Data]]
Start = NextState[State, Data] | Ok[State] | Ignore | Stop[Any] | Error
InitReturn = Start[State, Data] | Awaitable[Start[State, Data]]

Seconds = float | timedelta | None
CallTime = float | timedelta | None | tuple[Literal["clean_timeout", "dirty_timeout"], float | timedelta | None]


# Client


async def call(machine: Any, request: Any, timeout: CallTime = None) -> Any:
    """Send a request to a machine, wait for its answer and return it (`gen_statem:call/3`).

    Args:
        machine: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: the content of the event `("call", from_)`.
        timeout: seconds; None, the default, waits for ever. OTP's ("clean_timeout", seconds) and
            ("dirty_timeout", seconds) are accepted, and mean the same: a late answer is dropped.

    Raises:
        CallExit: there is no such process, the machine ended before it answered, no answer came in time, or it is the
            caller.
        TypeError: `machine` is no address, or `timeout` no number of seconds.
    """
    match timeout:
        case ("clean_timeout" | "dirty_timeout", time):
            limit = seconds(time, "call(timeout=)")
        case _:
            limit = seconds(timeout, "call(timeout=)")
    sent = requests.new_request(current_node(), request)
    return await gen_request.ask(machine, sent, limit, ("gen_statem", "call", [machine, request, timeout]))


def reply(from_: CallRequest | ReplyAction | Sequence[ReplyAction], value: Any = None) -> None:
    """Answer a call, from any process: `reply(from_, value)` or `reply(actions)` (`gen_statem:reply/1,2`).

    The first answer counts. An answer that comes after the caller's timeout or end is dropped.

    Args:
        from_: the `from_` of the event `("call", from_)`; or a ReplyAction, or a list of them.
        value: the answer, if `from_` is not an action.

    Raises:
        TypeError: `from_` is none of these; then no call is answered.
    """
    if isinstance(from_, CallRequest):
        requests.reply(from_, value)
        return
    actions: list[Any] = list(as_list(from_))
    for action in actions:
        if not isinstance(action, ReplyAction) or not isinstance(action.from_, CallRequest):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"reply: wanted the from_ of a call, a ReplyAction(from_, value) or a list of these; got {bounded_repr.safe_repr(action)}"
            )
    for action in actions:
        requests.reply(action.from_, action.value)


async def stop(machine: Any, reason: object = "normal", timeout: float | timedelta | None = None) -> None:
    """Order a machine to terminate with `reason` and wait until it has ended (`gen_statem:stop/3`).

    Args:
        machine: a pid, a name, `Global`, `Via` or `(name, node)`.
        reason: the reason to end with.
        timeout: seconds to wait for the end; None waits for ever.

    Raises:
        CallExit: there is no such process, it took longer than `timeout`, or it ended with another reason.
    """
    await system.stop(machine, reason, seconds(timeout, "stop(timeout=)"), "gen_statem")


# Machine

# Class methods of GenStatem whose names a subclass may use for states.
STATE_OR_CLASS_METHOD: Final = ("start", "start_link", "start_monitor", "child_spec")


class GenStatem(Generic[State, Data]):
    """The base class of all state machines; `State` and `Data` are the types that the callbacks take and return.

    Class options, as in `class Door(GenStatem[str, int], named=True, restart="transient")`:
        named: register every started machine under its class.
        id, start, restart, shutdown, type, significant, modules: values of the child spec (see `ChildSpec`).
    """

    __regrow_named__: ClassVar[bool] = False
    __regrow_spec__: ClassVar[dict[str, Any]] = {}
    __regrow_reserved__: ClassVar[frozenset[str]] = frozenset()  # names that cannot be states
    __regrow_states__: ClassVar[dict[str, Any]] = {}  # methods of states that are named like a class method

    def __init_subclass__(cls, *, named: bool | None = None, **spec: Any) -> None:
        super().__init_subclass__()
        if named is not None:
            cls.__regrow_named__ = named
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec, "named")}
        states = {
            name: found for name in STATE_OR_CLASS_METHOD if isinstance(found := vars(cls).get(name), FunctionType)
        }
        cls.__regrow_states__ = {**cls.__regrow_states__, **states}
        for name in states:  # Door.start(…) must start a door, even if Door has a state called "start"
            delattr(cls, name)

    @classmethod
    async def start_link(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
        timeout: Seconds = None,
        debug: DebugOptions = (),
        hibernate_after: Seconds = None,
    ) -> Pid:
        """Start a machine linked to the caller, wait for its `init` and return its pid (`gen_statem:start_link/4`).

        Args:
            arg: the argument of `init`.
            name: a string, a class, `Global(key)` or `Via(registry, key)`; None for no name.
            timeout: seconds that `init` may take, after which the machine is killed; None for any time.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds; accepted for compatibility with OTP, without effect.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` returned Stop or Error, raised, or took too long.
            TypeError: `name` cannot be a name, or another argument has a wrong type.
        """
        machine: Any = cls
        begin_arg, options = _prepared(machine, arg, name, timeout, debug, hibernate_after)
        return await starting.start(begin, begin_arg, machine, link=True, **options)

    @classmethod
    async def start(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
        timeout: Seconds = None,
        debug: DebugOptions = (),
        hibernate_after: Seconds = None,
    ) -> Pid:
        """Start a machine without a link, wait for its `init` and return its pid (`gen_statem:start/4`).

        Arguments and errors are those of `start_link`.
        """
        machine: Any = cls
        begin_arg, options = _prepared(machine, arg, name, timeout, debug, hibernate_after)
        return await starting.start(begin, begin_arg, machine, link=False, **options)

    @classmethod
    async def start_monitor(
        cls: type[HasInit[Arg]],
        arg: Arg = None,  # type: ignore[assignment]
        *,
        name: Name | None = None,
        timeout: Seconds = None,
        debug: DebugOptions = (),
        hibernate_after: Seconds = None,
    ) -> tuple[Pid, Monitor]:
        """Start a machine that the caller monitors, without a link (`gen_statem:start_monitor/4`).

        The monitor exists before `init` runs. Arguments and errors are those of `start_link`; a failed start leaves no
        monitor and sends no `Down`.

        Returns:
            The pid and the monitor's ref, which is the `ref` of its `Down`.
        """
        machine: Any = cls
        begin_arg, options = _prepared(machine, arg, name, timeout, debug, hibernate_after)
        return await starting.start_monitor(begin, begin_arg, machine, **options)

    @classmethod
    def child_spec(cls, arg: Any = None) -> child_spec.ChildSpec:
        """Return the child spec of this machine: the class is its id, and `start_link(arg)` starts it.

        Args:
            arg: the argument of `init`.
        """
        return child_spec.of_class(cls, arg, cls.__regrow_spec__)

    # Callbacks

    def callback_mode(self) -> CallbackMode:
        """Return the callback mode; with "state_enter" in a list, each change of the state is an event, too.

        The default is "handle_event_function" if the class has `handle_event`, else "state_functions".
        """
        own: object = getattr(type(self), "handle_event")  # noqa: B009 (its type would be half known)
        return "state_functions" if own is getattr(GenStatem, "handle_event") else "handle_event_function"  # noqa: B009

    def init(self, arg: Any, /) -> InitReturn[State, Data]:
        """Return the first state and the data, in the new process.

        The result is NextState(state, data[, actions]), or Ok(state, data), IGNORE, Stop(reason) or Error(reason).
        """
        raise NotImplementedError(f"the GenStatem {type(self).__name__} has no init")

    def handle_event(self, event_type: Any, content: Any, state: State, data: Data, /) -> EventReturn[State, Data]:
        """Handle an event, in the mode "handle_event_function". Every result of `regrow.gen_statem` is allowed."""
        raise NotImplementedError(f"the GenStatem {type(self).__name__} has no handle_event")

    def terminate(self, reason: Any, state: State, data: Data, /) -> Any:
        """Clean up before the machine ends; the result is ignored.

        Called after Stop, after an exception in a callback, on `stop`, and on the parent's end if this process traps
        exits.
        """

    def code_change(self, old_version: Any, state: State, data: Data, extra: Any, /) -> Any:
        """Convert state and data of an older version: return `Ok(state, data)`. Called by `system.change_code`."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """Return the status for `system.get_status` and crash reports.

        It is a dict of state, data, reason, queue, postponed, timeouts and log.
        """
        return status


GenStatem.__regrow_reserved__ = frozenset(dir(GenStatem))


# Start


def _prepared(
    cls: Any, arg: Any, name: Name | None, timeout: Seconds, debug: DebugOptions, hibernate_after: Seconds
) -> tuple[tuple[Any, object, Debug | None], dict[str, Any]]:
    """Check the arguments of a start; return the argument of `begin` and the options of `starting.start`."""
    limit = seconds(timeout, "start_link(timeout=)")
    seconds(hibernate_after, "start_link(hibernate_after=)")
    callbacks = cls()
    hooks = debug_options(debug)
    if name is None and cls.__regrow_named__:
        name = cls
    return (callbacks, arg, hooks), {"initial_call": cls.init, "name": name, "timeout": limit}


def begin(
    process: Process, starter: StartRequest, arg: tuple[GenStatem[Any, Any], object, Debug | None]
) -> Generator[Any, Any, Any] | None:
    """Run the first step of a machine: call `init`; return the generator of the loop, or None to end the process."""
    callbacks, init_arg, debug = arg
    try:
        result: Any = callbacks.init(init_arg)
        if is_awaitable(result):
            return _begin_later(process, starter, callbacks, result, debug)
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    return _started(process, starter, callbacks, result, debug)


def _begin_later(
    process: Process, starter: StartRequest, callbacks: GenStatem[Any, Any], init: Awaitable[Any], debug: Debug | None
) -> Generator[Any, Any, Any]:
    """Await an `async def init`, and become the loop, or end."""
    try:
        result = yield from enter_task(process, init)
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    body = _started(process, starter, callbacks, result, debug)
    return END if body is None else Become(body)


def _started(
    process: Process, starter: StartRequest, callbacks: GenStatem[Any, Any], result: Any, debug: Debug | None
) -> Generator[Any, Any, Any] | None:
    """Acknowledge the start by the `result` of `init`, and return the loop, or None to end the process."""
    kind = type(result)  # pyright: ignore[reportUnknownVariableType]
    if kind is NextState or kind is Ok:
        init_ack(process, starter, None)
        data, actions = (result.data, result.actions) if kind is NextState else (result.then, ())
        return Machine(process, callbacks, starter.parent, result.state, data, debug).run(actions)
    if kind is Ignore:
        init_ack(process, starter, result)
    elif kind is Error:
        init_ack(process, starter, Failed(result.reason))
    elif kind is Stop:
        init_ack(process, starter, Failed(result.reason))
        raise exits.Exit(result.reason)
    else:
        wanted = "NextState(state, data[, actions]), IGNORE, Stop(reason) or Error(reason)"
        problem = BadTransition("bad_return_from_init", callbacks, "init", result, wanted)
        init_ack(process, starter, Failed(problem.reason))
        raise problem
    return None


async def enter_loop(
    module: type[GenStatem[State, Data]],
    state: State,
    data: Data,
    actions: Actions = (),
    *,
    name: Name | None = None,
    debug: DebugOptions = (),
) -> NoReturn:
    """Make the running process a state machine (`gen_statem:enter_loop/6`). Never returns.

    Any process may call it, whichever way it was spawned. When the machine ends, the frames of the process's function
    are unwound, so that its `finally` blocks run.

    Args:
        module: the class; its `init` is not called.
        state: the first state.
        data: the data.
        actions: the actions of the first transition, as `NextState` takes them.
        name: the registered name of this process, in any form; None if it has none.
        debug: debug options of `regrow.system`.

    Raises:
        Exit: this process does not have the name.
        RuntimeError: the caller is an asyncio task, which asyncio drives, even if it was adopted as a process.
    """
    running, parent = loop_entry.check_enter_loop(name)
    machine = Machine(running, module(), parent, state, data, debug_options(debug))
    await loop_entry.LoopAwaitable(machine.run(actions))
    raise AssertionError("a machine's loop ends with an exception")
