"""The stores that `test_queue_store.py` tests, and what the tests share.

A new store is added to `STORES`. Its factory gets an empty folder, and returns a store that is not open yet.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from regrow.servers.queue.store import Store

STORES: Final[dict[str, Callable[[Path], Store]]] = {}
