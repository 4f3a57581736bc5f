"""Mutants of the job queue: what becomes of an attempt, the rate of claims, and the store that is the model of others."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import MEMORY_JOBS, MEMORY_STORE, OUTCOME, RATE

QUEUES: Final = [
    Mutant("a snoozed attempt counts", OUTCOME, "return later, attempt - 1", "return later, attempt"),
    Mutant(
        "a lease that ends at the last attempt is tried again",
        OUTCOME,
        'return ("dead", attempt) if attempt >= most else ("ready", attempt)',
        'return ("ready", attempt)',
    ),
    Mutant("a timer for a token ends before it", RATE, "int(level + min(", "int(level - min("),
    Mutant("the token of a lease is not looked at", MEMORY_STORE, " and row.token == token else None", " else None"),
    Mutant("a put comes before the acks of its commit", MEMORY_STORE, "    Put: 1,\n", "    Put: -1,\n"),
    Mutant("a duplicate takes room", MEMORY_STORE, "firsts.count(None), op.bound", "len(firsts), op.bound"),
    Mutant(
        "a lease lasts one moment too long", MEMORY_JOBS, "row.lease_until > monotonic", "row.lease_until >= monotonic"
    ),
    Mutant(
        "a retried job of a group does not wait for the lease of a younger one",
        MEMORY_JOBS,
        'if active is not None and active.state == "leased":\n            return',
        'if active is not None and active.state == "leased":\n            pass',
    ),
]
