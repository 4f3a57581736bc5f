"""Programs as operating-system processes, which tests start, send signals to, and read."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

PATIENCE = 30.0  # seconds for a program to print the expected output or to end

PRELUDE = """
import asyncio, os, sys, time
from regrow import *
from regrow import application, process
from regrow.kernel.exits import Exit


def say(*words):
    print(*words, flush=True)


class Keeps(GenServer[object]):
    '''Has something to lose: its terminate takes its time.'''

    def init(self, arg):
        process.trap_exit(True)
        return Ok(arg)

    async def terminate(self, reason, arg):
        say("begins", arg)
        await asyncio.sleep(0.2)
        say("ended", arg)


class Stuck(GenServer[object]):
    '''Traps exits, and waits in its init for a database that does not answer.'''

    async def init(self, arg):
        process.trap_exit(True)
        say("ready")
        await asyncio.Event().wait()


class Hangs(Stuck):
    '''The same, without trapping exits.'''

    async def init(self, arg):
        say("ready")
        await asyncio.Event().wait()


class Stubborn(GenServer[object]):
    '''Traps exits, and sits in a callback.'''

    def init(self, arg):
        process.trap_exit(True)
        return Ok(arg, Continue("sit"))

    async def handle_continue(self, word, arg):
        await asyncio.Event().wait()


def tree(*children, name=None):
    return Supervisor.start_link(
        [ChildSpec(str(one), (Keeps.start_link, [one])) if isinstance(one, str) else one for one in children], name=name
    )
"""


class Program:
    """A running program: a source text after the prelude, or a Python command in a folder."""

    def __init__(self, text: str | list[str], folder: Path | None = None) -> None:
        self.seen = ""
        loop = "import uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())\n"
        if os.environ.get("REGROW_TEST_LOOP") != "uvloop":
            loop = ""
        self.process = subprocess.Popen(
            [sys.executable, *(["-c", PRELUDE + loop + textwrap.dedent(text)] if isinstance(text, str) else text)],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def expect(self, word: str) -> None:
        """Wait until the program has printed a text."""
        until = time.monotonic() + PATIENCE
        while word not in self.seen:
            assert self._read(until), f"the program does not print {word!r}:\n{self.seen}"

    def _read(self, until: float) -> bool:
        stream: Any = self.process.stdout
        ready, _, _ = select.select([stream], [], [], max(0.0, until - time.monotonic()))
        text = os.read(stream.fileno(), 65536).decode() if ready else ""
        self.seen += text
        return bool(text)

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait for the end; return the exit code."""
        until = time.monotonic() + PATIENCE
        while self._read(until):
            pass
        try:
            return self.process.wait(max(0.1, until - time.monotonic()))
        finally:
            self.process.kill()
            self.process.wait()
            stream: Any = self.process.stdout
            stream.close()

    def said(self) -> list[str]:
        """Return the lines that it has printed."""
        return self.seen.splitlines()
