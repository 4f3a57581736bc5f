"""Child specs: how a supervisor starts, restarts and stops a child."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any, Final, Literal, Protocol, cast, get_origin

from regrow.behaviours.gen.arguments import at_once
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import is_float
from regrow.kernel.names import Global, Via

RestartType = Literal["permanent", "transient", "temporary"]
ChildType = Literal["worker", "supervisor"]

RESTARTS: Final = ("permanent", "transient", "temporary")
TYPES: Final = ("worker", "supervisor")
CLASS_OPTIONS: Final = frozenset({"id", "modules", "restart", "shutdown", "significant", "start", "type"})

StartFunction = Callable[..., Any]

Start = StartFunction | tuple[StartFunction, Sequence[Any]]
"""How a child is started: an async function that starts it, linked, and returns its pid; or `(function, args)`."""


class InvalidChild(ValueError):
    """A child, or a value in its spec, that a supervisor cannot use.

    Attributes:
        reason: OTP's word for the mistake, such as ("invalid_restart_type", value).
    """

    def __init__(self, reason: object, letter: str) -> None:
        super().__init__(letter)
        self.reason = reason


class ChildSpec:
    """The description of a child: how its supervisor starts, restarts and stops it (OTP's `supervisor:child_spec()`).

    Args:
        id: the child's name within the supervisor; any hashable term.
        start: an async function that starts the child, linked, and returns its pid; or (function, args).
        restart: when to start it again: "permanent" always, "transient" after an abnormal end, "temporary" never.
        shutdown: seconds between the exit signal "shutdown" and the kill; "brutal_kill" kills at once; "infinity"
            never kills. By default 5.0, for a supervisor "infinity".
        type: "worker" or "supervisor".
        significant: True if the end of this child may end the supervisor (see `auto_shutdown`).
        modules: the classes or modules that the child runs, as `which_children` shows them, or "dynamic"; by default
            the class or module of `start`.

    Raises:
        InvalidChild: one of the values is invalid.
    """

    __slots__ = ("args", "id", "modules", "restart", "shutdown", "significant", "start", "type")

    start: StartFunction
    args: tuple[Any, ...]

    def __init__(
        self,
        id: Any,
        start: Start,
        restart: RestartType = "permanent",
        shutdown: float | timedelta | Literal["brutal_kill", "infinity"] | None = None,
        type: ChildType = "worker",
        significant: bool = False,
        modules: Sequence[object] | Literal["dynamic"] | None = None,
    ) -> None:
        self.id: object = _hashable(id)
        self.start, self.args = _start(id, start)
        self.restart: Any = _one_of(id, "restart", restart, RESTARTS, "invalid_restart_type")
        self.type: Any = _one_of(id, "type", type, TYPES, "invalid_child_type")
        if shutdown is None:
            shutdown = "infinity" if type == "supervisor" else 5.0
        self.shutdown: Any = _shutdown(id, shutdown)
        if significant is not True and significant is not False:
            raise InvalidChild(
                ("invalid_significant", significant),
                f"child {safe_repr(id)}: significant is True or False, got {safe_repr(significant)}",
            )
        self.significant: bool = significant
        self.modules: tuple[object, ...] = _owner(self.start) if modules is None else _modules(id, modules)

    def __repr__(self) -> str:
        return f"ChildSpec(id={safe_repr(self.id)}, start={start_call(self)}, restart={self.restart!r}, shutdown={self.shutdown!r}, type={self.type!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChildSpec) and all(
            getattr(self, name) == getattr(other, name) for name in self.__slots__
        )

    def __hash__(self) -> int:
        return hash(self.id)

    def without_args(self) -> ChildSpec:
        """Return the spec without the arguments of `start`, so that a child that never restarts keeps none alive."""
        return self.with_args(()) if self.args else self

    def with_args(self, args: tuple[Any, ...]) -> ChildSpec:
        """Return the spec with other arguments of `start`.

        A new ChildSpec would be checked again, and the id's `__hash__` may raise by now; `copy.copy` takes as long as a
        start.
        """
        spec: ChildSpec = object.__new__(ChildSpec)
        spec.id, spec.start, spec.args = self.id, self.start, args
        spec.restart, spec.shutdown, spec.type = self.restart, self.shutdown, self.type
        spec.significant, spec.modules = self.significant, self.modules
        return spec

    def replace(self, **changes: Any) -> ChildSpec:
        """Return a copy of the spec with some values replaced (`Supervisor.child_spec/2`).

        Raises:
            InvalidChild: one of the new values is invalid.
        """
        parts: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "args"}
        parts["start"] = (self.start, self.args)
        return ChildSpec(**{**parts, **changes})


class HasChildSpec(Protocol):
    """A class that a supervisor can start: `child_spec(arg)`, a class method, returns its `ChildSpec`."""

    @classmethod
    def child_spec(cls, *args: Any, **options: Any) -> ChildSpec:
        """Return how a supervisor starts, restarts and stops one child of this class."""
        ...


Child = ChildSpec | type[HasChildSpec] | tuple[type[HasChildSpec], Any]
"""A child as a supervisor accepts it: a class, `(class, argument)` or a `ChildSpec`."""


def of_class(cls: Any, arg: Any, options: dict[str, Any], type: ChildType = "worker") -> ChildSpec:
    """Return the spec of a class that is started by `start_link(arg)`."""
    parts: dict[str, Any] = {"id": cls, "start": (cls.start_link, () if arg is None else (arg,)), "type": type}
    parts["modules"] = (cls,)
    parts.update(options)
    return ChildSpec(**parts)


def child_spec(child: Child, **changes: Any) -> ChildSpec:
    """Return the spec of a child, with some values replaced (`Supervisor.child_spec/2`).

    Args:
        child: a class, (class, arg) or a ChildSpec.
        changes: values of the spec that are to be replaced, by name: id=, restart=, shutdown= …

    Raises:
        InvalidChild: `child` is none of these, its class has no `child_spec`, or a value is invalid.
    """
    spec: ChildSpec
    match child:
        case ChildSpec():
            spec = child
        case _ if (cls := class_of(child)) is not None:
            spec = _by_class(cls, ())
        case (first, arg) if (cls := class_of(first)) is not None:
            spec = _by_class(cls, (arg,))
        case _:
            raise InvalidChild(
                ("invalid_child_spec", child),
                "a supervisor expects each child to be one of:\n  * a class, such as Queue\n  * (class, argument)\n"
                f"  * ChildSpec(id=…, start=…)\nGot: {safe_repr(child)}",
            )
    return spec.replace(**changes) if changes else spec


def is_single_child(child: Any) -> bool:
    """Whether a value is one child: a class, a ChildSpec, or (class, arg) where arg is not a child itself."""
    match child:
        case ChildSpec():
            return True
        case _ if class_of(child) is not None:
            return True
        case (first, arg) if class_of(first) is not None:
            several = (
                isinstance(arg, ChildSpec)
                or class_of(arg) is not None
                or (isinstance(arg, tuple) and is_single_child(arg))
            )
            return not several
        case _:
            return False


def class_of(value: Any) -> type | None:
    """Return the class that a value is, Box for `Box[int]`; None if it is not a class."""
    if isinstance(value, type):
        return value
    origin: Any = get_origin(value)
    return origin if isinstance(origin, type) else None


def id_of(name: object, cls: type) -> object:
    """Return the default id of a child: its name, the key of a Global or Via name, or its class without a name."""
    if name is None:
        return cls
    return name.key if isinstance(name, Global | Via) else name


def _by_class(cls: Any, args: tuple[Any, ...]) -> ChildSpec:
    make = getattr(cls, "child_spec", None)
    if make is None:
        raise InvalidChild(
            ("invalid_child_spec", cls),
            f"{cls.__name__} was given as a child to a supervisor, but it has no child_spec.\n"
            "  If it is yours, derive it from GenServer, or give it a classmethod child_spec(arg) that returns a ChildSpec.\n"
            f"  If not, write ChildSpec(id={cls.__name__}, start=…) with an async function that starts it and returns its pid.",
        )
    spec: object = at_once(f"{cls.__name__}.child_spec", make, *args)
    if isinstance(spec, ChildSpec):
        return spec
    raise InvalidChild(
        ("invalid_child_spec", spec),
        f"{cls.__name__}.child_spec must return a ChildSpec; it returned {safe_repr(spec)}",
    )


def start_call(spec: ChildSpec) -> str:
    """Return the call that starts a child as text, for reports."""
    function: Any = spec.start
    args = [safe_repr(arg, 200) for arg in spec.args]
    if isinstance(function, partial):
        args = [*(safe_repr(arg, 200) for arg in function.args), *args]
        args += [f"{key}={safe_repr(value, 200)}" for key, value in function.keywords.items()]
        function = cast("Any", function.func)
    name = getattr(function, "__qualname__", None) or safe_repr(function, 100)
    owner: Any = getattr(function, "__self__", None)
    if owner is not None and hasattr(owner, "__name__"):  # a class method: name the class that inherits it
        name = f"{owner.__name__}.{getattr(function, '__name__', '?')}"
    return f"{name}({', '.join(args)})"


def class_options(cls: type, options: dict[str, Any], *others: str) -> dict[str, Any]:
    """Check and return the options of a class statement that concern its child spec.

    Raises:
        InvalidChild: an option has an invalid value; raised by the class statement, before a supervisor uses it.
        TypeError: an option is unknown.
    """
    unknown = options.keys() - CLASS_OPTIONS
    if unknown:
        known = ", ".join(sorted(CLASS_OPTIONS.union(others)))
        raise TypeError(f"class {cls.__name__}: unknown option {', '.join(sorted(unknown))}. Wanted one of {known}")
    parts: dict[str, Any] = {"id": cls, "start": class_options, "modules": (), **options}
    ChildSpec(**parts)
    return options


def _hashable(id: object) -> object:
    try:
        hash(id)
    except TypeError:
        letter = f"a child's id is a string, a class or any other hashable term; got {safe_repr(id)}"
        raise InvalidChild(("invalid_id", id), letter) from None
    return id


def _start(id: object, start: Any) -> tuple[StartFunction, tuple[Any, ...]]:
    match start:
        case (function, [*args]) if callable(function):
            return cast(StartFunction, function), tuple(args)
        case _ if callable(start):
            return cast(StartFunction, start), ()
        case _:
            pass
    raise InvalidChild(
        ("invalid_mfa", start),
        f"child {safe_repr(id)}: start is an async function, or (function, args), that starts it and returns its pid; got {safe_repr(start)}",
    )


def _one_of(id: object, what: str, value: Any, allowed: tuple[str, ...], word: str) -> Any:
    if value not in allowed:
        raise InvalidChild(
            (word, value), f"child {safe_repr(id)}: {what} is one of {', '.join(allowed)}; got {safe_repr(value)}"
        )
    return value


def _shutdown(id: object, value: Any) -> Any:
    if isinstance(value, str) and value in ("brutal_kill", "infinity"):
        return value
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if value == float("inf"):
        return "infinity"
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0 or not is_float(value):
        raise InvalidChild(
            ("invalid_shutdown", value),
            f'child {safe_repr(id)}: shutdown is seconds ≥ 0, "brutal_kill" or "infinity"; got {safe_repr(value)}',
        )
    return value


def _modules(id: object, value: Any) -> tuple[object, ...]:
    if value == "dynamic":
        return (value,)
    wrong: tuple[str, Any] | None = None
    modules: tuple[Any, ...] = ()
    if isinstance(value, list | tuple):
        modules = tuple(cast("Iterable[Any]", value))
        for module in modules:
            if not (isinstance(module, str | ModuleType) or callable(module)):
                wrong = ("invalid_module", module)
                break
    else:
        wrong = ("invalid_modules", value)
    if wrong is not None:
        letter = f'child {safe_repr(id)}: modules is a list of classes and modules, or "dynamic"; got {safe_repr(cast("Any", value))}'
        raise InvalidChild(wrong, letter)
    return modules


def _owner(start: Any) -> tuple[object, ...]:
    owner: Any = getattr(start, "__self__", None)
    if owner is not None and hasattr(owner, "__name__"):
        return (owner,)
    return (inspect.getmodule(start) or start,)
