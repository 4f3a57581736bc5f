"""The functions for loading, specs and environments of applications. `regrow.application` is the page of the concept."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from regrow.behaviours.application.controller import (
    ApplicationEntry,
    controller_of,
    environment_key,
    not_started,
)
from regrow.behaviours.application.spec import (
    Application,
    ApplicationError,
    check_application,
    find,
    name_of,
)
from regrow.behaviours.gen.results import Error
from regrow.behaviours.gen.user_code import is_failure
from regrow.kernel import bounded_repr, exits
from regrow.kernel.awaitables import is_awaitable
from regrow.kernel.current_node import current_node
from regrow.kernel.process_record import Pid, Process
from regrow.kernel.running import running

OWN: Final = object()  # stands for the application that the running process belongs to
Descriptions = list[tuple[type[Application], str, str]]

# Load and unload


def load(app: Any) -> None:
    """Load an application on this node, with its environment and the applications that it includes (`application:load/1`).

    Values that were set in its environment before are kept; the others come from its class.

    Args:
        app: its class, or "package.module:Class".

    Raises:
        ApplicationError: it is loaded already; or it, or one that it includes, cannot be found.
        TypeError: this is no application.
    """
    cls = check_application(app)
    controller = controller_of(current_node())
    if cls in controller.loaded:
        raise ApplicationError(("already_loaded", cls), f"{cls.__name__} is loaded already")
    controller.load(cls)


def ensure_loaded(app: Any) -> None:
    """Load an application unless it is loaded (`Application.ensure_loaded/1`).

    Args:
        app: its class, or "package.module:Class".

    Raises:
        ApplicationError: it cannot be found.
        TypeError: this is no application.
    """
    cls = check_application(app)
    controller = controller_of(current_node())
    if cls not in controller.loaded:
        controller.load(cls)


def unload(app: Any) -> None:
    """Unload an application, its environment and the applications that it includes (`application:unload/1`).

    Values that were set with `persistent=True` return when it is loaded again.

    Args:
        app: its class, or "package.module:Class".

    Raises:
        ApplicationError: it runs, or it is not loaded.
    """
    cls = find(app) if isinstance(app, str) else app
    controller = controller_of(current_node())
    entry = controller.entry(cls)
    if entry is not None and entry.state != "exited":
        raise ApplicationError(("running", cls), f"{name_of(cls)} runs. Stop it first")
    if cls not in controller.loaded:
        raise ApplicationError(("not_loaded", cls or app), f"{name_of(cls or app)} is not loaded")
    controller.unload(cls)


def loaded_applications() -> Descriptions:
    """Return (application, description, version) of each loaded application (`application:loaded_applications/0`)."""
    return [_description(app) for app in controller_of(current_node()).loaded]


def started_applications(timeout: float | timedelta | None = None) -> Descriptions:
    """Return (application, description, version) of each running application (`application:which_applications/1`).

    The last started is first.

    Args:
        timeout: accepted as in OTP, and not used: the function returns at once.
    """
    del timeout
    return [_description(entry.app) for entry in reversed(controller_of(current_node()).running())]


which_applications = started_applications


def _description(app: type[Application]) -> tuple[type[Application], str, str]:
    return app, app.__regrow_spec__.description, app.__regrow_spec__.version


async def wait_ended(app: Any) -> object:
    """Wait until an application has ended, and return the reason; "stopped" if `stop` or the node's end stopped it.

    Raises:
        ApplicationError: it was not started.
    """
    entry = _entry(app)
    if entry is None:
        raise not_started(app)
    return await asyncio.shield(entry.ended)


def get_child(app: Any) -> Pid | None:
    """Return the pid of an application's top supervisor, without a call; None if it does not run, or has no process."""
    entry = _entry(app)
    return None if entry is None or entry.state != "running" else entry.top


def _entry(app: Any) -> ApplicationEntry | None:
    return controller_of(current_node()).entry(find(app) if isinstance(app, str) else app)


# The spec


def get_key(app: Any, key: Any = OWN) -> Any:
    """Return a value of an application's spec by OTP's key, such as "vsn" or "applications" (`application:get_key/2`).

    A single argument is the key; the application is then the one of the running process.

    Returns:
        The value; None if there is no such key, or the application is not loaded.
    """
    owner, name = (get_application(), app) if key is OWN else (app, key)
    keys = get_all_key(owner)
    return None if keys is None else keys.get(name)


def get_all_key(app: Any = OWN) -> dict[str, Any] | None:
    """Return an application's spec as a dict by OTP's keys; None if it is not loaded (`application:get_all_key/1`).

    Without an argument, the application is the one of the running process.
    """
    owner = get_application() if app is OWN else app
    cls = find(owner) if isinstance(owner, str) else owner
    controller = controller_of(current_node())
    return controller.spec(cls) if cls in controller.loaded else None


