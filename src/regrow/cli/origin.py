"""Where this regrow came from, as a requirement that installs the same one again."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any, cast

import regrow


def requirement() -> str:
    """The requirement of a new project: the release, or the checkout, archive or repository that this regrow came from.

    What was installed from a path or an address is in no registry, or is another one there. Installers note that source
    in `direct_url.json` (the specification "Recording the Direct URL Origin of installed distributions").
    """
    source = direct_url()
    return f"regrow>={regrow.__version__}" if source is None else f"regrow @ {source}"


def direct_url() -> str | None:
    """The address that regrow was installed from; None if a registry had it, or nothing is known."""
    try:
        noted = metadata.distribution("regrow").read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    return None if noted is None else as_address(noted)


def as_address(noted: str) -> str | None:
    """What `direct_url.json` says, as the address in a requirement; None for a text that says nothing of use."""
    try:
        origin: Any = json.loads(noted)
    except ValueError:
        return None
    if not isinstance(origin, dict):
        return None
    found = cast("dict[str, Any]", origin)
    url, version_control = found.get("url"), found.get("vcs_info")
    if not isinstance(url, str):
        return None
    if isinstance(version_control, dict):
        repository = cast("dict[str, Any]", version_control)
        return f"{repository.get('vcs', 'git')}+{url}@{repository.get('commit_id', 'HEAD')}"
    return url
