"""Aliases: further addresses of a process, which can be switched off."""

from __future__ import annotations

from typing import cast

from regrow.kernel import bounded_repr, links, mailbox
from regrow.kernel.process_record import Alias, Monitor, Pid, add_alias, drop_alias
from regrow.kernel.refs import Ref
from regrow.kernel.running import running_alive


def alias(mode: str = "explicit_unalias") -> Alias:
    """Return a second address of this process, valid until `unalias`; with "reply", for one message (`erlang:alias/1`).

    Raises:
        ValueError: unknown mode.
    """
    if mode not in ("explicit_unalias", "reply"):
        raise ValueError(f'alias: wanted "explicit_unalias" or "reply", got {mode!r}')
    process = running_alive()
    made = Alias(process.pid, mode)
    add_alias(process, made)
    return made


def unalias(made: Ref) -> bool:
    """Switch an alias of this process off; return whether it was on and belonged to this process (`erlang:unalias/1`).

    Raises:
        TypeError: this is no reference.
    """
    process = running_alive()
    if not isinstance(cast("object", made), Ref):
        raise TypeError(
            f"unalias: wanted the ref of alias() or monitor(…, alias=…), got {bounded_repr.safe_repr(made)}"
        )
    return isinstance(made, Alias) and drop_alias(process, made)


def pid_behind(alias: Alias) -> Pid | None:
    """Return the owner of an alias of this node if the alias is on; one for a single message is off from now on."""
    owner = alias.owner
    if alias.mode == "":
        return None
    if alias.mode in ("reply", "reply_demonitor") and owner.process is not None:
        if isinstance(alias, Monitor):
            links.demonitor(owner.process, alias)
        drop_alias(owner.process, alias)
    return owner


def send(alias: Alias, message: object) -> None:
    """Send a message to an alias of this node."""
    owner = pid_behind(alias)
    if owner is not None and owner.process is not None:
        mailbox.put(owner.process, message)
