"""The aliases under which a process can be reached for a while."""

from __future__ import annotations

from typing import cast

from regrow.kernel import bounded_repr
from regrow.kernel.pid import Alias, Ref
from regrow.kernel.running import running_alive


def alias(mode: str = "explicit_unalias") -> Alias:
    """A second address of this process, until `unalias`; with "reply", for one message (`erlang:alias/1`).

    Raises:
        ValueError: unknown mode.
    """
    if mode not in ("explicit_unalias", "reply"):
        raise ValueError(f'alias: wanted "explicit_unalias" or "reply", got {mode!r}')
    process = running_alive()
    made = Alias(process.pid, mode)
    process.node.add_alias(process, made)
    return made


def unalias(made: Ref) -> bool:
    """Switch an alias of this process off; whether it was on and its own (`erlang:unalias/1`).

    Raises:
        TypeError: this is no reference.
    """
    process = running_alive()
    if not isinstance(cast("object", made), Ref):
        raise TypeError(f"unalias: wanted what alias() or monitor(…, alias=…) gave, got {bounded_repr.safe_repr(made)}")
    return isinstance(made, Alias) and process.node.drop_alias(process, made)
