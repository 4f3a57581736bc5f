"""A part of a program that is started and stopped as one: a supervision tree and its environment (OTP's `application`).

    load(app)     its spec is known, and its environment is made; `start` does that, too
    start(app)    the callback `start` runs in the application's own process and returns the top supervisor
    stop(app)     the callback `prep_stop`, then the tree from the last child to the first, then the callback `stop`

    >>> class SillyWorker(Application, env={"interval": 1.0}):
    ...     async def start(self, start_type, args):
    ...         return await Supervisor.start_link([], name="silly_worker.supervisor")
    >>> async def main():
    ...     await application.start(SillyWorker)
    ...     up = process.whereis("silly_worker.supervisor") is not None
    ...     await application.stop(SillyWorker)
    ...     return up, process.whereis("silly_worker.supervisor"), application.get_env(SillyWorker, "interval")
    >>> run(main)
    (True, None, 1.0)

An application may need others: `class Shop(Application, applications=[Database])`. `start` refuses while one of them
does not run; `ensure_all_started` starts them first. One that may be missing is named by a text, and is optional:
`applications=["shop_mail:Mail"], optional_applications=["shop_mail:Mail"]`.

Each environment belongs to its node: its values are those of the class, until somebody sets others.
"""

from regrow.behaviours.application.application import (
    app_dir,
    config_change,
    delete_env,
    ensure_loaded,
    fetch_env,
    format_error,
    get_all_env,
    get_all_key,
    get_application,
    get_child,
    get_env,
    get_key,
    load,
    loaded_applications,
    prep_config_change,
    put_all_env,
    put_env,
    set_env,
    spec,
    start_type,
    started_applications,
    unload,
    unset_env,
    wait_ended,
    which_applications,
)
from regrow.behaviours.application.controller import Ended, StartType
from regrow.behaviours.application.spec import Application, ApplicationError, InvalidApplication
from regrow.behaviours.application.start import ensure_all_started, ensure_started, start, stop

__all__ = [
    "start",
    "stop",
    "Application",
    "config_change",
    "ensure_started",
    "ensure_all_started",
    "wait_ended",
    "load",
    "ensure_loaded",
    "unload",
    "started_applications",
    "which_applications",
    "loaded_applications",
    "get_application",
    "get_child",
    "start_type",
    "spec",
    "get_key",
    "get_all_key",
    "app_dir",
    "get_env",
    "fetch_env",
    "put_env",
    "delete_env",
    "put_all_env",
    "set_env",
    "unset_env",
    "get_all_env",
    "prep_config_change",
    "format_error",
    "ApplicationError",
    "InvalidApplication",
    "Ended",
    "StartType",
]
