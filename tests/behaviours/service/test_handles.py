# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Handles of services: addresses, names, and the errors of a handle."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from regrow import (
    AlreadyStarted,
    CalleeExit,
    GenServer,
    Global,
    Node,
    NoProcess,
    Pid,
    Registry,
    Service,
    Supervisor,
    Via,
    process,
    service,
    stop,
)
from tests.behaviours.service.services import Queue, letter

pytestmark = pytest.mark.regrow


class TestHandles:
    async def test_a_handle_passes_for_an_object_of_the_service(self) -> None:
        queue = await Queue.start_link()
        assert isinstance(queue, Queue)
        assert isinstance(queue, Service)
        assert not isinstance(cast(Any, queue), GenServer)

    async def test_a_handle_is_made_from_a_pid_or_a_name(self) -> None:
        queue = await Queue.named("queue").start_link([1, 2])
        pid = process.whereis("queue")
        assert process.whereis(queue) is pid
        assert await Queue.at("queue").dequeue() == 1
        assert await Queue.at(pid).dequeue() == 2

    async def test_a_name_survives_a_restart_and_a_pid_does_not(self) -> None:
        children = [Queue.named("queue").child_spec([1])]
        await Supervisor.start_link(children)
        queue = Queue.at("queue")
        pid = process.whereis(queue)
        first = Queue.at(pid)
        assert await queue.dequeue() == 1
        with pytest.raises(CalleeExit):
            await queue.crash()
        await process.sleep(0.001)
        assert await queue.dequeue() == 1
        assert process.whereis(queue) is not pid
        with pytest.raises(NoProcess):
            await first.dequeue()

    async def test_a_service_may_have_every_form_of_a_name(self, node: Node) -> None:
        await Registry.start_link(keys="unique", name="rooms")
        for name in ("queue", Queue, Global("queue"), Via("rooms", "queue")):
            queue = await Queue.named(name).start_link([1])
            assert await Queue.at(name).dequeue() == 1
            assert process.whereis(Queue.at(name)) is process.whereis(queue)
            await stop(queue)
        await Queue.named("queue").start_link([1])
        assert await Queue.at(("queue", node.name)).dequeue() == 1

    async def test_a_service_named_by_its_class(self) -> None:
        class Only(Service, named=True):
            @service.call
            def here(self) -> Pid:
                return process.current()

        only = await Only.start_link()
        assert await Only.at().here() is process.whereis(Only)
        with pytest.raises(AlreadyStarted):
            await Only.start_link()
        assert await only.here() is process.whereis(Only)

    async def test_equal_handles_have_equal_addresses(self) -> None:
        one, other = await Queue.start_link(), await Queue.start_link()
        assert one == Queue.at(process.whereis(one))
        assert one != other
        assert {one: 1}[Queue.at(process.whereis(one))] == 1
        assert Queue.at("queue") == Queue.at("queue") != Queue.at("other")
        assert cast(Any, one) != "queue"
        assert copy.deepcopy([one]) == [one]
        assert copy.copy(one) is one

    async def test_the_repr_of_a_handle_makes_the_handle(self) -> None:
        queue = await Queue.start_link()
        assert repr(queue) == f"Queue.at({process.whereis(queue)})"
        assert repr(Queue.at("queue")) == "Queue.at('queue')"
        assert repr(Queue.named("queue")) == "Queue.named('queue')"
        assert queue.dequeue.__doc__ == "Take the oldest item."

    async def test_a_handle_has_no_attributes_of_the_state(self) -> None:
        class Limited(Service):
            limit = 3

            def __init__(self) -> None:
                self.items = [1]

            @service.call
            def size(self) -> int:
                return self.helper()

            def helper(self) -> int:
                return len(self.items)

            @classmethod
            def usual(cls) -> int:
                return cls.limit

            @staticmethod
            def double(value: int) -> int:
                return 2 * value

        limited = await Limited.start_link()
        for reach in (lambda: limited.items, lambda: limited.limit, lambda: limited.helper):
            with pytest.raises(AttributeError) as raised:
                cast("Callable[[], Any]", reach)()
            letter(raised, "this is a handle, and the state is in the process", "Its messages: size", "@service.call")
        with pytest.raises(AttributeError, match=r"a handle has no attributes"):
            limited.items = []
        with pytest.raises(TypeError, match="'Limited handle' has no len"):
            len(cast(Any, limited))
        assert await limited.size() == 1
        assert (limited.usual(), limited.double(4)) == (3, 8)
        assert not hasattr(limited, "__await__")

    async def test_the_explanation_comes_only_for_attributes_of_the_methods(self) -> None:
        class Base:
            def __init__(self) -> None:
                self._kept = 1

        @dataclass
        class Shelf(Service, Base):
            books: list[str] = field(default_factory=list[str])

            @service.call
            def first(self) -> str:
                return self.books[0]

            @property
            def spare(self) -> int:
                return 1

        shelf: Any = await Shelf.start_link(["a"])
        for name in ("_kept", "books", "spare", "then"):
            with pytest.raises(AttributeError, match="this is a handle") as raised:
                getattr(shelf, name)
            assert (raised.value.name, raised.value.obj) == (name, shelf)
            assert getattr(shelf, name, None) is None
        with pytest.raises(AttributeError, match="'Shelf handle' object has no attribute 'frist'"):
            shelf.frist  # noqa: B018
        assert await shelf.first() == "a"

    async def test_an_invalid_address_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"Queue\.at: wanted a pid, a name .* got 3"):
            Queue.at(3)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"Without one, write class Queue\(Service, named=True\)"):
            Queue.at()

    async def test_a_pid_of_another_server_is_refused(self) -> None:
        class Cart(Service):
            pass

        class Longer(Queue):
            pass

        class Plain(GenServer[int]):
            pass

        cart, longer, queue = await Cart.start_link(), await Longer.start_link([5]), await Queue.start_link()
        with pytest.raises(TypeError, match="runs Cart, which is no Queue"):
            Queue.at(process.whereis(cart))
        with pytest.raises(TypeError, match="runs Queue, which is no Longer"):
            Longer.at(queue)
        with pytest.raises(TypeError, match=r"runs .*Plain\.init|runs GenServer\.init"):
            Queue.at(await Plain.start_link(0))
        assert await Queue.at(longer).dequeue() == 5

    async def test_a_handle_of_an_unknown_name(self) -> None:
        queue = Queue.at("unknown")
        queue.enqueue(1)
        with pytest.raises(NoProcess, match="'unknown' is not alive"):
            await queue.dequeue()
