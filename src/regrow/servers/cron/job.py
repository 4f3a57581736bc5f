"""Jobs: a function, its schedule, and what happens when it is late, runs long, overlaps or fails."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypedDict, get_args

from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.cron.enqueue import Enqueue
from regrow.servers.cron.errors import DuplicateJob
from regrow.servers.cron.policies.catch_up import CATCH_UP, CatchUp
from regrow.servers.cron.policies.overlap import OVERLAPS, Overlap
from regrow.servers.cron.when.schedules import Schedule
from regrow.servers.queue import checks
from regrow.servers.queue.function import is_async
from regrow.servers.queue.job import Seconds
from regrow.servers.queue.outcome import Backoff, BackoffFunction

NAME: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
WINDOW: Final = 86_400.0  # seconds
SHUTDOWN: Final = 5.0  # seconds
BACKOFF: Final = Backoff()
SECOND: Final = 1_000_000
DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"overlap": "skip", "timeout": None, "attempts": 1, "blocking": None}
)


class Policies(TypedDict, total=False):
    """The policies of a job, as keywords of `scheduled`; `CronJob` says what they mean."""

    args: Iterable[Any]
    kwargs: Mapping[str, Any]
    name: str | None
    catch_up: CatchUp
    catch_up_window: Seconds
    overlap: Overlap
    jitter: Seconds
    timeout: Seconds | None
    attempts: int
    backoff: Backoff | BackoffFunction
    shutdown: Any
    blocking: bool | None


@dataclass(frozen=True, slots=True, eq=False)
class CronJob:
    """A job of a cron server.

    Args:
        function: `async def`, or `def`, which runs in a thread; or what `enqueue` returns.
        schedule: what `every`, `cron`, `at` or `reboot` returns.
        args: the function's arguments.
        kwargs: its arguments by name.
        name: the job's name in the ledger: 1 to 128 of A-Z a-z 0-9 _ . : / -. By default the function's name.
        catch_up: what becomes of ticks that were due while no program ran. "run_once": the newest runs. "run_all": all
            run, one after another. "skip": none runs.
        catch_up_window: seconds; older ticks are missed.
        overlap: what becomes of a tick while a run of the job is not done: "skip", "buffer_one", "buffer_all",
            "cancel_other" or "allow_all".
        jitter: seconds by which ticks may be late on purpose, each by another share of them.
        timeout: seconds of one attempt; None for no limit.
        attempts: the most attempts of a tick.
        backoff: the delay before the next attempt: a `Backoff`, or a function from the number of the failed attempt to
            seconds.
        shutdown: seconds that a run may take to end after "shutdown", before it is killed; "brutal_kill" or "infinity",
            as in a child spec.
        blocking: whether the function runs in a thread; None: a `def` does.

    Raises:
        TypeError: an argument has a wrong type.
        ValueError: an argument is out of its range, or the name cannot be one.
    """

    function: Callable[..., Any]
    schedule: Schedule
    args: Iterable[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = None  # type: ignore[assignment] # pyright: ignore[reportAssignmentType] (a str after __post_init__)
    catch_up: CatchUp = "run_once"
    catch_up_window: Seconds = WINDOW
    overlap: Overlap = "skip"
    jitter: Seconds = 0.0
    timeout: Seconds | None = None
    attempts: int = 1
    backoff: Backoff | BackoffFunction = BACKOFF
    shutdown: Any = SHUTDOWN
    blocking: bool | None = None

    def __post_init__(self) -> None:
        set_ = functools.partial(object.__setattr__, self)
        given: Any = self.name
        checked_function(self.function, "CronJob" if given is None else f"CronJob {safe_repr(given)}")
        set_("name", checked_name(self.function, given))
        who = f"CronJob {self.name!r}"
        if not isinstance(self.schedule, get_args(Schedule)):
            wanted = "what every(…), cron(…), at(…) or reboot() returns"
            raise TypeError(f"{who}: schedule: wanted {wanted}, got {safe_repr(self.schedule)}")
        set_("args", checked_args(self.args, who))
        set_("kwargs", checked_kwargs(self.kwargs, who))
        one_of(self.catch_up, tuple(CATCH_UP), f"{who}: catch_up")
        one_of(self.overlap, OVERLAPS, f"{who}: overlap")
        set_("catch_up_window", checks.duration(self.catch_up_window, f"{who}: catch_up_window"))
        set_("jitter", checks.duration(self.jitter, f"{who}: jitter"))
        if self.timeout is not None:
            set_("timeout", checks.positive(self.timeout, f"{who}: timeout"))
        set_("attempts", checks.integer(self.attempts, f"{who}: attempts"))
        if not callable(self.backoff):
            raise TypeError(f"{who}: backoff: wanted a Backoff or a function, got {safe_repr(self.backoff)}")
        if self.shutdown not in ("brutal_kill", "infinity"):
            set_("shutdown", checks.duration(self.shutdown, f"{who}: shutdown"))
        if self.blocking not in (None, True, False):
            raise TypeError(f"{who}: blocking: wanted True, False or None, got {safe_repr(self.blocking)}")
        if self.blocking and is_async(self.function):
            raise ValueError(
                f"{who}: blocking=True: an async def runs in the event loop. Leave blocking out, or use def"
            )
        if isinstance(self.function, Enqueue):
            self._check_enqueue(who)
        else:
            checked_call(self.function, self.args, self.kwargs, who)

    def _check_enqueue(self, who: str) -> None:
        for name, default in DEFAULTS.items():
            if getattr(self, name) != default:
                raise ValueError(
                    f"{who}: {name}: it enqueues, so it has no runs; set {name} on the worker of the queue"
                )
        if self.args or self.kwargs:
            raise ValueError(f"{who}: args: it enqueues; the payload stands in enqueue(…)")

    def __repr__(self) -> str:
        return f"CronJob({self.name!r}, {self.schedule})"

    @property
    def enqueues(self) -> Enqueue | None:
        """The put into the durable queue that a tick makes; None if it runs a function."""
        return self.function if isinstance(self.function, Enqueue) else None

    @property
    def threaded(self) -> bool:
        """Whether the function runs in a thread."""
        if isinstance(self.function, Enqueue):
            return False
        return not is_async(self.function) if self.blocking is None else self.blocking

    @property
    def window_us(self) -> int:
        """The window of catch-up in microseconds."""
        return round(float(self.catch_up_window) * SECOND)  # type: ignore[arg-type]

    @property
    def jitter_us(self) -> int:
        """The jitter in microseconds."""
        return round(float(self.jitter) * SECOND)  # type: ignore[arg-type]

    @property
    def shutdown_seconds(self) -> float | None:
        """The seconds from "shutdown" to the kill; None for no kill."""
        if self.shutdown == "infinity":
            return None
        return 0.0 if self.shutdown == "brutal_kill" else float(self.shutdown)


def checked_name(function: object, name: object) -> str:
    """Return the name of a job.

    Raises:
        TypeError: it is no string.
        ValueError: it cannot be one, or the function has none.
    """
    given = name
    if given is None:
        given = getattr(function, "queue_name" if isinstance(function, Enqueue) else "__name__", None)
        if given is None or given == "<lambda>":
            raise ValueError(f"CronJob: {safe_repr(function)} has no name for the ledger. Give the job one: name='…'")
    if not isinstance(given, str):
        raise TypeError(f"CronJob: name: wanted a string, got {safe_repr(given)}")
    if NAME.fullmatch(given) is None:
        raise ValueError(
            f"CronJob: name: wanted 1 to 128 of the characters A-Z a-z 0-9 _ . : / -, got {safe_repr(given)}"
        )
    return given


def checked_function(function: object, who: str) -> None:
    """Check that a call of a function does the work.

    Raises:
        TypeError: it is no function, or a call of it would not run it.
    """
    if isinstance(function, Enqueue):
        return
    if not callable(function):
        raise TypeError(f"{who}: wanted a function, got {safe_repr(function)}. Pass the function, without calling it")
    shown = safe_repr(function)
    inner = function.func if isinstance(function, functools.partial) else function
    if inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TypeError(f"{who}: {shown} contains `yield`, so that a call of it would not run it")


def checked_args(args: object, who: str) -> tuple[Any, ...]:
    """Return the arguments of a function.

    Raises:
        TypeError: they are no sequence; a string is none.
    """
    given: Any = args
    if isinstance(args, str | bytes | Mapping) or not isinstance(args, Iterable):
        raise TypeError(f"{who}: args: wanted a list or a tuple of arguments, got {safe_repr(given)}")
    return tuple(given)


def checked_kwargs(kwargs: object, who: str) -> Mapping[str, Any]:
    """Return the named arguments of a function.

    Raises:
        TypeError: they are no mapping with names.
    """
    given: Any = kwargs
    if not isinstance(kwargs, Mapping) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"{who}: kwargs: wanted a dict from names to arguments, got {safe_repr(given)}")
    return MappingProxyType(dict(given))


def checked_call(function: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any], who: str) -> None:
    """Check that a function takes its arguments.

    Raises:
        TypeError: it does not.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return  # a builtin shows none
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        name = getattr(function, "__qualname__", None) or safe_repr(function)
        raise TypeError(f"{who}: {name}{signature} does not take its args and kwargs: {error}") from None


