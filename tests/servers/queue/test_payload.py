# Types are chosen by parameters here.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Payloads as bytes and back, by the type of their queue."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Optional, Union
from uuid import UUID

import pytest

from regrow.servers.queue.errors import PayloadError
from regrow.servers.queue.payload.encoding import Encoding
from regrow.servers.queue.payload.shapes import shape_of
from regrow.servers.queue.payload.types import words
from tests.servers.queue.payload_classes import (
    Aliased,
    AlsoTagged,
    Color,
    Email,
    Everything,
    LongEmail,
    Measure,
    Model,
    Numbers,
    Options,
    Page,
    Pair,
    Point,
    Point3,
    Positive,
    Remark,
    Renamed,
    Secret,
    Sms,
    Strict,
    SubModel,
    Tagged,
    Twin,
    UserId,
    WithModel,
    WithPoint,
    Words,
)

NOW = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ID = UUID(int=7)


def encoding(kind: Any, most: int = 1 << 20) -> Encoding[Any]:
    return Encoding(shape_of(kind, "queue 'q'"), words(kind), "q", most)


ALL = Everything(NOW, Decimal("1.10"), ID, b"\x00\xff", {"a"}, {1: "one"})


@pytest.mark.parametrize(
    ("kind", "value", "raw"),
    [
        (Any, None, b"null"),
        (Any, {"a": [1, 2.5, True, None, "ä"]}, '{"a":[1,2.5,true,null,"ä"]}'.encode()),
        (object, [], b"[]"),
        (int, 3, b"3"),
        (int, 10**30, b"1" + b"0" * 30),
        (float, 2.5, b"2.5"),
        (bool, True, b"true"),
        (str, 'a\0"', b'"a\\u0000\\""'),
        (None, None, b"null"),
        (list, [1, "a"], b'[1,"a"]'),
        (list[int], [1, 2], b"[1,2]"),
        (dict, {"a": {}}, b'{"a":{}}'),
        (dict[str, list[int | None]], {"a": [1, None]}, b'{"a":[1,null]}'),
        (Optional[int], None, b"null"),  # noqa: UP045
        (Union[int, str], "a", b'"a"'),  # noqa: UP007
        (int | float, 1, b"1"),
        (Words, "b", b'"b"'),
        (Literal[1] | None, None, b"null"),
        (UserId, 7, b"7"),
        (Remark, 7, b"7"),
        (Email, Email("ann", "hi"), b'{"to":"ann","text":"hi"}'),
        (list[Email], [Email("ann", "hi")], b'[{"to":"ann","text":"hi"}]'),
        (Email | None, None, b"null"),
        (Page[int], Page([1]), b'{"items":[1]}'),
        (Renamed, Renamed("Ann"), b'{"firstName":"Ann"}'),
        (Tagged | AlsoTagged, AlsoTagged(1), b'{"type":"AlsoTagged","n":1}'),
        (Email | Sms, Sms("ann", "hi"), b'{"Sms":{"to":"ann","text":"hi"}}'),
        (Email | Point | int, Point(1), b'{"Point":{"x":1,"y":0}}'),
        (Email | Point | int, 3, b'{"int":3}'),
        (Email | Model | None, Model(x=1), b'{"Model":{"x":1,"note":null}}'),
        (Email | Model | None, None, b'{"None":null}'),
        (Point, Point(1, 2), b'{"x":1,"y":2}'),
        (Options, {"width": 3}, b'{"width":3}'),
        (Options | Point, {"width": 3}, b'{"Options":{"width":3}}'),
        (Pair, Pair(1, "a"), b'[1,"a"]'),
        (tuple[int, str], (1, "a"), b'[1,"a"]'),
        (Color, Color.RED, b'"red"'),
        (datetime, NOW, b'"2030-01-02T03:04:05.678901Z"'),
        (timedelta, timedelta(seconds=90), b'"PT90S"'),
        (bytes, b"\x00", b'"AA=="'),
        (dict[int, Point], {1: Point(2)}, b'{"1":{"x":2,"y":0}}'),
        (Numbers, [1, 2], b"[1,2]"),
        (Model, Model(x=1, note="n"), b'{"x":1,"note":"n"}'),
        (list[Model], [Model(x=1)], b'[{"x":1,"note":null}]'),
        (Model | None, None, b"null"),
        (Model | None, Model(x=1), b'{"x":1,"note":null}'),
        (Model | Twin, Twin(x=1), b'{"Twin":{"x":1,"note":null}}'),
        (Positive, 3, b"3"),
        (WithPoint, WithPoint(point=Point(1)), b'{"point":{"x":1,"y":0}}'),
        (Aliased, Aliased.model_validate({"theName": "a", "in": "b"}), b'{"name":"a","other":"b"}'),
        (Strict, Strict(when=NOW), b'{"when":"2030-01-02T03:04:05.678901Z"}'),
    ],
    ids=repr,
)
def test_a_payload_comes_back_equal_and_of_its_class(kind: Any, value: Any, raw: bytes) -> None:
    made = encoding(kind)
    assert made.encode(value) == raw
    back = made.decode(raw)
    assert (back, type(back)) == (value, type(value))


