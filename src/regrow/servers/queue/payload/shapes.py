"""Shapes: how values of a type are written as JSON values, and read again.

type                                        shape      library
----                                        -----      -------
None bool int float str list dict Literal   Plain      none
with a pydantic model in it                 Model      pydantic
a union that its library cannot tell apart  Tagged     that of each member: {"Sms": {…}}
any other                                   Struct     msgspec
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, Protocol, cast

from regrow.servers.queue.payload.plain_json import Fit, Misfit, any_json, plain_fit, wanted
from regrow.servers.queue.payload.types import (
    classes_of,
    inner,
    is_record,
    members,
    uses_pydantic,
    uses_struct,
    words,
)

MASK: Final = '"**********"'  # what pydantic writes in place of a secret


class Shape(Protocol):
    """The way in which values of one type are written as JSON values, and read again."""

    def lower(self, value: Any, /) -> Any:
        """Return a value as a JSON value.

        Raises:
            Exception: it does not have the type; a Misfit, or an error of the library.
        """

    def lift(self, data: Any, /) -> Any:
        """Return the value that a JSON value stands for.

        Raises:
            Exception: it stands for none; a Misfit, or an error of the library.
        """


class Plain:
    """The shape of a type whose values are JSON values."""

    def __init__(self, fit: Fit) -> None:
        self.lower: Fit = fit
        self.lift: Fit = same if fit is any_json else fit


def same(value: Any) -> Any:
    """Return the value itself: what was read from JSON is a JSON value."""
    return value


class Struct:
    """The shape of a type that msgspec encodes: a Struct, a dataclass, a TypedDict, a datetime, a tuple.

    Raises:
        TypeError: msgspec does not know the type.
        ImportError: msgspec is not installed.
    """

    def __init__(self, kind: Any, who: str) -> None:
        self.kind: Any = kind
        self.classes: tuple[type, ...] | None = classes_of(kind)
        msgspec = library("msgspec", kind, who, "pip install 'regrow[queue]'")
        msgspec.json.Decoder(kind)
        self.write: Callable[..., Any] = msgspec.to_builtins
        self.read: Callable[..., Any] = msgspec.convert

    def lower(self, value: Any, /) -> Any:
        """Return a value as a JSON value. It is read again at once: msgspec writes fields of a wrong type, too."""
        check_kind(value, self.classes, self.kind)
        data = self.write(value, str_keys=True)
        check_class(value, self.lift(data))
        return data

    def lift(self, data: Any, /) -> Any:
        """Return the value that a JSON value stands for."""
        return self.read(data, self.kind, str_keys=True)


class Model:
    """The shape of a type with a pydantic model in it.

    Raises:
        TypeError: pydantic does not know the type.
        ImportError: pydantic is not installed, or too old.
    """

    def __init__(self, kind: Any, who: str) -> None:
        pydantic = library("pydantic", kind, who, "pip install 'pydantic>=2.11'")
        self.kind: Any = kind
        self.classes: tuple[type, ...] | None = classes_of(kind)
        self.adapter: Any = pydantic.TypeAdapter(kind)
        if "by_name" not in inspect.signature(self.adapter.validate_json).parameters:
            raise ImportError(f"{who}: {words(kind)} needs pydantic 2.11 or newer, this is {pydantic.VERSION}")

    def lower(self, value: Any, /) -> Any:
        """Return a value as a JSON value. It is read again at once: a model's own serializers may write anything."""
        check_kind(value, self.classes, self.kind)
        checked = self.adapter.validate_python(value, strict=True)
        data = self.adapter.dump_python(checked, mode="json", by_alias=False, round_trip=True, warnings="error")
        text = dumps(data)
        if MASK in text:
            raise Misfit("pydantic masks a secret in it, which would be lost; give its field a serializer")
        check_class(checked, self.adapter.validate_json(text, by_alias=False, by_name=True))
        return data

    def lift(self, data: Any, /) -> Any:
        """Return the value that a JSON value stands for."""
        return self.adapter.validate_json(dumps(data), by_alias=False, by_name=True)


class Tagged:
    """The shape of a union of classes that look alike as JSON: `{"Sms": {…}}` names the member.

    A payload without a tag is that of a member, too: the union may be younger than the job. With one member the shape
    writes no tag, and reads one: the union may have been longer.

    Raises:
        TypeError: two members have one name.
    """

    def __init__(self, several: list[Any], who: str) -> None:
        self.shapes: dict[str, Shape] = {}
        self.classes: dict[str, tuple[type, ...] | None] = {}
        self.tags: bool = len(several) > 1
        for one in several:
            tag = words(one)
            if tag in self.shapes:
                raise TypeError(f"two members of the union are named {tag}; the payload could not say which one it is")
            self.shapes[tag] = single_shape(one, who)
            self.classes[tag] = classes_of(one)

    def lower(self, value: Any, /) -> Any:
        """Return a value as a JSON value."""
        for classes in (self.exact(value), list(self.shapes)):
            for tag in classes:
                try:
                    data = self.shapes[tag].lower(value)
                except Exception:
                    if len(classes) == 1:
                        raise
                else:
                    return {tag: data} if self.tags else data
        raise wanted(" | ".join(self.shapes), value)

    def exact(self, value: object) -> list[str]:
        """Return the members that are the value's class."""
        return [tag for tag, classes in self.classes.items() if classes is not None and type(value) in classes]

    def lift(self, data: Any, /) -> Any:
        """Return the value that a JSON value stands for."""
        first: Exception | None = None
        if isinstance(data, dict) and len(data) == 1:  # pyright: ignore[reportUnknownArgumentType]
            tag, below = next(iter(data.items()))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if tag in self.shapes:
                try:
                    return self.shapes[tag].lift(below)  # pyright: ignore[reportUnknownArgumentType]
                except Exception as error:
                    first = error
        for shape in self.shapes.values():
            try:
                return shape.lift(data)
            except Exception as error:
                first = first or error
        assert first is not None
        raise first


