"""Mutants of the decision tables: each row, broken."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.places import RESTART

TABLES: Final = [
    Mutant(
        "a permanent child stays away",
        RESTART,
        'case "permanent":\n            return Decision.RESTART',
        'case "permanent":\n            return Decision.KEEP',
    ),
    Mutant(
        "a permanent child comes back only if it failed",
        RESTART,
        'case "permanent":\n            return Decision.RESTART',
        'case "permanent":\n            return Decision.KEEP if is_normal(reason) else Decision.RESTART',
    ),
    Mutant(
        "a transient child comes back always",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        "Decision.RESTART",
    ),
    Mutant(
        "a transient child stays away always",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        "Decision.KEEP",
    ),
    Mutant(
        "a transient child is forgotten",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        "Decision.FORGET if is_normal(reason) else Decision.RESTART",
    ),
    Mutant(
        "a transient child that was shut down comes back",
        RESTART,
        "Decision.KEEP if is_normal(reason) else Decision.RESTART",
        'Decision.KEEP if reason == "normal" else Decision.RESTART',
    ),
    Mutant(
        "a temporary child is kept",
        RESTART,
        'case "temporary":\n            return Decision.FORGET',
        'case "temporary":\n            return Decision.KEEP',
    ),
    Mutant(
        "a temporary child that failed comes back",
        RESTART,
        'case "temporary":\n            return Decision.FORGET',
        'case "temporary":\n            return Decision.FORGET if is_normal(reason) else Decision.RESTART',
    ),
    Mutant(
        "a stopped permanent or transient child cannot be started again",
        RESTART,
        'case "permanent" | "transient":\n            return True',
        'case "permanent" | "transient":\n            return False',
    ),
    Mutant(
        "a stopped transient child cannot be started again",
        RESTART,
        'case "permanent" | "transient":\n            return True',
        'case "permanent" | "transient":\n            return restart == "permanent"',
    ),
    Mutant(
        "a stopped temporary child is kept",
        RESTART,
        'case "temporary":\n            return False',
        'case "temporary":\n            return True',
    ),
    Mutant("one_for_one concerns all", RESTART, "return [child]", "return list(children)"),
    Mutant("one_for_one restarts no child", RESTART, "return [child]", "return []"),
    Mutant(
        "simple_one_for_one concerns all",
        RESTART,
        "return [child]",
        'return [child] if strategy == "one_for_one" else list(children)',
    ),
    Mutant(
        "rest_for_one concerns those before",
        RESTART,
        "list(dropwhile(lambda other: other != child, children))",
        "[*__import__('itertools').takewhile(lambda other: other != child, children), child]",
    ),
    Mutant(
        "rest_for_one leaves the child itself",
        RESTART,
        "list(dropwhile(lambda other: other != child, children))",
        "list(dropwhile(lambda other: other != child, children))[1:]",
    ),
    Mutant(
        "one_for_all concerns those after",
        RESTART,
        'case "one_for_all":\n            return list(children)',
        'case "one_for_all":\n            return list(dropwhile(lambda other: other != child, children))',
    ),
    Mutant(
        "auto_shutdown never ends the supervisor",
        RESTART,
        'case "never":\n            return False',
        'case "never":\n            return significant',
    ),
    Mutant(
        "any_significant waits for the last",
        RESTART,
        'case "any_significant":\n            return significant',
        'case "any_significant":\n            return significant and not others_left',
    ),
    Mutant(
        "any_significant ends with any child",
        RESTART,
        'case "any_significant":\n            return significant',
        'case "any_significant":\n            return True',
    ),
    Mutant(
        "all_significant ends with the first",
        RESTART,
        "return significant and not others_left",
        "return significant",
    ),
    Mutant(
        "all_significant ends with any child",
        RESTART,
        "return significant and not others_left",
        "return not others_left",
    ),
    Mutant(
        "significant means nothing and is let through",
        RESTART,
        'if spec.significant and auto_shutdown == "never":',
        'if False and auto_shutdown == "never":',
    ),
    Mutant(
        "significant and permanent are let through",
        RESTART,
        'elif spec.significant and spec.restart == "permanent":',
        "elif False:",
    ),
    Mutant("brutal_kill asks first", RESTART, 'return "kill", None', 'return "shutdown", None'),
    Mutant("brutal_kill has a limit", RESTART, 'return "kill", None', 'return "kill", 0.0'),
    Mutant("infinity has a limit", RESTART, 'return "shutdown", None', 'return "shutdown", 5.0'),
    Mutant("a number of seconds is no limit", RESTART, 'return "shutdown", float(shutdown)', 'return "shutdown", None'),
    Mutant(
        "a number of seconds kills", RESTART, 'return "shutdown", float(shutdown)', 'return "kill", float(shutdown)'
    ),
    Mutant(
        "the normal end of a permanent child is not reported",
        RESTART,
        'return restart == "permanent" or not is_normal(reason)',
        "return not is_normal(reason)",
    ),
    Mutant(
        "the abnormal end of another child is not reported",
        RESTART,
        'return restart == "permanent" or not is_normal(reason)',
        'return restart == "permanent"',
    ),
    Mutant(
        "a child that was killed after its time ended as told",
        RESTART,
        'return brutal and type(reason) is str and reason == "killed"',
        'return type(reason) is str and reason == "killed"',
    ),
    Mutant(
        "a child that was killed as wished did not end as told",
        RESTART,
        'return brutal and type(reason) is str and reason == "killed"',
        "return False",
    ),
    Mutant(
        "a child that failed while it was killed ended as told",
        RESTART,
        'return brutal and type(reason) is str and reason == "killed"',
        "return brutal",
    ),
    Mutant(
        "a permanent child that ends normally when told ended as told",
        RESTART,
        '(not brutal and type(reason) is str and reason == "shutdown")',
        "not brutal",
    ),
    Mutant(
        "a permanent child that shut down before it was killed ended as told",
        RESTART,
        '(not brutal and type(reason) is str and reason == "shutdown")',
        '(type(reason) is str and reason == "shutdown")',
    ),
    Mutant(
        "a temporary child that ends normally when told did not end as told",
        RESTART,
        'return restart != "permanent" or (',
        "return (",
    ),
    Mutant("one restart more is allowed", RESTART, "<= self.max_restarts", "<= self.max_restarts + 1"),
    Mutant("one restart less is allowed", RESTART, "<= self.max_restarts", "< self.max_restarts"),
    Mutant("a restart at the edge of the window does not count", RESTART, "restarts[0] < now", "restarts[0] <= now"),
    Mutant("restarts are never forgotten", RESTART, "restarts.popleft()", "break"),
    Mutant(
        "every restart but the last is forgotten", RESTART, "restarts[0] < now - self.max_seconds", "len(restarts) > 1"
    ),
]
