"""The job that code runs for, in a context variable: what the code calls, awaits and starts has it, too."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

from regrow.servers.queue.job import Job

_JOB: Final[ContextVar[Job[Any] | None]] = ContextVar("regrow_job", default=None)


def current() -> Job[Any]:
    """Return the job that this code runs for: in a worker, in a `@job` function, and in all that they call.

    Raises:
        LookupError: the code does not run for a job.
    """
    job = _JOB.get()
    if job is None:
        raise LookupError("current(): this code does not run for a job of a worker or of a @job function")
    return job


def run_for(job: Job[Any] | None) -> None:
    """Note the job for which the code of this context runs from now on; called in the process that performs it."""
    _JOB.set(job)
