"""Every way in which a user's code can fail, for the matrix: by its exception, or by its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from regrow import Exit


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception whose attributes cannot be set: only the interpreter sets its traceback."""

    word: str = "boom"


class Slotted(Exception):
    """An exception with slots, which refuses every other attribute."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        object.__setattr__(self, "word", word)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RuntimeError(f"no {name} here")


def _refuse(*_: object) -> NoReturn:
    raise Unlisted


refuse: Any = _refuse  # the body of every special method of Hostile
hidden: Any = property(_refuse, _refuse)


class Unlisted(BaseException):
    """A BaseException that is no Exception, and does not end the program."""


class Hostile(Exception):
    """An exception that raises in every operation."""

    __repr__ = __str__ = __eq__ = __ne__ = __hash__ = __reduce__ = __reduce_ex__ = refuse  # pyright: ignore[reportAssignmentType] (to refuse is meant)
    __setattr__ = __delattr__ = __bool__ = __len__ = __format__ = __copy__ = __deepcopy__ = refuse
    __class__ = hidden  # pyright: ignore[reportIncompatibleMethodOverride]
    __traceback__ = hidden
    __cause__ = hidden
    __context__ = hidden


class NoReason(Exit):
    """An exception without the argument that its base class needs."""

    def __init__(self) -> None:
        pass


class Way:
    """One way of failing.

    Args:
        name: the id of the test.
        fail: the body of the user's function.
        kind: the class of the reason; for Exit, the reason that it carries.
    """

    def __init__(self, name: str, fail: Callable[[], Any], kind: type[BaseException] | None) -> None:
        self.name = name
        self.fail = fail
        self.kind = kind

    @property
    def leaves(self) -> list[type]:
        """Return the exceptions that leave the event loop: they end the program."""
        return [self.kind] if self.kind in (KeyboardInterrupt, SystemExit) else []

    def is_reason(self, reason: Any) -> bool:
        """Return whether a process that ended in this way has this reason."""
        if self.kind is None:
            return issubclass(type(reason), tuple) and reason[0] == "bad_return_value"
        if self.kind is Exit:
            return type(reason) is str and reason == "boom"
        if type(reason) is self.kind:
            return True
        # A coroutine that raises StopIteration raises a RuntimeError: this is Python's rule.
        return type(reason) is RuntimeError and self.kind in (StopIteration, StopAsyncIteration)


def raises(error: Callable[[], BaseException]) -> Callable[[], Any]:
    """Return a function that raises a new exception each time."""

    def fail() -> NoReturn:
        raise error()

    return fail


def deeper() -> Any:
    """Use up the stack."""
    return [deeper()]


def frozen_group() -> BaseException:
    """Return a group whose members refuse attributes."""
    return ExceptionGroup("boom", [Frozen(), ValueError("boom")])


RAISED = [
    Way("Exception", raises(lambda: ValueError("boom")), ValueError),
    Way("Exit", raises(lambda: Exit("boom")), Exit),
    Way("an Exit without a reason", raises(NoReason), NoReason),
    Way("BaseException", raises(lambda: BaseException("boom")), BaseException),
    Way("KeyboardInterrupt", raises(KeyboardInterrupt), KeyboardInterrupt),
    Way("SystemExit", raises(lambda: SystemExit(3)), SystemExit),
    Way("CancelledError", raises(asyncio.CancelledError), asyncio.CancelledError),
    Way("GeneratorExit", raises(GeneratorExit), GeneratorExit),
    Way("StopIteration", raises(lambda: StopIteration(1)), StopIteration),
    Way("StopAsyncIteration", raises(StopAsyncIteration), StopAsyncIteration),
    Way("RecursionError", deeper, RecursionError),
    Way("MemoryError", raises(MemoryError), MemoryError),
    Way("ExceptionGroup", raises(frozen_group), ExceptionGroup),
    Way("a frozen exception", raises(Frozen), Frozen),
    Way("an exception with slots", raises(lambda: Slotted("boom")), Slotted),
    Way("a hostile exception", raises(Hostile), Hostile),
]

WRONG = object()


async def wrong_later() -> Any:
    """A coroutine with a result that is valid nowhere."""
    return WRONG


WRONG_VALUE = Way("a wrong value", lambda: WRONG, None)
COROUTINE = Way("a coroutine", wrong_later, None)
RETURNED = [WRONG_VALUE, COROUTINE]
