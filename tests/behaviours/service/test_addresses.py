# These tests look inside a service from outside, and try what checkers forbid.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false
"""Addresses of services: a handle is accepted wherever an address is."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

import pytest

from regrow import (
    CallTimeout,
    Down,
    NoClause,
    Pid,
    Service,
    Stop,
    UnknownRequest,
    call,
    gen_server,
    process,
    send,
    service,
    stop,
    system,
)
from regrow.testing import expect_down, expect_message
from tests.behaviours.service.services import Queue, letter

pytestmark = pytest.mark.regrow


class TestAddresses:
    """A handle is accepted wherever an address is."""

    async def test_the_functions_of_gen_server_accept_a_handle(self) -> None:
        class Loud(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            def handle_info(self, message: Any, /) -> None:
                send(self.to, ("got", message))

        loud = await Loud.start_link(process.current())
        send(loud, "hello")
        assert await expect_message() == ("got", "hello")
        assert gen_server.whereis(loud) is process.whereis(loud)
        sent = gen_server.send_request(loud, "unknown")
        assert (await gen_server.receive_response(sent))[0] == "error"
        process.send_after(loud, "later", 1.0)
        assert await expect_message(timeout=2.0) == ("got", "later")
        await stop(loud)
        assert process.whereis(Loud.at("loud")) is None

    async def test_the_functions_of_process_accept_a_handle(self) -> None:
        process.trap_exit(True)
        queue = await Queue.start()
        pid = process.whereis(queue)
        assert pid is not None
        assert process.alive(queue)
        assert process.info(queue, "links") == []
        process.link(queue)
        assert process.info(queue, "links") == [process.current()]
        process.unlink(queue)
        process.register("queue", queue)
        assert process.whereis("queue") is pid
        ref = process.monitor(queue)
        process.exit(queue, "kill")
        assert await expect_message(Down) == Down(ref, pid, "killed")
        assert not process.alive(queue)
        assert not process.alive(Queue.at("queue"))
        assert process.info(queue) is None
        with pytest.raises(ValueError, match=r"link: there is no process at Queue\.at\('queue'\) now"):
            process.link(Queue.at("queue"))

    async def test_the_down_of_a_monitored_name_has_the_name(self) -> None:
        ref = process.monitor(Queue.at("unknown"))
        assert await expect_message(Down) == Down(ref, "unknown", "noproc")

    async def test_the_functions_of_system_accept_a_handle(self) -> None:
        queue = await Queue.start_link([1])
        inside = await system.get_state(queue)
        assert type(inside) is Queue
        assert list(inside._items) == [1]
        status = await system.get_status(queue)
        assert status["state"] == {"_items": deque([1])}
        assert status["module"].__name__ == "Queue"
        await system.suspend(queue)
        with pytest.raises(CallTimeout):
            await service.within(queue, 1.0).length()
        await system.resume(queue)
        assert await queue.length() == 1

    async def test_a_replaced_object_becomes_the_state(self) -> None:
        class Stopping(Queue):
            @service.call
            def leave(self) -> str:
                self.then(Stop("normal"))
                return "bye"

        queue = await Stopping.start_link([1])
        await system.replace_state(queue, lambda _: Stopping([7, 8]))
        assert await queue.dequeue() == 7
        queue.enqueue(9)
        assert await queue.length() == 2
        ref = process.monitor(queue)
        assert await queue.leave() == "bye"
        assert await expect_down(ref) == "normal"

    async def test_only_an_object_of_the_service_can_be_its_state(self) -> None:
        queue = await Queue.start_link([1])
        with pytest.raises(system.CallbackFailed) as raised:
            await system.replace_state(queue, lambda _: [1, 2])
        assert "the state of Queue must be an object of it, got [1, 2]" in str(raised.value.__cause__ or raised.value)
        assert await queue.dequeue() == 1


class TestOtherServices:
    async def test_a_message_of_another_service_is_refused_and_the_server_continues(self) -> None:
        class Cart(Service):
            @service.call
            def total(self) -> int:
                return 42

        await Cart.named("cart").start_link()
        with pytest.raises(UnknownRequest) as raised:
            await Queue.at("cart").dequeue()
        letter(raised, "runs Cart, which has no ('Queue.dequeue',)", "Its messages: total", "The server keeps running")
        why, place = cast(Any, raised.value.reason)
        assert isinstance(why, NoClause)
        assert place[:2] == ("GenServer", "call")
        with pytest.raises(UnknownRequest):
            await call("cart", "total")
        odd_ones: list[Any] = [(), 3, None, ([],)]
        for odd in odd_ones:
            with pytest.raises(UnknownRequest):
                await call("cart", odd)
        assert await Cart.at("cart").total() == 42

    async def test_a_cast_of_another_service_is_logged_and_dropped(self, reports: list[Any]) -> None:
        class Cart(Service):
            @service.call
            def total(self) -> int:
                return 42

        await Cart.named("cart").start_link()
        Queue.at("cart").enqueue(3)
        assert await Cart.at("cart").total() == 42
        assert [report.kind for report in reports] == ["unexpected message"]
