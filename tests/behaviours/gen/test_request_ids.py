"""Requests whose replies come later: the rows of `gen_server` about request ids."""

from __future__ import annotations

from typing import Any

import pytest

from regrow import CallReturn, From, GenServer, Global, NoClause, Node, NoReply, Pid, Reply, Stop, process, reply
from regrow.behaviours.gen.request_ids import (
    RequestIds,
    check_response,
    receive_response,
    reqids_add,
    reqids_new,
    reqids_size,
    reqids_to_list,
    send_request,
    wait_response,
)
from regrow.testing.expect import expect_idle


class Server(GenServer[dict[From, Any]]):
    """Answers at once, after a while, from another process, badly, or never."""

    def init(self, _arg: Any, /) -> Any:
        return super().init({})

    def handle_call(self, request: Any, from_: From, state: dict[From, Any], /) -> CallReturn[dict[From, Any]]:
        match request:
            case "started":
                return Reply("ok", state)
            case ("after", float(delay), answer):
                process.send_after(process.current(), ("answer", from_, answer), delay)
                return NoReply(state)
            case "bad return":
                return "bad"  # type: ignore[return-value]
            case ("stop", reason):
                return Stop(reason, state)
            case "helper":
                process.spawn(reply, from_, "by a helper")
                return NoReply(state)
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, state: dict[From, Any], /) -> Any:
        match message:
            case ("answer", from_, answer):
                reply(from_, answer)
                return NoReply(state)
            case _:
                raise NoClause(message)


async def mailbox() -> list[Any]:
    """Return the messages in the mailbox of the test."""
    await expect_idle()
    found: list[Any] = process.info(process.current(), "messages")
    return found


async def three(server: Pid) -> RequestIds:
    """Send three labelled requests, which are answered after 400, 1 and 200 ms."""
    requests = reqids_new()
    for number, delay in ((1, 0.4), (2, 0.001), (3, 0.2)):
        requests = send_request(server, ("after", delay, delay), f"req{number}", requests)
    assert reqids_size(requests) == 3
    return requests


ARRIVAL = (("req2", 0.001, 2), ("req3", 0.2, 1), ("req1", 0.4, 0))


@pytest.mark.otp("GS-076")
async def test_wait_response_returns_the_reply(node: Node) -> None:
    server = await Server.start(name="GS-076")
    for address in (server, "GS-076"):
        assert await wait_response(send_request(address, "started")) == ("reply", "ok")
        assert await wait_response(send_request(address, ("after", 1.0, "delayed"))) == ("reply", "delayed")
    slow = send_request(server, ("after", 1.0, "delayed"))
    assert await wait_response(slow, 0.1) == "timeout"
    assert await wait_response(slow, 2.0) == ("reply", "delayed")  # the wait may be repeated
    slow = send_request(server, ("after", 1.0, "delayed"))
    assert await receive_response(slow, 0.1) == "timeout"
    await process.sleep(2.0)
    assert await mailbox() == []  # the request was abandoned


@pytest.mark.otp("GS-078")
async def test_check_response(node: Node) -> None:
    """Adapted: the reply is a message of the mailbox that only `check_response` can read."""
    server = await Server.start()
    request = send_request(server, ("after", 0.1, "ok"))
    process.send(process.current(), "unrelated")
    assert check_response(await process.receive(), request) == "no_reply"
    message = await process.receive()
    other = send_request(server, "started")
    assert check_response(message, other) == "no_reply"
    assert check_response(message, request) == ("reply", "ok")
    with pytest.raises(TypeError, match="send_request"):
        check_response(message, "no request")  # type: ignore[arg-type]


@pytest.mark.otp("GS-080")
async def test_requests_that_fail(node: Node) -> None:
    """The order is OTP's: the reason, then the server as the caller wrote it."""
    server = await Server.start()
    answer = await wait_response(send_request(server, "bad return"))
    assert answer == ("error", (("bad_return_value", "bad"), server))
    for address in (server, "GS-080", Global("GS-080")):
        assert await wait_response(send_request(address, "started")) == ("error", ("noproc", address))
    with pytest.raises(TypeError, match="address"):
        send_request(17, "started")  # type: ignore[call-overload]
    assert await mailbox() == []


@pytest.mark.otp("GS-083")
async def test_receive_from_a_collection(node: Node) -> None:
    server = await Server.start()
    outside = send_request(server, "started")
    requests = await three(server)
    for label, answer, size in ARRIVAL:
        response, found, requests = await receive_response(requests)
        assert (response, found, reqids_size(requests)) == (("reply", answer), label, size)
    assert await receive_response(requests) == "no_request"
    assert await receive_response(outside) == ("reply", "ok")


