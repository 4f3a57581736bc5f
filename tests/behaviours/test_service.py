"""Services: methods as messages, handles as addresses, and one GenServer underneath."""

# What is inside a service is looked at from outside here, and what checkers forbid is tried.
# pyright: reportPrivateUsage=false, reportUnusedFunction=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from regrow import (
    HIBERNATE,
    IGNORE,
    AlreadyStarted,
    CalleeExit,
    CallingSelf,
    CallTimeout,
    ChildSpec,
    Continue,
    Down,
    DynamicSupervisor,
    Error,
    Exit,
    Exited,
    GenServer,
    Global,
    Ignored,
    NoClause,
    Node,
    NoProcess,
    NoReply,
    Ok,
    PartitionSupervisor,
    Pid,
    Registry,
    Reply,
    Request,
    Service,
    StartError,
    Stop,
    Supervisor,
    UnknownRequest,
    Via,
    call,
    gen_server,
    process,
    send,
    service,
    stop,
    system,
)
from regrow.behaviours.service.methods import Later
from regrow.testing import expect_down, expect_message

pytestmark = pytest.mark.regrow


class Queue(Service):
    """The service of the lesson, and some more."""

    def __init__(self, items: Iterable[int] = ()) -> None:
        self._items = deque(items)

    @service.call
    def dequeue(self) -> int | None:
        """Take the oldest."""
        return self._items.popleft() if self._items else None

    @service.cast
    def enqueue(self, value: int) -> None:
        self._items.append(value)

    @service.call
    def length(self) -> int:
        return len(self._items)

    @service.call
    async def slow(self, delay: float) -> str:
        await process.sleep(delay)
        return "slept"

    @service.call
    def crash(self) -> None:
        raise ValueError("told to")


def letter(raised: pytest.ExceptionInfo[BaseException], *parts: str) -> None:
    """All parts stand in what was raised."""
    assert [part for part in parts if part not in str(raised.value)] == []


class TestMessages:
    async def test_a_call_answers_and_a_cast_does_not(self) -> None:
        queue = await Queue.start_link([1, 2])
        assert await queue.dequeue() == 1
        queue.enqueue(3)
        assert [await queue.dequeue() for _ in range(3)] == [2, 3, None]

    async def test_messages_are_taken_in_their_order(self) -> None:
        queue = await Queue.start_link()
        for number in range(100):
            queue.enqueue(number)
        assert [await queue.dequeue() for _ in range(100)] == list(range(100))

    async def test_a_method_is_def_or_async_def(self) -> None:
        class Both(Service):
            def __init__(self) -> None:
                self.seen: list[str] = []

            @service.call
            async def ask(self, word: str) -> str:
                await asyncio.sleep(0)
                return word

            @service.cast
            async def tell(self, word: str) -> None:
                await process.sleep(0.0)
                self.seen.append(word)

            @service.call
            def told(self) -> list[str]:
                return self.seen

        both = await Both.start_link()
        assert await both.ask("a") == "a"
        both.tell("b")
        assert await both.told() == ["b"]

    async def test_a_def_may_return_what_an_async_def_gave_it(self) -> None:
        """`call` is compiled where the kernel is: its coroutine is awaited like any other."""
        queue = await Queue.start_link([1, 2, 3, 4, 5])

        class Asker(Service):
            def __init__(self) -> None:
                self.asked = 0

            @service.call
            def ask(self) -> Coroutine[Any, Any, int]:
                self.asked += 1
                return call(queue, ("Queue.dequeue",))

            @service.call
            async def ask_oneself(self) -> int:
                return await self.ask()

            @service.call
            def ask_and_stop(self) -> Coroutine[Any, Any, int]:
                self.then(Stop("normal"))
                return call(queue, ("Queue.dequeue",))

            @service.cast
            def tell(self) -> Coroutine[Any, Any, None]:
                return call(queue, ("Queue.dequeue",))

            @service.info(str)
            def hear(self, _: str) -> Coroutine[Any, Any, None]:
                return call(queue, ("Queue.dequeue",))

            @service.call
            def future(self) -> asyncio.Future[None]:
                return asyncio.get_running_loop().create_future()

        asker = await Asker.start()
        assert await asker.ask() == 1
        assert await asker.ask_oneself() == 2
        asker.tell()
        send(process.whereis(asker), "now")
        assert isinstance(await asker.future(), asyncio.Future)  # an object as it is
        assert await asker.ask_and_stop() == 5
        assert not process.alive(asker)

    async def test_answers_of_any_class_come_in_any_order(self) -> None:
        class Echo(Service):
            @service.call
            def same(self, one: Any) -> Any:
                return one

            @service.call
            def later(self, one: Any) -> Later[Any]:
                return Later.now(one)

            @service.call
            async def soon(self, one: Any) -> Any:
                return one

        echo = await Echo.start_link()
        for one in (1, "a", None, object(), 2, 3, Later, Echo, (), None):
            assert await echo.same(one) is one
            assert await echo.later(one) is one
            assert await echo.soon(one) is one

    async def test_every_kind_of_parameter_arrives(self) -> None:
        class Wide(Service):
            @service.call
            def ask(self, a: int, /, b: int = 2, *rest: int, c: int, d: int = 4, **more: int) -> tuple[Any, ...]:
                return a, b, rest, c, d, more

        wide = await Wide.start_link()
        assert await wide.ask(1, c=3) == (1, 2, (), 3, 4, {})
        assert await wide.ask(1, 9, 8, 7, c=3, d=5, e=6) == (1, 9, (8, 7), 3, 5, {"e": 6})
        assert await wide.ask(1, b=9, c=3) == (1, 9, (), 3, 4, {})

    async def test_a_wrong_argument_is_the_callers_error(self) -> None:
        queue = await Queue.start_link([1])
        with pytest.raises(TypeError, match=r"enqueue\(\) missing 1 required positional argument: 'value'"):
            queue.enqueue()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        with pytest.raises(TypeError, match="unexpected keyword argument 'now'"):
            await queue.dequeue(now=True)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        assert await queue.dequeue() == 1

    async def test_a_message_is_a_tuple_that_names_its_method(self) -> None:
        queue = await Queue.start_link()
        await system.suspend(queue)
        queue.enqueue(7)
        (waiting,) = process.info(queue, "messages")
        assert waiting.request == ("Queue.enqueue", 7)

    async def test_calls_come_from_plain_tasks_too(self) -> None:
        queue = await Queue.start_link([1, 2])
        answers = await asyncio.gather(asyncio.create_task(queue.dequeue()), asyncio.create_task(queue.dequeue()))
        assert sorted(cast("list[int]", answers)) == [1, 2]

    async def test_a_default_is_evaluated_once_as_pythons_are(self) -> None:
        class Kept(Service):
            @service.call
            def same(self, one: list[int] = []) -> list[int]:  # noqa: B006
                return one

        kept = await Kept.start_link()
        assert await kept.same() is await kept.same()