def spec(app: Any, key: str | None = None) -> Any:
    """Return the spec of a loaded application without its environment, or one value of it (`Application.spec/2`).

    Args:
        app: its class, or "package.module:Class".
        key: OTP's key, such as "vsn"; None for all as a dict.

    Returns:
        The dict or the value; None if the application is not loaded.

    Raises:
        ValueError: no spec has such a key.
    """
    keys = get_all_key(app)
    if keys is None:
        return None
    del keys["env"]
    if key is None:
        return keys
    if key not in keys:
        raise ValueError(f"spec: key is one of {', '.join(keys)}; got {key!r}")
    return keys[key]


def get_application(who: Pid | ModuleType | type | str | None = None) -> type[Application] | None:
    """Return the application of a process or a module; None if it belongs to none (`application:get_application/1`).

    Args:
        who: a pid, a module, a module's name, or a class; None for the running process.
    """
    if who is None or isinstance(who, Pid):
        process: Process | None = running() if who is None else who.process
        owner: Any = None if process is None else process.application
        return owner if isinstance(owner, type) else None
    name = who if isinstance(who, str) else who.__name__ if isinstance(who, ModuleType) else who.__module__
    loaded = list(controller_of(current_node()).loaded)
    named = [app for app in loaded if name in app.__regrow_spec__.modules]
    around = [app for app in loaded if f"{name}.".startswith(f"{_package_of(app)}.") or name == app.__module__]
    return next(iter([*named, *sorted(around, key=lambda app: -len(_package_of(app)))]), None)


def start_type() -> str | None:
    """Return "normal" while the running process's application starts, and "local" after that (`application:start_type/0`).

    None if the process belongs to no application.
    """
    entry = controller_of(current_node()).entry(running().application)
    if entry is None:
        return None
    return "normal" if entry.state == "starting" else "local"


def _package_of(app: type[Application]) -> str:
    return app.__module__.rpartition(".")[0] or app.__module__


def app_dir(app: Any, path: str | Iterable[str] = ()) -> Path:
    """Return the folder of an application's package, or a path below it (`Application.app_dir/2`).

    A package may be inside an archive; to read its files there, use `importlib.resources`.

    Args:
        app: its class, or "package.module:Class".
        path: a relative path, or its parts.

    Raises:
        ValueError: there is no such application.
    """
    cls = find(app)
    if cls is None:
        raise ValueError(f"app_dir: unknown application {app!r}")
    folder = Path(inspect.getfile(sys.modules[cls.__module__])).parent
    return folder.joinpath(path) if isinstance(path, str) else folder.joinpath(*path)


# The environment


def get_env(app: Any, key: Any, default: Any = None) -> Any:
    """Return a value of an application's environment, or `default` (`Application.get_env/3`).

    Args:
        app: its class, "package.module:Class", or any other name.
        key: the key of the value.
        default: the result if there is no such key.
    """
    return controller_of(current_node()).environment(app).get(key, default)


def fetch_env(app: Any, key: Any) -> Any:
    """Return a value of an application's environment, which must be set (`Application.fetch_env!/2`).

    Raises:
        KeyError: it is not set.
    """
    environment = controller_of(current_node()).environment(app)
    if key not in environment:
        unknown = not environment and not isinstance(app, type)
        why = "the application was not loaded nor configured" if unknown else f"configuration at {key!r} was not set"
        raise KeyError(f"could not fetch application environment {key!r} for application {name_of(app)} because {why}")
    return environment[key]


def put_env(app: Any, key: Any, value: Any, *, persistent: bool = False) -> None:
    """Set a value in an application's environment (`Application.put_env/4`).

    Args:
        app: an application, loaded or not.
        key: the key of the value, any hashable object.
        value: any value.
        persistent: whether the value is kept when the application is unloaded and loaded again.

    Raises:
        TypeError: `app` is no application, and no name of one.
    """
    controller_of(current_node()).put(app, key, value, persistent)


def put_all_env(config: Mapping[Any, Mapping[Any, Any]], *, persistent: bool = False) -> None:
    """Set values of several applications: `{app: {key: value}}` (`Application.put_all_env/2`).

    Args:
        config: a mapping of mappings.
        persistent: as for `put_env`.

    Raises:
        TypeError: `config` is no mapping of mappings, or has a key that is no application; nothing is set.
    """
    parts: list[object] = [config]
    if isinstance(parts[0], Mapping):
        parts += config.values()
    if not all(isinstance(part, Mapping) for part in parts):
        raise TypeError(f"wanted a mapping of mappings, {{app: {{key: value}}}}, got {bounded_repr.safe_repr(config)}")
    controller = controller_of(current_node())
    copies = [(app, dict(values)) for app, values in config.items()]
    for app, _ in copies:
        environment_key(app)
    for app, values in copies:
        for key, value in values.items():
            controller.put(app, key, value, persistent)


