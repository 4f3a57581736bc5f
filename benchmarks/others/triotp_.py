"""triotp: servers on trio; its channels have room for nothing, so a cast waits for the server."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import trio
from triotp import application, gen_server, node

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100
RING = 100


async def init(arg: Any) -> Any:
    return arg


async def handle_call(message: int, _caller: Any, count: int) -> Any:
    return gen_server.Reply(payload=count + message), count + message


async def handle_cast(message: int, count: int) -> Any:
    return gen_server.NoReply(), count + message


# A server is a module to triotp.
COUNTER = SimpleNamespace(__name__="counter", init=init, handle_call=handle_call, handle_cast=handle_cast)


async def begin(nursery: trio.Nursery, module: Any, arg: Any, name: str) -> None:
    """Start a server; it is there once the others have had their turn."""
    nursery.start_soon(gen_server.start, module, arg, name)


async def settle() -> None:
    for _ in range(5):
        await trio.lowlevel.checkpoint()


@measures("call")
async def call(count: int, nursery: trio.Nursery) -> Figures:
    await begin(nursery, COUNTER, 0, "counter")
    await settle()
    with Stopwatch() as watch:
        for _ in range(count):
            await gen_server.call("counter", 1)
    return watch.rate(count)


@measures("cast")
async def cast(count: int, nursery: trio.Nursery) -> Figures:
    await begin(nursery, COUNTER, 0, "counter")
    await settle()
    with Stopwatch() as watch:
        for _ in range(count):
            await gen_server.cast("counter", 1)
        assert await gen_server.call("counter", 0) == count
    return watch.rate(count)


@measures("clients")
async def clients(count: int, nursery: trio.Nursery) -> Figures:
    await begin(nursery, COUNTER, 0, "counter")
    await settle()

    async def client() -> None:
        for _ in range(count // CLIENTS):
            await gen_server.call("counter", 1)

    with Stopwatch() as watch:
        async with trio.open_nursery() as all_of_them:
            for _ in range(CLIENTS):
                all_of_them.start_soon(client)
    return watch.rate(count)


@measures("ring")
async def ring(count: int, nursery: trio.Nursery) -> Figures:
    done = trio.Event()

    async def hop(left: int, number: int) -> Any:
        if left:
            await gen_server.cast(f"ring {(number + 1) % RING}", left - 1)
        else:
            done.set()
        return gen_server.NoReply(), number

    module = SimpleNamespace(__name__="ring", init=init, handle_cast=hop)
    for number in range(RING):
        await begin(nursery, module, number, f"ring {number}")
    await settle()
    with Stopwatch() as watch:
        await gen_server.cast("ring 0", count)
        await done.wait()
    return watch.rate(count)


@measures("start_link", "memory idle")
async def start(count: int, nursery: trio.Nursery) -> Figures:
    with Growth() as growth:
        for number in range(count):
            await begin(nursery, COUNTER, 0, f"counter {number}")
        await settle()
        assert await gen_server.call(f"counter {count - 1}", 7) == 7
    return growth.of_each(count)


def inside(function: Callable[..., Any], size: int) -> Figures:
    """Run a measurement as triotp's application."""
    found: list[Figures] = []

    async def started(_: Any) -> None:
        async with trio.open_nursery() as nursery:
            found.append(await function(size, nursery))
            nursery.cancel_scope.cancel()

    module = SimpleNamespace(__name__="benchmark", start=started)
    node.run([application.app_spec(module=module, start_arg=None, permanent=False)])
    return found[0]


if __name__ == "__main__":
    main(inside)
