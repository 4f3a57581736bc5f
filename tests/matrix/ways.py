"""Every way in which code of the user's can fail, for the matrix: by what it raises, or by what it gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from regrow import Exit


@dataclass(frozen=True)
class Frozen(Exception):
    """Refuses to be written to: not even its traceback can be set, but by the interpreter."""

    word: str = "boom"


class Slotted(Exception):
    """Has slots, and refuses every other attribute."""

    __slots__ = ("word",)

    def __init__(self, word: str) -> None:
        object.__setattr__(self, "word", word)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RuntimeError(f"no {name} here")


def _refuse(*_: object) -> NoReturn:
    raise Untold


refuse: Any = _refuse  # what every special method of Hostile does
hidden: Any = property(_refuse, _refuse)


class Untold(BaseException):
    """No Exception, and no end of a program."""


class Hostile(Exception):
    """Raises, whatever it is asked."""

    __repr__ = __str__ = __eq__ = __ne__ = __hash__ = __reduce__ = __reduce_ex__ = refuse  # pyright: ignore[reportAssignmentType] (to refuse is meant)
    __setattr__ = __delattr__ = __bool__ = __len__ = __format__ = __copy__ = __deepcopy__ = refuse
    __class__ = hidden  # pyright: ignore[reportIncompatibleMethodOverride]
    __traceback__ = hidden
    __cause__ = hidden
    __context__ = hidden


class NoReason(Exit):
    """Forgot what its base class wants."""

    def __init__(self) -> None:
        pass


class Way:
    """One way of failing.

    Args:
        name: how the test is called.
        fail: what the user's function does.
        kind: of what the reason is; with Exit, what it carries.
    """

    def __init__(self, name: str, fail: Callable[[], Any], kind: type[BaseException] | None) -> None:
        self.name = name
        self.fail = fail
        self.kind = kind

    @property
    def leaves(self) -> list[type]:
        """What leaves the event loop because of it: the program is to end."""
        return [self.kind] if self.kind in (KeyboardInterrupt, SystemExit) else []

    def is_reason(self, reason: Any) -> bool:
        """Whether a process that ended of it has this reason."""
        if self.kind is None:
            return issubclass(type(reason), tuple) and reason[0] == "bad_return_value"
        if self.kind is Exit:
            return type(reason) is str and reason == "boom"
        if type(reason) is self.kind:
            return True
        # A coroutine that raises StopIteration raises a RuntimeError: that is Python's.
        return type(reason) is RuntimeError and self.kind in (StopIteration, StopAsyncIteration)


def raises(error: Callable[[], BaseException]) -> Callable[[], Any]:
    """A function that raises a new one each time."""

    def fail() -> NoReturn:
        raise error()

    return fail


def deeper() -> Any:
    """Use up the stack."""
    return [deeper()]


def frozen_group() -> BaseException:
    """A group with members that refuse to be written to."""
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
    """A coroutine that gives what unknown can use."""
    return WRONG


WRONG_VALUE = Way("a wrong value", lambda: WRONG, None)
COROUTINE = Way("a coroutine", wrong_later, None)
RETURNED = [WRONG_VALUE, COROUTINE]
