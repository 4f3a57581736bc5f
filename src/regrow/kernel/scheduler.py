"""The scheduler of a node: which process runs next, and for how long.

All runnable processes wait in one queue. A `turn` is one callback of the event loop that steps processes from the queue
for at most a millisecond, so that sockets and timers are served in between. A step sends the process's body one value
and handles the value that it yields (see `yields.py`).

`hand_over` is the fast way: a call to an idle server with an empty mailbox runs the server's step at once, on the
caller's stack. It overtakes no message, since the mailbox is empty. A call is queued instead at 16 levels, when the turn
is over, when the caller has used more than a tenth of the stack, and while the caller handles an exception, which would
otherwise be the current exception in the server, too.

With a seed, the order of the queue is a reproducible shuffle, a turn is a number of steps, and each hand-over is a coin
toss: this is one `Schedule`, and a simulation is another.
"""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop, CancelledError
from typing import Any, Final

from regrow.kernel import bounded_repr
from regrow.kernel.clock import Clock
from regrow.kernel.coroutine_steps import is_cancelled, resume, takes_its_turn
from regrow.kernel.current_task import set_current_task
from regrow.kernel.deadlines import Timers
from regrow.kernel.mailbox import put_back, take, take_wanted
from regrow.kernel.process_record import CALLING, READY, RECEIVING, RUNNING, SELECTING, Process, Runner
from regrow.kernel.requests import PENDING, CallRequest, abandon
from regrow.kernel.schedule import Schedule
from regrow.kernel.stack_depth import gauge, least
from regrow.kernel.unfinished import go_on
from regrow.kernel.user_errors import swallow
from regrow.kernel.virtual_time import ClockMover
from regrow.kernel.wakeups import ReceiveTimeout, await_future, leave_body
from regrow.kernel.yields import ANY, EMPTY, END, RECEIVE, RESCAN, TIMEOUT, YIELD, Become, Receive, Throw

TURN_SECONDS: Final = 0.001
STEPS_BETWEEN_LOOKS: Final = 8  # steps between two readings of the clock
VIRTUAL_TURN: Final = 512  # the steps of a turn if the clock is virtual
DEEPEST: Final = 16  # hand-overs on one stack

handled: Final = sys.exception  # a constant, which compiled code reads without looking a name up


