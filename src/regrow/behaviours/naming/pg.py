"""The server and the clients of process groups. `regrow.pg` is the page of the concept."""

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
from regrow.kernel.node import Node
from regrow.kernel.pid import Pid, Ref
from regrow.kernel.process_record import extras
from regrow.kernel.running import running as running_process
from regrow.kernel.running import running_alive

Scope = str | type
DEFAULT: Final = "pg"
# Scopes


async def start_link(scope: Scope = DEFAULT) -> Pid:
    """Start a scope, linked and registered under its name (`pg:start_link/1`).

    Raises:
        AlreadyStarted: it runs already, or another process has the name.
        TypeError: the name is neither a string nor a class.
    """
    return await ScopeServer.start_link(_name(scope), name=scope)


async def start(scope: Scope = DEFAULT) -> Pid:
    """The same, without a link (`pg:start/1`)."""
    return await ScopeServer.start(_name(scope), name=scope)


def child_spec(scope: Scope = DEFAULT) -> ChildSpec:
    """A scope as the child of a supervisor, its name being its id."""
    return ChildSpec(scope, (start_link, (scope,)))


def _name(scope: object) -> object:
    if type(scope) is str or isinstance(scope, type):
        return scope
    raise TypeError(f"pg: wanted a scope's name, a string or a class; got {safe_repr(scope)}")


# Groups


def join(group: Hashable, pids: Pid | Iterable[Pid], *, scope: Scope = DEFAULT) -> None:
    """Add a process, or several, to a group; one that is in it already is in it once more (`pg:join/3`).

    Raises:
        TypeError: what is to join is no pid; then nobody has joined.
        ValueError: a pid is another node's; then nobody has joined.
        NoProcess: the scope does not run.
    """
    joining = _pids("join", pids)
    groups = _running(scope, "join", [scope, group, pids])
    for pid in joining:
        if pid.node is not groups.node:
            raise ValueError(f"join: wanted processes of this node; {pid} is of {pid.node!r}")
    groups.join(group, [pid for pid in joining if pid.process is not None])


def leave(group: Hashable, pids: Pid | Iterable[Pid], *, scope: Scope = DEFAULT) -> bool:
    """Take a process, or several, out of a group, once for each time it is named (`pg:leave/3`).

    Returns:
        Whether any was in it: OTP's `not_joined` is False.

    Raises:
        TypeError: what is to leave is no pid.
        NoProcess: the scope does not run.
    """
    leaving = _pids("leave", pids)
    return _running(scope, "leave", [scope, group, pids]).leave(group, leaving)


def get_members(group: Hashable, *, scope: Scope = DEFAULT) -> list[Pid]:
    """The members of a group, each as often as it has joined; none of a group or scope that there is not."""
    groups = _find(scope)
    return [] if groups is None else groups.listed(group)


def which_groups(*, scope: Scope = DEFAULT) -> list[Any]:
    """The groups that have members; none if the scope does not run (`pg:which_groups/1`)."""
    groups = _find(scope)
    return [] if groups is None else [group.name for group in groups.named()]


get_local_members = get_members
which_local_groups = which_groups


# Monitors


def monitor(group: Hashable, *, scope: Scope = DEFAULT) -> tuple[Ref, list[Pid]]:
    """Watch a group: its members now; from then on each change is a message to this process (`pg:monitor/2`).

    Returns:
        A ref and the members. The messages are (ref, "join", group, pids) and (ref, "leave", group, pids).

    Raises:
        NoProcess: the scope does not run.
    """
    groups = _running(scope, "monitor", [scope, group])
    running_alive()  # before a group is made for one who is dead
    watched = groups.group(group)
    return groups.watch(watched), watched.listed()


def monitor_scope(*, scope: Scope = DEFAULT) -> tuple[Ref, dict[Any, list[Pid]]]:
    """Watch all groups of a scope, in the same way (`pg:monitor_scope/1`).

    Returns:
        A ref and the members of every group that has any.

    Raises:
        NoProcess: the scope does not run.
    """
    groups = _running(scope, "monitor_scope", [scope])
    return groups.watch(None), {group.name: group.listed() for group in groups.named()}


