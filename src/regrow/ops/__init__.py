"""Tools for operators: reports in words, the supervision tree, traces of processes.

`import regrow` is enough for `regrow.ops.logs.configure()`: each module is imported at its first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regrow.ops import logs as logs
    from regrow.ops import reasons as reasons
    from regrow.ops import tracing as tracing
    from regrow.ops import tree as tree
else:

    def __getattr__(name):  # noqa: ANN001, ANN202
        if name in ("logs", "reasons", "tracing", "tree"):
            return __import__(f"regrow.ops.{name}", fromlist=(name,))
        raise AttributeError(f"module 'regrow.ops' has no attribute {name!r}")