class TestTimeouts:
    async def test_a_call_waits_five_seconds(self) -> None:
        queue = await Queue.start_link()
        begin = process.monotonic()
        with pytest.raises(CallTimeout) as raised:
            await queue.slow(10.0)
        assert process.monotonic() - begin == 5.0
        letter(raised, "('Queue.slow', 10.0)", "within 5.0 s")

    async def test_a_method_may_have_a_timeout_of_its_own(self) -> None:
        class Patient(Service):
            @service.call(timeout=timedelta(minutes=1))
            async def slow(self, delay: float) -> None:
                await process.sleep(delay)

            @service.call(timeout=None)
            async def slower(self, delay: float) -> str:
                await process.sleep(delay)
                return "done"

        patient = await Patient.start_link()
        await patient.slow(59.0)
        with pytest.raises(CallTimeout, match=r"within 60\.0 s"):
            await patient.slow(61.0)
        assert await patient.slower(86_400.0) == "done"

    async def test_within_is_for_one_call(self) -> None:
        queue = await Queue.start_link()
        patient = service.within(queue, 20.0)
        assert await patient.slow(10.0) == "slept"
        assert patient == queue
        assert isinstance(patient, Queue)
        with pytest.raises(CallTimeout, match=r"within 0\.5 s"):
            await service.within(patient, 0.5).slow(1.0)

    async def test_within_wants_a_handle_and_seconds(self) -> None:
        queue = await Queue.start_link()
        with pytest.raises(TypeError, match=r"wanted a handle, as start_link\(…\) or at\(…\) gives it; got 3"):
            service.within(3, 1.0)
        with pytest.raises(ValueError, match="within"):
            service.within(queue, -1.0)

    async def test_a_negative_timeout_is_no_timeout(self) -> None:
        with pytest.raises(ValueError, match=r"@service\.call\(timeout=\)"):
            service.call(timeout=-1.0)


