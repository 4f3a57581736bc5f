"""Mutants of mailboxes, signals, links, names, timers and reasons."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import ALARMS, EXITS, LINKS, MAILBOX, NAMES, REQUESTS, SIGNALS, TIMERS, TRACES, WAITS

MESSAGES: Final = [
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
        REQUESTS,
        "    if request.state != PENDING:\n        if request.state == BY_MESSAGE",
        "    if request.state not in (PENDING, 1):\n        if request.state == BY_MESSAGE",
    ),
    Mutant("a caller is not woken", REQUESTS, "            scheduler.ready(waiter, None)", "            pass"),
    Mutant("the deadline of an answered call stays", REQUESTS, "if request.due != 0.0:", "if False:"),
    Mutant(
        "who has been answered is still a watcher",
        REQUESTS,
        "        server.watchers = discard(server.watchers, request)\n",
        "",
    ),
    Mutant(
        "a caller of a server that dies waits for ever",
        LINKS,
        "answer(request, FAILED, reason)",
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
        "heapq.heappush(self.heap, (deadline.due, deadline.order(self.sorted_in), deadline))",
        "self.heap.append((deadline.due, deadline.order(self.sorted_in), deadline))",
    ),
    Mutant(
        "a wait ends before what comes in the same moment",
        TIMERS,
        "return number + WAITS",
        "return number",
    ),
    Mutant(
        "one that was cancelled by another that fired, fires",
        TIMERS,
        "if deadline.due == due:  # false",
        "if True:  # false",
    ),
    Mutant(
        "one that fails keeps the others from firing",
        TIMERS,
        "except BaseException as error:  # a user's table",
        "except ZeroDivisionError as error:  # a user's table",
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
        ALARMS,
        "        self.at += self.interval\n        self.timers.start_at(self, self.at)\n        self.action(self)",
        "        self.timers.start_at(self, self.timers.now() + self.interval + 0.01)\n        self.action(self)",
    ),
    Mutant(
        "a timer that fired has time left",
        ALARMS,
        "None if self.due == 0.0 else max(0.0, self.due",
        "max(0.0, self.due",
    ),
    # The waking of processes
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
]
