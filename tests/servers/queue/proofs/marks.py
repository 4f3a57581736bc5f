"""The marks of the proofs."""

from __future__ import annotations

import os
from typing import Final

import pytest

without_loop: Final = pytest.mark.skipif(
    os.environ.get("REGROW_TEST_LOOP") == "uvloop", reason="it needs no event loop: once is enough"
)
