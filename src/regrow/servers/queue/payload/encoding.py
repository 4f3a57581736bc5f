"""A payload as bytes, and back: JSON in UTF-8, so that any program can read what a store keeps."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from regrow.kernel.bounded_repr import safe_repr
from regrow.servers.queue.errors import PayloadError
from regrow.servers.queue.payload.shapes import Shape, dumps, loads, reason_of
from regrow.servers.queue.payload.types import words

P = TypeVar("P")

SHOWN: Final = 100  # characters of a payload in an error
MOST_WHY: Final = 300  # characters of a library's reason


class Encoding(Generic[P]):
    """The encoding of one queue's payloads.

    Args:
        shape: how payloads are written as JSON values.
        wanted: the payload type, in words.
        queue: the name of the queue, for errors.
        most: the longest payload, in bytes.
    """

    def __init__(self, shape: Shape, wanted: str, queue: str, most: int) -> None:
        self.shape = shape
        self.wanted = wanted
        self.queue = queue
        self.most = most

    def encode(self, payload: P) -> bytes:
        """Return a payload as bytes.

        Raises:
            PayloadError: it does not have the queue's type, cannot be encoded, or is too long.
        """
        try:
            raw = dumps(self.shape.lower(payload)).encode()
        except Exception as error:
            kind, why = type(payload), short(error)
            if why == f"wanted {self.wanted}, got {words(kind)}":  # the type is all that is wrong
                why = "" if kind.__module__ == "builtins" else f", of type {words(kind)}"
            else:
                why = f": {why}"
            raise PayloadError(
                f"put into {self.queue!r}: wanted {self.wanted}, got {safe_repr(payload, SHOWN)}{why}"
            ) from error
        if len(raw) > self.most:
            raise PayloadError(
                f"put into {self.queue!r}: the payload is {len(raw):,} bytes long, more than max_payload={self.most:,}. "
                "Store what is long elsewhere, and put its name"
            )
        return raw

    def decode(self, raw: bytes) -> P:
        """Return the payload that bytes stand for.

        Raises:
            PayloadError: they stand for none of the queue's type.
        """
        try:
            value: P = self.shape.lift(loads(raw.decode()))
        except Exception as error:
            raise PayloadError(f"queue {self.queue!r}: the payload is no {self.wanted}: {short(error)}") from error
        return value


def short(error: Exception) -> str:
    """Return an error in a few words."""
    if isinstance(error, UnicodeError):
        return "it is no UTF-8 text" if isinstance(error, UnicodeDecodeError) else "UTF-8 cannot encode its text"
    text = reason_of(error).replace("\n", " ")
    return text if len(text) <= MOST_WHY else f"{text[:MOST_WHY]} …"