class Scheduler(Runner):
    """Steps the processes of one node."""

    def __init__(
        self, loop: AbstractEventLoop, clock: Clock, schedule: Schedule | None, hand_over: bool | None
    ) -> None:
        super().__init__(loop, clock, schedule)
        self.jumps = ClockMover(self)
        self.timers = Timers(loop, clock, self.jumps, schedule)
        self.coin: Schedule | None = schedule if hand_over is None else None
        self.deepest = 0 if hand_over is False else DEEPEST
        self.stack = gauge()
        self.stack_least: int = least(self.stack.value)  # the calls that must still fit for a hand-over
        self.in_guests_turn: bool = False

    # The queue. The action that can fail for lack of stack comes first, so that all the rest is done or nothing is.

    # hot: `ready`, `ready_first` and `yield_turn` repeat each other, but for the place in which they put the process. That
    # saves a method call for each wake-up (`tests/kernel/test_costs.py`, "a message is one step").

    def ready(self, process: Process, value: object) -> None:
        """Let `process` be stepped with `value` when its turn comes."""
        if not self.scheduled:
            self.want_turn()
        self.queue.append(process)
        process.value = value
        process.status = READY

    def ready_first(self, process: Process, value: object) -> None:
        """Let `process` be stepped with `value` before all others."""
        if not self.scheduled:
            self.want_turn()
        self.queue.appendleft(process)
        process.value = value
        process.status = READY

    def yield_turn(self, process: Process) -> None:
        """Let a process be stepped after the event loop's next round, as `asyncio.sleep(0)` asks for."""
        if not self.scheduled:
            self.want_turn()
        self.yielded.append(process)
        process.value = None
        process.status = READY

    def want_turn(self) -> None:
        """Schedule a turn, unless one is scheduled."""
        if not self.scheduled and not self.closed:
            self.loop.call_soon(self.turn)
            self.scheduled = True

    def wake(self, process: Process, value: object) -> None:
        """Give a waiting process what it waited for, and cancel its deadline."""
        if not self.scheduled:
            self.want_turn()
        if process.deadline is not None and value is not RESCAN:
            self.timers.cancel(process.deadline)
            process.deadline = None
        if process.rare is not None and process.rare.adopted is not None:
            process.node.wake_adopted(process, value)
        else:
            self.ready(process, value)

    def turn(self) -> None:
        """Step runnable processes until none is left or the turn is over."""
        self.scheduled = True
        self.turning = True
        self.begin_turn()
        self.stack_least = least(self.stack.value)
        queue = self.queue
        self.jumps.quiet = 0 if queue else self.jumps.quiet  # a turn in which processes only yielded counts as quiet
        schedule = self.schedule
        shown = self.shown
        if self.yielded:
            queue.extend(self.yielded)
            self.yielded.clear()
        try:
            if self.broken_off or self.dying:
                go_on(self)
            while queue:
                if schedule is None:
                    process = queue.popleft()
                else:
                    chosen = schedule.next(queue)
                    if chosen is None:
                        continue
                    process = chosen
                if process.status == READY:
                    value, process.value = process.value, None
                    if shown.task is not None and not process.as_task:
                        shown.show(None)
                    if value is RESCAN:
                        self.select(process, process.waiting)
                    else:
                        self.step(process, value)
                self.steps -= 1
                if self.steps <= 0 and self.is_over():
                    break
        finally:
            self.turning = False
            if shown.task is not None:
                shown.show(None)
            if (queue or self.yielded or self.broken_off or self.dying) and not self.closed:
                self.loop.call_soon(self.turn)
            else:
                self.scheduled = False
            if self.clock.virtual and not queue:
                self.jumps.want()

    def server_keeps_turn(self, process: Process) -> bool:
        """Return whether a server may take its next message without yielding: its turn lasts, and no process is queued.

        Queued calls are always taken. If the server yielded while calls were queued, each answered caller would queue its
        next call instead of handing it over, and the queue would never drain (`docs/decisions/0031-calls-and-starts.md`).
        """
        mail = process.mailbox
        if mail is None or self.depth > 0 or self.schedule is not None or not process.alive:
            return False
        if self.queue and not isinstance(mail[0], CallRequest):
            return False
        if process.as_task:
            if is_cancelled(process):
                return False
            process.as_task = False
            process.inner = None
            if self.shown.task is not None:
                self.shown.show(None)
        self.steps -= 1
        return self.steps > 0 or not self.is_over()

    def process_keeps_turn(self, process: Process) -> bool:
        """Return whether a process may take a message from its mailbox without yielding, as OTP's processes do.

        It may while its turn lasts, unless a killed process waits to be unwound: that one is first in the queue.
        """
        if self.schedule is not None or not process.alive or is_cancelled(process):
            return False
        if self.queue and type(self.queue[0].value) is Throw:
            return False
        self.steps -= 1
        return self.steps > 0 or not self.is_over()

    def has_time(self) -> bool:
        """Return whether the running code may continue without waiting; if not, it lets others run first."""
        if self.current is None and not self.turning and not self.in_guests_turn:
            self.begin_guests_turn()
        self.steps -= 1
        return self.steps > 0 or not self.is_over()

    def begin_turn(self) -> None:
        """Begin a turn: a millisecond, or a number of steps if the clock is virtual."""
        if self.schedule is not None or self.clock.virtual:
            self.steps = VIRTUAL_TURN
            self.turn_ends = -1.0
        else:
            self.steps = STEPS_BETWEEN_LOOKS
            self.turn_ends = self.clock.now() + TURN_SECONDS

    def is_over(self) -> bool:
        """Return whether this turn is over; the clock is read every few steps."""
        if self.turn_ends < 0.0:
            return True
        if self.clock.now() >= self.turn_ends:
            return True
        self.steps = STEPS_BETWEEN_LOOKS
        return False

    # The fast way

    def hand_over(self, process: Process, message: object) -> bool:
        """Step an idle server on the caller's stack; return False if that is not allowed now."""
        depth = self.depth
        if depth >= self.deepest or self.stack.value < self.stack_least or handled() is not None:
            return False
        if self.current is None and not self.turning and not self.in_guests_turn:
            self.begin_guests_turn()
        steps = self.steps - 1
        self.steps = steps
        if steps <= 0 and self.is_over():
            self.steps = 0
            return False
        if self.coin is not None and not self.coin.hand_over():
            return False
        if process.deadline is not None:
            self.timers.cancel(process.deadline)
            process.deadline = None
        shown = self.shown
        task = shown.task
        self.depth = depth + 1
        try:
            body = process.body
            if body is None or process.as_task:
                self.step(process, message)
            else:
                # hot: repeats `step` for the loop of a behaviour, which saves a method call: a twentieth of a server's
                # call ("call" in the benchmarks; `tests/kernel/test_costs.py`, "a call to an idle server is one step").
                previous = self.current
                try:
                    self.current = process
                    process.status = RUNNING
                    wish = process.context.run(body.send, message)
                except BaseException as error:
                    self.current = previous
                    self._left(process, message, error)
                else:
                    self.current = previous
                    try:
                        if wish is RECEIVE and process.mailbox is None and process.alive and not process.as_task:
                            process.status = RECEIVING
                        else:
                            self.handle_yield(process, wish)
                    except BaseException as broken:
                        self._break_off(process, wish, False, broken)
        finally:
            self.depth = depth
            if shown.task is not task:
                shown.show(task)
        return True

    def begin_guests_turn(self) -> None:
        """Begin a turn for a plain asyncio task that calls: after a millisecond, the event loop serves others."""
        self.in_guests_turn = True
        self.begin_turn()
        self.loop.call_soon(self.end_guests_turn)

    def end_guests_turn(self) -> None:
        """End the turn of plain asyncio tasks: the event loop has made a round."""
        self.in_guests_turn = False
        if self.broken_off or self.dying:
            self.want_turn()

    # One step

    def step(self, process: Process, value: object) -> None:
        """Send the body one value and arrange for what it yields.

        hot: `hand_over` repeats this for the loop of a behaviour, and the branch `as_task` repeats
        `coroutine_steps._run_as_task` for a coroutine that is only sent a value ("ping" in the benchmarks).
        """
        previous = self.current
        try:
            self.current = process
            process.status = RUNNING
            body = process.body
            if body is None or type(value) is Throw:
                wish = resume(self, process, value)
            elif process.as_task:
                task = process.task
                if task is None or task.must_cancel:
                    wish = resume(self, process, value)
                else:
                    shown = self.shown
                    if shown.task is not task:
                        if self.depth == 0 and shown.task is not None:
                            # Replaces one process's task by another's: asyncio has shown no other task in between.
                            set_current_task(self.loop, task)
                            shown.task = task
                        else:
                            shown.show(task)
                    process.waiting = None
                    wish = process.context.run(body.send, value)
            else:
                wish = process.context.run(body.send, value)
        except BaseException as error:
            self.current = previous
            self._left(process, value, error)
            return
        self.current = previous
        try:
            if wish is RECEIVE and process.alive:
                if process.as_task and self._left_task(process):
                    return
                if process.mailbox is None:
                    process.status = RECEIVING
                else:
                    self._take(process)
            elif (
                wish is ANY
                and process.mailbox is None
                and process.alive
                and (process.task is None or not process.task.must_cancel)
            ):
                process.waiting = ANY
                process.status = RECEIVING
            else:
                self.handle_yield(process, wish)
        except BaseException as broken:
            self._break_off(process, wish, False, broken)

    def _left_task(self, process: Process) -> bool:
        """Return from a user's coroutine to the loop of a behaviour; true if that leaves it a cancellation."""
        process.as_task = False
        process.inner = None
        task = process.task
        if (
            task is None or not task.must_cancel
        ):  # looked at first: to take it is a call of a method that is not compiled
            return False
        self.ready(process, Throw(task.take_cancel() or CancelledError()))
        return True

    def _take(self, process: Process) -> None:
        """Let a process continue with its oldest message; if that fails, the message stays where it was."""
        message = take(process)
        try:
            self.ready(process, message)
        except BaseException:
            put_back(process, message, 0)
            raise

    def _left(self, process: Process, value: object, error: BaseException) -> None:
        """A step that began with `value` has raised, if it has begun."""
        try:
            if type(error) is StopIteration:
                self._returned(process, error.value)
            elif self.depth == 0 or type(error) is not RuntimeError or not takes_its_turn(self, process, value, error):
                process.node.crashed(process, error)
        except BaseException as broken:
            self._break_off(process, error, True, broken)

    def _break_off(self, process: Process, what: object, ended: bool, broken: BaseException) -> None:
        """The end of a step has failed: this turn is over, and the next one does the rest; see `unfinished.py`."""
        self.broken_off.append((process, what, ended))
        self.steps, self.turn_ends = 0, -1.0
        if type(broken) is not RecursionError:
            swallow(broken)

    def ended(self, process: Process, error: Any) -> None:
        """A body has come to its end: it has returned, or raised `error`."""
        if type(error) is StopIteration:
            self._returned(process, error.value)
        else:
            process.node.crashed(process, error)

    def _returned(self, process: Process, value: object) -> None:
        if type(value) is Become and process.alive:
            become: Any = value
            process.body = become.body
            process.as_task = False
            process.inner = None
            self.step(process, None)
        elif value is not END and not process.as_task:
            # A compiled generator lets a callback's StopIteration through, where Python would make it a RuntimeError.
            process.node.crashed(process, RuntimeError("a callback raised StopIteration"))
        else:
            process.node.returned(process)

    # What a process waits for

    def handle_yield(self, process: Process, wish: Any) -> None:
        """Arrange for what a body has yielded, or for its end."""
        if wish is END:
            self._returned(process, wish)
        elif not process.alive:
            leave_body(process, wish)
        elif wish is RECEIVE or type(wish) is float:
            self._await_message(process, wish)
        elif type(wish) is Receive:
            self.select(process, wish)
        elif isinstance(wish, CallRequest):
            self._await_answer(process, wish)
        elif wish is None:
            self.yield_turn(process)
        elif wish is YIELD:
            if not process.as_task or not self._left_task(process):
                self.yield_turn(process)
        elif getattr(wish, "_asyncio_future_blocking", None) is not None:
            await_future(process, wish)
        else:
            problem = f"{process.pid} awaited {bounded_repr.safe_repr(wish)}, which is neither a message, a request nor a future of asyncio"
            self.ready(process, Throw(RuntimeError(problem)))

    def _await_message(self, process: Process, wish: Any) -> None:
        if process.as_task and self._left_task(process):
            return
        if process.mailbox is not None:
            self._take(process)
        elif wish == 0.0:
            self.ready(process, TIMEOUT)  # at once: what comes from now on comes after it
        else:
            process.status = RECEIVING
            if wish is not RECEIVE:
                self.limit(process, wish)

    def limit(self, process: Process, timeout: float) -> None:
        """Let a receive end after `timeout` seconds."""
        process.deadline = ReceiveTimeout(process)
        self.timers.start(process.deadline, timeout)

    def select(self, process: Process, wanted: Receive) -> None:
        """Give the process the first message that it wants, or let it wait for one."""
        previous = self.current
        try:
            self.current = process  # a predicate is code of the process's own
            process.waiting = wanted
            if wanted.predicate is None:
                message = take_wanted(process, wanted)
            else:
                task = process.task if process.as_task else None
                if self.shown.task is not task:
                    self.shown.show(task)
                message = process.context.run(take_wanted, process, wanted)
        except BaseException as error:
            self.wake(process, Throw(error))
            return
        finally:
            self.current = previous
        if not process.alive:
            leave_body(process, wanted)
        elif message is not EMPTY:
            self.wake(process, message)
        elif process.task is not None and process.as_task and (cancelled := process.task.take_cancel()) is not None:
            self.wake(process, Throw(cancelled))
        else:
            process.status = RECEIVING if wanted.kind is None and wanted.predicate is None else SELECTING
            if wanted.timeout is not None and process.deadline is None:
                if wanted.timeout == 0.0:
                    self.wake(process, TIMEOUT)
                else:
                    self.limit(process, wanted.timeout)

    def _await_answer(self, process: Process, request: CallRequest) -> None:
        if request.state != PENDING:  # the answer came while the request was being sent
            self.ready(process, None)
        elif process.task is not None and (cancelled := process.task.take_cancel()) is not None:
            abandon(request)
            self.ready(process, Throw(cancelled))
        else:
            process.status = CALLING
            process.waiting = request
            request.waiter = process
