"""The shop on a real uvicorn: started, killed and started again in the folder of a test."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

SOURCE = Path(__file__).parents[1] / "src"
PATIENCE = 40.0  # seconds
T = TypeVar("T")


class Server:
    """A process that serves the shop.

    The output is read by a thread: a pipe that is full would hold the process up.
    """

    def __init__(self, folder: Path, mail_seconds: float) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE), *sys.path])),
            "PYTHONUNBUFFERED": "1",
            "SHOP_FOLDER": str(folder),
            "SHOP_MAIL_SECONDS": str(mail_seconds),
        }
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "shop", "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        opened = self.until(lambda: re.search(r"running on (http://[\d.:]+)", self.output))
        assert opened is not None
        self.url = opened[1]

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def until(self, condition: Callable[[], T]) -> T:
        """Wait until a condition holds, and return its value."""
        until = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < until, (
                f"this did not happen within {PATIENCE} s:\n{self.output}"
            )
            time.sleep(0.02)
        return value

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE)

    def kill(self) -> None:
        """End the process as a crash does: at once."""
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def stop(self) -> str:
        """End the process in order, and return what it has printed."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE)
        self.reader.join()
        return self.output


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Return a client of a shop that all tests of the module share."""
    server = Server(tmp_path_factory.mktemp("shared"), 0.0)
    with server.client() as client:
        yield client
    server.kill()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return `serve(mail_seconds=0.0)`, which serves the shop in the test's folder."""
    servers: list[Server] = []

    def start(mail_seconds: float = 0.0, folder: str = ".") -> Server:
        servers.append(Server(tmp_path / folder, mail_seconds))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()
