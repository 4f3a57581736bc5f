"""The functions and the server of process groups. `regrow.pg` is the page of the concept."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Final, cast

from regrow.behaviours.gen.child_spec import ChildSpec
from regrow.behaviours.gen.results import NoClause, Ok
from regrow.behaviours.gen_server import client
from regrow.behaviours.gen_server.gen_server import CallReturn, CastReturn, From, GenServer
from regrow.kernel import mailbox
from regrow.kernel.bounded_repr import safe_repr
from regrow.kernel.current_node import current_node
from regrow.kernel.exits import NoProcess
from regrow.kernel.keys import exact, same
from regrow.kernel.process_record import Host, Pid, extras
from regrow.kernel.refs import Ref
from regrow.kernel.running import running as running_process
from regrow.kernel.running import running_alive

Scope = str | type
DEFAULT: Final = "pg"
# Scopes


async def start_link(scope: Scope = DEFAULT) -> Pid:
    """Start a scope, linked to this process and registered under its name (`pg:start_link/1`).

    Raises:
        AlreadyStarted: it runs already, or another process has the name.
        TypeError: the name is neither a string nor a class.
    """
    return await ScopeServer.start_link(_name(scope), name=scope)


async def start(scope: Scope = DEFAULT) -> Pid:
    """Start a scope without a link, registered under its name (`pg:start/1`).

    Raises:
        AlreadyStarted: it runs already, or another process has the name.
        TypeError: the name is neither a string nor a class.
    """
    return await ScopeServer.start(_name(scope), name=scope)


def child_spec(scope: Scope = DEFAULT) -> ChildSpec:
    """Return the child spec of a scope; its id is the scope's name."""
    return ChildSpec(scope, (start_link, (scope,)))


def _name(scope: object) -> object:
    if type(scope) is str or isinstance(scope, type):
        return scope
    raise TypeError(f"pg: wanted a scope's name, a string or a class; got {safe_repr(scope)}")


# Groups


def join(group: Hashable, pids: Pid | Iterable[Pid], *, scope: Scope = DEFAULT) -> None:
    """Add one or several processes to a group (`pg:join/3`). A process may join a group several times.

    Args:
        group: the key of the group, any hashable value.
        pids: a pid, or a list of pids; dead ones are ignored.
        scope: the name of the scope.

    Raises:
        TypeError: `pids` has a value that is no pid; none has joined then.
        ValueError: a pid belongs to another node; none has joined then.
        NoProcess: the scope does not run.
    """
    joining = _pids("join", pids)
    groups = _running(scope, "join", [scope, group, pids])
    for pid in joining:
        if pid.node is not groups.node:
            raise ValueError(f"join: wanted processes of this node; {pid} belongs to {pid.node!r}")
    groups.join(group, [pid for pid in joining if pid.process is not None])


def leave(group: Hashable, pids: Pid | Iterable[Pid], *, scope: Scope = DEFAULT) -> bool:
    """Remove one or several processes from a group, once for each pid in the list (`pg:leave/3`).

    Args:
        group: the key of the group.
        pids: a pid, or a list of pids.
        scope: the name of the scope.

    Returns:
        Whether any of them was a member; False is OTP's `not_joined`.

    Raises:
        TypeError: `pids` has a value that is no pid.
        NoProcess: the scope does not run.
    """
    leaving = _pids("leave", pids)
    return _running(scope, "leave", [scope, group, pids]).leave(group, leaving)


def get_members(group: Hashable, *, scope: Scope = DEFAULT) -> list[Pid]:
    """Return the members of a group, each as often as it joined (`pg:get_members/2`).

    The list is empty if the group has no members, or the scope does not run.
    """
    groups = _find(scope)
    return [] if groups is None else groups.members(group)


def which_groups(*, scope: Scope = DEFAULT) -> list[Any]:
    """Return the keys of the groups that have members; [] if the scope does not run (`pg:which_groups/1`)."""
    groups = _find(scope)
    return [] if groups is None else [group.name for group in groups.with_members()]


get_local_members = get_members
which_local_groups = which_groups


# Monitors


def monitor(group: Hashable, *, scope: Scope = DEFAULT) -> tuple[Ref, list[Pid]]:
    """Monitor a group: this process gets a message for each change of its members (`pg:monitor/2`).

    Returns:
        A ref and the current members. The messages are (ref, "join", group, pids) and (ref, "leave", group, pids).

    Raises:
        NoProcess: the scope does not run.
    """
    groups = _running(scope, "monitor", [scope, group])
    running_alive()  # before `group` creates an entry, which a dead process would leave behind
    watched = groups.group(group)
    return groups.watch(watched), watched.listed()


