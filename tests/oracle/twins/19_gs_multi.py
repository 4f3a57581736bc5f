"""abcast and multi_call on one node."""

from __future__ import annotations

from tests.oracle.twin import Twin

twin = Twin("19_gs_multi")
twin.open_block("abcast, multi_call", needs="abcast and multi_call")