def test_values_that_json_has_no_word_for_come_back() -> None:
    made = encoding(Everything)
    assert made.decode(made.encode(ALL)) == ALL


def test_an_int_that_stands_for_a_float_comes_back_as_a_float() -> None:
    back = encoding(list[float]).decode(encoding(list[float]).encode([1]))
    assert (back, type(back[0])) == ([1.0], float)


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        (int, "x", "wanted int, got 'x'$"),
        (int, True, "wanted int, got True$"),
        (int, 1.0, "wanted int, got 1.0$"),
        (bool, 1, "wanted bool, got 1$"),
        (str, b"a", "wanted str, got b'a'$"),
        (int, Fraction(1, 2), r"wanted int, got Fraction\(1, 2\), of type Fraction$"),
        (None, 0, "wanted None, got 0$"),
        (float, "1", "wanted float, got '1'$"),
        (float, True, "wanted float, got True$"),
        (float, float("nan"), "nan is no number in JSON"),
        (float, 10**400, "too large"),
        (Any, float("inf"), "JSON"),
        (Any, (1, 2), "a tuple would come back as a list"),
        (Any, {1: 2}, "wanted str as key, got 1"),
        (Any, {"a": [1j]}, r"wanted a JSON value, got complex at \['a'\]\[0\]"),
        (Any, {"a"}, "wanted a JSON value, got set"),
        (Any, "\ud800", "UTF-8"),
        (list[int], [1, "a"], r"wanted int, got str at \[1\]"),
        (list[int], (1,), "wanted list, got tuple"),
        (dict[str, int], {"a": None}, r"wanted int, got None at \['a'\]"),
        (dict[str, int], [("a", 1)], "wanted dict, got list"),
        (int | None, "a", r"wanted int \| None, got 'a'$"),
        (list[int] | None, [None], r"wanted int, got None at \[0\]"),
        (Words, "c", "wanted 'a' or 'b', got another str"),
        (Literal[1], True, "wanted 1"),
        (Email, {"to": "a", "text": "b"}, "wanted Email, got {'to'"),
        (Email, Email(1, "b"), r"Expected `str`, got `int` - at `\$.to`"),  # type: ignore[arg-type]
        (Email, LongEmail("a", "b", "c"), "wanted Email itself, got its subclass LongEmail"),
        (Email, None, "wanted Email, got None"),
        (Email | Sms, LongEmail("a", "b", "c"), "wanted Email | Sms, got LongEmail"),
        (Email | Sms, "a", "wanted Email | Sms, got str"),
        (Email | Sms, Sms(1, "b"), "Expected `str`, got `int`"),  # type: ignore[arg-type]
        (Point, Point3(1, 2, 3), "wanted Point itself, got its subclass Point3"),
        (Point, Point("a"), "Expected `int`, got `str`"),  # type: ignore[arg-type]
        (Options, {"width": "a"}, "Expected `int`, got `str`"),
        (tuple[int, int], [1, 2], "wanted tuple"),
        (tuple[int, int], (1, 2, 3), "length 2"),
        (list[Measure], [Measure(value=float("nan"))], "JSON"),
        (datetime, "2030-01-01", "wanted datetime, got '2030-01-01'$"),
        (Color, "red", "wanted Color, got 'red'$"),
        (complex, 1j, "complex"),
        (Model, {"x": 1}, "wanted Model, got {'x': 1}$"),
        (Model, Model.model_construct(x="a"), "int"),
        (Model, SubModel(x=1, z=2), "wanted Model itself, got its subclass SubModel"),
        (Measure, Measure(value=float("nan")), "JSON"),
        (Secret, Secret(password="x"), "masks a secret"),  # type: ignore[arg-type]
        (Positive, 0, "greater than 0"),
    ],
    ids=repr,
)
def test_what_would_not_come_back_is_refused_in_the_caller(kind: Any, value: Any, why: str) -> None:
    with pytest.raises(PayloadError, match=why) as caught:
        encoding(kind).encode(value)
    message = str(caught.value)
    assert message.startswith("put into 'q': wanted ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("kind", "raw", "why"),
    [
        (int, b'"x"', "the payload is no int: wanted int, got str"),
        (int, b"\xff", "no UTF-8"),
        (int, b"{", "Expecting"),
        (int, b"1 2", "Extra data"),
        (Any, b"NaN", "NaN is no number in JSON"),
        (float, b"1e999", "inf is no number in JSON"),
        (Any, b"[" * 100_000, "nested too deep"),
        (Any, b"1" * 5_000, "Exceeds the limit"),
        (list[int], b"[1,null]", r"wanted int, got None at \[1\]"),
        (Email, b'{"to":1}', "Expected `str`, got `int`"),
        (Email, b'{"Email":{"to":1}}', "Expected `str`, got `int`"),
        (Email | Sms, b'{"Sms":{"to":1}}', "Expected `str`, got `int`"),
        (Email | Sms, b'{"Push":{}}', "required field"),
        (Model, b'{"x":"a"}', "valid integer.* at x"),
    ],
    ids=repr,
)
def test_bytes_that_do_not_decode_say_why_in_a_few_words(kind: Any, raw: bytes, why: str) -> None:
    with pytest.raises(PayloadError, match=why) as caught:
        encoding(kind).decode(raw)
    assert len(str(caught.value)) < 500


