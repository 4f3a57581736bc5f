"""The command's words and options. What each does stands in a module of its own, loaded when it is asked for."""

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
from regrow.cli.exit_codes import NO_APPLICATION, TABLE
from regrow.cli.project import Problem, find_project, load_application

# Without rich's frames the help is there in half the time.
app: typer.Typer = typer.Typer(
    name="regrow",
    help="OTP for Python: make a project, run it, look into it, test it.",
    rich_markup_mode=None,
    add_completion=True,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Level(StrEnum):
    """The least level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


ProjectOption = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="The project, or a folder in it. By default where you stand."),
]
SecondsOption = Annotated[
    float | None, typer.Option("--seconds", min=0, metavar="N", help="Stop by itself after N seconds.")
]
LevelOption = Annotated[Level, typer.Option("--level", help="The least level that is logged.")]
SIMULATES = {"--simulate", "--seed", "--schedule"}  # pytest options that make runs to be repeated
# The backspace tells the help that these lines stay lines.
PYTEST_ARGUMENTS = """\
Of regrow's plugin:

\b
  --simulate N         run each test of processes under N schedules, and show the shortest that fails
  --seed N             run them under the schedule of this seed, as a failure prints it
  --schedule LIST      run them under this schedule, as a failure prints it
  --trace-processes    show what the processes of a failing test have done

Of pytest itself, among others:

\b
  FILE, FOLDER, FILE::TEST    what to run
  -k NAME                     those whose names have this in them
  -x, --lf                    stop at the first failure; run those that failed last
  -v, -q, -s                  more words, fewer words, print at once
  --pdb                       a debugger where a test fails
  `python -m pytest --help` has them all.
"""
NO_PYTEST = (
    "pytest is not installed here. regrow's extra of that name brings it:"
    ' pip install ".[pytest]" in a clone of regrow; pip install pytest will do, too'
)
ReportsOption = Annotated[
    bool, typer.Option("--reports", help="Log every start and every end of a child and of a process, too.")
]


def main() -> None:
    """The entry point of `regrow`."""
    try:
        app(prog_name="regrow")
    except Problem as problem:
        print(f"regrow: {problem}", file=sys.stderr)
        sys.exit(problem.code)


def told_version(asked: bool) -> None:
    """`--version`."""
    if asked:
        print(f"regrow {__version__}, {'compiled' if compiled else 'pure Python'}")
        raise typer.Exit


@app.callback(epilog=TABLE)
def regrow(
    version: Annotated[
        bool, typer.Option("--version", callback=told_version, is_eager=True, help="Say the version and leave.")
    ] = False,
) -> None:
    """What comes before the command's word."""


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the project, its folder and its package.")],
    sup: Annotated[bool, typer.Option("--sup", help="With an application and its supervision tree.")] = False,
) -> None:
    """Make a new project, in a folder of its name."""
    from regrow.cli.new import make_project, summary  # start-up: only this word needs the templates

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

    Ctrl-C and SIGTERM stop its supervision tree in order, the last child first; a second one stops it at once.
    """
    from regrow.cli import demo as demonstration  # start-up: not wanted for --help
    from regrow.cli.run import run_application  # start-up: the same
    from regrow.ops import logs  # start-up: the same

    if seconds is not None and not seconds < float("inf"):
        raise Problem(f"--seconds: wanted a number of seconds, 0 or more; got {seconds}")
    found = find_project(project)
    application = load_application(found)
    logs.configure(level.value, reports=reports)
    meanwhile = partial(demonstration.show, application) if demo else None
    raise typer.Exit(run_application(application, found.package, seconds=seconds, meanwhile=meanwhile))


@app.command(epilog=TABLE)
def shell(
    project: ProjectOption = None,
    level: LevelOption = Level.INFO,
    reports: ReportsOption = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Python's own console, even where IPython is installed.")
    ] = False,
) -> None:
    """A prompt inside the running application.

    `await` works at the prompt, on the application's own loop. tree(), kill(name), whereis(name), processes(),
    trace(name) and flush() are there, and all public classes of the project. Ctrl-D stops the application, in order,
    and leaves.
    """
    from regrow.cli.shell import run_shell  # start-up: IPython is heavy

    raise typer.Exit(run_shell(find_project(project), level.value, reports=reports, plain=plain))


@app.command(
    "test",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="[OPTIONS] [PYTEST'S ARGUMENTS]",
    epilog=PYTEST_ARGUMENTS,
)
def pytest_project(context: typer.Context, project: ProjectOption = None) -> None:
    """Run pytest with regrow's plugin and this project's modules. What else is given goes to pytest; so does its exit code."""
    found = find_project(project)
    if find_spec("pytest") is None:
        raise Problem(NO_PYTEST, NO_APPLICATION)
    arguments = [sys.executable, "-m", "pytest", "-p", "regrow", *context.args]
    # pytest looks at its setting `testpaths` only where the project begins.
    if not any(Path(argument.partition("::")[0]).exists() for argument in context.args):
        os.chdir(found.folder)
    if any(argument.partition("=")[0] in SIMULATES for argument in context.args):
        os.environ.setdefault("PYTHONHASHSEED", "0")  # else the order of a set of strings would not be the seed's
    paths = [str(found.source), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    if sys.platform == "win32":
        import subprocess

        raise typer.Exit(subprocess.call(arguments))  # noqa: S603 - this very Python, and what the user wrote
    os.execv(sys.executable, arguments)  # noqa: S606 - the same
