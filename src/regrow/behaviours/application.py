"""A part of a program that is started and stopped as one: a supervision tree and its environment (OTP's `application`).

    class SillyWorker(Application, env={"interval": 1.0}):
        async def start(self, start_type, args):
            return await Supervisor.start_link([Worker], name="silly_worker.supervisor")

    await application.start(SillyWorker)       the callbacks run in the application's own process
    await application.stop(SillyWorker)        prep_stop, then the tree from the last child to the first, then stop

An application may need others: `class Shop(Application, applications=[Database])`. `start` refuses while one of them
does not run; `ensure_all_started` starts them first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any, ClassVar, Final, Literal

from regrow.behaviours import reports
from regrow.behaviours.proc_lib import StartError
from regrow.behaviours.request import ask, outgoing, reply
from regrow.behaviours.results import MISSING, Error
from regrow.behaviours.supervisor import stop_process
from regrow.kernel import exits, links

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
    """An application that runs on a node."""

    __slots__ = ("app", "ended", "master", "start_type")

    def __init__(self, app: type[Application], start_type: StartType, ended: asyncio.Future[object]) -> None:
        self.app = app
        self.start_type = start_type
        self.master: Pid | None = None
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
    if app in node.applications:
        raise ApplicationError(("already_started", app), f"{app.__name__} runs already")
    for need in app.__regrow_needs__:
        if need not in node.applications:
            letter = f"{app.__name__} needs {need.__name__}, which does not run. Use ensure_all_started"
            raise ApplicationError(("not_started", need), letter)
    entry = Running(app, start_type, node.loop.create_future())
    node.applications[app] = entry
    environment(node, app)
    if app.start is Application.start:  # a library: nothing runs
        return
    try:
        await _start_master(node, entry, args)
    except BaseException:
        node.applications.pop(app, None)
        raise
    reports.application_report(logging.INFO, "started", app)


async def _start_master(node: Node, entry: Running, args: Any) -> None:
    order = outgoing(node, ("start", args))
    master = node.launch(run_master, (entry, order), node.init)
    master.initial_call = entry.app.start
    master.application = entry.app
    entry.master = master.pid
    order.server = master
    answer = await ask(master.pid, order, None, ("application", "start", [entry.app]))
    if isinstance(answer, ApplicationError):
        raise answer


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


async def _ensure(app: type[Application], start_type: StartType, started: list[type[Application]]) -> None:
    if app in here().applications:
        return
    for need in app.__regrow_needs__:
        check_application(need)
        await _ensure(need, start_type, started)
    await start(app, start_type)
    started.append(app)


async def stop(app: type[Application]) -> None:
    """Stop an application: `prep_stop`, its tree, `stop` (`application:stop/1`).

    Raises:
        ApplicationError: it does not run.
    """
    node = here()
    entry: Running | None = node.applications.get(app)
    if entry is None:
        name = getattr(app, "__name__", repr(app))
        raise ApplicationError(("not_started", app), f"{name} does not run")
    if entry.master is None:
        _gone(node, entry, "stopped")
        return
    order = outgoing(node, ("stop", None))
    await ask(entry.master, order, None, ("application", "stop", [app]))


async def wait_ended(app: type[Application]) -> object:
    """Wait until a running application has ended, and return why: "stopped" if it was told to."""
    entry: Running = here().applications[app]
    return await asyncio.shield(entry.ended)


def started_applications() -> list[tuple[type[Application], str, str]]:
    """What runs: (application, description, version), the last started first."""
    return [(app, *app.__regrow_about__) for app in reversed(here().applications)]


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
        name = getattr(app, "__name__", app)
        raise KeyError(f"could not fetch {key!r} from the environment of {name}: it is not set")
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
    if not (isinstance(app, type) and issubclass(app, Application)):
        raise TypeError(f"wanted a class derived from Application, got {exits.safe_repr(app)}")


# The application's own process


async def run_master(entry: Running, order: Request) -> None:
    """Run `start`, keep the tree until it ends or is to be stopped, run `prep_stop` and `stop`."""
    process = running()
    process.trap_exit = True
    app = entry.app()
    try:
        top, state = await _start_tree(entry, app, order.request[1])
    except ApplicationError as error:
        reply(order, error)
        return
    reply(order, None)
    asked: Request | None = None
    reason: object = None
    while asked is None and reason is None:
        message = await receive((Exited, Request))
        if isinstance(message, Request):
            asked = message
        elif message.pid is top or message.pid is process.node.init.pid:
            reason = message.reason
    state = await _called(entry, app.prep_stop, state, state)
    await stop_process(process, top, "infinity")
    await _called(entry, app.stop, state, None)
    _gone(process.node, entry, "stopped" if asked is not None else reason)
    if asked is not None:
        reply(asked, None)


async def _start_tree(entry: Running, app: Application, args: Any) -> tuple[Pid, Any]:
    place = (entry.app, "start", ["normal", args])
    try:
        result = await app.start("normal", args)
    except StartError as error:
        raise _start_failed((error.reason, place), entry.app, error) from None
    except Exception as error:
        exits.without_frames(error)
        raise _start_failed(("bad_return", (place, ("EXIT", error))), entry.app, error) from None
    if isinstance(result, Error):
        raise _start_failed((result.reason, place), entry.app, result)
    top, state = result if isinstance(result, tuple) and len(result) == 2 else (result, MISSING)
    if not isinstance(top, Pid):
        wanted = f"{exits.safe_repr(result)}, where the pid of the top supervisor, or (pid, state), was wanted"
        raise _start_failed(("bad_return", (place, result)), entry.app, wanted)
    process = running()
    if top.process is not None and not links.contains(process.links, top):
        links.link(process, top)
    return top, [] if state is MISSING else state


def _start_failed(reason: Any, app: type[Application], why: object) -> ApplicationError:
    letter = f"{app.__name__} did not start: {why if isinstance(why, str) else exits.safe_repr(why)}"
    if isinstance(why, StartError):
        letter = f"{app.__name__} did not start: {why}"
    reports.application_report(logging.ERROR, "exited", app, reason)
    return ApplicationError(reason, letter)


async def _called(entry: Running, callback: Any, state: Any, otherwise: Any) -> Any:
    """Run one of the last callbacks: an application that fails in it ends all the same."""
    try:
        result = callback(state)
        return await result if isinstance(result, Awaitable) else result
    except Exception:
        logging.getLogger("regrow.application").exception("%s.%s raised", entry.app.__name__, callback.__name__)
        return otherwise


def _gone(node: Node, entry: Running, reason: object) -> None:
    node.applications.pop(entry.app, None)
    if not entry.ended.done():
        entry.ended.set_result(reason)
    level = logging.INFO if exits.is_normal(reason) or reason == "stopped" else logging.ERROR
    reports.application_report(level, "exited", entry.app, reason)


