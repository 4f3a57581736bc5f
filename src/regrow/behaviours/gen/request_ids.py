"""Asynchronous requests: the answers come later, as messages; send many, then take the answers as they come.

    request_id = gen_server.send_request(server, "slow")
    ...                                                         do something else meanwhile
    match await gen_server.receive_response(request_id, 5.0):
        case ("reply", value): ...
        case ("error", (reason, server)): ...                   the server ended, or did not exist
        case "timeout": ...                                     a late answer is dropped

A RequestIds is a collection of requests, each with a label. It is immutable: adding a request returns a new collection,
and so does taking an answer out of it.

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

from regrow.kernel import mailbox, requests
from regrow.kernel.addresses import Address
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.clock import seconds
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import Exit, is_word
from regrow.kernel.process_record import Process
from regrow.kernel.receiving import receive
from regrow.kernel.requests import FAILED, CallRequest, deliver
from regrow.kernel.running import running_alive

Timeout = float | timedelta | None
Response = Any  # ("reply", value), ("error", (reason, server)), "timeout" or "no_reply"


class RequestId:
    """A request that was sent and is answered by a message. A RequestId equals no other.

    Attributes:
        address: the server's address, as it was passed to `send_request`.
    """

    __slots__ = ("address", "call")

    def __init__(self, call: CallRequest, address: object) -> None:
        self.call: CallRequest = call
        self.address: object = address
        call.waiter = self

    def __repr__(self) -> str:
        return f"RequestId({safe_repr(self.address, 100)}, {safe_repr(self.call.request, 200)})"

    # The kernel settles a RequestId like a future that waits for the answer.

    def done(self) -> bool:
        """Return False: the kernel calls `set_result` only once."""
        return False

    def set_result(self, _: None) -> None:
        """Put the message with the answer, or the failure, into the caller's mailbox."""
        caller = self.call.pid.process
        if caller is not None:
            mailbox.put(caller, Responded(self))

    @property
    def response(self) -> Response:
        """The outcome of the request: ("reply", value) or ("error", (reason, server))."""
        call = self.call
        if call.state == FAILED:
            return "error", (call.answer, self.address)
        if type(call.request) is HandlerCall and is_error(call.answer):
            return call.answer
        return "reply", call.answer


def is_error(answer: Any) -> bool:
    """Whether an event manager's answer is ("error", reason): there is no such handler, or it failed."""
    return bool(type(answer) is tuple and len(answer) == 2 and is_word(answer[0], "error"))


class HandlerCall:
    """The request of `gen_event.call` to one handler of an event manager."""

    __slots__ = ("handler", "request")
    __match_args__ = ("handler", "request")

    def __init__(self, handler: Any, request: Any) -> None:
        self.handler: Any = handler
        self.request: Any = request

    def __repr__(self) -> str:
        return f"HandlerCall({self.handler!r}, {self.request!r})"


class Responded:
    """The message that brings an answer; `check_response` returns its content."""

    __slots__ = ("request_id",)

    def __init__(self, request_id: RequestId) -> None:
        self.request_id: RequestId = request_id

    def __repr__(self) -> str:
        return f"Responded({self.request_id.response!r})"


