"""The second SIGINT or SIGTERM ends a program even if its main thread never handles it, and no other signal does."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.program.programs import Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals end programs there in another way")

# A program whose server executes a text in its `terminate`, after the first signal.
PROGRAM = """
import _thread, signal

BOTH = [signal.SIGINT, signal.SIGTERM]
said = []


class Last(GenServer[object]):
    def init(self, arg):
        process.trap_exit(True)
        return Ok(arg)

    async def terminate(self, reason, arg):
{terminate}


async def main():
{main}
    await Supervisor.start_link([ChildSpec("last", (Last.start_link, [1]), shutdown=500.0)])
    say("ready")
    await asyncio.Event().wait()


{around}
"""


def stopping(
    terminate: str, *, main: str = "pass", around: str = "run(main)", first: signal.Signals | None = signal.SIGTERM
) -> Program:
    """Return a program that has received its first signal, and has said "stopping" in `terminate`."""
    program = Program(PROGRAM.format(terminate=indented(terminate, 8), main=indented(main, 4), around=around))
    program.expect("ready")
    if first is not None:
        program.signal(first)
    program.expect("stopping")
    return program


def indented(text: str, spaces: int) -> str:
    """Return the lines of a text, moved to the right."""
    return "\n".join(" " * spaces + line for line in text.strip().splitlines())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_a_program_whose_main_thread_blocks_signals(number: signal.Signals) -> None:
    program = stopping("""
signal.pthread_sigmask(signal.SIG_BLOCK, BOTH)
say("stopping")
time.sleep(600)
say("goes on")
""")
    program.signal(number)
    assert program.exit_code() == 128 + number, program.seen
    assert program.seen.count("Stopped immediately.") == 1
    assert "goes on" not in program.seen


def test_it_ends_a_program_whose_threads_all_block_signals() -> None:
    """The first signal comes from inside the program, since no thread takes one from outside."""
    program = stopping(
        "say('stopping')\ntime.sleep(600)",
        main="""
signal.pthread_sigmask(signal.SIG_BLOCK, BOTH)
asyncio.get_running_loop().call_later(0.01, _thread.interrupt_main)
""",
        first=None,
    )
    program.signal(signal.SIGTERM)
    assert program.exit_code() == 143, program.seen


def test_the_handler_and_the_thread_report_the_exit_once() -> None:
    program = stopping("""
from regrow.behaviours.application import stop_signals
write = stop_signals.say_at_any_time
stop_signals.say_at_any_time = lambda text: (write(text), time.sleep(0.3))
say("stopping")
while True: time.sleep(0.01)
""")
    program.signal(signal.SIGTERM)
    assert program.exit_code() == 143, program.seen
    assert program.seen.count("Stopped immediately.") == 1


def test_an_exit_that_cannot_be_reported_ends_all_the_same() -> None:
    """The thread waits until it can write to standard error; the handler waits for the thread, for one second."""
    program = stopping("""
from regrow.behaviours.application import stop_signals
stop_signals.say_at_any_time = lambda text: time.sleep(600)
say("stopping")
while True: time.sleep(0.01)
""")
    program.signal(signal.SIGTERM)
    assert program.exit_code() == 143, program.seen


@pytest.mark.parametrize("when", ["before", "after"])
def test_handlers_of_the_event_loop_get_their_signals(when: str) -> None:
    adding = "asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, said.append, 1)"
    program = stopping(
        f"{adding if when == 'after' else 'pass'}\nsay('stopping')\nwhile not said: await asyncio.sleep(0.01)\nsay('ended')",
        main=adding if when == "before" else "pass",
    )
    program.signal(signal.SIGUSR1)
    assert program.exit_code() == 0, program.seen
    assert program.said() == ["ready", "stopping", "ended"]


def test_a_handler_that_the_program_has_set_meanwhile_gets_its_signals() -> None:
    own = "signal.signal(signal.SIGINT, lambda number, frame: said.append(number))"
    program = stopping(f"{own}\nsay('stopping')\nwhile not said: await asyncio.sleep(0.01)\nsay('ended')")
    program.signal(signal.SIGINT)
    assert program.exit_code() == 0, program.seen
    assert program.said() == ["ready", "stopping", "ended"]


def test_a_signal_to_a_forked_child_does_not_end_the_parent() -> None:
    program = stopping("""
child = os.fork()
if child == 0:
    time.sleep(600)
time.sleep(0.1)
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
say('stopping')
await asyncio.sleep(0.3)
say('ended')
""")
    assert program.exit_code() == 0, program.seen
    assert program.said()[-1] == "ended"


def test_nothing_is_left_behind() -> None:
    """The descriptors, the threads and the wake-up descriptor of the program are those of before."""
    around = """
def held():
    return sorted(os.listdir("/proc/self/fd"))

asyncio.run(asyncio.sleep(0))
reading, writing = os.pipe()
os.set_blocking(writing, False)
signal.set_wakeup_fd(writing)
before = held()
run(main)
say(signal.set_wakeup_fd(-1) == writing)
until = time.monotonic() + 20.0
while held() != before and time.monotonic() < until:
    time.sleep(0.01)
say(held() == before)
say(len(os.listdir("/proc/self/task")))
"""
    program = stopping("say('stopping')", around=around)
    assert program.exit_code() == 0, program.seen
    assert program.said() == ["ready", "stopping", "True", "True", "1"]


def test_without_a_thread_the_first_signal_stops_it_in_order() -> None:
    """No thread can be started: the pipe is closed, and the wake-up descriptor of the event loop is there again."""
    program = stopping(
        "say(held() == before)\nsay('stopping')",
        main="""
def held():
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    return descriptor, len(os.listdir("/proc/self/fd"))

def refuse(*args):
    raise RuntimeError("can't start new thread")

globals().update(held=held, before=held())
_thread.start_new_thread = refuse
""",
    )
    assert program.exit_code() == 0, program.seen
    assert program.said() == ["ready", "True", "stopping"]
