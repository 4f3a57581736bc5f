"""A queue of values, held by one process."""

from regrow import CallReturn, CastReturn, From, GenServer, NoClause, NoReply, Ok, Reply, call, cast


class SimpleQueue(GenServer[list[int]], named=True):
    """A queue of values, held by one process that is registered under its class."""

    # Client

    @classmethod
    async def queue(cls) -> list[int]:
        """Return all values, the oldest first."""
        values: list[int] = await call(cls, "queue")
        return values

    @classmethod
    async def dequeue(cls) -> int | None:
        """Remove and return the oldest value, or None if the queue is empty."""
        value: int | None = await call(cls, "dequeue")
        return value

    @classmethod
    def enqueue(cls, value: int) -> None:
        """Add a value."""
        cast(cls, ("enqueue", value))

    # Callbacks

    def init(self, state: list[int]) -> Ok[list[int]]:
        """Return the first state: the given values."""
        return Ok(state)

    def handle_call(self, request: object, from_: From, state: list[int]) -> CallReturn[list[int]]:
        """Answer a request."""
        match request, state:
            case "dequeue", [value, *rest]:
                return Reply(value, rest)
            case "dequeue", []:
                return Reply(None, [])
            case "queue", _:
                return Reply(state, state)
        raise NoClause(request)

    def handle_cast(self, request: object, state: list[int]) -> CastReturn[list[int]]:
        """Handle a request without an answer."""
        match request:
            case ("enqueue", int(value)):
                return NoReply([*state, value])
        raise NoClause(request)
