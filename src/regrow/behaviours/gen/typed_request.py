"""Requests that say what their answer is."""

from __future__ import annotations

from typing import Generic, TypeVar

Answer_co = TypeVar("Answer_co", covariant=True)


class Request(Generic[Answer_co]):
    """The base of your own requests, if they are to be typed: `call(server, Dequeue())` is then checked by its message.

        >>> class Dequeue(Request[int | None]):
        ...     pass

    `await call(queue, Dequeue())` is an `int | None` to type checkers, whatever server answers it: the promise is the
    message's, and `handle_call` has to keep it. When the program runs it is an object like any other.
    """

    __slots__ = ()
