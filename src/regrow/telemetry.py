"""Telemetry: events with measurements, and handlers that a program attaches to them (Erlang's library `telemetry`).

    the code that does the work                          handlers
    ---------------------------                          --------
                                                         attach("shop.order.paid", count)
    execute("shop.order.paid", {"total": 12.5})  --->    count("shop.order.paid", {"total": 12.5}, {"node": …})
    with span("shop.checkout"):                  --->    "shop.checkout.start"
        ...
                                                 --->    "shop.checkout.stop" or "shop.checkout.exception"

A handler is a plain function. It runs where the event happens, and what it raises does no harm there. Without a handler
an event costs a look-up. `EVENTS` has the events that regrow itself emits.

    >>> seen = []
    >>> def note(event, measurements, metadata):
    ...     seen.append((event, measurements, metadata))
    >>> attach("shop.order.paid", note, id="note")
    'note'
    >>> execute("shop.order.paid", {"total": 12.5}, {"order": 7})
    >>> detach("note")
    True
    >>> seen
    [('shop.order.paid', {'total': 12.5}, {'order': 7, 'node': None})]
"""

from regrow.kernel.telemetry import Handler, attach, detach, execute, handlers
from regrow.kernel.telemetry_events import EVENTS, Event
from regrow.kernel.telemetry_span import Span, span

__all__ = [
    "attach",
    "detach",
    "handlers",
    "execute",
    "span",
    "EVENTS",
    "Event",
    "Handler",
    "Span",
]
