"""The exit codes of the command: one table, for `--help` and the documentation."""

from typing import Final

STOPPED: Final = 0
GAVE_UP: Final = 1
WRONG_USE: Final = 2
NO_APPLICATION: Final = 3

# \b (backspace) makes click keep the line breaks of the paragraph.
TABLE: Final = """\
Exit codes:

\b
  0  stopped on request: Ctrl-C, SIGTERM, --seconds, Ctrl-D in the shell
  1  the application gave up, or did not start
  2  wrong use of the command
  3  no application: none is named, or it cannot be loaded
  n  sys.exit(n) was called in the application
  130, 143  stopped immediately, by a second Ctrl-C or SIGTERM
"""

# `regrow queue` works on a store, where no application has to run.
DONE: Final = 0
NOT_THERE: Final = 1
REFUSED: Final = 3

QUEUE_TABLE: Final = """\
Exit codes:

\b
  0  done
  1  not there: no such store, queue or job, or you have answered no
  2  wrong use of the command
  3  the store was refused: it is damaged, another program's, newer, locked or not reachable
"""

CRON_TABLE: Final = """\
Exit codes:

\b
  0  done
  1  not there: no such store, ledger or job, or you have answered no
  2  wrong use of the command
  3  the store was refused: it is damaged, another program's, newer, locked or not reachable
"""
