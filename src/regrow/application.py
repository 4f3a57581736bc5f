"""Applications: a supervision tree and an environment that are started and stopped together (OTP's `application`).

    load(app)     loads its spec, and creates its environment; `start` does this, too
    start(app)    runs the callback `start` in the application's process, which returns the top supervisor
    stop(app)     runs the callback `prep_stop`, stops the tree from the last child to the first, and runs `stop`

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

An application may need others: `class Shop(Application, applications=[Database])`. `start` raises an error while one of
them does not run; `ensure_all_started` starts them first. An application that may be missing is named by a string, and is
optional: `applications=["shop_mail:Mail"], optional_applications=["shop_mail:Mail"]`.

Each node has its own environments. Their values are the defaults of the class until `put_env` sets others.
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
