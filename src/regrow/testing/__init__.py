"""What our users test with is what we test with: a node a test, virtual time, and expectations.

    expect.py       messages, ends and silence, awaited as what they are
    supervised.py   children of a test, which are stopped when it is over
    probe.py        a child that tells its test what becomes of it
    capture.py      the reports that were logged
    stage.py        a node and the process in which a test runs
    simulated.py    one test under many schedules
    faults.py       what may go wrong in them
    plugin.py       all of that for pytest: the fixtures `node`, `virtual_clock`, `start_supervised`, `reports`

Nothing but the plugin needs pytest, which finds it by itself.
"""

from regrow.kernel.clock import VirtualClock
from regrow.testing.capture import Reports, capture_reports
from regrow.testing.expect import expect_down, expect_exit, expect_idle, expect_message, flush, kill, refute_message
from regrow.testing.probe import Probe, probe
from regrow.testing.simulated import NeverStruck, NotRepeatable, explore, play, simulate
from regrow.testing.simulated_loop import NotSimulated, Stuck
from regrow.testing.stage import run_as_process
from regrow.testing.supervised import StartSupervised, start_supervised, stop_supervised

__all__ = [
    "NeverStruck",
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
