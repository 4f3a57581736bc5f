"""`regrow queue`: its subcommands and their options. Their work is in `queue_work` and `queue_tail`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regrow.cli.exit_codes import QUEUE_TABLE
from regrow.cli.options import ProjectOption, SecondsOption

queue: typer.Typer = typer.Typer(
    help="Look at the queues of a store, and administer them, while the application runs or not.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=QUEUE_TABLE,
)

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="FILE|URL",
        help='A SQLite file, or postgresql://…. Default: store = "…" in [tool.regrow] of the project\'s pyproject.toml.',
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object (tail: one on each line).")]
RevealOption = Annotated[bool, typer.Option("--reveal", help="Also show passwords, tokens and the like.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
QueueArgument = Annotated[str, typer.Argument(metavar="QUEUE", help="The queue's name.", show_default=False)]
OneQueue = Annotated[str | None, typer.Argument(metavar="[QUEUE]", help="The queue's name.", show_default=False)]
SharedOption = Annotated[
    bool, typer.Option("--shared", help="Add the tables to a file that has tables of another program.")
]


@queue.command("list")
def list_queues(store: StoreOption = None, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """List the queues, with their live and dead jobs."""
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.list_queues(seen, as_json=as_json)


@queue.command()
def stats(
    name: OneQueue = None, store: StoreOption = None, project: ProjectOption = None, as_json: JsonOption = False
) -> None:
    """Count the jobs of one queue, or of each, by state."""
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.stats(seen, name, as_json=as_json)


@queue.command()
def dead(
    name: QueueArgument,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="Jobs to show.")] = 20,
    before: Annotated[
        int | None, typer.Option("--before", min=1, metavar="ID", help="Only jobs with a smaller id.")
    ] = None,
    store: StoreOption = None,
    project: ProjectOption = None,
    reveal: RevealOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the dead jobs of a queue, the newest first.

    Each has its payload and its last error.
    """
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.dead(seen, name, limit, before, reveal=reveal, as_json=as_json)


@queue.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", min=1, help="The job's id.")],
    store: StoreOption = None,
    project: ProjectOption = None,
    reveal: RevealOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show a job: its payload, its state, each failed attempt."""
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.show(seen, number, reveal=reveal, as_json=as_json)


@queue.command()
def retry(
    name: QueueArgument,
    numbers: Annotated[
        list[int] | None,
        typer.Argument(metavar="[ID ...]", min=1, help="Ids of dead jobs. Default: all.", show_default=False),
    ] = None,
    store: StoreOption = None,
    project: ProjectOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make dead jobs live again, with all their attempts.

    Without an ID these are all dead jobs of the queue; at a terminal the command asks first.
    """
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.retry(seen, name, numbers or [], yes=yes, as_json=as_json)


@queue.command()
def purge(
    name: QueueArgument,
    of_the_dead: Annotated[bool, typer.Option("--dead", help="Delete the dead jobs, not those that wait.")] = False,
    store: StoreOption = None,
    project: ProjectOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete the jobs that wait: ready, delayed and blocked.

    At a terminal the command asks first. Jobs that a worker performs now are not touched.
    """
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.purge(seen, name, "dead" if of_the_dead else "waiting", yes=yes, as_json=as_json)


@queue.command()
def pause(
    name: QueueArgument,
    note: Annotated[str, typer.Argument(metavar="[NOTE]", help="The reason, which list and stats show.")] = "",
    store: StoreOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stop claims from a queue, in all processes.

    Running jobs go on, and jobs can still be put.
    """
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.pause(seen, name, note, as_json=as_json)


@queue.command()
def resume(
    name: QueueArgument, store: StoreOption = None, project: ProjectOption = None, as_json: JsonOption = False
) -> None:
    """End a pause of a queue."""
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.resume(seen, name, as_json=as_json)


@queue.command()
def move(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The queue that has the jobs.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The queue that they go to; it may be new.")],
    store: StoreOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the jobs of a renamed worker to its new queue.

    Jobs that a worker performs now stay.
    """
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.move(seen, old, new, as_json=as_json)


@queue.command()
def tail(
    name: OneQueue = None,
    store: StoreOption = None,
    project: ProjectOption = None,
    seconds: SecondsOption = None,
    reveal: RevealOption = False,
    as_json: JsonOption = False,
) -> None:
    """Follow new jobs and changes of state until Ctrl-C.

    The command looks at the store ten times a second: a job that is put and done between two looks is not shown.
    """
    from regrow.cli import queue_store, queue_tail  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_tail.follow(seen, name, seconds, reveal=reveal, as_json=as_json)


@queue.command()
def check(store: StoreOption = None, project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Check the whole store for damage. The exit code is 3 if there is any."""
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.check(seen, as_json=as_json)


@queue.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    store: StoreOption = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a consistent copy of the store to a new file.

    The application goes on meanwhile.
    """
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        queue_work.backup(seen, file, as_json=as_json)


@queue.command()
def migrate(
    store: StoreOption = None,
    project: ProjectOption = None,
    shared: SharedOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create the tables, or bring them to the version of this regrow."""
    from regrow.cli import queue_store, queue_work  # start-up: --help does not need them

    with queue_store.opened(store, project, create=True, shared=shared) as seen:
        queue_work.migrate(seen, as_json=as_json)
