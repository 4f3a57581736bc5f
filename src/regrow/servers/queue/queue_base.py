"""The base class of queues: name, options, payload type, questions to the broker, and administration."""

from __future__ import annotations

import copy
from typing import Any, Final, Generic, Literal, Self, TypeVar

from regrow.behaviours.gen_server.client import call
from regrow.kernel.addresses import Name
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.names import check_name
from regrow.servers.queue import checks, ops
from regrow.servers.queue.claiming import claim
from regrow.servers.queue.errors import PayloadError, QueueError
from regrow.servers.queue.job import DeadJob, Enqueued, Job, Stats
from regrow.servers.queue.names import name_of
from regrow.servers.queue.ops import Record
from regrow.servers.queue.payload.encoding import Encoding
from regrow.servers.queue.payload.shapes import Shape, shape_of
from regrow.servers.queue.payload.types import argument_of, inner, modules_of, resolved, words
from regrow.servers.queue.requests import Ask
from regrow.servers.queue.settings import Settings

P = TypeVar("P")

SLICE: Final = 10_000  # jobs that one commit of an administration changes
MOST_ID: Final = (1 << 63) - 1


class QueueBase(Generic[P]):
    """A queue without its jobs: the base class of `Queue`.

    Args:
        settings: the checked options.
        broker: the name of the broker; None for the default one.
        module: the module in which the names in the brackets are defined.
    """

    def __init__(self, settings: Settings, broker: Name | None, module: str) -> None:
        check_name(broker)
        self.settings: Settings = settings
        self.name: str = settings.name
        self.broker: Name | None = broker
        self._module = module
        self._encoding: Encoding[P] | None = None

    def __repr__(self) -> str:
        try:
            wanted = f"[{self.encoding.wanted}]"
        except (TypeError, ImportError):
            wanted = ""
        return f"Queue{wanted}({self.name!r})"

    @property
    def encoding(self) -> Encoding[P]:
        """The encoding of the payloads, by their type.

        Raises:
            TypeError: the payload type cannot be encoded.
            ImportError: the library for the payload type is not installed.
        """
        if self._encoding is None:  # __orig_class__, the type in brackets, is set after __init__
            shape, wanted = self._shape(f"queue {self.name!r}")
            self._encoding = Encoding(shape, wanted, self.name, self.settings.max_payload)
        return self._encoding

    def _shape(self, who: str) -> tuple[Shape, str]:
        """Return the shape of the payloads, and their type in words."""
        declared, modules = self.declared_type()
        kind = resolved(declared, modules, who)
        return shape_of(kind, who), "JSON value" if inner(kind) is Any else words(kind)

    def declared_type(self) -> tuple[Any, list[str]]:
        """Return the type in the brackets, and the modules in which its names are defined."""
        return argument_of(getattr(self, "__orig_class__", type(self)), QueueBase), [
            self._module,
            *modules_of(type(self)),
        ]

    def at(self, broker: Name | None) -> Self:
        """Return this queue at another broker; None for the default one.

        Raises:
            TypeError: `broker` is no name.
        """
        check_name(broker)
        made = copy.copy(self)
        made.broker = broker
        return made

    async def _ask(self, op: ops.Op, timeout: float | None = 0.0) -> Any:
        writer, ask = name_of(self.broker), Ask(op, timeout)
        answer = await (claim(writer, ask) if type(op) is ops.Claim else call(writer, ask, None))
        if isinstance(answer, QueueError):
            raise copy.copy(answer) from answer.__cause__  # others who waited for this commit get it as well
        return answer

    # Look

    async def size(self) -> int:
        """Return the number of live jobs: ready, delayed, leased and blocked."""
        count: int = await self._ask(ops.Count(self.name))
        return count

    async def stats(self) -> Stats:
        """Return the number of jobs in each state, and whether the queue is paused."""
        found: dict[str, Stats] = await self._ask(ops.ReadStats(self.name))
        return found[self.name]

    async def peek(self, n: int = 1) -> list[P]:
        """Return the payloads of the next `n` ready jobs, which stay where they are.

        A payload that does not decode is left out, as `get` would bury it.

        Raises:
            TypeError: `n` is no int.
            ValueError: `n` is less than 1.
        """
        raws: list[bytes] = await self._ask(ops.Peek(self.name, checks.integer(n, f"peek into {self.name!r}: n")))
        encoding, found = self.encoding, list[P]()
        for raw in raws:
            try:
                found.append(encoding.decode(raw))
            except PayloadError:
                continue
        return found

    async def dead_letters(self, n: int = 100, before: int | None = None) -> list[DeadJob[P]]:
        """Return dead jobs, the newest first.

        Args:
            n: the most jobs.
            before: an id: only jobs with lower ids are returned. The id of the last one leads to the next page.

        Raises:
            TypeError: an argument is no int.
            ValueError: an argument is less than 1.
        """
        who = f"dead_letters of {self.name!r}"
        last = None if before is None else checks.integer(before, f"{who}: before", most=MOST_ID)
        op = ops.ReadDead(self.name, checks.integer(n, f"{who}: n"), last)
        records: list[Record] = await self._ask(op)
        decode = self.encoding.decode
        return [DeadJob(one.id, one.payload, one.attempts, one.errors, one.died_at or 0.0, decode) for one in records]

    # Administer

    async def pause(self, note: str = "") -> None:
        """Stop claims from this queue in all processes; running jobs go on.

        Args:
            note: the reason, which `stats().paused` shows.

        Raises:
            TypeError: the note is no string.
        """
        await self._ask(ops.Pause(self.name, checks.text(note, f"pause {self.name!r}: note", empty=True)))

    async def resume(self) -> None:
        """End a pause; a queue that is not paused stays as it is."""
        await self._ask(ops.Resume(self.name))

    async def purge(self, state: Literal["waiting", "dead"] = "waiting") -> int:
        """Delete jobs, in commits of ten thousand; return their number.

        Args:
            state: "waiting" for ready, delayed and blocked jobs, or "dead".

        Raises:
            ValueError: it is another word.
        """
        if state not in ("waiting", "dead"):
            raise ValueError(f'purge {self.name!r}: wanted "waiting" or "dead", got {safe_repr(state)}')
        return await self._in_slices(ops.Purge(self.name, state, SLICE))

    async def retry(self, *ids: int) -> int:
        """Make dead jobs ready again, all or those of these ids, with all their attempts; return their number.

        The jobs keep their history.

        Raises:
            TypeError: an id is no int.
        """
        if not ids:
            return await self._in_slices(ops.Retry(self.name, (), SLICE))
        wanted = list(dict.fromkeys(self._id(one, "retry") for one in ids))
        slices = [tuple(wanted[first : first + SLICE]) for first in range(0, len(wanted), SLICE)]
        return sum([await self._ask(ops.Retry(self.name, some, SLICE)) for some in slices])

    async def cancel(self, id: int) -> bool:
        """Delete a job that waits: ready, delayed or blocked. Return whether there was one.

        Raises:
            TypeError: the id is no int.
        """
        found: bool = await self._ask(ops.Cancel(self.name, self._id(id, "cancel")))
        return found

    def _id(self, value: Any, method: str) -> int:
        if isinstance(value, Enqueued | Job | DeadJob):
            raise TypeError(f"{method}: wanted the id of a job, got a job. Pass its .id")
        return checks.integer(value, f"{method} a job of {self.name!r}: id", least=-MOST_ID, most=MOST_ID)

    async def _in_slices(self, op: ops.Purge | ops.Retry) -> int:
        total = 0
        while True:
            done: int = await self._ask(op)
            total += done
            if done < op.limit:
                return total
