"""Services as users write them. Each line that ends in `# error` is wrong, and every checker reports it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar, assert_type

from regrow import Down, GenServer, Service, Stop, call, process, service, stop

K = TypeVar("K")
V = TypeVar("V")


class Queue(Service):
    def __init__(self, items: Iterable[int] = (), *, limit: int = 3) -> None:
        self._items = deque(items)
        self._limit = limit
        self._waiting: deque[service.Later[int]] = deque()

    @service.call
    def dequeue(self) -> int | None:
        return self._items.popleft() if self._items else None

    @service.call
    async def slow(self, delay: float, *, word: str = "") -> str:
        await process.sleep(delay)
        return word

    @service.call(timeout=30.0)
    def length(self) -> int:
        return len(self._items)

    @service.call(timeout=None)
    async def length_later(self) -> int:
        return len(self._items)

    @service.call
    def take(self) -> service.Later[int]:
        later: service.Later[int] = service.Later()
        self._waiting.append(later)
        return later

    @service.call
    async def take_maybe(self) -> service.Later[int | None]:
        return service.Later.now(None)

    @service.call
    def other(self) -> Queue:
        return Queue.at("other")

    @service.cast
    def enqueue(self, value: int) -> None:
        self._items.append(value)
        if self._waiting:
            self._waiting.popleft().reply(value)

    @service.cast
    async def enqueue_all(self, value: int, *more: int) -> None:
        self._items.extend((value, *more))

    @service.info(Down)
    def gone(self, message: Down) -> None:
        self.then(Stop(message.reason))

    @service.info(str)
    @service.info(int)
    async def plain(self, message: str | int) -> None:
        self._items.append(int(message))

    @service.every(1.0)
    def tick(self) -> None:
        self.then(5.0)

    @service.call
    async def both(self) -> int | None:
        self.enqueue(1)
        assert_type(await self.length(), int)
        return await self.dequeue()


class Longer(Queue):
    @service.call
    async def length(self) -> int:
        return await super().length() + 1


class Cache(Service, Generic[K, V]):
    def __init__(self, found: dict[K, V]) -> None:
        self._found = found

    @service.call
    def get(self, key: K) -> V | None:
        return self._found.get(key)


class Plain(GenServer[int]):
    pass


def use(*_values: object) -> None:
    """Return a name of any type."""


async def right() -> None:
    queue = await Queue.start_link([1, 2])
    assert_type(queue, Queue)
    assert_type(await Queue.start_link(), Queue)
    assert_type(await Queue.start([1], limit=3), Queue)
    assert_type(await Queue.named("queue", timeout=1.0).start_link([1, 2]), Queue)
    assert_type(await queue.dequeue(), int | None)
    assert_type(await queue.slow(1.0, word="x"), str)
    assert_type(await queue.length(), int)
    assert_type(await queue.length_later(), int)
    assert_type(await queue.take(), int)
    assert_type(await queue.take_maybe(), int | None)
    assert_type(await (await queue.other()).length(), int)
    queue.enqueue(3)
    queue.enqueue_all(3, 4, 5)
    assert_type(Queue.at("queue"), Queue)
    assert_type(await service.within(queue, 30.0).dequeue(), int | None)
    assert_type(await Longer.start_link([1]), Longer)
    assert_type(await Longer.at("longer").length(), int)
    children = [Queue, (Queue, [1]), Queue.child_spec([1], limit=2), Queue.named("third").child_spec()]
    use(children)


async def addresses(queue: Queue) -> None:
    process.link(queue)
    process.monitor(queue)
    process.exit(queue, "kill")
    assert_type(process.alive(queue), bool)
    process.send(queue, "hello")
    answer: Any = await call(queue, "anything")
    use(answer)
    await stop(queue)


async def generic(cache: Cache[str, int]) -> None:
    assert_type(await cache.get("a"), int | None)
    await cache.get(3)  # error


async def wrong(queue: Queue) -> None:
    word: str = await queue.dequeue()  # error
    number: int = queue.length()  # error
    taken: str = await queue.take()  # error
    queue.enqueue("x")  # error
    queue.enqueue()  # error
    await queue.enqueue(1)  # error
    await queue.slow(word="x")  # error
    await queue.slow(1.0, wrod="x")  # error
    await service.within(queue, 1.0).slow("x")  # error
    queue.nothing()  # error
    use(word, number, taken)


async def wrong_starts() -> None:
    await Queue.start_link(3)  # error
    await Queue.start_link([1], wrong=1)  # error
    await Queue.start(["a"])  # error
    await Queue.named("queue").start_link(["a"])  # error
    await Queue.named("queue", colour="red").start_link([1])  # error
    Queue.child_spec(3)  # error
    Queue.named("queue").child_spec([1], wrong=1)  # error
    cart: Longer = Queue.at("queue")  # error
    use(cart)


class Wrong(Service):
    @service.info(Down)  # error
    def gone(self, message: int) -> None: ...

    @service.every("soon")  # error
    def soon(self) -> None: ...

    @service.every(1.0)  # error
    def more(self, argument: int) -> None: ...

    @service.cast  # error
    def value(self) -> int:
        return 1

    @service.call(timeout="long")  # error
    def long(self) -> None: ...

    @service.call
    def next(self) -> None:
        self.then("soon")  # error

    @service.call
    def later(self) -> service.Later[int]:
        return service.Later.now("x")  # error
