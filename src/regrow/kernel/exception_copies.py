"""Copies of exceptions of any class, made without calling the class's code.

A class may refuse assignments (a frozen dataclass), may need other arguments than those it keeps, or may raise in its
`__reduce__`. So the fields of an exception are read and written through the descriptors of the built-in classes.
"""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final

FIELDS: Final = BaseException.__dict__
TRACEBACK: Final[Any] = FIELDS["__traceback__"]
CAUSE: Final[Any] = FIELDS["__cause__"]
CONTEXT: Final[Any] = FIELDS["__context__"]
SUPPRESS: Final[Any] = FIELDS["__suppress_context__"]
ARGS: Final[Any] = FIELDS["args"]
DICT: Final[Any] = FIELDS["__dict__"]
MEMBERS: Final[Any] = BaseExceptionGroup.__dict__["exceptions"]
MESSAGE: Final[Any] = BaseExceptionGroup.__dict__["message"]

HEAP_TYPE: Final = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class that was made at run time


def twin_of(error: BaseException, related: list[BaseException]) -> BaseException:
    """Return a copy of an exception, with copies of those `related` to it; one that cannot be copied is shared."""
    twins: dict[int, BaseException] = {}
    groups: list[BaseException] = []
    for one in related:
        if issubclass(type(one), BaseExceptionGroup):
            groups.append(one)
        else:
            twins[id(one)] = copied(one, ARGS.__get__(one))
    while groups:  # a group is made after its members
        later = [one for one in groups if not grouped(one, twins)]
        if len(later) == len(groups):
            break
        groups = later
    for one in related:
        twin = twins.get(id(one), one)
        if twin is not one:
            for field in (CONTEXT, CAUSE):
                other = field.__get__(one)
                field.__set__(twin, None if other is None else twins.get(id(other), other))
            SUPPRESS.__set__(twin, SUPPRESS.__get__(one))
            TRACEBACK.__set__(twin, TRACEBACK.__get__(one))
    return twins.get(id(error), error)


def grouped(group: BaseException, twins: dict[int, BaseException]) -> bool:
    """Copy a group if its members are copied already; return whether they are."""
    members: tuple[BaseException, ...] = MEMBERS.__get__(group)
    if not all(id(member) in twins for member in members):
        return False
    twins[id(group)] = copied(group, (MESSAGE.__get__(group), [twins[id(member)] for member in members]))
    return True


def copied(error: BaseException, args: tuple[Any, ...]) -> BaseException:
    """Return a copy with the same fields, slots and attributes; the exception itself if its class cannot be copied."""
    kind: Any = type(error)
    built_in: Any = next(one for one in kind.__mro__ if not one.__flags__ & HEAP_TYPE)
    try:
        twin: BaseException = built_in.__new__(kind, *args)
        for one in kind.__mro__:
            if one is not BaseException and one is not object:
                copy_fields(one, error, twin)
        DICT.__get__(twin).update(DICT.__get__(error))
        if not issubclass(kind, BaseExceptionGroup):
            ARGS.__set__(twin, args)
    except Exception:  # a class of an extension module that needs its special constructor
        return error
    return twin


def copy_fields(kind: type, error: BaseException, twin: BaseException) -> None:
    """Copy the fields that `kind` stores outside the instance's dictionary."""
    for name, field in vars(kind).items():
        if type(field) not in (MemberDescriptorType, GetSetDescriptorType) or name in ("__dict__", "__weakref__"):
            continue
        try:
            field.__set__(twin, field.__get__(error))
        except (AttributeError, TypeError):  # the field is not set, or it is read-only and was set by `__new__`
            continue