def monitor_scope(*, scope: Scope = DEFAULT) -> tuple[Ref, dict[Any, list[Pid]]]:
    """Monitor all groups of a scope: this process gets a message for each change (`pg:monitor_scope/1`).

    Returns:
        A ref and a dict of the current groups with their members. The messages are those of `monitor`.

    Raises:
        NoProcess: the scope does not run.
    """
    groups = _running(scope, "monitor_scope", [scope])
    return groups.watch(None), {group.name: group.listed() for group in groups.with_members()}


def demonitor(ref: Ref, *, scope: Scope = DEFAULT) -> bool:
    """End a monitor, and remove its messages from this process's mailbox (`pg:demonitor/2`).

    Returns:
        Whether there was such a monitor.

    Raises:
        NoProcess: the scope does not run.
    """
    if not _running(scope, "demonitor", [scope, ref]).unwatch(ref):
        return False
    mailbox.remove(running_process(), lambda message: _is_of(message, ref))
    return True


def _is_of(message: Any, ref: Ref) -> bool:
    return isinstance(message, tuple) and len(cast("Any", message)) == 4 and message[0] is ref


def _pids(what: str, pids: object) -> list[Pid]:
    values = [pids] if isinstance(pids, Pid) else pids
    if isinstance(values, list | tuple | set | frozenset):
        several = list(cast("Iterable[object]", values))
        result = [pid for pid in several if isinstance(pid, Pid)]
        if len(result) == len(several):
            return result
    raise TypeError(f"{what}: wanted a pid or a list of pids; got {safe_repr(pids)}. For a name: whereis(name)")


def _find(scope: object) -> Groups | None:
    groups: Groups | None = current_node().registries.get(("pg", scope))
    return groups


def _running(scope: object, function: str, args: list[object]) -> Groups:
    groups = _find(scope)
    if groups is None:
        letter = f"no process: the scope {safe_repr(scope)} does not run. Start it with pg.start_link(scope)"
        raise NoProcess(("noproc", ("pg", function, args)), letter)
    return groups


# The groups of a scope


class Group:
    """One group. It exists while it has members or monitors."""

    __slots__ = ("key", "members", "name", "refs")

    def __init__(self, key: Any, name: Any) -> None:
        self.key: Any = key  # the key in the table, also if the name is mutable and changes
        self.name: Any = name
        self.members: dict[Pid, int] = {}  # how often each has joined
        self.refs: dict[Ref, None] = {}  # its monitors

    def listed(self) -> list[Pid]:
        """Return the members, each as often as it joined."""
        return [pid for pid, times in self.members.items() for _ in range(times)]


