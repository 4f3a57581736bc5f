"""The class `GenStatem`, its callbacks and its ways to start. `regrow.gen_statem` is the page of the concept."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Sequence
from datetime import timedelta
from types import FunctionType
from typing import Any, ClassVar, Final, Generic, Literal, NoReturn, TypeVar

from regrow.behaviours.gen import child_spec, loop_entry, starting, system
from regrow.behaviours.gen import request as requests
from regrow.behaviours.gen.debug import Debug, debug_options
from regrow.behaviours.gen.results import Error, Ok, Stop
from regrow.behaviours.gen.starting import Failed, Ignore, StartRequest, init_ack, init_failed
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
from regrow.kernel import bounded_repr, exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.current_node import current_node
from regrow.kernel.pid import Monitor, Pid
from regrow.kernel.process_record import Process
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
    """Ask a machine and wait for its answer, by default for ever (`gen_statem:call/3`).

    Args:
        machine: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: what comes with the event `("call", from_)`.
        timeout: seconds; None waits for ever. OTP's ("clean_timeout", seconds) and ("dirty_timeout", seconds) are the
            same here: what comes too late is dropped.

    Raises:
        CallExit: nobody is there, the machine ended before it answered, no answer came in time, or it is the caller.
    """
    match timeout:
        case ("clean_timeout" | "dirty_timeout", given):
            limit = seconds(given, "call(timeout=)")
        case _:
            limit = seconds(timeout, "call(timeout=)")
    made = requests.new_request(current_node(), request)
    return await requests.ask(machine, made, limit, ("gen_statem", "call", [machine, request, timeout]))


def reply(from_: CallRequest | ReplyAction | Sequence[ReplyAction], value: Any = None) -> None:
    """Answer a call from any process: `reply(from_, value)`, or a reply action or a list of them (`gen_statem:reply/1,2`).

    What nobody waits for any more is dropped.

    Raises:
        TypeError: it is none of these; then nothing is answered.
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

    Raises:
        CallExit: nobody is there, it took longer than `timeout` seconds, or it ended with another reason.
    """
    await system.stop(machine, reason, seconds(timeout, "stop(timeout=)"), "gen_statem")


# Machine

OUTSIDE: Final = ("start", "start_link", "start_monitor", "child_spec")  # a method of one of these names is a state


class GenStatem(Generic[State, Data]):
    """The base of all state machines; `State` and `Data` are what your callbacks are given and return.

    Class options, as in `class Door(GenStatem[str, int], named=True, restart="transient")`:
        named: register every started machine under its class.
        id, start, restart, shutdown, type, significant, modules: of the child spec (see `ChildSpec`).
    """

    __regrow_named__: ClassVar[bool] = False
    __regrow_spec__: ClassVar[dict[str, Any]] = {}
    __regrow_reserved__: ClassVar[frozenset[str]] = frozenset()  # what is no state's name
    __regrow_states__: ClassVar[dict[str, Any]] = {}  # the states whose names stand for something else in the class

    def __init_subclass__(cls, *, named: bool | None = None, **spec: Any) -> None:
        super().__init_subclass__()
        if named is not None:
            cls.__regrow_named__ = named
        cls.__regrow_spec__ = {**cls.__regrow_spec__, **child_spec.class_options(cls, spec, "named")}
        states = {name: found for name in OUTSIDE if isinstance(found := vars(cls).get(name), FunctionType)}
        cls.__regrow_states__ = {**cls.__regrow_states__, **states}
        for name in states:  # Door.start(…) starts a door, though it has a state that is called so
            delattr(cls, name)

    @classmethod
    async def start_link(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
    ) -> Pid:
        """Start a machine linked to this process and wait until its `init` is done (`gen_statem:start_link/4`).

        Args:
            arg: what `init` gets.
            name: a string, a class, `Global(key)` or `Via(registry, key)`.
            timeout: seconds that `init` may take; then it is killed.
            debug: debug options of `regrow.system`.
            hibernate_after: seconds; accepted as OTP has it, but nothing is saved here by hibernating.

        Raises:
            AlreadyStarted: the name is taken.
            Ignored: `init` returned IGNORE.
            StartError: `init` returned Stop or Error, raised, or took too long.
            TypeError: this can be no name.
        """
        given, options = cls._prepared(arg, name, timeout, debug, hibernate_after)
        return await starting.start(begin, given, cls, link=True, **options)

    @classmethod
    async def start(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
    ) -> Pid:
        """The same, without a link (`gen_statem:start/4`)."""
        given, options = cls._prepared(arg, name, timeout, debug, hibernate_after)
        return await starting.start(begin, given, cls, link=False, **options)

    @classmethod
    async def start_monitor(
        cls,
        arg: Any = None,
        *,
        name: object = None,
        timeout: Seconds = None,
        debug: object = (),
        hibernate_after: Seconds = None,
    ) -> tuple[Pid, Monitor]:
        """The same, monitored from its beginning (`gen_statem:start_monitor/4`).

        Returns:
            The pid, and the ref of the `Down` that will come. A start that fails leaves none.
        """
        given, options = cls._prepared(arg, name, timeout, debug, hibernate_after)
        return await starting.start_monitor(begin, given, cls, **options)

    @classmethod
    def _prepared(
        cls, arg: Any, name: object, timeout: Seconds, debug: object, hibernate_after: Seconds
    ) -> tuple[tuple[Any, object, Debug | None], dict[str, Any]]:
        """What the new process begins with, and the options of its start."""
        limit = seconds(timeout, "start_link(timeout=)")
        seconds(hibernate_after, "start_link(hibernate_after=)")
        callbacks = cls()
        looks = debug_options(debug)
        if name is None and cls.__regrow_named__:
            name = cls
        return (callbacks, arg, looks), {"initial_call": cls.init, "name": name, "timeout": limit}

    @classmethod
    def child_spec(cls, arg: Any = None) -> child_spec.ChildSpec:
        """How a supervisor starts this machine: by `start_link(arg)`, under the class as id."""
        return child_spec.of_class(cls, arg, cls.__regrow_spec__)

    # Callbacks

    def callback_mode(self) -> CallbackMode:
        """How events reach this class; with "state_enter" in a list, the change of a state is an event, too.

        Without one of its own: "handle_event_function" if the class has `handle_event`, else "state_functions".
        """
        own: object = getattr(type(self), "handle_event")  # noqa: B009 (its type would be half known)
        return "state_functions" if own is getattr(GenStatem, "handle_event") else "handle_event_function"  # noqa: B009

    def init(self, arg: Any, /) -> InitReturn[State, Data]:
        """The first state and the data: NextState(state, data[, actions]), or Ok(state, data) as OTP writes it."""
        raise NotImplementedError(f"the GenStatem {type(self).__name__} has no init")

    def handle_event(self, event_type: Any, content: Any, state: State, data: Data, /) -> EventReturn[State, Data]:
        """Handle an event, in the mode "handle_event_function"."""
        raise NotImplementedError(f"the GenStatem {type(self).__name__} has no handle_event")

    def terminate(self, reason: Any, state: State, data: Data, /) -> Any:
        """Clean up. Called on Stop, on an error, on `stop`, and when the parent ends while this process traps exits."""

    def code_change(self, old_version: Any, state: State, data: Data, extra: Any, /) -> Any:
        """Turn state and data of an older version into this one's: return `Ok(state, data)`."""
        raise NotImplementedError("code_change")

    def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
        """What `system.get_status` and crash reports show: state, data, reason, queue, postponed, timeouts and log."""
        return status


