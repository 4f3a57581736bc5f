"""Named points in the kernel at which anyone may listen; they cost one comparison when nobody does.

| point    | told                            | when                                   |
|----------|---------------------------------|----------------------------------------|
| spawn    | pid, parent                     | a process was made                     |
| exit     | pid, reason                     | it ended                               |
| send     | sender, receiver, message       | a message, cast or call was sent       |
| reply    | server, caller, answer          | a call was answered                    |
| register | pid, name                       | a process took a name                  |
| link     | pid, pid                        | two processes were linked              |
"""

from __future__ import annotations

import logging
from collections.abc import Callable

Listener = Callable[[str, object, object, object], None]


class Trace:
    """Those who listen to one node. The node holds None in its place while there are none."""

    def __init__(self) -> None:
        self.listeners: dict[Listener, None] = {}

    def tell(self, point: str, who: object, whom: object = None, what: object = None) -> None:
        """Tell every listener what has happened. One that raises is dropped: looking must not change what is seen."""
        for listener in tuple(self.listeners):
            try:
                listener(point, who, whom, what)
            except Exception:
                self.listeners.pop(listener, None)
                logging.getLogger("regrow.trace").exception(
                    "%r listened at %s, raised, and listens no more", listener, point
                )
