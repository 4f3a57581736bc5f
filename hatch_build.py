"""Compile the modules that every message passes, if there is a compiler; otherwise keep the Python.

`pip install .` and `python -m build` call this hook. `REGROW_PURE` selects the result:

    unset   compiled if possible, otherwise Python with a warning that says why
    1       Python only
    0       compiled, or an error: for publishing wheels

An editable install is always Python, so that an edited file takes effect.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The hot modules that mypyc can compile; docs/decisions/0007-compiling-the-kernel.md says why others stay interpreted.
COMPILED = (
    "behaviours/gen/request.py",
    "behaviours/gen/results.py",
    "behaviours/gen/start_request.py",
    "behaviours/gen/starting.py",
    "behaviours/gen/system_requests.py",
    "behaviours/gen/user_code.py",
    "behaviours/gen_event/manager.py",
    "behaviours/gen_server/client.py",
    "behaviours/gen_server/loop.py",
    "behaviours/gen_statem/machine.py",
    "behaviours/gen_statem/transition.py",
    "behaviours/service/dispatch.py",
    "behaviours/supervision/shutdown.py",
    "behaviours/task/job.py",
    "behaviours/task/outcome.py",
    "kernel/alarms.py",
    "kernel/ancestors.py",
    "kernel/awaitables.py",
    "kernel/clock.py",
    "kernel/coroutine_steps.py",
    "kernel/current_task.py",
    "kernel/deadlines.py",
    "kernel/gate.py",
    "kernel/inbox.py",
    "kernel/incoming.py",
    "kernel/lineage.py",
    "kernel/links.py",
    "kernel/mailbox.py",
    "kernel/names.py",
    "kernel/node.py",
    "kernel/peer.py",
    "kernel/process_record.py",
    "kernel/refs.py",
    "kernel/remnants.py",
    "kernel/requests.py",
    "kernel/running.py",
    "kernel/schedule.py",
    "kernel/scheduler.py",
    "kernel/sending.py",
    "kernel/signals.py",
    "kernel/small_set.py",
    "kernel/timers.py",
    "kernel/trace.py",
    "kernel/unfinished.py",
    "kernel/virtual_clock.py",
    "kernel/virtual_time.py",
    "kernel/wakeups.py",
    "kernel/yields.py",
)


class CompiledKernel(BuildHookInterface[Any]):
    """The build hook that hatchling calls for every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and add the resulting libraries to the wheel, beside their sources."""
        wanted = os.environ.get("REGROW_PURE", "")
        if version == "editable" or wanted == "1":
            return
        # The folder is kept, because pip builds every wheel twice, the first time only for its metadata.
        folder = Path(self.root, "build", "compiled", sys.implementation.cache_tag)
        # Without a compiler, headers or mypyc, different exceptions are raised; mypyc raises SystemExit.
        try:
            made = compile_into(Path(self.root), folder)
        except (Exception, SystemExit) as problem:
            if wanted == "0":
                raise
            self.app.display_warning(
                f"regrow will run as plain Python, because its kernel could not be compiled: {problem}"
            )
            return
        for path in made:
            build_data["force_include"][str(path)] = str(path.relative_to(folder))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compile_into(root: Path, folder: Path) -> list[Path]:
    """Compile the hot modules, and return the libraries' paths, which are laid out in `folder` as in site-packages."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    before = Path.cwd()
    os.chdir(root / "src")  # mypyc names modules by their paths
    try:
        options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={folder / 'cache'}"]
        options += ["--python-version", f"{sys.version_info.major}.{sys.version_info.minor}"]
        extensions = mypycify(
            [*options, *(f"regrow/{name}" for name in COMPILED)],
            opt_level="3",
            group_name="regrow",
            target_dir=str(folder / "c"),
        )
        distribution = Distribution({"name": "regrow", "ext_modules": extensions})
        command = distribution.get_command_obj("build_ext")
        command.build_lib = str(folder)
        command.build_temp = str(folder / "objects")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return [Path(made) for made in command.get_outputs()]


if __name__ == "__main__":  # python hatch_build.py FOLDER: show the output of mypyc
    for made in compile_into(Path(__file__).parent, Path(sys.argv[1]).resolve()):
        print(made)
