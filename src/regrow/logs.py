"""Reports in words: what an operator reads when a server has died.

    12:00:01.000 [error] GenServer SimpleQueue terminating
    ** (ValueError) no such value
        File "silly_worker/simple_queue.py", line 31, in SimpleQueue.handle_call
          raise ValueError("no such value")
    Last message (from <0.5.0>): 'dequeue'
    State: [1, 2, 3]
    Client <0.5.0> is alive

A report stays data until it comes here (`record.msg` is a `Report`), so that another handler may send the same record
elsewhere. The library configures no logging: `Formatter` can be given to any handler, and `configure` is for the
program that is nothing but an application, as `regrow run` makes one.
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
