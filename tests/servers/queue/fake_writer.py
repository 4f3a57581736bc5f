"""A writer for tests of what users write: one commit for each request, on the memory store, registered by a name."""

from __future__ import annotations

from typing import Any

from regrow import GenServer, NoReply, Ok, Reply, process, reply
from regrow.gen_server import From
from regrow.kernel.current_node import current_node
from regrow.servers.queue.memory.store import Memory
from regrow.servers.queue.ops import Claim, Op, Put
from regrow.servers.queue.requests import Ask
from regrow.servers.queue.store import Times

NAME = "the fake writer"


class FakeWriter(GenServer["FakeWriter"]):
    """The state is the object itself; `asked` are the ops that it has got."""

    def init(self, arg: list[Op], /) -> Ok[FakeWriter]:
        self.asked = arg
        self.store = Memory()
        self.clock = current_node().clock
        self.store.open(self.times)
        self.parked: list[tuple[Ask, From]] = []
        return Ok(self)

    def handle_call(self, request: Ask, from_: From, _state: FakeWriter, /) -> Any:
        """Apply a request; park one that waits."""
        self.asked.append(request.op)
        answer = self.apply(request.op)
        self.try_parked()
        if not waits(request.op, answer) or request.timeout == 0:
            return Reply(answer, self)
        self.parked.append((request, from_))
        if request.timeout is not None:
            process.send_after(process.current(), ("over", from_), request.timeout)
        return NoReply(self)

    def handle_info(self, message: tuple[str, From] | None, _state: FakeWriter, /) -> Any:
        """Answer a request whose time is over; None: a delayed job is due."""
        for request, from_ in [one for one in self.parked if message == ("over", one[1])]:
            self.parked.remove((request, from_))
            reply(from_, [] if isinstance(request.op, Claim) else None)
        self.try_parked()
        return NoReply(self)

    def times(self) -> Times:
        return Times(*self.clock.times())

    def apply(self, op: Op) -> Any:
        """Apply an op; return its result."""
        done = self.store.run([op], self.times)
        if done.due is not None:
            process.send_after(process.current(), None, done.due)
        return done.results[0]

    def try_parked(self) -> None:
        """Apply the parked requests again, in their order."""
        for request, from_ in list(self.parked):
            answer = self.apply(request.op)
            if not waits(request.op, answer):
                self.parked.remove((request, from_))
                reply(from_, answer)


def waits(op: Op, answer: Any) -> bool:
    """Return whether a request has to wait."""
    return (isinstance(op, Claim) and answer == []) or (isinstance(op, Put) and answer is None)


async def start_writer(name: Any = NAME) -> list[Op]:
    """Start a writer, linked to the test; return the list of the ops that it gets."""
    asked: list[Op] = []
    await FakeWriter.start_link(asked, name=name)
    return asked
