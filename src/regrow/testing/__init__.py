"""Tools to test processes with: a fresh node for each test, virtual time, and expectations.

    expect.py         wait for a message, for silence, or for a process to end
    supervised.py     children of a test, stopped when the test ends
    probe.py          a child that reports its start and its end to the test
    capture.py        the reports that were logged, as data
    test_process.py   the node of a test, and the process that runs it
    simulation/       one test under many schedules
    faults.py         faults that a simulation injects
    plugin.py         the pytest plugin: the fixtures `node`, `virtual_clock`, `start_supervised`, `reports`

Only the plugin needs pytest, which loads it through its entry point.
"""

from regrow.kernel.virtual_clock import VirtualClock
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
    """Return the names that a prompt completes: the interface and the module `faults`."""
    return [*__all__, "faults"]
