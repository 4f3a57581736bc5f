"""`@simulate`: run a test in a thousand schedules, and report the shortest one that fails.

    >>> from regrow import Down, process
    >>> @simulate(runs=1000)
    ... async def test_all_words_arrive():
    ...     words = []
    ...     for word in ["first", "second"]:
    ...         process.spawn_monitor(words.append, word)
    ...     for _ in range(2):
    ...         await process.receive(Down)
    ...     assert sorted(words) == ["first", "second"]
    >>> explore(test_all_words_arrive, runs=200).runs
    200

Each run has a seed, counted from 0: a seed gives the same run every time, on every machine. Seed 0 is the order without
a simulation.
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
from regrow.testing.simulation.simulated_node import RunOutcome, is_async, run_once

Test = TypeVar("Test", bound=Callable[..., Awaitable[Any]])

MARK: Final = "__regrow_simulate__"
SHRINKING_RUNS: Final = 1000
SHRINKING_STEPS: Final = 300_000  # steps of processes, in all these runs
SHOWN_LINES: Final = 60
COLLECTED_AFTER: Final = 100  # runs: then the garbage collector frees what they left


@dataclass(frozen=True)
class SimulationPlan:
    """The arguments of `simulate`, for one test."""

    runs: int = 1000
    seed: int | None = None
    schedule: str | None = None
    slack: float | None = None
    faults: tuple[Fault, ...] = ()


@dataclass
class SimulationResult:
    """The result of a simulation in which no run failed.

    Attributes:
        runs: the number of schedules that were run.
        different: the number of different schedules among them.
        struck: for each fault without `at`, the number of messages that it was tried at.
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
    """Mark an async test to be run in many schedules, by regrow's pytest plugin.

    Args:
        runs: the number of schedules, with the seeds 0, 1, 2 …; for a fault without `at`, the number for each message.
        seed: run the schedule of this seed alone.
        schedule: run this schedule alone, as a failure prints it, with the seed that is printed beside it.
        slack: seconds that a burst of work may take: in every run, timers that are due within this time may fire before
            the processes that can run. With 5.0, a call with the default timeout may time out at any moment. None: in
            the runs of odd seeds timers are early, but never so much that a correct program fails. 0: never early.
        faults: the faults to inject; see `regrow.testing.faults`.

    Raises:
        TypeError: the test is not an `async def`.
        ValueError: `runs` is less than 1, `slack` is negative, or `schedule` is not a schedule.
    """
    if runs < 1 or (slack is not None and not slack >= 0.0):
        raise ValueError(f"simulate: wanted runs ≥ 1 and slack ≥ 0 seconds, got runs={runs} and slack={slack}")
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
    """Return the plan with which `simulate` has marked a test; None if it has not."""
    found: SimulationPlan | None = getattr(test, MARK, None)
    return found


