"""Starting and stopping applications: one alone, or one with all applications that it needs.

    serial        the needed applications first, then the application, one after the other
    concurrent    each starts as soon as all applications that it needs run

All of them get the same start type. If one fails to start, those that were started before it are stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Literal

from regrow.behaviours.application.controller import (
    START_TYPES,
    ApplicationEntry,
    Controller,
    StartType,
    controller_of,
    is_library,
    not_started,
)
from regrow.behaviours.application.master import run_master
from regrow.behaviours.application.spec import (
    Application,
    ApplicationError,
    check_application,
    find,
    name_of,
    needs_of,
    not_found,
)
from regrow.behaviours.gen.cancelled_starts import give_up
from regrow.behaviours.gen.request import ask
from regrow.kernel import links
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import is_word, same
from regrow.kernel.process_record import Host, Pid
from regrow.kernel.receiving import receive
from regrow.kernel.requests import CallRequest, new_request, reply
from regrow.kernel.running import current
from regrow.kernel.sending import send
from regrow.kernel.spawning import spawn_link
from regrow.kernel.yields import Token

Mode = Literal["serial", "concurrent"]
MODES: Final = ("serial", "concurrent")
GIVE_UP: Final = Token("GIVE_UP")
SPECS: Final = object()  # stands for the option `args` of the class


async def start(app: Any, start_type: StartType = "temporary", args: Any = SPECS) -> None:
    """Start an application; the applications that it needs must run already (`application:start/2`).

    Args:
        app: its class, or "package.module:Class".
        start_type: the effect of its end or of a failed start on the program: "permanent" ends the program, "transient"
            ends it unless the reason is "normal", "temporary" has no effect.
        args: the argument of its `start`, instead of the option `args` of its class.

    Raises:
        ApplicationError: it runs already, an application that it needs does not run, or its `start` failed.
        TypeError: this is no application.
        ValueError: an unknown start type.
    """
    _check_start_type(start_type)
    cls = check_application(app)
    node = current_node()
    controller = controller_of(node)
    entry = controller.entry(cls)
    if entry is None or entry.state == "exited":
        entry = _launch(node, controller, cls, start_type, cls.__regrow_spec__.args if args is SPECS else args)
    elif entry.state == "running" or _is_part_of(node, cls):
        raise ApplicationError(("already_started", cls), f"{cls.__name__} runs already")
    if entry.master is None:  # a library has no process
        return
    request = new_request(node, "start")
    entry.starters += 1
    try:
        answer = await ask(entry.master, request, None, ("application", "start", [cls]))
    except asyncio.CancelledError:
        caller = node.caller()
        if caller is None or caller.alive:  # if the caller was killed, the start continues, as in OTP
            entry.starters -= 1
            await _cancelled(node, entry)
        raise
    entry.starters -= 1
    if isinstance(answer, ApplicationError):
        raise ApplicationError(answer.reason, answer.letter)


async def _cancelled(node: Host, entry: ApplicationEntry) -> None:
    """Cancel the start of an application, or stop it, when the last caller that waited for the start was cancelled."""
    master = None if entry.master is None else entry.master.process
    if entry.starters > 0 or master is None:
        return
    if entry.state == "starting":
        give_up(master)
        await node.ended(master)
    else:
        await stop(entry.app)


def _check_start_type(start_type: object) -> None:
    if start_type not in START_TYPES:
        raise ValueError(f"start: start_type is one of {', '.join(START_TYPES)}; got {start_type!r}")


def _launch(
    node: Host, controller: Controller, app: type[Application], start_type: StartType, args: Any
) -> ApplicationEntry:
    """Launch the master of an application, which runs its start even if no caller waits for it any more."""
    if app not in controller.loaded:
        controller.load(app)
    entry = ApplicationEntry(app, start_type, node.loop.create_future())
    _check_needs(controller, entry, [need for need, optional in needs_of(app) if not optional])
    node.applications.pop(app, None)
    node.applications[app] = entry
    if is_library(app):
        controller.up(entry)
        return entry
    master = node.launch(run_master, (controller, entry, args), node.init)
    master.initial_call = app.start
    master.application = app
    entry.master = master.pid
    links.link(node.init, master.pid)  # so that the master gets the exit signal of the node's end
    node.ended(master).add_done_callback(lambda gone: controller.gone(entry, gone.result()))
    return entry


def _check_needs(controller: Controller, entry: ApplicationEntry, needs: list[Any]) -> None:
    """Check that the needed applications were started, and, unless the application is a library, that they run.

    Raises:
        ApplicationError: one was not started, or has ended by itself; the latter counts as a failed start.
    """
    letter = f"{entry.app.__name__} needs {{}}, which does not run. Use ensure_all_started"
    entries = {need: controller.entry(need) for need in needs}
    for need, other in entries.items():
        if other is None or other.state == "starting":
            raise ApplicationError(("not_started", need), letter.format(name_of(need)))
    for need in needs if not is_library(entry.app) else ():
        if not controller.is_running(need):
            error = ApplicationError(("not_running", need), letter.format(name_of(need)))
            controller.failed(entry, error)
            raise error


def _is_part_of(node: Host, app: type[Application]) -> bool:
    """Whether the running process belongs to an application: it cannot wait for that application's start."""
    caller = node.caller()
    return caller is not None and caller.application is app