async def stopping(take: Any) -> None:
    """Build a collection with a member that is added twice and one whose server stops."""
    server = await Server.start()
    first = send_request(server, ("after", 9.0, "never"))
    requests = reqids_add(first, "never", reqids_new())
    with pytest.raises(ValueError, match="already"):
        reqids_add(first, "again", requests)
    requests = send_request(server, ("stop", "shutdown"), "stop", requests)
    labels: list[Any] = []
    while len(requests) > 0:
        response, label, requests = await take(requests, 1.0)
        assert response == ("error", ("shutdown", server))
        labels.append(label)
    assert sorted(labels) == ["never", "stop"]

    server = await Server.start()
    requests = send_request(server, "started", "label", RequestIds())
    response, label, same = await take(requests, None, delete=False)
    assert (response, label, reqids_size(same)) == (("reply", "ok"), "label", 1)
    assert reqids_to_list(same) == reqids_to_list(requests)


@pytest.mark.otp("GS-085")
async def test_receive_of_a_member_that_stops(node: Node) -> None:
    await stopping(receive_response)


@pytest.mark.otp("GS-086")
async def test_wait_for_a_collection(node: Node) -> None:
    server = await Server.start()
    requests = await three(server)
    assert await wait_response(requests, 0.0) == "timeout"
    for label, answer, size in ARRIVAL:
        response, found, requests = await wait_response(requests)
        assert (response, found, reqids_size(requests)) == (("reply", answer), label, size)
    assert await wait_response(requests) == "no_request"


@pytest.mark.otp("GS-088")
async def test_wait_for_a_member_that_stops(node: Node) -> None:
    await stopping(wait_response)


@pytest.mark.otp("GS-089")
async def test_check_a_collection(node: Node) -> None:
    """Adapted: the replies are messages of the mailbox that only `check_response` can read."""
    server = await Server.start()
    requests = await three(server)
    assert check_response("unrelated", requests) == "no_reply"
    for label, answer, size in ARRIVAL:
        response, found, requests = check_response(await process.receive(), requests)
        assert (response, found, reqids_size(requests)) == (("reply", answer), label, size)
    assert check_response("unrelated", requests) == "no_request"


@pytest.mark.otp("GS-090")
async def test_check_a_member_that_stops(node: Node) -> None:
    """Adapted: the replies are messages of the mailbox that only `check_response` can read."""
    server = await Server.start()
    requests = send_request(server, ("stop", "shutdown"), "stop", RequestIds())
    message = await process.receive()
    wanted = ("error", ("shutdown", server))
    assert check_response(message, requests, delete=False) == (wanted, "stop", requests)
    response, label, left = check_response(message, requests)
    assert (response, label, reqids_size(left)) == (wanted, "stop", 0)


@pytest.mark.otp("GS-093")
async def test_another_process_sends_the_reply(node: Node) -> None:
    server = await Server.start()
    assert await wait_response(send_request(server, "helper")) == ("reply", "by a helper")


async def test_an_absolute_time_limits_all_waits(node: Node) -> None:
    """A deadline is a time of `process.monotonic()`; a deadline that has passed looks once."""
    server = await Server.start()
    requests = await three(server)
    deadline = process.monotonic() + 0.3
    for label, _, _ in ARRIVAL[:2]:
        _, found, requests = await receive_response(requests, deadline, abs=True)
        assert found == label
    assert await receive_response(requests, deadline, abs=True) == "timeout"
    assert process.monotonic() == pytest.approx(deadline)
    await process.sleep(1.0)
    assert await receive_response(requests, deadline, abs=True) == "timeout"


async def test_a_caller_that_has_ended_is_forgotten(node: Node) -> None:
    """Its reply is dropped, and nothing fails."""

    def ask(server: Pid) -> None:
        send_request(server, ("after", 0.1, "late"))

    server = await Server.start()
    process.spawn(ask, server)
    await process.sleep(1.0)
    assert process.alive(server)
    assert await wait_response(send_request(server, "started")) == ("reply", "ok")


async def test_a_wrong_argument_is_refused(node: Node) -> None:
    """The error says what was expected."""
    with pytest.raises(TypeError, match="collection"):
        reqids_size("none")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="send_request"):
        await receive_response("none")  # type: ignore[arg-type]