class Groups:
    """The groups of a scope, with their members and monitors. The node's registries have it under ("pg", scope)."""

    def __init__(self, node: Host, scope: object, server: Pid) -> None:
        self.node = node
        self.place: tuple[str, object] = ("pg", scope)
        self.server = server
        self.groups: dict[Any, Group] = {}
        self.joined: dict[Pid, list[Group]] = {}
        self.monitors: dict[Ref, tuple[Pid, Group | None]] = {}  # None: a monitor of all groups
        self.watching: dict[Pid, dict[Ref, None]] = {}
        self.watching_all: dict[Ref, None] = {}
        node.registries[self.place] = self

    def release(self, pid: Pid) -> None:
        """Remove a process that has ended: a member, a watcher, or the scope's server, with which all ends."""
        for group in self.joined.pop(pid, ()):
            self.remove_members(group, [pid])
        for ref in self.watching.pop(pid, ()):
            self.forget(ref)
        if pid is self.server:
            if self.node.registries.get(self.place) is self:
                del self.node.registries[self.place]
            for other in {**self.joined, **self.watching}:
                if other.process is not None:
                    extras(other.process).tables.pop(self, None)

    def with_members(self) -> list[Group]:
        """Return the groups that have members."""
        return [group for group in self.groups.values() if group.members]

    def members(self, name: Hashable) -> list[Pid]:
        """Return the members of a group; [] if there is no such group."""
        group = self.groups.get(exact(name))
        return [] if group is None else group.listed()

    def group(self, name: Hashable) -> Group:
        """Return a group; create it if there is none."""
        key = exact(name)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(key, name)
        return group

    def join(self, name: Hashable, pids: list[Pid]) -> None:
        """Add members, and notify the watchers."""
        if not pids:
            return
        group = self.group(name)
        for pid in pids:
            group.members[pid] = group.members.get(pid, 0) + 1
            self.joined.setdefault(pid, []).append(group)
            self.track(pid)
        self.notify(group, "join", pids)

    def leave(self, name: Hashable, pids: list[Pid]) -> bool:
        """Remove members, once for each pid; return whether any was a member."""
        group = self.joined_group(name, pids)
        left: list[Pid] = []
        for pid in pids if group is not None else ():
            groups = self.joined.get(pid, [])
            if group in groups:
                groups.remove(group)
                left.append(pid)
                if not groups:
                    del self.joined[pid]
                self.untrack(pid)
        if left and group is not None:
            self.remove_members(group, left)
        return bool(left)

    def joined_group(self, name: Hashable, pids: list[Pid]) -> Group | None:
        """Return the group of a name. One that was joined with the same object is found also if its hash has changed."""
        if type(name) is not str:
            for pid in pids:
                for group in self.joined.get(pid, ()):
                    if group.name is name:
                        return group
        return self.groups.get(exact(name))

    def remove_members(self, group: Group, pids: list[Pid]) -> None:
        """Remove members from a group, and notify the watchers."""
        for pid in pids:
            group.members[pid] -= 1
            if group.members[pid] == 0:
                del group.members[pid]
        self.notify(group, "leave", pids)
        self.drop(group)

    def watch(self, group: Group | None) -> Ref:
        """Add a monitor of a group for the running process; None for all groups."""
        watcher = running_alive().pid
        ref = Ref()
        self.monitors[ref] = (watcher, group)
        refs = self.watching_all if group is None else group.refs
        refs[ref] = None
        self.watching.setdefault(watcher, {})[ref] = None
        self.track(watcher)
        return ref

    def unwatch(self, ref: Ref) -> bool:
        """Remove a monitor; return whether there was one."""
        if ref not in self.monitors:
            return False
        watcher = self.monitors[ref][0]
        self.forget(ref)
        refs = self.watching[watcher]
        del refs[ref]
        if not refs:
            del self.watching[watcher]
        self.untrack(watcher)
        return True

    def forget(self, ref: Ref) -> None:
        """Remove a monitor from its group, or from those of all groups."""
        _, group = self.monitors.pop(ref)
        if group is None:
            del self.watching_all[ref]
        else:
            del group.refs[ref]
            self.drop(group)

    def drop(self, group: Group) -> None:
        """Delete a group without members and monitors. `same` finds its key by identity: its hash may have changed."""
        if not group.members and not group.refs:
            self.groups.pop(same(group.key), None)

    def notify(self, group: Group, what: str, pids: list[Pid]) -> None:
        """Send a change to the watchers of the scope, then to those of the group."""
        for refs in (self.watching_all, group.refs):
            for ref in tuple(refs):
                watcher = self.monitors[ref][0].process
                if watcher is not None:
                    mailbox.put(watcher, (ref, what, group.name, list(pids)))

    def track(self, pid: Pid) -> None:
        """Have `release` called at the end of a process."""
        assert pid.process is not None
        extras(pid.process).tables[self] = None

    def untrack(self, pid: Pid) -> None:
        """No longer have `release` called at the end of a process that is neither member nor watcher."""
        if pid.process is not None and pid is not self.server and pid not in self.joined and pid not in self.watching:
            extras(pid.process).tables.pop(self, None)


class ScopeServer(GenServer[Groups]):
    """The process of a scope; its groups end with it. It handles no messages: any message ends it, as in OTP."""

    def init(self, scope: object, /) -> Ok[Groups]:
        """Create the groups, and put them into the node's registries."""
        running = running_process()
        groups = Groups(running.node, scope, running.pid)
        extras(running).tables[groups] = None
        return Ok(groups)

    def handle_call(self, request: Any, from_: From, groups: Groups, /) -> CallReturn[Groups]:
        """Refuse all calls.

        Raises:
            NoClause: always.
        """
        raise NoClause(request)

    def handle_cast(self, request: Any, groups: Groups, /) -> CastReturn[Groups]:
        """Refuse all casts.

        Raises:
            NoClause: always.
        """
        raise NoClause(request)

    def handle_info(self, message: Any, groups: Groups, /) -> CastReturn[Groups]:
        """Refuse all messages.

        Raises:
            NoClause: always.
        """
        raise NoClause(message)


async def stop(scope: Scope = DEFAULT) -> None:
    """Stop a scope, and wait for its end; its groups are empty then (`gen_server:stop/1`).

    Raises:
        CallExit: the scope does not run.
    """
    await client.stop(scope)
