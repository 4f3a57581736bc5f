"""The process of a state machine: one event after another, and the steps of a transition.

An event is handled in these steps (OTP's "state callback" loop):

    1. the callback is called; its replies are sent
    2. if the state changes, and the callback mode has "state_enter", the new state's enter event is called
    3. the event is postponed, if there was a Postpone; else it is consumed
    4. the event timeout is cancelled; if the state changed, the state timeout is, too, and postponed events are queued
    5. the timeouts of the actions start
    6. inserted events are queued before all others
    7. the next event is taken: the oldest queued one, else a timeout of 0 s, else the next message
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from datetime import timedelta
from typing import Any

from regrow.behaviours.gen import reports, starting
from regrow.behaviours.gen.debug import Debug
from regrow.behaviours.gen.request import Cast
from regrow.behaviours.gen.results import HIBERNATE, NoClause, Ok, Stop
from regrow.behaviours.gen.system_requests import SystemHandler, SystemRequest, failed
from regrow.behaviours.gen.user_code import called, formatted, survives
from regrow.behaviours.gen_statem.results import (
    ChangeCallbackModule,
    EventTimeout,
    KeepState,
    KeepStateAndData,
    NextEvent,
    NextState,
    PopCallbackModule,
    Postpone,
    PushCallbackModule,
    RepeatState,
    RepeatStateAndData,
    ReplyAction,
    StopAndReply,
    Timeout,
)
from regrow.behaviours.gen_statem.transition import (
    ACTIONS,
    ENTER_RESULTS,
    MODES,
    REPLIES,
    RESULTS,
    BadTransition,
    Event,
    RunningTimeout,
    Transition,
    add_timeout,
    as_list,
    is_change,
    is_type,
    no_state,
)
from regrow.kernel import exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.coroutine_steps import enter_task
from regrow.kernel.explained_reasons import returned
from regrow.kernel.keys import exact
from regrow.kernel.mailbox import take
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.requests import CallRequest, mark_deferred, reply
from regrow.kernel.schedule import gives_way
from regrow.kernel.signals import Exited
from regrow.kernel.timers import cancel_timer, send_after
from regrow.kernel.tracebacks import Raised
from regrow.kernel.yields import RECEIVE, YIELD


class Machine:
    """A running state machine: its state, its queues of events and its timeouts."""

    def __init__(
        self, process: Process, callbacks: Any, parent: Pid, state: Any, data: Any, debug: Debug | None
    ) -> None:
        self.process = process
        self.parent = parent
        self.callbacks: list[Any] = [callbacks]  # the last one handles events; a PushCallbackModule adds one
        self.mode: str = ""
        self.calls_enter: bool = False
        self.state: Any = state
        self.data: Any = data
        self.begins: bool = False  # while the actions of `init` are done
        self.event: Event | None = None  # the event that is being handled
        self.queue: deque[Event] = deque()
        self.postponed: list[Event] = []
        self.timeouts: dict[object, RunningTimeout] = {}  # by `exact` types
        self.due_now: dict[object, None] = {}  # the types of the timeouts of 0 s, in their order
        self.debug = debug

    def run(self, actions: Any) -> Generator[Any, Any, Any]:
        """Run the machine after its `init`, which returned `actions`. Ends with an exception, always."""
        ending: BaseException = exits.Exit()
        try:
            self.read_mode()
            yield from self.begin(actions)
            while True:
                event = self.waiting_event()
                if event is None:
                    goes_on = self.process.node.scheduler.server_keeps_turn(self.process)
                    message = take(self.process) if goes_on else (yield RECEIVE)
                    if type(message) is SystemRequest:
                        yield from self.serve(message)
                        continue
                    event = self.event_of(message)
                    if event is None:
                        continue
                    self.record("in", event, self.state)
                elif not self.process.node.scheduler.has_time():
                    yield YIELD
                yield from self.handle(event)
        except BaseException as error:
            if not self.process.alive:
                raise
            ending = error
        return (yield from self.end(ending))

    def read_mode(self) -> None:
        """Read the callback mode of the class that handles events."""
        found: Any = self.callbacks[-1].callback_mode()
        words: list[Any] = list(as_list(found))
        modes = [word for word in words if isinstance(word, str) and word in MODES]
        if len(modes) != 1 or any(word not in MODES and word != "state_enter" for word in words):
            wanted = '"state_functions" or "handle_event_function", or a list of one of these and "state_enter"'
            raise BadTransition("bad_return_from_callback_mode", self.callbacks[-1], "callback_mode", found, wanted)
        self.mode = modes[0]
        self.calls_enter = "state_enter" in words

    @property
    def module(self) -> type:
        """The class that handles events."""
        return self.modules[0]

    @property
    def modules(self) -> list[type]:
        """The class that handles events, then the classes below it, which PopCallbackModule brings back."""
        callbacks: list[object] = self.callbacks
        return [type(callback) for callback in reversed(callbacks)]

    # Events

    def waiting_event(self) -> Event | None:
        """Return the oldest queued event, or else a timeout of 0 s; None if the machine has to wait for a message."""
        if self.queue:
            return self.queue.popleft()
        for type_ in self.due_now:
            running = self.timeouts[type_]
            event = (running.type, running.content)
            self.cancel(type_)
            self.record("insert_timeout", event, self.state)
            return event
        return None

    def event_of(self, message: Any) -> Event | None:
        """Return a message as an event; None for a timeout that was cancelled while its message was in the mailbox."""
        kind = type(message)  # pyright: ignore[reportUnknownVariableType]
        if kind is CallRequest:
            return ("call", message), message.request
        if kind is Cast:
            return "cast", message.request
        if type(message) is RunningTimeout:
            type_ = exact(message.type)
            if self.timeouts.get(type_) is not message:
                return None
            del self.timeouts[type_]
            return message.type, message.content
        if kind is Exited and message.pid is self.parent:
            raise exits.Exit(message.reason)
        return "info", message

    def begin(self, actions: Any) -> Generator[Any, Any, None]:
        """Do the actions of `init`, and enter the first state. The starter may run before that: it has its answer."""
        if gives_way(self.process):
            yield YIELD
        self.event, transition = ("internal", "init_state"), Transition(self.state, self.data)
        self.begins = True
        self.apply_actions(transition, actions, True)
        self.begins = False
        transition.postpone = False
        if self.calls_enter:
            yield from self.enter(transition)
        self.settle(transition)

    def handle(self, event: Event) -> Generator[Any, Any, None]:
        """Handle one event: the callback, the enter events, the end of the transition."""
        self.event, transition = event, Transition(self.state, self.data)
        result = self.call(event, self.state, self.data)
        if is_awaitable(result):
            result = yield from enter_task(self.process, result)
        if self.apply_result(transition, result, True) and self.calls_enter:
            yield from self.enter(transition)
        self.settle(transition)

    def enter(self, transition: Transition) -> Generator[Any, Any, None]:
        """Call the enter event of the transition's state, again after each RepeatState."""
        again = True
        while again:
            self.record("enter", self.module, transition.state)
            result = self.call(("enter", self.state), transition.state, transition.data)
            if is_awaitable(result):
                result = yield from enter_task(self.process, result)
            again = self.apply_result(transition, result, False)
            if again and not self.process.node.scheduler.has_time():
                yield YIELD

    def call(self, event: Event, state: Any, data: Any) -> Any:
        """Call the callback for an event, and return its result."""
        callbacks = self.callbacks[-1]
        if self.mode == "handle_event_function":
            return callbacks.handle_event(event[0], event[1], state, data)
        if type(state) is str and not state.startswith("_") and state not in callbacks.__regrow_reserved__:
            function = getattr(callbacks, state, None)
            if function is not None:
                return function(event[0], event[1], data)
        elif type(state) is str and state in callbacks.__regrow_states__:
            return callbacks.__regrow_states__[state](callbacks, event[0], event[1], data)
        raise no_state(callbacks, state)

    # Results and actions

    def apply_result(self, transition: Transition, result: Any, is_event: bool) -> bool:
        """Apply a callback's result to the transition; return whether the state's enter event has to be called."""
        kind = type(result)  # pyright: ignore[reportUnknownVariableType]
        entering = kind is RepeatState or kind is RepeatStateAndData
        if kind is NextState:
            entering = is_change(transition.state, result.state)
            if entering and not is_event:
                self.fail(transition, "bad_state_enter_return_from_state_function", result, ENTER_RESULTS, is_event)
            transition.state, transition.data = result.state, result.data
        elif kind is KeepState or kind is RepeatState:
            transition.data = result.data
        elif kind is Stop:
            self.state, self.data = transition.state, result.state if result.has_state else transition.data
            raise exits.Exit(result.reason)
        elif kind is StopAndReply:
            self.reply_then_stop(transition, result, is_event)
        elif result is None:
            letter = str(returned(self.callbacks[-1], self.called(transition, is_event), None, RESULTS))
            self.state, self.data = transition.state, transition.data
            raise NoClause(self.event[1] if self.event is not None and is_event else ("enter", self.state), letter)
        elif kind is not KeepStateAndData and kind is not RepeatStateAndData:
            self.fail(transition, "bad_return_from_state_function", result, RESULTS, is_event)
        self.apply_actions(transition, result.actions, is_event)
        return entering

    def reply_then_stop(self, transition: Transition, result: Any, is_event: bool) -> None:
        """Send the replies of a StopAndReply, and raise Exit with its reason."""
        where = self.called(transition, is_event)
        self.state = transition.state
        self.data = transition.data if not result.has_data else result.data
        for action in as_list(result.replies):
            if type(action) is not ReplyAction or type(action.from_) is not CallRequest:
                word = "bad_reply_action_from_state_function"
                raise BadTransition(word, self.callbacks[-1], where, action, REPLIES)
            self.reply(action)
        raise exits.Exit(result.reason)

    def apply_actions(self, transition: Transition, actions: Any, is_event: bool) -> None:
        """Do the actions of a result, or add them to the transition."""
        for action in as_list(actions):
            good = True
            match action:
                case ReplyAction(from_=CallRequest()):
                    self.reply(action)
                case Timeout():
                    good = add_timeout(transition, action)
                case NextEvent(type=type_, content=content):
                    good = is_event and is_type(type_)
                    transition.next_events.append((type_, content))
                case Postpone(flag=bool(flag)):
                    good = is_event or not flag
                    transition.postpone = flag
                case ChangeCallbackModule() | PopCallbackModule():
                    good = is_event and self.change_module(action)
                case _ if action is HIBERNATE:
                    pass
                case bool():
                    good = False
                case int() | float() | timedelta() | None | "infinity":
                    good = add_timeout(transition, EventTimeout(action, action))
                case _:
                    good = False
            if not good:
                word = "bad_action_from_state_function" if is_event else "bad_state_enter_action_from_state_function"
                self.fail(transition, word, action, ACTIONS, is_event)

    def change_module(self, action: ChangeCallbackModule | PopCallbackModule) -> bool:
        """Let another class handle the events; return False if the action has no valid class, or pops the last one."""
        if isinstance(action, PopCallbackModule):
            if len(self.callbacks) == 1:
                return False
            self.callbacks.pop()
        else:
            if not isinstance(action.module, type) or not hasattr(action.module, "__regrow_reserved__"):
                return False
            if not isinstance(action, PushCallbackModule):
                self.callbacks.pop()
            self.callbacks.append(action.module())
        self.read_mode()
        self.record("module", self.module, self.state)
        return True

    def reply(self, action: ReplyAction) -> None:
        """Answer a call, and record the answer."""
        reply(action.from_, action.value)
        self.record("out", action.value, action.from_)

    def fail(self, transition: Transition, word: str, value: object, wanted: str, is_event: bool) -> None:
        """Take over the transition's state and data, for the report, and raise BadTransition."""
        where = self.called(transition, is_event)
        self.state, self.data = transition.state, transition.data
        raise BadTransition(word, self.callbacks[-1], where, value, wanted)

    def called(self, transition: Transition, is_event: bool) -> str:
        """Return the name of the callback that returned: the old state's for an event, the new one's for "enter"."""
        if self.begins:
            return "init"
        if self.mode == "handle_event_function":
            return "handle_event"
        return str(self.state if is_event else transition.state)

    # The end of a transition

    def settle(self, transition: Transition) -> None:
        """End the transition: steps 3 to 6 of the module's list."""
        event = self.event
        assert event is not None
        self.record("postpone" if transition.postpone else "consume", event, self.state, transition.state)
        match event[0]:
            case ("call", call) if type(call) is CallRequest:
                mark_deferred(call)
            case _:
                pass
        if transition.postpone:
            self.postponed.append(event)
        self.cancel("timeout")
        if is_change(self.state, transition.state):
            self.cancel("state_timeout")
            self.queue.extendleft(reversed(self.postponed))
            self.postponed.clear()
        self.state, self.data = transition.state, transition.data
        self.event = None
        for type_, (timeout, time) in transition.timeouts.items():
            self.start(type_, timeout, time)
        self.queue.extendleft(reversed(transition.next_events))

    def start(self, type_: object, timeout: Timeout, time: float | None) -> None:
        """Start, change or cancel a timeout. An "update" of a timeout that does not run is due at once."""
        running = self.timeouts.get(type_)
        if timeout.time == "update" and running is not None:
            running.content = timeout.content
            return
        self.cancel(type_)
        if time is None:
            return
        running = self.timeouts[type_] = RunningTimeout(timeout.event_type, timeout.content)
        if time == 0.0 and not timeout.abs:
            self.due_now[type_] = None
        else:
            running.timer = send_after(self.process.pid, running, time, abs=timeout.abs)
        self.record("start_timer", timeout, self.state)

    def cancel(self, type_: object) -> None:
        """Cancel a timeout, if it runs."""
        running = self.timeouts.pop(type_, None)
        if running is None:
            return
        if running.timer is None:
            del self.due_now[type_]
        else:
            cancel_timer(running.timer)

    # System requests, debug, status

    def serve(self, message: SystemRequest) -> Generator[Any, Any, None]:
        """Serve a system request and, while suspended, the ones that follow; raise Exit if the machine must end."""
        handler = MachineSystemHandler(self)
        if (yield from handler.serve(message)):
            raise exits.Exit(handler.reason)
        self.state, self.data = handler.state
        self.debug = handler.debug

    def record(self, *event: object) -> None:
        """Record an event for the debug hooks, if there are any."""
        if self.debug is not None:
            self.debug = self.debug.record(self.process, event)

    def status(self, reason: object, ending: bool = False) -> Generator[Any, Any, dict[str, Any]]:
        """Return the status of the machine, as `format_status` returns it."""
        status: dict[str, Any] = {
            "reason": reason,
            "state": self.state,
            "data": self.data,
            "queue": ([] if self.event is None else [self.event]) + list(self.queue),
            "postponed": list(self.postponed),
            "timeouts": [(timeout.type, timeout.content) for timeout in self.timeouts.values()],
            "log": [] if self.debug is None or self.debug.log is None else list(self.debug.log),
        }
        return (yield from formatted(self.process, self.callbacks[-1], status, "data", ending))

    # The end

    def end(self, error: BaseException) -> Generator[Any, Any, Any]:
        """Call `terminate`, report an abnormal end, and raise Terminated with the reason. Queued events are dropped."""
        raised, failed = Raised(error), False  # before `reason_of`, which strips the traceback
        reason = exits.reason_of(error)
        try:
            result: Any = self.callbacks[-1].terminate(reason, self.state, self.data)
            if is_awaitable(result):
                yield from enter_task(self.process, result)
        except BaseException as second:
            if not self.process.alive:
                raise
            error, raised, failed = second, Raised(second), True
            reason = exits.reason_of(second)
        if exits.is_normal(reason) and not failed:
            self.record("terminate", reason, self.state)
        else:
            yield from self.report(reason, raised)
        if exits.is_a(error, KeyboardInterrupt, SystemExit):
            raise error
        raise starting.Terminated(reason) from None

    def report(self, reason: object, raised: Raised) -> Generator[Any, Any, None]:
        """Report that the machine has ended abnormally."""
        if reports.is_wanted(self.process, reports.MACHINES):
            reports.machine_terminated(
                self.process,
                self.event,
                (yield from self.status(reason, True)),
                raised,
                modules=self.modules,
                callback_mode=self.mode,
                state_enter=self.calls_enter,
            )
        reports.process_crashed(self.process, reason, raised)


