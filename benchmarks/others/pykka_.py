"""pykka: a thread for each actor; `ask` is the call, `tell` the cast."""

from __future__ import annotations

import threading
from typing import Any

import pykka

from benchmarks.measure import Figures, Growth, Stopwatch, main, measures

CLIENTS = 100
RING = 100


class Counter(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def on_receive(self, message: int) -> int:
        self.count += message
        return self.count


class Ring(pykka.ThreadingActor):
    use_daemon_thread = True

    def on_receive(self, message: Any) -> None:
        match message:
            case (following, done):
                self.following, self.done = following, done
            case 0:
                self.done.set()
            case left:
                self.following.tell(left - 1)


@measures("call")
def call(count: int) -> Figures:
    server = Counter.start()
    with Stopwatch() as watch:
        for _ in range(count):
            server.ask(1)
    return watch.rate(count)


@measures("cast")
def cast(count: int) -> Figures:
    server = Counter.start()
    with Stopwatch() as watch:
        for _ in range(count):
            server.tell(1)
        assert server.ask(0) == count
    return watch.rate(count)


@measures("clients")
def clients(count: int) -> Figures:
    server = Counter.start()

    def client() -> None:
        for _ in range(count // CLIENTS):
            server.ask(1)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    with Stopwatch() as watch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return watch.rate(count)


@measures("ring")
def ring(count: int) -> Figures:
    done = threading.Event()
    actors = [Ring.start() for _ in range(RING)]
    for number, actor in enumerate(actors):
        actor.ask((actors[(number + 1) % RING], done))
    with Stopwatch() as watch:
        actors[0].tell(count)
        done.wait()
    return watch.rate(count)


@measures("start_link", "memory idle")
def start(count: int) -> Figures:
    with Growth() as growth:
        servers = [Counter.start() for _ in range(count)]
        assert servers[-1].ask(7) == 7
    return growth.of_each(count)


if __name__ == "__main__":
    main(lambda function, size: function(size))
