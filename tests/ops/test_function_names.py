"""A function in a log line is shown by its name, without its address."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import regrow
from regrow.behaviours.gen_server import client, loop
from regrow.kernel.bounded_repr import DEFAULT, show
from regrow.kernel.node import Node
from regrow.ops.reasons import function_words


def local() -> Any:
    def inside() -> None:
        """Have a qualified name."""

    return inside


class Shop:
    def open(self) -> None:
        """Stand for a method."""

    @classmethod
    def start(cls) -> None:
        """Stand for a class method."""


FUNCTIONS: list[tuple[Any, str]] = [
    (local, "local"),
    (local(), "local.inside"),
    (Shop().open, "Shop.open"),
    (Shop.open, "Shop.open"),
    (Shop.start, "Shop.start"),
    (len, "len"),
    (list[int]().append, "list.append"),
    (str.join, "str.join"),
    (client.cast, "cast"),
    (client.call, "call"),
    (loop.begin, "begin"),
    (Node.crashed, "Node.crashed"),
    (regrow.Supervisor.start_link, "Supervisor.start_link"),
]


@pytest.mark.parametrize(("function", "name"), FUNCTIONS, ids=[name for _, name in FUNCTIONS])
def test_a_function_is_shown_by_its_name_alone(function: Any, name: str) -> None:
    assert show(function) == name
    assert show(("get", function, ())) == f"('get', {name}, ())"
    assert function_words(function, DEFAULT) == name


def test_a_partial_function_is_shown_with_its_arguments() -> None:
    assert show(partial(client.call, "server", 1)) == "partial(call, 'server', 1)"
    assert show(partial(print, 1, sep="")) == "partial(print, 1, …)"


def test_a_lambda_is_shown_as_a_lambda() -> None:
    assert show(lambda: None).endswith("<lambda>")
    assert "0x" not in show(lambda: None)
