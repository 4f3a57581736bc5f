"""The shop over HTTP, on a real uvicorn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

Serve = Callable[..., Any]
TEA = {"email": "ann@example.org", "item": "tea"}
AS_JSON = {"Content-Type": "application/json"}


def test_an_order_is_answered_and_its_mail_is_sent(serve: Serve, tmp_path: Path) -> None:
    server = serve(mail_seconds=0.2)
    with server.client() as client:
        answer = client.post("/orders", json={**TEA, "quantity": 2})
        assert answer.status_code == 201
        order = answer.json()
        assert (order["id"], order["cents"], order["mail"]) == (1, 900, "waiting")
        assert client.get("/mails/1").status_code == 404
        server.until(lambda: client.get("/orders").json()[0]["mail"] == "sent")
        mail = client.get("/mails/1").text
        assert "Message-ID: <order-1@shop.example>\nTo: ann@example.org\n" in mail
        server.until(lambda: set(client.get("/queue").json().values()) == {0, None})
    assert [path.name for path in (tmp_path / "mails").iterdir()] == ["order-1.txt"]


def test_a_repeated_request_is_one_order(client: httpx.Client) -> None:
    before = len(client.get("/orders").json())
    key = {"Idempotency-Key": "k1"}
    first, second = (client.post("/orders", json=TEA, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    other = client.post("/orders", json={**TEA, "item": "cake"}, headers=key)
    assert other.status_code == 422
    assert len(client.get("/orders").json()) == before + 1


def test_wrong_orders_are_refused_and_nothing_is_stored(client: httpx.Client) -> None:
    before = client.get("/orders").json()
    wrong: list[dict[str, Any]] = [
        {"email": "ann"},
        {"email": "ann@example.org\nBcc: all@example.org"},
        {"email": f"{'a' * 300}@example.org"},
        {"item": "house"},
        {"item": "tea'; DROP TABLE orders; --"},
        {"quantity": 0},
        {"quantity": 101},
        {"quantity": "1"},
        {"quantity": 1.5},
        {"price": 0},
    ]
    for part in wrong:
        assert client.post("/orders", json={**TEA, **part}).status_code == 422, part
    assert client.post("/orders", json=[]).status_code == 422
    assert client.post("/orders", content=b"{", headers=AS_JSON).status_code == 422
    for header, status in [
        ({"Content-Type": "text/plain"}, (415, 422)),
        ({"Host": "shop.example.org"}, (400,)),
        ({"Idempotency-Key": "k" * 101}, (422,)),
    ]:
        assert client.post("/orders", json=TEA, headers=header).status_code in status, header
    assert [order["id"] for order in client.get("/orders").json()] == [
        order["id"] for order in before
    ]


def test_long_bodies_are_refused(client: httpx.Client) -> None:
    body = b'{"email": "' + b"a" * 20_000 + b'"}'
    assert client.post("/orders", content=body, headers=AS_JSON).status_code == 413
    chunks = (b"a" * 1_000 for _ in range(20))  # without a Content-Length
    assert client.post("/orders", content=chunks, headers=AS_JSON).status_code == 413


def test_the_page_is_served_and_no_other_file(client: httpx.Client) -> None:
    page = client.get("/")
    assert "<title>Shop</title>" in page.text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert [client.get(f"/static/shop.{kind}").status_code for kind in ("js", "css")] == [200, 200]
    for path in ("/mails/0", "/mails/x", "/mails/..%2f..%2fshop.db", "/static/..%2fweb.py"):
        assert client.get(path).status_code in (404, 422), path


def test_an_address_that_does_not_exist_goes_to_the_dead_letters(serve: Serve) -> None:
    server = serve()
    with server.client() as client:
        client.post("/orders", json={"email": "ann@nowhere.invalid", "item": "tea"})
        server.until(lambda: client.get("/queue").json()["dead"] == 1)
        assert client.get("/orders").json()[0]["mail"] == "waiting"


def test_the_end_waits_for_mails_that_are_being_sent(serve: Serve, tmp_path: Path) -> None:
    server = serve(mail_seconds=1.0)
    with server.client() as client:
        client.post("/orders", json=TEA)
        server.until(lambda: client.get("/queue").json()["leased"] == 1)
    output = server.stop()
    assert (tmp_path / "mails" / "order-1.txt").exists(), output
    assert "order-1: sent, attempt 1" in output
    assert "Traceback" not in output
