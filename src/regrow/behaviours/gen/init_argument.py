"""The type of the argument that a class's `init` takes, which is the type of what its `start_link` is given."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

Arg = TypeVar("Arg")
Arg_contra = TypeVar("Arg_contra", contravariant=True)


class HasInit(Protocol[Arg_contra]):
    """A class with an `init`. As the type of `cls` in `start_link`, it lets a checker compare the two arguments.

    So `start_link(7)` is a mistake where `init(self, arg: str, /)` is written. A server without its own `init` has the
    one of GenServer, which takes anything, as a subclass may: a checker cannot know that its argument is the state.
    """

    def init(self, arg: Arg_contra, /) -> Any:
        """Take what `start_link` was given."""
        ...
