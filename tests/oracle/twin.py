"""What a twin is made of: the printer of terms, the blocks, the helpers, and the comparison with the transcript.

A transcript in `transcripts/` is what the real BEAM (OTP 25, Elixir 1.14) printed when it ran a scenario. A twin,
`twins/NN_name.py`, is the same scenario in Python; `test_twins.py` runs each of its blocks on a node of its own, in
virtual time, and compares what it printed with the transcript, line by line.

    twin = Twin("01_gs_call_cast_info")

    class S(GenServer[list[object]]):                          # defmodule S do
        def handle_call(self, request, from_, state):
            ev(f"call from {term(from_.pid)}", request)        # a line of the running process: <A> call from <main>: :a
            return Reply(("re", request), [*state, request])

    @twin.block("call, cast, info")                            # block("call, cast, info", fn ->
    async def call_cast_info() -> None:
        server = await S.start_link("arg")
        say("call", await call(server, "a"))                   # call: {:re, :a}
        say("stop", await result(stop(server)))                # :ok, {:ok, value}, :ignore or {:error, reason}
        await try_say("again", lambda: call(server, "x", 0.02))  # {:EXIT, reason} or {:ERROR, exception} if it raises

    for reason in ("normal", "oops"):                          # the same block, several times
        twin.add(f"stop {term(reason)}", stop_with, reason)

    twin.differs(                                              # a line on which Python rightly differs
        "block's title", "the line of the BEAM", "the line as we print it", because="the reason, a sentence"
    )
    twin.open_block("block's title", needs="Registry")         # waits for a behaviour that is not there yet

Strings are atoms: `"normal"` prints as `:normal`, `"Srv"` as `Srv`; what is a string on the BEAM is `Text("boom")`.
None is nil. Seconds print as milliseconds where OTP has milliseconds. Several lines that differ together may be
given as one text with line ends, and a line that is missing here as `None`. A difference that is none any more fails.
Each block runs in several orders, so that no line is where it is by chance: on the BEAM `say` lets others run, here it
does not, and where that shows, `await settle(1)` stands in the twin. Where two lines race on the BEAM, too, the block
is `@twin.block(title, raced=True)` and runs in one order only.
Milliseconds are what the helpers take (`settle(150)`), as in the scenarios; regrow itself takes seconds.

    <main>        the process that runs the block
    <A> <B> ...   other processes, lettered by first appearance in the block
    <a1> <a2>     generations of the `Child` with id "a" (a2 = after one restart)
    <ref 1> ...   references, requests and timers, numbered by first appearance
    <stack>       a stack trace
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import NoneType
from typing import Any, cast

from regrow import (
    IGNORE,
    Cast,
    ChildError,
    ChildSpec,
    Continue,
    Down,
    Error,
    Exit,
    Exited,
    From,
    GenServer,
    Global,
    Ignored,
    InvalidChild,
    InvalidFlags,
    NoClause,
    Node,
    NoReply,
    Ok,
    Pid,
    Ref,
    Reply,
    StartError,
    Stop,
    Via,
    VirtualClock,
    process,
)
from regrow.behaviours.gen.results import Hibernate
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.supervision.children import ChildInfo, Counts
from regrow.kernel.deadlines import Timer
from regrow.kernel.exits import CallExit
from regrow.kernel.report import Report
from regrow.kernel.requests import CallRequest

TRANSCRIPTS = Path(__file__).parent / "transcripts"
REAP_SECONDS = 1.0
NODE_NAME = "nonode@nohost"

# Terms


class Text(str):
    """A string that is a string on the BEAM, too; a plain one stands for an atom."""

    __slots__ = ()


class Raised:
    """An exception as a term by itself, not as the reason of an end."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Thrown(Exception):
    """Stands where the scenario throws: Python has no throw, and what is raised is never a return."""


class Reference:
    """A request as the reference alone that its answer carries."""

    def __init__(self, request: CallRequest) -> None:
        self.request = request


class Keyword(dict[str, Any]):
    """Prints as a keyword list, in the order of its entries."""