class TestHandles:
    async def test_a_handle_passes_for_an_object_of_the_service(self) -> None:
        queue = await Queue.start_link()
        assert isinstance(queue, Queue)
        assert isinstance(queue, Service)
        assert not isinstance(cast(Any, queue), GenServer)

    async def test_at_a_pid_and_at_a_name(self) -> None:
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

    async def test_every_form_of_a_name(self, node: Node) -> None:
        await Registry.start_link(keys="unique", name="rooms")
        for name in ("queue", Queue, Global("queue"), Via("rooms", "queue")):
            queue = await Queue.named(name).start_link([1])
            assert await Queue.at(name).dequeue() == 1
            assert process.whereis(Queue.at(name)) is process.whereis(queue)
            await stop(queue)
        await Queue.named("queue").start_link([1])
        assert await Queue.at(("queue", node.name)).dequeue() == 1

    async def test_a_named_service_is_at_its_class(self) -> None:
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

    async def test_it_prints_as_what_makes_it(self) -> None:
        queue = await Queue.start_link()
        assert repr(queue) == f"Queue.at({process.whereis(queue)})"
        assert repr(Queue.at("queue")) == "Queue.at('queue')"
        assert repr(Queue.named("queue")) == "Queue.named('queue')"
        assert queue.dequeue.__doc__ == "Take the oldest."

    async def test_the_state_is_not_there(self) -> None:
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

    async def test_the_letter_comes_for_what_the_methods_mention_and_else_pythons_own(self) -> None:
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

    async def test_what_is_no_address(self) -> None:
        with pytest.raises(TypeError, match=r"Queue\.at: wanted a pid, a name .* got 3"):
            Queue.at(3)
        with pytest.raises(TypeError, match=r"Without one it takes class Queue\(Service, named=True\)"):
            Queue.at()

    async def test_a_pid_of_something_else_is_refused(self) -> None:
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

    async def test_nobody_has_the_name(self) -> None:
        queue = Queue.at("nobody")
        queue.enqueue(1)
        with pytest.raises(NoProcess, match="'nobody' is not alive"):
            await queue.dequeue()


class TestAddresses:
    """Wherever an address fits, a handle does."""

    async def test_the_functions_of_gen_server(self) -> None:
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

    async def test_the_functions_of_process(self) -> None:
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
        with pytest.raises(ValueError, match=r"link: nobody is at Queue\.at\('queue'\) now"):
            process.link(Queue.at("queue"))

    async def test_a_monitor_of_a_name_tells_the_name(self) -> None:
        ref = process.monitor(Queue.at("nobody"))
        assert await expect_message(Down) == Down(ref, "nobody", "noproc")

    async def test_the_functions_of_system(self) -> None:
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

    async def test_a_replaced_object_goes_on_as_the_state(self) -> None:
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
        assert "the state of Queue is an object of it, got [1, 2]" in str(raised.value.__cause__ or raised.value)
        assert await queue.dequeue() == 1


class TestOtherServices:
    async def test_a_message_of_another_service_is_refused_and_the_server_goes_on(self) -> None:
        class Cart(Service):
            @service.call
            def total(self) -> int:
                return 42

        await Cart.named("cart").start_link()
        with pytest.raises(UnknownRequest) as raised:
            await Queue.at("cart").dequeue()
        letter(raised, "runs Cart, which has no ('Queue.dequeue',)", "Its messages: total", "It goes on")
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


class TestLater:
    async def test_an_answer_may_come_from_another_message(self) -> None:
        class Mailbox(Service):
            def __init__(self) -> None:
                self.waiting: deque[Later[int]] = deque()

            @service.call
            def take(self) -> Later[int]:
                self.waiting.append(Later())
                return self.waiting[-1]

            @service.cast
            def put(self, value: int) -> None:
                self.waiting.popleft().reply(value)

        mailbox = await Mailbox.start_link()
        asker = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        mailbox.put(5)
        assert await asker == 5

    async def test_one_is_for_all_who_ask_before_and_after(self) -> None:
        class Gate(Service):
            def __init__(self) -> None:
                self.opened: Later[str] = Later()

            @service.call
            async def wait_open(self) -> Later[str]:
                return self.opened

            @service.cast
            def open(self, how: str) -> None:
                self.opened.reply(how)

        gate = await Gate.start_link()
        askers = [asyncio.create_task(gate.wait_open()) for _ in range(3)]
        await asyncio.sleep(0)
        gate.open("wide")
        gate.open("a second answer is dropped")
        assert await asyncio.gather(*askers) == ["wide"] * 3
        assert await gate.wait_open() == "wide"

    async def test_an_answer_may_be_there_already(self) -> None:
        class Ready(Service):
            @service.call
            def ask(self) -> Later[int]:
                return Later.now(3)

            @service.call
            def ask_early(self) -> Later[int]:
                later: Later[int] = Later()
                later.reply(4)
                return later

        ready = await Ready.start_link()
        assert (await ready.ask(), await ready.ask_early()) == (3, 4)

    async def test_those_who_gave_up_are_forgotten(self) -> None:
        never: Later[int] = Later()

        class Never(Service):
            @service.call(timeout=0.1)
            def ask(self) -> Later[int]:
                return never

        deaf = await Never.start_link()
        for _ in range(200):
            with pytest.raises(CallTimeout):
                await deaf.ask()
        assert len(never._askers) < 20

    def test_it_prints_what_is_known(self) -> None:
        never: Later[int] = Later()
        assert (repr(never), repr(Later.now(3))) == ("Later()", "Later.now(3)")


