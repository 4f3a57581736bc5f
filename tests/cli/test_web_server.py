"""A web server as in docs/web.md, on a real uvicorn: it stops its tree in order, and ends when its tree gives up."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.program.programs import PATIENCE, Program
from tests.snippets.document import FILE
from tests.snippets.markdown import snippets

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals end programs there in another way")

PAGE = Path(__file__).parents[2] / "docs" / "web.md"

# More views and servers than the page has: one that keeps state, and one that crashes repeatedly on request.
MORE = """
import asyncio

import shop
from regrow import Ok, cast, process
from shop import Counter
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from web import app


def init(self, number):
    process.trap_exit(True)
    return Ok(number)


def handle_cast(self, request, number):
    raise RuntimeError("falls")


async def terminate(self, reason, number):
    print("terminate begins", flush=True)
    await asyncio.sleep(0.2)
    print("terminate ended", flush=True)


Counter.init, Counter.handle_cast, Counter.terminate = init, handle_cast, terminate


async def falls(request):
    for _ in range(4):
        while process.whereis(Counter) is None:
            await asyncio.sleep(0.01)
        cast(Counter, "fall")
        await asyncio.sleep(0.3)
    return PlainTextResponse("fell")


app.router.routes.append(Route("/falls", falls))
"""


class Server(Program):
    """A uvicorn process that serves the page's application."""

    def __init__(self, folder: Path, module: str, *options: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        super().__init__(["-m", "uvicorn", f"{module}:app", "--port", str(self.port), *options], folder)

    def get(self, path: str) -> str | None:
        """Return the response of a request; None without a server."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE)
        except httpx.TransportError:
            return None
        return answer.text if answer.status_code == 200 else f"error {answer.status_code}"

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the output satisfies a condition."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert self._read(until), self.seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files of the page, and one more."""
    for snippet in snippets("docs/web.md", PAGE.read_text(encoding="utf-8")):
        if snippet.language == "python" and (named := FILE.match(snippet.text)):
            (tmp_path / named["path"]).write_text(snippet.text, encoding="utf-8")
    (tmp_path / "more.py").write_text(MORE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_web_server_stops_its_tree_in_order(folder: Path, number: signal.Signals) -> None:
    server = Server(folder, "more")
    server.expect("Application startup complete")
    assert [server.get("/"), server.get("/sync")] == ["1", "2"]
    server.signal(number)
    server.exit_code()
    assert "terminate begins\nterminate ended\n" in server.seen
    assert "Application shutdown complete" in server.seen


def test_a_web_server_ends_when_its_tree_gives_up(folder: Path) -> None:
    """The running request is answered; later ones find no server, rather than errors."""
    server = Server(folder, "more")
    server.expect("Application startup complete")
    assert server.get("/") == "1"
    answer = server.get("/falls")
    assert answer in ("fell", None), answer
    assert server.exit_code() == -signal.SIGTERM
    assert server.get("/") is None
    assert "Ended: Shop ended: 'shutdown'" in server.seen


def test_a_worker_whose_tree_gives_up_is_replaced(folder: Path) -> None:
    server = Server(folder, "more", "--workers", "2")
    server.expect("Application startup complete")
    server.get("/falls")
    server.expect("Ended: Shop ended: 'shutdown'")
    server.expect("died")  # as its parent says
    server.until(lambda: server.seen.count("Started server process") == 3)
    assert str(server.get("/")).isdigit()
    server.signal(signal.SIGTERM)
    server.exit_code()


def test_a_web_server_does_not_start_without_its_tree(folder: Path) -> None:
    (folder / "broken.py").write_text(
        "from shop import Counter\nfrom web import app\n\n\n"
        "def init(self, number):\n    raise RuntimeError('no database')\n\n\nCounter.init = init\n",
        encoding="utf-8",
    )
    server = Server(folder, "broken")
    assert server.exit_code() == 3, server.seen
    assert "no database" in server.seen
    assert "Application startup failed" in server.seen
