"""The subcommands and their options. The code of each is in a separate module, which is imported when it is needed."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from regrow import __version__, compiled
from regrow.cli.cron_command import cron
from regrow.cli.exit_codes import NO_APPLICATION, TABLE
from regrow.cli.options import ProjectOption, SecondsOption
from regrow.cli.project import Problem, find_project, load_application
from regrow.cli.queue_command import queue

# rich_markup_mode=None: without rich's frames `--help` takes half the time.
app: typer.Typer = typer.Typer(
    name="regrow",
    help="OTP for Python: create a project, run it, inspect it, test it.",
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Level(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LevelOption = Annotated[Level, typer.Option("--level", help="The lowest level that is logged.")]
SIMULATES = {"--simulate", "--seed", "--schedule"}  # options of pytest for runs that must be repeatable
# \b (backspace) makes click keep the line breaks of the paragraph.
PYTEST_ARGUMENTS = """\
Options of regrow's plugin:

\b
  --simulate N         run each test of processes under N schedules, and show the shortest that fails
  --seed N             run each test under the schedule of this seed, as a failure prints it
  --schedule LIST      run each test under this schedule, as a failure prints it
  --trace-processes    show the recorded events of the processes of a failing test

Options of pytest, among others:

\b
  FILE, FOLDER, FILE::TEST    the tests to run
  -k NAME                     run the tests whose names contain NAME
  -x, --lf                    stop at the first failure; run the tests that failed last time
  -v, -q, -s                  more output, less output, show prints at once
  --pdb                       open a debugger where a test fails
  `python -m pytest --help` lists all of them.
"""
NO_PYTEST = (
    "pytest is not installed. Install it with pip install pytest,"
    ' or with the extra of regrow: pip install ".[pytest]" in a clone of regrow'
)
ReportsOption = Annotated[
    bool, typer.Option("--reports", help="Also log each start of a child, and each end of a child or process.")
]
app.add_typer(queue, name="queue")
app.add_typer(cron, name="cron")


def main() -> None:
    """Run the command `regrow`; the entry point of the package."""
    try:
        app(prog_name="regrow")
    except Problem as problem:
        print(f"regrow: {problem}", file=sys.stderr)
        sys.exit(problem.code)


def show_version(requested: bool) -> None:
    """Print the version for `--version`, and exit."""
    if requested:
        print(f"regrow {__version__}, {'compiled' if compiled else 'pure Python'}")
        raise typer.Exit


@app.callback(epilog=TABLE)
def regrow(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Take the options that come before a subcommand."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the project, its folder and its package.")],
    sup: Annotated[bool, typer.Option("--sup", help="Add an application with a supervision tree.")] = False,
) -> None:
    """Create a new project, in a folder of its name."""
    from regrow.cli.new import make_project, summary  # start-up: only this subcommand needs the templates

    files = make_project(name, supervised=sup, beside=Path.cwd())
    print(summary(name, files, supervised=sup))


@app.command(epilog=TABLE)
def run(
    project: ProjectOption = None,
    seconds: SecondsOption = None,
    level: LevelOption = Level.INFO,
    reports: ReportsOption = False,
    demo: Annotated[bool, typer.Option("--demo", hidden=True)] = False,
) -> None:
    """Run the application of this project until Ctrl-C.

    Ctrl-C and SIGTERM stop its supervision tree in order, the last child first; a second one stops it immediately.
    """
    from regrow.cli import demo as demonstration  # start-up: --help does not need it
    from regrow.cli.run import run_application  # start-up: --help does not need it
    from regrow.ops import logs  # start-up: --help does not need it

    if seconds is not None and not seconds < float("inf"):
        raise Problem(f"--seconds: wanted a number of seconds, 0 or more; got {seconds}")
    target = find_project(project)
    application = load_application(target)
    logs.configure(level.value, reports=reports)
    meanwhile = partial(demonstration.show, application) if demo else None
    raise typer.Exit(run_application(application, target.package, seconds=seconds, meanwhile=meanwhile))


@app.command(epilog=TABLE)
def shell(
    project: ProjectOption = None,
    level: LevelOption = Level.INFO,
    reports: ReportsOption = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Use Python's own console, even if IPython is installed.")
    ] = False,
) -> None:
    """Open a prompt inside the running application.

    `await` works at the prompt, on the application's event loop. tree(), kill(name), whereis(name), processes(),
    trace(name), flush() and all public classes of the project are defined. Ctrl-D stops the application in order, and
    exits.
    """
    from regrow.cli.shell import run_shell  # start-up: importing IPython takes long

    raise typer.Exit(run_shell(find_project(project), level.value, reports=reports, plain=plain))


@app.command(
    "test",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="[OPTIONS] [PYTEST'S ARGUMENTS]",
    epilog=PYTEST_ARGUMENTS,
)
def pytest_project(context: typer.Context, project: ProjectOption = None) -> None:
    """Run pytest with regrow's plugin and this project's modules.

    All other arguments go to pytest, and its exit code is the command's.
    """
    target = find_project(project)
    if find_spec("pytest") is None:
        raise Problem(NO_PYTEST, NO_APPLICATION)
    arguments = [sys.executable, "-m", "pytest", "-p", "regrow", *context.args]
    # pytest reads its setting `testpaths` only if the current directory is the project's.
    if not any(Path(argument.partition("::")[0]).exists() for argument in context.args):
        os.chdir(target.folder)
    if any(argument.partition("=")[0] in SIMULATES for argument in context.args):
        os.environ.setdefault("PYTHONHASHSEED", "0")  # the order of a set of strings depends on it
    paths = [str(target.source), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    if sys.platform == "win32":
        import subprocess

        raise typer.Exit(subprocess.call(arguments))  # noqa: S603 - this Python, with the user's arguments
    os.execv(sys.executable, arguments)  # noqa: S606 - this Python, with the user's arguments