PLAIN_ATOM = re.compile(r"[a-z_][A-Za-z0-9_@]*[?!]?|EXIT|DOWN|ERROR|THROW")
ALIAS = re.compile(r"(?!(EXIT|DOWN|ERROR|THROW)$)[A-Z]\w*(\.[A-Z]\w*)*")
PLACES = ("GenServer", "gen_statem", "sys", "Supervisor")


def term(value: object) -> str:
    """A value as Elixir's `inspect` would print the term that it stands for, with the block's letters for pids."""
    return current_page().lettered(inspected(value))


def inspected(value: Any) -> str:
    """The same, with pids and references still as they are."""
    for kind, printed in PRINTERS:
        if isinstance(value, kind):
            return printed(value)
    raise TypeError(f"the printer does not know what {value!r} is on the BEAM")


def number(value: float) -> str:
    """A number, or a boolean."""
    return repr(value).lower()


def tupled(value: Any) -> str:
    """A tuple, among them two that are not printed as they are."""
    if len(value) == 3 and value[0] in PLACES and isinstance(value[2], list):
        return braces(*value[:2], in_milliseconds(value[2]))
    if len(value) == 2 and isinstance(value[0], CallRequest):
        return braces(Reference(value[0]), value[1])  # the answer to a request that was sent by hand
    return braces(*value)


def downed(value: Down) -> str:
    """The message of a monitor; of one by name, with the node behind it."""
    who = (value.pid, NODE_NAME) if isinstance(value.pid, str | type) else value.pid
    return braces(value.tag or "DOWN", value.ref, "process", who, value.reason)


def child_row(value: ChildInfo) -> str:
    """A row of `which_children`."""
    id, pid = ("undefined" if one is None else one for one in (value.id, value.pid))
    return braces(id, pid, value.type, list(value.modules))


def stopped(value: Stop[Any]) -> str:
    """A Stop: reason, reply if there is one, state."""
    reply = [value.reply] if value.has_reply else []
    return braces("stop", value.reason, *reply, *([value.state] if value.has_state else []))


def following(then: Any) -> list[object]:
    """What stands behind the state in a callback's return."""
    if then is None:
        return []
    return [milliseconds(then)]


def milliseconds(value: Any) -> object:
    """Seconds as milliseconds; what is no time as it is."""
    return round(value * 1000) if isinstance(value, float | int) and not isinstance(value, bool) else value


def in_milliseconds(arguments: list[Any]) -> list[object]:
    """The arguments of a failed call, as OTP had them: milliseconds, and `:infinity` for ever."""
    shown = [milliseconds(one) if isinstance(one, float) else one for one in arguments]
    return [*shown[:-1], "infinity"] if len(shown) == 3 and shown[-1] is None else shown


def atom(name: str) -> str:
    """An atom; a module's name stands without a colon."""
    if ALIAS.fullmatch(name):
        return name
    return f":{name}" if PLAIN_ATOM.fullmatch(name) else f":{quoted(name)}"


