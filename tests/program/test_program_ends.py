"""The end of a program, seen from outside: its last actions and its exit code. docs/command.md has the table."""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest

from tests.program.programs import Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals end programs there in another way")

STOPPED, RAISED = 0, 1
ALL = ["begins linked", "ended linked", "begins b", "ended b", "begins a", "ended a"]

MAIN = """
async def main():
    await tree("a", "b")
    await Keeps.start_link("linked")
    {end}

run(main)
"""
WAITS = "say('ready'); await asyncio.Event().wait()"


def words(program: Program) -> list[str]:
    """Return the lines about the start and the end of `terminate`."""
    return [line for line in program.said() if line.startswith(("begins", "ended"))]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("return 5", STOPPED),
        ("raise ValueError('wrong')", RAISED),
        ("raise Exit('boom')", RAISED),
        ("raise Exit('shutdown')", STOPPED),
        ("raise asyncio.CancelledError", RAISED),
        ("raise SystemExit(0)", STOPPED),
        ("sys.exit(7)", 7),
    ],
)
def test_main_ends_and_its_tree_before_it(end: str, code: int) -> None:
    program = Program(MAIN.format(end=end))
    assert program.exit_code() == code, program.seen
    assert words(program) == ALL, program.seen


@pytest.mark.parametrize("end", ["raise SystemExit(0)", "sys.exit(7)"])
def test_an_exit_is_no_crash(end: str) -> None:
    program = Program(MAIN.format(end=end))
    program.exit_code()
    assert program.said() == ALL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("end", [WAITS, "say('ready'); await process.receive()"])
def test_a_signal_ends_main_in_order_and_quietly(end: str, number: signal.Signals) -> None:
    program = Program(MAIN.format(end=end))
    program.expect("ready")
    program.signal(number)
    assert program.exit_code() == STOPPED, program.seen
    assert program.said() == ["ready", *ALL]


def test_main_may_call_its_servers_at_its_end() -> None:
    program = Program("""
        async def main():
            supervisor = await tree("a")
            try:
                say("ready")
                await asyncio.Event().wait()
            finally:
                await Supervisor.stop(supervisor)
                say("finally")

        run(main)
    """)
    program.expect("ready")
    program.signal(signal.SIGTERM)
    assert program.exit_code() == STOPPED
    assert program.said() == ["ready", "begins a", "ended a", "finally"]


def test_a_signal_during_the_end_does_not_cut_it_short() -> None:
    """The first signal asks for the end that is under way."""
    program = Program(MAIN.format(end="return"))
    program.expect("begins b")
    program.signal(signal.SIGTERM)
    assert program.exit_code() == STOPPED, program.seen
    assert program.said() == ALL


