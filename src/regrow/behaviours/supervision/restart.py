"""The decision tables of supervisors, as pure functions: restart or not, which children, how often.

Every supervisor decides by these functions; no other module compares restart types, strategies or shutdowns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from enum import Enum
from itertools import dropwhile
from typing import Any, Final, Literal, TypeVar, cast

from regrow.behaviours.gen.child_spec import ChildSpec, InvalidChild, RestartType
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import MOST
from regrow.kernel.exits import is_normal

T = TypeVar("T")

Strategy = Literal["one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]

STRATEGIES: Final = ("one_for_one", "one_for_all", "rest_for_one", "simple_one_for_one")
AUTO_SHUTDOWNS: Final = ("never", "any_significant", "all_significant")


class Decision(Enum):
    """The decision of a supervisor about a child that has ended."""

    RESTART = "restart"
    KEEP = "keep"  # keep the spec, without a process
    FORGET = "forget"  # remove the spec


def after_exit(restart: RestartType, reason: object) -> Decision:
    """Decide about a child that has ended (`supervisor:do_restart`).

    | restart   | normal, shutdown, (shutdown, x) | anything else |
    |-----------|---------------------------------|---------------|
    | permanent | restart                         | restart       |
    | transient | keep                            | restart       |
    | temporary | forget                          | forget        |
    """
    match restart:
        case "permanent":
            return Decision.RESTART
        case "transient":
            return Decision.KEEP if is_normal(reason) else Decision.RESTART
        case "temporary":
            return Decision.FORGET


def may_start_again(restart: RestartType) -> bool:
    """Whether a child may be started again, so that its spec and arguments are kept; a temporary one may not."""
    match restart:
        case "permanent" | "transient":
            return True
        case "temporary":
            return False


def affected(strategy: Strategy, child: T, children: Iterable[T]) -> list[T]:
    """Return the children, in start order, that are restarted when `child` has ended.

    | strategy           | children           |
    |--------------------|--------------------|
    | one_for_one        | it alone           |
    | simple_one_for_one | it alone           |
    | rest_for_one       | it and later ones  |
    | one_for_all        | all                |

    The other children are read only for rest_for_one and one_for_all: a restart costs the same with any number of them.
    """
    match strategy:
        case "one_for_one" | "simple_one_for_one":
            return [child]
        case "rest_for_one":
            return list(dropwhile(lambda other: other != child, children))
        case "one_for_all":
            return list(children)


def ends_supervisor(auto_shutdown: AutoShutdown, significant: bool, others_left: bool) -> bool:
    """Whether a supervisor ends because a child has ended for good.

    | auto_shutdown   | when a significant child has ended |
    |-----------------|------------------------------------|
    | never           | the supervisor continues           |
    | any_significant | it ends                            |
    | all_significant | it ends, if it was the last one    |

    Args:
        auto_shutdown: the option of the supervisor.
        significant: whether the child is significant.
        others_left: whether other significant children still run.
    """
    match auto_shutdown:
        case "never":
            return False
        case "any_significant":
            return significant
        case "all_significant":
            return significant and not others_left


def check_significant(spec: ChildSpec, auto_shutdown: AutoShutdown) -> None:
    """Check that a significant child can end its supervisor.

    Raises:
        InvalidChild: the supervisor has auto_shutdown="never", or the child is permanent, so that it always restarts.
    """
    if spec.significant and auto_shutdown == "never":
        pair = [("auto_shutdown", "never"), ("significant", True)]
        letter = 'significant needs a supervisor with auto_shutdown="any_significant" or "all_significant"'
    elif spec.significant and spec.restart == "permanent":
        pair = [("restart", "permanent"), ("significant", True)]
        letter = "a permanent child always restarts, so its end cannot be significant. Make it transient or temporary"
    else:
        return
    raise InvalidChild(("bad_combination", pair), f"child {safe_repr(spec.id)}: {letter}")


def ending(shutdown: float | Literal["brutal_kill", "infinity"]) -> tuple[str, float | None]:
    """Return the exit signal for a shutdown, and the seconds after which the child is killed; None is never.

    | shutdown    | signal   | killed        |
    |-------------|----------|---------------|
    | seconds     | shutdown | after seconds |
    | infinity    | shutdown | never         |
    | brutal_kill | kill     | at once       |
    """
    match shutdown:
        case "brutal_kill":
            return "kill", None
        case "infinity":
            return "shutdown", None
        case _:
            return "shutdown", float(shutdown)


def unexpected_end(restart: RestartType, reason: object) -> bool:
    """Whether an end without a shutdown is reported as an error: an abnormal one, and any end of a permanent child."""
    return restart == "permanent" or not is_normal(reason)


def expected_end(shutdown: object, restart: RestartType, reason: object) -> bool:
    """Whether a child that was shut down ended with an expected reason; any other is reported.

    | reason                | shutdown: seconds, "infinity" | "brutal_kill"          |
    |-----------------------|-------------------------------|------------------------|
    | shutdown              | yes                           | unless it is permanent |
    | (shutdown, x), normal | unless it is permanent        | unless it is permanent |
    | killed                | no                            | yes                    |
    | anything else         | no                            | no                     |
    """
    brutal = shutdown == "brutal_kill"
    if not is_normal(reason):
        return brutal and type(reason) is str and reason == "killed"
    return restart != "permanent" or (not brutal and type(reason) is str and reason == "shutdown")


class Intensity:
    """The restart intensity: with more than `max_restarts` within `max_seconds` the supervisor gives up.

    Times are exact; OTP counts whole seconds.
    """

    def __init__(self, max_restarts: int, max_seconds: float) -> None:
        self.max_restarts = max_restarts
        self.max_seconds = max_seconds
        self.restarts: deque[float] = deque()

    def allows(self, now: float) -> bool:
        """Count a restart at time `now`, in seconds; return False if it is one too many."""
        restarts = self.restarts
        restarts.append(now)
        while restarts[0] < now - self.max_seconds:
            restarts.popleft()
        return len(restarts) <= self.max_restarts


class InvalidFlags(ValueError):
    """An option of a supervisor has an invalid value.

    Attributes:
        reason: OTP's reason, such as ("invalid_strategy", value).
    """

    def __init__(self, reason: object, letter: str) -> None:
        super().__init__(letter)
        self.reason = reason


class Flags:
    """The options of a supervisor, checked (OTP's `supervisor:sup_flags()`).

    Args:
        strategy: "one_for_one", "one_for_all", "rest_for_one" or "simple_one_for_one".
        max_restarts: the number of restarts that are allowed within `max_seconds`.
        max_seconds: the period for `max_restarts`, in seconds or as a timedelta.
        auto_shutdown: "never", "any_significant" or "all_significant".

    Raises:
        InvalidFlags: an option has an invalid value.
    """

    __slots__ = ("auto_shutdown", "max_restarts", "max_seconds", "strategy")

    def __init__(
        self,
        strategy: Strategy = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        auto_shutdown: AutoShutdown = "never",
    ) -> None:
        if strategy not in STRATEGIES:
            raise _invalid("strategy", strategy, f"is one of {', '.join(STRATEGIES)}")
        if not _is_count(max_restarts):
            raise _invalid("intensity", max_restarts, "(max_restarts) is a whole number ≥ 0")
        if isinstance(max_seconds, timedelta):
            max_seconds = max_seconds.total_seconds()
        if not _is_period(max_seconds):
            raise _invalid("period", max_seconds, "(max_seconds) is a number of seconds > 0")
        if auto_shutdown not in AUTO_SHUTDOWNS:
            raise _invalid("auto_shutdown", auto_shutdown, f"is one of {', '.join(AUTO_SHUTDOWNS)}")
        self.strategy: Strategy = strategy
        self.max_restarts: int = max_restarts
        self.max_seconds: float = float(max_seconds)
        self.auto_shutdown: AutoShutdown = auto_shutdown

    @property
    def has_template(self) -> bool:
        """Whether all children have one spec, as those of a simple_one_for_one supervisor do."""
        return self.strategy == "simple_one_for_one"

    def __repr__(self) -> str:
        slots = Flags.__slots__ if type(self) is Flags else (*Flags.__slots__, *self.__slots__)
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in slots)})"


class DynamicFlags(Flags):
    """The options of a dynamic supervisor, checked.

    Args:
        strategy: "one_for_one" is the only one.
        max_restarts: the number of restarts that are allowed within `max_seconds`.
        max_seconds: the period for `max_restarts`, in seconds or as a timedelta.
        max_children: the largest number of children; None allows any number.
        extra_arguments: the first arguments of every start function.
        auto_shutdown: "never" is the only one.

    Raises:
        InvalidFlags: an option has an invalid value.
    """

    __slots__ = ("extra_arguments", "max_children")

    def __init__(
        self,
        strategy: Any = "one_for_one",
        max_restarts: int = 3,
        max_seconds: float | timedelta = 5.0,
        max_children: Any = None,
        extra_arguments: Any = (),
        auto_shutdown: Any = "never",
    ) -> None:
        if strategy != "one_for_one":
            raise _invalid("strategy", strategy, "must be one_for_one, if it is a dynamic supervisor")
        if auto_shutdown != "never":
            raise _invalid("auto_shutdown", auto_shutdown, "must be never, if it is a dynamic supervisor")
        if max_children is not None and not _is_count(max_children):
            raise _invalid("max_children", max_children, "is a whole number ≥ 0, or None")
        if not isinstance(extra_arguments, list | tuple):
            raise _invalid("extra_arguments", extra_arguments, "is a list")
        super().__init__(strategy, max_restarts, max_seconds, auto_shutdown)
        self.max_children: int | None = max_children
        self.extra_arguments: tuple[Any, ...] = tuple(cast("Iterable[Any]", extra_arguments))


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_period(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= MOST


def _invalid(what: str, value: Any, wanted: str) -> InvalidFlags:
    return InvalidFlags((f"invalid_{what}", value), f"a supervisor's {what} {wanted}; got {safe_repr(value)}")