def quoted(text: str) -> str:
    """A string in quotation marks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def reference(value: Ref | CallRequest | Timer) -> str:
    """A reference, or what is one on the BEAM."""
    return f"#Ref<{current_page().number_of(value)}>"


def braces(*values: object) -> str:
    """A tuple."""
    return "{" + ", ".join(inspected(one) for one in values) + "}"


def listed(values: list[object]) -> str:
    """A list; of pairs that begin with atoms, a keyword list."""
    pairs: list[Any] = [one for one in values if is_pair(one)]
    if values and len(pairs) == len(values):
        return "[" + keywords(pairs) + "]"
    return "[" + ", ".join(inspected(one) for one in values) + "]"


def is_pair(value: Any) -> bool:
    """Whether this is an entry of a keyword list."""
    return type(value) is tuple and len(value) == 2 and is_key(value[0])  # pyright: ignore[reportUnknownArgumentType]


def is_key(value: object) -> bool:
    """Whether this atom can stand before a colon."""
    return type(value) is str and ALIAS.fullmatch(value) is None


def keywords(pairs: Iterable[tuple[Any, object]]) -> str:
    """Pairs, the key with its colon behind it."""
    shown = [(key if PLAIN_ATOM.fullmatch(key) else quoted(key), inspected(value)) for key, value in pairs]
    return ", ".join(f"{key}: {value}" for key, value in shown)


def mapped(values: dict[Any, object]) -> str:
    """A map, its keys in order."""
    pairs = sorted(values.items(), key=lambda pair: str(pair[0]))
    if all(is_key(key) for key in values):
        return "%{" + keywords(pairs) + "}"
    return "%{" + ", ".join(f"{inspected(key)} => {inspected(value)}" for key, value in pairs) + "}"


def spec_map(spec: ChildSpec) -> dict[str, object]:
    """A child's spec as the map that `child_spec/1` makes, without what is as always."""
    function: Any = spec.start
    args: list[object] = list(spec.args)
    if isinstance(function, partial):  # keywords, which are a list there
        args.append(Keyword(function.keywords))
        function = cast(Any, function.func)
    owner: Any = getattr(function, "__self__", None)
    start = (owner if isinstance(owner, type) else function, function.__name__, args)
    shown: dict[str, object] = {"id": spec.id, "start": start}
    if spec.restart != "permanent":
        shown["restart"] = spec.restart
    if spec.shutdown != (5.0 if spec.type == "worker" else "infinity"):
        shown["shutdown"] = milliseconds(spec.shutdown)
    if spec.type != "worker":
        shown["type"] = spec.type
    if spec.significant:
        shown["significant"] = True
    return shown


def crash(error: BaseException) -> str:
    """An exception as the reason of an end: with a stack behind it."""
    match error:
        case NoClause():
            return "{:function_clause, <stack>}"
        case ZeroDivisionError():
            return "{:badarith, <stack>}"
        case _:
            return f"{{{exception(error)}, <stack>}}"


def exception(error: BaseException) -> str:
    """An exception by itself."""
    return f"%{type(error).__name__}{{message: {quoted(str(error))}}}"


# The first that fits prints.
PRINTERS: list[tuple[Any, Callable[[Any], str]]] = [
    (NoneType, lambda _: "nil"),
    (Text, quoted),
    (str, atom),
    (int | float, number),
    (Pid, repr),
    (CallRequest, lambda value: f"{{{value.pid!r}, [:alias | {reference(value)}]}}"),
    (Ref | Timer, reference),
    (Reference, lambda value: reference(value.request)),
    (Exited, lambda value: braces("EXIT", value.pid, value.reason)),
    (Down, downed),
    (Cast, lambda value: braces("$gen_cast", value.request)),
    (ChildInfo, child_row),
    (Counts, lambda value: mapped(value._asdict())),
    (ChildSpec, lambda value: mapped(spec_map(value))),
    (tuple, tupled),
    (list, listed),
    (Keyword, lambda value: "[" + keywords(value.items()) + "]"),
    (dict, mapped),
    (Raised, lambda value: exception(value.error)),
    (BaseException, crash),
    (type, lambda value: getattr(value, "__elixir__", value.__name__)),
    (Hibernate, lambda _: ":hibernate"),
    (Ignore, lambda _: ":ignore"),
    (Continue, lambda value: braces("continue", value.arg)),
    (Ok, lambda value: braces("ok", value.state, *following(value.then))),
    (Error, lambda value: braces("error", value.reason)),
    (Reply, lambda value: braces("reply", value.value, value.state, *following(value.then))),
    (NoReply, lambda value: braces("noreply", value.state, *following(value.then))),
    (Stop, stopped),
    (Global, lambda value: braces("global", value.key)),
    (Via, lambda value: braces("via", value.registry, value.key)),
    (Callable, lambda _: "<fun>"),
]


# The page that a block writes


