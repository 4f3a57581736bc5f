"""The baseline of Python itself: a deque, and a method that returns an answer. It neither waits nor fails."""

from __future__ import annotations

from collections import deque

from benchmarks.measure import Figures, Stopwatch, main, measures


class Counter:
    def __init__(self) -> None:
        self.count = 0
        self.mailbox: deque[tuple[str, int]] = deque()

    def handle_call(self, request: int) -> tuple[str, int]:
        self.count += request
        return ("reply", self.count)

    def step(self) -> int:
        match self.mailbox.popleft():
            case ("call", request):
                return self.handle_call(request)[1]
            case _:
                return 0


@measures("call")
def call(count: int) -> Figures:
    server = Counter()
    with Stopwatch() as watch:
        for _ in range(count):
            server.mailbox.append(("call", 1))
            server.step()
    return watch.rate(count)


if __name__ == "__main__":
    main(lambda function, size: function(size))
