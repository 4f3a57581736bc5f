"""The clients of a queue: each puts a job, takes one and acknowledges it, again and again.

A driver is an object with the methods of `Driver`, all of them plain or all of them `async def`. Asyncio clients are
tasks of one loop. Plain clients are threads; a driver whose queue is faster with fewer threads than clients says so.
With two processes the first opens the queue, the second joins it; both begin at the same time.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, NamedTuple, Protocol

from benchmarks.measure import Figures, quantiles
from benchmarks.queues.settings import PAYLOAD, Setting

TICK = 0.001  # seconds between two looks at the loop's delay
POSTGRES = "REGROW_BENCH_POSTGRES"  # the address of the server
FOLDER = "REGROW_BENCH_FOLDER"  # where the files are; the system's folder for temporary files unless it is set
Runner = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


class Driver(Protocol):
    """A queue as the clients use it.

    Attributes:
        threads: the most threads that plain clients use.
    """

    threads: int

    def open(self, where: str, setting: Setting, /) -> Any:
        """Open the queue in an empty folder, or join the one that the first process has opened there."""

    def fill(self, count: int, /) -> Any:
        """Put this many jobs, in the fastest way that there is."""

    def put(self, payload: str, /) -> Any:
        """Put a job; it is durable when this returns, as far as the queue promises."""

    def take(self) -> Any:
        """Take the next job."""

    def done(self, job: Any, /) -> Any:
        """Acknowledge the job."""

    def close(self) -> Any:
        """Close the queue."""


class Found(NamedTuple):
    """The clients' record of one process; `busy` is its processor time."""

    cycles: int
    seconds: float
    puts: list[float]
    delays: list[float]
    busy: float


def main(driver: Driver, run: Runner = lambda function: asyncio.run(function())) -> None:
    """Run a driver's program: `python -m benchmarks.others.queues.huey_ 100:0:1:2.0:0 0`.

    Without arguments it prints nothing: the queue is installed. The second argument is the size that every contestant
    takes; it is not used. With a folder as third argument it is the second process of a measurement.
    """
    if len(sys.argv) < 2:
        return
    setting = Setting.read(sys.argv[1])
    if len(sys.argv) == 4:
        found = measured(driver, sys.argv[3], setting, run, first=False)
        print(json.dumps(found), flush=True)
    else:
        with place() as where:
            print(json.dumps(figures(driver, where, setting, run)), flush=True)
    os._exit(0)  # threads that still run are not measured


@contextlib.contextmanager
def place() -> Generator[str]:
    """Make an empty folder for the queue's files."""
    with tempfile.TemporaryDirectory(dir=os.environ.get(FOLDER), ignore_cleanup_errors=True) as where:
        yield where


def figures(driver: Driver, where: str, setting: Setting, run: Runner) -> Figures:
    """Measure one setting."""
    found = [Found(*one) for one in measured(driver, where, setting, run, first=True)]
    delays = [delay for one in found for delay in one.delays]
    result = {
        "rate": sum(one.cycles / one.seconds for one in found),
        "busy": sum(one.busy for one in found) / sum(one.cycles for one in found) * 1e6,
        "least": min(one.cycles for one in found) / max(one.cycles for one in found),
        **{f"put {name}": value for name, value in quantiles([put for one in found for put in one.puts]).items()},
    }
    if delays:
        result |= {f"loop {name}": value for name, value in quantiles(delays).items()}
    return result


def measured(driver: Driver, where: str, setting: Setting, run: Runner, *, first: bool) -> list[Found]:
    """Run the clients of this process, and those of the second process if there is one."""
    together = Together(where, setting, first=first)
    if inspect.iscoroutinefunction(driver.put):
        return together.all(run(lambda: in_tasks(driver, where, setting, together)))
    driver.open(where, setting)
    if first:
        driver.fill(setting.waiting)
    together.begin()
    found = in_threads(driver, setting)
    driver.close()
    return together.all(found)


