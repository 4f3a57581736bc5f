"""Secrets in what people see of a program: passwords, tokens and the like are hidden by the names of their fields.

    redact({"to": "ann", "password": "hunter2"})     {"to": "ann", "password": "[redacted]"}
    redact_text("postgresql://ann:hunter2@db/app")   "postgresql://ann:[redacted]@db/app"

A secret in a field with another name is not recognised.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

HIDDEN: Final = "[redacted]"
TOO_DEEP: Final = "…"
DEEPEST: Final = 100  # levels of containers in containers

# A field is secret if its name contains one of these, in any case.
SECRET_NAMES: Final = (
    r"pass(?:word|wd|phrase|code)",
    r"pwd",
    r"secret",
    r"token",
    r"api[-_ ]?key",
    r"access[-_ ]?key",
    r"auth(?!or(?!i[sz]))",  # authorization, but not author
    r"cookie",
    r"credential",
    r"private",
    r"session",
)
_NAME: Final = "|".join(SECRET_NAMES)
_SECRET: Final = re.compile(_NAME, re.IGNORECASE)
# In text: password='…', "password": "…", the header Authorization: Bearer …, and a URL's user:password@.
_QUOTED: Final = re.compile(
    rf"""(?<![\w-])([\w-]{{0,40}}(?:{_NAME})[\w-]{{0,40}}["']?\s{{0,3}}[:=]\s{{0,3}})"""
    r"""("(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$))""",
    re.IGNORECASE,
)
_HEADER: Final = re.compile(r"\b((?:bearer|basic)\s)[\w.~+/=-]{6,}", re.IGNORECASE)
_URL: Final = re.compile(r"(://[^\s:/@]*:)[^\s/@]+(?=@)")
_CONNINFO: Final = re.compile(r"\b(\w{0,20}password=)(?!['\"])[^\s&'\"]+", re.IGNORECASE)


def is_secret(name: object) -> bool:
    """Return whether the values of a field with this name are hidden."""
    return isinstance(name, str) and _SECRET.search(name) is not None


def redact(value: Any) -> Any:
    """Return a JSON value whose secrets are replaced by "[redacted]", at any depth.

    A secret is the value of a key with a secret name, and the `value` beside such a `name` or `key`. Text is searched as
    by `redact_text`. `null` stays, for it says that there is no secret.
    """
    return _redacted(value, 0)


def _redacted(value: Any, level: int) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if not isinstance(value, dict | list):
        return value
    if level >= DEEPEST:
        return TOO_DEEP
    if isinstance(value, list):
        return [_redacted(item, level + 1) for item in cast("list[object]", value)]
    fields = cast("dict[str, object]", value)
    named = is_secret(fields.get("name")) or is_secret(fields.get("key"))
    return {
        key: HIDDEN
        if item is not None and (is_secret(key) or (named and key == "value"))
        else _redacted(item, level + 1)
        for key, item in fields.items()
    }


def redact_text(text: str) -> str:
    """Return a text without the secrets that its form gives away: quoted values of secret names, and passwords in URLs."""
    text = _QUOTED.sub(lambda found: f"{found[1]}{found[2][0]}{HIDDEN}{found[2][0]}", text)
    text = _HEADER.sub(rf"\1{HIDDEN}", text)
    text = _URL.sub(rf"\1{HIDDEN}", text)
    return _CONNINFO.sub(rf"\1{HIDDEN}", text)