class RequestIds:
    """An immutable collection of requests with their labels (OTP's `request_id_collection()`).

    It has a length, and iterates over pairs (request, label), oldest first.
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
        """Return a collection with one more request.

        Raises:
            ValueError: the request is in the collection already.
            TypeError: `request_id` is no RequestId.
        """
        wanted = _request_id(request_id, "add")
        if wanted in self._labels:
            raise ValueError(f"{wanted!r} is in this collection already, with the label {self._labels[wanted]!r}")
        return self._with({**self._labels, wanted: label})

    def without(self, request_id: RequestId) -> RequestIds:
        """Return a collection without this request."""
        return self._with({other: label for other, label in self if other is not request_id})

    def label(self, request_id: RequestId) -> Any:
        """Return the label of a request in the collection.

        Raises:
            KeyError: the request is not in the collection.
        """
        return self._labels[request_id]

    def _with(self, labels: dict[RequestId, Any]) -> RequestIds:
        collection = RequestIds()
        collection._labels = labels
        return collection


def reqids_new() -> RequestIds:
    """Return an empty collection of requests (`gen_server:reqids_new/0`)."""
    return RequestIds()


def reqids_add(request_id: RequestId, label: Any, collection: RequestIds) -> RequestIds:
    """Return a collection with one more request (`gen_server:reqids_add/3`).

    Raises:
        ValueError: the request is in the collection already.
        TypeError: `request_id` is no RequestId, or `collection` no RequestIds.
    """
    return _collection(collection, "reqids_add").add(request_id, label)


def reqids_size(collection: RequestIds) -> int:
    """Return the number of requests in a collection (`gen_server:reqids_size/1`).

    Raises:
        TypeError: `collection` is no RequestIds.
    """
    return len(_collection(collection, "reqids_size"))


def reqids_to_list(collection: RequestIds) -> list[tuple[RequestId, Any]]:
    """Return the requests of a collection as pairs (request, label), oldest first (`gen_server:reqids_to_list/1`).

    Raises:
        TypeError: `collection` is no RequestIds.
    """
    return list(_collection(collection, "reqids_to_list"))


# Sending


@overload
def send_request(server: Address, request: Any) -> RequestId: ...
@overload
def send_request(server: Address, request: Any, label: Any, collection: RequestIds) -> RequestIds: ...
def send_request(
    server: Address, request: Any, label: Any = None, collection: RequestIds | None = None
) -> RequestId | RequestIds:
    """Send a request without waiting; the answer comes as a message (`gen_server:send_request/2,4`).

    Args:
        server: a pid, a name, `Global`, `Via` or `(name, node)`.
        request: the argument of `handle_call`, or the content of a state machine's event.
        label: any value, by which the answer is recognised in `collection`.
        collection: a collection to which the request is added.

    Returns:
        The RequestId; with `collection` a collection with the request in it. A server that does not exist is an answer,
        ("error", ("noproc", server)), and raises nothing here.

    Raises:
        RuntimeError: the caller is a plain asyncio task, which has no mailbox.
        TypeError: `server` is no address.
    """
    wanted = None if collection is None else _collection(collection, "send_request")
    node = current_node()
    call = CallRequest(running_alive().pid, request)
    sent = RequestId(call, server)
    try:
        delivered = deliver(node, None, server, call)
    except Exit as error:  # from a registry: as in OTP its reason is the answer; any other exception is raised here
        delivered = False
        requests.settle(call, FAILED, error.reason)
    if delivered:
        target = call.server
        if type(target) is Process:
            call.server = None
            requests.watch_for(call, target, None)
    return sent if wanted is None else wanted.add(sent, label)


# Answers


async def receive_response(
    request_id: RequestId | RequestIds, timeout: Timeout = None, delete: bool = True, *, abs: bool = False
) -> Any:
    """Wait for an answer, and abandon the request when `timeout` is over (`gen_server:receive_response/2,3`).

    Args:
        request_id: a RequestId or a collection, as `send_request` returned it.
        timeout: seconds; None waits for ever. A later answer is dropped.
        delete: whether the answered request is removed from the collection.
        abs: read `timeout` as a time of `process.monotonic()`.

    Returns:
        For one request ("reply", value), ("error", (reason, server)) or "timeout". For a collection
        (response, label, collection) of the answer that came first, "timeout", or "no_request" if it is empty.

    Raises:
        TypeError: `request_id` is neither a RequestId nor a collection.
    """
    found = await wait_response(request_id, timeout, delete, abs=abs)
    if found == "timeout":
        for member in _members(request_id, "receive_response"):
            requests.abandon(member.call)
    return found


async def wait_response(
    request_id: RequestId | RequestIds, timeout: Timeout = None, delete: bool = True, *, abs: bool = False
) -> Any:
    """Wait for an answer, and keep the request when `timeout` is over (`gen_server:wait_response/2,3`).

    After "timeout" one can wait for the same request again. Arguments, results and errors are those of
    `receive_response`.
    """
    members = _members(request_id, "wait_response")
    if isinstance(request_id, RequestIds) and not members:
        return "no_request"
    limit = _limit(timeout, abs)

    def is_answer(message: object) -> bool:
        return isinstance(message, Responded) and message.request_id in members

    try:
        message = await receive(is_answer, timeout=limit)
    except TimeoutError:
        return "timeout"
    return _response(message, request_id, delete)


def check_response(message: Any, request_id: RequestId | RequestIds, delete: bool = True) -> Any:
    """Return the answer in a message, if it answers one of these requests (`gen_server:check_response/2,3`).

    Args:
        message: any message from the mailbox.
        request_id: a RequestId or a collection.
        delete: whether the answered request is removed from the collection.

    Returns:
        For one request ("reply", value) or ("error", (reason, server)); for a collection (response, label, collection),
        or "no_request" if it is empty. "no_reply" for any other message.

    Raises:
        TypeError: `request_id` is neither a RequestId nor a collection.
    """
    members = _members(request_id, "check_response")
    if isinstance(request_id, RequestIds) and not members:
        return "no_request"
    if isinstance(message, Responded) and message.request_id in members:
        return _response(message, request_id, delete)
    return "no_reply"


def _response(message: Responded, request_id: RequestId | RequestIds, delete: bool) -> Any:
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
        return {member: None for member, _ in request_id}
    return {_request_id(request_id, what): None}


def _request_id(value: object, what: str) -> RequestId:
    if not isinstance(value, RequestId):
        raise TypeError(f"{what}: wanted a RequestId, as send_request returns it; got {safe_repr(value)}")
    return value


def _collection(value: object, what: str) -> RequestIds:
    if not isinstance(value, RequestIds):
        raise TypeError(f"{what}: wanted a collection of requests, as reqids_new() returns it; got {safe_repr(value)}")
    return value