async def ensure_started(app: Any, start_type: StartType = "temporary") -> None:
    """Start an application unless it runs (`application:ensure_started/2`); arguments as for `start`.

    Raises:
        ApplicationError: an application that it needs does not run, or its `start` failed.
        TypeError: this is no application.
        ValueError: an unknown start type.
    """
    try:
        await start(app, start_type)
    except ApplicationError as error:
        if not same(error.reason, ("already_started", find(app))):
            raise


async def stop(app: Any) -> None:
    """Stop an application, and wait for its end: `prep_stop`, the tree, `stop` (`application:stop/1`).

    Args:
        app: its class, or "package.module:Class".

    Raises:
        ApplicationError: it does not run. After an end by itself the first `stop` succeeds, as in OTP.
    """
    node = current_node()
    controller = controller_of(node)
    cls = find(app) if isinstance(app, str) else app
    entry = controller.entry(cls)
    if entry is None:
        raise not_started(cls or app)
    if entry.state == "exited":
        controller.forget(entry)
    elif entry.master is None:
        controller.gone(entry, "stopped")
    else:
        await ask(entry.master, new_request(node, "stop"), None, ("application", "stop", [cls]))


# Starting with all needed applications


async def ensure_all_started(
    apps: Any, start_type: StartType = "temporary", mode: Mode = "serial"
) -> list[type[Application]]:
    """Start applications, and before them all applications that they need (`application:ensure_all_started/3`).

    Args:
        apps: one application, or an iterable of them.
        start_type: the start type of all that are started; see `start`.
        mode: "serial" starts one after the other; "concurrent" starts each as soon as all that it needs run.

    Returns:
        The applications that were started, in order.

    Raises:
        ApplicationError: a start failed; the reason is (app, reason), and those that were started before it are stopped
            again. A missing application is reported before any start; OTP reports it when its turn comes.
        TypeError: one of `apps` is no application.
        ValueError: an unknown start type or mode.
    """
    _check_start_type(start_type)
    if mode not in MODES:
        raise ValueError(f"ensure_all_started: mode is one of {', '.join(MODES)}; got {mode!r}")
    value: Any = apps  # for type checkers: isinstance narrows `apps`
    several: list[Any] = [value] if isinstance(apps, str | type) or not isinstance(apps, Iterable) else list(value)
    started: list[type[Application]] = []
    try:
        graph = _graph(controller_of(current_node()), several)
        if mode == "serial":
            for app in graph:
                await _start_one(app, start_type, started)
        else:
            await _start_side_by_side(graph, start_type, started)
    except (ApplicationError, asyncio.CancelledError):
        caller = current_node().caller()
        if caller is not None and not caller.alive:
            raise
        for other in reversed(started):
            await stop(other)
        raise
    return started


