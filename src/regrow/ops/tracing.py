"""Recordings of the events of a node's processes. `regrow.tracing` is the page of the concept."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, cast

from regrow.behaviours.gen.request import Cast
from regrow.behaviours.gen.starting import Failed, Ignore
from regrow.behaviours.gen.system_requests import SystemRequest
from regrow.kernel import names
from regrow.kernel.bounded_repr import Limits, show
from regrow.kernel.current_node import current_node
from regrow.kernel.node import Node
from regrow.kernel.process_record import Host, Pid, Process, is_guest
from regrow.kernel.requests import CallRequest
from regrow.kernel.trace import listen, unlisten
from regrow.kernel.user_errors import swallow

KINDS: Final = (
    "spawn",
    "start",
    "register",
    "link",
    "send",
    "cast",
    "call",
    "reply",
    "fail",
    "signal",
    "exit",
    "down",
    "restart",
)
SHOWN: Final = Limits(depth=20, chars_limit=200, single_line=True)
NAME: Final = Limits(depth=3, chars_limit=60, single_line=True)
SIZE: Final = 10_000  # events
OUTSIDE: Final = "a task or timer"  # the name of the node's guest, whose pid plain tasks and timers send with

# The arrow of each kind in a diagram; the other kinds are notes. Replies have dashed arrows, as is usual.
ARROWS: Final = {"call": "->>", "reply": "-->>", "send": "-)", "cast": "-)", "signal": "-x", "down": "--x"}
ARROWS_WITH_WORDS: Final = {"spawn": "-)", "start": "--)", "restart": "-)"}

ENTITIES: Final = str.maketrans({"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "%": "#37;", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a recording.

    Attributes:
        time: seconds since the recording began, by the node's clock.
        kind: one of the kinds in the table of `regrow.tracing`.
        who: the process that acted, or that the event happened to; for a plain task its node's guest.
        whom: the other process; a name, if no process has it; None if the event has no other process.
        what: the message, answer, reason or name, as text.
        call: the number of a call, the same for the call and its reply; else None.
        took: of a reply or a failed call, the seconds since the call; else None.
    """

    time: float
    kind: str
    who: Pid | str
    whom: Pid | str | None
    what: str
    call: int | None = None
    took: float | None = None