def test_an_error_about_a_payload_is_short_however_long_the_payload_is() -> None:
    with pytest.raises(PayloadError) as caught:
        encoding(int).encode("x" * 100_000)
    assert len(str(caught.value)) < 500


def test_lists_that_contain_themselves_are_refused() -> None:
    knot: list[Any] = []
    knot.append(knot)
    for kind in (Any, list[Any]):
        with pytest.raises(PayloadError, match="more than 100 levels"):
            encoding(kind).encode(knot)


def test_what_nests_as_deep_as_is_allowed_decodes() -> None:
    deep: list[Any] = []
    for _ in range(99):
        deep = [deep]
    made = encoding(Any)
    assert made.decode(made.encode(deep)) == deep


def test_a_payload_has_at_most_as_many_bytes_as_the_queue_allows() -> None:
    made = encoding(str, most=10)
    assert made.encode("ä" * 4) == '"ääää"'.encode()
    with pytest.raises(PayloadError, match="11 bytes long, more than max_payload=10"):
        made.encode("x" * 9)


def test_a_union_may_grow_and_shrink_while_jobs_wait() -> None:
    alone, two = encoding(Email), encoding(Email | Sms)
    assert two.decode(alone.encode(Email("a", "b"))) == Email("a", "b")
    assert alone.decode(two.encode(Email("a", "b"))) == Email("a", "b")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (WithModel, "both a pydantic model and a msgspec.Struct"),
        (WithModel | Point, "both a pydantic model and a msgspec.Struct"),
        (list[Email | Sms], "must be tagged|more than one Struct"),
        (Page[int] | Page[int] | Page[Any] | Email, ""),
    ],
)
def test_a_type_that_no_library_encodes_is_refused_with_the_reason(kind: Any, why: str) -> None:
    if not why:
        encoding(kind)
        return
    with pytest.raises(TypeError, match=why) as caught:
        encoding(kind)
    assert "queue 'q': payloads of type" in str(caught.value)


def test_two_members_of_one_name_are_refused() -> None:
    def another() -> type:
        from dataclasses import make_dataclass

        return make_dataclass("Point", ["x"])

    with pytest.raises(TypeError, match="two members of the union are named Point"):
        encoding(Union[Point, another()])  # noqa: UP007 - a class that a call returns is no annotation


FRESH = """
import sys
sys.modules["{hidden}"] = None
from regrow.servers.queue.payload.shapes import shape_of
from dataclasses import dataclass
@dataclass
class Point:
    x: int
shape_of(dict[str, list[int]], "queue 'q'")
assert "msgspec" not in sys.modules or sys.modules["msgspec"] is None
assert "pydantic" not in sys.modules
try:
    shape_of(Point, "queue 'q'")
except ImportError as error:
    print(error)
"""


def test_plain_types_need_no_library_and_others_name_the_one_to_install() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FRESH.format(hidden="msgspec")], capture_output=True, text=True, check=True
    )
    assert ran.stdout == ("queue 'q': payloads of type Point need msgspec. Install it: pip install 'regrow[queue]'\n")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the syntax is of Python 3.12")
def test_an_alias_of_a_type_may_name_itself() -> None:
    names: dict[str, Any] = {}
    exec("type Tree = int | list[Tree]\ntype Json = dict[str, Json] | list[Json] | str | None", names)
    made = encoding(names["Tree"])
    assert made.decode(made.encode([1, [2, [3]]])) == [1, [2, [3]]]
    with pytest.raises(PayloadError, match=r"at \[1\]"):
        made.encode([1, ["a"]])
    assert encoding(names["Json"]).encode({"a": [None, "b"]}) == b'{"a":[null,"b"]}'
