"""`regrow queue` shows no secrets unless asked, and payloads cannot control the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.queue_stores import File, Run, runner

SECRET = "hunter2"
LOGIN = {"to": "ann", "login": {"password": SECRET}, "headers": [{"name": "Authorization", "value": SECRET}]}
HIDDEN = {
    "to": "ann",
    "login": {"password": "[redacted]"},
    "headers": [{"name": "Authorization", "value": "[redacted]"}],
}


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "app.db")


@pytest.fixture
def run(file: File, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return runner(monkeypatch, capsys, "--store", str(file.path))


def test_secrets_are_hidden_in_text_and_in_json(file: File, run: Run) -> None:
    (number,) = file.put("mail", LOGIN)
    file.bury("mail", f"Login(password='{SECRET}')", trace=f"  login = Login(password='{SECRET}')")
    for command in (["dead", "mail"], ["show", str(number)]):
        for more in ([], ["--json"]):
            printed = run(*command, *more).out
            assert SECRET not in printed
            assert "[redacted]" in printed
    assert run("show", str(number), "--json").data["payload"] == HIDDEN


def test_reveal_shows_them(file: File, run: Run) -> None:
    (number,) = file.put("mail", LOGIN)
    file.bury("mail", f"Login(password='{SECRET}')")
    data = run("show", str(number), "--json", "--reveal").data
    assert (data["payload"], data["errors"][0]["message"]) == (LOGIN, f"Login(password='{SECRET}')")
    assert run("show", str(number), "--reveal").out.count(SECRET) == 3
    assert SECRET in run("dead", "mail", "--reveal").out


def test_a_payload_that_is_no_json_is_shown_as_text(file: File, run: Run) -> None:
    numbers = file.put("mail", b'\xff\x00{"token": "hunter2', b"[" * 100_000, b"")
    assert run("show", str(numbers[0])).out.endswith('payload   no JSON: \\xff\\x00{"token": "[redacted]"\n')
    data = run("show", str(numbers[0]), "--json").data
    assert (data["payload"], data["raw"]) == (None, '\\xff\x00{"token": "[redacted]"')
    assert "… (100,009 characters; --json shows all)" in run("show", str(numbers[1])).out
    assert run("show", str(numbers[2])).out.endswith("payload   no JSON:\n")


@pytest.mark.parametrize(
    "raw", [b"1e999", b"[NaN, -Infinity]", b"9" * 5_000, b'"\\ud800"', b"null", b'{"a": 1, "a": 2}']
)
def test_any_payload_is_shown_as_valid_json(file: File, run: Run, raw: bytes) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    (number,) = file.put("mail", raw)
    json.loads(run("show", str(number), "--json").out, parse_constant=refuse)
    assert "payload   " in run("show", str(number)).out


HOSTILE = "\x1b]0;title\x07 \x1b[2J \r\n \u202e reversed \u2028 \x9b31m \x7f"


def test_control_characters_are_escaped(file: File, run: Run) -> None:
    numbers = file.put("mail", {"text": HOSTILE, HOSTILE: 1}, HOSTILE.encode(), key=None)
    file.put(HOSTILE, 1, group=HOSTILE, key=HOSTILE)
    file.bury("mail", HOSTILE, count=2, trace=HOSTILE)
    for command in (["dead", "mail"], *(["show", str(number)] for number in (*numbers, 3)), ["list"], ["stats"]):
        for more in ([], ["--json"], ["--reveal"] if command[0] in {"dead", "show"} else []):
            printed = run(*command, *more).out
            assert [char for char in printed if char != "\n" and not char.isprintable()] == []
    assert "\\x1b[2J" in run("show", str(numbers[1])).out
    assert run("show", str(numbers[0]), "--json").data["payload"]["text"] == HOSTILE


def test_wide_characters_keep_the_columns(file: File, run: Run) -> None:
    file.put("日本", 1)
    file.put("mail", 1)
    assert run("list").out == "QUEUE  LIVE  DEAD  PAUSED\nmail      1     0  -\n日本      1     0  -\n"


def test_long_cells_are_cut(file: File, run: Run) -> None:
    file.put("q" * 300, {"text": "x" * 5_000})
    file.bury("q" * 300, "e" * 500)
    assert max(map(len, run("dead", "q" * 300).out.splitlines())) <= 120
    assert max(map(len, run("list").out.splitlines())) <= 120
