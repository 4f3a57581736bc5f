"""Mutants of turns, remnants, the node and the clock."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import (
    CLOCK,
    CURRENT_TASK,
    DOOR,
    ENDING,
    HERE,
    INCOMING,
    LINEAGE,
    LINKS,
    LOOP_TIME,
    NODE,
    OUTSIDE,
    REMNANTS,
    REQUESTS,
    SCHEDULE,
    SCHEDULER,
    TASKS,
    TRACEBACKS,
    VIRTUAL_CLOCK,
)

NODES: Final = [
    # Turns
    Mutant(
        "a runnable process is forgotten",
        SCHEDULER,
        "if not self.scheduled:\n            self.want_turn()\n        self.queue.append(process)",
        "if not self.scheduled:\n            pass\n        self.queue.append(process)",
    ),
    Mutant("who comes last is first", SCHEDULER, "process = queue.popleft()", "process = queue.pop()"),
    Mutant(
        "a turn has no end",
        SCHEDULER,
        "if self.steps <= 0 and self.is_over():\n                    break",
        "if False:\n                    break",
    ),
    Mutant(
        "the rest of a turn is forgotten",
        SCHEDULER,
        "if (queue or self.yielded or self.broken_off or self.dying) and not self.closed:",
        "if (self.yielded or self.broken_off or self.dying) and not self.closed:",
    ),
    Mutant("who let others run is forgotten", SCHEDULER, "queue.extend(self.yielded)", "pass"),
    Mutant(
        "a server goes on while others wait",
        SCHEDULER,
        "if self.queue and not isinstance(mail[0], CallRequest):",
        "if False:",
    ),
    Mutant(
        "a server makes its caller wait for what comes next",
        SCHEDULER,
        "if mail is None or self.depth > 0 or self.schedule",
        "if mail is None or self.schedule",
    ),
    Mutant(
        "a server goes on for ever",
        SCHEDULER,
        "return self.steps > 0 or not self.is_over()\n\n    def process_keeps_turn",
        "return True\n\n    def process_keeps_turn",
    ),
    Mutant(
        "a plain callback has the task of the one before",
        SCHEDULER,
        "            if self.shown.task is not None:\n                self.shown.show(None)\n        self.steps",
        "        self.steps",
    ),
    Mutant("hand-over has no limit in depth", SCHEDULER, "depth >= self.deepest or", "self.deepest == 0 or"),
    Mutant("a call from deep in the stack is handed over", SCHEDULER, " or self.stack.value < self.stack_least", ""),
    Mutant(
        "one more thing may always be done",
        SCHEDULER,
        "self.begin_guests_turn()\n        self.steps -= 1\n        return self.steps > 0 or not self.is_over()",
        "self.begin_guests_turn()\n        return True",
    ),
    Mutant("hand-over lets a server see the caller's exception", SCHEDULER, " or handled() is not None:", ":"),
    Mutant(
        "hand-over has no limit in time",
        SCHEDULER,
        "            self.steps = 0\n            return False",
        "            pass",
    ),
    Mutant("a seed shuffles nothing", SCHEDULE, "queue.rotate(self.random.randrange(len(queue)))", "pass"),
    Mutant(
        "the idle timeout of a server that is called goes on",
        SCHEDULER,
        "            self.timers.cancel(process.deadline)\n            process.deadline = None\n        shown = ",
        "            process.deadline = None\n        shown = ",
    ),
    Mutant(
        "after a hand-over the server seems to run",
        SCHEDULER,
        "        self.current = previous\n        try:\n            if wish is RECEIVE and process.alive:",
        "        try:\n            if wish is RECEIVE and process.alive:",
    ),
    Mutant("asyncio sees no current task", CURRENT_TASK, "self.outer = swap_current_task(self.loop, task)", "pass"),
    Mutant(
        "a cancelled receive loses the message",
        TASKS,
        "put_back(process, value, waited.seen)",
        "pass  # a message",
    ),
    Mutant(
        "a cancellation that came late is kept from the loop",
        SCHEDULER,
        "        self.ready(process, Throw(task.take_cancel() or CancelledError()))\n        return True",
        "        return False",
    ),
    Mutant(
        "a predicate that raises does not end its process",
        SCHEDULER,
        "self.wake(process, Throw(error))",
        "self.wake(process, TIMEOUT)",
    ),
    Mutant(
        "a receive of 0 s waits", SCHEDULER, "                if wanted.timeout == 0.0:", "                if False:"
    ),
    Mutant("a server that times out at once waits", SCHEDULER, "elif wish == 0.0:", "elif False:"),
    Mutant(
        "a callback's StopIteration is an end like any",
        SCHEDULER,
        "elif value is not END and not process.as_task:",
        "elif False:",
    ),
    # Ended processes that still run
    Mutant("a remnant has no time", REMNANTS, "self.node.scheduler.timers.start(deadline, PATIENCE)", "pass"),
    Mutant("a remnant is not reported", REMNANTS, "self.node.report_remnant(process)", "pass"),
    Mutant("a remnant may swallow what it likes", REMNANTS, "if kept.cancels > MOST_CANCELS:", "if False:"),
    Mutant(
        "a node does not wait for remnants",
        REMNANTS,
        "        if self.kept:\n            self.waiting",
        "        if False:\n            self.waiting",
    ),
    # The node
    Mutant(
        "a node stops the oldest first",
        ENDING,
        "linked = list(small_set.items(node.init.links))[::-1]",
        "linked = list(small_set.items(node.init.links))",
    ),
    Mutant(
        "what is left when a node stops goes on",
        ENDING,
        'if process is not node.init:\n            links.die(process, "killed")',
        "if False:\n            pass",
    ),
    Mutant("orphans are killed at once", ENDING, "await orphans_end(node)", "pass"),
    Mutant(
        "a supervisor has a limit",
        ENDING,
        "return None if process.context.get(KEEPER) is process.pid else SHUTDOWN",
        "return SHUTDOWN",
    ),
    Mutant(
        "what starts during the end is left",
        ENDING,
        "for _ in range(MOST_ROUNDS):\n        kill_each(node)\n        await",
        "for _ in range(1):\n        kill_each(node)\n        await",
    ),
    Mutant("a cancelled stop is not hurried", ENDING, "                end_task.cancel()\n", "                pass\n"),
    Mutant("a start goes on when its supervisor is to end", NODE, "attempt.told_to_end()", "pass"),
    Mutant("a node that has run may run again", NODE, "if self.last_pid:", "if False:"),
    Mutant("a thread may have two nodes", NODE, "if CURRENT.node.loop.is_running():", "if False:"),
    Mutant("what was posted is lost with the node", DOOR, "    while node.gate.inbox:\n", "    while False:\n"),
    Mutant(
        "a thread waits for a node that has ended", DOOR, "        answer.fail(node.gate.end_words)", "        pass"
    ),
    Mutant("a process of a closed loop lives on", DOOR, '        links.die(process, "noconnection")', "        pass"),
    Mutant(
        "a stopped node is still the thread's",
        HERE,
        "        CURRENT.node = INTERRUPTS.handler = None\n        CURRENT.ended",
        "        CURRENT.ended",
    ),
    Mutant("a child does not know its ancestors", LINEAGE, "Lineage(called, above)", "Lineage(called, None)"),
    Mutant("a chain of ancestors is never cut", LINEAGE, "above.depth >= MOST", "False"),
    Mutant("a brother's ancestors are another's", LINEAGE, " or shared.above is not above", ""),
    Mutant("a parent's new name is not noticed", LINEAGE, " or shared.called is not called", ""),
    Mutant("ancestors are not named", LINEAGE, "parent.pid if parent.name is None else parent.name", "parent.pid"),
    Mutant("a process that raises is not reported", NODE, "report.process_raised(process, raised)", "pass"),
    Mutant(
        "a process that exits is reported",
        NODE,
        "if process.alive and exits.is_a(error, exits.Exit):",
        "if False:",
    ),
    Mutant("KeyboardInterrupt ends a process and no more", NODE, "self.loop.call_soon(leave)", "pass"),
    Mutant("an answer from another thread is given there", REQUESTS, "if node.is_here():", "if True:"),
    Mutant(
        "an abandoned call is still a watcher",
        REQUESTS,
        "        request.state = CLOSED\n        request.waiter = None\n        stop_watching(request)",
        "        request.state = CLOSED\n        request.waiter = None",
    ),
    Mutant(
        "an exit signal from another node is dropped",
        INCOMING,
        "links.exit_signal(target, signal.source, signal.reason, False)",
        "pass",
    ),
    Mutant(
        "a link from another node is dropped",
        LINKS,
        "        target.links = add(target.links, source)",
        "        pass",
    ),
    Mutant(
        "a link that an unlink has crossed counts",
        LINKS,
        "elif target.rare is None or target.rare.unlinking is None or source not in target.rare.unlinking:",
        "else:",
    ),
    Mutant(
        "a link to a dead process elsewhere is silent",
        LINKS,
        'source.node.deliver(LinkExitSignal(signal.target, source, "noproc"))',
        "pass",
    ),
    Mutant(
        "a monitor of a dead process elsewhere is silent",
        INCOMING,
        'signal.source.node.deliver(DownSignal(signal.target, signal.source, signal.monitor, "noproc"))',
        "pass",
    ),
    # The clock
    Mutant("a virtual clock goes backwards", VIRTUAL_CLOCK, "self.time = max(self.time, when)", "self.time = when"),
    Mutant("a virtual clock does not say that it moved", VIRTUAL_CLOCK, "            self.moved()", "            pass"),
    Mutant(
        "asyncio's timers are forgotten when a node starts",
        LOOP_TIME,
        "        for handle in before:\n            self.wait(handle)",
        "        pass",
    ),
    Mutant(
        "asyncio's timers are forgotten when a node ends",
        LOOP_TIME,
        "heapq.heappush(self.loop._scheduled, handle)",
        "pass",
    ),
    Mutant(
        "no time is given to a thread",
        OUTSIDE,
        "self.real.now() + AT_WORK\n        future",
        "0.0\n        future",
    ),
    Mutant(
        "no time is given to a peer that was asked",
        OUTSIDE,
        "        if source.count():\n            source.until = now + SOON",
        "        source.count()",
    ),
    Mutant("a failure loses its frames", TRACEBACKS, "one.__traceback__ = traceback", "pass"),
    Mutant(
        "negative seconds are seconds", CLOCK, "if not value >= 0 or not is_float(value):", "if not is_float(value):"
    ),
]
