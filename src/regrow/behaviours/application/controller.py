"""The state of a node's applications: which are loaded, which run, and their environments.

    loaded     the spec is known, and the environment has its defaults
    starting   the application's process runs `start` and the start phases
    running    its tree is up; a library has no tree, and counts as running
    exited     it ended by itself: applications that need it cannot start; it can be started again

The key of an application is its class. In the environment any other name is allowed, too.
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
from regrow.kernel.process_record import Host, Pid, Process
from regrow.kernel.tracebacks import because

LOG = logging.getLogger("regrow")

StartType = Literal["temporary", "transient", "permanent"]
START_TYPES: Final = ("temporary", "transient", "permanent")
KERNEL: Final = "kernel"  # the application name for settings of the node itself, as in OTP


class Ended(Exception):
    """The program must end, because its main process or a permanent or transient application has ended.

    Attributes:
        reason: the exit reason of the process; for an application OTP's term, ("application_terminated", app, reason)
            or ("application_start_failure", app, reason).
    """

    def __init__(self, reason: Any, who: str, why: object) -> None:
        super().__init__(reason)
        self.reason: Any = reason
        self.letter: str = f"{who} ended: {in_words(why)}"
        because(self, reason)

    def __str__(self) -> str:
        return self.letter


class ApplicationEntry:
    """An application that is being started, runs, or has ended by itself."""

    __slots__ = ("app", "ended", "has_failed", "master", "start_type", "starters", "state", "top")

    def __init__(self, app: type[Application], start_type: StartType, ended: asyncio.Future[object]) -> None:
        self.app: type[Application] = app
        self.start_type = start_type
        self.master: Pid | None = None
        self.top: Pid | None = None
        self.state: Literal["starting", "running", "exited"] = "starting"
        self.has_failed: bool = False  # its start failed, and its processes are being ended
        self.starters: int = 0  # the number of callers that wait for its start
        self.ended: asyncio.Future[object] = ended


class Controller:
    """The applications of one node.

    Attributes:
        loaded: the loaded applications, in the order in which they were loaded.
        environments: the environment of each application, loaded or not.
        persistent: the values that return to an environment when its application is loaded again.
        terminated: set when a permanent or transient application ends the program.
        watched: whether `regrow.run` waits for `terminated`; else the end of such an application fails the node.
    """

    def __init__(self, node: Host) -> None:
        self.node = node
        self.loaded: dict[type[Application], None] = {}
        self.environments: dict[object, dict[Any, Any]] = {}
        self.persistent: dict[object, dict[Any, Any]] = {}
        self.terminated: asyncio.Future[Ended] = node.loop.create_future()
        self.watched = False
        self.stopping: bool = False

    # Load and unload

    def load(self, app: type[Application]) -> None:
        """Load an application and those that it includes.

        Raises:
            ApplicationError: one that it includes cannot be found.
        """
        included = [check_application(name) for name in app.__regrow_spec__.included_applications]
        self.loaded[app] = None
        environment = self.environment(app)
        for key, value in app.__regrow_spec__.env.items():
            environment.setdefault(key, value)
        environment.update(self.persistent.get(app, {}))
        for part in included:
            if part not in self.loaded:
                self.load(part)

    def unload(self, app: type[Application]) -> None:
        """Unload an application, its environment, and the applications that it includes."""
        del self.loaded[app]
        self.environments.pop(app, None)
        for name in app.__regrow_spec__.included_applications:
            part = find(name)
            if part in self.loaded:
                self.unload(part)

    def spec(self, app: type[Application]) -> dict[str, Any]:
        """Return the spec of an application as a dict by OTP's keys."""
        spec = app.__regrow_spec__
        values: dict[str, Any] = {key: getattr(spec, option) for key, option in KEYS.items()}
        values["env"] = dict(self.environment(app))
        values["mod"] = None if is_library(app) else (app, spec.args)
        return values

    # The environment

    def environment(self, app: Any) -> dict[Any, Any]:
        """Return the environment of an application; the first use creates it with its defaults."""
        key = environment_key(app)
        environment = self.environments.get(key)
        if environment is None:
            spec = getattr(key, "__regrow_spec__", Spec())
            environment = self.environments[key] = {**spec.env, **self.persistent.get(key, {})}
        return environment

    def put(self, app: Any, key: Any, value: Any, persistent: bool) -> None:
        """Set a value in an application's environment.

        Raises:
            TypeError, ValueError: `shutdown_timeout` of "kernel" is no number of seconds.
        """
        if app == KERNEL and key == "shutdown_timeout":
            seconds(value, 'put_env("kernel", "shutdown_timeout")')
        self.environment(app)[key] = value
        if persistent:
            self.persistent.setdefault(environment_key(app), {})[key] = value

    def delete(self, app: Any, key: Any, persistent: bool) -> None:
        """Remove a value from an application's environment."""
        self.environment(app).pop(key, None)
        if persistent:
            self.persistent.get(environment_key(app), {}).pop(key, None)

    # Start and end

    def entry(self, app: Any) -> ApplicationEntry | None:
        """Return the entry of an application that is being started, runs or has exited; None for any other."""
        return self.node.applications.get(app)

    def is_running(self, app: object) -> bool:
        """Whether an application has started and runs."""
        entry = self.entry(app)
        return entry is not None and entry.state == "running"

    def running(self) -> list[ApplicationEntry]:
        """Return the entries of the running applications, in the order of their starts."""
        entries: list[ApplicationEntry] = list(self.node.applications.values())
        return [entry for entry in entries if entry.state == "running"]

    def up(self, entry: ApplicationEntry) -> None:
        """Note that a start is over. The entry moves to the end: the order is that in which starts ended."""
        entry.state = "running"
        del self.node.applications[entry.app]
        self.node.applications[entry.app] = entry

    def failed(self, entry: ApplicationEntry, error: ApplicationError) -> None:
        """Report a failed start; it ends the program if the application is permanent, or transient."""
        self.forget(entry)
        reports.application_report(logging.ERROR, "exited", entry.app, error.reason, entry.start_type)
        ended_well = exits.same(error.reason[0], ("EXIT", "normal"))  # every reason of a failed start is a pair
        if entry.start_type == "permanent" or (entry.start_type == "transient" and not ended_well):
            self.end_program("application_start_failure", entry.app, error.reason)

    def cancelled(self, entry: ApplicationEntry) -> None:
        """Report a cancelled start. It does not end the program: the starter cancelled it."""
        self.forget(entry)
        reports.application_report(logging.INFO, "exited", entry.app, "cancelled", entry.start_type)

    def forget(self, entry: ApplicationEntry) -> None:
        """Remove an entry: applications that need this one then fail to start with "not_started"."""
        if self.entry(entry.app) is entry:
            del self.node.applications[entry.app]

    def gone(self, entry: ApplicationEntry, reason: object) -> None:
        """Note that an application has ended, and report it; the program ends if it is permanent, or transient.

        It is called by the master when it is done, and again when the master's process has ended; the first call counts.
        """
        if entry.ended.done():
            return
        entry.ended.set_result(reason)
        if entry.state == "starting" or exits.is_word(reason, "stopped"):
            self.forget(entry)
        if entry.state == "starting":  # `failed` reports the failure of a start
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
        """Set `terminated`, or fail the node if `regrow.run` does not wait for it."""
        if self.terminated.done() or self.stopping:
            return
        ended = Ended((what, app, reason), app.__name__, reason)
        self.terminated.set_result(ended)
        if not self.watched:
            self.node.fail(ended)

    # The end of the node

    def has_master(self, pid: Pid) -> bool:
        """Whether a pid is the master of an application."""
        return pid.process is not None and self.entry_of(pid) is not None

    def entry_of(self, pid: Pid) -> ApplicationEntry | None:
        """Return the entry of the application with this master; None if there is none."""
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
        """End one application at the end of its node (OTP's `application_controller:terminate/2`).

        Its children have the times of their `shutdown`; `shutdown_timeout` in the environment of "kernel" limits the
        whole, in seconds. A start that is under way is cancelled, and killed if it does not end.
        """
        entry, process = self.entry_of(master), master.process
        if entry is None or process is None:
            return
        timeout = seconds(self.environment(KERNEL).get("shutdown_timeout"), "shutdown_timeout")
        ended = self.node.ended(process, timeout)
        starts = entry.state == "starting"
        links.exit_signal(process, self.node.init.pid, reason, True)
        if starts:
            await self._until_given_up(entry, process)
        await ended
        if process.alive:
            words = "%s did not stop within the %g s of shutdown_timeout, and is killed"
            plain.log(LOG, logging.WARNING, words, name_of(entry.app), timeout)
            links.die(process, "killed")
            for other in list(self.node.processes.values()):
                if other.application is entry.app:
                    links.die(other, "killed")

    async def _until_given_up(self, entry: ApplicationEntry, process: Process) -> None:
        """Wait until the child that is being started has ended, which has a time limit; kill a start that then continues."""
        awaited = started_by(process)
        while process in self.node.attempts and not entry.has_failed:
            await self.node.ended(process, node_shutdown.SHUTDOWN)
            if process not in self.node.attempts or entry.has_failed:
                return
            if awaited is None or started_by(process) is not awaited:
                words = "the start of %s was cancelled and did not end, and is killed"
                plain.log(LOG, logging.WARNING, words, name_of(entry.app))
                kill_starts(process)
                return

    async def before_stop(self, reason: object) -> None:
        """Call `shutdown_func` of "kernel" once with the reason, before all applications stop, as OTP does."""
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


def controller_of(node: Host) -> Controller:
    """Return the controller of a node; the first use creates it."""
    controller: Controller | None = node.controller
    if controller is None:
        controller = node.controller = Controller(node)
    return controller


def is_library(app: type[Application]) -> bool:
    """Whether an application has no `start`, and so no process."""
    return app.start is Application.start


def environment_key(app: Any) -> Any:
    """Return the key of an application's environment: its class, or a name for which there is no class.

    Raises:
        TypeError: this is neither a class nor a name.
    """
    if isinstance(app, str) and ":" not in app:
        return app
    return find(app) or app


def not_started(app: object) -> ApplicationError:
    """Return the error for an application that does not run."""
    return ApplicationError(("not_started", app), f"{name_of(app)} does not run")