class Together:
    """The two processes of a measurement: they begin together, and the first collects."""

    def __init__(self, where: str, setting: Setting, *, first: bool) -> None:
        self.first = first
        self.other: subprocess.Popen[str] | None = None
        self.where = where
        self.setting = setting

    def begin(self) -> None:
        """Wait until both processes are ready."""
        if self.setting.processes == 1:
            return
        if not self.first:
            print("ready", flush=True)
            sys.stdin.readline()
            return
        command = [sys.executable, "-m", module(), str(self.setting), "0", self.where]
        self.other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.other.stdin is not None
        assert self.other.stdout is not None
        line = self.other.stdout.readline()
        if line != "ready\n":
            raise RuntimeError(f"the second process said {line!r}")
        self.other.stdin.write("go\n")
        self.other.stdin.flush()

    def all(self, mine: Found) -> list[Found]:
        """Return what this process and, in the first, the other have found."""
        if self.other is None:
            return [mine]
        said, _ = self.other.communicate(timeout=120)
        return [mine, *(Found(*one) for one in json.loads(said.splitlines()[-1]))]


def module() -> str:
    """Return the name of the driver's module, as `python -m` takes it."""
    return str(sys.modules["__main__"].__spec__.name)  # type: ignore[union-attr]


# Threads


def in_threads(driver: Driver, setting: Setting) -> Found:
    """Run the clients in threads."""
    puts: list[float] = []
    counts: list[int] = []
    errors: list[BaseException] = []
    threads = min(setting.clients, driver.threads)
    begin, busy = time.perf_counter(), time.process_time()
    more = limits(setting._replace(cycles=setting.cycles * setting.clients // threads), begin)

    def client() -> None:
        count = 0
        try:
            while more(count):
                before = time.perf_counter()
                driver.put(PAYLOAD)
                puts.append(time.perf_counter() - before)
                driver.done(driver.take())
                count += 1
        except BaseException as error:
            errors.append(error)
        counts.append(count)

    if threads == 1:
        client()
    else:
        clients = [threading.Thread(target=client) for _ in range(threads)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
    if errors:
        raise errors[0]
    return Found(sum(counts), time.perf_counter() - begin, puts, [], time.process_time() - busy)


def limits(setting: Setting, begin: float) -> Callable[[int], bool]:
    """Return whether a client with so many cycles has another to make."""
    if setting.cycles:
        return lambda count: count < setting.cycles
    return lambda _: time.perf_counter() < begin + setting.seconds


# Tasks


async def in_tasks(driver: Driver, where: str, setting: Setting, together: Together) -> Found:
    """Run the clients as tasks of this loop."""
    await driver.open(where, setting)
    if together.first:
        await driver.fill(setting.waiting)
    await asyncio.get_running_loop().run_in_executor(None, together.begin)
    found = await cycling(driver.put, driver.take, driver.done, setting)
    await driver.close()
    return found


async def cycling(
    put: Callable[[str], Awaitable[Any]],
    take: Callable[[], Awaitable[Any]],
    done: Callable[[Any], Awaitable[Any]],
    setting: Setting,
) -> Found:
    """Let all clients put, take and acknowledge; look every millisecond how late the loop is."""
    puts: list[float] = []
    counts: list[int] = []
    begin, busy = time.perf_counter(), time.process_time()
    more = limits(setting, begin)

    async def client() -> None:
        count = 0
        while more(count):
            before = time.perf_counter()
            await put(PAYLOAD)
            puts.append(time.perf_counter() - before)
            await done(await take())
            count += 1
        counts.append(count)

    with ticking() as delays:
        await asyncio.gather(*(client() for _ in range(setting.clients)))
        seconds = time.perf_counter() - begin
    return Found(sum(counts), seconds, puts, delays, time.process_time() - busy)


@contextlib.contextmanager
def ticking() -> Generator[list[float]]:
    """Collect how late a timer of one millisecond is, while the block runs: the loop was held for that long."""
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    handle: asyncio.TimerHandle | None = None

    def tick(due: float) -> None:
        nonlocal handle
        now = loop.time()
        delays.append(max(0.0, now - due))
        handle = loop.call_at(now + TICK, tick, now + TICK)

    handle = loop.call_later(TICK, tick, loop.time() + TICK)
    try:
        yield delays
    finally:
        handle.cancel()
