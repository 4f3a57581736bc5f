"""The class `Application`, from which users derive, and its options (OTP's `.app` file).

OTP finds the file `shop.app` by the name `shop`; here an application is a class. An application that may be missing, or
that is slow to import, is named by a string "package.module:Class", which is imported when the application is loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, TypeGuard

from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import FOREVER
from regrow.kernel.timers import LONGEST
from regrow.kernel.tracebacks import because


class ApplicationError(Exception):
    """An error in loading, starting or stopping an application.

    Attributes:
        reason: OTP's term, such as ("already_started", app), ("not_started", app) or (reason, (App, "start", args)).
    """

    def __init__(self, reason: Any, letter: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.letter = letter
        because(self, reason)

    def __str__(self) -> str:
        return self.letter


class InvalidApplication(ValueError):
    """An error in the class options of an application.

    Attributes:
        reason: OTP's term: ("bad_application", value) or ("invalid_options", (option, value)).
    """

    def __init__(self, reason: object, letter: str) -> None:
        super().__init__(letter)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Spec:
    """The options of an application; `KEYS` has OTP's names for them.

    `applications` and the two options like it contain classes, or strings for classes that are not imported yet.
    """

    description: str = ""
    id: str = ""
    version: str = ""
    modules: tuple[str, ...] = ()
    registered: tuple[object, ...] = ()
    applications: tuple[Any, ...] = ()
    optional_applications: tuple[Any, ...] = ()
    included_applications: tuple[Any, ...] = ()
    env: Mapping[Any, Any] = field(default_factory=dict[Any, Any])
    start_phases: tuple[tuple[Any, Any], ...] | None = None
    max_time: float | None = None
    args: Any = ()


# OTP's key -> the option with its value. "env" and "mod" are computed.
KEYS: Final = {
    "description": "description",
    "id": "id",
    "vsn": "version",
    "modules": "modules",
    "maxT": "max_time",
    "registered": "registered",
    "included_applications": "included_applications",
    "optional_applications": "optional_applications",
    "applications": "applications",
    "start_phases": "start_phases",
}


class Application:
    """The base class of applications: a supervision tree and an environment, started and stopped together.

    Class options, which derived classes inherit:
        env: the defaults of its environment; a derived class adds to them.
        applications: the applications that must run before it: classes, or "package.module:Class".
        optional_applications: those of `applications` that may be missing.
        included_applications: applications that are loaded with it; it starts their trees itself, below its own.
        start_phases: pairs (phase, args); `start_phase` is called with each once the tree is up.
        args: the default of the argument `args` of `start`.
        max_time: seconds after which it ends with "normal" (OTP's `maxT`); None for no limit.
        modules: names of the modules that belong to it; by default those of its package.
        description, version, id, registered: information for `application.spec` and `loaded_applications`.

    Raises:
        InvalidApplication: an option has a wrong value.
    """

    __regrow_spec__: ClassVar[Spec] = Spec()

    def __init_subclass__(
        cls,
        *,
        description: str | None = None,
        id: str | None = None,
        version: str | None = None,
        modules: Iterable[str] | None = None,
        registered: Iterable[object] | None = None,
        applications: Iterable[Any] | None = None,
        optional_applications: Iterable[Any] | None = None,
        included_applications: Iterable[Any] | None = None,
        env: Mapping[Any, Any] | Iterable[tuple[Any, Any]] | None = None,
        start_phases: Iterable[tuple[Any, Any]] | None = None,
        max_time: float | None = None,
        args: Any = None,
    ) -> None:
        super().__init_subclass__()
        spec = cls.__regrow_spec__
        options: dict[str, Any] = {
            "description": _checked(str, "description", description, "a string"),
            "id": _checked(str, "id", id, "a string"),
            "version": _checked(str, "version", version, "a string"),
            "modules": _names("modules", modules, str, "names of modules"),
            "registered": _names("registered", registered, object, "names"),
            "applications": _needs("applications", applications),
            "optional_applications": _needs("optional_applications", optional_applications),
            "included_applications": _needs("included_applications", included_applications),
            "env": None if env is None else {**spec.env, **_pairs("env", env)},
            "start_phases": None if start_phases is None else tuple(_pairs("start_phases", start_phases).items()),
            "max_time": _time(max_time),
            "args": args,
        }
        cls.__regrow_spec__ = replace(spec, **{key: value for key, value in options.items() if value is not None})

    async def start(self, start_type: str, args: Any, /) -> Any:
        """Start the supervision tree (OTP's `Module:start/2`). A class without `start` is a library, with no process.

        Args:
            start_type: "normal".
            args: the option `args`, or the argument of `application.start`.

        Returns:
            The pid of the top supervisor, or (pid, state); Error(reason) if the start failed.
        """
        raise NotImplementedError

    def start_phase(self, phase: Any, start_type: str, args: Any, /) -> Any:
        """Run one of the `start_phases`: they are called in order when the tree is up (OTP's `Module:start_phase/3`).

        The application counts as running when the last phase has returned.

        Returns:
            None, or Error(reason), which ends the start.
        """

    def prep_stop(self, state: Any, /) -> Any:
        """Prepare the stop, before the tree is stopped; return the state for `stop` (OTP's `Module:prep_stop/1`)."""
        return state

    def stop(self, state: Any, /) -> Any:
        """Clean up after the tree has ended (OTP's `Module:stop/1`); the value is not used."""

    def config_change(self, changed: dict[Any, Any], new: dict[Any, Any], removed: list[Any], /) -> Any:
        """Apply a changed environment, for `application.config_change` (OTP's `Module:config_change/3`).

        Args:
            changed: the keys whose values have changed, with the new values.
            new: the new keys and their values.
            removed: the removed keys.

        Returns:
            None, or Error(reason) if the application cannot accept the change.
        """


# The options, checked


def _invalid(option: str, value: object, wanted: str) -> InvalidApplication:
    letter = f"an application's {option}: wanted {wanted}, got {safe_repr(value)}"
    return InvalidApplication(("invalid_options", (option, value)), letter)


def _checked(kind: type, option: str, value: Any, wanted: str) -> Any:
    if value is not None and not isinstance(value, kind):
        raise _invalid(option, value, wanted)
    return value


def _time(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 <= value <= LONGEST or value == FOREVER):
        raise _invalid("max_time", value, f"seconds, at most {LONGEST:.0f}, or None for ever")
    return None if value == FOREVER else float(value)


def _names(option: str, value: Any, kind: type, wanted: str) -> tuple[Any, ...] | None:
    content: Any = value  # for type checkers: isinstance narrows `value`
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _invalid(option, value, f"a list of {wanted}")
    names = tuple(content)
    if not all(isinstance(name, kind) for name in names):
        raise _invalid(option, content, f"a list of {wanted}")
    return names


def _needs(option: str, value: Any) -> tuple[Any, ...] | None:
    apps = _names(option, value, object, 'applications: classes, or "package.module:Class"')
    for app in apps or ():
        if not isinstance(app, str) and not _is_application(app):
            letter = f'{option}: wanted classes derived from Application, or "module:Class", got {safe_repr(app)}'
            raise InvalidApplication(("bad_application", app), letter)
    return apps


def _pairs(option: str, value: Any) -> dict[Any, Any]:
    """Return a mapping or pairs (key, value) as a dict; no key may occur twice.

    Raises:
        InvalidApplication: it is something else, or a key occurs twice.
    """
    wanted = "a mapping, or pairs (key, value)"
    content: Any = value
    if isinstance(value, Mapping):
        return dict(content)
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _invalid(option, value, wanted)
    result: dict[Any, Any] = {}
    pairs: list[Any] = list(content)
    if any(type(pair) is not tuple or len(pair) != 2 for pair in pairs):
        raise _invalid(option, content, wanted)
    for key, content in pairs:
        if key in result:
            raise InvalidApplication(("invalid_options", ("duplicate", option, key)), f"{option}: {key!r} occurs twice")
        result[key] = content
    return result


# Finding applications


def _is_application(app: Any) -> TypeGuard[type[Application]]:
    return isinstance(app, type) and issubclass(app, Application)


def name_of(app: Any) -> str:
    """Return the name of an application for a message."""
    return app.__name__ if isinstance(app, type) else safe_repr(app)


def find(app: Any) -> type[Application] | None:
    """Return the class of an application; None if it is a name for which no class can be imported.

    Raises:
        TypeError: this is neither a class derived from Application nor the name of one.
    """
    if _is_application(app):
        return app
    if not isinstance(app, str):
        raise TypeError(f"wanted a class derived from Application, got {name_of(app)}")
    module_name, _, class_name = app.partition(":")
    if not class_name:
        return None
    try:
        value: Any = importlib.import_module(module_name)
        for part in class_name.split("."):
            value = getattr(value, part)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            return None
        raise  # the module was found, and one of its imports was not
    except AttributeError:
        return None
    if _is_application(value):
        return value
    raise TypeError(f"wanted a class derived from Application, got {app!r}, which is {safe_repr(value)}")


def check_application(app: Any) -> type[Application]:
    """Return the class of an application.

    Raises:
        ApplicationError: it is a name for which no class can be imported.
        TypeError: this is no application.
    """
    cls = find(app)
    if cls is None:
        raise not_found(app)
    return cls


def needs_of(app: type[Application]) -> list[tuple[Any, bool]]:
    """Return the applications that must run before an application, each with whether it is optional.

    An application that cannot be found is its name instead of its class.
    """
    spec = app.__regrow_spec__
    optional = [find(name) or name for name in spec.optional_applications]
    return [(found, found in optional) for name in spec.applications for found in (find(name) or name,)]


def not_found(app: object) -> ApplicationError:
    """Return the error for a name for which there is no application."""
    letter = (
        f'there is no application {app!r}. An application is a class, or "package.module:Class" that can be imported'
    )
    return ApplicationError(("not_found", app), letter)