def one_of(value: object, wanted: tuple[str, ...], what: str) -> None:
    """Check that a value is one of some words.

    Raises:
        ValueError: it is another.
        TypeError: it is no string.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what}: wanted one of {', '.join(map(repr, wanted))}, got {safe_repr(value)}")
    if value not in wanted:
        raise ValueError(f"{what}: wanted one of {', '.join(map(repr, wanted))}, got {safe_repr(value)}")


def by_name(jobs: object) -> dict[str, CronJob]:
    """Return jobs by their names, in the order of a list.

    Raises:
        DuplicateJob: two have one name.
        TypeError: they are no jobs.
    """
    advice = "Put functions with a schedule through collect(…)"
    given: Any = jobs
    if isinstance(jobs, CronJob | str) or not isinstance(jobs, Iterable):
        raise TypeError(f"Cron: wanted a list of CronJob, got {safe_repr(given)}. {advice}")
    found: dict[str, CronJob] = {}
    for job in given:
        if not isinstance(job, CronJob):
            raise TypeError(f"Cron: wanted a list of CronJob, got {safe_repr(job)} in it. {advice}")
        if job.name in found:
            one, other = (place_of(each.function) for each in (found[job.name], job))
            raise DuplicateJob(
                f"Cron: two jobs have the name {job.name!r}: {one} and {other}. Give one another: name='…'"
            )
        found[job.name] = job
    return found


def place_of(function: object) -> str:
    """Return the module and name of a function, for an error."""
    if isinstance(function, Enqueue):
        return repr(function)
    name = getattr(function, "__qualname__", None)
    return f"{getattr(function, '__module__', '?')}.{name}" if name else safe_repr(function)
