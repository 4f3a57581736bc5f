"""Requests with the type of their answer. Each line that ends in `# error` is wrong, and every checker reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from regrow import From, GenServer, NoClause, Reply, Request, call


@dataclass(frozen=True)
class Dequeue(Request[int | None]):
    default: int | None = None


class Count(Request[int]):
    pass


class Flush(Request[None]):
    pass


class Queue(GenServer[list[int]]):
    def handle_call(self, request: object, _from: From, items: list[int], /) -> Reply[list[int]]:
        match request:
            case Dequeue(default):
                return Reply(items[0] if items else default, items[1:])
            case Count():
                return Reply(len(items), items)
            case Flush():
                return Reply(None, [])
            case _:
                raise NoClause(request)


def use(*_values: object) -> None:
    """Return a name of any type."""


async def right() -> None:
    queue = await Queue.start_link([1, 2])
    assert_type(await call(queue, Dequeue()), int | None)
    assert_type(await call(queue, Count(), 1.0), int)
    assert_type(await call("queue", Count(), timeout=None), int)
    await call(queue, Flush())
    wider: int | None = await call(queue, Count())
    anything: object = await call(queue, Count())
    untyped: str = await call(queue, "count")
    assert_type(await call(queue, ("enqueue", 3)), Any)
    use(wider, anything, untyped)


async def wrong() -> None:
    queue = await Queue.start_link([1, 2])
    word: str = await call(queue, Dequeue())  # error
    number: int = await call(queue, Dequeue())  # error
    text: str = await call(queue, Count())  # error
    await call(queue, Dequeue("x"))  # error
    await call(queue, Count(), "soon")  # error
    await call(queue)  # error
    use(word, number, text)
