"""The source of the installed regrow, as a requirement for a new project."""

from __future__ import annotations

import pytest

import regrow
from regrow.cli import origin


@pytest.mark.parametrize(
    ("noted", "address"),
    [
        ('{"url": "file:///src/regrow", "dir_info": {"editable": true}}', "file:///src/regrow"),
        ('{"url": "file:///tmp/a%20b/regrow-1-py3-none-any.whl", "archive_info": {}}',
         "file:///tmp/a%20b/regrow-1-py3-none-any.whl"),
        ('{"url": "https://host/regrow.git", "vcs_info": {"vcs": "git", "commit_id": "ab12"}}',
         "git+https://host/regrow.git@ab12"),
        ("{}", None),
        ("[]", None),
        ('{"url": 3}', None),
        ("no JSON", None),
    ],
)  # fmt: skip
def test_a_recorded_source_becomes_an_address(noted: str, address: str | None) -> None:
    assert origin.as_address(noted) == address


def test_a_release_from_a_registry_is_required_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "direct_url", lambda: None)
    assert origin.requirement() == f"regrow>={regrow.__version__}"


def test_a_checkout_is_required_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "direct_url", lambda: "file:///src/regrow")
    assert origin.requirement() == "regrow @ file:///src/regrow"
