"""Documentation of silly_worker."""

import logging

LOG = logging.getLogger(__name__)


def hello() -> str:
    """Greet the world.

    >>> hello()
    'world'
    """
    return "world"


def do_work(job_name: str) -> None:
    """Do some work, and log that it is done."""
    LOG.info("%s Complete!", job_name)
