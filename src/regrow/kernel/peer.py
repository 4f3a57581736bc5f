"""A node as its processes' pids show it to other nodes: the contract by which a signal reaches another node.

Every pid names its node. Code that sends to a pid of another node makes a signal and calls `pid.node.deliver(signal)`;
nothing else crosses the border. `Node` is the peer of nodes in the same program: it runs each signal on its own event
loop, in its own thread. A cluster adds another subclass of `Peer`, which writes signals to a connection. It implements:

    deliver    False where the peer is down or unreachable; True means accepted, not arrived. Never waits, never raises,
               and keeps the order of the signals that one process sends to another.
    is_up      whether it can be reached, as far as is known here
    is_here    False: its processes run in another thread or another program

and on the receiving side it calls `incoming.receive(signal)` for each signal, in order, in the node's thread. It
represents pids, refs, aliases and requests of other programs by separate objects (`Pid(peer, number)` without a
process). When a connection is lost it delivers to its own node a `DownSignal` for each monitor, a `LinkExitSignal` for
each link and a failed `ReplySignal` for each call over that connection, with the reason "noconnection". It decodes data
only: bytes from a peer are never evaluated or unpickled.

A subclass is compiled together with the kernel (`hatch_build.COMPILED`): an interpreted class cannot inherit from a
compiled one.

`signals.py` has the signals, `incoming.py` what each does, and `tests/contracts/test_peer.py` the tests that each peer
has to pass.
"""

from __future__ import annotations


class Signal:
    """A message, or a change of a link or a monitor, on its way to a process of another node; see `signals.py`."""

    __slots__ = ()


class Peer:
    """A node, as other nodes know it.

    Attributes:
        name: the name in an address `(name, node)`.
        number: the first part of its processes' pids, unique among the nodes that this program knows.
    """

    name: str
    number: int

    def deliver(self, signal: Signal) -> bool:
        """Send a signal to a process of this peer; return whether the peer has accepted it.

        The sender does not wait. Signals from one process to another keep their order.
        """
        raise NotImplementedError

    def is_up(self) -> bool:
        """Return whether the peer can be reached."""
        raise NotImplementedError

    def is_here(self) -> bool:
        """Return whether the running code is in this peer's own thread, and may touch its processes."""
        raise NotImplementedError
