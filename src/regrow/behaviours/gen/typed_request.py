"""Requests that declare the type of their answer."""

from __future__ import annotations

from typing import Generic, TypeVar

Answer_co = TypeVar("Answer_co", covariant=True)


class Request(Generic[Answer_co]):
    """The base class of typed requests: the request declares the type of its answer.

        >>> class Dequeue(Request[int | None]):
        ...     pass

    Type checkers read `await call(queue, Dequeue())` as an `int | None`, for any server: the request declares the type,
    and `handle_call` has to return it. At run time a request is an ordinary object.
    """

    __slots__ = ()