class TestThen:
    async def test_stop_comes_after_the_reply(self) -> None:
        class Last(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            @service.call
            def leave(self, reason: object) -> str:
                self.then(Stop(reason))
                return "bye"

            @service.call
            async def leave_slowly(self, reason: object) -> str:
                await process.sleep(1.0)
                self.then(Stop(reason))
                return "bye"

            @service.cast
            def go(self) -> None:
                self.then(Stop("normal"))

            def terminate(self, reason: object, /) -> None:
                send(self.to, ("terminate", reason))

        for leave in (Last.leave, Last.leave_slowly):
            last = await Last.start(process.current())
            ref = process.monitor(last)
            assert await getattr(last, leave.name)("normal") == "bye"
            assert await expect_message(tuple) == ("terminate", "normal")
            assert await expect_down(ref) == "normal"
        last = await Last.start(process.current())
        ref = process.monitor(last)
        last.go()
        assert await expect_down(ref) == "normal"

    async def test_who_waits_for_a_later_hears_of_the_stop(self) -> None:
        class Rude(Service):
            @service.call
            def ask(self) -> Later[int]:
                self.then(Stop("shutdown"))
                return Later()

        rude = await Rude.start()
        with pytest.raises(CalleeExit) as raised:
            await rude.ask()
        assert raised.value.reason[0] == "shutdown"

    async def test_a_timeout_is_a_message(self) -> None:
        class Idle(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to
                self.then(10.0)

            @service.cast
            def touch(self) -> None:
                self.then(timedelta(seconds=20))

            @service.call
            def forget(self) -> None:
                self.then(1.0)
                self.then(HIBERNATE)

            def handle_info(self, message: object, /) -> None:
                send(self.to, (message, process.monotonic()))

        begin = process.monotonic()
        idle = await Idle.start_link(process.current())
        assert await expect_message(timeout=100.0) == ("timeout", begin + 10.0)
        idle.touch()
        assert await expect_message(timeout=100.0) == ("timeout", begin + 30.0)
        await idle.forget()
        with pytest.raises(TimeoutError):
            await process.receive(timeout=100.0)

    async def test_a_continue_comes_before_all_that_wait(self) -> None:
        class Loading(Service):
            def __init__(self) -> None:
                self.seen: list[str] = []
                self.then(Continue(self.load))

            async def load(self) -> None:
                await process.sleep(1.0)
                self.seen.append("loaded")

            @service.cast
            def note(self, word: str) -> None:
                self.seen.append(word)
                if word == "more":
                    self.then(Continue(self.load))

            @service.call
            def all(self) -> list[str]:
                return self.seen

        loading = await Loading.start_link()
        loading.note("more")
        loading.note("last")
        assert await loading.all() == ["loaded", "more", "loaded", "last"]

    async def test_handle_continue_is_a_callback(self) -> None:
        class Chained(Service):
            def __init__(self) -> None:
                self.left = 3
                self.then(Continue("down"))

            def handle_continue(self, arg: str, /) -> None:
                assert arg == "down"
                self.left -= 1
                if self.left:
                    self.then(Continue("down"))

            @service.call
            def get(self) -> int:
                return self.left

        assert await (await Chained.start_link()).get() == 0

    async def test_what_cannot_follow(self) -> None:
        class Wrong(Service):
            @service.call
            def say(self, what: Any) -> str:
                try:
                    self.then(what)
                except (TypeError, Exit) as error:
                    return str(error)
                return "fine"

            @service.call
            def no_continue(self) -> None:
                self.then(Continue("what"))

        wrong = await Wrong.start()
        assert "self is the state" in await wrong.say(Stop("normal", 3))
        assert "self is the state" in await wrong.say(Stop("normal", reply=3))
        assert "a timeout of seconds" in await wrong.say(-1)
        assert "a timeout of seconds" in await wrong.say("soon")
        ref = process.monitor(wrong)
        await wrong.no_continue()
        assert "no handle_continue was provided" in str(await expect_down(ref))

    async def test_it_is_for_the_services_own_process(self) -> None:
        class Shared(Service):
            @service.call
            def leak(self) -> Shared:
                return self

        inside = await (await Shared.start_link()).leak()
        with pytest.raises(RuntimeError, match="then: it is for a service's own methods"):
            inside.then(1.0)
        with pytest.raises(RuntimeError, match="caller: it is for a service's own methods"):
            Shared().caller()


class TestInfo:
    async def test_messages_go_by_their_class(self) -> None:
        @dataclass
        class News:
            word: str

        class Special(News):
            pass

        class Reader(Service):
            def __init__(self) -> None:
                self.seen: list[Any] = []

            @service.info(News)
            def news(self, message: News) -> None:
                self.seen.append(("news", message.word))

            @service.info(str)
            @service.info(int)
            async def simple(self, message: str | int) -> None:
                await process.sleep(0.0)
                self.seen.append(("simple", message))

            @service.info(Down)
            def down(self, message: Down) -> None:
                self.seen.append(("down", message.reason))

            def handle_info(self, message: object, /) -> None:
                self.seen.append(("other", message))

            @service.call
            def watch(self, pid: Pid) -> None:
                process.monitor(pid)

            @service.call
            def all(self) -> list[Any]:
                return self.seen

        reader = await Reader.start_link()
        for message in (News("a"), Special("b"), "c", 4, 5.0):
            send(reader, message)
        await reader.watch(process.spawn(lambda: None))
        await process.sleep(0.1)
        assert await reader.all() == [
            ("news", "a"),
            ("news", "b"),
            ("simple", "c"),
            ("simple", 4),
            ("other", 5.0),
            ("down", "noproc"),
        ] or (await reader.all())[-1] == ("down", "normal")

    async def test_what_nobody_takes_is_logged(self, reports: list[Any]) -> None:
        queue = await Queue.start_link([1])
        send(queue, "hello")
        assert await queue.dequeue() == 1
        assert [report.kind for report in reports] == ["unexpected message"]


class TestEvery:
    async def test_it_comes_again_and_again_without_drift(self) -> None:
        class Clock(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            @service.every(2.0)
            async def tick(self) -> None:
                await process.sleep(0.5)
                send(self.to, process.monotonic())

            @service.every(timedelta(seconds=7))
            def tock(self) -> None:
                send(self.to, "tock")

        begin = process.monotonic()
        await Clock.start_link(process.current())
        heard = [await expect_message(timeout=10.0) for _ in range(5)]
        assert heard == [begin + 2.5, begin + 4.5, begin + 6.5, "tock", begin + 8.5]

    async def test_what_was_missed_is_left_out(self) -> None:
        class Slow(Service):
            def __init__(self) -> None:
                self.times: list[float] = []
                self.begin = process.monotonic()

            @service.every(1.0)
            async def tick(self) -> None:
                self.times.append(process.monotonic() - self.begin)
                if len(self.times) == 1:
                    await process.sleep(3.5)

            @service.call
            def all(self) -> list[float]:
                return self.times

        slow = await Slow.start_link()
        await process.sleep(7.5)
        assert await slow.all() == [1.0, 5.0, 6.0, 7.0]

    async def test_an_end_ends_it_and_a_restart_begins_it_anew(self) -> None:
        class Once(Service):
            def __init__(self, to: Pid) -> None:
                self.to = to

            @service.every(1.0)
            def tick(self) -> None:
                send(self.to, "tick")
                self.then(Stop("normal"))

        await Supervisor.start_link([(Once, process.current())])
        begin = process.monotonic()
        for _ in range(3):
            await expect_message(timeout=5.0)
        assert process.monotonic() - begin == pytest.approx(3.0, abs=0.1)


class TestLife:
    async def test_init_may_wait_and_decide(self) -> None:
        class Picky(Service):
            def __init__(self, init: Callable[[], Any]) -> None:
                self.decide = init

            async def init(self) -> Any:
                await process.sleep(0.1)
                return self.decide()

        process.trap_exit(True)
        with pytest.raises(Ignored):
            await Picky.start_link(lambda: IGNORE)
        refuse: list[Callable[[], Any]] = [lambda: Stop("no"), lambda: Error("no")]
        for init in refuse:
            with pytest.raises(StartError) as raised:
                await Picky.start_link(init)
            assert raised.value.reason == "no"
        with pytest.raises(StartError) as raised:
            await Picky.start_link(lambda: 3)
        assert raised.value.reason == ("bad_return_value", 3)
        with pytest.raises(StartError, match="Picky did not start: 'timeout'"):
            await Picky.named(None, timeout=0.05).start_link(lambda: None)

    async def test_a_raise_in_init_is_the_reason(self) -> None:
        class Broken(Service):
            def __init__(self) -> None:
                raise ValueError("no")

        with pytest.raises(StartError, match=r"Broken did not start: ValueError\('no'\)"):
            await Broken.start()
        with pytest.raises(StartError, match="unexpected keyword argument"):
            await Queue.start(limit=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]

    async def test_stop_in_the_constructor(self) -> None:
        class Never(Service):
            def __init__(self) -> None:
                self.then(Stop("not today"))

        with pytest.raises(StartError, match="not today"):
            await Never.start()

    async def test_the_object_may_send_to_itself_before_it_is_up(self) -> None:
        class Early(Service):
            def __init__(self) -> None:
                self.seen: list[int] = []
                self.note(1)

            @service.cast
            def note(self, value: int) -> None:
                self.seen.append(value)

            @service.call
            def all(self) -> list[int]:
                return self.seen

        assert await (await Early.start_link()).all() == [1]

    async def test_a_dataclass_is_a_service(self) -> None:
        @dataclass
        class Counter(Service):
            count: int = 0
            log: list[int] = field(default_factory=list[int])

            @service.call
            def add(self, number: int) -> int:
                self.count += number
                return self.count

        one = await Counter.start_link(count=40)
        assert await one.add(2) == 42
        assert one == Counter.at(process.whereis(one))

    async def test_a_crash_is_reported_with_the_attributes(self, reports: list[Any]) -> None:
        queue = await Queue.start([1])
        with pytest.raises(CalleeExit):
            await queue.crash()
        report = reports[0]
        assert (report.kind, report.module.__name__) == ("GenServer terminating", "Queue")
        assert report.state == {"_items": deque([1])}
        assert report.message == ("Queue.crash",)

    async def test_format_status_is_a_callback(self) -> None:
        class Secret(Service):
            def __init__(self) -> None:
                self.password = "x"

            def format_status(self, status: dict[str, Any], /) -> dict[str, Any]:
                return {**status, "state": list(status["state"])}

        assert (await system.get_status(await Secret.start_link()))["state"] == ["password"]

    async def test_terminate_hears_the_reason_of_the_parents_end(self) -> None:
        class Last(Service):
            def __init__(self, to: Pid) -> None:
                process.trap_exit(True)
                self.to = to

            async def terminate(self, reason: object, /) -> None:
                await process.sleep(0.1)
                send(self.to, ("terminate", reason))

        to = process.current()
        supervisor = await Supervisor.start_link([(Last, to)])
        await Supervisor.stop(supervisor)
        assert await expect_message(tuple) == ("terminate", "shutdown")

    async def test_code_change(self) -> None:
        class New(Service):
            def __init__(self) -> None:
                self.version = 1

            def code_change(self, _old_version: object, extra: object, /) -> Any:
                if extra == "fail":
                    raise ValueError("no")
                self.version = 2

        new = await New.start_link()
        await system.suspend(new)
        assert await system.change_code(new, New, 1, None) == "ok"
        assert (await system.change_code(new, New, 1, "fail"))[0] == "error"
        await system.resume(new)
        assert (await system.get_state(new)).version == 2

    async def test_who_calls_is_known_while_a_call_is_handled(self) -> None:
        class Door(Service):
            def __init__(self) -> None:
                self.word = ""

            @service.call
            async def who(self) -> Pid:
                await process.sleep(0.1)
                return self.caller()

            @service.cast
            def nobody(self) -> None:
                try:
                    self.caller()
                except RuntimeError as error:
                    self.word = str(error)

            @service.call
            def told(self) -> str:
                return self.word

        door = await Door.start_link()
        assert await door.who() is process.current()
        door.nobody()
        assert "no call is being handled" in await door.told()


class TestKeepers:
    async def test_children_in_every_form(self) -> None:
        class Named(Queue, id="n", restart="transient"):
            pass

        supervisor = await Supervisor.start_link(
            [Queue, Named.child_spec([1]), Queue.named("third").child_spec(items=[3])]
        )
        rows = {row.id: row for row in await Supervisor.which_children(supervisor)}
        assert list(reversed(rows)) == [Queue, "n", "third"]
        assert rows[Queue].modules == (Queue,)
        assert await Named.at(rows["n"].pid).dequeue() == 1
        assert await Queue.at("third").dequeue() == 3
        spec = Named.child_spec([1])
        assert (spec.restart, spec.args) == ("transient", ([1],))
        assert "Named.start_link([1])" in repr(spec)

    async def test_a_restart_makes_a_new_object(self) -> None:
        supervisor = await Supervisor.start_link([(Queue, [1, 2])])
        (row,) = await Supervisor.which_children(supervisor)
        assert await Queue.at(row.pid).dequeue() == 1
        process.exit(row.pid, "kill")
        await process.sleep(0.001)
        (row,) = await Supervisor.which_children(supervisor)
        assert await Queue.at(row.pid).length() == 2

    async def test_dynamic_and_partition_supervisors(self) -> None:
        supervisor = await DynamicSupervisor.start_link()
        pid = await DynamicSupervisor.start_child(supervisor, Queue.child_spec([4]))
        assert await Queue.at(pid).dequeue() == 4
        await PartitionSupervisor.start_link(child_spec=Queue, name="queues", partitions=2)
        one, other = Queue.at(Via("queues", 0)), Queue.at(Via("queues", 1))
        one.enqueue(1)
        assert (await one.length(), await other.length()) == (1, 0)

    async def test_one_for_the_test(self, start_supervised: Any) -> None:
        queue = Queue.at(await start_supervised((Queue, [1])))
        assert await queue.dequeue() == 1

    async def test_start_link_links_and_start_does_not(self) -> None:
        process.trap_exit(True)
        linked, free = await Queue.start_link(), await Queue.start()
        for one in (linked, free):
            with pytest.raises(CalleeExit):
                await one.crash()
        assert (await expect_message(Exited)).pid is process.whereis(linked)
        with pytest.raises(TimeoutError):
            await process.receive(timeout=1.0)


class TestInside:
    """What a service's own methods do when it calls itself."""

    async def test_a_call_to_itself_runs_in_place_and_a_cast_waits_its_turn(self) -> None:
        class Selfish(Queue):
            @service.call
            async def two(self) -> list[int | None]:
                self.enqueue(9)
                return [await self.dequeue(), await self.dequeue()]

            @service.call
            async def nap(self) -> str:
                return await self.slow(1.0)

        selfish = await Selfish.start_link([1])
        assert await selfish.two() == [1, None]
        assert await selfish.dequeue() == 9
        assert await selfish.nap() == "slept"

    async def test_super_is_what_python_means_by_it(self) -> None:
        class Loud(Queue):
            @service.call
            async def length(self) -> int:
                return 100 + await super().length()

            @service.cast
            def enqueue(self, value: int) -> None:
                super().enqueue(value * 2)
                super().enqueue(value * 2 + 1)

        loud = await Loud.start_link()
        loud.enqueue(4)
        assert await loud.length() == 102
        assert await Queue.at(loud).dequeue() == 8
        Queue.at(loud).enqueue(1)
        assert await Queue.at(loud).length() == 103

    async def test_an_async_cast_of_super_says_how(self) -> None:
        class Base(Service):
            @service.cast
            async def tell(self, to: Pid) -> None:
                send(to, "base")

        class Derived(Base):
            @service.cast
            async def tell(self, to: Pid) -> None:
                try:
                    super().tell(to)
                except TypeError as error:
                    send(to, str(error))
                await Base.tell.function(self, to)

        derived = await Derived.start_link()
        derived.tell(process.current())
        assert "Base.tell.function(self, …)`" in await expect_message()
        assert await expect_message() == "base"

    async def test_a_bound_method_asks_where_it_runs_in_another_process(self) -> None:
        class Busy(Service):
            @service.call
            def where(self) -> Pid:
                return process.current()

            @service.cast
            def lend(self, to: Pid) -> None:
                send(to, self.where)

        busy = await Busy.start_link()
        busy.lend(process.current())
        where: Any = await process.receive()
        assert await where() is process.whereis(busy)

    async def test_it_cannot_wait_for_itself(self) -> None:
        class Knot(Service):
            @service.call
            def wait(self) -> Later[int]:
                return Later()

            @service.call
            def known(self) -> Later[int]:
                return Later.now(3)

            @service.call
            async def tie(self) -> str:
                assert await self.known() == 3
                try:
                    await self.wait()
                except CallingSelf as error:
                    return str(error)
                return "?"

        assert "asked itself wait(…)" in await (await Knot.start_link()).tie()

    async def test_an_object_without_a_process_says_so(self) -> None:
        queue = Queue([1])
        with pytest.raises(RuntimeError) as raised:
            await queue.dequeue()
        letter(
            raised, "Queue(…) has no process", "queue = await Queue.start_link(…)", "Queue.dequeue.function(queue, …)"
        )
        with pytest.raises(RuntimeError, match="has no process"):
            queue.enqueue(1)
        assert Queue.dequeue.function(queue) == 1

    async def test_a_method_called_on_the_class_says_so(self) -> None:
        on_the_class: Any = Queue
        for method, how in (("dequeue", "await queue.dequeue(…)"), ("enqueue", "    queue.enqueue(…)")):
            with pytest.raises(TypeError) as raised:
                getattr(on_the_class, method)(1)
            letter(raised, f"Queue.{method}(…) was called on the class", "await Queue.start_link(…)", "Queue.at(", how)

    async def test_an_object_that_got_out_sends_as_a_handle_does(self) -> None:
        class Leaky(Queue):
            @service.call
            def leak(self) -> Leaky:
                return self

        leaky = await Leaky.start_link([1, 2])
        inside = await leaky.leak()
        inside.enqueue(3)
        assert await inside.dequeue() == 1
        assert repr(inside) == f"<the inside of Leaky {process.whereis(leaky)}>"


class TestClasses:
    """A mistake is told where the class is defined."""

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
    def test_an_interval_is_more_than_nothing(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match=r"@service\.every: wanted more than 0 seconds"):
            service.every(wrong)

    @pytest.mark.parametrize("wrong", ["1", None, True, lambda _self: None])
    def test_an_interval_is_a_time(self, wrong: Any) -> None:
        with pytest.raises(TypeError, match=r"@service\.every: .*seconds"):
            service.every(wrong)

    def test_a_name_that_every_service_has(self) -> None:
        for name in ("start_link", "at", "then", "caller", "child_spec", "named", "start"):
            with pytest.raises(TypeError, match=f"class Wrong: {name} is what every service has"):
                type("Wrong", (Service,), {name: lambda _self: None})

    def test_a_callback_is_no_message(self) -> None:
        with pytest.raises(TypeError, match="class Wrong: terminate is a callback, called by the server itself"):
            type("Wrong", (Service,), {"terminate": service.call(lambda _self, _reason: None)})

    def test_a_dunder_is_no_message(self) -> None:
        with pytest.raises(TypeError, match=r"class Wrong: __len__ cannot be a @service\.call"):
            type("Wrong", (Service,), {"__len__": service.call(lambda _self: 1)})

    def test_what_is_no_method(self) -> None:
        def yields(_self: Any) -> Any:
            yield 1

        def selfless() -> None: ...

        wrong: list[tuple[Any, str]] = [
            (3, "wanted a method, `def` or `async def`, got 3"),
            (property(lambda _self: 1), "got a property"),
            (staticmethod(selfless), "leave @staticmethod out"),
            (yields, "a message has one answer"),
            (selfless, "takes no self"),
        ]
        for value, words in wrong:
            for decorate in (service.call, service.cast):
                with pytest.raises(TypeError, match=words):
                    cast(Any, decorate)(value)

    def test_what_info_and_every_take(self) -> None:
        with pytest.raises(TypeError, match=r"it wants a class of messages, such as @service\.info\(Down\)"):
            service.info(cast(Any, lambda _self: None))
        with pytest.raises(TypeError, match=r"@service\.info\(Down\): wanted a method of self and the message"):
            service.info(Down)(cast(Any, lambda _self: None))
        with pytest.raises(TypeError, match=r"@service\.every\(1\.0\): wanted a method of self alone"):
            service.every(1.0)(cast(Any, lambda _self, _more: None))

    def test_two_methods_for_one_class_of_messages(self) -> None:
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

    def test_an_unknown_option(self) -> None:
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

    def test_a_method_tells_what_it_is(self) -> None:
        assert repr(Queue.dequeue).startswith("<the call Queue.dequeue(self)")
        assert Queue.enqueue.name == "enqueue"
        assert Queue.dequeue.__doc__ == "Take the oldest."

    def test_a_child_spec_is_a_child_spec(self) -> None:
        assert isinstance(Queue.child_spec([1]), ChildSpec)


@dataclass(frozen=True)
class Pop(Request[int | None]):
    """A request that says what its answer is."""

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
