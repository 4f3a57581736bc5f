"""The build backend: hatchling's, which is fetched only where regrow can run.

An installer asks this module first, before it fetches or compiles anything. On a Python that is too old it ends here,
with one sentence; therefore every Python from 2.7 on must be able to read this file.
"""

import os
import sys

NEEDS_PYTHON = (3, 11)
HATCHLING = "hatchling>=1.27"
# mypy brings mypyc, setuptools calls the compiler: for hatch_build.py, which does without where they fail.
COMPILER = ["mypy>=2.4,<3", "setuptools>=68"]

if sys.version_info < NEEDS_PYTHON:
    sys.exit(
        "regrow needs Python %d.%d or newer, and this is Python %d.%d (%s)."
        " Install it with a newer Python: python3.13 -m pip install ..."
        % (NEEDS_PYTHON + sys.version_info[:2] + (sys.executable,))
    )


def get_requires_for_build_wheel(config_settings=None):
    """What a wheel is built with: the compiler too, unless the Python alone is wanted."""
    return [HATCHLING] if os.environ.get("REGROW_PURE") == "1" else [HATCHLING] + COMPILER


def get_requires_for_build_sdist(config_settings=None):
    """What an archive of the sources is built with."""
    return [HATCHLING]


def get_requires_for_build_editable(config_settings=None):
    """What an editable install is built with, which is never compiled."""
    return [HATCHLING, "editables>=0.5"]


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Build the wheel."""
    return hatchling().build_wheel(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    """Build the archive of the sources."""
    return hatchling().build_sdist(sdist_directory, config_settings)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """Build an editable install."""
    return hatchling().build_editable(wheel_directory, config_settings, metadata_directory)


def hatchling():
    """The backend itself, which is there once its requirements are installed."""
    import hatchling.build

    return hatchling.build
