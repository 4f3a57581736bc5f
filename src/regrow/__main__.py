"""A small live supervision tree to look at: `python -m regrow`."""

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
    """Sends itself a message again and again."""

    def init(self, interval: float) -> Ok[float]:
        """Set the first time."""
        process.send_after(process.current(), "tick", interval)
        return Ok(interval)

    def handle_info(self, message: object, interval: float) -> NoReply[float]:
        """Set the next time."""
        process.send_after(process.current(), message, interval)
        return NoReply(interval)


class Steady(Ticker):
    """Runs for as long as the tree does."""


class Neighbour(Ticker):
    """Is started again when the shaky one falls, for their supervisor is one_for_all."""


class Shaky(Ticker):
    """Falls over now and then."""

    def handle_info(self, message: object, interval: float) -> NoReply[float]:
        """Fall over."""
        raise RuntimeError(f"{message} was one too many after {interval} s")


async def start_tree() -> None:
    """Two servers that run, beside a supervisor whose children fall together."""
    pair = Supervisor.child_spec(
        [(Neighbour, 0.5), (Shaky, CRASHES_EVERY)], strategy="one_for_all", max_restarts=10, name="pair"
    )
    await Supervisor.start_link([(Steady, 1.0), pair], strategy="one_for_one", name="top")


async def show(seconds: float, live: bool) -> None:
    """Draw the tree for so many seconds: over and over in one place, or anew where it has changed."""
    await start_tree()
    begun = process.monotonic()
    before: list[str] = []
    told = fallen = ""
    while (passed := process.monotonic() - begun) < seconds:
        lines = tree.lines(await tree.look("top"))
        shaky = next((line for line in lines if "Shaky" in line), told)
        if before and shaky != told:
            fallen = f"Shaky fell over after {passed:.1f} s. Its supervisor has started both of the pair again."
        told = shaky
        if live:
            draw(
                [*lines, "", fallen or "Shaky will fall over …", f"{passed:4.1f} s of {seconds:g}, Ctrl-C ends it"],
                before,
            )
        elif lines != before:
            print("\n".join([*([fallen] if fallen else []), *lines, ""]), flush=True)
        before = lines
        await process.sleep(min(FRAME, seconds))


def draw(lines: list[str], before: list[str]) -> None:
    """Put a picture over the one before."""
    up = f"\x1b[{len(lines)}A" if before else ""
    print(up + "\n".join(f"\x1b[2K{line}" for line in lines), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the options and show the tree; gives the exit code."""
    parser = argparse.ArgumentParser("python -m regrow", description="A small live supervision tree to look at.")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="how long; 10 by default")
    wanted = parser.parse_args(arguments)
    if not 0 <= wanted.seconds < float("inf"):
        parser.error(f"--seconds: wanted a number of seconds, 0 or more; got {wanted.seconds}")
    # The falls are shown in the picture; their reports would tear it.
    logging.getLogger("regrow").addHandler(logging.NullHandler())
    logging.getLogger("regrow").propagate = False
    try:
        run(show, wanted.seconds, sys.stdout.isatty())
    except BrokenPipeError:  # whoever reads has seen enough; Python writes what is left to the same pipe at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
