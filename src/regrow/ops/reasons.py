"""The reason of an exit as lines of text (Elixir's `Exception.format_exit/1`).

Reasons nest: a caller ended because its call failed, because the server ended, because its own call failed. Each level is
indented by four spaces more than the one that it explains.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any, Final, TypeGuard, cast

from regrow.kernel.bounded_repr import Limits, show
from regrow.kernel.exception_copies import ARGS, CAUSE, CONTEXT, DICT, MEMBERS, SUPPRESS, TRACEBACK
from regrow.kernel.exits import is_a
from regrow.kernel.explained_reasons import Explained, letter_of
from regrow.kernel.tracebacks import is_ours, lines_of, trace_of
from regrow.kernel.user_errors import swallow

MAX_FRAMES: Final = 40
MAX_ERRORS: Final = 20
PLAIN: Final = {
    "normal": "normal",
    "shutdown": "shutdown",
    "killed": "killed",
    "timeout": "time out",
    "calling_self": "process attempted to call itself",
    "noconnection": "no connection",
    "noproc": "no process: the process is not alive or no process has that name now, possibly because its application is not started",
}
PAIRS: Final[dict[str, str]] = {
    "already_started": "already started: ",
    "bad_return_value": "bad return value: ",
    "nodedown": "no connection to ",
}
INDENT: Final = "    "


def error_lines(error: BaseException, limits: Limits) -> list[str]:
    """Return the lines of an exception: its frames, innermost first, its members, and its cause or context."""
    return _error_lines(error, limits, [])


def banner(kind: str, reason: object, limits: Limits) -> list[str]:
    """Return the lines `** (kind) reason`; for an exception, its class is in the place of the kind."""
    if is_a(reason, BaseException):
        return error_lines(cast("BaseException", reason), limits)
    first, *rest = reason_lines(reason, limits)
    return [f"** ({kind}) {first}", *rest]


def letter_lines(reason: object, limits: Limits) -> list[str]:
    """Return the lines of a reason's letter, which explains the mistake of a callback; none if it has no letter."""
    letter = letter_of(reason, limits)
    return [INDENT + line for line in letter.split("\n")] if letter else []


def reason_lines(reason: Any, limits: Limits) -> list[str]:
    """Return the lines of a reason; the first one continues a line such as `** (exit) `."""
    if is_a(reason, BaseException):
        return ["an exception was raised:", *(INDENT + line for line in error_lines(reason, limits))]
    if type(reason) is str:
        return [PLAIN.get(reason, reason)]
    parts = parts_of(reason)
    if len(parts) == 2:
        why, detail = parts
        if _is_place(detail):
            return ["exited in: " + place_words(detail, limits), *_explained(why, limits)]
        word = why if type(why) is str else ""
        if word == "shutdown":
            first, *rest = reason_lines(detail, limits)
            return [f"shutdown: {first}", *rest]
        if word == "EXIT":
            return reason_lines(detail, limits)
        if word in PAIRS:
            return [PAIRS[word] + show(detail, limits), *letter_lines(reason, limits)]
        inner = parts_of(detail)
        if word == "bad_return" and len(inner) == 3 and type(inner[1]) is str:
            return [
                f"{name_words(inner[0], limits)}.{inner[1]} returned a bad value: {show(inner[2], limits)}",
                *letter_lines(reason, limits),
            ]
    if len(parts) == 3 and _is_word(parts[0], "failed_to_start_child"):
        return [f"failed to start child: {name_words(parts[1], limits)}", *_explained(parts[2], limits)]
    return [show(reason, limits), *letter_lines(reason, limits)]


def start_failure_lines(reason: Any, limits: Limits) -> list[str]:
    """Return the lines of the reason of a failed application start, with the call that failed if the reason has it."""
    parts = parts_of(reason)
    if len(parts) == 2:
        why, place = parts
        if _is_place(place):
            first, *rest = reason_lines(why, limits)
            return [f"{place_words(place, limits)} returned an error: {first}", *rest]
        inner = parts_of(place)
        if _is_word(why, "bad_return") and len(inner) == 2 and _is_place(inner[0]):
            called = place_words(inner[0], limits)
            raised = parts_of(inner[1])
            if len(raised) == 2 and _is_word(raised[0], "EXIT"):
                return [f"exited in: {called}", *_explained(raised[1], limits)]
            return [f"{called} returned a bad value: {show(inner[1], limits)}", *letter_lines(reason, limits)]
    return reason_lines(reason, limits)


def place_words(place: tuple[Any, str, list[object]], limits: Limits) -> str:
    """Return a call as text: `GenServer.call(Queue, 'dequeue', 5.0)`."""
    owner, function, args = place
    return f"{name_words(owner, limits)}.{function}({', '.join(show(arg, limits) for arg in args)})"


def name_words(name: object, limits: Limits) -> str:
    """Return a name, an id or a pid as text: a class by its name, a string without quotes."""
    if type(name) is str and name:
        return name if len(name) <= 200 else show(name, limits)
    return show(name, limits)