class Page:
    """The lines of one block, and the names that its pids and references have there."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}
        self.next_letter = 0
        self.refs: dict[str, int] = {}
        self.kept: list[object] = []  # what has a number here must not share its id with something later
        self.generations: dict[object, int] = {}
        self.reports: list[logging.LogRecord] = []
        self.registered: dict[object, Pid] = {}  # of the block's Registry

    def number_of(self, value: object) -> str:
        """What tells one reference from another."""
        if isinstance(value, Ref):
            return str(value.number)
        if not any(one is value for one in self.kept):
            self.kept.append(value)
        return f"object {next(at for at, one in enumerate(self.kept) if one is value)}"

    def lettered(self, text: str) -> str:
        """Give every pid and reference in a text its name, by first appearance."""
        return re.sub(r"<\d+\.\d+\.\d+>|#Ref<[^>]*>", lambda found: f"<{self.name_of(found[0])}>", text)

    def name_of(self, shown: str) -> str:
        """The name of one."""
        if shown.startswith("#Ref"):
            return f"ref {self.refs.setdefault(shown, len(self.refs) + 1)}"
        if shown not in self.names:
            self.names[shown] = letter(self.next_letter)
            self.next_letter += 1
        return self.names[shown]

    def print(self, text: str) -> None:
        """Write a line; a text with line ends makes several."""
        self.lines.extend(self.lettered(text).split("\n"))


def letter(number: int) -> str:
    """A, B … Z, AA, AB …"""
    return chr(ord("A") + number) if number < 26 else letter(number // 26 - 1) + letter(number % 26)


pages: list[Page] = []


def current_page() -> Page:
    """The page of the block that runs; outside of one, an empty page: a title has no pids."""
    return pages[-1] if pages else Page()


def say(label: str, *value: Any) -> Any:
    """Print "label: term", or the label alone; returns the value."""
    current_page().print(f"{label}: {inspected(value[0])}" if value else label)
    return value[0] if value else None


def ev(text: str, *value: object) -> None:
    """Print an event of the running process: "<A> text" or "<A> text: term"."""
    shown = f"{process.current()!r} {text}"
    current_page().print(f"{shown}: {inspected(value[0])}" if value else shown)


def name(pid: Pid, word: str) -> Pid:
    """Let a pid print as <word> in this block."""
    current_page().names[repr(pid)] = word
    return pid


def generation(id: object) -> int:
    """How often this was asked for `id` in this block, this time included."""
    counts = current_page().generations
    counts[id] = counts.get(id, 0) + 1
    return counts[id]


# Helpers, named and timed as in the scenarios: in milliseconds


async def awaited(value: Any) -> Any:
    """A value, or what is awaited for it."""
    return await value if inspect.isawaitable(value) else value


async def attempt(function: Callable[[], Any]) -> Any:
    """What a function gives, or ("EXIT", reason), or ("ERROR", exception). Nothing stands for "ok"."""
    try:
        value = await awaited(function())
    except Exit as error:
        return ("EXIT", error.reason)
    except CallExit as error:
        return ("EXIT", error.reason)
    except Exception as error:
        return ("ERROR", Raised(error))
    return "ok" if value is None else value


async def try_say(label: str, function: Callable[[], Any]) -> Any:
    """Say what `attempt` gives."""
    return say(label, await attempt(function))


async def result(starting: Awaitable[Any]) -> Any:
    """What OTP returns where regrow returns or raises: "ok", ("ok", value), "ignore" or ("error", reason)."""
    try:
        value = await starting
    except Ignored:
        return "ignore"
    except (StartError, ChildError, InvalidChild, InvalidFlags) as error:
        return ("error", error.reason)
    return "ok" if value is None else ("ok", value)


async def settle(milliseconds: float = 150) -> None:
    """Let time pass."""
    await process.sleep(milliseconds / 1000)


async def mailbox(milliseconds: float = 100) -> list[Any]:
    """Every message in the mailbox, oldest first, after waiting so long for the last one."""
    found: list[Any] = []
    while True:
        try:
            found.append(await process.receive(timeout=milliseconds / 1000))
        except TimeoutError:
            return found


async def down(ref: Ref, milliseconds: float = 2000) -> Any:
    """The reason in the `Down` of this monitor, or "no_down"."""
    try:
        message: Down = await process.receive(
            lambda message: isinstance(message, Down) and message.ref is ref, timeout=milliseconds / 1000
        )
    except TimeoutError:
        return "no_down"
    return message.reason


async def exit_reason_of(function: Callable[[], Any]) -> Any:
    """Run a function in a fresh process, wait for its end, give its exit reason."""
    return await down(process.spawn_monitor(function)[1])


async def kill(pid_or_name: Any, reason: object = "kill") -> Any:
    """End a process and wait until it is gone."""
    pid = process.whereis(pid_or_name)
    assert pid is not None, f"nobody is {pid_or_name!r}"
    ref = process.monitor(pid)
    process.exit(pid, reason)
    return await down(ref)


async def until(condition: Callable[[], Any], tries: int = 200) -> str:
    """Wait, in steps of 5 ms, until a condition holds."""
    for _ in range(tries):
        if await awaited(condition()):
            return "ok"
        await settle(5)
    return "never"


async def await_new(named: object, old: Pid | None) -> Pid:
    """Wait until the name belongs to a process other than `old`."""

    def is_new() -> bool:
        pid = process.whereis(named)
        return pid is not None and pid is not old

    await until(is_new)
    found = process.whereis(named)
    assert found is not None
    return found


class Errand:
    """Stands for `Task.async` and `Task.await`: a linked process that runs a function and sends what it gave."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.ref = Ref()
        self.pid = process.spawn_link(self.run, process.current(), function)

    async def run(self, owner: Pid, function: Callable[[], Any]) -> None:
        """In the new process."""
        process.send(owner, (self.ref, await awaited(function())))

    async def wait(self) -> Any:
        """What the function gave."""
        _, value = await process.receive(lambda message: type(message) is tuple and message[0] is self.ref, timeout=5.0)
        return value


