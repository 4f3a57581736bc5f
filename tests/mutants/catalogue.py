"""What is broken, one thing at a time: each row of the decision tables, and chosen places of the kernel and of calls.

`old` is as short as it can be, so that a mutant outlives what changes beside it. Where a place is rewritten, the
mutant is rewritten with it: it stands for a promise, not for a line.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

RESTART: Final = "behaviours/supervision/restart.py"
MAILBOX: Final = "kernel/mailbox.py"
SIGNALS: Final = "kernel/signals.py"
LINEAGE: Final = "kernel/ancestors.py"
LINKS: Final = "kernel/links.py"
NAMES: Final = "kernel/names.py"
TIMERS: Final = "kernel/deadlines.py"
WAITS: Final = "kernel/wakeups.py"
EXITS: Final = "kernel/exits.py"
TRACES: Final = "kernel/tracebacks.py"
REPORTS: Final = "kernel/report.py"
AWAITABLES: Final = "kernel/awaitables.py"
TERMS: Final = "kernel/bounded_repr.py"
SCHEDULER: Final = "kernel/scheduler.py"
TASKS: Final = "kernel/coroutine_steps.py"
SCHEDULE: Final = "kernel/schedule.py"
REMNANTS: Final = "kernel/remnants.py"
NODE: Final = "kernel/node.py"
HERE: Final = "kernel/current_node.py"
DOOR: Final = "kernel/inbox.py"
ENDING: Final = "kernel/node_shutdown.py"
CLOCK: Final = "kernel/clock.py"
LOOP_TIME: Final = "kernel/virtual_loop.py"
OUTSIDE: Final = "kernel/outside_work.py"
TRACEBACKS: Final = "testing/failures.py"
REQUEST: Final = "behaviours/gen/request.py"
STARTING: Final = "behaviours/gen/starting.py"
GEN_SERVER: Final = "behaviours/gen_server/gen_server.py"
CLIENT: Final = "behaviours/gen_server/client.py"
LOOP: Final = "behaviours/gen_server/loop.py"
STOPPING: Final = "behaviours/supervision/shutdown.py"
HELD: Final = "behaviours/gen/system_requests.py"
DEBUG: Final = "behaviours/gen/debug.py"
ATTEMPTS: Final = "behaviours/gen/user_code.py"
PROC_LIB: Final = "behaviours/gen/proc_lib.py"

# The tests that are asked first: the fewer have to run until one fails, the sooner the next mutant has its turn.
NEAREST: Final[dict[str, list[str]]] = {
    RESTART: ["tests/behaviours/supervision/test_restart.py"],
    MAILBOX: ["tests/kernel/test_receive.py", "tests/kernel/process", "tests/kernel/signals"],
    SIGNALS: ["tests/kernel/test_receive.py", "tests/kernel/signals"],
    LINEAGE: ["tests/kernel/test_generations.py", "tests/kernel/process"],
    LINKS: [
        "tests/kernel/test_links_that_cross.py",
        "tests/kernel/process",
        "tests/kernel/hand_over",
        "tests/kernel/test_memory.py",
        "tests/kernel/signals",
    ],
    NAMES: [
        "tests/kernel/process",
        "tests/behaviours/gen_server",
        "tests/kernel/signals",
        "tests/behaviours/naming",
    ],
    TIMERS: ["tests/kernel/timers"],
    WAITS: ["tests/kernel/test_receive.py", "tests/kernel/test_remnants.py"],
    EXITS: ["tests/kernel/test_memory.py", "tests/kernel/process", "tests/behaviours/supervision/test_restart.py"],
    TRACES: ["tests/kernel/test_causes.py", "tests/ops/test_exc_info.py", "tests/kernel/test_memory.py"],
    REPORTS: ["tests/ops/test_exc_info.py"],
    AWAITABLES: ["tests/behaviours/gen/test_awaitables.py"],
    TERMS: ["tests/ops/test_function_names.py", "tests/ops/test_exc_info.py", "tests/ops/logs"],
    SCHEDULER: ["tests/kernel/test_receive.py", "tests/kernel/hand_over", "tests/kernel/asyncio_tasks"],
    SCHEDULE: ["tests/kernel/signals", "tests/kernel/hand_over"],
    REMNANTS: ["tests/kernel/test_remnants.py"],
    HERE: ["tests/kernel/nodes", "tests/kernel/test_ended_nodes.py"],
    DOOR: ["tests/kernel/test_ended_nodes.py"],
    NODE: ["tests/kernel/nodes", "tests/kernel/signals", "tests/kernel/process"],
    ENDING: ["tests/kernel/test_ending.py", "tests/kernel/test_remnants.py"],
    CLOCK: ["tests/kernel/timers"],
    LOOP_TIME: ["tests/testing/test_one_clock.py"],
    OUTSIDE: ["tests/testing/test_one_clock.py"],
    TRACEBACKS: ["tests/testing/test_failures.py"],
    REQUEST: ["tests/behaviours/gen_server", "tests/kernel/nodes"],
    STARTING: ["tests/behaviours/gen", "tests/behaviours/gen_server"],
    CLIENT: ["tests/behaviours/gen_server"],
    GEN_SERVER: ["tests/behaviours/gen_server"],
    LOOP: ["tests/behaviours/gen_server"],
    STOPPING: ["tests/behaviours/supervision"],
    HELD: ["tests/behaviours/gen"],
    DEBUG: ["tests/behaviours/gen"],
    ATTEMPTS: ["tests/behaviours/gen/test_what_only_looks.py", "tests/behaviours/gen/test_callbacks_that_fail.py"],
    PROC_LIB: ["tests/behaviours/gen"],
}

TABLES: Final = [
    Mutant(
        "a permanent child stays away",
        RESTART,
        'case "permanent":\n            return Decision.RESTART',
        'case "permanent":\n            return Decision.KEEP',
    ),
    Mutant(
        "a permanent child comes back only if it failed",
        RESTART,
        'case "permanent":\n            return Decision.RESTART',
        'case "permanent":\n            return Decision.KEEP if is_normal(reason) else Decision.RESTART',
    ),
    Mutant(
        "a transient child comes back always",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        "Decision.RESTART",
    ),
    Mutant(
        "a transient child stays away always",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        "Decision.KEEP",
    ),
    Mutant(
        "a transient child is forgotten",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        "Decision.FORGET if is_normal(reason) else Decision.RESTART",
    ),
    Mutant(
        "a transient child that was shut down comes back",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        'Decision.KEEP if reason == "normal" else Decision.RESTART',
    ),
    Mutant(
        "a temporary child is kept",
        RESTART,
        'case "temporary":\n            return Decision.FORGET',
        'case "temporary":\n            return Decision.KEEP',
    ),
    Mutant(
        "a temporary child that failed comes back",
        RESTART,
        'case "temporary":\n            return Decision.FORGET',
        'case "temporary":\n            return Decision.FORGET if is_normal(reason) else Decision.RESTART',
    ),
    Mutant(
        "a stopped permanent or transient child cannot be started again",
        RESTART,
        'case "permanent" | "transient":\n            return True',
        'case "permanent" | "transient":\n            return False',
    ),
    Mutant(
        "a stopped transient child cannot be started again",
        RESTART,
        'case "permanent" | "transient":\n            return True',
        'case "permanent" | "transient":\n            return restart == "permanent"',
    ),
    Mutant(
        "a stopped temporary child is kept",
        RESTART,
        'case "temporary":\n            return False',
        'case "temporary":\n            return True',
    ),
    Mutant("one_for_one concerns all", RESTART, "return [child]", "return list(children)"),
    Mutant("one_for_one concerns nobody", RESTART, "return [child]", "return []"),
    Mutant(
        "simple_one_for_one concerns all",
        RESTART,
        "return [child]",
        'return [child] if strategy == "one_for_one" else list(children)',
    ),
    Mutant(
        "rest_for_one concerns those before",
        RESTART,
        "list(dropwhile(lambda other: other != child, children))",
        "[*__import__('itertools').takewhile(lambda other: other != child, children), child]",
    ),
    Mutant(
        "rest_for_one leaves the child itself",
        RESTART,
        "list(dropwhile(lambda other: other != child, children))",
        "list(dropwhile(lambda other: other != child, children))[1:]",
    ),
    Mutant(
        "one_for_all concerns those after",
        RESTART,
        'case "one_for_all":\n            return list(children)',
        'case "one_for_all":\n            return list(dropwhile(lambda other: other != child, children))',
    ),
    Mutant(
        "auto_shutdown never ends the supervisor",
        RESTART,
        'case "never":\n            return False',
        'case "never":\n            return significant',
    ),
    Mutant(
        "any_significant waits for the last",
        RESTART,
        'case "any_significant":\n            return significant',
        'case "any_significant":\n            return significant and not others_left',
    ),
    Mutant(
        "any_significant ends with any child",
        RESTART,
        'case "any_significant":\n            return significant',
        'case "any_significant":\n            return True',
    ),
    Mutant(
        "all_significant ends with the first",
        RESTART,
        "return significant and not others_left",
        "return significant",
    ),
    Mutant(
        "all_significant ends with any child",
        RESTART,
        "return significant and not others_left",
        "return not others_left",
    ),
    Mutant(
        "significant means nothing and is let through",
        RESTART,
        'if spec.significant and auto_shutdown == "never":',
        'if False and auto_shutdown == "never":',
    ),
    Mutant(
        "significant and permanent are let through",
        RESTART,
        'elif spec.significant and spec.restart == "permanent":',
        "elif False:",
    ),
    Mutant("brutal_kill asks first", RESTART, 'return "kill", None', 'return "shutdown", None'),
    Mutant("brutal_kill has a limit", RESTART, 'return "kill", None', 'return "kill", 0.0'),
    Mutant("infinity has a limit", RESTART, 'return "shutdown", None', 'return "shutdown", 5.0'),
    Mutant("a number of seconds is no limit", RESTART, 'return "shutdown", float(shutdown)', 'return "shutdown", None'),
    Mutant(
        "a number of seconds kills", RESTART, 'return "shutdown", float(shutdown)', 'return "kill", float(shutdown)'
    ),
    Mutant(
        "the normal end of a permanent child is not reported",
        RESTART,
        'return restart == "permanent" or not is_normal(reason)',
        "return not is_normal(reason)",
    ),
    Mutant(
        "the abnormal end of another child is not reported",
        RESTART,
        'return restart == "permanent" or not is_normal(reason)',
        'return restart == "permanent"',
    ),
    Mutant(
        "a child that was killed after its time ended as told",
        RESTART,
        'return brutal and type(reason) is str and reason == "killed"',
        'return type(reason) is str and reason == "killed"',
    ),
    Mutant(
        "a child that was killed as wished did not end as told",
        RESTART,
        'return brutal and type(reason) is str and reason == "killed"',
        "return False",
    ),
    Mutant(
        "a child that failed while it was killed ended as told",
        RESTART,
        'return brutal and type(reason) is str and reason == "killed"',
        "return brutal",
    ),
    Mutant(
        "a permanent child that ends normally when told ended as told",
        RESTART,
        '(not brutal and type(reason) is str and reason == "shutdown")',
        "not brutal",
    ),
    Mutant(
        "a permanent child that shut down before it was killed ended as told",
        RESTART,
        '(not brutal and type(reason) is str and reason == "shutdown")',
        '(type(reason) is str and reason == "shutdown")',
    ),
    Mutant(
        "a temporary child that ends normally when told did not end as told",
        RESTART,
        'return restart != "permanent" or (',
        "return (",
    ),
    Mutant("one restart more is allowed", RESTART, "<= self.max_restarts", "<= self.max_restarts + 1"),
    Mutant("one restart less is allowed", RESTART, "<= self.max_restarts", "< self.max_restarts"),
    Mutant("a restart at the edge of the window does not count", RESTART, "restarts[0] < now", "restarts[0] <= now"),
    Mutant("restarts are never forgotten", RESTART, "restarts.popleft()", "break"),
    Mutant(
        "every restart but the last is forgotten", RESTART, "restarts[0] < now - self.max_seconds", "len(restarts) > 1"
    ),
]

KERNEL: Final = [
    # The mailbox
    Mutant("a mailbox gives the newest first", MAILBOX, "mailbox.popleft()", "mailbox.pop()"),
    Mutant(
        "new mail goes before the old",
        MAILBOX,
        "process.mailbox.append(message)",
        "process.mailbox.appendleft(message)",
    ),
    Mutant("mail given back goes behind", MAILBOX, "mailbox.insert(place, message)", "mailbox.append(message)"),
    Mutant("mail given back goes first", MAILBOX, "mailbox.insert(place, message)", "mailbox.appendleft(message)"),
    Mutant(
        "a drained mailbox stays",
        MAILBOX,
        "message = mailbox.popleft()\n    if not mailbox:",
        "message = mailbox.popleft()\n    if False:",
    ),
    Mutant(
        "what was looked at is forgotten",
        MAILBOX,
        "    wanted.seen = position\n    return",
        "    wanted.seen = len(mailbox) + 1\n    return",
    ),
    Mutant(
        "what is taken out of turn stays as well",
        MAILBOX,
        "            wanted.seen = position\n            del mailbox[position]",
        "            wanted.seen = position",
    ),
    Mutant("who waits for a fitting message is not woken", MAILBOX, "if process.status == SELECTING:", "if False:"),
    Mutant(
        "a message on its way is not seen",
        MAILBOX,
        "waiting.insert(wanted.seen if type(wanted) is Receive else 0, process.value)",
        "pass",
    ),
    Mutant("flush takes any Down", MAILBOX, "type(message) is Down and message.ref is ref", "type(message) is Down"),
    # Signals
    Mutant(
        "a class takes only its own instances, not its subclasses'",
        "kernel/yields.py",
        "else isinstance(message, kind)",
        "else type(message) is kind",
    ),
    Mutant("a predicate is not asked", "kernel/yields.py", "return bool(self.predicate(message))", "return True"),
    Mutant(
        "exits of different reasons are equal",
        SIGNALS,
        "(self.pid, self.reason) == (other.pid, other.reason)",
        "self.pid == other.pid",
    ),
    # Links, monitors, ends
    Mutant("a link works one way", LINKS, "other.process.links = add(other.process.links, process.pid)", "pass"),
    Mutant(
        "an unlink works one way",
        LINKS,
        "other.process.links = discard(other.process.links, process.pid)\n\n\n#",
        "pass\n\n\n#",
    ),
    Mutant("a link to a dead process is silent", LINKS, 'exit_signal(process, other, "noproc", True)', "pass"),
    Mutant("kill can be trapped", LINKS, 'if word == "kill" and not linked:', "if False:"),
    Mutant("kill goes on along links", LINKS, 'if word == "kill" and not linked:', 'if word == "kill":'),
    Mutant("a killed process tells of kill", LINKS, 'die(process, "killed")', 'die(process, "kill")'),
    Mutant("normal ends others", LINKS, 'elif word != "normal" or (source is process.pid and not linked):', "else:"),
    Mutant("normal does not end oneself", LINKS, " or (source is process.pid and not linked):", ":"),
    Mutant("trapping is not looked at", LINKS, "elif process.trap_exit:", "elif False:"),
    Mutant("a monitor of a dead process is silent", LINKS, "deliver_down(process, ref, absent)", "pass"),
    Mutant(
        "a monitor fires twice",
        LINKS,
        "        ref.watched = None\n        if watcher is not None:",
        "        if watcher is not None:",
    ),
    Mutant(
        "a monitor that was taken back fires",
        LINKS,
        "watched.process.watchers = discard(watched.process.watchers, ref)",
        "pass",
    ),
    Mutant(
        "anyone can take a monitor back",
        LINKS,
        "if watched is None or ref.owner is not process.pid:",
        "if watched is None:",
    ),
    Mutant("a Down forgets its tag", LINKS, "Down(ref, ref.target, reason, ref.tag)", "Down(ref, ref.target, reason)"),
    Mutant(
        "a second answer counts",
        "kernel/requests.py",
        "    if request.state != PENDING:\n",
        "    if request.state not in (PENDING, 1):\n",
    ),
    Mutant(
        "a caller is not woken", "kernel/requests.py", "            scheduler.ready(waiter, None)", "            pass"
    ),
    Mutant("the deadline of an answered call stays", "kernel/requests.py", "if request.due != 0.0:", "if False:"),
    Mutant(
        "who has been answered is still a watcher",
        "kernel/requests.py",
        "            unwatch(server, request)\n",
        "            pass\n",
    ),
    Mutant(
        "a caller of a server that dies waits for ever",
        LINKS,
        "request.pid.node.settle(request, FAILED, reason)",
        "pass",
    ),
    Mutant("an end has no reason", LINKS, "process.reason = reason", "process.reason = None"),
    Mutant(
        "a dead process keeps its pid alive",
        LINKS,
        "    process.alive = False\n    process.pid.process = None",
        "    process.alive = False",
    ),
    Mutant("deaths nest", LINKS, "if node.burying:\n            return", "pass"),
    Mutant(
        "what was broken off is forgotten",
        LINKS,
        "    scheduler.dying.append(process)\n    process.alive = False",
        "    process.alive = False",
    ),
    Mutant("a dead process's timers fire", LINKS, "process.node.scheduler.timers.cancel(timer)", "pass"),
    Mutant(
        "a dead process's monitors stay",
        LINKS,
        "            demonitor(process, ref)\n        process.monitors = None",
        "            pass\n        process.monitors = None",
    ),
    # Names
    Mutant("a name has two holders", NAMES, "if taken is not None:", "if False:"),
    Mutant("a name outlives its holder", NAMES, "if process.node.names.get(process.name) is process:", "if False:"),
    Mutant(
        "a global name has two holders",
        NAMES,
        "GLOBAL_NAMES.setdefault(key, process.pid)",
        "GLOBAL_NAMES[key] = process.pid",
    ),
    Mutant("a global name outlives its holder", NAMES, "del GLOBAL_NAMES[same(key)]", "pass"),
    Mutant("a table hears nothing of an end", NAMES, "held.release(process.pid)", "pass"),
    Mutant(
        "a failed start leaves its name in a user's table",
        NAMES,
        'answered(self.table, "unregister_name", self.key)',
        "pass",
    ),
    Mutant("a name elsewhere is looked up here", NAMES, "find(other, name)", "find(node, name)"),
    # Timers
    Mutant(
        "a cancelled timer fires",
        TIMERS,
        "            del bucket[deadline]\n            if not bucket:",
        "            if not bucket:",
    ),
    Mutant(
        "deadlines fire in the order in which they were made",
        TIMERS,
        "heapq.heappush(self.heap, (deadline.due, order, deadline))",
        "self.heap.append((deadline.due, order, deadline))",
    ),
    Mutant(
        "a wait ends before what comes in the same moment",
        TIMERS,
        "isinstance(deadline, Timer) else self.sorted_in + WAITS",
        "isinstance(deadline, Timer) else self.sorted_in",
    ),
    Mutant(
        "one that was cancelled by another that fired, fires",
        TIMERS,
        "if deadline.due == due:  # and not",
        "if True:  # and not",
    ),
    Mutant(
        "one that fails keeps the others from firing",
        TIMERS,
        "except BaseException as error:  # a table",
        "except ZeroDivisionError as error:  # a table",
    ),
    Mutant(
        "a nearer deadline does not set the clock",
        TIMERS,
        "if due < self.handle_due:\n            self._arm(due)\n        deadline.due",
        "if self.handle is None:\n            self._arm(due)\n        deadline.due",
    ),
    Mutant(
        "nothing is armed after something has fired",
        TIMERS,
        "            if due < FOREVER:\n                self._arm(due)",
        "            if due < 0.0:\n                self._arm(due)",
    ),
    Mutant("cancelled deadlines are never purged", TIMERS, "if self.dead > FEW and", "if False and"),
    Mutant(
        "an interval drifts",
        TIMERS,
        "        self.at += self.interval\n        self.timers.start_at(self, self.at)\n        self.action(self)",
        "        self.timers.start_at(self, self.timers.now() + self.interval + 0.01)\n        self.action(self)",
    ),
    Mutant(
        "a timer that fired has time left",
        TIMERS,
        "None if self.due == 0.0 else max(0.0, self.due",
        "max(0.0, self.due",
    ),
    # What wakes a process
    Mutant(
        "a receive's time overtakes mail", WAITS, "if process.status == READY and process.value is RESCAN:", "if False:"
    ),
    Mutant(
        "callbacks of a future are all alike",
        WAITS,
        "isinstance(other, FutureCallback) and other.process is self.process",
        "isinstance(other, FutureCallback)",
    ),
    # Reasons
    Mutant(
        "shutdown is no normal end",
        EXITS,
        'return reason == "normal" or reason == "shutdown"',
        'return reason == "normal"',
    ),
    Mutant("shutdown with a detail is no normal end", EXITS, 'parts[0] == "shutdown"', 'parts[0] == "shut down"'),
    Mutant("an Exit is its own reason", EXITS, "if not is_a(error, Exit, CallExit):", "if True:"),
    Mutant("a reason keeps its frames", EXITS, "TRACEBACK.__set__(one, None)", "pass"),
    Mutant("the cause of a reason keeps its frames", TRACES, "CAUSE.__get__(one), CONTEXT", "None, CONTEXT"),
    Mutant(
        "the context of a reason keeps its frames",
        TRACES,
        "CAUSE.__get__(one), CONTEXT.__get__(one)",
        "(CAUSE.__get__(one),)",
    ),
    Mutant(
        "who handles an exception loses its traceback",
        EXITS,
        "    return apart(carried(error))",
        "    return strip_tracebacks(carried(error))",
    ),
    Mutant(
        "a log handler that raises ends who reports",
        "kernel/report.py",
        "        except BaseException as error:\n            lost(error)",
        "        except ZeroDivisionError as error:\n            lost(error)",
    ),
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
        "return self.steps > 0 or not self.is_over()\n\n    def may",
        "return True\n\n    def may",
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
    Mutant("asyncio sees no current task", TASKS, "self.outer = swap_current_task(self.loop, task)", "pass"),
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
        "a predicate that raises ends nobody",
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
    # The dead who still run
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
        "        CURRENT.node = None\n        CURRENT.ended",
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
    Mutant(
        "an answer from another thread is given there", NODE, "if threading.get_ident() == self.thread:", "if True:"
    ),
    Mutant(
        "an abandoned call is still a watcher",
        NODE,
        "            request.waiter = None\n            requests.stop_watching(request)",
        "            request.waiter = None",
    ),
    Mutant(
        "an exit signal from another node is dropped",
        NODE,
        "links.exit_signal(target, source, signal.reason, False)",
        "pass",
    ),
    Mutant(
        "a link from another node is dropped",
        LINKS,
        "            target.links = add(target.links, source)",
        "            pass",
    ),
    Mutant(
        "a link that an unlink has crossed counts",
        LINKS,
        "elif unlinking is None or source not in unlinking:",
        "else:",
    ),
    Mutant(
        "a link to a dead process elsewhere is silent",
        LINKS,
        'source.node.door(Signal("exit_link", signal.target, source, "noproc", None))',
        "pass",
    ),
    Mutant(
        "a monitor of a dead process elsewhere is silent",
        NODE,
        'ref.owner.node.door(Signal("down", signal.target, ref.owner, "noproc", ref))',
        "pass",
    ),
    # The clock
    Mutant("a virtual clock goes backwards", CLOCK, "self.time = max(self.time, when)", "self.time = when"),
    Mutant("a virtual clock does not say that it moved", CLOCK, "            self.moved()", "            pass"),
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

CALLS: Final = [
    Mutant("a process may ask itself", REQUEST, "elif target is caller:", "elif False:"),
    Mutant(
        "a call of 0 s waits",
        REQUEST,
        "    if timeout == 0.0:\n        requests.settle(made, CLOSED, None)\n        return\n",
        "",
    ),
    Mutant(
        "a call has no limit in time",
        REQUEST,
        "watch_for(made, target, timeout)",
        "watch_for(made, target, None)",
    ),
    Mutant(
        "a call to another node has no limit in time", REQUEST, "node.scheduler.timers.start(made, timeout)", "pass"
    ),
    Mutant(
        "a call to nobody waits",
        REQUEST,
        'if target is None:\n        requests.settle(made, FAILED, "noproc")',
        "if target is None:\n        return True",
    ),
    Mutant(
        "a caller that was ended goes on",
        REQUEST,
        "        if caller is not None and not caller.alive:  # by what the server did with it\n            await unwind()\n",
        "",
    ),
    Mutant("a plain task that is cancelled is still a watcher", REQUEST, "        node.abandon(made)", "        pass"),
    Mutant(
        "a request from another node is watched by nobody",
        REQUEST,
        "target.watchers = small_set.add(target.watchers, made)",
        "pass",
    ),
    Mutant("a failure has no place", REQUEST, "kind((why, place), letter)", "kind((why, why), letter)"),
    Mutant(
        "a cast to a name that nobody has raises",
        REQUEST,
        "except ValueError:  # there is no such registry",
        "except ZeroDivisionError:  # there is no such registry",
    ),
    Mutant(
        "a table that raises ends who casts", REQUEST, "if via is None or not is_failure", "if True or not is_failure"
    ),
    Mutant("named servers are not named", GEN_SERVER, "if name is None and cls.__regrow_named__:", "if False:"),
    Mutant(
        "init that raises leaves its starter waiting",
        STARTING,
        "        init_ack(process, starter, Failed(reason))\n",
        "        pass\n",
    ),
    Mutant("init's then is forgotten", LOOP, "result.state, then, debug)\n", "result.state, None, debug)\n"),
    Mutant("IGNORE leaves the starter waiting", LOOP, "        init_ack(process, starter, result)\n", "        pass\n"),
    Mutant("a server does not end with its parent", LOOP, "if kind is Exited and message.pid is parent:", "if False:"),
    Mutant(
        "a server ends with any process that is linked",
        LOOP,
        "if kind is Exited and message.pid is parent:",
        "if kind is Exited:",
    ),
    Mutant(
        "a state is not kept",
        LOOP,
        "state = None, result.state\n                    if",
        "_ = None, result.state\n                    if",
    ),
    Mutant(
        "a state that a cast has made is not kept",
        LOOP,
        "state = None, result.state\n                    continue",
        "_ = None, result.state\n                    continue",
    ),
    Mutant("a stop has the old state", LOOP, "error.result.state if type(error) is Stopping else state", "state"),
    Mutant(
        "terminate that raises changes nothing",
        LOOP,
        "error, raised, failed = second, Raised(second), True\n        reason = exits.reason_of(second)",
        "pass",
    ),
    Mutant("a last reply is forgotten", LOOP, "request.reply(last_reply.message, last_reply.result.reply)", "pass"),
    Mutant(
        "a normal end is reported",
        LOOP,
        "    if failed or not exits.is_normal(reason):\n        raised",
        "    if True:\n        raised",
    ),
    Mutant(
        "an abnormal end is not reported",
        LOOP,
        "    if failed or not exits.is_normal(reason):\n        raised",
        "    if False:\n        raised",
    ),
    Mutant(
        "a handler may fall off its end",
        LOOP,
        "    if result is None:\n        letter",
        "    if result is None:\n        return None, None\n    if result is None:\n        letter",
    ),
    Mutant(
        "a continue is a message",
        LOOP,
        "return server.handle_continue(message.arg, state)",
        "return server.handle_info(message.arg, state)",
    ),
    Mutant(
        "the end of patience is a token",
        LOOP,
        '                message = "timeout" if message is TIMEOUT else message',
        "                pass",
    ),
    Mutant(
        "a reply before a bad then is sent",
        LOOP,
        '        then = None if result.then is None else check_then(server, "handle_call", result, result.then)\n',
        '        request.reply(message, result.value)\n        then = None if result.then is None else check_then(server, "handle_call", result, result.then)\n',
    ),
]

STARTS_AND_STOPS: Final = [
    Mutant(
        "a start that took too long goes on",
        STARTING,
        'links.die(process, "killed")\n        raise StartError("timeout", who)',
        'raise StartError("timeout", who)',
    ),
    Mutant("a failed start keeps its name", STARTING, "names.release(process)", "pass"),
    Mutant(
        "a failed start is told twice",
        STARTING,
        "    take_exits(parent, (process.pid,))  # it is told",
        "    pass  # it is told",
    ),
    Mutant(
        "a taken name is not told at once",
        STARTING,
        "if held is not None and (held.process is not None or held.node is not node):",
        "if False:",
    ),
    Mutant(
        "a second word to the starter is the last",
        PROC_LIB,
        "found[0] is process.pid else None",
        "found[0] is process.pid or True else None",
    ),
    Mutant(
        "a process of proc_lib is not reported",
        PROC_LIB,
        "process_crashed(process, reason, raised, again=False)",
        "pass",
    ),
    Mutant("a failed start leaves a Down", PROC_LIB, "            _forget(caller, ref)\n", ""),
    Mutant(
        "a suspended server outlives its parent",
        HELD,
        "yield Receive(self.concerns, None)",
        "yield Receive(SystemRequest, None)",
    ),
    Mutant(
        "a server changes its code while it runs",
        HELD,
        'if message.operation == "change_code" and not self.suspended:',
        "if False:",
    ),
    Mutant(
        "terminate is heard by nobody",
        HELD,
        '            if message.operation == "terminate":\n                reply(message, None)\n',
        "",
    ),
    Mutant(
        "one resume is not enough", HELD, "self.suspended = False\n\n    def get_status", "pass\n\n    def get_status"
    ),
    Mutant(
        "replace_state that raises ends the server",
        HELD,
        'raise\n            return failed("the function given',
        'raise\n            raise error\n            return failed("the function given',
    ),
    Mutant(
        "a function that raises sees more",
        DEBUG,
        'raise\n                after = "done"',
        "raise\n                after = one.state",
    ),
    Mutant("another's cancellation ends a manager", ATTEMPTS, " or not is_cancelled(process)", ""),
    Mutant("a cancelled manager goes on", ATTEMPTS, "task is not None and task.cancelling() > 0", "False"),
    Mutant("a format_status of None ends a server", ATTEMPTS, "if isinstance(found, Mapping):", "if True:"),
    Mutant(
        "a function is installed twice",
        DEBUG,
        "if self.hook(key) is None:",
        "if True:",
    ),
    Mutant("the oldest function is asked first", DEBUG, "self.hooks[::-1]", "self.hooks[:]"),
    Mutant(
        "answers count as requests", DEBUG, '"messages_in" if event[0] == "in" else "messages_out"', '"messages_in"'
    ),
]

WORDS: Final = [
    Mutant(
        "a generator-based coroutine is a value",
        AWAITABLES,
        "return bool(generator.gi_code.co_flags & ITERABLE_COROUTINE)",
        "return False",
    ),
    Mutant("a class is awaited", AWAITABLES, 'return hasattr(kind, "__await__")', 'return hasattr(value, "__await__")'),
    Mutant(
        "what another process raised is no cause",
        TRACES,
        "found = first_in(reason)\n    return",
        "found = None\n    return",
    ),
    Mutant(
        "a made traceback has the line of its function",
        TRACES,
        "co_linetable=_line_table(line - code.co_firstlineno),",
        "",
    ),
    Mutant(
        "a crash is told again where nothing is configured",
        REPORTS,
        "if again and not logger.hasHandlers():",
        "if False:",
    ),
    Mutant(
        "a crash is told in full again",
        REPORTS,
        'stand in the record before this one)" if again else None',
        '" if False else None',
    ),
    Mutant("a repr is asked for each time it is shown", TERMS, "if id(value) not in seen:", "if True:"),
    Mutant("a function is shown with its address", TERMS, "if is_function(kind):", "if False:"),
]

MUTANTS: Final = [*TABLES, *KERNEL, *CALLS, *STARTS_AND_STOPS, *WORDS]