class Arguments:
    """The shape of a call: `{"parameter": value}`, each value by the annotation of its parameter.

    Args:
        shapes: the shape of each parameter.
        required: the parameters that have no default.
    """

    def __init__(self, shapes: dict[str, Shape], required: frozenset[str]) -> None:
        self.shapes = shapes
        self.required = required

    def lower(self, value: Any, /) -> dict[str, Any]:
        """Return arguments as JSON values."""
        return self.each(value, "lower")

    def lift(self, data: Any, /) -> dict[str, Any]:
        """Return the arguments that JSON values stand for."""
        return self.each(data, "lift")

    def each(self, value: Any, method: str) -> dict[str, Any]:
        """Return arguments after a method of their shapes.

        Raises:
            Misfit: an argument is missing, unknown, or does not have its type.
        """
        if not isinstance(value, dict):
            raise wanted("dict of arguments", value)
        given = cast("dict[str, Any]", value)
        if missing := self.required - given.keys():
            raise Misfit(f"the function's parameter {min(missing)!r} has no argument")
        made: dict[str, Any] = {}
        for name, one in given.items():
            shape = self.shapes.get(name)
            if shape is None:
                raise Misfit(f"the function has no parameter {name!r:.50}")
            try:
                made[name] = getattr(shape, method)(one)
            except Exception as error:
                raise Misfit(f"parameter {name!r}: {reason_of(error)}") from error
        return made


def shape_of(kind: Any, who: str) -> Shape:
    """Return the shape of a type.

    Args:
        kind: the type, without forward references.
        who: the queue, as errors name it.

    Raises:
        TypeError: no library knows the type.
        ImportError: the library for it is not installed.
    """
    fit = plain_fit(kind)
    if fit is not None:
        return Plain(fit)
    several = members(kind)
    try:
        if len(several) == 1:
            return Tagged(several, who) if is_record(several[0]) else single_shape(inner(kind), who)
        if uses_pydantic(kind):
            alone = sum(map(is_record, several)) < 2 and not uses_struct(kind)
            return Model(kind, who) if alone else Tagged(several, who)
        try:
            return Struct(kind, who)
        except TypeError:
            return Tagged(several, who)
    except ImportError:
        raise
    except Exception as error:  # pydantic has its own classes of errors
        raise TypeError(f"{who}: payloads of type {words(kind)} cannot be encoded: {reason_of(error)}") from error


def single_shape(kind: Any, who: str) -> Shape:
    """Return the shape of a type that is no union.

    Raises:
        Exception: the library for it does not know the type.
        ImportError: that library is not installed.
    """
    fit = plain_fit(kind)
    if fit is not None:
        return Plain(fit)
    if not uses_pydantic(kind):
        return Struct(kind, who)
    if uses_struct(kind):
        raise TypeError(
            "it has both a pydantic model and a msgspec.Struct in it, and neither library knows the other's"
        )
    return Model(kind, who)


def library(name: str, kind: Any, who: str, advice: str) -> Any:
    """Import the library that encodes a type, at its first use.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(
            f"{who}: payloads of type {words(kind)} need {name}. Install it: {advice}", name=name
        ) from None


def check_kind(value: object, classes: tuple[type, ...] | None, kind: Any) -> None:
    """Raise if a value is no object of these classes; None stands for any.

    Raises:
        Misfit: it is none.
    """
    if classes is not None and not isinstance(value, classes):
        raise wanted(words(kind), value)


def check_class(value: object, back: object) -> None:
    """Raise if a value would come back as an object of its base class, without its additional fields.

    Raises:
        Misfit: it would.
    """
    if type(back) is not type(value) and is_record(type(value)):
        raise Misfit(f"wanted {words(type(back))} itself, got its subclass {words(type(value))}")


def refuse_constant(name: str) -> Any:
    """Refuse NaN and Infinity, which Python's decoder would read.

    Raises:
        Misfit: always.
    """
    raise Misfit(f"{name} is no number in JSON")


_ENCODER: Final = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_DECODER: Final = json.JSONDecoder(parse_constant=refuse_constant)
dumps: Final[Callable[[Any], str]] = _ENCODER.encode
loads: Final[Callable[[str], Any]] = _DECODER.decode


def reason_of(error: Exception) -> str:
    """Return an error in a few words: of pydantic's list the first one."""
    listed: Any = getattr(error, "errors", None)
    if callable(listed) and type(error).__module__.startswith("pydantic"):
        try:
            several: Any = listed(include_url=False, include_input=False, include_context=False)
            path = ".".join(map(str, several[0]["loc"]))
            more = f", and {len(several) - 1} more" if len(several) > 1 else ""
            return f"{several[0]['msg']}{f' at {path}' if path else ''}{more}"
        except Exception:
            pass
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
