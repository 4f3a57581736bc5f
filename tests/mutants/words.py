"""Mutants of the text of reports."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import AWAITABLES, REPORTS, TERMS, TRACES

WORDS: Final = [
    Mutant(
        "a generator-based coroutine is a value",
        AWAITABLES,
        "return bool(generator.gi_code.co_flags & ITERABLE_COROUTINE)",
        "return False",
    ),
    Mutant("a class is awaited", AWAITABLES, 'return hasattr(kind, "__await__")', 'return hasattr(value, "__await__")'),
    Mutant(
        "what another process raised is no cause",
        TRACES,
        "found = first_in(reason)\n    return",
        "found = None\n    return",
    ),
    Mutant(
        "a made traceback has the line of its function",
        TRACES,
        "co_linetable=_line_table(line - code.co_firstlineno),",
        "",
    ),
    Mutant(
        "a crash is reported again where nothing is configured",
        REPORTS,
        "if again and not logger.hasHandlers():",
        "if False:",
    ),
    Mutant(
        "a crash is reported in full again",
        REPORTS,
        'record before this one for its traceback)" if again else None',
        '" if False else None',
    ),
    Mutant("a repr is asked for each time it is shown", TERMS, "if id(value) not in seen:", "if True:"),
    Mutant("a function is shown with its address", TERMS, "if is_function(kind):", "if False:"),
]
