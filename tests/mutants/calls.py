"""Mutants of calls, and of a server's life."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import (
    ATTEMPTS,
    DEBUG,
    GEN_SERVER,
    HELD,
    INCOMING,
    LOOP,
    PROC_LIB,
    REQUEST,
    REQUESTS,
    STARTING,
)

CALLS: Final = [
    Mutant("a process may ask itself", REQUESTS, "    if target is caller:\n", "    if False:\n"),
    Mutant(
        "a call of 0 s waits",
        REQUESTS,
        "    if timeout == 0.0:\n        settle(request, CLOSED, None)\n        return\n",
        "",
    ),
    Mutant(
        "a call has no limit in time",
        REQUESTS,
        "watch_for(request, target, timeout)",
        "watch_for(request, target, None)",
    ),
    Mutant(
        "a call to another node has no limit in time",
        REQUESTS,
        "    node.scheduler.timers.start(request, timeout)",
        "    pass",
    ),
    Mutant(
        "a call to an unused name waits",
        REQUESTS,
        'if target is None:\n        settle(request, FAILED, "noproc")\n        return False',
        "if target is None:\n        return True",
    ),
    Mutant(
        "a caller that was ended continues",
        REQUESTS,
        "        if caller is not None and not caller.alive:  # the server killed it while it handled the request\n            await unwind()\n",
        "",
    ),
    Mutant(
        "a plain task that is cancelled is still a watcher",
        REQUESTS,
        "        abandon(request)\n\n\ndef",
        "        pass\n\n\ndef",
    ),
    Mutant(
        "a request from another node has no watcher",
        INCOMING,
        "target.watchers = small_set.add(target.watchers, signal.request)",
        "pass",
    ),
    Mutant("a failure has no place", REQUEST, "kind((why, place), letter)", "kind((why, why), letter)"),
    Mutant(
        "a cast to an unused name raises",
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
    Mutant("a last reply is forgotten", LOOP, "reply(last_reply.message, last_reply.result.reply)", "pass"),
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
        '        reply(message, result.value)\n        then = None if result.then is None else check_then(server, "handle_call", result, result.then)\n',
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
        "a failed start is reported twice",
        STARTING,
        "    take_exits(parent, (process.pid,))  # the StartError",
        "    pass  # the StartError",
    ),
    Mutant(
        "a taken name is not reported at once",
        STARTING,
        "if holder is not None and (holder.process is not None or holder.node is not node):",
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
    Mutant(
        "a failed start leaves a Down", PROC_LIB, "                remove_down(caller, ref)\n", "                pass\n"
    ),
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
        "a request to terminate is not answered",
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
        "raise\n                after = hook.state",
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