class Registry:
    """As much of a registry as a `Via` needs: a table of pids, a fresh one for each block."""

    @classmethod
    def register_name(cls, key: object, pid: Pid) -> bool:
        """Give a pid a name."""
        return current_page().registered.setdefault(key, pid) is pid

    @classmethod
    def unregister_name(cls, key: object) -> None:
        """Free a name."""
        current_page().registered.pop(key, None)

    @classmethod
    def whereis_name(cls, key: object) -> Pid | None:
        """Who has a name."""
        return current_page().registered.get(key)


class Child(GenServer[dict[str, Any]]):
    """A child that reports its start and its end; see `child`."""

    __elixir__ = "T.Child"

    @classmethod
    async def start_link(cls, arg: Any = None, *, name: object = None, **options: Any) -> Pid:
        """Start it, under its id unless another name is given."""
        return await super().start_link(arg, name=name or arg["id"], **options)

    async def init(self, options: dict[str, Any], /) -> Any:
        """Start, or not, as told."""
        count = generation(options["id"])
        name(process.current(), f"{options['id']}{count}")
        if options.get("trap"):
            process.trap_exit(True)
        what = options.get("init")
        if callable(what):
            what = await awaited(what(count))
        match what:
            case None | "ok":
                ev("start")
                return Ok(options)
            case ("ok", then):
                ev("start")
                return Ok(options, then)
            case "ignore":
                ev("init -> :ignore")
                return IGNORE
            case ("stop", reason):
                ev(f"init -> {inspected(('stop', reason))}")
                return Stop(reason)
            case ("raise", message):
                ev("init raises")
                raise RuntimeError(message)
            case ("exit", reason):
                ev("init exits")
                raise Exit(reason)
            case _:
                raise TypeError(f"a child's init: {what!r}")

    def handle_call(self, request: Any, _from: From, options: dict[str, Any], /) -> Any:
        """Answer, stop or crash."""
        match request:
            case "ping":
                return Reply("pong", options)
            case ("stop", reason):
                return Stop(reason, options, reply="stopping")
            case "crash":
                raise RuntimeError("crash")
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, options: dict[str, Any], /) -> Any:
        """Stop or crash."""
        match request:
            case ("stop", reason):
                return Stop(reason, options)
            case "crash":
                raise RuntimeError("crash")
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, options: dict[str, Any], /) -> Any:
        """Print it."""
        ev("info", message)
        return NoReply(options)

    async def terminate(self, reason: Any, options: dict[str, Any], /) -> None:
        """Print it, and linger."""
        ev("terminate", reason)
        if options.get("linger"):
            await settle(options["linger"])
            ev("terminate done")


