"""A disk whose sync always takes as long: the queues' ratios depend on it, and a shared disk has no steady speed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.contestants import BEAM_BUILD
from benchmarks.queues.driving import FOLDER

MILLISECONDS = 2.0
MEMORY = Path("/dev/shm")


def slow_disk() -> dict[str, str] | None:
    """Return the environment in which a sync takes MILLISECONDS and files are in memory; None where it cannot be built."""
    compiler = shutil.which("cc")
    if compiler is None or not MEMORY.is_dir():
        return None
    BEAM_BUILD.mkdir(parents=True, exist_ok=True)
    library = BEAM_BUILD / "slow_disk.so"
    source = Path(__file__).with_name("slow_disk.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return {
        "LD_PRELOAD": str(library.resolve()),
        "SLOW_DISK_MICROSECONDS": str(int(MILLISECONDS * 1e3)),
        FOLDER: str(MEMORY),
    }
