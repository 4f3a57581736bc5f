"""What is asked of a class when it becomes a service. Each mistake is told where the class is defined."""

from __future__ import annotations

from typing import Any, Final

from regrow.behaviours.service.methods import EVERY, INFO, Method

OURS: Final = ("start_link", "start", "named", "at", "child_spec", "then", "caller")
CALLBACKS: Final = ("init", "terminate", "handle_info", "handle_continue", "code_change", "format_status")


def check_class(cls: Any) -> dict[str, Method]:
    """The messages of a class by name, those of its bases among them.

    Raises:
        TypeError: a name that cannot be a message, or one that is of another kind in a base.
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
        found: dict[str, Any] = base.__dict__
        methods.update({name: value for name, value in found.items() if isinstance(value, Method)})
    return methods


def check_name(cls: type, name: str, value: object) -> None:
    """Raise if a name is taken by what every service has.

    Raises:
        TypeError: it is.
    """
    if name in OURS:
        raise TypeError(f"class {cls.__name__}: {name} is what every service has, and cannot be defined. Rename yours")
    kind = kind_of(value)
    if kind is None:
        return
    if name in CALLBACKS:
        raise TypeError(
            f"class {cls.__name__}: {name} is a callback, called by the server itself. "
            f"Leave @service.{kind} out, or rename the method"
        )
    if name.startswith("__"):
        raise TypeError(
            f"class {cls.__name__}: {name} cannot be a @service.{kind}: Python calls such a method on the object, "
            f"and a handle is another one. Give it a plain name"
        )


def check_override(cls: type, name: str, value: object, base: type) -> None:
    """Raise if a method is one kind of message in a base and another here.

    Raises:
        TypeError: it is.
    """
    before, now = kind_of(vars(base)[name]), kind_of(value)
    if before is not None and before != now:
        what = "has no decorator here" if now is None else f"is a @service.{now} here"
        raise TypeError(
            f"class {cls.__name__}: {name} {what}, and a @service.{before} in {base.__name__}. "
            f"Whoever has a handle of {base.__name__} sends a {before}: decorate it with @service.{before}"
        )


def check_infos(cls: type) -> None:
    """Raise if two methods of one class take the same messages.

    Raises:
        TypeError: there are two.
    """
    seen: dict[type, str] = {}
    for name, value in vars(cls).items():
        for kind in getattr(value, INFO, ()):
            if kind in seen:
                raise TypeError(
                    f"class {cls.__name__}: {seen[kind]} and {name} are both @service.info({kind.__name__}), "
                    f"and a message goes to one. Let one of them call the other"
                )
            seen[kind] = name


def kind_of(value: object) -> str | None:
    """Which decorator an attribute of a class has; None for any other."""
    if isinstance(value, Method):
        return value.kind
    if hasattr(value, INFO):
        return "info"
    return "every" if hasattr(value, EVERY) else None
