"""A part of a program that is started and stopped as one: a supervision tree and its environment (OTP's `application`).

    start(app)    the callback `start` runs in the application's own process and returns the top supervisor
    stop(app)     the callback `prep_stop`, then the tree from the last child to the first, then the callback `stop`

    >>> class SillyWorker(Application, env={"interval": 1.0}):
    ...     async def start(self, start_type, args):
    ...         return await Supervisor.start_link([], name="silly_worker.supervisor")
    >>> async def main():
    ...     await application.start(SillyWorker)
    ...     up = process.whereis("silly_worker.supervisor") is not None
    ...     await application.stop(SillyWorker)
    ...     return up, process.whereis("silly_worker.supervisor"), application.get_env(SillyWorker, "interval")
    >>> run(main)
    (True, None, 1.0)

An application may need others: `class Shop(Application, applications=[Database])`. `start` refuses while one of them
does not run; `ensure_all_started` starts them first.
"""

from __future__ import annotations

import asyncio
import logging
from inspect import isawaitable
from typing import Any, ClassVar, Final, Literal

from regrow.behaviours import reports
from regrow.behaviours.proc_lib import StartError
from regrow.behaviours.request import ask, outgoing, reply
from regrow.behaviours.results import Error
from regrow.behaviours.stopping import stop_process
from regrow.kernel import exits, links
from regrow.kernel.mailbox import put_first
from regrow.kernel.node import Node, here
from regrow.kernel.pid import Pid, Process
from regrow.kernel.process import receive, running
from regrow.kernel.signals import Exited, Request

StartType = Literal["temporary", "transient", "permanent"]
START_TYPES: Final = ("temporary", "transient", "permanent")


