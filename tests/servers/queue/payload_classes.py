"""Payload classes of the tests, one of each kind."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic

T = TypeVar("T")


class Email(msgspec.Struct):
    to: str
    text: str


class LongEmail(Email):
    more: str


class Sms(msgspec.Struct):
    to: str
    text: str


class Tagged(msgspec.Struct, tag=True):
    n: int


class AlsoTagged(msgspec.Struct, tag=True):
    n: int


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Renamed(msgspec.Struct, rename="camel"):
    first_name: str


@dataclass
class Point:
    x: int
    y: int = 0


@dataclass
class Point3(Point):
    z: int = 0


@dataclass(frozen=True)
class Everything:
    when: datetime
    cost: Decimal
    id: UUID
    raw: bytes
    tags: set[str] = field(default_factory=set[str])
    by_number: dict[int, str] = field(default_factory=dict[int, str])


class Options(TypedDict, total=False):
    width: int
    name: str


class Pair(NamedTuple):
    a: int
    b: str


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Model(pydantic.BaseModel):
    x: int
    note: str | None = None


class Twin(pydantic.BaseModel):
    """A model that looks like `Model`."""

    x: int
    note: str | None = None


class SubModel(Model):
    z: int = 0


class Aliased(pydantic.BaseModel):
    name: str = pydantic.Field(alias="theName")
    other: str = pydantic.Field(validation_alias="in", serialization_alias="out")


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")
    when: datetime

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def year(self) -> int:
        return self.when.year


class Measure(pydantic.BaseModel):
    value: float | None


class Secret(pydantic.BaseModel):
    password: pydantic.SecretStr


class WithPoint(pydantic.BaseModel):
    point: Point


class WithModel(msgspec.Struct):
    model: Model


UserId = NewType("UserId", int)
Positive = Annotated[int, pydantic.Field(gt=0)]
Remark = Annotated[int, "a remark"]
Numbers = Sequence[int]
Words = Literal["a", "b"]
Json = dict[str, Any]