GenStatem.__regrow_reserved__ = frozenset(dir(GenStatem))


# Start


def begin(
    process: Process, starter: StartRequest, given: tuple[GenStatem[Any, Any], object, Debug | None]
) -> Generator[Any, Any, Any] | None:
    """A machine's first step: `init`, and the word to the starter; gives its loop, or nothing if it is not to run."""
    callbacks, arg, debug = given
    try:
        result: Any = callbacks.init(arg)
        if is_awaitable(result):
            return _begin_later(process, starter, callbacks, result, debug)
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    return _started(process, starter, callbacks, result, debug)


def _begin_later(
    process: Process, starter: StartRequest, callbacks: GenStatem[Any, Any], init: Awaitable[Any], debug: Debug | None
) -> Generator[Any, Any, Any]:
    """The same, of an `async def init`."""
    try:
        result = yield from enter_task(process, init)
    except BaseException as error:
        raise init_failed(process, starter, error) from None
    body = _started(process, starter, callbacks, result, debug)
    return END if body is None else Become(body)


def _started(
    process: Process, starter: StartRequest, callbacks: GenStatem[Any, Any], result: Any, debug: Debug | None
) -> Generator[Any, Any, Any] | None:
    """The loop that follows an init that gave `result`, which its starter hears of."""
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
    name: object = None,
    debug: object = (),
) -> NoReturn:
    """Make the running process a machine, after whatever it did to begin with (`gen_statem:enter_loop/6`). Never returns.

    Any process may, for every process of regrow knows its parent. What is left of its own function is unwound at the end.

    Args:
        module: the class; its `init` is not called.
        state: the first state.
        data: the data.
        actions: what the first transition is to do.
        name: a name of any form, which must be this process's already.
        debug: debug options of `regrow.system`.

    Raises:
        Exit: the name is not this process's.
        RuntimeError: this runs in an asyncio task, which may have been adopted as a process, but is driven by asyncio.
    """
    running, parent = loop_entry.check_enter_loop(name)
    machine = Machine(running, module(), parent, state, data, debug_options(debug))
    await loop_entry.LoopAwaitable(machine.run(actions))
    raise AssertionError("a machine's loop ends with an exception")
