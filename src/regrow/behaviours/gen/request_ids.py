"""Requests whose answers come later, into the mailbox: send many, then take the answers as they come.

    request_id = gen_server.send_request(server, "slow")
    ...                                                         something else meanwhile
    match await gen_server.receive_response(request_id, 5.0):
        case ("reply", value): ...
        case ("error", (reason, server)): ...                   the server ended, or was not there
        case "timeout": ...                                     and a late answer will be dropped

A RequestIds is a collection of them, each with a label. It is never changed: to add one makes a new collection, and
so does every answer that is taken out of it.

    >>> class Echo(GenServer[None]):
    ...     def handle_call(self, request, from_, state):
    ...         return Reply(request, state)
    >>> async def main():
    ...     server = await Echo.start_link()
    ...     requests = send_request(server, "one", "first", RequestIds())
    ...     requests = send_request(server, "two", "second", requests)
    ...     response, label, requests = await receive_response(requests, 5.0)
    ...     return response, label, len(requests)
    >>> run(main)
    (('reply', 'one'), 'first', 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, overload

from regrow.behaviours.gen.request import deliver
from regrow.kernel import mailbox, requests
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import Exit, is_word
from regrow.kernel.receiving import receive
from regrow.kernel.requests import FAILED, CallRequest
from regrow.kernel.running import running_alive

Timeout = float | timedelta | None
Response = Any  # ("reply", value), ("error", (reason, server)), "timeout" or "no_reply"


class RequestId:
    """A request that was sent, and is answered by a message. Two are equal only when they are the same one.

    Attributes:
        address: whom it was sent to, as it was written.
    """

    __slots__ = ("address", "made")

    def __init__(self, made: CallRequest, address: object) -> None:
        self.made: CallRequest = made
        self.address: object = address
        made.waiter = self

    def __repr__(self) -> str:
        return f"RequestId({safe_repr(self.address, 100)}, {safe_repr(self.made.request, 200)})"

    # What the kernel asks of a future that waits for the answer.

    def done(self) -> bool:
        """Never before `set_result`, which comes once."""
        return False

    def set_result(self, _: None) -> None:
        """The answer is there, or will never be: the message goes into the mailbox of whoever asked."""
        asker = self.made.pid.process
        if asker is not None:
            mailbox.put(asker, Responded(self))

    @property
    def response(self) -> Response:
        """What became of it."""
        made = self.made
        if made.state == FAILED:
            return "error", (made.answer, self.address)
        if type(made.request) is HandlerCall and is_error(made.answer):
            return made.answer
        return "reply", made.answer


def is_error(answer: Any) -> bool:
    """Whether an event manager's answer is that there is no such handler, or that it failed."""
    return bool(type(answer) is tuple and len(answer) == 2 and is_word(answer[0], "error"))


class HandlerCall:
    """A request to one handler of an event manager."""

    __slots__ = ("handler", "request")
    __match_args__ = ("handler", "request")

    def __init__(self, handler: Any, request: Any) -> None:
        self.handler: Any = handler
        self.request: Any = request

    def __repr__(self) -> str:
        return f"HandlerCall({self.handler!r}, {self.request!r})"


class Responded:
    """The message with which an answer comes; `check_response` tells what is in it."""

    __slots__ = ("request_id",)

    def __init__(self, request_id: RequestId) -> None:
        self.request_id: RequestId = request_id

    def __repr__(self) -> str:
        return f"Responded({self.request_id.response!r})"


class RequestIds:
    """A collection of requests with their labels, which is never changed (OTP's `request_id_collection()`).

    It has a length, and gives pairs of request and label, oldest first.
    """

    __slots__ = ("_labels",)

    def __init__(self) -> None:
        self._labels: dict[RequestId, Any] = {}

    def __repr__(self) -> str:
        return f"RequestIds({list(self._labels.values())!r})"

    def __len__(self) -> int:
        return len(self._labels)

    def __iter__(self) -> Iterator[tuple[RequestId, Any]]:
        return iter(self._labels.items())

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._labels

    def add(self, request_id: RequestId, label: Any) -> RequestIds:
        """A collection with one more.

        Raises:
            ValueError: it is in there already.
            TypeError: this is no request.
        """
        wanted = _request_id(request_id, "add")
        if wanted in self._labels:
            raise ValueError(f"{wanted!r} is in this collection already, with the label {self._labels[wanted]!r}")
        return self._with({**self._labels, wanted: label})

    def without(self, request_id: RequestId) -> RequestIds:
        """A collection without this one."""
        return self._with({one: label for one, label in self if one is not request_id})

    def label(self, request_id: RequestId) -> Any:
        """The label of one that is in it."""
        return self._labels[request_id]

    def _with(self, labels: dict[RequestId, Any]) -> RequestIds:
        made = RequestIds()
        made._labels = labels
        return made


def reqids_new() -> RequestIds:
    """An empty collection (`gen_server:reqids_new/0`)."""
    return RequestIds()


def reqids_add(request_id: RequestId, label: Any, collection: RequestIds) -> RequestIds:
    """A collection with one request more (`gen_server:reqids_add/3`).

    Raises:
        ValueError: it is in there already.
        TypeError: this is no request, or no collection.
    """
    return _collection(collection, "reqids_add").add(request_id, label)