Graph = dict[type[Application], list[type[Application]]]


def _graph(controller: Controller, apps: list[Any]) -> Graph:
    """Return the applications to start, each after those that it needs, and with them.

    Raises:
        ApplicationError: one is not found, or some need each other.
    """
    graph: Graph = {}

    def add(named: Any, optional: bool, above: tuple[Any, ...]) -> type[Application] | None:
        app = find(named)
        if app is None:
            if optional:
                return None
            error = not_found(named)
            raise ApplicationError((named, error.reason), error.letter)
        if app in above:
            names = " needs ".join(name_of(member) for member in (*above[above.index(app) :], app))
            raise ApplicationError((app, ("cyclic", app)), f"these applications need each other: {names}")
        if not controller.is_running(app) and app not in graph:
            needs = [add(need, may_lack, (*above, app)) for need, may_lack in needs_of(app)]
            graph[app] = [need for need in needs if need is not None]
        return app

    for app in apps:
        add(app, False, ())
    return graph


async def _start_one(app: type[Application], start_type: StartType, started: list[type[Application]]) -> None:
    entry = controller_of(current_node()).entry(app)
    first = entry is None or entry.state == "exited"
    try:
        await start(app, start_type)
    except ApplicationError as error:
        if same(error.reason, ("already_started", app)):
            return
        raise ApplicationError((app, error.reason), error.letter) from error.__cause__
    if first:
        started.append(app)


async def _start_side_by_side(graph: Graph, start_type: StartType, started: list[type[Application]]) -> None:
    node = current_node()
    process = node.launch(run_starts, (graph, start_type, started), node.init)
    apps: list[object] = list(graph)
    place = ("application", "ensure_all_started", apps)
    try:
        error = await ask(process.pid, new_request(node, "started"), None, place)
    except asyncio.CancelledError:
        caller = node.caller()
        if process.alive and (caller is None or caller.alive):
            send(process.pid, GIVE_UP)
            await node.ended(process)
        raise
    if isinstance(error, ApplicationError):
        raise ApplicationError(error.reason, error.letter)


class StartOutcome:
    """The outcome of one start in `run_starts`: an error, or none."""

    __slots__ = ("app", "error")

    def __init__(self, app: type[Application]) -> None:
        self.app: type[Application] = app
        self.error: ApplicationError | None = None


async def run_starts(graph: Graph, start_type: StartType, started: list[type[Application]]) -> None:
    """Start each application when all that it needs run, and answer the caller when all starts are over.

    It is the body of a separate process, which runs each start in a linked process.
    """
    me = current()
    waiting = dict(graph)
    under_way: dict[type[Application], Pid] = {}
    failed: ApplicationError | None = None

    async def begin(app: type[Application]) -> None:
        outcome = StartOutcome(app)
        try:
            if failed is not None:
                raise failed
            await _start_one(app, start_type, started)
        except ApplicationError as error:
            outcome.error = error
        except asyncio.CancelledError:
            outcome.error = ApplicationError(("cancelled", app), f"the start of {app.__name__} was cancelled")
        send(me, outcome)

    while under_way or (waiting and failed is None):
        ready = [
            app for app, needs in waiting.items() if not any(need in waiting or need in under_way for need in needs)
        ]
        for app in ready if failed is None else ():
            del waiting[app]
            under_way[app] = spawn_link(begin, app)
        outcome = await receive((StartOutcome, Token))
        if isinstance(outcome, Token):
            failed = failed or ApplicationError(("cancelled", list(graph)), "the starts were cancelled")
            for pid in under_way.values():
                task = None if pid.process is None else pid.process.task
                if task is not None:
                    task.cancel()
        else:
            del under_way[outcome.app]
            failed = failed or outcome.error
    if failed is None or not is_word(failed.reason[0], "cancelled"):
        reply(await receive(CallRequest), failed)