def demonitor(ref: Ref, *, scope: Scope = DEFAULT) -> bool:
    """Watch no longer; messages of this monitor that have come already are removed (`pg:demonitor/2`).

    Returns:
        Whether there was such a monitor.

    Raises:
        NoProcess: the scope does not run.
    """
    if not _running(scope, "demonitor", [scope, ref]).unwatch(ref):
        return False
    running = running_process()
    if running.mailbox is not None:
        left = [message for message in running.mailbox if not _is_of(message, ref)]
        running.mailbox.clear()
        running.mailbox.extend(left)
        if not left:
            running.mailbox = None
    return True


def _is_of(message: Any, ref: Ref) -> bool:
    return isinstance(message, tuple) and len(cast("Any", message)) == 4 and message[0] is ref


def _pids(what: str, pids: object) -> list[Pid]:
    given = [pids] if isinstance(pids, Pid) else pids
    if isinstance(given, list | tuple | set | frozenset):
        several = list(cast("Iterable[object]", given))
        found = [pid for pid in several if isinstance(pid, Pid)]
        if len(found) == len(several):
            return found
    raise TypeError(f"{what}: wanted a pid or a list of pids; got {safe_repr(pids)}. For a name: whereis(name)")


def _find(scope: object) -> Groups | None:
    found: Groups | None = current_node().registries.get(("pg", scope))
    return found


def _running(scope: object, function: str, args: list[object]) -> Groups:
    found = _find(scope)
    if found is None:
        letter = f"no process: the scope {safe_repr(scope)} does not run. Start it with pg.start_link(scope)"
        raise NoProcess(("noproc", ("pg", function, args)), letter)
    return found


# The groups of a scope


class Group:
    """One group, as long as it has members or is watched."""

    __slots__ = ("key", "members", "name", "refs")

    def __init__(self, key: Any, name: Any) -> None:
        self.key: Any = key  # as it stands in the table, whatever becomes of the name
        self.name: Any = name
        self.members: dict[Pid, int] = {}  # how often each has joined
        self.refs: dict[Ref, None] = {}  # the monitors of those who watch

    def listed(self) -> list[Pid]:
        """The members, each as often as it has joined."""
        return [pid for pid, times in self.members.items() for _ in range(times)]