def set_env(app: Any, key: Any = OWN, value: Any = None, *, persistent: bool = False) -> None:
    """Set a value, as `put_env` does; with a mapping alone, all its values, as `put_all_env` (`application:set_env/2,4`)."""
    if key is OWN:
        put_all_env(app, persistent=persistent)
    else:
        put_env(app, key, value, persistent=persistent)


def delete_env(app: Any, key: Any, *, persistent: bool = False) -> None:
    """Remove a value from an application's environment (`Application.delete_env/3`).

    Args:
        app: an application, loaded or not.
        key: the key of the value.
        persistent: whether to delete a persistent value, too; else it returns when the application is loaded again.
    """
    controller_of(current_node()).delete(app, key, persistent)


unset_env = delete_env


def get_all_env(app: Any = OWN) -> dict[Any, Any]:
    """Return a copy of an application's environment (`application:get_all_env/1`).

    Without an argument, the application is the one of the running process.
    """
    return dict(controller_of(current_node()).environment(get_application() if app is OWN else app))


# A change of the configuration


def prep_config_change() -> dict[type[Application], dict[Any, Any]]:
    """Return copies of the environments of all running applications, as the argument for a later `config_change`."""
    controller = controller_of(current_node())
    return {entry.app: dict(controller.environment(entry.app)) for entry in controller.running()}


async def config_change(before: Mapping[Any, Mapping[Any, Any]]) -> None:
    """Call the callback `config_change` of each running application whose environment has changed.

    (OTP's `application_controller:config_change/1`.)

    Args:
        before: the value of an earlier `prep_config_change()`.

    Raises:
        ApplicationError: callbacks returned an error or raised; its reason is the list of their reasons.
    """
    controller = controller_of(current_node())
    errors: list[object] = []
    for entry in controller.running():
        now, then = controller.environment(entry.app), before.get(entry.app, {})
        changed = {key: value for key, value in now.items() if key in then and then[key] != value}
        new = {key: value for key, value in now.items() if key not in then}
        removed = [key for key in then if key not in now]
        if changed or new or removed:
            errors += await _config_changed(entry.app(), changed, new, removed)
    if errors:
        raise ApplicationError(errors, f"the configuration was not accepted: {bounded_repr.safe_repr(errors)}")


async def _config_changed(app: Application, changed: Any, new: Any, removed: Any) -> list[object]:
    try:
        answer: Any = app.config_change(changed, new, removed)
        if is_awaitable(answer):
            answer = await answer
    except BaseException as error:
        if not is_failure(current_node().caller(), error):
            raise
        return [("EXIT", exits.reason_of(error))]
    match answer:
        case None | "ok":
            return []
        case Error():
            return [answer.reason]
        case _:
            return [answer]


# Errors as text


def format_error(reason: Any) -> str:
    """Return the reason of an `ApplicationError` as text (`Application.format_error/1`)."""
    match reason:
        case ("already_loaded", app):
            return f"already loaded application {name_of(app)}"
        case ("not_loaded", app):
            return f"not loaded application {name_of(app)}"
        case ("already_started", app):
            return f"already started application {name_of(app)}"
        case ("not_started" | "not_running", app):
            return f"not started application {name_of(app)}"
        case ("running", app):
            return f"running application {name_of(app)}"
        case ("not_found", app):
            return f"could not find application {name_of(app)}"
        case ("bad_application", app):
            return f"bad application: {name_of(app)}"
        case ("invalid_options", options):
            return f"invalid application options: {bounded_repr.safe_repr(options)}"
        case ("bad_return" | "bad_return_value", (place, ("EXIT", why))) if _is_place(place):
            return f"exited in: {_call_words(place)}\n    ** (EXIT) {bounded_repr.safe_repr(why)}"
        case ("bad_return" | "bad_return_value", (place, value)) if _is_place(place):
            return f"{_call_words(place)} returned a bad value: {bounded_repr.safe_repr(value)}"
        case (why, place) if _is_place(place):
            return f"{_call_words(place)} returned an error: {bounded_repr.safe_repr(why)}"
        case (type() | str() as app, (str(), _) as why):
            return f"{name_of(app)}: {format_error(why)}"
        case _:
            return bounded_repr.safe_repr(reason)


def _is_place(value: Any) -> bool:
    match value:
        case (_, str(), list()):
            return True
        case _:
            return False


def _call_words(place: Any) -> str:
    owner, function, args = place
    return f"{name_of(owner)}.{function}({', '.join(bounded_repr.safe_repr(arg) for arg in args)})"
