"""`regrow cron`: its subcommands and their options. Their work is in `cron_work`."""

from __future__ import annotations

from typing import Annotated

import typer

from regrow.cli.exit_codes import CRON_TABLE
from regrow.cli.options import ProjectOption
from regrow.cli.queue_command import JsonOption, StoreOption, YesOption

cron: typer.Typer = typer.Typer(
    help="Look at the jobs of a cron server, and administer them, while the application runs or not.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog=CRON_TABLE,
)

LedgerOption = Annotated[
    str, typer.Option("--ledger", metavar="NAME", help="The ledger, if the Cron has another than cron.")
]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's name.", show_default=False)]
OneJob = Annotated[str | None, typer.Argument(metavar="[JOB]", help="The job's name.", show_default=False)]
Moment = Annotated[
    str,
    typer.Argument(
        help="2026-10-24, 2026-10-24T02:30 or 2026-10-24T02:30+02:00; without an offset in the job's zone.",
        show_default=False,
    ),
]


@cron.command("list")
def list_jobs(
    store: StoreOption = None, ledger: LedgerOption = "cron", project: ProjectOption = None, as_json: JsonOption = False
) -> None:
    """List the jobs, with their schedules, next ticks and last runs."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.list_jobs(seen, ledger, as_json=as_json)


@cron.command()
def history(
    job: OneJob = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, metavar="N", help="Ticks to show.")] = 20,
    store: StoreOption = None,
    ledger: LedgerOption = "cron",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the ticks of a job, or of all jobs, the newest first: why each ran or did not, and how it ended."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.history(seen, ledger, job, limit, as_json=as_json)


@cron.command()
def run(
    job: JobArgument,
    store: StoreOption = None,
    ledger: LedgerOption = "cron",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a job now: a program that has it in its code takes the tick within five seconds, also if it is paused."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.run(seen, ledger, job, as_json=as_json)


@cron.command()
def pause(
    job: JobArgument,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for the list of jobs.")] = "",
    store: StoreOption = None,
    ledger: LedgerOption = "cron",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pause a job, also across restarts. What runs or waits goes on."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.pause(seen, ledger, job, note, as_json=as_json)


@cron.command()
def resume(
    job: JobArgument,
    store: StoreOption = None,
    ledger: LedgerOption = "cron",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """End the pause of a job. The ticks that were due meanwhile do not run: `backfill` runs them."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.resume(seen, ledger, job, as_json=as_json)


@cron.command()
def backfill(
    job: JobArgument,
    start: Moment,
    end: Moment,
    store: StoreOption = None,
    ledger: LedgerOption = "cron",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the ticks from START to before END that never succeeded, one after another."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.backfill(seen, ledger, job, start, end, as_json=as_json)


@cron.command()
def forget(
    job: JobArgument,
    yes: YesOption = False,
    store: StoreOption = None,
    ledger: LedgerOption = "cron",
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a job that is not in the code any more, with its ticks."""
    from regrow.cli import cron_work, queue_store  # start-up: --help does not need them

    with queue_store.opened(store, project) as seen:
        cron_work.forget(seen, ledger, job, yes=yes, as_json=as_json)


@cron.command()
def explain(
    expression: Annotated[str, typer.Argument(metavar="EXPRESSION", help='As "30 2 * * *".', show_default=False)],
    tz: Annotated[str, typer.Option("--tz", metavar="ZONE", help="A time zone, as Europe/Berlin.")] = "UTC",
    after: Annotated[
        str | None, typer.Option("--after", metavar="DATE", help="Show the ticks after this date. Default: now.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=0, max=1_000, metavar="N", help="Ticks to show.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Say what a cron expression means, with its next ticks, and what changes of the clock do to them."""
    from regrow.cli import cron_explain  # start-up: --help does not need it

    cron_explain.explain(expression, tz, after, count, as_json=as_json)