class Simulator:
    """A simulator that runs one test in many schedules.

    Args:
        test: an async function.
        plan: the arguments of `simulate`.
        arguments: the arguments of the test.
        before_each: called before each run, to clear what the run before has left.
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
        self.passed: tuple[int, tuple[Fault, ...]] | None = None  # the first run that passed
        self.fired: list[Fault] = []  # in any run
        self.fixed: bool = False  # whether the last run made no decision and used no random number
        self.recording: object = None  # of the last run, for a test that uses the fixture `trace`

    def run(self) -> SimulationResult:
        """Run all schedules; raise the error of the first that fails, with the shortest such schedule and its trace.

        Raises:
            NotRepeatable: a run failed, and passes or differs when it is run again.
            FaultNeverFired: all runs passed, but in none of them a fault could strike.
        """
        __tracebackhide__ = True
        result = SimulationResult()
        fixed = tuple(fault for fault in self.plan.faults if fault.at is not None)
        for_each_message = [fault for fault in self.plan.faults if fault.at is None]
        if not for_each_message:
            self.all_seeds(fixed)
        for fault in for_each_message:
            number = 1
            while self.all_seeds((*fixed, fault.at_message(number))):
                number += 1
            result.struck[repr(fault)] = number - 1
            if number > 1:
                self.fired.append(fault)
        for fault in self.plan.faults if self.plan.seed is None and self.plan.schedule is None else ():
            if fault not in self.fired:
                raise FaultNeverFired(
                    f"the test passed, but {fault!r} did not strike in any of its {self.runs} runs: no process that it "
                    "matches took so many messages. A fault matches a process by its registered name, by its label, "
                    "or by a class that defines `init`"
                )
        result.runs = self.runs
        result.different = len(self.seen)
        return result

    def all_seeds(self, faults: tuple[Fault, ...]) -> bool:
        """Run the seeds with these faults; return whether the last fault struck in any run."""
        __tracebackhide__ = True
        plan = self.plan
        if plan.schedule is not None:
            return self.one(plan.seed or 0, faults, read(plan.schedule))
        if plan.seed is not None:
            return self.one(plan.seed, faults, None)
        fired = False
        for seed in range(plan.runs):
            before = len(self.seen)
            fired |= self.one(seed, faults, None)
            if seed == 1 and len(self.seen) == before and self.seen == {()} and self.fixed:
                break  # no decision is ever made: there is only one schedule
        return fired

    def one(self, seed: int, faults: tuple[Fault, ...], given: Sequence[int] | None) -> bool:
        """Run one schedule; return whether the last fault struck."""
        __tracebackhide__ = True
        outcome = self.outcome(seed, faults, given)
        self.runs += 1
        self.seen.add(trimmed(outcome.choices.made))
        self.fixed = not outcome.choices.options and not outcome.chance
        self.fired += [fault for fault in faults if fault.fired and fault not in self.fired]
        if outcome.error is None:
            if self.passed is None:
                self.passed = (seed, faults)
            return not faults or faults[-1].fired
        if is_outcome(outcome.error, "Skipped", "XFailed"):
            raise outcome.error
        self.raise_shortest(seed, faults, given, outcome, outcome.error)
        return False

    def outcome(
        self, seed: int, faults: Sequence[Fault], given: Sequence[int] | None, *, record: bool = False
    ) -> RunOutcome:
        """Run the test once: by its seed, or in a given schedule."""
        self.before_each()
        if self.runs % COLLECTED_AFTER == COLLECTED_AFTER - 1:
            gc.collect()
        choices = Choices(seed=seed or None) if given is None else Choices(given)
        slack = self.plan.slack
        outcome = run_once(self.test, self.arguments, choices, faults=faults, slack=slack, chance=seed, record=record)
        self.recording = outcome.recording
        return outcome

    # Failures

    def raise_shortest(
        self,
        seed: int,
        faults: Sequence[Fault],
        given: Sequence[int] | None,
        found: RunOutcome,
        error: BaseException,
    ) -> None:
        """Find the shortest schedule that fails in the same way, and raise its error with a note on how to repeat it."""
        __tracebackhide__ = True
        again = self.outcome(seed, faults, given)
        if again.error is None or again.choices.options != found.choices.options:
            raise NotRepeatable(
                f"seed {seed} failed, and took another course when it was run again: something in the test does not depend "
                "on the seed.\n  Take the time from process.monotonic() and random numbers from the module random, and do "
                "not rely on the order of a set. Values of sync fixtures and of modules are shared by all runs."
            ) from error
        if self.passed is not None and self.outcome(*self.passed, None).error is not None:
            raise NotRepeatable(
                f"seed {seed} failed, but seed {self.passed[0]}, which had passed, now fails as well: a run changes "
                "something that the next run uses.\n  Create it inside the test: values of sync fixtures and of modules "
                "are shared by all runs."
            ) from error
        made = trimmed(found.choices.made)
        shortest = self.shortest(seed, faults, made, signature(error))
        last = self.outcome(seed, faults, shortest, record=True)
        shown = error if last.error is None else last.error
        shown.add_note(self.note(seed, faults, made, shortest, last.lines))
        raise shown

    def shortest(self, seed: int, faults: Sequence[Fault], made: tuple[int, ...], wanted: object) -> tuple[int, ...]:
        """Return the simplest schedule that can be found that fails in the same way."""
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

    def note(
        self, seed: int, faults: Sequence[Fault], made: Sequence[int], shortest: Sequence[int], lines: Sequence[str]
    ) -> str:
        """Return the note of a failure: how to repeat it, and its trace."""
        of = f"{self.runs} of {self.plan.runs}" if not self.plan.faults else f"{self.runs}"
        odd = sum(map(bool, shortest))
        far = f"{odd} decision{'' if odd == 1 else 's'} out of the ordinary order, of {len(shortest)}"
        text = [
            f"simulation: run {of} failed.",
            f"  again:    --seed {seed}",
            f"  shortest: --seed {seed} --schedule {written(shortest)}",
            f"            {far}; the seed's: {sum(map(bool, made))} of {len(made)}",
        ]
        if faults:
            text.append(f"  faults:   {', '.join(map(repr, faults))}")
        if len(lines) > SHOWN_LINES:
            lines = [f"  … {len(lines) - SHOWN_LINES} lines before", *lines[-SHOWN_LINES:]]
        return "\n".join([*text, "trace of the shortest (→ out of the ordinary order):", *lines])


class FaultNeverFired(AssertionError):
    """A simulation passed, but one of its faults did not strike in any run."""


class NotRepeatable(AssertionError):
    """A run failed, and passes or differs when it is run again with the same seed."""


def signature(error: BaseException) -> object:
    """Return the type and the line of an error; two failures with the same signature count as one."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error), (frames[-1].filename, frames[-1].lineno) if frames else None


def is_outcome(error: BaseException, *names: str) -> bool:
    """Whether an error is one of these outcomes of pytest, such as "Skipped"."""
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
    """Simulate an async function without pytest; raise the error of the first run that fails.

    Args:
        test: an async function without parameters.
        runs: as for `simulate`.
        seed: as for `simulate`.
        schedule: as for `simulate`.
        slack: as for `simulate`.
        faults: as for `simulate`.

    Raises:
        NotRepeatable: a run failed, and passes or differs when it is run again.
        FaultNeverFired: all runs passed, but in none of them a fault could strike.
    """
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
    """Run an async function as a process once, in one schedule; return what it returns, raise what it raises.

    This is for tools that choose schedules themselves: Hypothesis can draw one as `st.lists(st.integers(0, 5))`, and
    a list that Hypothesis shrinks is a simpler schedule.

    Args:
        function: the async function to run.
        args: its arguments.
        seed: the seed of the schedule; 0 is the ordinary order.
        schedule: decisions, in place of those of a seed: 0 is the ordinary option, and a number that is too high means
            the last option. After the list's end the ordinary order applies.
        slack: seconds by which timers may be early, as for `simulate`.
        faults: faults with `at`, as for `simulate`.
    """
    result: list[Any] = []

    async def test() -> None:
        result.append(await function(*args))

    choices = Choices(seed=seed or None) if schedule is None else Choices(schedule)
    outcome = run_once(test, {}, choices, faults=faults, slack=slack, chance=seed)
    if outcome.error is not None:
        raise outcome.error
    return result[0]
