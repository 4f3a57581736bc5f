"""Options that several subcommands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ProjectOption = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", help="The project's folder, or one below it. Default: the current directory."
    ),
]
SecondsOption = Annotated[float | None, typer.Option("--seconds", min=0, metavar="N", help="Stop after N seconds.")]
