"""The words of the shell: tree(), kill(), whereis(), processes(), trace(), flush()."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from regrow import process
from regrow.behaviours.gen_server.client import whereis as find
from regrow.kernel.awaitables import is_coroutine
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.pid import Pid
from regrow.ops import tracing
from regrow.ops import tree as trees

REWRITE_AWAITS = "__settle__"


class NoSuchProcess(ValueError):
    """No process is called so, or several are."""


class Pending:
    """What has to ask somebody before it can tell. A line of its own tells by itself; elsewhere, put `await` before it."""

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
            print(f"{self.what} has done nothing. Within other code, write: await {self.what}")


class Done(Pending):
    """The same, where nobody had to be asked: it is done."""

    def __init__(self, what: str, value: object) -> None:
        super().__init__(what, self._given)
        self.begun = True
        self.value = value

    async def _given(self) -> object:
        return self.value

    def __repr__(self) -> str:
        return repr(self.value)


async def rewrite_awaits(value: Any, line: str) -> Any:
    """The value of a line at the prompt: what is pending is awaited, and what should have been is told of.

    Python warns of a coroutine that nobody awaits when it is dropped; of a compiled one nobody does.
    """
    if isinstance(value, Pending):
        return await value
    if is_coroutine(value):
        print(f"{line} was not awaited: write await {line}")
    return value


class AwaitRewriter(ast.NodeTransformer):
    """Rewrite each line that is an expression into `await __settle__(expression, its source)`."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """A cell of several lines."""
        node.body = [self._line(line) for line in node.body]
        return node

    def visit_Interactive(self, node: ast.Interactive) -> ast.Interactive:
        """A line of Python's own console."""
        node.body = [self._line(line) for line in node.body]
        return node

    def _line(self, line: ast.stmt) -> ast.stmt:
        if not isinstance(line, ast.Expr):
            return line
        text = ast.unparse(line.value)
        if text.startswith("get_ipython()."):  # a magic, or what the system's shell does: see IPython's prompt
            return line
        name, source = ast.Name(REWRITE_AWAITS, ast.Load()), ast.Constant(text)
        line.value = ast.Await(ast.Call(name, [line.value, source], []))
        for made in (line.value, line.value.value, name, source):
            ast.copy_location(made, line)
        return line


def tree(root: Any = None) -> Pending:
    """Print the supervision tree: of all applications, or below one supervisor, given by pid, name or id.

    Raises:
        NoSuchProcess: nobody is called so, or several are.
    """

    async def printed() -> None:
        branches = await trees.applications() if root is None else [await trees.look(await wanted(root))]
        print("\n".join(line for branch in branches for line in trees.lines(branch)) or "no application runs")

    return Pending("tree()", printed)


def registered(name: Any) -> Any:
    """The name that is meant: of a registered class its name will do."""
    if isinstance(name, str) and find(name) is None:
        held = [one for one in process.registered() if isinstance(one, type) and one.__name__ == name]
        return held[0] if len(held) == 1 else name
    return name


def whereis(name: Any) -> Pid | None:
    """The pid of a registered name, a class or a string; of a registered class its name will do, too."""
    return name if isinstance(name, Pid) else find(registered(name))


def kill(who: Any) -> Pending:
    """Kill a process: `kill(pid)`, `kill(Name)`, `kill("name")`, or by its id in the supervision tree.

    Raises:
        NoSuchProcess: nobody is called so, or several are.
    """
    pid = whereis(who)
    what = f"kill({trees.words(who)!r})"
    if pid is not None:
        return Done(what, process.exit(pid, "kill"))

    async def by_id() -> bool:
        return process.exit(await in_tree(who), "kill")

    return Pending(what, by_id)


async def wanted(who: Any) -> Pid:
    """The process of a name, or of an id in the tree."""
    pid = whereis(who)
    return await in_tree(who) if pid is None else pid


async def in_tree(who: Any) -> Pid:
    """The process with this id, or this name as it is printed, in the tree of an application.

    Raises:
        NoSuchProcess: nobody is called so, or several are.
    """
    name = who if isinstance(who, str) else trees.words(who)
    known = [branch for root in await trees.applications() for branch in root.each() if branch.pid is not None]
    found = [branch.pid for branch in known if name in (branch.label, repr(branch.pid)) and branch.pid is not None]
    if not found:
        every = ", ".join(branch.label for branch in known)
        raise NoSuchProcess(f"there is no process {name!r}. Wanted a pid, a registered name, or one of: {every}")
    if len(found) > 1:
        raise NoSuchProcess(f"{len(found)} processes are called {name!r}: {safe_repr(found)}. Say which, by its pid")
    return found[0]


def processes() -> None:
    """Print all processes: pid, name or what it runs, status, how many messages wait."""
    rows = [("pid", "name", "status", "messages")]
    for pid in process.processes():
        facts = process.info(pid)
        if facts is not None:
            rows.append((repr(pid), trees.called(pid), facts["status"], str(facts["message_queue_len"])))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))


def trace(*who: Any, size: int = tracing.SIZE) -> tracing.Recording:
    """Record what processes do, from now on: keep what this gives, `print` it, and `stop()` it."""
    recording = tracing.trace(*map(registered, who), size=size).start()
    labels = [process.info(pid, "label") for pid in process.processes()]
    for name in who:
        if isinstance(name, str) and whereis(name) is None and name not in labels:  # it may come, and is recorded then
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
    """Print the messages that the shell's process has got, and drop them."""
    return Pending("flush()", _flush)


WORDS: dict[str, Any] = {
    "tree": tree,
    "kill": kill,
    "whereis": whereis,
    "processes": processes,
    "trace": trace,
    "flush": flush,
    REWRITE_AWAITS: rewrite_awaits,
}
