"""The results of start and start_link for each way in which init can end, and the effect on a linked caller."""

from __future__ import annotations

from typing import Any

from regrow import IGNORE, Exit, GenServer, Ok, Stop, process
from tests.oracle.terms import Thrown, term
from tests.oracle.twin import Twin, ev, exit_reason_of, mailbox, result, say

twin = Twin("02_gs_init_returns")


class S(GenServer[str]):
    def init(self, way: Any) -> Any:
        match way:
            case "ok":
                return Ok("state")
            case "ignore":
                return IGNORE
            case ("stop", reason):
                return Stop(reason)
            case "raise":
                raise RuntimeError("boom")
            case "throw":
                raise Thrown("thrown")
            case "throw_ok":
                raise Thrown("ok")
            case ("exit", reason):
                raise Exit(reason)
            case _:
                return "bad_value"

    def terminate(self, reason: object, _state: str) -> None:
        ev("terminate (never printed for a failed init)", reason)


async def started(link: bool, way: object) -> Any:
    answer = await result(S.start_link(way) if link else S.start(way))
    return "ok" if answer[0] == "ok" else answer


async def init_ends(way: object) -> None:
    say("start", await started(False, way))
    process.trap_exit(True)
    say("start_link, caller traps", await started(True, way))
    say("caller's mailbox", await mailbox(20))

    async def start_and_leave() -> None:
        raise Exit(("start_link_returned", await started(True, way)))

    say("start_link, caller does not trap: caller ends with", await exit_reason_of(start_and_leave))


CASES: list[Any] = [
    "ok",
    "ignore",
    ("stop", "normal"),
    ("stop", "shutdown"),
    ("stop", "oops"),
    "raise",
    "throw",
    "throw_ok",
    ("exit", "normal"),
    ("exit", "oops"),
    "bad",
]
for case in CASES:
    twin.add(f"init {term(case)}", init_ends, case)


def thrown_differs(title: str, word: str, theirs: str, because: str) -> None:
    thrown = f'{{%Thrown{{message: "{word}"}}, <stack>}}'
    twin.differs(
        title,
        theirs,
        f"start: {{:error, {thrown}}}\n"
        f"start_link, caller traps: {{:error, {thrown}}}\n"
        f"caller's mailbox: [{{:EXIT, <A>, {thrown}}}]\n"
        f"start_link, caller does not trap: caller ends with: {thrown}",
        because,
    )


thrown_differs(
    "init :throw",
    "thrown",
    "start: {:error, {:bad_return_value, :thrown}}\n"
    "start_link, caller traps: {:error, {:bad_return_value, :thrown}}\n"
    "caller's mailbox: [{:EXIT, <A>, {:bad_return_value, :thrown}}]\n"
    "start_link, caller does not trap: caller ends with: {:bad_return_value, :thrown}",
    because="Python has no throw: what init raises is an error",
)
thrown_differs(
    "init :throw_ok",
    "ok",
    "start: :ok\n"
    "start_link, caller traps: :ok\n"
    "caller's mailbox: []\n"
    "start_link, caller does not trap: caller ends with: {:start_link_returned, :ok}",
    because="Python has no throw: what init raises is an error, and never a return",
)