@pytest.mark.parametrize(
    "how", ["await asyncio.sleep(600)", "time.sleep(600)", "await asyncio.to_thread(time.sleep, 600)"]
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("what", ["main", "App"])
def test_a_second_signal_ends_a_program_at_once(how: str, number: signal.Signals, what: str) -> None:
    program = Program(f"""
        class Slow(Keeps):
            async def terminate(self, reason, arg):
                try:
                    say("slow")
                    {how}
                except BaseException:
                    say("goes on")

        children = [ChildSpec("slow", (Slow.start_link, [1]), shutdown=500.0)]

        async def main():
            await Supervisor.start_link(children)
            say("ready")
            await asyncio.Event().wait()

        class App(Application):
            async def start(self, start_type, args):
                supervisor = await Supervisor.start_link(children)
                say("ready")
                return supervisor

        run({what})
    """)
    program.expect("ready")
    program.signal(signal.SIGTERM)
    program.expect("slow")
    program.signal(number)
    assert program.exit_code() == 128 + number, program.seen
    assert "goes on" not in program.seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("child", ["Hangs", "Stuck"])
@pytest.mark.parametrize("what", ["main", "App"])
def test_a_signal_ends_a_program_while_an_application_starts(child: str, what: str, number: signal.Signals) -> None:
    """Running processes end in order; the start in progress is cancelled, at any depth of the tree."""
    program = Program(f"""
        class App(Application):
            async def start(self, start_type, args):
                return await tree("a", Supervisor.child_spec([(Keeps, "b"), {child}]))

        async def main():
            await application.start(App)

        run({what})
    """)
    program.expect("ready")
    program.signal(number)
    assert program.exit_code() == STOPPED, program.seen
    assert sorted(words(program)) == ["begins a", "begins b", "ended a", "ended b"]
    assert "failed to start" not in program.seen


def test_a_signal_ends_a_program_while_a_child_restarts() -> None:
    program = Program("""
        class Falls(GenServer[object]):
            started = 0

            async def init(self, arg):
                Falls.started += 1
                if Falls.started == 2:
                    say("ready")
                    await asyncio.Event().wait()
                return Ok(arg, 0.01)

            def handle_info(self, message, arg):
                raise Exit("falls")

        class App(Application):
            async def start(self, start_type, args):
                return await tree("a", Supervisor.child_spec([(Keeps, "b"), Falls]))

        run(App)
    """)
    program.expect("ready")
    program.signal(signal.SIGTERM)
    assert program.exit_code() == STOPPED, program.seen
    assert words(program) == ["begins b", "ended b", "begins a", "ended a"]


GIVES_UP = "    def handle_info(self, message, arg):\n        raise Exit('falls')"


@pytest.mark.parametrize(
    ("init", "reason"),
    [("raise ValueError('no')", "failed_to_start_child"), ("return Ok(arg, 0.01)", "main ended: 'shutdown'")],
    ids=["a child does not start", "a supervisor gives up"],
)
def test_a_tree_that_fails_is_a_failure_of_the_program(init: str, reason: str) -> None:
    program = Program(f"""
        class Falls(GenServer[object]):
            def init(self, arg):
                {init}

            def handle_info(self, message, arg):
                raise Exit("falls")

        async def main():
            await Keeps.start_link("linked")
            await tree("a", Falls)
            await asyncio.Event().wait()

        run(main)
    """)
    assert program.exit_code() == RAISED
    assert "Ended: " in program.seen
    assert reason in program.seen
    assert sorted(words(program)) == ["begins a", "begins linked", "ended a", "ended linked"]


EXITS: dict[str, Any] = {
    "init": "def init(self, arg): sys.exit(3)",
    "async init": "async def init(self, arg): await asyncio.sleep(0); sys.exit(3)",
    "handle_info": "def handle_info(self, message, arg): sys.exit(3)",
    "async handle_info": "async def handle_info(self, message, arg): sys.exit(3)",
    "terminate": "def terminate(self, reason, arg): sys.exit(3)",
}


@pytest.mark.parametrize("callback", EXITS)
@pytest.mark.parametrize("what", ["main", "App"])
def test_an_exit_in_a_callback_ends_the_program_with_its_code(callback: str, what: str) -> None:
    own_init = "" if "init" in callback else "def init(self, arg): process.trap_exit(True); return Ok(arg, 0.01)"
    own_info = "" if "info" in callback else "def handle_info(self, message, arg): raise Exit('falls')"
    program = Program(f"""
        class Quits(GenServer[object]):
            {own_init}
            {own_info}
            {EXITS[callback]}

        class App(Application):
            async def start(self, start_type, args):
                return await tree("a", Quits)

        async def main():
            await tree("a", Quits)
            await asyncio.Event().wait()

        run({what})
    """)
    assert program.exit_code() == 3, program.seen
    assert words(program) == ["begins a", "ended a"]


def test_an_exit_in_a_plain_task_ends_the_program_in_order() -> None:
    program = Program("""
        async def quits():
            sys.exit(3)

        async def main():
            await tree("a")
            task = asyncio.create_task(quits())
            await asyncio.Event().wait()

        run(main)
    """)
    assert program.exit_code() == 3, program.seen
    assert words(program) == ["begins a", "ended a"]
