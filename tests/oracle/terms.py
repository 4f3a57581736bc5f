"""Terms, printed as Elixir's `inspect` prints them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from types import NoneType
from typing import Any, cast

from regrow import (
    Cast,
    ChildSpec,
    Continue,
    Down,
    Error,
    Exited,
    Global,
    NoClause,
    NoReply,
    Ok,
    Pid,
    Ref,
    Reply,
    Stop,
    Via,
)
from regrow.behaviours.gen.results import Hibernate
from regrow.behaviours.gen.starting import Ignore
from regrow.behaviours.supervision.children import ChildInfo, Counts
from regrow.kernel.alarms import Timer
from regrow.kernel.requests import CallRequest
from tests.oracle.page import current_page

NODE_NAME = "nonode@nohost"


class Text(str):
    """A string that is also a string on the BEAM; a plain string stands for an atom."""

    __slots__ = ()


class Raised:
    """An exception as a term, not as an exit reason."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Thrown(Exception):
    """A stand-in for a throw of the scenario: Python has no throw, and an exception is never a return value."""


class Reference:
    """A request as only the reference that its answer carries."""

    def __init__(self, request: CallRequest) -> None:
        self.request = request


class Keyword(dict[str, Any]):
    """A dict that prints as a keyword list, in the order of its entries."""


PLAIN_ATOM = re.compile(r"[a-z_][A-Za-z0-9_@]*[?!]?|EXIT|DOWN|ERROR|THROW")
ALIAS = re.compile(r"(?!(EXIT|DOWN|ERROR|THROW)$)[A-Z]\w*(\.[A-Z]\w*)*")
PLACES = ("GenServer", "gen_statem", "sys", "Supervisor")


def term(value: object) -> str:
    """Return a value as Elixir's `inspect` prints its term, with the block's letters for pids."""
    return current_page().lettered(inspected(value))


def inspected(value: Any) -> str:
    """Return a value as its term is printed, with unchanged pids and references."""
    for kind, printed in PRINTERS:
        if isinstance(value, kind):
            return printed(value)
    raise TypeError(f"the printer does not know what {value!r} is on the BEAM")


def number(value: float) -> str:
    """Print a number or a boolean."""
    return repr(value).lower()


def tupled(value: Any) -> str:
    """Print a tuple; two kinds of tuples have another form."""
    if len(value) == 3 and value[0] in PLACES and isinstance(value[2], list):
        return braces(*value[:2], in_milliseconds(value[2]))
    if len(value) == 2 and isinstance(value[0], CallRequest):
        return braces(Reference(value[0]), value[1])  # the answer to a request that was sent by hand
    return braces(*value)


def downed(value: Down) -> str:
    """Print the message of a monitor; if it was set by name, with the node after the name."""
    who = (value.pid, NODE_NAME) if isinstance(value.pid, str | type) else value.pid
    return braces(value.tag or "DOWN", value.ref, "process", who, value.reason)


def child_row(value: ChildInfo) -> str:
    """Print a row of `which_children`."""
    id, pid = ("undefined" if one is None else one for one in (value.id, value.pid))
    return braces(id, pid, value.type, list(value.modules))


def stopped(value: Stop[Any]) -> str:
    """Print a Stop: reason, reply if there is one, state."""
    reply = [value.reply] if value.has_reply else []
    return braces("stop", value.reason, *reply, *([value.state] if value.has_state else []))


def following(then: Any) -> list[object]:
    """Print the item after the state in a callback's return value."""
    if then is None:
        return []
    return [milliseconds(then)]


def milliseconds(value: Any) -> object:
    """Convert seconds to milliseconds; leave other values unchanged."""
    return round(value * 1000) if isinstance(value, float | int) and not isinstance(value, bool) else value


def in_milliseconds(arguments: list[Any]) -> list[object]:
    """Return the arguments of a failed call as in OTP: milliseconds, and `:infinity` for no limit."""
    shown = [milliseconds(one) if isinstance(one, float) else one for one in arguments]
    return [*shown[:-1], "infinity"] if len(shown) == 3 and shown[-1] is None else shown


def atom(name: str) -> str:
    """Print an atom; a module's name has no colon."""
    if ALIAS.fullmatch(name):
        return name
    return f":{name}" if PLAIN_ATOM.fullmatch(name) else f":{quoted(name)}"


def quoted(text: str) -> str:
    """Print a string in quotation marks."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def reference(value: Ref | CallRequest | Timer) -> str:
    """Print a reference, or a value that is one on the BEAM."""
    return f"#Ref<{current_page().number_of(value)}>"


def braces(*values: object) -> str:
    """A tuple."""
    return "{" + ", ".join(inspected(one) for one in values) + "}"


def listed(values: list[object]) -> str:
    """Print a list, or a keyword list of pairs that begin with atoms."""
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
    """Print pairs, each key with a colon after it."""
    shown = [(key if PLAIN_ATOM.fullmatch(key) else quoted(key), inspected(value)) for key, value in pairs]
    return ", ".join(f"{key}: {value}" for key, value in shown)


def mapped(values: dict[Any, object]) -> str:
    """Print a map with its keys in order."""
    pairs = sorted(values.items(), key=lambda pair: str(pair[0]))
    if all(is_key(key) for key in values):
        return "%{" + keywords(pairs) + "}"
    return "%{" + ", ".join(f"{inspected(key)} => {inspected(value)}" for key, value in pairs) + "}"


def spec_map(spec: ChildSpec) -> dict[str, object]:
    """Print a child's spec as the map of `child_spec/1`, without default values."""
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
    """Print an exception as an exit reason, with a stack after it."""
    match error:
        case NoClause():
            return "{:function_clause, <stack>}"
        case ZeroDivisionError():
            return "{:badarith, <stack>}"
        case _:
            return f"{{{exception(error)}, <stack>}}"


def exception(error: BaseException) -> str:
    """Print an exception without a stack."""
    return f"%{type(error).__name__}{{message: {quoted(str(error))}}}"


# The first printer whose class matches is used.
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
