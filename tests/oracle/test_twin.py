"""The parts of twins: terms as Elixir prints them, and a comparison that fails when lines differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regrow import HIBERNATE, Continue, Exited, GenServer, NoClause, NoReply, Ok, Ref, Reply, Stop, process
from tests.oracle import twin as machinery
from tests.oracle.terms import Keyword, Raised, Text, term
from tests.oracle.twin import Twin, block_lines, say

TERMS: list[tuple[Any, str]] = [
    (None, "nil"),
    (True, "true"),
    (42, "42"),
    (1.5, "1.5"),
    ("normal", ":normal"),
    ("nonode@nohost", ":nonode@nohost"),
    ("$gen_cast", ':"$gen_cast"'),
    ("Srv", "Srv"),
    ("My.Sup", "My.Sup"),
    ("EXIT", ":EXIT"),
    (Text('say "hi"\n'), r'"say \"hi\"\n"'),
    (("shutdown", 1), "{:shutdown, 1}"),
    ([1, [2]], "[1, [2]]"),
    ([("messages_in", 2), ("n", None)], "[messages_in: 2, n: nil]"),
    ([("Srv", 1)], "[{Srv, 1}]"),
    (Keyword(b=1, a=2), "[b: 1, a: 2]"),
    ({"b": 1, "a": 2}, "%{a: 2, b: 1}"),
    ({1: "one"}, "%{1 => :one}"),
    (GenServer, "GenServer"),
    (len, "<fun>"),
    (RuntimeError("boom"), '{%RuntimeError{message: "boom"}, <stack>}'),
    (Raised(RuntimeError("boom")), '%RuntimeError{message: "boom"}'),
    (NoClause("what"), "{:function_clause, <stack>}"),
    (ZeroDivisionError(), "{:badarith, <stack>}"),
    (("timeout", ("GenServer", "call", ["Srv", "x", 5.0])), "{:timeout, {GenServer, :call, [Srv, :x, 5000]}}"),
    (("noproc", ("GenServer", "stop", ["Srv", "x", None])), "{:noproc, {GenServer, :stop, [Srv, :x, :infinity]}}"),
    (Ok(1, HIBERNATE), "{:ok, 1, :hibernate}"),
    (Reply("a", 1, Continue("b")), "{:reply, :a, 1, {:continue, :b}}"),
    (NoReply(None, 0.25), "{:noreply, nil, 250}"),
    (Stop("normal", 1, reply="bye"), "{:stop, :normal, :bye, 1}"),
]


@pytest.mark.parametrize(("value", "printed"), TERMS, ids=[printed for _, printed in TERMS])
def test_terms_print_as_in_elixir(value: Any, printed: str) -> None:
    """A value prints as Elixir's `inspect` prints its term."""
    assert term(value) == printed


def test_a_value_without_a_term_is_refused() -> None:
    """A value without a term on the BEAM is refused, so that no line of a twin is invented."""
    with pytest.raises(TypeError, match="does not know"):
        term(object())


def test_pids_have_letters_and_references_numbers() -> None:
    """Pids have letters and references numbers, in the order in which they appear in the block."""

    async def block() -> None:
        first, second = process.spawn(process.sleep, 1), process.spawn(process.sleep, 1)
        ref, other = Ref(), Ref()
        say("pids", [second, first, process.current(), second])
        say("references", (other, ref, other))
        say("message", Exited(first, "normal"))

    assert block_lines(block) == [
        "pids: [<A>, <B>, <main>, <A>]",
        "references: {<ref 1>, <ref 2>, <ref 1>}",
        "message: {:EXIT, <B>, :normal}",
    ]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twin:
    """A twin with one block, which prints the two lines of its transcript."""
    (tmp_path / "sample.out").write_text("# sample\n\n== title\none: 1\ntwo: 2\n", encoding="utf-8")
    monkeypatch.setattr(machinery, "TRANSCRIPTS", tmp_path)
    twin = Twin("sample")

    @twin.block("title")
    async def block() -> None:
        say("one", 1)
        say("two", 2)

    return twin


def test_equal_lines_pass(made: Twin) -> None:
    """A block that prints the lines of the transcript passes."""
    made.check(made.blocks[0])


def test_a_different_line_fails(made: Twin) -> None:
    """A line that differs from the transcript fails, and the failure shows both lines."""
    made.blocks[0].function = say_wrong
    with pytest.raises(AssertionError, match=r"(?s)-two: 2\n\+two: 3"):
        made.check(made.blocks[0])


async def say_wrong() -> None:
    say("one", 1)
    say("two", 3)


def test_a_named_difference_passes(made: Twin) -> None:
    """A line that is named as different passes, with the line that was named."""
    made.differs("title", "two: 2", "two: 3", because="three is right here")
    made.blocks[0].function = say_wrong
    made.check(made.blocks[0])


def test_a_named_difference_that_no_longer_exists_fails(made: Twin) -> None:
    """A named difference that no longer exists fails: it has to be removed."""
    made.differs("title", "two: 2", "two: 3", because="three was right here")
    with pytest.raises(AssertionError, match=r"(?s)-two: 3\n\+two: 2"):
        made.check(made.blocks[0])


def test_a_named_difference_from_no_line_is_a_mistake(made: Twin) -> None:
    """A named difference from a line that the transcript does not have is a mistake."""
    made.differs("title", "three: 3", "three: 4", because="unknown")
    with pytest.raises(AssertionError, match="has no line"):
        made.check(made.blocks[0])


def test_a_block_that_waits_for_ever_fails(made: Twin) -> None:
    """A block that waits for ever fails at once, and the failure names the waiting processes."""

    async def waits() -> None:
        await process.receive()

    made.blocks[0].function = waits
    with pytest.raises(AssertionError, match="all wait, and no timer is set"):
        made.check(made.blocks[0])
