"""The source of the installed regrow, as a requirement that installs the same version again."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any, cast

import regrow


def requirement() -> str:
    """Return the requirement for a new project: a release, or the checkout, archive or repository of this regrow.

    A version that was installed from a path or a URL is in no registry, or differs from the one there. Installers record
    that source in `direct_url.json` (the specification "Recording the Direct URL Origin of installed distributions").
    """
    source = direct_url()
    return f"regrow>={regrow.__version__}" if source is None else f"regrow @ {source}"


def direct_url() -> str | None:
    """Return the URL that regrow was installed from; None if it came from a registry, or the source is unknown."""
    try:
        record = metadata.distribution("regrow").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    return None if record is None else as_address(record)


def as_address(record: str) -> str | None:
    """Return the URL of a `direct_url.json` in the form of a requirement; None if the text has none."""
    try:
        origin: Any = json.loads(record)
    except ValueError:
        return None
    if not isinstance(origin, dict):
        return None
    fields = cast("dict[str, Any]", origin)
    url, version_control = fields.get("url"), fields.get("vcs_info")
    if not isinstance(url, str):
        return None
    if isinstance(version_control, dict):
        repository = cast("dict[str, Any]", version_control)
        return f"{repository.get('vcs', 'git')}+{url}@{repository.get('commit_id', 'HEAD')}"
    return url