class MachineSystemHandler(SystemHandler):
    """The system handler of a state machine; its `state` is the pair of state and data."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(
            machine.process, machine.callbacks[-1], machine.parent, (machine.state, machine.data), machine.debug
        )
        self.machine = machine
        self.status: dict[str, Any] = {}

    def replace_state(self, function: Any) -> Generator[Any, Any, Any]:
        """Replace the pair (state, data) by `function(pair)`. No enter event is called, even if the state changes."""
        try:
            state, data = yield from called(self.process, function, self.state)
        except BaseException as error:
            if not survives(self.process, error):
                raise
            return failed("the function given to replace_state", function, error)
        self.state = (state, data)
        return self.state

    def change_code(self, module: type, old_version: Any, extra: Any) -> Generator[Any, Any, Any]:
        """Convert state and data with `code_change`, and read the callback mode again."""
        machine, before = self.machine, self.state
        try:
            result = yield from called(self.process, machine.callbacks[-1].code_change, old_version, *before, extra)
            if type(result) is Ok:
                self.state = (result.state, result.then)  # pyright: ignore[reportUnknownMemberType]
                machine.read_mode()
                return "ok"
        except BaseException as error:
            if not survives(self.process, error):
                raise
            self.state = before
            return "error", exits.reason_of(error)
        return "error", result

    def shown(self, logged: list[Any]) -> Generator[Any, Any, dict[str, Any]]:
        """Return state and log as `format_status` returns them."""
        self.machine.state, self.machine.data = self.state
        self.status = yield from self.machine.status("normal")
        return {**self.status, "state": (self.status["state"], self.status["data"])}

    def get_status(self) -> Generator[Any, Any, dict[str, Any]]:
        """Return the status of a server, with the keys that only state machines have."""
        machine = self.machine
        found = yield from SystemHandler.get_status(self)
        status = self.status
        return {
            **found,
            "modules": machine.modules,
            "callback_mode": machine.mode,
            "state_enter": machine.calls_enter,
            "postponed": status["postponed"],
            "timeouts": (len(machine.timeouts), status["timeouts"]),
        }
