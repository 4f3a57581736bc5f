"""What our users test with is what we test with: a node a test, virtual time, and expectations.

The fixtures (`node`, `virtual_clock`, `start_supervised`, `reports`) are in `plugin.py`, which pytest finds by itself.
"""

from regrow.kernel.clock import VirtualClock
from regrow.testing.expect import expect_down, expect_idle, expect_message, start_supervised

__all__ = ["VirtualClock", "expect_down", "expect_idle", "expect_message", "start_supervised"]