class Recording:
    """The last events of a node. `trace` creates a recording; start and stop it, or use it as a context manager.

    Iterating over it yields its events, oldest first.

    Attributes:
        dropped: the number of events that were dropped because it was full.
        running: whether it records now.
    """

    def __init__(self, who: Collection[object], kinds: Collection[str], size: int, node: Node | None) -> None:
        self.dropped: int = 0
        self.running: bool = False
        self._who = who
        self._kinds = frozenset(kinds)
        self._node: Host | None = node
        self._began = 0.0
        self._events: deque[Event] = deque(maxlen=size)
        self._names: dict[Pid, str] = {}  # the text for each process at its last event
        self._known: dict[Pid, tuple[object, ...]] = {}  # the names, labels and functions that a filter may give
        self._calls: dict[CallRequest, tuple[int, float]] = {}  # calls without an answer: their number and time
        self._number = 0

    def __repr__(self) -> str:
        dropped = f", {self.dropped} dropped" if self.dropped else ""
        return f"Recording({len(self._events)} events{dropped}{', running' if self.running else ''})"

    def __str__(self) -> str:
        return self.table()

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self._events))

    # Start and stop

    def start(self) -> Self:
        """Start to record, and return the recording. Events of an earlier start are kept.

        Raises:
            NoNode: no node runs in this thread, and `trace` got none.
            RuntimeError: it records already.
        """
        if self.running:
            raise RuntimeError(f"{self!r} records already. Stop it first, or make another one")
        node = self._node = current_node() if self._node is None else self._node
        if not self._events:
            self._began = node.clock.now()
        listen(node, self._record)
        self.running = True
        return self

    def stop(self) -> Self:
        """Stop to record, and return the recording with its events. A second stop has no effect."""
        if self._node is not None and self.running:
            unlisten(self._node, self._record)
        self.running = False
        self._calls.clear()
        return self

    def clear(self) -> None:
        """Drop all events; a running recording keeps running."""
        self._events.clear()
        self._calls.clear()
        self.dropped = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # Recording

    def _record(self, point: str, who: object, whom: object, what: Any) -> None:
        """Record an event of the node; `kernel/trace.py` lists the points and their arguments."""
        request: CallRequest | None = None
        match point:
            case "spawn":
                who, whom = whom, who
            case "send":
                point, request, what = _sent(what)
            case "reply" | "fail":
                request, what = what
                if isinstance(request, SystemRequest) and request.accepted:  # a stop: the server's end is the answer
                    point, who, whom = "reply", whom, who
            case "register" | "exit":
                whom, what = None, whom
            case "start":
                what = what if isinstance(what, Ignore | Failed) else None
            case _:
                pass
        source, target = self._party(who), None if whom is None else self._party(whom)
        if not self._is_wanted(source, target):
            return
        number, took = self._numbered(point, request)
        if point not in self._kinds:
            return
        text = "" if what is None and point in ("spawn", "link", "start") else _text(point, what)
        if len(self._events) == self._events.maxlen:
            self.dropped += 1
        self._events.append(Event(self._now(), point, source, target, text, number, took))

    def _now(self) -> float:
        return 0.0 if self._node is None else self._node.clock.now() - self._began

    def _party(self, address: object) -> Pid | str:
        """Return the pid of an address, and store the process's name; the name as text if no process has it."""
        node = self._node
        assert node is not None
        if address is None:
            return node.guest
        try:
            pid = names.find(node, address)
        except BaseException as error:  # no address, or a user's registry raised: the sender gets the same exception
            swallow(error)
            pid = None
        if pid is None:
            return show(address, NAME)
        process = pid.process
        if process is not None:
            self._names[pid], self._known[pid] = _called(process)
        elif is_guest(pid):
            self._names[pid] = OUTSIDE
        if len(self._names) > 2 * (self._events.maxlen or 0) + 100:
            self._forget_the_dead()
        return pid

    def _forget_the_dead(self) -> None:
        """Drop the names of processes that have ended and are in no event: the recording's size is bounded."""
        in_events = {party for event in self._events for party in (event.who, event.whom)}
        self._names = {pid: name for pid, name in self._names.items() if pid.process is not None or pid in in_events}
        self._known = {pid: known for pid, known in self._known.items() if pid in self._names}

    def _is_wanted(self, *parties: Pid | str | None) -> bool:
        if not self._who:
            return True
        for party in parties:
            known = (party,) if party is None or isinstance(party, str) else (party, *self._known.get(party, ()))
            if any(key is wanted or key == wanted for key in known for wanted in self._who):
                return True
        return False

    def _numbered(self, point: str, request: CallRequest | None) -> tuple[int | None, float | None]:
        """Return the number of a call, and the seconds that it took."""
        if request is None:
            return None, None
        if point == "call":
            self._number += 1
            self._calls[request] = self._number, self._now()
            if len(self._calls) > (self._events.maxlen or 0):
                del self._calls[next(iter(self._calls))]
            return self._number, None
        entry = self._calls.pop(request, None)
        return (None, None) if entry is None else (entry[0], self._now() - entry[1])

    # Output

    def name(self, party: Pid | str | None) -> str:
        """Return a text for the `who` or `whom` of an event: its name, label or function, with its pid."""
        if not isinstance(party, Pid):
            return party or ""
        name = self._names.get(party)
        if is_guest(party):
            return OUTSIDE
        return repr(party) if name is None else f"{name} {party!r}"

    def table(self) -> str:
        """Return the events as a table of times (seconds), kinds, processes and values."""
        rows = [("seconds", "kind", "who", "whom", "what")]
        rows += [
            (f"{event.time:.6f}", event.kind, self.name(event.who), self.name(event.whom), _with_time(event))
            for event in self
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [
            "  ".join([time.rjust(widths[0]), *(cell.ljust(widths[at + 1]) for at, cell in enumerate(cells)), what])
            for time, *cells, what in rows
        ]
        lines = [line.rstrip() for line in lines]
        return "\n".join([f"{self.dropped} earlier events were dropped", *lines] if self.dropped else lines)

    def json_lines(self) -> str:
        """Return the events as JSON, one object on each line; a pid is written as it prints, such as "<0.3.0>"."""
        return "\n".join(json.dumps(self._data(event), ensure_ascii=False) for event in self)

    def _data(self, event: Event) -> dict[str, object]:
        data: dict[str, object] = {"time": round(event.time, 9), "kind": event.kind}
        for key, party in (("who", event.who), ("whom", event.whom)):
            if party is not None:
                data[key] = repr(party) if isinstance(party, Pid) else party
                data[f"{key}_name"] = self._names.get(party) if isinstance(party, Pid) else party
        data["what"] = event.what
        if event.call is not None:
            data["call"] = event.call
        if event.took is not None:
            data["took"] = round(event.took, 9)
        return data

    def mermaid(self) -> str:
        """Return the events as a Mermaid sequence diagram, which GitHub and many documentation tools draw.

        The participants are the processes of the events, in the order of their first events.
        """
        members: dict[Pid | str, str] = {}
        lines: list[str] = []
        for event in self:
            first = members.setdefault(event.who, f"p{len(members) + 1}")
            second = None if event.whom is None else members.setdefault(event.whom, f"p{len(members) + 1}")
            lines.append(_drawn(event, first, second))
        named = [f"participant {short} as {_escaped(self.name(party))}" for party, short in members.items()]
        if self.dropped and named:
            lines.insert(0, f"Note over p1: {self.dropped} earlier events were dropped")
        return "\n    ".join(["sequenceDiagram", *named, *lines])


def trace(*who: object, kinds: Collection[str] = KINDS, size: int = SIZE, node: Node | None = None) -> Recording:
    """Return a recording of the events of a node's processes. Use it with `with`, or call its `start` and `stop`.

    While it runs, a call is not handed over directly to an idle server: all calls take the slower path through the
    mailbox, in the same order. This is Erlang's `trace`, for one node.

    Args:
        who: record only events with one of these processes, which may start later: pids, names, labels, functions that
            processes run, or server classes that define `init`. Without any, record all processes.
        kinds: record only events of these kinds, which the table in `regrow.tracing` explains.
        size: the number of events that are kept; older ones are dropped.
        node: the node; None for the one of the thread in which the recording starts.

    Raises:
        ValueError: an unknown kind, or a size below 1.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or isinstance(kinds, str):
        wanted = kinds if isinstance(kinds, str) else unknown
        raise ValueError(f"trace(kinds=): wanted some of {', '.join(KINDS)}; got {show(wanted, NAME)}")
    if size < 1:
        raise ValueError(f"trace(size=): wanted room for at least one event; got {show(size, NAME)}")
    return Recording([key for wanted in who for key in _keys_of(wanted)], kinds, size, node)


def _keys_of(who: Any) -> tuple[object, ...]:
    """Return the values that a filter compares with what is known of a process: for a class, also its `init`."""
    if not isinstance(who, type):
        return (getattr(who, "__regrow_address__", who),)
    return (who, *(function for word, function in vars(who).items() if word == "init"))


def _sent(message: Any) -> tuple[str, CallRequest | None, object]:
    """Return the kind of a message, its request if it is a call, and the value to show."""
    if isinstance(message, CallRequest):
        return "call", message, message if isinstance(message, SystemRequest) else message.request
    return ("cast", None, message.request) if isinstance(message, Cast) else ("send", None, message)


def _text(point: str, what: Any) -> str:
    if isinstance(what, SystemRequest):
        shown = f"{what.operation}({', '.join(show(arg, SHOWN) for arg in what.args)})"
    elif point == "start" and isinstance(what, Failed):
        shown = f"failed: {show(what.reason, SHOWN)}"
    else:
        shown = show(what, SHOWN)
    return " ".join(shown.splitlines())


def _called(process: Process) -> tuple[str, tuple[object, ...]]:
    """Return the text for a process, and the values by which a filter may name it: name, label, class or function."""
    label = None if process.rare is None else process.rare.label
    owner: object = getattr(process.initial_call, "__self__", None)
    runs = owner if isinstance(owner, type) else process.initial_call
    known = tuple(value for value in (process.name, label, runs) if value is not None)
    if process.pid.number == 1:
        return "init", known
    if not known:
        return "a task", known
    first: Any = known[0]
    if isinstance(first, str):
        return show(first, NAME)[1:-1], known
    word = (
        "__qualname__" if owner is None or isinstance(owner, type) else "__name__"
    )  # of a bound method, the name without its class
    words = (
        str(getattr(first, word, None) or getattr(first, "__name__", "")).replace("<locals>.", "").removesuffix(".init")
    )
    return words or show(cast("object", first), NAME), known


def _with_time(event: Event) -> str:
    return event.what if event.took is None else f"{event.what}  ({event.took:.6f} s)"


def _drawn(event: Event, first: str, second: str | None) -> str:
    """Return the line of an event in a sequence diagram."""
    what = _escaped(event.what)
    if second is not None and event.kind in ARROWS:
        words = f"{event.kind} {what}" if event.kind in ("signal", "down") else what
        return f"{first}{ARROWS[event.kind]}{second}: {words or '#nbsp;'}"
    words = f"{event.kind} {what}".rstrip()
    if second is not None and event.kind in ARROWS_WITH_WORDS:
        return f"{first}{ARROWS_WITH_WORDS[event.kind]}{second}: {words}"
    over = first if second is None or event.kind == "fail" else f"{first},{second}"
    return f"Note over {over}: {words}"


def _escaped(text: str) -> str:
    """Escape the characters that have a meaning in Mermaid: of tags, entities and line ends."""
    return text.translate(ENTITIES)