def reqids_size(collection: RequestIds) -> int:
    """How many requests are in it (`gen_server:reqids_size/1`)."""
    return len(_collection(collection, "reqids_size"))


def reqids_to_list(collection: RequestIds) -> list[tuple[RequestId, Any]]:
    """Its requests with their labels (`gen_server:reqids_to_list/1`)."""
    return list(_collection(collection, "reqids_to_list"))


# Sending


@overload
def send_request(server: Any, request: Any) -> RequestId: ...
@overload
def send_request(server: Any, request: Any, label: Any, collection: RequestIds) -> RequestIds: ...
def send_request(
    server: Any, request: Any, label: Any = None, collection: RequestIds | None = None
) -> RequestId | RequestIds:
    """Send a request and go on; the answer comes as a message (`gen_server:send_request/2,4`). Never fails for the server.

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: what `handle_call`, or a state machine, gets.
        label: with it, the request is put into `collection`.
        collection: the result is then this collection with the request in it.

    Raises:
        RuntimeError: this runs in a plain asyncio task, which has no mailbox.
        TypeError: `server` is no address.
    """
    wanted = None if collection is None else _collection(collection, "send_request")
    node = current_node()
    made = CallRequest(running_alive().pid, request)
    sent = RequestId(made, server)
    try:
        delivered = deliver(node, None, server, made)
    except Exit as error:  # raised by a table of names: as in OTP the answer, where any other exception is raised here
        delivered = False
        requests.settle(made, FAILED, error.reason)
    if delivered:
        target = made.server
        assert target is not None
        if target.node is node:
            made.server = None
            requests.watch_for(made, target, None)
    return sent if wanted is None else wanted.add(sent, label)


# Answers


async def receive_response(
    request_id: RequestId | RequestIds, timeout: Timeout = None, delete: bool = True, *, abs: bool = False
) -> Any:
    """Wait for an answer, and give up when it does not come in time (`gen_server:receive_response/2,3`).

    Args:
        request_id: what `send_request` gave, one request or a collection.
        timeout: seconds; None waits for ever. What comes later is dropped.
        delete: whether the answered request is taken out of the collection.
        abs: take `timeout` as a time of `process.monotonic()`.

    Returns:
        For one request ("reply", value), ("error", (reason, server)) or "timeout". For a collection
        (response, label, collection) of the answer that came first, "timeout", or "no_request" if it is empty.

    Raises:
        TypeError: neither a request nor a collection.
    """
    found = await wait_response(request_id, timeout, delete, abs=abs)
    if found == "timeout":
        for one in _members(request_id, "receive_response"):
            one.made.pid.node.abandon(one.made)
    return found


async def wait_response(
    request_id: RequestId | RequestIds, timeout: Timeout = None, delete: bool = True, *, abs: bool = False
) -> Any:
    """The same, but one may wait again after a "timeout" (`gen_server:wait_response/2,3`)."""
    members = _members(request_id, "wait_response")
    if isinstance(request_id, RequestIds) and not members:
        return "no_request"
    limit = _limit(timeout, abs)

    def is_one(message: object) -> bool:
        return isinstance(message, Responded) and message.request_id in members

    try:
        message = await receive(is_one, timeout=limit)
    except TimeoutError:
        return "timeout"
    return _told(message, request_id, delete)


def check_response(message: Any, request_id: RequestId | RequestIds, delete: bool = True) -> Any:
    """Whether a message is the answer to a request, and which (`gen_server:check_response/2,3`).

    Returns:
        As `receive_response`, but "no_reply" for any other message.

    Raises:
        TypeError: neither a request nor a collection.
    """
    members = _members(request_id, "check_response")
    if isinstance(request_id, RequestIds) and not members:
        return "no_request"
    if isinstance(message, Responded) and message.request_id in members:
        return _told(message, request_id, delete)
    return "no_reply"


def _told(message: Responded, request_id: RequestId | RequestIds, delete: bool) -> Any:
    answered = message.request_id
    if isinstance(request_id, RequestId):
        return answered.response
    left = request_id.without(answered) if delete else request_id
    return answered.response, request_id.label(answered), left


def _limit(timeout: Timeout, abs: bool) -> float | None:
    limit = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if limit is None or not abs:
        return seconds(limit, "response(timeout=)")
    return max(0.0, limit - current_node().clock.now())


def _members(request_id: RequestId | RequestIds, what: str) -> dict[RequestId, None]:
    if isinstance(request_id, RequestIds):
        return {one: None for one, _ in request_id}
    return {_request_id(request_id, what): None}


def _request_id(value: object, what: str) -> RequestId:
    if not isinstance(value, RequestId):
        raise TypeError(f"{what}: wanted what send_request gave, got {safe_repr(value)}")
    return value


def _collection(value: object, what: str) -> RequestIds:
    if not isinstance(value, RequestIds):
        raise TypeError(f"{what}: wanted a collection as RequestIds() makes it, got {safe_repr(value)}")
    return value
