"""Jitter: how much later than its tick a job is due, the same in every process.

due = tick + u · min(jitter, next tick - tick)        0 ≤ u < 1, from a hash of seed, ledger, job and tick
"""

from __future__ import annotations

from hashlib import blake2b


def due(tick: int, jitter: int, following: int | None, *, seed: str, ledger: str, job: str) -> int:
    """Return the moment at which a tick is due.

    Args:
        tick: the tick, in microseconds since 1970, as are all moments here.
        jitter: the most that it may be later, in microseconds.
        following: the tick after it; None if there is none.
        seed: processes with one seed agree; another seed gives other delays.
        ledger: the ledger's name.
        job: the job's name.
    """
    if jitter <= 0:
        return tick
    room = jitter if following is None else min(jitter, following - tick)
    key = f"{seed}\0{ledger}\0{job}\0{tick}".encode()
    return tick + int.from_bytes(blake2b(key, digest_size=8).digest(), "big") * room // (1 << 64)
