"""A recording of what the processes of a node do. `regrow.tracing` is the page of the concept."""

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
from regrow.kernel.current_node import current_node, swallow
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid
from regrow.kernel.process_record import Process
from regrow.kernel.requests import CallRequest
from regrow.kernel.trace import listen, unlisten

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
OUTSIDE: Final = "a task or timer"  # that is no process: it sends as its node's guest

# How each kind is drawn: an arrow from who to whom, or a note. A reply is broken, as sequence diagrams have it.
ARROWS: Final = {"call": "->>", "reply": "-->>", "send": "-)", "cast": "-)", "signal": "-x", "down": "--x"}
ARROWS_WITH_WORDS: Final = {"spawn": "-)", "start": "--)", "restart": "-)"}

ENTITIES: Final = str.maketrans({"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;", "%": "#37;", "\n": " ", "\r": " "})


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that has happened.

    Attributes:
        time: seconds since the recording began, by the node's clock.
        kind: one of those in the table of `regrow.tracing`.
        who: the process that did it, or to which it happened. What a plain task does, its node's guest does.
        whom: the process that it concerns, or the name of nobody; None where there is no other.
        what: the message, answer, reason or name, as it is shown.
        call: the number of the call, the same for a call and its reply; else None.
        took: of a reply or a failure, the seconds since the call; else None.
    """

    time: float
    kind: str
    who: Pid | str
    whom: Pid | str | None
    what: str
    call: int | None = None
    took: float | None = None


class Recording:
    """The last events of a node: start and stop it, or use it as a context manager. `trace` makes one.

    It gives its events, oldest first, when it is iterated over.

    Attributes:
        dropped: how many events there was no room for.
        running: whether it records now.
    """

    def __init__(self, who: Collection[object], kinds: Collection[str], size: int, node: Node | None) -> None:
        self.dropped: int = 0
        self.running: bool = False
        self._who = who
        self._kinds = frozenset(kinds)
        self._node = node
        self._began = 0.0
        self._events: deque[Event] = deque(maxlen=size)
        self._names: dict[Pid, str] = {}  # what each was called when it was last seen
        self._known: dict[Pid, tuple[object, ...]] = {}  # by what else a filter may name it
        self._calls: dict[CallRequest, tuple[int, float]] = {}  # that wait for their answer: their number and time
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
        """Record from now on. What was recorded before stays.

        Raises:
            NoNode: there is no node in this thread, and none was named.
            RuntimeError: it records already.
        """
        if self.running:
            raise RuntimeError(f"{self!r} records already. Stop it first, or make another one")
        node = self._node = current_node() if self._node is None else self._node
        if not self._events:
            self._began = node.clock.now()
        listen(node, self._hear)
        self.running = True
        return self

    def stop(self) -> Self:
        """Record no longer; what was recorded stays. Once is enough."""
        if self._node is not None and self.running:
            unlisten(self._node, self._hear)
        self.running = False
        self._calls.clear()
        return self

    def clear(self) -> None:
        """Forget what was recorded, and go on."""
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

    def _hear(self, point: str, who: object, whom: object, what: Any) -> None:
        """Something has happened on the node; see `kernel/trace.py` for what is told."""
        made: CallRequest | None = None
        match point:
            case "spawn":
                who, whom = whom, who
            case "send":
                point, made, what = _sent(what)
            case "reply" | "fail":
                made, what = what
                if isinstance(made, SystemRequest) and made.accepted:  # a stop is answered by the end
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
        number, took = self._numbered(point, made)
        if point not in self._kinds:
            return
        text = "" if what is None and point in ("spawn", "link", "start") else _text(point, what)
        if len(self._events) == self._events.maxlen:
            self.dropped += 1
        self._events.append(Event(self._now(), point, source, target, text, number, took))

    def _now(self) -> float:
        return 0.0 if self._node is None else self._node.clock.now() - self._began

    def _party(self, address: object) -> Pid | str:
        """Whom an address stands for now, after a look at what it is called; nobody's by the name alone."""
        node = self._node
        assert node is not None
        if address is None:
            return node.guest
        try:
            pid = names.find(node, address)
        except (
            BaseException
        ) as error:  # it is no address, or a table of the user's has raised: whoever sends hears of it
            swallow(error)
            pid = None
        if pid is None:
            return show(address, NAME)
        process = pid.process
        if process is not None:
            self._names[pid], self._known[pid] = _called(process)
        elif pid is pid.node.guest:
            self._names[pid] = OUTSIDE
        if len(self._names) > 2 * (self._events.maxlen or 0) + 100:
            self._forget_the_dead()
        return pid

    def _forget_the_dead(self) -> None:
        """Keep the names of those who live or stand in an event."""
        told = {party for event in self._events for party in (event.who, event.whom)}
        self._names = {pid: name for pid, name in self._names.items() if pid.process is not None or pid in told}
        self._known = {pid: known for pid, known in self._known.items() if pid in self._names}

    def _is_wanted(self, *parties: Pid | str | None) -> bool:
        if not self._who:
            return True
        for party in parties:
            known = (party,) if party is None or isinstance(party, str) else (party, *self._known.get(party, ()))
            if any(one is wanted or one == wanted for one in known for wanted in self._who):
                return True
        return False

    def _numbered(self, point: str, made: CallRequest | None) -> tuple[int | None, float | None]:
        """The number of a call, and how long it took."""
        if made is None:
            return None, None
        if point == "call":
            self._number += 1
            self._calls[made] = self._number, self._now()
            if len(self._calls) > (self._events.maxlen or 0):
                del self._calls[next(iter(self._calls))]
            return self._number, None
        found = self._calls.pop(made, None)
        return (None, None) if found is None else (found[0], self._now() - found[1])

    # Shown

    def name(self, party: Pid | str | None) -> str:
        """What a party of an event is called: by its name, its label or what it runs, with its pid."""
        if not isinstance(party, Pid):
            return party or ""
        name = self._names.get(party)
        if party is party.node.guest:
            return OUTSIDE
        return repr(party) if name is None else f"{name} {party!r}"

    def table(self) -> str:
        """The events as a table of times, kinds, names and values."""
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
        return "\n".join([f"{self.dropped} earlier ones were dropped", *lines] if self.dropped else lines)

    def json_lines(self) -> str:
        """The events as JSON, one a line; pids as they print."""
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
        """The events as a Mermaid sequence diagram, which GitHub and many documentation tools draw.

        Those who stand in it are named once, in the order in which they come in.
        """
        members: dict[Pid | str, str] = {}
        lines: list[str] = []
        for event in self:
            first = members.setdefault(event.who, f"p{len(members) + 1}")
            second = None if event.whom is None else members.setdefault(event.whom, f"p{len(members) + 1}")
            lines.append(_drawn(event, first, second))
        named = [f"participant {short} as {_escaped(self.name(party))}" for party, short in members.items()]
        if self.dropped and named:
            lines.insert(0, f"Note over p1: {self.dropped} earlier ones were dropped")
        return "\n    ".join(["sequenceDiagram", *named, *lines])