def call_words(function: Callable[..., Any], args: tuple[Any, ...], limits: Limits) -> str:
    """Return the call that starts a child as text: `Queue.start_link([1, 2, 3])`."""
    return f"{function_words(function, limits)}({', '.join(show(arg, limits) for arg in args)})"


def function_words(function: object, limits: Limits) -> str:
    """Return the name of a function; of a class method with its class, as in `Queue.start_link`."""
    if isinstance(function, partial):
        return function_words(function.func, limits)
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", None)
    if isinstance(owner, type) and name is not None:
        return f"{owner.__name__}.{name}"
    qualified = getattr(function, "__qualname__", None)
    return qualified.replace("<locals>.", "") if isinstance(qualified, str) else show(function, limits)


def _explained(reason: object, limits: Limits) -> list[str]:
    first, *rest = reason_lines(reason, limits)
    return [f"{INDENT}** (EXIT) {first}", *(INDENT + line for line in rest)]


def parts_of(value: object) -> tuple[Any, ...]:
    """Return the parts of a tuple; an empty tuple for any other value."""
    return value if _is_tuple(value) else ()


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return type(value) is tuple or type(value) is Explained


def _is_word(value: object, word: str) -> bool:
    """Whether this is the string `word`. The type is checked first: `==` of a user's class might raise."""
    return type(value) is str and value == word


def _is_place(value: Any) -> bool:
    parts = parts_of(value)
    return len(parts) == 3 and type(parts[1]) is str and type(parts[2]) is list


def _error_lines(error: BaseException, limits: Limits, seen: list[BaseException]) -> list[str]:
    if len(seen) >= MAX_ERRORS or any(error is other for other in seen):
        return ["…"]
    seen.append(error)
    lines = [*_headline(error, limits), *(INDENT + line for line in frame_lines(_pairs(error)))]
    members: Any = MEMBERS.__get__(error) if is_a(error, BaseExceptionGroup) else ()
    for member in members[:MAX_ERRORS]:
        lines += [INDENT + line for line in _error_lines(member, limits, seen)]
    cause, context = CAUSE.__get__(error), CONTEXT.__get__(error)
    if cause is not None:
        lines += ["caused by:", *_error_lines(cause, limits, seen)]
    elif context is not None and not SUPPRESS.__get__(error):
        lines += ["while handling:", *_error_lines(context, limits, seen)]
    return lines


def _headline(error: BaseException, limits: Limits) -> list[str]:
    try:
        text = str(error)
    except BaseException as second:
        swallow(second)
        text = f"<its str raised {type(second).__name__}>"
    args = ARGS.__get__(error)
    if is_a(error, KeyError) and len(args) == 1:
        text = show(args[0], limits)
    longest = limits.chars_limit
    if longest is not None and len(text) > longest:
        text = f"{text[:longest]}… ({len(text)} characters)"
    noted = DICT.__get__(error).get("__notes__")
    notes = [note for note in noted if type(note) is str] if type(noted) is list else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    first, *rest = [*text.split("\n"), *notes]
    return [f"** ({_class_words(type(error))}) {first}".rstrip(), *(INDENT + line for line in rest)]


def _class_words(kind: type) -> str:
    """Return the name under which a class can be imported; regrow's own classes are all in the package `regrow`."""
    package = kind.__module__.partition(".")[0]
    if package == "regrow":
        return f"regrow.{kind.__qualname__}"
    return kind.__qualname__ if package in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"


def _pairs(error: BaseException) -> tuple[tuple[CodeType, int], ...]:
    recorded = trace_of(error)  # of an exception that is the reason of an exit
    lines = lines_of(TRACEBACK.__get__(error))
    # Equal where the log record of the crash has restored the traceback: the same frames are not shown twice.
    return recorded if lines == recorded else (*recorded, *lines)


def frame_lines(pairs: tuple[tuple[CodeType, int], ...]) -> list[str]:
    """Return the lines of frames, innermost first, each with its line of code; frames of this library are left out."""
    lines: list[str] = []
    user_frames = [(code, line) for code, line in pairs if not is_ours(code)]
    for code, line in reversed(user_frames[-MAX_FRAMES:]):
        lines.append(_line_words(code, line))
        text = linecache.getline(code.co_filename, line).strip()
        if text:
            lines.append(f"  {text}")
    if len(user_frames) > MAX_FRAMES:
        lines.append(f"… ({len(user_frames) - MAX_FRAMES} more)")
    return lines


def innermost_words(pairs: tuple[tuple[CodeType, int], ...]) -> str:
    """Return the innermost frame of the program as text; of this library if there is no other."""
    user_frames = [pair for pair in pairs if not is_ours(pair[0])]
    return _line_words(*(user_frames or pairs)[-1])


def _line_words(code: CodeType, line: int) -> str:
    return f'File "{_path_words(code.co_filename)}", line {line}, in {_code_words(code)}'


def _code_words(code: CodeType) -> str:
    return code.co_qualname.replace("<locals>.", "")


def _path_words(path: str) -> str:
    """Return a path relative to the current directory, if it is below it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return path
