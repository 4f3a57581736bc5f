"""The functions of the shell: tree(), kill(), whereis(), processes(), trace(), flush()."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from regrow import process
from regrow.behaviours.gen_server.client import whereis as find
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.process_record import Pid
from regrow.ops import tracing
from regrow.ops import tree as trees

FINISH_LINE = "__finish_line__"


class NoSuchProcess(ValueError):
    """No process has this name or id, or several processes have it."""


class Pending:
    """The result of a shell function that must wait. The prompt awaits it at the end of a line; other code must await it."""

    def __init__(self, what: str, work: Callable[[], Awaitable[Any]]) -> None:
        self.what = what
        self.work = work
        self.begun: bool = False

    def __await__(self) -> Generator[Any, Any, Any]:
        self.begun = True
        return self.work().__await__()

    def __repr__(self) -> str:
        return f"<{self.what}, not yet done: put `await` before it>"

    def __del__(self) -> None:
        if not self.begun:
            print(f"{self.what} was not run. Within other code, write: await {self.what}")


class Done(Pending):
    """The result of a shell function that did not have to wait; awaiting it returns its value."""

    def __init__(self, what: str, value: object) -> None:
        super().__init__(what, self._value)
        self.begun = True
        self.value = value

    async def _value(self) -> object:
        return self.value

    def __repr__(self) -> str:
        return repr(self.value)


async def finish_line(value: Any, line: str) -> Any:
    """Return the value of a line at the prompt: await a `Pending`; print a warning about a forgotten `await`.

    Python itself warns about a coroutine that was never awaited, but not about a compiled one.
    """
    if isinstance(value, Pending):
        return await value
    if is_coroutine(value):
        print(f"{line} was not awaited: write await {line}")
    return value


class AwaitRewriter(ast.NodeTransformer):
    """Rewrites each line that is an expression into `await __finish_line__(expression, its source)`."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Rewrite the lines of a cell of IPython."""
        node.body = [self._line(line) for line in node.body]
        return node

    def visit_Interactive(self, node: ast.Interactive) -> ast.Interactive:
        """Rewrite a line of Python's own console."""
        node.body = [self._line(line) for line in node.body]
        return node

    def _line(self, line: ast.stmt) -> ast.stmt:
        if not isinstance(line, ast.Expr):
            return line
        text = ast.unparse(line.value)
        if text.startswith("get_ipython()."):  # a magic or a system command, which runs in the prompt's thread
            return line
        name, source = ast.Name(FINISH_LINE, ast.Load()), ast.Constant(text)
        line.value = ast.Await(ast.Call(name, [line.value, source], []))
        for new in (line.value, line.value.value, name, source):
            ast.copy_location(new, line)
        return line


def tree(root: Any = None) -> Pending:
    """Print the supervision tree of all applications, or the one below a supervisor.

    Args:
        root: the supervisor's pid, name, or id in the tree; None for all applications.

    Raises:
        NoSuchProcess: no process has this name or id, or several have it.
    """

    async def printed() -> None:
        branches = await trees.applications() if root is None else [await trees.look(await find_process(root))]
        print("\n".join(line for branch in branches for line in trees.lines(branch)) or "no application runs")

    return Pending("tree()", printed)


def registered(name: Any) -> Any:
    """Return the registered name: for the name of a registered class, such as "Queue", the class."""
    if isinstance(name, str) and find(name) is None:
        classes = [key for key in process.registered() if isinstance(key, type) and key.__name__ == name]
        return classes[0] if len(classes) == 1 else name
    return name


def whereis(name: Any) -> Pid | None:
    """Return the pid with a registered name: a class, the name of a class, or a string; None if there is none."""
    return name if isinstance(name, Pid) else find(registered(name))


def kill(who: Any) -> Pending:
    """Kill a process, given by pid, by name or by its id in the supervision tree; return whether it was alive.

    Raises:
        NoSuchProcess: no process has this name or id, or several have it.
    """
    pid = whereis(who)
    what = f"kill({trees.words(who)!r})"
    if pid is not None:
        return Done(what, process.exit(pid, "kill"))

    async def by_id() -> bool:
        return process.exit(await in_tree(who), "kill")

    return Pending(what, by_id)


async def find_process(who: Any) -> Pid:
    """Return the process with a registered name, or with an id in the supervision tree.

    Raises:
        NoSuchProcess: no process has this name or id, or several have it.
    """
    pid = whereis(who)
    return await in_tree(who) if pid is None else pid


async def in_tree(who: Any) -> Pid:
    """Return the process with this id, or with this name as the tree shows it, in the trees of all applications.

    Raises:
        NoSuchProcess: no process has this name or id, or several have it.
    """
    name = who if isinstance(who, str) else trees.words(who)
    known = [branch for root in await trees.applications() for branch in root.each() if branch.pid is not None]
    pids = [branch.pid for branch in known if name in (branch.label, repr(branch.pid)) and branch.pid is not None]
    if not pids:
        every = ", ".join(branch.label for branch in known)
        raise NoSuchProcess(f"there is no process {name!r}. Wanted a pid, a registered name, or one of: {every}")
    if len(pids) > 1:
        raise NoSuchProcess(f"{len(pids)} processes have the name {name!r}: {safe_repr(pids)}. Use the pid of one")
    return pids[0]


def processes() -> None:
    """Print a table of all processes: pid, name or function, status, number of queued messages."""
    rows = [("pid", "name", "status", "messages")]
    for pid in process.processes():
        facts = process.info(pid)
        if facts is not None:
            rows.append((repr(pid), trees.called(pid), facts["status"], str(facts["message_queue_len"])))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))


def trace(*who: Any, size: int = tracing.SIZE) -> tracing.Recording:
    """Record the events of processes from now on, and return the recording: `print` it, and `stop()` it.

    Args:
        who: pids, names or labels; without any, all processes.
        size: the number of events that are kept; older ones are dropped.
    """
    recording = tracing.trace(*map(registered, who), size=size).start()
    labels = [process.info(pid, "label") for pid in process.processes()]
    for name in who:
        if (
            isinstance(name, str) and whereis(name) is None and name not in labels
        ):  # a process may get the name later, and is recorded then
            every = ", ".join(map(trees.words, process.registered()))
            print(f"no process has the name or label {name!r} yet. Registered are: {every or 'none'}")
    return recording


async def _flush() -> None:
    while True:
        try:
            print(repr(await process.receive(timeout=0)))
        except TimeoutError:
            return


def flush() -> Pending:
    """Print the messages in the mailbox of the shell's process, and drop them."""
    return Pending("flush()", _flush)


WORDS: dict[str, Any] = {
    "tree": tree,
    "kill": kill,
    "whereis": whereis,
    "processes": processes,
    "trace": trace,
    "flush": flush,
    FINISH_LINE: finish_line,
}