class Groups:
    """Who is in which group, and who watches. Found in the node's registries under ("pg", scope)."""

    def __init__(self, node: Node, scope: object, server: Pid) -> None:
        self.node = node
        self.place: tuple[str, object] = ("pg", scope)
        self.server = server
        self.groups: dict[Any, Group] = {}
        self.joined: dict[Pid, list[Group]] = {}
        self.monitors: dict[Ref, tuple[Pid, Group | None]] = {}  # None: of all groups
        self.watching: dict[Pid, dict[Ref, None]] = {}
        self.watching_all: dict[Ref, None] = {}
        node.registries[self.place] = self

    def release(self, pid: Pid) -> None:
        """A process has ended: a member, one who watched, or the scope itself."""
        for group in self.joined.pop(pid, ()):
            self.take_out(group, [pid])
        for ref in self.watching.pop(pid, ()):
            self.forget(ref)
        if pid is self.server:
            if self.node.registries.get(self.place) is self:
                del self.node.registries[self.place]
            for other in {**self.joined, **self.watching}:
                if other.process is not None:
                    extras(other.process).tables.pop(self, None)

    def named(self) -> list[Group]:
        """The groups that have members."""
        return [group for group in self.groups.values() if group.members]

    def listed(self, name: Hashable) -> list[Pid]:
        """The members of a group."""
        group = self.groups.get(exact(name))
        return [] if group is None else group.listed()

    def group(self, name: Hashable) -> Group:
        """A group, made if there is none."""
        key = exact(name)
        found = self.groups.get(key)
        if found is None:
            found = self.groups[key] = Group(key, name)
        return found

    def join(self, name: Hashable, pids: list[Pid]) -> None:
        """Add members and tell those who watch."""
        if not pids:
            return
        group = self.group(name)
        for pid in pids:
            group.members[pid] = group.members.get(pid, 0) + 1
            self.joined.setdefault(pid, []).append(group)
            self.hold(pid)
        self.tell(group, "join", pids)

    def leave(self, name: Hashable, pids: list[Pid]) -> bool:
        """Take members out, once each; whether there were any."""
        group = self.left_by(name, pids)
        left: list[Pid] = []
        for pid in pids if group is not None else ():
            groups = self.joined.get(pid, [])
            if group in groups:
                groups.remove(group)
                left.append(pid)
                if not groups:
                    del self.joined[pid]
                self.let_go(pid)
        if left and group is not None:
            self.take_out(group, left)
        return bool(left)

    def left_by(self, name: Hashable, pids: list[Pid]) -> Group | None:
        """The group that these mean: by the very object that one has joined, which may be another key by now."""
        if type(name) is not str:
            for pid in pids:
                for group in self.joined.get(pid, ()):
                    if group.name is name:
                        return group
        return self.groups.get(exact(name))

    def take_out(self, group: Group, pids: list[Pid]) -> None:
        """Out of a group, which vanishes with its last member."""
        for pid in pids:
            group.members[pid] -= 1
            if group.members[pid] == 0:
                del group.members[pid]
        self.tell(group, "leave", pids)
        self.drop(group)

    def watch(self, group: Group | None) -> Ref:
        """A monitor of the running process."""
        watcher = running_alive().pid
        ref = Ref()
        self.monitors[ref] = (watcher, group)
        refs = self.watching_all if group is None else group.refs
        refs[ref] = None
        self.watching.setdefault(watcher, {})[ref] = None
        self.hold(watcher)
        return ref

    def unwatch(self, ref: Ref) -> bool:
        """Take a monitor back; whether there was one."""
        if ref not in self.monitors:
            return False
        watcher = self.monitors[ref][0]
        self.forget(ref)
        refs = self.watching[watcher]
        del refs[ref]
        if not refs:
            del self.watching[watcher]
        self.let_go(watcher)
        return True

    def forget(self, ref: Ref) -> None:
        """A monitor is no more."""
        _, group = self.monitors.pop(ref)
        if group is None:
            del self.watching_all[ref]
        else:
            del group.refs[ref]
            self.drop(group)

    def drop(self, group: Group) -> None:
        """Nothing is left of a group that has neither members nor watchers. Its name is not asked for its hash again."""
        if not group.members and not group.refs:
            self.groups.pop(same(group.key), None)

    def tell(self, group: Group, what: str, pids: list[Pid]) -> None:
        """Tell those who watch the scope, then those who watch the group."""
        for refs in (self.watching_all, group.refs):
            for ref in tuple(refs):
                watcher = self.monitors[ref][0].process
                if watcher is not None:
                    mailbox.put(watcher, (ref, what, group.name, list(pids)))

    def hold(self, pid: Pid) -> None:
        """Hear of the end of a process that has something here."""
        assert pid.process is not None
        extras(pid.process).tables[self] = None

    def let_go(self, pid: Pid) -> None:
        """Hear no more of a process that has nothing here."""
        if pid.process is not None and pid is not self.server and pid not in self.joined and pid not in self.watching:
            extras(pid.process).tables.pop(self, None)


class ScopeServer(GenServer[Groups]):
    """The process of a scope: its groups end with it. It takes no messages, and one ends it, as in OTP."""

    def init(self, scope: object, /) -> Ok[Groups]:
        """Show the groups to the node."""
        running = running_process()
        groups = Groups(running.node, scope, running.pid)
        extras(running).tables[groups] = None
        return Ok(groups)

    def handle_call(self, request: Any, from_: From, groups: Groups, /) -> CallReturn[Groups]:
        """Nothing is asked of it."""
        raise NoClause(request)

    def handle_cast(self, request: Any, groups: Groups, /) -> CastReturn[Groups]:
        """Nothing is told to it."""
        raise NoClause(request)

    def handle_info(self, message: Any, groups: Groups, /) -> CastReturn[Groups]:
        """Nothing is sent to it."""
        raise NoClause(message)


async def stop(scope: Scope = DEFAULT) -> None:
    """Stop a scope: all its groups are empty (`gen_server:stop/1`)."""
    await client.stop(scope)
