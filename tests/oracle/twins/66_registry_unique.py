"""A registry of unique keys: register, look up, via, and what a death does."""

from __future__ import annotations

from typing import Any

from regrow import AlreadyStarted, Pid, Via, process, send, stop
from regrow.behaviours.agent.agent import Agent
from regrow.behaviours.naming.registry import Registry
from regrow.behaviours.naming.registry_table import AlreadyRegistered
from tests.oracle.terms import Text
from tests.oracle.twin import Twin, down, kill, say, settle, try_say

twin = Twin("66_registry_unique")


async def reg() -> Pid:
    return await Registry.start_link(keys="unique", name="R")


def registered(key: Any, value: Any) -> Any:
    """Return the result of `Registry.register` on the BEAM."""
    try:
        return ("ok", Registry.register("R", key, value))
    except AlreadyRegistered as error:
        return ("error", error.reason)


async def holder(key: Any, value: Any) -> tuple[Pid, Any]:
    """A process that registers a key and answers."""
    main = process.current()

    async def hold() -> None:
        send(main, ("reg", registered(key, value)))
        await process.receive(())

    pid = process.spawn(hold)
    answer: Any = await process.receive()
    return pid, answer[1]


def same(value: Any) -> Any:
    return value


def unregister(key: Any) -> str:
    Registry.unregister("R", key)
    return "ok"


def whereis(key: Any) -> Any:
    return Registry.whereis_name(("R", key)) or "undefined"


@twin.block("register, lookup, unregister")
async def register_lookup_unregister() -> None:
    await reg()
    say("register", registered("k", 1)[0])
    say("lookup", Registry.lookup("R", "k"))
    say("register again, same process", registered("k", 2))
    say("value unchanged", Registry.lookup("R", "k"))
    say("another process", (await holder("k", 3))[1])
    say("lookup of an unknown key", Registry.lookup("R", "none"))
    say("unregister", unregister("k"))
    say("unregister again", unregister("k"))
    say("lookup", Registry.lookup("R", "k"))


@twin.block("only the owner unregisters")
async def only_the_owner() -> None:
    await reg()
    pid, _ = await holder("k", 1)
    say("unregister by another", unregister("k"))
    say("still there", Registry.lookup("R", "k") == [(pid, 1)])


@twin.block("a process's death frees its keys")
async def death_frees() -> None:
    await reg()
    pid, _ = await holder("k", 1)
    say("count", Registry.count("R"))
    await kill(pid)
    say("lookup right after the DOWN: checked with alive?, so empty", Registry.lookup("R", "k"))
    say("register right after", registered("k", 2)[0])
    await settle()
    say("count", Registry.count("R"))


@twin.block("already_registered names the holder")
async def names_the_holder() -> None:
    await reg()
    pid, _ = await holder("k", 1)
    say("register", registered("k", 2) == ("error", ("already_registered", pid)))


@twin.block("keys are compared by value and type: 1 and 1.0 differ")
async def by_value_and_type() -> None:
    await reg()
    Registry.register("R", 1, "int")
    Registry.register("R", 1.0, "float")
    Registry.register("R", Text("1"), "str")
    say("1", Registry.lookup("R", 1))
    say("1.0", Registry.lookup("R", 1.0))
    say("count", Registry.count("R"))


@twin.block("keys, values, update_value")
async def keys_values_update() -> None:
    await reg()
    for key, value in (("a", 1), ("b", 2), ("c", 3)):
        Registry.register("R", key, value)
    say("keys", sorted(Registry.keys("R", process.current())))
    say("values", Registry.values("R", "a", process.current()))
    say("values of another's", Registry.values("R", "a", process.spawn(process.receive)))

    def update(key: str) -> Any:
        return Registry.update_value("R", key, lambda value: value + 10) or "error"

    say("update_value", update("a"))
    say("update_value of an unknown", update("none"))
    await holder("d", 4)
    say("update_value of another's", update("d"))
    say("lookup", Registry.lookup("R", "a"))


