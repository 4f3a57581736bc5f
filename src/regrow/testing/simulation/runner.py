"""`@simulate`: one test under a thousand schedules, and of those that fail the shortest.

    >>> from regrow import Down, process
    >>> @simulate(runs=1000)
    ... async def test_all_are_heard():
    ...     heard = []
    ...     for word in ["first", "second"]:
    ...         process.spawn_monitor(heard.append, word)
    ...     for _ in range(2):
    ...         await process.receive(Down)
    ...     assert sorted(heard) == ["first", "second"]
    >>> explore(test_all_are_heard, runs=200).runs
    200

Each run has a seed, from 0 on: the same seed is the same run, today and on another machine. Seed 0 is the order in which
things happen without a simulation.
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from regrow.testing.faults import Fault
from regrow.testing.simulation.choices import Choices, read, trimmed, written
from regrow.testing.simulation.shrinking import Tried, shrink
from regrow.testing.simulation.simulated_node import Outcome, is_async, run_once

Test = TypeVar("Test", bound=Callable[..., Awaitable[Any]])

MARK: Final = "__regrow_simulate__"
SHRINKING_RUNS: Final = 1000
SHRINKING_STEPS: Final = 300_000  # of processes, in all these runs
SHOWN_LINES: Final = 60
COLLECTED_AFTER: Final = 100  # runs: what they leave behind is let go


@dataclass(frozen=True)
class SimulationPlan:
    """How a test is simulated: what `simulate` was given."""

    runs: int = 1000
    seed: int | None = None
    schedule: str | None = None
    slack: float | None = None
    faults: tuple[Fault, ...] = ()


@dataclass
class SimulationResult:
    """What came of a simulation that found nothing.

    Attributes:
        runs: how many schedules were run.
        different: how many of them differed.
        struck: for each fault without `at`, how many messages it was tried at.
    """

    runs: int = 0
    different: int = 0
    struck: dict[str, int] = field(default_factory=dict)


def simulate(
    runs: int = 1000,
    *,
    seed: int | None = None,
    schedule: str | None = None,
    slack: float | None = None,
    faults: Sequence[Fault] = (),
) -> Callable[[Test], Test]:
    """Run an async test in many schedules instead of one; to be read by regrow's pytest plugin.

    Args:
        runs: how many schedules, with the seeds 0, 1, 2 …; for each message of a fault that has no `at`.
        seed: run this one alone.
        schedule: run this one alone, as a failure prints it, with the seed that stands beside it.
        slack: seconds that a burst of work may take: in every run, timers that are nearer than that may fire before those
            that can run have run. With 5.0, a call of the usual 5 s may time out at any moment. None is as late as no
            correct program minds, in the runs of odd seeds; 0 is never.
        faults: what goes wrong; see `regrow.testing.faults`.

    Raises:
        TypeError: the test is no `async def`.
        ValueError: less than one run, a negative slack, or no schedule.
    """
    if runs < 1 or (slack is not None and not slack >= 0.0):
        raise ValueError(f"simulate: wanted runs ≥ 1 and seconds of slack ≥ 0, got {runs} and {slack}")
    if schedule is not None:
        read(schedule)
    plan = SimulationPlan(runs, seed, schedule, slack, tuple(faults))

    def mark(test: Test) -> Test:
        if not is_async(test):
            raise TypeError(f"simulate: wanted an async def, got {test!r}")
        setattr(test, MARK, plan)
        return test

    return mark


def plan_of(test: object) -> SimulationPlan | None:
    """What `simulate` said of a test."""
    found: SimulationPlan | None = getattr(test, MARK, None)
    return found


class Simulator:
    """Runs one test in many schedules.

    Args:
        test: an async function.
        plan: how.
        arguments: what the test is called with.
        before_each: called before each run; where a run leaves something behind, this is to clear it away.
    """

    def __init__(
        self,
        test: Callable[..., Awaitable[Any]],
        plan: SimulationPlan,
        arguments: dict[str, Any] | None = None,
        before_each: Callable[[], None] = lambda: None,
    ) -> None:
        self.test = test
        self.plan = plan
        self.arguments: dict[str, Any] = arguments or {}
        self.before_each = before_each
        self.runs: int = 0
        self.seen: set[tuple[int, ...]] = set()
        self.passed: tuple[int, tuple[Fault, ...]] | None = None  # the first run
        self.struck: list[Fault] = []  # in any run
        self.alone: bool = False  # the last run left nothing to a schedule or to chance
        self.recording: object = None  # of the last run, for a test that takes its `trace`

    def run(self) -> SimulationResult:
        """Run all; raise what the first failing run raises, with the shortest schedule that does and its trace.

        Raises:
            NotRepeatable: a run failed that passes, or differs, when it is run again.
            FaultNeverFired: all has passed, but a fault has had no occasion.
        """
        __tracebackhide__ = True
        told = SimulationResult()
        fixed = tuple(fault for fault in self.plan.faults if fault.at is not None)
        wandering = [fault for fault in self.plan.faults if fault.at is None]
        if not wandering:
            self.all_seeds(fixed)
        for fault in wandering:
            number = 1
            while self.all_seeds((*fixed, fault.at_message(number))):
                number += 1
            told.struck[repr(fault)] = number - 1
            if number > 1:
                self.struck.append(fault)
        for fault in self.plan.faults if self.plan.seed is None and self.plan.schedule is None else ():
            if fault not in self.struck:
                raise FaultNeverFired(
                    f"the test has passed, but in none of its {self.runs} runs had {fault!r} an occasion: nobody whom it "
                    "means took so many messages. It knows processes by registered name, by label, and by a class that "
                    "has an `init` of its own"
                )
        told.runs = self.runs
        told.different = len(self.seen)
        return told

    def all_seeds(self, faults: tuple[Fault, ...]) -> bool:
        """Run the seeds with these faults; whether the last of them has struck in any run."""
        __tracebackhide__ = True
        plan = self.plan
        if plan.schedule is not None:
            return self.one(plan.seed or 0, faults, read(plan.schedule))
        if plan.seed is not None:
            return self.one(plan.seed, faults, None)
        struck = False
        for seed in range(plan.runs):
            before = len(self.seen)
            struck |= self.one(seed, faults, None)
            if seed == 1 and len(self.seen) == before and self.seen == {()} and self.alone:
                break  # nothing is ever decided: there is one schedule
        return struck

    def one(self, seed: int, faults: tuple[Fault, ...], given: Sequence[int] | None) -> bool:
        """One run; whether the last fault has struck."""
        __tracebackhide__ = True
        outcome = self.outcome(seed, faults, given)
        self.runs += 1
        self.seen.add(trimmed(outcome.choices.made))
        self.alone = not outcome.choices.options and not outcome.chance
        self.struck += [fault for fault in faults if fault.struck and fault not in self.struck]
        if outcome.error is None:
            if self.passed is None:
                self.passed = (seed, faults)
            return not faults or faults[-1].struck
        if is_outcome(outcome.error, "Skipped", "XFailed"):
            raise outcome.error
        self.tell(seed, faults, given, outcome, outcome.error)
        return False

    def outcome(
        self, seed: int, faults: Sequence[Fault], given: Sequence[int] | None, *, record: bool = False
    ) -> Outcome:
        """Run the test once: by its seed, or in a given schedule."""
        self.before_each()
        if self.runs % COLLECTED_AFTER == COLLECTED_AFTER - 1:
            gc.collect()
        choices = Choices(seed=seed or None) if given is None else Choices(given)
        slack = self.plan.slack
        outcome = run_once(self.test, self.arguments, choices, faults=faults, slack=slack, chance=seed, record=record)
        self.recording = outcome.recording
        return outcome

    # A failure

    def tell(
        self,
        seed: int,
        faults: Sequence[Fault],
        given: Sequence[int] | None,
        found: Outcome,
        error: BaseException,
    ) -> None:
        """Find the shortest schedule that fails in the same way, and raise its error, with a note that tells all."""
        __tracebackhide__ = True
        again = self.outcome(seed, faults, given)
        if again.error is None or again.choices.options != found.choices.options:
            raise NotRepeatable(
                f"seed {seed} failed, and when it was run again it went another way: something that the test does is not "
                "decided by the seed.\n  Take the time from process.monotonic(), chance from the module random, and do "
                "not let the order of a set matter. What a fixture made, or a module holds, is made once for all runs."
            ) from error
        if self.passed is not None and self.outcome(*self.passed, None).error is not None:
            raise NotRepeatable(
                f"seed {seed} failed, but seed {self.passed[0]}, which had passed, fails now as well: something that a "
                "run changes outlives it.\n  Make it anew inside the test: what a fixture made, or a module holds, is "
                "made once for all runs."
            ) from error
        made = trimmed(found.choices.made)
        shortest = self.shortest(seed, faults, made, signature(error))
        last = self.outcome(seed, faults, shortest, record=True)
        shown = error if last.error is None else last.error
        shown.add_note(self.letter(seed, faults, made, shortest, last.lines))
        raise shown

    def shortest(self, seed: int, faults: Sequence[Fault], made: tuple[int, ...], wanted: object) -> tuple[int, ...]:
        """A schedule with as few decisions out of order as can be found, that fails in the same way."""
        runs, steps = SHRINKING_RUNS, SHRINKING_STEPS

        def run(tried: tuple[int, ...]) -> Tried | None:
            nonlocal runs, steps
            if runs <= 0 or steps <= 0:
                return None
            outcome = self.outcome(seed, faults, tried)
            runs -= 1
            steps -= outcome.steps
            failed = outcome.error is not None and signature(outcome.error) == wanted
            return Tried(failed, trimmed(outcome.choices.made), outcome.choices.options)

        return shrink(made, run)

    def letter(
        self, seed: int, faults: Sequence[Fault], made: Sequence[int], shortest: Sequence[int], lines: Sequence[str]
    ) -> str:
        """What a failure prints: how to have it again, and what happened."""
        of = f"{self.runs} of {self.plan.runs}" if not self.plan.faults else f"{self.runs}"
        odd = sum(map(bool, shortest))
        far = f"{odd} decision{'' if odd == 1 else 's'} out of the ordinary order, of {len(shortest)}"
        told = [
            f"simulation: run {of} failed.",
            f"  again:    --seed {seed}",
            f"  shortest: --seed {seed} --schedule {written(shortest)}",
            f"            {far}; the seed's: {sum(map(bool, made))} of {len(made)}",
        ]
        if faults:
            told.append(f"  faults:   {', '.join(map(repr, faults))}")
        if len(lines) > SHOWN_LINES:
            lines = [f"  … {len(lines) - SHOWN_LINES} lines before", *lines[-SHOWN_LINES:]]
        return "\n".join([*told, "trace of the shortest (→ out of the ordinary order):", *lines])


class FaultNeverFired(AssertionError):
    """A fault was asked for, and nothing that happened was an occasion for it."""


class NotRepeatable(AssertionError):
    """A run failed, and does not when it is run again under the same seed."""


def signature(error: BaseException) -> object:
    """What two failures have in common that are the same one: the exception, and the line of the test."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error), (frames[-1].filename, frames[-1].lineno) if frames else None