def child(id: str, **options: Any) -> ChildSpec:
    """The spec of a `Child`, registered under its id. The options of the spec itself may stand among its own.

    trap     trap exits, so that terminate is called
    init     "ok", ("ok", then), "ignore", ("stop", r), ("raise", message), ("exit", r), or a function of the generation
    linger   milliseconds slept in terminate
    restart, shutdown (seconds), type, significant: of the spec
    """
    spec = {key: options.pop(key) for key in ("restart", "shutdown", "type", "significant") if key in options}
    return ChildSpec(id, (Child.start_link, (Keyword({"id": id, **options}),)), modules=(Child,), **spec)


# Logs


async def logs(milliseconds: float = 60) -> None:
    """Print what was logged since the last call, in the words of Elixir's Logger. Only in a `Twin(…, logs="plain")`
    or "sasl", which is as `T.start_log(sasl: true)`: the reports of supervisors and of ended processes, too.
    """
    from tests.oracle.log_words import entry  # the words need the printer, which is here

    await settle(milliseconds)
    page = current_page()
    records, page.reports = page.reports, []
    if not records:
        say("log: (nothing)")
    for record in records:
        level, text = entry(record)
        say(f"log [{level}] " + text.rstrip().replace("\n", "\n    "))


class Reports(logging.Handler):
    """Keeps what is logged for the page of the block that runs; without SASL's reports unless `sasl` asks for them."""

    def __init__(self, page: Page, sasl: bool) -> None:
        super().__init__()
        self.page = page
        self.hidden = () if sasl else ("regrow.proc_lib", "regrow.supervisor")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        if isinstance(record.msg, Report) and record.name not in self.hidden:
            self.page.reports.append(record)


# Twins


class Block:
    """One block of a scenario."""

    def __init__(self, title: str, function: Callable[..., Awaitable[None]] | None, args: tuple[Any, ...]) -> None:
        self.title = title
        self.function = function
        self.args = args
        self.needs = ""
        self.raced = False


class Difference:
    """A line, or some, on which Python rightly differs."""

    def __init__(self, title: str, theirs: str, ours: str | None, because: str) -> None:
        self.title = title
        self.theirs = theirs.split("\n")
        self.ours = [] if ours is None else ours.split("\n")
        self.because = because


