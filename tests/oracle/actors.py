"""Children and a registry that blocks of several twins start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow import (
    IGNORE,
    ChildSpec,
    Exit,
    From,
    GenServer,
    Name,
    NoClause,
    NoReply,
    Ok,
    Pid,
    Ref,
    Reply,
    Stop,
    process,
)
from tests.oracle.page import current_page
from tests.oracle.terms import Keyword, inspected
from tests.oracle.twin import awaited, ev, generation, name, settle


class Errand:
    """A stand-in for `Task.async` and `Task.await`: a linked process that runs a function and sends its result."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.ref = Ref()
        self.pid = process.spawn_link(self.run, process.current(), function)

    async def run(self, owner: Pid, function: Callable[[], Any]) -> None:
        """Run the function in the new process."""
        process.send(owner, (self.ref, await awaited(function())))

    async def wait(self) -> Any:
        """Wait for the result of the function."""
        _, value = await process.receive(lambda message: type(message) is tuple and message[0] is self.ref, timeout=5.0)
        return value


class Registry:
    """The part of a registry that a `Via` needs: a table of pids, a new one for each block."""

    @classmethod
    def register_name(cls, key: object, pid: Pid) -> bool:
        """Give a pid a name."""
        return current_page().registered.setdefault(key, pid) is pid

    @classmethod
    def unregister_name(cls, key: object) -> None:
        """Free a name."""
        current_page().registered.pop(key, None)

    @classmethod
    def whereis_name(cls, key: object) -> Pid | None:
        """Return the pid that has a name."""
        return current_page().registered.get(key)


class Child(GenServer[dict[str, Any]]):
    """A child that reports its start and its end; see `child`."""

    __elixir__ = "T.Child"

    @classmethod
    async def start_link(cls, arg: Any = None, *, name: Name | None = None, **options: Any) -> Pid:
        """Start the child, registered under its id unless another name is given."""
        return await super().start_link(arg, name=name or arg["id"], **options)

    async def init(self, options: dict[str, Any], /) -> Any:
        """Start or fail, as the options say."""
        count = generation(options["id"])
        name(process.current(), f"{options['id']}{count}")
        if options.get("trap"):
            process.trap_exit(True)
        what = options.get("init")
        if callable(what):
            what = await awaited(what(count))
        match what:
            case None | "ok":
                ev("start")
                return Ok(options)
            case ("ok", then):
                ev("start")
                return Ok(options, then)
            case "ignore":
                ev("init -> :ignore")
                return IGNORE
            case ("stop", reason):
                ev(f"init -> {inspected(('stop', reason))}")
                return Stop(reason)
            case ("raise", message):
                ev("init raises")
                raise RuntimeError(message)
            case ("exit", reason):
                ev("init exits")
                raise Exit(reason)
            case _:
                raise TypeError(f"a child's init: {what!r}")

    def handle_call(self, request: Any, _from: From, options: dict[str, Any], /) -> Any:
        """Answer, stop or crash."""
        match request:
            case "ping":
                return Reply("pong", options)
            case ("stop", reason):
                return Stop(reason, options, reply="stopping")
            case "crash":
                raise RuntimeError("crash")
            case _:
                raise NoClause(request)

    def handle_cast(self, request: Any, options: dict[str, Any], /) -> Any:
        """Stop or crash."""
        match request:
            case ("stop", reason):
                return Stop(reason, options)
            case "crash":
                raise RuntimeError("crash")
            case _:
                raise NoClause(request)

    def handle_info(self, message: Any, options: dict[str, Any], /) -> Any:
        """Print the message."""
        ev("info", message)
        return NoReply(options)

    async def terminate(self, reason: Any, options: dict[str, Any], /) -> None:
        """Print the reason, and linger."""
        ev("terminate", reason)
        if options.get("linger"):
            await settle(options["linger"])
            ev("terminate done")


def child(id: str, **options: Any) -> ChildSpec:
    """Return the spec of a `Child`, registered under its id. The options may include those of the spec.

    trap     trap exits, so that terminate is called
    init     "ok", ("ok", then), "ignore", ("stop", r), ("raise", message), ("exit", r), or a function of the generation
    linger   milliseconds slept in terminate
    restart, shutdown (seconds), type, significant: of the spec
    """
    spec = {key: options.pop(key) for key in ("restart", "shutdown", "type", "significant") if key in options}
    return ChildSpec(id, (Child.start_link, (Keyword({"id": id, **options}),)), modules=(Child,), **spec)
