"""Mutants of the job queue: its decisions, its processes, and the store that is the model of others."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import (
    DISPATCHER,
    MEMORY_JOBS,
    MEMORY_STORE,
    OUTCOME,
    PARKED,
    PERFORMING,
    RATE,
    STORE_USE,
    WRITER,
)

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
    Mutant(
        "a flush comes at the first request",
        WRITER,
        "send_after_runnable(state.process, FLUSH)",
        "send(state.process.pid, FLUSH)",
    ),
    Mutant("a caller that has gone gets a job", WRITER, "elif type(op) is Claim and not entry.wanted:", "elif False:"),
    Mutant(
        "the request of a caller that has gone is stored", WRITER, "if entry.from_ is None or entry.wanted:", "if True:"
    ),
    Mutant(
        "a caller that does not wait overtakes the others",
        WRITER,
        "        if line:\n",
        "        if line and entry.may_wait(state.clock.now()):\n",
    ),
    Mutant("room wakes no put", WRITER, "for queue in done.freed:", "for queue in ():"),
    Mutant("time wakes no claim", WRITER, "if state.parked and done.due is not None:", "if False:"),
    Mutant("callers that wait get no error of the store", WRITER, ", *state.parked.take_all()]", "]"),
    Mutant(
        "an orderly end drops what was asked for",
        WRITER,
        "while batch := self.next_batch(state):",
        "while batch := []:",
    ),
    Mutant("a store is opened before it is closed", STORE_USE, "before.released and not before.join(CLOSE)", "False"),
    Mutant("two brokers use one store", STORE_USE, "if self.writer is not None:", "if False:"),
    Mutant(
        "those that came last are served first",
        PARKED,
        "            line.append(entry)\n",
        "            line.appendleft(entry)\n",
    ),
    Mutant("an ack that fails is not sent again", DISPATCHER, "if state.now() < work.lease_until:", "if False:"),
    Mutant(
        "a job goes on without its lease",
        DISPATCHER,
        "                if until is None:\n",
        "                if False:\n",
    ),
    Mutant("a stuck thread leaves its slot", DISPATCHER, "state.orphans.add(work.thread)", "pass"),
    Mutant(
        "a job that runs too long is only asked to end",
        DISPATCHER,
        'bifs.exit(work.pid, "kill")\n            return',
        "return",
    ),
    Mutant("a dispatcher claims while it drains", DISPATCHER, "            state.stopped = True\n", ""),
    Mutant(
        "what still runs at the end counts as an attempt",
        DISPATCHER,
        'Settlement("release")\n            sent',
        'Settlement("retry")\n            sent',
    ),
    Mutant(
        "a failing backoff loses the job",
        PERFORMING,
        "except Exception as problem:",
        "except ValueError as problem:",
    ),
]
