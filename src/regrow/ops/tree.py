"""The supervision tree of a running node, as data and as text.

    silly_worker.supervisor  <0.3.0>  one_for_one
    ├─ SimpleQueue  <0.4.0>  waiting
    └─ CronJob      <0.5.0>  waiting

The children are those that each supervisor returns for `which_children`, so that dynamic children are found, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from regrow.behaviours.gen import system
from regrow.behaviours.gen_server.client import call
from regrow.behaviours.supervision.supervisor_server import InitialCall
from regrow.kernel import bifs
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import CallExit
from regrow.kernel.info import alive, info
from regrow.kernel.process_record import Pid

# Seconds. A supervisor that starts a slow child does not answer; the tree shows it as busy instead of waiting for it.
TIMEOUT = 1.0


@dataclass(frozen=True)
class Branch:
    """One process of a supervision tree, and the processes below it.

    Attributes:
        label: its id under its supervisor, or its registered name.
        pid: its pid; None for a child that does not run.
        kind: "supervisor" or "worker".
        status: the status that `process.info` shows, or "stopped", "restarting" or "busy".
        strategy: of a supervisor, such as "one_for_one"; None of a worker, and of a supervisor that did not answer.
        waiting: the number of messages in its mailbox.
        children: its children, in the order of their starts.
    """

    label: str
    pid: Pid | None
    kind: str
    status: str
    strategy: str | None = None
    waiting: int = 0
    children: tuple[Branch, ...] = ()

    def each(self) -> Iterator[Branch]:
        """Yield this branch and all branches below it, from the top down."""
        yield self
        for child in self.children:
            yield from child.each()

    def processes(self) -> int:
        """Return the number of running processes in this branch."""
        return sum(1 for branch in self.each() if branch.pid is not None)

    def supervisors(self) -> int:
        """Return the number of running supervisors in this branch."""
        return sum(1 for branch in self.each() if branch.pid is not None and branch.kind == "supervisor")


async def applications() -> list[Branch]:
    """Return the trees of all running applications, in the order of their starts."""
    return [await look(top) for running in current_node().applications.values() for top in tops(running.master)]


async def application_tree(app: Any) -> Branch | None:
    """Return the tree of one application; None if it does not run, or has no process."""
    running = current_node().applications.get(app)
    top = None if running is None else next(iter(tops(running.master)), None)
    return None if top is None else await look(top)


def tops(master: Pid | None) -> list[Pid]:
    """Return the top processes of an application: those that its master started and is linked to."""
    if master is None or not alive(master):
        return []
    links: list[Pid] = info(master, "links")
    return [pid for pid in links if alive(pid) and info(pid, "parent") is master]


async def look(root: Any) -> Branch:
    """Return the tree below a process.

    Args:
        root: the pid or the registered name of a supervisor.

    Raises:
        ValueError: no process has this name.
    """
    pid = root if isinstance(root, Pid) else bifs.whereis(root)
    if pid is None:
        raise ValueError(f"tree: no process has the name {safe_repr(root)}. tree() shows all applications")
    process = pid.process
    is_supervisor = process is not None and isinstance(process.initial_call, InitialCall)
    return await _branch(called(pid), pid, "supervisor" if is_supervisor else "worker")


async def _branch(label: str, pid: Pid, kind: str) -> Branch:
    if kind != "supervisor":
        return _seen(label, pid, kind)
    try:
        rows: list[Any] = await call(pid, "which_children", TIMEOUT)
        strategy = await _strategy(pid)
    except CallExit:
        return _seen(label, pid, kind, busy=True)
    children = [await _child(row) for row in reversed(rows)]
    return _seen(label, pid, kind, strategy=strategy, children=tuple(children))


def _seen(
    label: str,
    pid: Pid,
    kind: str,
    *,
    busy: bool = False,
    strategy: str | None = None,
    children: tuple[Branch, ...] = (),
) -> Branch:
    status = info(pid, "status")
    if status is None:
        return Branch(label, None, kind, "stopped")
    waiting: int = info(pid, "message_queue_len")
    return Branch(label, pid, kind, "busy" if busy else status, strategy, waiting, children)


async def _child(row: Any) -> Branch:
    label = words(row.id)
    if isinstance(row.pid, Pid):
        return await _branch(label, row.pid, row.type)
    return Branch(label, None, row.type, "stopped" if row.pid is None else "restarting")


async def _strategy(pid: Pid) -> str | None:
    state = await system.get_state(pid, TIMEOUT)
    strategy = getattr(getattr(state, "flags", None), "strategy", None)
    return strategy if isinstance(strategy, str) else None


# As text


def called(pid: Pid) -> str:
    """Return a short text for a process: its name, its label, the server or function that it runs, or else its pid."""
    process = pid.process
    if process is None:
        return repr(pid)
    if process.name is not None:
        return words(process.name)
    label = info(pid, "label")
    if label is not None:
        return words(label)
    if process is process.node.init:
        return "init"
    return runs(pid) or repr(pid)


def runs(pid: Pid) -> str:
    """Return the class of a server or the name of a function that a process was started with; "" if it is unknown."""
    function = info(pid, "initial_call")
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type):
        return owner.__name__
    name = getattr(function, "__qualname__", None) or getattr(
        function, "__name__", ""
    )  # a compiled function has no `__qualname__`
    name = str(name).replace("<locals>.", "")
    return name.removesuffix(".init")


def words(term: object) -> str:
    """Return a name or an id as text: a class by its name, a string without quotes."""
    if isinstance(term, type):
        return term.__name__
    return term if isinstance(term, str) else safe_repr(term, 60)


def lines(root: Branch) -> list[str]:
    """Return a tree as lines of text."""
    return [_line(root, 0), *_below(root, "")]


def _below(branch: Branch, indent: str) -> Iterator[str]:
    width = max((len(child.label) for child in branch.children), default=0)
    for position, child in enumerate(branch.children):
        last = position == len(branch.children) - 1
        yield f"{indent}{'└─ ' if last else '├─ '}{_line(child, width)}"
        yield from _below(child, indent + ("   " if last else "│  "))


def _line(branch: Branch, width: int) -> str:
    parts = [branch.label.ljust(width)]
    if branch.pid is not None:
        parts.append(repr(branch.pid))
    if branch.kind != "supervisor" or branch.status in ("busy", "stopped", "restarting"):
        parts.append(branch.status)
    if branch.strategy is not None:
        parts.append(branch.strategy)
    if branch.waiting:
        parts.append(f"{branch.waiting} {'message waits' if branch.waiting == 1 else 'messages wait'}")
    return "  ".join(parts)


def counted(root: Branch) -> str:
    """Return the number of processes and supervisors in words: "3 processes, 1 supervisor"."""
    return (
        f"{_many(root.processes(), 'process', 'processes')}, {_many(root.supervisors(), 'supervisor', 'supervisors')}"
    )


def _many(number: int, singular: str, plural: str) -> str:
    return f"{number} {singular if number == 1 else plural}"
