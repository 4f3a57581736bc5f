"""What an application says of itself: the class that users derive from, and its options (OTP's `.app` file).

Where OTP finds `shop.app` by the name `shop`, a class is there already. One that may be missing, or is too heavy to
import before it is wanted, is named by the text "package.module:Class", which is imported when it is loaded.
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
    """An application could not be loaded, started or stopped.

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
    """An option of an application is something else than it should be.

    Attributes:
        reason: OTP's term: ("bad_application", value) or ("invalid_options", (option, value)).
    """

    def __init__(self, reason: object, letter: str) -> None:
        super().__init__(letter)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Spec:
    """The options of an application, by OTP's names for them in `KEYS`.

    `applications` and the two like it hold classes, or texts for classes that are not imported yet.
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


# OTP's key -> the option that holds its value; "env" and "mod" are more than an option.
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
    """The base of all applications.

    Class options, all of which a class that is derived from it inherits:
        env: the defaults of its environment; what a derived class gives is added.
        applications: the applications that must run before it: classes, or "package.module:Class".
        optional_applications: those of them that may as well be missing.
        included_applications: applications that are loaded with it; it starts their trees itself, within its own.
        start_phases: pairs (phase, args) for `start_phase`, which is called with each of them once its tree is up.
        args: what its `start` gets, if whoever starts it says nothing else.
        max_time: after so many seconds it ends, with "normal" (OTP's `maxT`); None for never.
        modules: names of modules that belong to it; by default its own package.
        description, version, id, registered: what is told of it.

    Raises:
        InvalidApplication: an option is something else.
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
        given: dict[str, Any] = {
            "description": _checked(str, "description", description, "a text"),
            "id": _checked(str, "id", id, "a text"),
            "version": _checked(str, "version", version, "a text"),
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
        cls.__regrow_spec__ = replace(spec, **{key: value for key, value in given.items() if value is not None})

    async def start(self, start_type: str, args: Any, /) -> Any:
        """Start the tree: return the pid of its top supervisor, or (pid, state). A library has no `start`."""
        raise NotImplementedError

    def start_phase(self, phase: Any, start_type: str, args: Any, /) -> Any:
        """Called for each of the `start_phases`, in order, when the tree is up; `Error(reason)` if it has failed.

        The processes of the phase before are there; the application runs when the last phase is over.
        """

    def prep_stop(self, state: Any, /) -> Any:
        """Called before the tree is stopped; what it returns is the state from then on."""
        return state

    def stop(self, state: Any, /) -> Any:
        """Called when the tree is gone."""

    def config_change(self, changed: dict[Any, Any], new: dict[Any, Any], removed: list[Any], /) -> Any:
        """Called by `application.config_change` if the environment has changed; `Error(reason)` if that is no good."""


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
    content: Any = value  # seen as anything, whatever is found out of `value`
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _invalid(option, value, f"a list of {wanted}")
    found = tuple(content)
    if not all(isinstance(one, kind) for one in found):
        raise _invalid(option, content, f"a list of {wanted}")
    return found


def _needs(option: str, value: Any) -> tuple[Any, ...] | None:
    found = _names(option, value, object, 'applications: classes, or "package.module:Class"')
    for one in found or ():
        if not isinstance(one, str) and not _is_application(one):
            letter = f'{option}: wanted classes derived from Application, or "module:Class", got {safe_repr(one)}'
            raise InvalidApplication(("bad_application", one), letter)
    return found


def _pairs(option: str, value: Any) -> dict[Any, Any]:
    """A mapping, or pairs, none of which may stand twice."""
    wanted = "a mapping, or pairs (key, value)"
    content: Any = value
    if isinstance(value, Mapping):
        return dict(content)
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise _invalid(option, value, wanted)
    found: dict[Any, Any] = {}
    pairs: list[Any] = list(content)
    if any(type(pair) is not tuple or len(pair) != 2 for pair in pairs):
        raise _invalid(option, content, wanted)
    for key, content in pairs:
        if key in found:
            raise InvalidApplication(("invalid_options", ("duplicate", option, key)), f"{option}: {key!r} stands twice")
        found[key] = content
    return found


# Finding one


def _is_application(app: Any) -> TypeGuard[type[Application]]:
    return isinstance(app, type) and issubclass(app, Application)


def name_of(app: Any) -> str:
    """An application as it stands in a sentence."""
    return app.__name__ if isinstance(app, type) else safe_repr(app)


def find(app: Any) -> type[Application] | None:
    """The class of an application; None if it is named and cannot be found.

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
        found: Any = importlib.import_module(module_name)
        for part in class_name.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            return None
        raise  # it is there, and something that it needs is not
    except AttributeError:
        return None
    if _is_application(found):
        return found
    raise TypeError(f"wanted a class derived from Application, got {app!r}, which is {safe_repr(found)}")


def check_application(app: Any) -> type[Application]:
    """The class of an application.

    Raises:
        ApplicationError: there is none of this name.
        TypeError: this is no application.
    """
    found = find(app)
    if found is None:
        raise not_found(app)
    return found


def needs_of(app: type[Application]) -> list[tuple[Any, bool]]:
    """What must run before an application: the class, or the name of one that is not there; and whether it may lack."""
    spec = app.__regrow_spec__
    optional = [find(one) or one for one in spec.optional_applications]
    return [(found, found in optional) for one in spec.applications for found in (find(one) or one,)]


def not_found(app: object) -> ApplicationError:
    """The error that tells that nobody has this name."""
    letter = (
        f'there is no application {app!r}. An application is a class, or "package.module:Class" that can be imported'
    )
    return ApplicationError(("not_found", app), letter)
