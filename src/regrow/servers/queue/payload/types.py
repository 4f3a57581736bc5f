"""The payload type of a queue: read from the brackets, taken apart, and named in errors."""

from __future__ import annotations

import inspect
import sys
from contextlib import suppress
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    ForwardRef,
    Literal,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

UNIONS: Final = (Union, UnionType)
OF_PYDANTIC: Final = frozenset(["pydantic", "pydantic_core", "pydantic_extra_types", "annotated_types"])
OF_LIBRARIES: Final = OF_PYDANTIC | {"msgspec"}


def argument_of(kind: Any, base: type) -> Any:
    """Return the argument of `base` in a class or an alias: int for `Queue[int]`, and for a subclass of `Queue[int]`.

    It is Any if there is none, and a TypeVar if a generic subclass leaves it open.
    """
    origin: Any = get_origin(kind) or kind
    given = get_args(kind)
    if origin is base:
        return given[0] if given else Any
    mapping = dict(zip(getattr(origin, "__parameters__", ()), given, strict=False))
    attributes = cast("dict[str, Any]", vars(origin))
    parents: tuple[Any, ...] = attributes.get("__orig_bases__", origin.__bases__)
    for parent in parents:
        of: Any = get_origin(parent) or parent
        if isinstance(of, type) and issubclass(of, base):
            return substituted(argument_of(parent, base), mapping)
    return Any


def substituted(kind: Any, mapping: dict[Any, Any]) -> Any:
    """Return a type with its type variables replaced."""
    if isinstance(kind, TypeVar):
        return mapping.get(kind, kind)
    alias: Any = kind
    parameters: tuple[Any, ...] = () if isinstance(kind, type) else getattr(kind, "__parameters__", ())
    if not parameters or not mapping:
        return alias
    return alias[tuple(mapping.get(one, one) for one in parameters)]


def resolved(kind: Any, modules: list[str], who: str) -> Any:
    """Return a type without forward references: `Queue["Email"]` names a class that is defined later.

    Args:
        kind: the type.
        modules: names of the modules to look in.
        who: the queue, as the error names it.

    Raises:
        TypeError: a name is not defined in the modules.
    """
    if isinstance(kind, type) and get_origin(kind) is None:
        return kind
    names: dict[str, Any] = {}
    for module in reversed(modules):
        names |= vars(sys.modules.get(module, sys))
    return hints_of({"payload": ForwardRef(kind) if isinstance(kind, str) else kind}, names, who)["payload"]


def hints_of(annotations: dict[str, Any], names: dict[str, Any], who: str) -> dict[str, Any]:
    """Return annotations without forward references.

    Raises:
        TypeError: a name is not defined.
    """

    def annotated() -> None: ...

    annotated.__annotations__ = annotations
    try:
        return get_type_hints(annotated, names, include_extras=True)
    except (NameError, SyntaxError) as error:
        raise TypeError(
            f"{who}: a payload type cannot be found: {error}. "
            "Define it in the module itself, and outside `if TYPE_CHECKING:`"
        ) from None


def inner(kind: Any) -> Any:
    """Return what stands behind a NewType, a `type X = …`, a type variable, or remarks in an Annotated."""
    while True:
        if isinstance(kind, TypeVar):
            kind = Any if kind.__bound__ is None else kind.__bound__
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif get_origin(kind) is Annotated and not of_library(kind.__metadata__):
            kind = kind.__origin__
        elif is_alias(kind):
            kind = kind.__value__
        else:
            return NoneType if kind is None else kind


def is_alias(kind: Any) -> bool:
    """Return whether this is a `type X = …`, which Python 3.12 has."""
    return type(kind).__name__ == "TypeAliasType" and hasattr(kind, "__value__")


def members(kind: Any) -> list[Any]:
    """Return the members of a union, those of unions in it included; or the type itself alone."""
    kind = inner(kind)
    if get_origin(kind) not in UNIONS:
        return [kind]
    return [one for member in get_args(kind) for one in members(member)]


def of_library(values: tuple[Any, ...], libraries: frozenset[str] = OF_LIBRARIES) -> bool:
    """Return whether the class of one of these values is from msgspec, pydantic or a part of it."""
    return any(type(value).__module__.partition(".")[0] in libraries for value in values)


def uses_pydantic(kind: Any) -> bool:
    """Return whether a pydantic model is in a type: as itself, as an argument, or as a field of a class."""
    return any(_is_pydantic(one) for one in parts(kind, set()))


def uses_struct(kind: Any) -> bool:
    """Return whether a `msgspec.Struct` is in a type."""
    return any(hasattr(one, "__struct_fields__") for one in parts(kind, set()))


def _is_pydantic(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        return of_library(kind.__metadata__, OF_PYDANTIC)
    return hasattr(kind, "__get_pydantic_core_schema__") or hasattr(kind, "__pydantic_fields__")


def parts(kind: Any, seen: set[int]) -> list[Any]:
    """Return a type and all that it is made of."""
    kind = inner(kind)
    if id(kind) in seen:
        return []
    seen.add(id(kind))
    found = [kind]
    origin = get_origin(kind)
    below = [] if origin is Literal else list(get_args(kind))
    if origin is not None:
        below.append(origin)
    elif is_record(kind):
        # The library that encodes the class finds its fields in its own way, or raises the error.
        with suppress(NameError, SyntaxError, TypeError):
            below.extend(get_type_hints(kind, include_extras=True).values())
    for one in below:
        found += parts(one, seen)
    return found


def is_record(kind: Any) -> bool:
    """Return whether a type is a class with named fields: a Struct, a dataclass, a pydantic model, attrs, a TypedDict."""
    kind = get_origin(kind) or kind
    marks = ("__struct_fields__", "__dataclass_fields__", "__pydantic_fields__", "__attrs_attrs__", "_fields")
    return isinstance(kind, type) and (is_typeddict(kind) or any(hasattr(kind, mark) for mark in marks))


def classes_of(kind: Any) -> tuple[type, ...] | None:
    """Return the classes of which a value of this type must be an object; None if that cannot be said."""
    found: list[type] = []
    for one in members(kind):
        bare = inner(one.__origin__) if get_origin(one) is Annotated else one
        origin = get_origin(bare) or bare
        if is_typeddict(origin):
            origin = dict
        if not isinstance(origin, type) or origin is object:
            return None
        found.append(origin)
        if origin is float:
            found.append(int)
    return tuple(found)


def words(kind: Any) -> str:
    """Return a type as an error names it."""
    if isinstance(kind, type) and get_origin(kind) is None:
        return "None" if kind is NoneType else kind.__qualname__.rpartition("<locals>.")[2]
    if get_origin(kind) in UNIONS:
        return " | ".join(words(one) for one in get_args(kind))
    if get_args(kind) and get_origin(kind) not in {Literal, Annotated}:
        return f"{words(get_origin(kind))}[{', '.join(map(words, get_args(kind)))}]"
    return repr(kind).replace("typing.", "")


def modules_of(cls: type) -> list[str]:
    """Return the modules of a class and its bases, in which the names of its payload type may be."""
    return [one.__module__ for one in cls.__mro__]


def caller_module(inside: str) -> str:
    """Return the module that makes an object: the first caller that is neither this module, `inside`, nor typing."""
    frame = inspect.currentframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module not in {__name__, inside, "typing"}:
            return module
        frame = frame.f_back
    return inside