@twin.block("via: start, call, name conflicts, whereis_name")
async def via() -> None:
    await reg()
    first = await Agent.start_link(lambda: 0, name=Via("R", Text("a")))
    say("call", await Agent.get(Via("R", Text("a")), same))
    try:
        await Agent.start_link(lambda: 0, name=Via("R", Text("a")))
    except AlreadyStarted as error:
        say("again", error.pid is first)
    say("whereis_name", whereis("a") is first)
    say("whereis_name of an unknown", whereis("b"))
    say("value of a via name", Registry.lookup("R", Text("a")))
    await Agent.start_link(lambda: 0, name=Via("R", Text("v"), "my_value"))
    say("via with a value", Registry.lookup("R", Text("v")))
    await try_say("send via", lambda: send(Via("R", "none"), "x"))
    await stop(first)
    say("after stop", whereis("a"))


@twin.block("the registry's process is linked to those registered: it dies, they die")
async def linked() -> None:
    registry = await reg()
    process.unlink(registry)
    pid, _ = await holder("k", 1)
    ref = process.monitor(pid)
    say("holder has one link", len(process.info(pid, "links")))
    process.exit(registry, "kill")
    say("holder down", await down(ref))


@twin.block("bad use")
async def bad_use() -> None:
    some: Any = "some"
    keys: dict[str, Any] = {"name": "X"}
    named: dict[str, Any] = {"keys": "unique"}
    await try_say("unknown registry", lambda: Registry.lookup("NoReg", "k"))
    await try_say("register in an unknown registry", lambda: Registry.register("NoReg", "k", 1))
    await try_say("no keys option", lambda: Registry.start_link(**keys))
    await try_say("wrong keys option", lambda: Registry.start_link(keys=some, name="X"))
    await try_say("no name", lambda: Registry.start_link(**named))
    await reg()
    try:
        await reg()
    except AlreadyStarted:
        say("the same registry again", "already_started")


def argument_error(label: str, theirs: str, ours: str, because: str, title: str = "bad use") -> None:
    twin.differs(
        title,
        f'{label}: {{:ERROR, %ArgumentError{{message: "{theirs}"}}}}',
        f"{label}: {{:ERROR, %{ours}}}",
        because=because,
    )


UNKNOWN = (
    "ValueError{message: \"unknown registry: 'NoReg'. Start it first, with Registry.start_link(keys=…, name=…), "
    'under a supervisor before the processes that use it"}'
)
LETTER = "an ArgumentError is a ValueError or a TypeError, and an error is a letter: what was wanted, what came"
MISSING = "in Python a keyword that must be given is missing"

argument_error(
    "send via",
    "argument error",
    "ValueError{message: \"cannot send to Via('R', 'none'): no process has this name. See `whereis(name)`\"}",
    LETTER,
    "via: start, call, name conflicts, whereis_name",
)
argument_error("unknown registry", "unknown registry: NoReg", UNKNOWN, LETTER)
argument_error("register in an unknown registry", "unknown registry: NoReg", UNKNOWN, LETTER)
argument_error(
    "no keys option",
    "expected :keys to be given and be one of :unique or :duplicate, got: nil",
    "TypeError{message: \"Registry.start_link() missing 1 required keyword-only argument: 'keys'\"}",
    MISSING,
)
argument_error(
    "wrong keys option",
    "expected :keys to be given and be one of :unique or :duplicate, got: :some",
    r"""ValueError{message: "keys: wanted \"unique\", \"duplicate\", (\"duplicate\", \"pid\") or (\"duplicate\", \"key\"); """
    "got 'some'\"}",
    LETTER,
)
argument_error(
    "no name",
    "expected :name option to be present",
    "TypeError{message: \"Registry.start_link() missing 1 required keyword-only argument: 'name'\"}",
    MISSING,
)
