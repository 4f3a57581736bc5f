"""Servers whose messages are methods: the class defines the server, and types the handle for its callers.

    your class                              this module
    ----------                              -----------
    __init__(self, …)             <-----    Queue.start_link(…)          in a new process
                                  ----->    a handle: the messages of Queue, and its address
    @service.call                 <-----    await queue.dequeue()
      returns the value           ----->    the value
      returns a Later             ----->    the value of a later call of its reply(value)
    @service.cast                 <-----    queue.enqueue(3)
    @service.info(Down)           <-----    a message of this class
    @service.every(60.0)          <-----    the clock
    handle_info(message)          <-----    any other message
    terminate(reason)             <-----    the end

A service is a `GenServer`: it handles one message at a time, in their order; a method that raises ends the server; its
supervisor then starts a new one, with a new object. `self` is the state.

    >>> class Queue(Service):
    ...     def __init__(self, items=()):
    ...         self._items = list(items)
    ...
    ...     @call
    ...     def dequeue(self):
    ...         return self._items.pop(0) if self._items else None
    ...
    ...     @cast
    ...     def enqueue(self, value):
    ...         self._items.append(value)
    >>> async def main():
    ...     queue = await Queue.start_link([1])
    ...     queue.enqueue(2)
    ...     return await queue.dequeue(), await queue.dequeue(), await queue.dequeue()
    >>> import regrow
    >>> regrow.run(main)
    (1, 2, None)
"""

from regrow.behaviours.service.methods import Later
from regrow.behaviours.service.service import Service, call, cast, every, info, within

__all__ = [
    "info",
    "call",
    "cast",
    "Service",
    "Later",
    "every",
    "within",
]
