"""JSON values and the types for them, without a library: None, bool, int, float, str, list, dict, Literal, unions.

A fit is a function that returns a value if it has the type, and raises Misfit otherwise. An int that stands for a float
becomes one; a bool is no int.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

from regrow.servers.queue.payload.types import UNIONS, inner, is_alias, members, words

Fit = Callable[[Any], Any]

DEEPEST: Final = 100  # levels of lists and dicts without a type: what is encoded here decodes on any stack
TUPLE: Final = ": a tuple would come back as a list. Pass a list, or name the type, as in tuple[int, int]"


class Misfit(ValueError):
    """A value does not have its type."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.problem} at {self.path}" if self.path else self.problem

    def below(self, step: str) -> Misfit:
        """Return this misfit as that of the value around."""
        return Misfit(self.problem, step + self.path)


def wanted(kind: str, value: object) -> Misfit:
    """Return the misfit of a value that has another type."""
    return Misfit(f"wanted {kind}, got {words(type(value))}")


def plain_fit(kind: Any, known: dict[int, Fit] | None = None) -> Fit | None:
    """Return the fit of a plain type, or None if a library has to encode it."""
    known = {} if known is None else known
    if not is_alias(kind):
        return _fit(kind, known)
    if id(kind) not in known:  # it may name itself: a list of lists of lists
        made: list[Fit] = []
        known[id(kind)] = lambda value: made[0](value)  # noqa: PLW0108 - the list is still empty
        fit = _fit(kind, known)
        if fit is None:
            return None
        made.append(fit)
    return known[id(kind)]


def _fit(kind: Any, known: dict[int, Fit]) -> Fit | None:
    bare = inner(kind)
    if get_origin(bare) in UNIONS:
        return _union_fit(bare, known)
    if get_origin(bare) is Literal:
        return _literal_fit(get_args(bare))
    if bare is list or bare is dict or get_origin(bare) in {list, dict}:
        return _container_fit(bare, known)
    return SCALARS.get(bare) if isinstance(bare, type) or bare is Any else None


def _scalar(name: str, kind: type) -> Fit:
    def fit(value: Any) -> Any:
        if type(value) is kind or (isinstance(value, kind) and type(value) is not bool):
            return value
        raise wanted(name, value)

    return fit


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wanted("float", value)
    try:
        number = float(value)
    except OverflowError:
        raise Misfit("wanted float, got an int that is too large for one") from None
    if not math.isfinite(number):
        raise Misfit(f"{number} is no number in JSON")
    return number


def _union_fit(kind: Any, known: dict[int, Fit]) -> Fit | None:
    several = sorted(members(kind), key=lambda one: one is float)  # an int stays one if it may
    fits = [plain_fit(one, known) for one in several]
    plain = [fit for fit in fits if fit is not None]
    if len(plain) < len(fits):
        return None

    def fit(value: Any) -> Any:
        deepest: Misfit | None = None
        for one in plain:
            try:
                return one(value)
            except Misfit as misfit:
                deepest = misfit if misfit.path else deepest
        raise deepest or wanted(words(kind), value)

    return fit


def _literal_fit(allowed: tuple[Any, ...]) -> Fit | None:
    pairs: set[tuple[type, Any]] = {(type(one), one) for one in allowed if type(one) in {NoneType, bool, int, str}}
    if len(pairs) < len(allowed):
        return None

    def fit(value: Any) -> Any:
        if type(value) in {NoneType, bool, int, str} and (type(value), value) in pairs:
            return value
        raise Misfit(f"wanted {' or '.join(map(repr, allowed))}, got another {words(type(value))}")

    return fit


def _container_fit(kind: Any, known: dict[int, Fit]) -> Fit | None:
    is_list = (get_origin(kind) or kind) is list
    given = get_args(kind) or ((Any,) if is_list else (str, Any))
    if not is_list and inner(given[0]) not in {str, Any}:
        return None
    item = plain_fit(given[-1], known)
    if item is None:
        return None
    return _list_fit(item) if is_list else _dict_fit(item)


def _list_fit(item: Fit) -> Fit:
    def fit(value: Any) -> Any:
        if not isinstance(value, list):
            raise wanted("list", value)
        made: list[Any] = []
        for index, one in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            try:
                made.append(item(one))
            except Misfit as misfit:
                raise misfit.below(f"[{index}]") from None
        return made

    return fit


def _dict_fit(item: Fit) -> Fit:
    def fit(value: Any) -> Any:
        if not isinstance(value, dict):
            raise wanted("dict", value)
        made: dict[str, Any] = {}
        for key, one in value.items():  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(key, str):
                raise Misfit(f"wanted str as key, got {key!r:.50}")
            try:
                made[key] = item(one)
            except Misfit as misfit:
                raise misfit.below(f"[{key!r:.50}]") from None
        return made

    return fit


def any_json(value: Any, depth: int = 0) -> Any:
    """Return a JSON value of any type.

    Raises:
        Misfit: it is none, or has more than a hundred levels.
    """
    if isinstance(value, str | int | float | NoneType):
        return value
    if depth >= DEEPEST:
        raise Misfit(f"lists and dicts nest more than {DEEPEST} levels deep")
    if isinstance(value, list):
        return _list_fit(lambda one: any_json(one, depth + 1))(value)
    if isinstance(value, dict):
        return _dict_fit(lambda one: any_json(one, depth + 1))(value)
    raise Misfit(f"wanted a JSON value, got {words(type(value))}{TUPLE if isinstance(value, tuple) else ''}")


SCALARS: Final[dict[Any, Fit]] = {
    NoneType: _scalar("None", NoneType),
    bool: _scalar("bool", bool),
    int: _scalar("int", int),
    float: _float,
    str: _scalar("str", str),
    Any: any_json,
    object: any_json,
}
