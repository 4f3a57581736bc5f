"""Checks of a class when it becomes a service. Each mistake is raised where the class is defined."""

from __future__ import annotations

from typing import Any, Final

from regrow.behaviours.service.methods import EVERY, INFO, Method

RESERVED: Final = ("start_link", "start", "named", "at", "child_spec", "then", "caller")
CALLBACKS: Final = ("init", "terminate", "handle_info", "handle_continue", "code_change", "format_status")


def check_class(cls: Any) -> dict[str, Method]:
    """Return the message methods of a class by name, including those of its bases.

    Raises:
        TypeError: a name cannot be a message, or has another kind in a base class.
    """
    methods: dict[str, Method] = {}
    members: dict[str, Any] = cls.__dict__
    for name, value in members.items():
        check_name(cls, name, value)
        for base in cls.__mro__[1:]:
            if name in vars(base):
                check_override(cls, name, value, base)
                break
    check_infos(cls)
    for base in reversed(cls.__mro__):
        base_members: dict[str, Any] = base.__dict__
        methods.update({name: value for name, value in base_members.items() if isinstance(value, Method)})
    return methods


def check_name(cls: type, name: str, value: object) -> None:
    """Check that a name of a service class may be defined, and may have its decorator.

    Raises:
        TypeError: every service has this name already, or it is a callback or a special method with a decorator.
    """
    if name in RESERVED:
        raise TypeError(f"class {cls.__name__}: every service has {name}, and a class cannot define it. Rename yours")
    kind = kind_of(value)
    if kind is None:
        return
    if name in CALLBACKS:
        raise TypeError(
            f"class {cls.__name__}: {name} is a callback, which the server itself calls. "
            f"Remove @service.{kind}, or rename the method"
        )
    if name.startswith("__"):
        raise TypeError(
            f"class {cls.__name__}: {name} cannot be a @service.{kind}: Python calls such a method on the object, "
            f"and a handle is not that object. Give it a plain name"
        )


def check_override(cls: type, name: str, value: object, base: type) -> None:
    """Check that a method is the same kind of message as in the base class it overrides.

    Raises:
        TypeError: it is another kind, or has no decorator.
    """
    before, now = kind_of(vars(base)[name]), kind_of(value)
    if before is not None and before != now:
        what = "has no decorator here" if now is None else f"is a @service.{now} here"
        raise TypeError(
            f"class {cls.__name__}: {name} {what}, and a @service.{before} in {base.__name__}. "
            f"Callers with a handle of {base.__name__} send a {before}: decorate it with @service.{before}"
        )


def check_infos(cls: type) -> None:
    """Check that no two methods of one class take the same class of messages.

    Raises:
        TypeError: two methods do.
    """
    seen: dict[type, str] = {}
    for name, value in vars(cls).items():
        for kind in getattr(value, INFO, ()):
            if kind in seen:
                raise TypeError(
                    f"class {cls.__name__}: {seen[kind]} and {name} are both @service.info({kind.__name__}), "
                    f"and a message goes to one method only. Let one of them call the other"
                )
            seen[kind] = name


def kind_of(value: object) -> str | None:
    """Return the decorator's name ("call", "cast", "info", "every") of a class attribute; None if it has none."""
    if isinstance(value, Method):
        return value.kind
    if hasattr(value, INFO):
        return "info"
    return "every" if hasattr(value, EVERY) else None
