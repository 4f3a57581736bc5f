"""The mutants: each breaks one row of a decision table, or one chosen place of the kernel or of calls.

`old` is as short as it can be, so that a mutant survives changes of the code around it. If the place is rewritten, the
mutant is rewritten, too: it stands for a guarantee, not for a line.
"""

from __future__ import annotations

from typing import Final

from tests.mutants.calls import CALLS, STARTS_AND_STOPS
from tests.mutants.messages import MESSAGES
from tests.mutants.mutant import Mutant
from tests.mutants.nodes import NODES
from tests.mutants.places import (
    ALARMS,
    ATTEMPTS,
    AWAITABLES,
    CLIENT,
    CLOCK,
    CURRENT_TASK,
    DEBUG,
    DISPATCHER,
    DOOR,
    ENDING,
    EXITS,
    GEN_SERVER,
    HELD,
    HERE,
    INCOMING,
    LINEAGE,
    LINKS,
    LOOP,
    LOOP_TIME,
    MAILBOX,
    MEMORY_JOBS,
    MEMORY_STORE,
    NAMES,
    NODE,
    OUTCOME,
    OUTSIDE,
    PARKED,
    PERFORMING,
    PROC_LIB,
    RATE,
    REMNANTS,
    REPORTS,
    REQUEST,
    REQUESTS,
    RESTART,
    SCHEDULE,
    SCHEDULER,
    SIGNALS,
    STARTING,
    STOPPING,
    STORE_USE,
    TERMS,
    TIMERS,
    TRACEBACKS,
    TRACES,
    VIRTUAL_CLOCK,
    WAITS,
    WRITER,
)
from tests.mutants.queues import QUEUES
from tests.mutants.tables import TABLES
from tests.mutants.words import WORDS

STORES: Final = [
    "tests/contracts/test_queue_store_puts.py",
    "tests/contracts/test_queue_store_leases.py",
    "tests/contracts/test_queue_store_groups.py",
    "tests/contracts/test_queue_store_commits.py",
]

# The tests that run first: the sooner one fails, the sooner the next mutant is tried.
NEAREST: Final[dict[str, list[str]]] = {
    RESTART: ["tests/behaviours/supervision/test_restart.py"],
    REQUESTS: ["tests/behaviours/gen_server", "tests/kernel/nodes"],
    INCOMING: ["tests/contracts", "tests/kernel/nodes"],
    MAILBOX: ["tests/kernel/test_receive.py", "tests/kernel/process", "tests/kernel/signals"],
    SIGNALS: ["tests/kernel/test_receive.py", "tests/kernel/signals"],
    LINEAGE: ["tests/kernel/test_generations.py", "tests/kernel/process"],
    LINKS: [
        "tests/kernel/test_links_that_cross.py",
        "tests/kernel/process",
        "tests/kernel/hand_over",
        "tests/kernel/test_memory.py",
        "tests/kernel/signals",
    ],
    NAMES: [
        "tests/kernel/process",
        "tests/behaviours/gen_server",
        "tests/kernel/signals",
        "tests/behaviours/naming",
    ],
    TIMERS: ["tests/kernel/timers"],
    ALARMS: ["tests/kernel/timers"],
    WAITS: ["tests/kernel/test_receive.py", "tests/kernel/test_remnants.py"],
    EXITS: ["tests/kernel/test_memory.py", "tests/kernel/process", "tests/behaviours/supervision/test_restart.py"],
    TRACES: ["tests/kernel/test_causes.py", "tests/ops/test_exc_info.py", "tests/kernel/test_memory.py"],
    REPORTS: ["tests/ops/test_exc_info.py"],
    AWAITABLES: ["tests/behaviours/gen/test_awaitables.py"],
    TERMS: ["tests/ops/test_function_names.py", "tests/ops/test_exc_info.py", "tests/ops/logs"],
    SCHEDULER: ["tests/kernel/test_receive.py", "tests/kernel/hand_over", "tests/kernel/asyncio_tasks"],
    CURRENT_TASK: ["tests/kernel/test_receive.py", "tests/kernel/hand_over", "tests/kernel/asyncio_tasks"],
    SCHEDULE: ["tests/kernel/signals", "tests/kernel/hand_over"],
    REMNANTS: ["tests/kernel/test_remnants.py"],
    HERE: ["tests/kernel/nodes", "tests/kernel/test_ended_nodes.py"],
    DOOR: ["tests/kernel/test_ended_nodes.py"],
    NODE: ["tests/kernel/nodes", "tests/kernel/signals", "tests/kernel/process"],
    ENDING: ["tests/kernel/test_ending.py", "tests/kernel/test_remnants.py"],
    CLOCK: ["tests/kernel/timers"],
    VIRTUAL_CLOCK: ["tests/kernel/timers"],
    LOOP_TIME: ["tests/testing/test_one_clock.py"],
    OUTSIDE: ["tests/testing/test_one_clock.py"],
    TRACEBACKS: ["tests/testing/test_failures.py"],
    REQUEST: ["tests/behaviours/gen_server", "tests/kernel/nodes"],
    STARTING: ["tests/behaviours/gen", "tests/behaviours/gen_server"],
    CLIENT: ["tests/behaviours/gen_server"],
    GEN_SERVER: ["tests/behaviours/gen_server"],
    LOOP: ["tests/behaviours/gen_server"],
    STOPPING: ["tests/behaviours/supervision"],
    HELD: ["tests/behaviours/gen"],
    DEBUG: ["tests/behaviours/gen"],
    ATTEMPTS: ["tests/behaviours/gen/test_inspection.py", "tests/behaviours/gen/test_callbacks_that_fail.py"],
    PROC_LIB: ["tests/behaviours/gen"],
    WRITER: ["tests/servers/queue/test_writer.py"],
    PARKED: ["tests/servers/queue/test_writer.py"],
    STORE_USE: ["tests/servers/queue/test_writer.py"],
    DISPATCHER: ["tests/servers/queue/test_dispatcher.py"],
    PERFORMING: ["tests/servers/queue/test_dispatcher.py"],
    OUTCOME: ["tests/servers/queue/test_outcome.py"],
    RATE: ["tests/servers/queue/test_rate.py"],
    MEMORY_STORE: STORES,
    MEMORY_JOBS: STORES,
}

MUTANTS: Final[list[Mutant]] = [*TABLES, *MESSAGES, *NODES, *CALLS, *STARTS_AND_STOPS, *WORDS, *QUEUES]
