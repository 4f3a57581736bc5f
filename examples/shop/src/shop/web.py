"""The web application: it takes orders, and shows what becomes of them."""

import re
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Header, HTTPException, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from regrow import Node, application
from regrow.queue import Full
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shop import orders, settings
from shop.application import Shop
from shop.mails import SendMail

STATIC = Path(__file__).parent / "static"
MOST_BYTES = 16 * 1024  # of a request's body
# No blanks, quotes, brackets or control characters: the address becomes a line of a mail.
EMAIL = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}", re.ASCII)
SECURITY = {
    "Content-Security-Policy": "default-src 'self'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the shop's tree while the server runs, and let it finish its mails at the end."""
    try:
        async with Node():
            await application.start(Shop, "permanent")
            yield
    except application.Ended:  # the tree has given up: end the server, too
        signal.raise_signal(signal.SIGTERM)
        raise


class BodyLimit:
    """Refuses requests whose body is too long, before it is in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and count the bytes of its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length[:10]) > MOST_BYTES:
            await PlainTextResponse("the body is too long", 413)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MOST_BYTES:
                raise HTTPException(413, "the body is too long")
            return message

        await self.app(scope, counted, send)


class NewOrder(BaseModel):
    """What a customer sends."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=254)]
    item: Literal["tea", "coffee", "cake"]
    quantity: Annotated[int, Field(ge=1, le=100, strict=True)] = 1


class PlacedOrder(BaseModel):
    """What the shop says of an order."""

    id: int
    email: str
    item: str
    quantity: int
    cents: int
    placed_at: str
    mail: Literal["sent", "waiting"]


app = FastAPI(title="Shop", lifespan=lifespan, docs_url=None, redoc_url=None)
app.add_middleware(BodyLimit)
# A page of another site that a browser shows cannot reach the shop under a name of its own.
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
app.mount("/static", StaticFiles(directory=STATIC), name="static")


@app.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Return the page to order, and to see the mails and the queue."""
    return FileResponse(STATIC / "index.html", headers=SECURITY)


@app.post("/orders", status_code=201)
def place_order(
    order: NewOrder,
    request: Request,
    response: Response,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=100)] = None,
) -> PlacedOrder:
    """Place an order. The answer means: the order and the job of its mail are safe on the disk.

    A customer who gets no answer sends the request again with the same Idempotency-Key, and has
    one order.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "wanted Content-Type: application/json")
    if not EMAIL.fullmatch(order.email):
        raise HTTPException(422, "email: wanted an address such as ann@example.org")
    database = settings.load().database
    try:
        placed, is_new = orders.place(
            database, order.email, order.item, order.quantity, idempotency_key
        )
    except (Full, sqlite3.OperationalError) as error:  # nothing was stored
        raise HTTPException(503, "please try again", {"Retry-After": "1"}) from error
    if not is_new:
        response.status_code = 200
        if (placed.email, placed.item, placed.quantity) != (
            order.email,
            order.item,
            order.quantity,
        ):
            raise HTTPException(422, "this Idempotency-Key belongs to another order")
    return shown(placed)


@app.get("/orders")
def list_orders() -> list[PlacedOrder]:
    """Return the last orders, the newest first."""
    return [shown(order) for order in orders.newest(settings.load().database)]


@app.get("/mails/{number}", response_class=PlainTextResponse)
def read_mail(number: Annotated[int, PathParameter(ge=1)]) -> str:
    """Return the mail of an order, as it was sent."""
    path = settings.load().mails / f"order-{number}.txt"
    if not path.exists():
        raise HTTPException(404, "this mail was not sent yet")
    return path.read_text(encoding="utf-8")


@app.get("/queue")
async def read_queue() -> dict[str, Any]:
    """Return the number of jobs in each state."""
    stats = await SendMail.queue.stats()
    return {name: getattr(stats, name) for name in ("ready", "delayed", "leased", "dead", "paused")}


def shown(order: orders.Order) -> PlacedOrder:
    """Return an order with the state of its mail."""
    is_sent = (settings.load().mails / f"{order.message_id}.txt").exists()
    return PlacedOrder(**vars(order), mail="sent" if is_sent else "waiting")
