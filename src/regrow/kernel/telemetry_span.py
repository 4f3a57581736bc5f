"""Spans of telemetry: work with an event at its start and one at its end."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from regrow.kernel import exits
from regrow.kernel.clock import Clock
from regrow.kernel.current_node import CURRENT
from regrow.kernel.process_record import Process
from regrow.kernel.telemetry import HANDLERS, check_event, check_mapping, clock, emit


class Span:
    """Work between two events: `with telemetry.span("shop.checkout") as span:` (`telemetry:span`).

    Attributes:
        measurements: what `.stop` or `.exception` has beside `duration`; fill it within the block.
        metadata: the metadata of `.stop` or `.exception`, at first those of `.start`.
    """

    __slots__ = ("_began", "_clock", "_process", "event", "measurements", "metadata")

    def __init__(self, event: str, metadata: Mapping[str, Any] | None) -> None:
        self.event: str = event
        self.measurements: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {} if metadata is None else dict(metadata)
        self._clock: Clock | None = None
        self._began: float = 0.0
        self._process: Process | None = None

    def __repr__(self) -> str:
        return f"Span({self.event!r})"

    def __enter__(self) -> Self:
        if self._clock is not None:
            raise RuntimeError(f"{self!r} was entered before: make a span for each block")
        node = CURRENT.node
        self._process = None if node is None else node.caller()
        self._clock = clock()
        now = self._clock.times()
        self._began = now.monotonic
        found = HANDLERS.get(f"{self.event}.start")
        if found:
            times = {"system_time": now.wall, "monotonic_time": now.monotonic}
            try:
                emit(found, f"{self.event}.start", times, dict(self.metadata))
            except BaseException as error:  # an interrupt: the block is not entered, and Python calls no `__exit__`
                self.__exit__(type(error), error, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed = error is not None and not exits.is_a(error, exits.Continuation)  # that is raised by `hibernate`
        event = f"{self.event}.exception" if failed else f"{self.event}.stop"
        found = HANDLERS.get(event)
        if not found or self._clock is None:
            return
        measurements = {**self.measurements, "duration": self._clock.now() - self._began}
        metadata = dict(self.metadata)
        if error is not None and failed:
            metadata["kind"], metadata["reason"] = why_left(error, self._process)
        emit(found, event, measurements, metadata)


def span(event: str, metadata: Mapping[str, Any] | None = None) -> Span:
    """Emit `.start`, and at the end of the block `.stop` or `.exception` (`telemetry:span`).

    `.start` measures `system_time`, in Unix seconds, and `monotonic_time`; the others measure `duration` in seconds, by
    the node's clock. `.exception` has two more metadata: `kind` is "error", "exit", "cancelled" or "killed", and
    `reason` the exception or the reason of the process's end. Exactly one of them follows each `.start`, also when the
    process is killed in the block or its task is cancelled. The exception leaves the block as it would without a span.

    Args:
        event: the beginning of the three names.
        metadata: those of all three events.

    Raises:
        TypeError: the name is no string, or `metadata` no mapping.
    """
    if type(event) is not str:
        check_event(event, "telemetry.span")
    if metadata is not None:
        check_mapping(metadata, event, "telemetry.span")
    return Span(event, metadata)


def why_left(error: BaseException, process: Process | None) -> tuple[str, object]:
    """Return the `kind` and the `reason` of a block that an exception has left."""
    if process is not None and not process.alive and not exits.is_a(error, Exception):
        return "killed" if process.reason == "killed" else "exit", process.reason  # it is being unwound
    if exits.is_a(error, exits.Exit):
        return "exit", exits.carried(error)
    return ("cancelled", "cancelled") if exits.is_a(error, CancelledError, GeneratorExit) else ("error", error)
