"""The dictionary of a process and its label."""

from __future__ import annotations

from typing import Any

from regrow.kernel import bounded_repr
from regrow.kernel.process_record import Pid, extras
from regrow.kernel.running import running

ABSENT: Any = object()


def put(key: object, value: object) -> object:
    """Set an entry of this process's dictionary, and return the old value or None (`erlang:put/2`)."""
    dictionary = extras(running()).dictionary
    before = dictionary.get(key)
    dictionary[key] = value
    return before


def get(key: object = ABSENT, default: Any = None) -> Any:
    """Return an entry of this process's dictionary; without a key, a copy of the whole dictionary (`erlang:get/0`)."""
    process = running()
    dictionary: dict[object, object] = {} if process.rare is None else process.rare.dictionary
    return dict(dictionary) if key is ABSENT else dictionary.get(key, default)


def get_keys(value: object = ABSENT) -> list[object]:
    """Return the keys of this process's dictionary; with a value, only the keys that have it (`erlang:get_keys/1`)."""
    process = running()
    dictionary: dict[object, object] = {} if process.rare is None else process.rare.dictionary
    return [key for key, held in dictionary.items() if value is ABSENT or held == value]


def delete(key: object) -> object:
    """Remove an entry of this process's dictionary, and return its value or None (Elixir's `Process.delete/1`)."""
    process = running()
    return None if process.rare is None else process.rare.dictionary.pop(key, None)


def erase(key: object = ABSENT) -> Any:
    """Remove an entry of this process's dictionary, or without a key all of them, and return it (`erlang:erase/0`)."""
    if key is not ABSENT:
        return delete(key)
    process = running()
    if process.rare is None:
        return {}
    before, process.rare.dictionary = process.rare.dictionary, {}
    return before


def set_label(label: object) -> None:
    """Describe this process in reports and tools (`proc_lib:set_label/1`)."""
    extras(running()).label = label


def get_label(pid: Pid | None = None) -> Any:
    """Return the label of this process or another; None if it has none, or is dead (`proc_lib:get_label/1`).

    Raises:
        TypeError: this is no pid.
    """
    if pid is not None and type(pid) is not Pid:
        raise TypeError(f"get_label: wanted a pid, got {bounded_repr.safe_repr(pid)}")
    process = running() if pid is None else pid.process
    return None if process is None or process.rare is None else process.rare.label
