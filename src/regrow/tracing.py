"""Recordings of the events of a node's processes: messages, calls and replies, starts, ends and restarts.

    >>> class Stock(GenServer[int]):
    ...     def handle_call(self, request, from_, left):
    ...         return Reply("ok", left - request)
    >>> async def main():
    ...     stock = await Stock.start_link(10, name="stock")
    ...     with trace(stock, kinds=["call", "reply"]) as seen:
    ...         await call(stock, 3)
    ...     return seen
    >>> seen = run(main)
    >>> [(event.kind, event.what) for event in seen]
    [('call', '3'), ('reply', "'ok'")]
    >>> print(seen.mermaid())
    sequenceDiagram
        participant p1 as main #lt;0.2.0#gt;
        participant p2 as stock #lt;0.3.0#gt;
        p1->>p2: 3
        p2-->>p1: 'ok'

A Recording keeps the last events, up to its size, and counts the events that it dropped. It keeps values as text of at
most 200 characters, so it keeps no object alive, and a message that is changed later is shown as it was sent.

    kind       who         whom        what
    ----       ---         ----        ----
    spawn      parent      process
    start      process     starter     "", or why it did not start
    register   process                 its name
    link       process     process
    send       sender      receiver    the message
    cast       sender      server      the request
    call       caller      server      the request
    reply      server      caller      the answer
    fail       caller      server      why the call failed
    signal     source      process     the reason of an exit signal
    exit       process                 the reason
    down       process     watcher     the reason
    restart    supervisor  process     the child's id

This is Erlang's `dbg` and `trace`, for one node.
"""

from regrow.ops.tracing import Event, Recording, trace

__all__ = [
    "trace",
    "Event",
    "Recording",
]