def trace(*who: object, kinds: Collection[str] = KINDS, size: int = SIZE, node: Node | None = None) -> Recording:
    """A recording of what the processes of a node do, to be used with `with`, or by its `start` and `stop`.

    While it runs, no call is handed over directly to an idle server; all take the longer way, in the same order.

    Args:
        who: only what concerns these, now or later: pids, names, labels, the functions that processes run, or the
            classes of servers that have an `init` of their own. Without any, everyone.
        kinds: only events of these kinds, which the table in `regrow.tracing` explains.
        size: how many events are kept; of more, the last ones.
        node: whose; without it the one of the thread in which it starts.

    Raises:
        ValueError: an unknown kind, or no room for an event.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or isinstance(kinds, str):
        wanted = kinds if isinstance(kinds, str) else unknown
        raise ValueError(f"trace(kinds=): wanted some of {', '.join(KINDS)}; got {show(wanted, NAME)}")
    if size < 1:
        raise ValueError(f"trace(size=): wanted room for at least one event; got {show(size, NAME)}")
    return Recording([found for one in who for found in _sought(one)], kinds, size, node)


def _sought(who: Any) -> tuple[object, ...]:
    """By what the processes are known that a filter names: of a class also by its `init`."""
    if not isinstance(who, type):
        return (getattr(who, "__regrow_address__", who),)
    return (who, *(function for word, function in vars(who).items() if word == "init"))


def _sent(message: Any) -> tuple[str, CallRequest | None, object]:
    """What a message is: its kind, the request of a call, and what is shown of it."""
    if isinstance(message, CallRequest):
        return "call", message, message if isinstance(message, SystemRequest) else message.request
    return ("cast", None, message.request) if isinstance(message, Cast) else ("send", None, message)


def _text(point: str, what: Any) -> str:
    if isinstance(what, SystemRequest):
        shown = f"{what.operation}({', '.join(show(one, SHOWN) for one in what.args)})"
    elif point == "start" and isinstance(what, Failed):
        shown = f"failed: {show(what.reason, SHOWN)}"
    else:
        shown = show(what, SHOWN)
    return " ".join(shown.splitlines())


def _called(process: Process) -> tuple[str, tuple[object, ...]]:
    """What a process is called, and by what a filter may name it: its name, its label, the class that it runs."""
    label = None if process.rare is None else process.rare.label
    owner: object = getattr(process.initial_call, "__self__", None)
    runs = owner if isinstance(owner, type) else process.initial_call
    known = tuple(one for one in (process.name, label, runs) if one is not None)
    if process.pid.number == 1:
        return "init", known
    if not known:
        return "a task", known
    first: Any = known[0]
    if isinstance(first, str):
        return show(first, NAME)[1:-1], known
    word = "__qualname__" if owner is None or isinstance(owner, type) else "__name__"  # an object's method by itself
    words = (
        str(getattr(first, word, None) or getattr(first, "__name__", "")).replace("<locals>.", "").removesuffix(".init")
    )
    return words or show(cast("object", first), NAME), known


def _with_time(event: Event) -> str:
    return event.what if event.took is None else f"{event.what}  ({event.took:.6f} s)"


def _drawn(event: Event, first: str, second: str | None) -> str:
    """One line of a sequence diagram."""
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
    """Text in which nothing means anything to Mermaid: neither a tag, nor an entity, nor the end of a line."""
    return text.translate(ENTITIES)
