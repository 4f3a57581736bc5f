"""The options of a queue, checked once; and the ops that they go into."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final, TypedDict, get_args

from regrow.behaviours.gen.arguments import at_once
from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.servers.queue import checks
from regrow.servers.queue.job import KeyStates, PutOptions, Seconds
from regrow.servers.queue.ops import Claim, NewJob, Policy
from regrow.servers.queue.outcome import Backoff, BackoffFunction
from regrow.servers.queue.rate import Rate

MAX_PAYLOAD: Final = 1 << 20  # bytes
LEASE: Final = 30.0  # seconds
ATTEMPTS: Final = 20
PUT_OPTIONS: Final = frozenset(PutOptions.__annotations__)


class QueueOptions(TypedDict, total=False):
    """The options of a queue, as `Queue` describes them."""

    bound: int | None
    full: Policy
    rate: Rate | None
    attempts: int
    backoff: Backoff | BackoffFunction
    lease: Seconds
    max_payload: int
    broker: Name | None


class WorkerOptions(QueueOptions, total=False):
    """The options of a worker class and of a `@job` function.

    Attributes:
        name: the name of its queue; by default the `__qualname__` of the class or function.
        concurrency: the most jobs that a broker performs at once.
        timeout: seconds of one attempt; None for no limit.
    """

    name: str
    concurrency: int
    timeout: Seconds | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a queue; see `Queue`.

    Attributes:
        name: the queue's name.
        bound: the most live jobs; None for no limit.
        full: what a put into a full queue does.
        rate: the rate of claims.
        attempts: the most attempts of a job.
        backoff: the delay before the next attempt.
        lease: seconds.
        max_payload: bytes.

    Raises:
        TypeError: an option has a wrong type.
        ValueError: an option is out of its range.
    """

    name: str
    bound: int | None = None
    full: Policy = "wait"
    rate: Rate | None = None
    attempts: int = ATTEMPTS
    backoff: Backoff | BackoffFunction = field(default_factory=Backoff)
    lease: Seconds = LEASE
    max_payload: int = MAX_PAYLOAD

    def __post_init__(self) -> None:
        checks.text(self.name, "a queue's name")
        who = f"queue {self.name!r}"
        if self.bound is not None:
            checks.integer(self.bound, f"{who}: bound")
        if self.full not in get_args(Policy):
            raise ValueError(f'{who}: full: wanted "wait" or "drop_oldest", got {safe_repr(self.full)}')
        rate: Any = self.rate
        if not isinstance(rate, Rate | None):
            raise TypeError(f"{who}: rate: wanted Rate(limit, per=seconds), got {safe_repr(rate)}")
        checks.integer(self.attempts, f"{who}: attempts")
        if not callable(self.backoff):
            raise TypeError(
                f"{who}: backoff: wanted Backoff(…) or a function (attempt) -> seconds, got {safe_repr(self.backoff)}"
            )
        object.__setattr__(self, "lease", checks.positive(self.lease, f"{who}: lease"))
        checks.integer(self.max_payload, f"{who}: max_payload")

    def claim(self, count: int, holder: str, lease: Seconds | None = None) -> Claim:
        """Return the op that claims up to `count` jobs, for `lease` seconds; None for the queue's lease."""
        chosen: Any = self.lease if lease is None else checks.positive(lease, f"queue {self.name!r}: lease")
        return Claim(self.name, count, chosen, holder, self.rate)

    def delay_after(self, attempt: int, job: int) -> float:
        """Return the seconds from the failure of this attempt of a job to its next attempt.

        Raises:
            TypeError: the user's function returned no number of seconds.
            ValueError: it returned a negative number, or more than a hundred years.
        """
        backoff: Any = self.backoff
        if isinstance(backoff, Backoff):
            return backoff.of_job(attempt, job)
        what = f"queue {self.name!r}: backoff({attempt})"
        return checks.duration(at_once(what, backoff, attempt), what)

    def new_job(self, payload: bytes, options: PutOptions) -> NewJob:
        """Return a job, from its payload and the options of a put.

        Raises:
            TypeError: an unknown option, or one of a wrong type.
            ValueError: an option is out of its range, or contradicts another.
        """
        if not options:
            return NewJob(payload, max_attempts=self.attempts)
        who = f"put into {self.name!r}"
        check_names(who, options, PUT_OPTIONS)
        if "delay" in options and "at" in options:
            raise ValueError(f"{who}: wanted delay or at, got both")
        if "group" in options and "priority" in options:
            raise ValueError(f"{who}: group and priority: the jobs of a group are performed in the order of their puts")
        for name in ("key_for", "key_states"):
            if name in options and "key" not in options:
                raise ValueError(f"{who}: {name} is about the job's key, and there is no key=")
        fields: dict[str, Any] = {"max_attempts": self.attempts}
        for name, value in options.items():
            fields[FIELDS.get(name, name)] = CHECKS[name](value, f"{who}: {name}")
        fields.pop("timeout", None)
        return NewJob(payload, **fields)


def check_names(who: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise if an option is unknown; the error names those that are alike.

    Raises:
        TypeError: an option is unknown.
    """
    names = sorted(known)
    for name in given:
        if name not in names:
            near = get_close_matches(name, names)
            advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
            raise TypeError(f"{who}: unknown option {name!r}; {advice}")


def _key_states(value: object, what: str) -> KeyStates:
    for states in get_args(KeyStates):
        if value == states:
            return states  # type: ignore[no-any-return]
    raise ValueError(f'{what}: wanted "live" or "all", got {safe_repr(value)}')


def _priority(value: object, what: str) -> int:
    return checks.integer(value, what, least=-checks.MOST_INT)


# An option's check, and the field of NewJob that it goes into if its name is another.
CHECKS: Final[dict[str, Callable[[object, str], Any]]] = {
    "delay": checks.duration,
    "at": checks.moment,
    "priority": _priority,
    "group": checks.text,
    "key": checks.text,
    "key_for": checks.positive,
    "key_states": _key_states,
    "attempts": checks.integer,
    "timeout": seconds,
    "traceparent": checks.text,
}
FIELDS: Final = {"attempts": "max_attempts"}