class Twin:
    """A scenario in Python.

    Args:
        scenario: the name of its transcript.
        logs: whether its blocks read the log: "plain", or "sasl" with all reports.
    """

    def __init__(self, scenario: str, *, logs: str = "") -> None:
        self.scenario = scenario
        self.logs = logs
        self.blocks: list[Block] = []
        self.differences: list[Difference] = []

    def block(
        self, title: str, *, raced: bool = False
    ) -> Callable[[Callable[[], Awaitable[None]]], Callable[[], Awaitable[None]]]:
        """The function below is the block with this title; `raced`, if two of its lines may come in either order."""

        def added(function: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
            self.add(title, function)
            self.blocks[-1].raced = raced
            return function

        return added

    def add(self, title: str, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """A block that runs `function(*args)`."""
        self.blocks.append(Block(title, function, args))

    def open_block(self, title: str, needs: str) -> None:
        """A block that waits for a behaviour of a later issue."""
        block = Block(title, None, ())
        block.needs = needs
        self.blocks.append(block)

    def differs(self, title: str, theirs: str, ours: str | None, because: str) -> None:
        """In the block with this title, the BEAM prints `theirs`, rightly, and we print `ours`, rightly."""
        assert because, "a difference has a reason"
        assert theirs != ours, f"this is no difference: {theirs}"
        self.differences.append(Difference(title, theirs, ours, because))

    def expected(self, title: str) -> list[str]:
        """The lines of the transcript, the named differences put in."""
        lines = transcript(self.scenario)[title]
        for difference in self.differences:
            if difference.title == title:
                at = find_run(lines, difference.theirs)
                assert at is not None, f"{self.scenario}, {title!r}: the transcript has no line\n{difference.theirs[0]}"
                lines = lines[:at] + difference.ours + lines[at + len(difference.theirs) :]
        return lines

    def check(self, block: Block, seed: int | None = None) -> None:
        """Run a block, in the order that a seed makes, and compare; the failure shows where the two part."""
        assert block.function is not None
        expected = self.expected(block.title)
        found = block_lines(block.function, block.args, self.logs, seed)
        if found != expected:
            parted = difflib.unified_diff(expected, found, "the transcript", "the twin", lineterm="", n=100)
            raise AssertionError(f"{self.scenario}: {block.title}\n" + "\n".join(parted))


def find_run(lines: Sequence[str], run_of: Sequence[str]) -> int | None:
    """Where some lines stand among others, one after the other."""
    for at in range(len(lines) - len(run_of) + 1):
        if list(lines[at : at + len(run_of)]) == list(run_of):
            return at
    return None


def transcript(scenario: str) -> dict[str, list[str]]:
    """The blocks of a transcript, in order: the lines below each title."""
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (TRANSCRIPTS / f"{scenario}.out").read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            assert line[3:] not in blocks, f"{scenario}: two blocks have the title {line[3:]}"
            lines = blocks[line[3:]] = []
        else:
            lines.append(line)
    for found in blocks.values():
        while found and found[-1] == "":
            found.pop()
    return blocks


# Running a block


def block_lines(
    function: Callable[..., Awaitable[None]], args: tuple[Any, ...] = (), logs: str = "", seed: int | None = None
) -> list[str]:
    """The lines that a block prints, on a node of its own."""
    page = Page()
    pages.append(page)
    handler = Reports(page, sasl=logs == "sasl")
    logger = logging.getLogger("regrow")
    level = logger.level
    if logs:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        with asyncio.Runner() as runner:
            runner.run(on_a_node(Node(clock=VirtualClock(), seed=seed), page, function, args))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        pages.pop()
    while page.lines and page.lines[-1] == "":
        page.lines.pop()
    return page.lines


async def on_a_node(node: Node, page: Page, function: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
    """Run a block on a fresh node in virtual time, and fail when nothing can go on."""
    clock = node.clock
    assert isinstance(clock, VirtualClock)
    async with node:
        gone = node.ended(node.launch(keep, (function, args), node.init))

        def stuck() -> None:
            if not gone.done():
                waiting = "\n".join(repr(one) for one in node.processes.values())
                printed = "\n".join(page.lines)
                gone.set_exception(AssertionError(f"all wait, and no timer is set:\n{waiting}\nprinted:\n{printed}"))

        clock.stuck = stuck
        reason = await gone
        if isinstance(reason, BaseException):
            raise reason
        assert reason == "normal", f"the block's keeper ended with {reason!r}"


async def keep(function: Callable[..., Awaitable[None]], args: tuple[Any, ...]) -> None:
    """Start the block's process, wait for its end, and then for the ends of those that were linked to it."""

    linked: list[Pid] = []

    async def main() -> None:
        name(process.current(), "main")
        await function(*args)
        linked.extend(process.info(process.current(), "links"))
        raise Exit(("t_done", linked))

    pid, ref = process.spawn_monitor(main)
    assert pid.process is not None
    pid.process.lineage = None  # as on the BEAM, where a bare spawn leaves no trace of who spawned
    ended: Down = await process.receive(lambda message: isinstance(message, Down) and message.ref is ref)
    reason = ended.reason
    if reason == ("t_done", linked):
        for other in linked:
            await reap(other)
    elif isinstance(reason, BaseException) and not isinstance(reason, RuntimeError | NoClause):
        raise reason  # a mistake in the twin
    else:
        say("<main> exited", reason)


async def reap(pid: Pid) -> None:
    """Wait until a process that was linked to the block's has ended; kill it after a second."""
    ref = process.monitor(pid)
    if await down(ref, REAP_SECONDS * 1000) == "no_down":
        await kill(pid)
