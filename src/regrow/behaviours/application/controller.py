"""What a node knows of its applications: which are loaded, which run, and their environments.

    loaded     the spec is known, and the environment is made of its defaults
    starting   its own process runs `start`, and the phases
    running    its tree is up; a library has none and runs as well
    exited     it has ended by itself: who needs it cannot start, but it can start again (`started`, in OTP's words)

An application is known by its class; in an environment, whatever else it is called will do.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Literal

from regrow.behaviours.application.spec import (
    KEYS,
    Application,
    ApplicationError,
    Spec,
    check_application,
    find,
    name_of,
)
from regrow.behaviours.gen import reports
from regrow.behaviours.gen.cancelled_starts import kill_starts, started_by
from regrow.behaviours.gen.user_code import is_failure
from regrow.kernel import exits, links, node_shutdown
from regrow.kernel import report as plain
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.clock import seconds
from regrow.kernel.explained_reasons import in_words
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.tracebacks import because

LOG = logging.getLogger("regrow")

StartType = Literal["temporary", "transient", "permanent"]
START_TYPES: Final = ("temporary", "transient", "permanent")
KERNEL: Final = "kernel"  # the name under which the node's own settings stand in the environment, as in OTP


class Ended(Exception):
    """The program cannot go on: its main process has ended, or an application that it is not to be without.

    Attributes:
        reason: why: of a process its own; of an application OTP's term, ("application_terminated", app, reason) or
            ("application_start_failure", app, reason).
    """

    def __init__(self, reason: Any, who: str, why: object) -> None:
        super().__init__(reason)
        self.reason: Any = reason
        self.letter: str = f"{who} ended: {in_words(why)}"
        because(self, reason)

    def __str__(self) -> str:
        return self.letter


class ApplicationEntry:
    """An application that runs, is being started, or has ended by itself."""

    __slots__ = ("app", "ended", "has_failed", "master", "start_type", "starters", "state", "top")

    def __init__(self, app: type[Application], start_type: StartType, ended: asyncio.Future[object]) -> None:
        self.app: type[Application] = app
        self.start_type = start_type
        self.master: Pid | None = None
        self.top: Pid | None = None
        self.state: Literal["starting", "running", "exited"] = "starting"
        self.has_failed: bool = False  # its start has, and what that has started is being ended
        self.starters: int = 0  # so many wait for the end of its start
        self.ended: asyncio.Future[object] = ended


class Controller:
    """The applications of one node.

    Attributes:
        loaded: those whose spec is known, in the order in which they were loaded.
        environments: of each application, loaded or not.
        persistent: what was put into an environment to stay when the application is loaded again.
        terminated: for who keeps the program running: the application that it cannot be without, and why it ended.
        kept: whether somebody looks at `terminated`; else the node ends by itself.
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.loaded: dict[type[Application], None] = {}
        self.environments: dict[object, dict[Any, Any]] = {}
        self.persistent: dict[object, dict[Any, Any]] = {}
        self.terminated: asyncio.Future[Ended] = node.loop.create_future()
        self.watched = False
        self.stopping: bool = False

    # Load and unload

    def load(self, app: type[Application]) -> None:
        """Make an application known, and those that it includes.

        Raises:
            ApplicationError: one that it includes cannot be found.
        """
        included = [check_application(one) for one in app.__regrow_spec__.included_applications]
        self.loaded[app] = None
        environment = self.environment(app)
        for key, value in app.__regrow_spec__.env.items():
            environment.setdefault(key, value)
        environment.update(self.persistent.get(app, {}))
        for one in included:
            if one not in self.loaded:
                self.load(one)

    def unload(self, app: type[Application]) -> None:
        """Forget an application, its environment, and those that it includes."""
        del self.loaded[app]
        self.environments.pop(app, None)
        for one in app.__regrow_spec__.included_applications:
            found = find(one)
            if found in self.loaded:
                self.unload(found)

    def spec(self, app: type[Application]) -> dict[str, Any]:
        """All that an application says of itself, by OTP's keys."""
        spec = app.__regrow_spec__
        told: dict[str, Any] = {key: getattr(spec, option) for key, option in KEYS.items()}
        told["env"] = dict(self.environment(app))
        told["mod"] = None if is_library(app) else (app, spec.args)
        return told

    # The environment

    def environment(self, app: Any) -> dict[Any, Any]:
        """The environment of an application, made of its defaults when it is first asked for."""
        key = environment_key(app)
        found = self.environments.get(key)
        if found is None:
            spec = getattr(key, "__regrow_spec__", Spec())
            found = self.environments[key] = {**spec.env, **self.persistent.get(key, {})}
        return found

    def put(self, app: Any, key: Any, value: Any, persistent: bool) -> None:
        """Set a value.

        Raises:
            TypeError, ValueError: `shutdown_timeout` of "kernel" is no number of seconds.
        """
        if app == KERNEL and key == "shutdown_timeout":
            seconds(value, 'put_env("kernel", "shutdown_timeout")')
        self.environment(app)[key] = value
        if persistent:
            self.persistent.setdefault(environment_key(app), {})[key] = value

    def delete(self, app: Any, key: Any, persistent: bool) -> None:
        """Remove a value."""
        self.environment(app).pop(key, None)
        if persistent:
            self.persistent.get(environment_key(app), {}).pop(key, None)

    # Start and end

    def entry(self, app: Any) -> ApplicationEntry | None:
        """What is known of an application that was started."""
        return self.node.applications.get(app)

    def is_running(self, app: object) -> bool:
        """Whether an application runs, its start being over."""
        entry = self.entry(app)
        return entry is not None and entry.state == "running"

    def running(self) -> list[ApplicationEntry]:
        """What runs, the first started first."""
        entries: list[ApplicationEntry] = list(self.node.applications.values())
        return [entry for entry in entries if entry.state == "running"]

    def up(self, entry: ApplicationEntry) -> None:
        """Its start is over. What was started first stands first, whenever its start began."""
        entry.state = "running"
        del self.node.applications[entry.app]
        self.node.applications[entry.app] = entry

    def failed(self, entry: ApplicationEntry, error: ApplicationError) -> None:
        """Its start has failed: that is reported, and ends the program if it is not to be without it."""
        self.forget(entry)
        reports.application_report(logging.ERROR, "exited", entry.app, error.reason, entry.start_type)
        ended_well = exits.same(error.reason[0], ("EXIT", "normal"))  # every reason of a failed start is a pair
        if entry.start_type == "permanent" or (entry.start_type == "transient" and not ended_well):
            self.end_program("application_start_failure", entry.app, error.reason)

    def cancelled(self, entry: ApplicationEntry) -> None:
        """Its start was cancelled. The starter knows, and decides what that means: the program goes on."""
        self.forget(entry)
        reports.application_report(logging.INFO, "exited", entry.app, "cancelled", entry.start_type)

    def forget(self, entry: ApplicationEntry) -> None:
        """It does not run, and whoever needs it hears that it was not started."""
        if self.entry(entry.app) is entry:
            del self.node.applications[entry.app]

    def gone(self, entry: ApplicationEntry, reason: object) -> None:
        """It does not run any more. Told twice when its own process has ended in order, and then the process itself."""
        if entry.ended.done():
            return
        entry.ended.set_result(reason)
        if entry.state == "starting" or exits.is_word(reason, "stopped"):
            self.forget(entry)
        if entry.state == "starting":  # the failure of a start is reported as such
            return
        entry.state = "exited"
        quiet = exits.is_normal(reason) or exits.is_word(reason, "stopped")
        reports.application_report(
            logging.INFO if quiet else logging.ERROR, "exited", entry.app, reason, entry.start_type
        )
        if exits.is_word(reason, "stopped") or self.stopping:
            return
        if entry.start_type == "permanent" or (entry.start_type == "transient" and not exits.is_word(reason, "normal")):
            self.end_program("application_terminated", entry.app, reason)

    def end_program(self, what: str, app: type[Application], reason: object) -> None:
        """An application has ended that the program is not to be without."""
        if self.terminated.done() or self.stopping:
            return
        ended = Ended((what, app, reason), app.__name__, reason)
        self.terminated.set_result(ended)
        if not self.watched:
            self.node.fail(ended)

    # The end of the node

    def has_master(self, pid: Pid) -> bool:
        """Whether this is the process of an application."""
        return pid.process is not None and self.entry_of(pid) is not None

    def entry_of(self, pid: Pid) -> ApplicationEntry | None:
        """The application whose process this is."""
        entries: list[ApplicationEntry] = list(self.node.applications.values())
        return next((entry for entry in entries if entry.master is pid), None)

    async def end_all(self, reason: object) -> None:
        """End all applications, the last started first."""
        await self.before_stop(reason)
        entries: list[ApplicationEntry] = list(self.node.applications.values())
        for entry in entries[::-1]:
            if entry.master is not None:
                await self.end(entry.master, reason)
            elif entry.state == "running":
                self.gone(entry, "stopped")

    async def end(self, master: Pid, reason: object) -> None:
        """End one application with its node (OTP's `application_controller:terminate/2`).

        It takes what its children are allowed; with a `shutdown_timeout` in the environment of "kernel" no longer than
        that. A start that is under way is given up, and killed if it goes on all the same.
        """
        entry, process = self.entry_of(master), master.process
        if entry is None or process is None:
            return
        timeout = seconds(self.environment(KERNEL).get("shutdown_timeout"), "shutdown_timeout")
        gone = self.node.ended(process, timeout)
        starts = entry.state == "starting"
        links.exit_signal(process, self.node.init.pid, reason, True)
        if starts:
            await self._until_given_up(entry, process)
        await gone
        if process.alive:
            words = "%s has not stopped in the %g s that shutdown_timeout allows, and is killed"
            plain.log(LOG, logging.WARNING, words, name_of(entry.app), timeout)
            links.die(process, "killed")
            for other in list(self.node.processes.values()):
                if other.application is entry.app:
                    links.die(other, "killed")

    async def _until_given_up(self, entry: ApplicationEntry, process: Process) -> None:
        """Wait while what was being started ends, which knows its time; a start that goes on after that is killed."""
        awaited = started_by(process)
        while process in self.node.attempts and not entry.has_failed:
            await self.node.ended(process, node_shutdown.SHUTDOWN)
            if process not in self.node.attempts or entry.has_failed:
                return
            if awaited is None or started_by(process) is not awaited:
                words = "the start of %s was given up and goes on, and is killed"
                plain.log(LOG, logging.WARNING, words, name_of(entry.app))
                kill_starts(process)
                return

    async def before_stop(self, reason: object) -> None:
        """All is about to be stopped: whoever has asked for that is told, once (OTP's `shutdown_func` of `kernel`)."""
        if self.stopping:
            return
        self.stopping = True
        function = self.environment(KERNEL).get("shutdown_func")
        if function is None:
            return
        try:
            answer = function(self.terminated.result().reason if self.terminated.done() else reason)
            if is_awaitable(answer):
                await answer
        except BaseException as error:
            if not is_failure(self.node.caller(), error):
                raise
            reports.callback_raised(KERNEL, "shutdown_func", exits.reason_of(error))


def controller_of(node: Node) -> Controller:
    """The controller of a node, made when it is first asked for."""
    found: Controller | None = node.controller
    if found is None:
        found = node.controller = Controller(node)
    return found


def is_library(app: type[Application]) -> bool:
    """Whether an application has nothing to start."""
    return app.start is Application.start


def environment_key(app: Any) -> Any:
    """By what an application's environment is found: its class, or a name that is that of no class.

    Raises:
        TypeError: this is neither.
    """
    if isinstance(app, str) and ":" not in app:
        return app
    return find(app) or app


def not_started(app: object) -> ApplicationError:
    """The error that tells that an application does not run."""
    return ApplicationError(("not_started", app), f"{name_of(app)} does not run")
