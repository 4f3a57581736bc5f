"""The types of names and addresses, for the signatures of the functions that take one.

LocalName    a string or a class
Name         LocalName, Global(key), Via(registry, key)
Address      Name, a pid, an alias, a handle of a service, (name, node)
"""

from __future__ import annotations

from typing import Any, Protocol

from regrow.kernel.names import Global, Via
from regrow.kernel.process_record import Alias, Host, Pid


class Addressed(Protocol):
    """An object that stands for a process, such as the handle of a service: accepted wherever its pid is."""

    @property
    def __regrow_address__(self) -> Any:
        """The pid or the name of the process."""
        ...


LocalName = str | type[Any]
"""A name on one node: a string or a class."""

Name = LocalName | Global | Via
"""A name that a process can have: a string, a class, `Global(key)` or `Via(registry, key)`."""

NodeName = str | Host
"""A node, by its name or as the object."""

Target = Pid | Name | Addressed | tuple[Name, NodeName]
"""An address that can be monitored: any but an alias."""

Address = Target | Alias
"""An address that a message can be sent to: a pid, a name, an alias, a handle of a service, or `(name, node)`.

None is no address: `whereis` may return it, and the result has to be checked before it is called.
"""