class ApplicationError(Exception):
    """An application could not be started or stopped.

    Attributes:
        reason: OTP's term, such as ("already_started", app), ("not_started", app) or (reason, (App, "start", args)).
    """

    def __init__(self, reason: Any, letter: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.letter = letter

    def __str__(self) -> str:
        return self.letter


class Application:
    """The base of all applications.

    Class options:
        env: the defaults of its environment.
        applications: the applications that must run before it.
        description, version: what `started_applications` tells.
    """

    __regrow_env__: ClassVar[dict[str, Any]] = {}
    __regrow_needs__: ClassVar[tuple[type[Application], ...]] = ()
    __regrow_about__: ClassVar[tuple[str, str]] = ("", "")

    def __init_subclass__(
        cls,
        *,
        env: dict[str, Any] | None = None,
        applications: Any = None,
        description: str | None = None,
        version: str | None = None,
    ) -> None:
        super().__init_subclass__()
        if env is not None:
            cls.__regrow_env__ = {**cls.__regrow_env__, **env}
        if applications is not None:
            cls.__regrow_needs__ = tuple(applications)
        cls.__regrow_about__ = (description or cls.__regrow_about__[0], version or cls.__regrow_about__[1])

    async def start(self, start_type: str, args: Any, /) -> Any:
        """Start the tree: return the pid of its top supervisor, or (pid, state). A library has no `start`."""
        raise NotImplementedError

    def prep_stop(self, state: Any, /) -> Any:
        """Called before the tree is stopped; what it returns is the state from then on."""
        return state

    def stop(self, state: Any, /) -> Any:
        """Called when the tree is gone."""


class Running:
    """An application that runs, or is being started, on a node."""

    __slots__ = ("app", "ended", "master", "start_type", "starting")

    def __init__(self, app: type[Application], start_type: StartType, ended: asyncio.Future[object]) -> None:
        self.app = app
        self.start_type = start_type
        self.master: Pid | None = None
        self.starting = True
        self.ended = ended


# Functions


async def start(app: type[Application], start_type: StartType = "temporary", args: Any = ()) -> None:
    """Start an application whose needs run already (`application:start/2`).

    Args:
        app: its class.
        start_type: what its end means: "temporary" nothing; "permanent" the end of the program; "transient" the
            same, if the end is abnormal.
        args: what `start` gets.

    Raises:
        ApplicationError: it runs already, something that it needs does not, or its `start` failed.
        TypeError: this is no application.
        ValueError: an unknown start type.
    """
    check_application(app)
    if start_type not in START_TYPES:
        raise ValueError(f"start: start_type is one of {', '.join(START_TYPES)}; got {start_type!r}")
    node = here()
    entry: Running | None = node.applications.get(app)
    if entry is None:
        entry = _launch(node, app, start_type, args)
    elif not entry.starting or _is_part_of(node, app):
        raise ApplicationError(("already_started", app), f"{app.__name__} runs already")
    if entry.master is None:  # a library: nothing runs
        return
    answer = await ask(entry.master, outgoing(node, "start"), None, ("application", "start", [app]))
    if isinstance(answer, ApplicationError):
        raise ApplicationError(answer.reason, answer.letter)


def _launch(node: Node, app: type[Application], start_type: StartType, args: Any) -> Running:
    """Let an application start in a process of its own; it goes on even if nobody waits for it any more."""
    for need in app.__regrow_needs__:
        if need not in node.applications:
            letter = f"{app.__name__} needs {_name_of(need)}, which does not run. Use ensure_all_started"
            raise ApplicationError(("not_started", need), letter)
    entry = node.applications[app] = Running(app, start_type, node.loop.create_future())
    environment(node, app)
    if app.start is Application.start:
        entry.starting = False
        return entry
    master = node.launch(run_master, (entry, args), node.init)
    master.initial_call = app.start
    master.application = app
    entry.master = master.pid
    links.link(node.init, master.pid)  # the node's end is told to it
    node.ended(master).add_done_callback(lambda gone: _gone(node, entry, gone.result()))
    return entry


def _is_part_of(node: Node, app: type[Application]) -> bool:
    """Whether the running process belongs to an application: it cannot wait for that one's start."""
    caller = node.caller()
    return caller is not None and caller.application is app


async def ensure_all_started(app: type[Application], start_type: StartType = "temporary") -> list[type[Application]]:
    """Start an application after all that it needs; returns what was started, in order.

    Raises:
        ApplicationError: one of them failed; those started before it are stopped again.
    """
    check_application(app)
    started: list[type[Application]] = []
    try:
        await _ensure(app, start_type, started)
    except ApplicationError:
        for other in reversed(started):
            await stop(other)
        raise
    return started


async def _ensure(
    app: type[Application], start_type: StartType, started: list[type[Application]], above: tuple[object, ...] = ()
) -> None:
    if app in above:
        names = " needs ".join(_name_of(one) for one in (*above[above.index(app) :], app))
        raise ApplicationError(("cyclic", app), f"these applications wait for each other: {names}")
    entry: Running | None = here().applications.get(app)
    if entry is not None and not entry.starting:
        return
    for need in app.__regrow_needs__:
        check_application(need)
        await _ensure(need, start_type, started, (*above, app))
    await start(app, start_type)
    if entry is None:
        started.append(app)


async def stop(app: type[Application]) -> None:
    """Stop an application: `prep_stop`, its tree, `stop` (`application:stop/1`).

    Raises:
        ApplicationError: it does not run.
    """
    node = here()
    entry: Running | None = node.applications.get(app)
    if entry is None:
        raise ApplicationError(("not_started", app), f"{_name_of(app)} does not run")
    if entry.master is None:
        _gone(node, entry, "stopped")
    else:
        await ask(entry.master, outgoing(node, "stop"), None, ("application", "stop", [app]))


def _name_of(app: object) -> str:
    return app.__name__ if isinstance(app, type) else exits.safe_repr(app)


async def wait_ended(app: type[Application]) -> object:
    """Wait until a running application has ended, and return why: "stopped" if it was told to.

    Raises:
        ApplicationError: it does not run.
    """
    entry: Running | None = here().applications.get(app)
    if entry is None:
        raise ApplicationError(("not_started", app), f"{_name_of(app)} does not run")
    return await asyncio.shield(entry.ended)


def started_applications() -> list[tuple[type[Application], str, str]]:
    """What runs: (application, description, version), the last started first."""
    entries: list[Running] = list(here().applications.values())
    return [(entry.app, *entry.app.__regrow_about__) for entry in reversed(entries)]


def get_application(pid: Pid | None = None) -> Any:
    """The application that a process, or this one, belongs to; None if to none (`application:get_application/1`)."""
    process: Process | None = running() if pid is None else pid.process
    return None if process is None else process.application


def environment(node: Node, app: Any) -> dict[object, Any]:
    """The environment of an application on a node, made of its defaults when it is first asked for."""
    found = node.environment.get(app)
    if found is None:
        found = node.environment[app] = dict(getattr(app, "__regrow_env__", {}))
    return found


def get_env(app: Any, key: str, default: Any = None) -> Any:
    """A value of an application's environment (`Application.get_env/3`)."""
    return environment(here(), app).get(key, default)


def fetch_env(app: Any, key: str) -> Any:
    """The same, where it must be there.

    Raises:
        KeyError: it is not.
    """
    found = environment(here(), app)
    if key not in found:
        raise KeyError(f"could not fetch {key!r} from the environment of {_name_of(app)}: it is not set")
    return found[key]


def put_env(app: Any, key: str, value: Any) -> None:
    """Set a value in an application's environment (`Application.put_env/3`)."""
    environment(here(), app)[key] = value


def delete_env(app: Any, key: str) -> None:
    """Remove a value from an application's environment."""
    environment(here(), app).pop(key, None)


def get_all_env(app: Any) -> dict[object, Any]:
    """A copy of an application's environment."""
    return dict(environment(here(), app))


def check_application(app: Any) -> None:
    """Raise unless this is an application.

    Raises:
        TypeError: it is not.
    """
    shown = _name_of(app)
    if not (isinstance(app, type) and issubclass(app, Application)):
        raise TypeError(f"wanted a class derived from Application, got {shown}")


# The application's own process


async def run_master(entry: Running, args: Any) -> None:
    """Run `start`, keep the tree until it ends or is to be stopped, run `prep_stop` and `stop`."""
    process = running()
    process.trap_exit = True
    app = entry.app()
    try:
        top, state = await _start_tree(entry, app, args)
    except ApplicationError as error:
        process.node.applications.pop(entry.app, None)
        _answer_all(process, error)
        return
    entry.starting = False
    reports.application_report(logging.INFO, "started", entry.app)
    reason = await _until_the_end(process, top)
    state = await _called(entry, app.prep_stop, state, state)
    await stop_process(process, top, "infinity")
    await _called(entry, app.stop, state, None)
    _end_stragglers(process, entry)
    _gone(process.node, entry, reason)
    _answer_all(process, None)


async def _until_the_end(process: Process, top: Pid) -> object:
    """Why an application ends: its tree has, the node does, or somebody wants it to, who is answered when it is over."""
    while True:
        message = await receive((Exited, Request))
        if isinstance(message, Exited):
            if message.pid is top or message.pid is process.node.init.pid:
                return message.reason
        elif message.request == "stop":
            put_first(process, message)
            return "stopped"
        else:
            reply(message, None)


def _answer_all(process: Process, answer: object) -> None:
    """Tell those who wait for the start or the stop how it went."""
    for message in list(process.mailbox or ()):
        if isinstance(message, Request):
            reply(message, answer)


def _end_stragglers(process: Process, entry: Running) -> None:
    """What an application has started outside its tree ends with it."""
    for other in list(process.node.processes.values()):
        if other.application is entry.app and other is not process:
            links.die(other, "killed")


async def _start_tree(entry: Running, app: Application, args: Any) -> tuple[Pid, Any]:
    place = (entry.app, "start", ["normal", args])
    try:
        result: Any = app.start("normal", args)
        if isawaitable(result):
            result = await result
    except StartError as error:
        raise _start_failed((error.reason, place), entry.app, str(error)) from None
    except (Exception, exits.Exit) as error:
        reason = exits.reason_of(error)
        letter = f"its start ended with {exits.safe_repr(reason)}"
        raise _start_failed(("bad_return", (place, ("EXIT", reason))), entry.app, letter) from None
    top: Pid
    state: Any = []
    match result:
        case Pid():
            top = result
        case (Pid() as top, state):
            pass
        case Error():
            letter = f"its start returned {exits.safe_repr(result)}"
            raise _start_failed((result.reason, place), entry.app, letter)
        case _:
            wanted = "wanted the pid of the top supervisor, or (pid, state)"
            letter = f"its start returned {exits.safe_repr(result)}; {wanted}"
            raise _start_failed(("bad_return", (place, result)), entry.app, letter)
    process = running()
    if top.process is not None and not links.contains(process.links, top):
        links.link(process, top)
    return top, state


def _start_failed(reason: Any, app: type[Application], why: str) -> ApplicationError:
    reports.application_report(logging.ERROR, "exited", app, reason)
    return ApplicationError(reason, f"{app.__name__} did not start: {why}")


async def _called(entry: Running, callback: Any, state: Any, otherwise: Any) -> Any:
    """Run one of the last callbacks: an application that fails in it ends all the same."""
    try:
        result = callback(state)
        return await result if isawaitable(result) else result
    except (Exception, exits.Exit) as error:
        reports.callback_raised(entry.app, callback.__name__, exits.reason_of(error))
        return otherwise


def _gone(node: Node, entry: Running, reason: object) -> None:
    """It does not run any more. Told twice when its own process has ended in order, and then the process itself."""
    if entry.ended.done():
        return
    entry.ended.set_result(reason)
    if node.applications.get(entry.app) is entry:
        del node.applications[entry.app]
    if not entry.starting:  # the failure of a start is reported as such
        level = logging.INFO if exits.is_normal(reason) or reason == "stopped" else logging.ERROR
        reports.application_report(level, "exited", entry.app, reason)
