"""`python -m regrow`: it shows a small supervision tree whose servers crash and are restarted."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from regrow import GenServer, NoReply, Ok, Supervisor, process, run
from regrow.ops import tree

FRAME = 0.1  # seconds from one picture to the next
CRASHES_EVERY = 1.7


class Ticker(GenServer[float]):
    """A server that sends itself a message at each interval."""

    def init(self, interval: float) -> Ok[float]:
        """Set the first timer."""
        process.send_after(process.current(), "tick", interval)
        return Ok(interval)

    def handle_info(self, message: object, interval: float) -> NoReply[float]:
        """Set the next timer."""
        process.send_after(process.current(), message, interval)
        return NoReply(interval)


class Steady(Ticker):
    """A server that never crashes."""


class Neighbour(Ticker):
    """A server that is restarted with Shaky, because their supervisor is one_for_all."""


class Shaky(Ticker):
    """A server that crashes at its first message."""

    def handle_info(self, message: object, interval: float) -> NoReply[float]:
        """Crash.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError(f"Shaky crashes at each {message}, {interval} s after its start")


async def start_tree() -> None:
    """Start a supervisor with a steady server and a second supervisor, whose two children are restarted together."""
    pair = Supervisor.child_spec(
        [(Neighbour, 0.5), (Shaky, CRASHES_EVERY)], strategy="one_for_all", max_restarts=10, name="pair"
    )
    await Supervisor.start_link([(Steady, 1.0), pair], strategy="one_for_one", name="top")


async def show(seconds: float, live: bool) -> None:
    """Draw the tree for a number of seconds.

    Args:
        seconds: how long.
        live: whether to draw each picture over the last one; else the tree is printed when it has changed.
    """
    await start_tree()
    begun = process.monotonic()
    before: list[str] = []
    last_shaky = crash = ""
    while (passed := process.monotonic() - begun) < seconds:
        lines = tree.lines(await tree.look("top"))
        shaky = next((line for line in lines if "Shaky" in line), last_shaky)
        if before and shaky != last_shaky:
            crash = f"Shaky crashed after {passed:.1f} s. Its supervisor restarted both servers of the pair."
        last_shaky = shaky
        if live:
            draw(
                [*lines, "", crash or "Shaky will crash …", f"{passed:4.1f} s of {seconds:g}, Ctrl-C stops it"], before
            )
        elif lines != before:
            print("\n".join([*([crash] if crash else []), *lines, ""]), flush=True)
        before = lines
        await process.sleep(min(FRAME, seconds))


def draw(lines: list[str], before: list[str]) -> None:
    """Draw a picture over the last one, which had the lines `before`."""
    up = f"\x1b[{len(lines)}A" if before else ""
    print(up + "\n".join(f"\x1b[2K{line}" for line in lines), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options, show the tree, and return the exit code."""
    parser = argparse.ArgumentParser(
        "python -m regrow", description="Show a small supervision tree whose servers crash and are restarted."
    )
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="stop after N seconds; default: 10")
    options = parser.parse_args(arguments)
    if not 0 <= options.seconds < float("inf"):
        parser.error(f"--seconds: wanted a number of seconds, 0 or more; got {options.seconds}")
    # The picture shows the crashes; their reports would be printed into it.
    logging.getLogger("regrow").addHandler(logging.NullHandler())
    logging.getLogger("regrow").propagate = False
    try:
        run(show, options.seconds, sys.stdout.isatty())
    except BrokenPipeError:  # the reader closed the pipe; Python writes what is left to it at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
