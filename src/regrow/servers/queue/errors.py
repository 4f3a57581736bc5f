"""The errors of the queue."""

from __future__ import annotations

from typing import Any


class QueueError(Exception):
    """The base class of all errors of `regrow.queue`."""

    def __reduce__(self) -> Any:
        return type(self), self.args


class Full(QueueError):
    """The queue has as many live jobs as its bound allows, and no room came in time."""


class Empty(QueueError, TimeoutError):
    """No job came in time."""


class LeaseLost(QueueError):
    """The lease of a job is over: it was acknowledged, given back, or claimed by another holder meanwhile."""


class PayloadError(QueueError, ValueError):
    """A payload does not fit its queue's type, cannot be encoded, cannot be decoded, or is too long."""


class StoreError(QueueError):
    """The store could not do what it was asked for; nothing of the request was stored."""


class StoreBusy(StoreError):
    """Another program held the write lock of the store for longer than the store waits."""


class StoreFull(StoreError):
    """The disk is full."""


class StoreReadOnly(StoreError):
    """The store's file or its folder cannot be written."""


class StoreDamaged(StoreError):
    """The store's file is damaged."""


class StoreForeign(StoreError):
    """The file belongs to another program."""


class StoreNewer(StoreError):
    """A newer version of regrow wrote the store."""


class StoreNotLocal(StoreError):
    """The file is on a network file system, where SQLite's locks do not work."""


def work_error(error: Exception) -> QueueError:
    """Return the result of an op whose work has raised an error: a QueueError stays, another one is the cause."""
    if isinstance(error, QueueError):
        return error
    found = StoreError(f"the work in the store's transaction failed: {type(error).__name__}: {error}")
    found.__cause__ = error
    return found
