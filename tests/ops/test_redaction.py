"""Secrets are hidden by the names of their fields, and text keeps all else."""

from __future__ import annotations

import time
from typing import Any

import pytest

from regrow.ops.redaction import HIDDEN, is_secret, redact, redact_text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "PASSWORD",
        "db_passwd",
        "passphrase",
        "pwd",
        "client_secret",
        "accessToken",
        "token",
        "api_key",
        "apiKey",
        "x-api-key",
        "aws_access_key_id",
        "Authorization",
        "authorisation",
        "auth",
        "Cookie",
        "credentials",
        "private_key",
        "session_id",
    ],
)
def test_a_secret_name_is_recognised_in_any_spelling(name: str) -> None:
    assert is_secret(name)
    assert redact({name: "hunter2"}) == {name: HIDDEN}


@pytest.mark.parametrize(
    "name", ["to", "author", "authors", "authority", "key", "passenger", "pass", "compass", 7, None]
)
def test_other_names_are_shown(name: object) -> None:
    assert not is_secret(name)


def test_secrets_are_hidden_at_any_depth_and_the_rest_is_kept() -> None:
    value = {"to": "ann", "login": [{"user": "ann", "password": {"plain": "x"}}], "count": 3, "token": 17, "ok": True}
    wanted = {"to": "ann", "login": [{"user": "ann", "password": HIDDEN}], "count": 3, "token": HIDDEN, "ok": True}
    assert redact(value) == wanted
    assert value["token"] == 17, "the value itself is not changed"


def test_a_missing_secret_is_shown_as_missing() -> None:
    assert redact({"password": None, "token": ""}) == {"password": None, "token": HIDDEN}


def test_headers_as_pairs_of_name_and_value_are_recognised() -> None:
    headers = [{"name": "Authorization", "value": "abc"}, {"key": "Accept", "value": "text/html"}]
    assert redact(headers) == [{"name": "Authorization", "value": HIDDEN}, {"key": "Accept", "value": "text/html"}]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:hunter2@db/app", "postgresql://ann:[redacted]@db/app"),
        ("redis://:hunter2@db", "redis://:[redacted]@db"),
        ("http://db:80/a@b", "http://db:80/a@b"),
        ("host=db password=hunter2 dbname=app", "host=db password=[redacted] dbname=app"),
        ("postgresql://db/app?sslpassword=hunter2&a=b", "postgresql://db/app?sslpassword=[redacted]&a=b"),
        ("Login(user='ann', password='hunter2')", "Login(user='ann', password='[redacted]')"),
        ('{"user": "ann", "password": "hun\\"ter2"}', '{"user": "ann", "password": "[redacted]"}'),
        ('{"user": "ann", "password": "hunt', '{"user": "ann", "password": "[redacted]"'),
        ("{'apiKey' : 'k'}", "{'apiKey' : '[redacted]'}"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"),
        ("    token = job.token", "    token = job.token"),
        ("the author='ann' wrote it", "the author='ann' wrote it"),
    ],
)
def test_text_is_searched_for_quoted_secrets_and_passwords_in_urls(text: str, shown: str) -> None:
    assert redact_text(text) == shown
    assert redact([text]) == [shown]


@pytest.mark.parametrize(
    "text", ["password" * 20_000, "://:" * 50_000, 'token="' + "\\" * 200_000, "-" * 200_000, 'token="' * 30_000]
)
def test_hostile_text_does_not_take_long(text: str) -> None:
    begun = time.process_time()
    redact_text(text)
    assert time.process_time() - begun < 2.0


def test_deep_values_are_cut() -> None:
    deep: Any = "bottom"
    for _ in range(5_000):
        deep = [deep]
    assert str(redact(deep)) == f"{'[' * 100}'…'{']' * 100}"
