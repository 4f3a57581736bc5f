"""What our users test with is what we test with: a node a test, virtual time, and expectations.

    expect.py         messages, ends and silence, awaited as what they are
    supervised.py     children of a test, which are stopped when it is over
    probe.py          a child that tells its test what becomes of it
    capture.py        the reports that were logged
    test_process.py   a node and the process in which a test runs
    simulation/       one test under many schedules
    faults.py         what may go wrong in them
    plugin.py         all of that for pytest: the fixtures `node`, `virtual_clock`, `start_supervised`, `reports`

Nothing but the plugin needs pytest, which finds it by itself.
"""

from regrow.kernel.clock import VirtualClock
from regrow.testing.capture import Reports, capture_reports
from regrow.testing.expect import expect_down, expect_exit, expect_idle, expect_message, flush, kill, refute_message
from regrow.testing.probe import Probe, probe
from regrow.testing.simulation.loop import NotSimulated, Stuck
from regrow.testing.simulation.runner import FaultNeverFired, NotRepeatable, explore, play, simulate
from regrow.testing.supervised import StartSupervised, start_supervised, stop_supervised
from regrow.testing.test_process import run_as_process

__all__ = [
    "FaultNeverFired",
    "NotRepeatable",
    "NotSimulated",
    "Probe",
    "Reports",
    "StartSupervised",
    "Stuck",
    "VirtualClock",
    "capture_reports",
    "expect_down",
    "expect_exit",
    "expect_idle",
    "expect_message",
    "explore",
    "flush",
    "kill",
    "play",
    "probe",
    "refute_message",
    "run_as_process",
    "simulate",
    "start_supervised",
    "stop_supervised",
]


def __dir__() -> list[str]:
    """What a prompt completes: the interface, and the folder of faults."""
    return [*__all__, "faults"]
