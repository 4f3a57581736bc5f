"""What to start and how to stop it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from copy import copy
from datetime import timedelta
from functools import partial
from types import ModuleType
from typing import Any, Final, Literal, cast, get_origin

from regrow.behaviours.gen.arguments import at_once
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import is_float
from regrow.kernel.names import Global, Via

RestartType = Literal["permanent", "transient", "temporary"]
ChildType = Literal["worker", "supervisor"]

RESTARTS: Final = ("permanent", "transient", "temporary")
TYPES: Final = ("worker", "supervisor")
CLASS_OPTIONS: Final = frozenset({"id", "modules", "restart", "shutdown", "significant", "start", "type"})

Start = Callable[..., Awaitable[Any]]


class InvalidChild(ValueError):
    """A child that is no child.

    Attributes:
        reason: OTP's word for the mistake, such as ("invalid_restart_type", value).
    """

    def __init__(self, reason: object, letter: str) -> None:
        super().__init__(letter)
        self.reason = reason


class ChildSpec:
    """How a supervisor starts, restarts and stops one child.

    Args:
        id: its name within the supervisor; any hashable term.
        start: an async function that starts it, linked, and returns its pid; or (function, args).
        restart: "permanent" always, "transient" after an abnormal end, "temporary" never.
        shutdown: seconds to end in when told "shutdown", after which it is killed; "brutal_kill" kills at once;
            "infinity" waits. By default 5.0, for a supervisor "infinity".
        type: "worker" or "supervisor".
        significant: its own end may end the supervisor (see `auto_shutdown`).
        modules: the classes or modules that it runs, as `which_children` shows them, or "dynamic"; by default what
            `start` belongs to.

    Raises:
        InvalidChild: one of these is something else.
    """

    __slots__ = ("args", "id", "modules", "restart", "shutdown", "significant", "start", "type")

    start: Start
    args: tuple[Any, ...]

    def __init__(
        self,
        id: Any,
        start: Any,
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
        """The same without what `start` is given: what is never started again need not be kept alive."""
        if not self.args:
            return self
        made = copy(self)  # and not a new one, which would be checked: its id may raise by now when it is hashed
        made.args = ()
        return made

    def replace(self, **changes: Any) -> ChildSpec:
        """The same spec with other values, as `Supervisor.child_spec/2` makes it."""
        parts: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "args"}
        parts["start"] = (self.start, self.args)
        return ChildSpec(**{**parts, **changes})


def of_class(cls: Any, arg: Any, options: dict[str, Any], type: ChildType = "worker") -> ChildSpec:
    """The spec of a class that is started by `start_link(arg)`."""
    parts: dict[str, Any] = {"id": cls, "start": (cls.start_link, () if arg is None else (arg,)), "type": type}
    parts["modules"] = (cls,)
    parts.update(options)
    return ChildSpec(**parts)


def child_spec(child: Any, **changes: Any) -> ChildSpec:
    """The spec of a child in any of its forms: a class, (class, arg) or a ChildSpec, with some values replaced.

    Raises:
        InvalidChild: it is none of these, or the class has no `child_spec`.
    """
    spec: ChildSpec
    match child:
        case ChildSpec():
            spec = child
        case _ if (cls := class_of(child)) is not None:
            spec = _by_class(cls, ())
        case (one, arg) if (cls := class_of(one)) is not None:
            spec = _by_class(cls, (arg,))
        case _:
            raise InvalidChild(
                ("invalid_child_spec", child),
                "a supervisor expects each child to be one of:\n  * a class, such as Queue\n  * (class, argument)\n"
                f"  * ChildSpec(id=…, start=…)\nGot: {safe_repr(child)}",
            )
    return spec.replace(**changes) if changes else spec


def is_one(child: Any) -> bool:
    """Whether this is one child, and not several: a class, a ChildSpec, or (class, arg) whose arg is no child itself."""
    match child:
        case ChildSpec():
            return True
        case _ if class_of(child) is not None:
            return True
        case (one, arg) if class_of(one) is not None:
            several = (
                isinstance(arg, ChildSpec) or class_of(arg) is not None or (isinstance(arg, tuple) and is_one(arg))
            )
            return not several
        case _:
            return False


def class_of(value: Any) -> type | None:
    """The class that this is, `Box[int]` being Box; None if it is none."""
    if isinstance(value, type):
        return value
    origin: Any = get_origin(value)
    return origin if isinstance(origin, type) else None


def id_of(name: object, cls: type) -> object:
    """The id of a child that is known by a name: a plain name, or the key of a Global or a Via; without one its class."""
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
        ("invalid_child_spec", spec), f"{cls.__name__}.child_spec gives a ChildSpec; it gave {safe_repr(spec)}"
    )


def start_call(spec: ChildSpec) -> str:
    """The call that starts a child, for reports."""
    function: Any = spec.start
    args = [safe_repr(arg, 200) for arg in spec.args]
    if isinstance(function, partial):
        args = [*(safe_repr(arg, 200) for arg in function.args), *args]
        args += [f"{key}={safe_repr(value, 200)}" for key, value in function.keywords.items()]
        function = cast("Any", function.func)
    name = getattr(function, "__qualname__", None) or safe_repr(function, 100)
    owner: Any = getattr(function, "__self__", None)
    if owner is not None and hasattr(owner, "__name__"):  # a class method, named for the class that inherits it
        name = f"{owner.__name__}.{getattr(function, '__name__', '?')}"
    return f"{name}({', '.join(args)})"


def class_options(cls: type, options: dict[str, Any], *others: str) -> dict[str, Any]:
    """The options of a class that concern its child spec.

    Raises:
        InvalidChild: one has a value that no child spec can have; here and not when a supervisor starts it.
        TypeError: there is one that no class has.
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


def _start(id: object, start: Any) -> tuple[Start, tuple[Any, ...]]:
    match start:
        case (function, [*args]) if callable(function):
            return cast(Start, function), tuple(args)
        case _ if callable(start):
            return cast(Start, start), ()
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
        for one in modules:
            if not (isinstance(one, str | ModuleType) or callable(one)):
                wrong = ("invalid_module", one)
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
