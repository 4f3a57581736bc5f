# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Service classes: methods, options, messages by class, and child specs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import pytest

from regrow import (
    ChildSpec,
    Down,
    GenServer,
    NoClause,
    NoReply,
    Ok,
    Reply,
    Request,
    Service,
    call,
    service,
)
from tests.behaviours.service.services import Queue

pytestmark = pytest.mark.regrow


class TestClasses:
    """A mistake raises where the class is defined."""

    def test_one_method_is_one_kind_of_message(self) -> None:
        with pytest.raises(TypeError, match=r"@service\.cast: .*both is a @service\.call already"):

            class Wrong(Service):  # pyright: ignore[reportUnusedClass]
                @service.cast  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType, reportUntypedFunctionDecorator]
                @service.call
                def both(self) -> None: ...

        with pytest.raises(TypeError, match=r"@service\.call: .*is a @service\.info already"):

            class Wrong2(Service):  # pyright: ignore[reportUnusedClass]
                @service.call
                @service.info(str)
                def both(self, message: str) -> None: ...

        with pytest.raises(TypeError, match=r"@service\.every\(1\.0\): .*is a @service\.info already"):
            service.every(1.0)(cast(Any, service.info(str)(cast(Any, lambda _self, _message=None: None))))

    @pytest.mark.parametrize("wrong", [0, -1.0, float("inf"), float("nan"), timedelta(0)])
    def test_an_interval_must_be_positive(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match=r"@service\.every: wanted more than 0 seconds"):
            service.every(wrong)

    @pytest.mark.parametrize("wrong", ["1", None, True, lambda _self: None])
    def test_an_interval_must_be_a_time(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=r"@service\.every: .*seconds"):
            service.every(wrong)

    def test_a_method_cannot_have_the_name_of_a_service_method(self) -> None:
        for name in ("start_link", "at", "then", "caller", "child_spec", "named", "start"):
            with pytest.raises(TypeError, match=f"class Wrong: every service has {name}"):
                type("Wrong", (Service,), {name: lambda _self: None})

    def test_a_callback_cannot_be_a_message(self) -> None:
        with pytest.raises(TypeError, match="class Wrong: terminate is a callback, which the server itself calls"):
            type("Wrong", (Service,), {"terminate": service.call(lambda _self, _reason: None)})

    def test_a_dunder_method_cannot_be_a_message(self) -> None:
        with pytest.raises(TypeError, match=r"class Wrong: __len__ cannot be a @service\.call"):
            type("Wrong", (Service,), {"__len__": service.call(lambda _self: 1)})

    def test_a_decorator_needs_a_method(self) -> None:
        def yields(_self: Any) -> Any:
            yield 1

        def selfless() -> None: ...

        wrong: list[tuple[Any, str]] = [
            (3, "wanted a method, `def` or `async def`, got 3"),
            (property(lambda _self: 1), "got a property"),
            (staticmethod(selfless), "remove @staticmethod"),
            (yields, "a message has one answer"),
            (selfless, "takes no self"),
        ]
        for value, words in wrong:
            for decorate in (service.call, service.cast):
                with pytest.raises(TypeError, match=words):
                    cast(Any, decorate)(value)

    def test_info_and_every_check_their_arguments(self) -> None:
        with pytest.raises(TypeError, match=r"wanted a class of messages, as in @service\.info\(Down\)"):
            service.info(cast(Any, lambda _self: None))
        with pytest.raises(TypeError, match=r"@service\.info\(Down\): wanted a method of self and the message"):
            service.info(Down)(cast(Any, lambda _self: None))
        with pytest.raises(TypeError, match=r"@service\.every\(1\.0\): wanted a method of self alone"):
            service.every(1.0)(cast(Any, lambda _self, _more: None))

    def test_two_methods_for_one_message_class_are_refused(self) -> None:
        with pytest.raises(TypeError, match=r"one and two are both @service\.info\(str\)"):

            class Wrong(Service):  # pyright: ignore[reportUnusedClass]
                @service.info(str)
                def one(self, message: str) -> None: ...
                @service.info(str)
                def two(self, message: str) -> None: ...

    def test_a_message_keeps_its_kind_in_a_subclass(self) -> None:
        with pytest.raises(
            TypeError, match=r"class Wrong: dequeue has no decorator here, and a @service\.call in Queue"
        ):
            type("Wrong", (Queue,), {"dequeue": lambda _self: 1})
        with pytest.raises(TypeError, match=r"class Wrong: dequeue is a @service\.cast here"):
            type("Wrong", (Queue,), {"dequeue": service.cast(lambda _self: None)})

    def test_an_unknown_option_is_refused(self) -> None:
        with pytest.raises(TypeError, match="unknown option colour"):

            class Wrong(Service, colour="red"):  # pyright: ignore[reportUnusedClass]
                pass

    async def test_messages_may_come_from_a_mixin(self) -> None:
        class Counting:
            count = 0

            @service.call
            def next(self) -> int:
                self.count += 1
                return self.count

        class Both(Counting, Service):
            pass

        both = await Both.start_link()
        assert [await both.next(), await both.next()] == [1, 2]

    def test_a_method_shows_its_kind(self) -> None:
        assert repr(Queue.dequeue).startswith("<the call Queue.dequeue(self)")
        assert Queue.enqueue.name == "enqueue"
        assert Queue.dequeue.__doc__ == "Take the oldest item."

    def test_a_service_class_has_a_child_spec(self) -> None:
        assert isinstance(Queue.child_spec([1]), ChildSpec)


@dataclass(frozen=True)
class Pop(Request[int | None]):
    """A request that declares the type of its reply."""

    default: int | None = None


class Stack(GenServer[list[int]]):
    """A GenServer that matches its requests."""

    def init(self, items: list[int], /) -> Ok[list[int]]:
        return Ok(items)

    def handle_call(self, request: Any, _from: Any, items: list[int], /) -> Reply[list[int]] | NoReply[list[int]]:
        match request:
            case Pop(default):
                return Reply(items[-1] if items else default, items[:-1])
            case _:
                raise NoClause(request)


class TestRequests:
    async def test_a_request_is_an_object_like_any_other(self) -> None:
        stack = await Stack.start_link([1, 2])
        assert [await call(stack, Pop()), await call(stack, Pop()), await call(stack, Pop(7))] == [2, 1, 7]
