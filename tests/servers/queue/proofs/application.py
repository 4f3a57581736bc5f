"""The programs of the acceptance: a worker, a web server with a thread that puts, too, a program that puts, and one that gets.

Each writes what it does to standard output, as lines of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any, Final

import regrow
from regrow import Node, Supervisor, from_thread
from regrow.servers.queue.broker import Broker
from regrow.servers.queue.job import Job
from regrow.servers.queue.outcome import Backoff
from regrow.servers.queue.queue import Queue
from regrow.servers.queue.sqlite.store import SQLite
from regrow.servers.queue.store import Store
from regrow.servers.queue.worker import Worker

LEASE: Final = 0.6  # seconds
PAUSE: Final = 0.004  # seconds between two puts


def report(*words: Any) -> None:
    os.write(1, json.dumps(words).encode() + b"\n")  # one write, so that a kill does not cut a line


class Orders(Worker[str], name="orders", lease=LEASE, attempts=1_000, backoff=Backoff(0.02), concurrency=8):
    """Reports each job, and takes a moment for it."""

    async def perform(self, job: Job[str]) -> None:
        report("begin", job.payload, job.token, job.lease_until, time.monotonic())
        await asyncio.sleep(random.uniform(0.0, 0.01))
        report("end", job.payload, job.token)


class Poison(Worker[str], name="poison", lease=0.3, attempts=3, concurrency=1):
    """A job that kills its program."""

    async def perform(self, job: Job[str]) -> None:
        report("begin", job.payload, job.attempt)
        os.kill(os.getpid(), signal.SIGKILL)


async def work(path: str) -> None:
    await Supervisor.start_link([Broker.child_spec(path, workers=[Orders, Poison])])
    report("ready")
    await asyncio.Event().wait()


async def put_for_ever(path: str) -> None:
    """Put jobs, some of them of a group, until the program is killed."""
    await Supervisor.start_link([(Broker, path)])
    report("ready")
    for number in itertools.count():
        await (Orders.put(f"program {number}", group="g") if number % 10 == 0 else Orders.put(f"program {number}"))
        report("put", f"program {number}")
        await asyncio.sleep(PAUSE)


class Deaf(SQLite):
    """A store that does not notice what other processes write."""

    def changed(self) -> bool:
        return False


async def get_for_ever(store: Store) -> None:
    """Get jobs, and report when."""
    await Supervisor.start_link([(Broker, store)])
    calls = Queue[str]("calls")
    report("ready")
    while True:
        job = await calls.get()
        report("got", job.payload, time.monotonic())
        await job.ack()


def put_in_a_thread() -> None:
    for number in itertools.count():
        from_thread.run(Orders.put, f"thread {number}")
        report("put", f"thread {number}")
        time.sleep(PAUSE)


def serve(path: str) -> None:
    """Serve requests, each of which puts a job; a thread of the program puts jobs as well."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        async with Node():
            await Supervisor.start_link([(Broker, path)])
            threading.Thread(target=put_in_a_thread, daemon=True).start()
            report("ready", listening.getsockname()[1])
            yield

    async def order(request: Request) -> PlainTextResponse:
        await Orders.put((await request.body()).decode())
        return PlainTextResponse("accepted", 202)

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = Starlette(routes=[Route("/", order, methods=["POST"])], lifespan=lifespan)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])


def main() -> None:
    role, path = sys.argv[1:]
    if role == "serve":
        serve(path)
    elif role in {"get", "get, deaf"}:
        regrow.run(get_for_ever, SQLite(path) if role == "get" else Deaf(path))
    elif role == "put":
        regrow.run(put_for_ever, path)
    else:
        regrow.run(work, path)


if __name__ == "__main__":
    main()
