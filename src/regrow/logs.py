"""Reports as text, such as the one of a server that has crashed.

    12:00:01.000 [error] GenServer SimpleQueue terminating
    ** (ValueError) no such value
        File "silly_worker/simple_queue.py", line 31, in SimpleQueue.handle_call
          raise ValueError("no such value")
    Last message (from <0.5.0>): 'dequeue'
    State: [1, 2, 3]
    Client <0.5.0> is alive

A report is data (`record.msg` is a `Report`) until a formatter makes it text, so that another handler may send the same
record elsewhere. The library configures no logging: `Formatter` works with any handler, and `configure` sets up logging
for a program that has none, as `regrow run` does.

    >>> import logging
    >>> record = logging.LogRecord("shop", logging.ERROR, "shop.py", 1, "no %s", ("connection",), None)
    >>> Formatter().format(record).partition(" ")[2]
    '[error] no connection'
"""

from regrow.kernel.bounded_repr import Limits
from regrow.ops.logs import Formatter, configure, disable, enable, enabled, words

__all__ = [
    "configure",
    "Formatter",
    "words",
    "Limits",
    "disable",
    "enable",
    "enabled",
]