def is_outcome(error: BaseException, *names: str) -> bool:
    """Whether this is how pytest leaves a test that is not to be run."""
    return type(error).__name__ in names and type(error).__module__.startswith("_pytest")


def explore(
    test: Callable[..., Awaitable[Any]],
    runs: int = 1000,
    *,
    seed: int | None = None,
    schedule: str | None = None,
    slack: float | None = None,
    faults: Sequence[Fault] = (),
) -> SimulationResult:
    """Simulate an async function without pytest; takes what `simulate` takes, and raises what the first failing run raises."""
    marked = simulate(runs, seed=seed, schedule=schedule, slack=slack, faults=faults)(test)
    plan = plan_of(marked)
    assert plan is not None
    return Simulator(test, plan).run()


def play(
    function: Callable[..., Awaitable[Any]],
    *args: Any,
    seed: int = 0,
    schedule: Sequence[int] | None = None,
    slack: float | None = None,
    faults: Sequence[Fault] = (),
) -> Any:
    """Run an async function as a process, once, in one schedule; gives what it returns, raises what it raises.

    For tools that choose schedules themselves: Hypothesis can draw one as `st.lists(st.integers(0, 5))`, and what it
    shrinks such a list to is a simpler schedule.

    Args:
        function: what to run.
        args: what it is called with.
        seed: of the schedule; 0 for the ordinary order.
        schedule: decisions, instead of a seed's: 0 is the ordinary one, and a number too high means the last. Behind its
            end all is in order.
        slack: as of `simulate`.
        faults: as of `simulate`, with `at`.
    """
    result: list[Any] = []

    async def test() -> None:
        result.append(await function(*args))

    choices = Choices(seed=seed or None) if schedule is None else Choices(schedule)
    outcome = run_once(test, {}, choices, faults=faults, slack=slack, chance=seed)
    if outcome.error is not None:
        raise outcome.error
    return result[0]
