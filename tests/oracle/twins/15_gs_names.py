"""Names: taken, freed, forms, errors."""

from __future__ import annotations

from typing import Any

from regrow import GenServer, Global, Via, call, gen_server, process, stop
from tests.oracle.actors import Registry
from tests.oracle.twin import Twin, down, kill, mailbox, result, say, try_say

twin = Twin("15_gs_names")


class S(GenServer[None]):
    pass


async def how(starting: Any) -> Any:
    """The first word of the answer."""
    return (await result(starting))[0]


@twin.block("already started")
async def already_started() -> None:
    await S.start_link(name="N")
    say("start_link again", await result(S.start_link(name="N")))
    say("start again", await result(S.start(name="N")))
    process.trap_exit(True)
    say("trapping", await result(S.start_link(name="N")))
    say("mailbox", await mailbox())
    say("whereis", gen_server.whereis("N"))
    say("whereis {N, node()}", gen_server.whereis(("N", "nonode@nohost")))
    say("whereis pid", gen_server.whereis(process.current()))


@twin.block("free as soon as the holder's DOWN is seen")
async def free_at_down() -> None:
    server = await S.start(name="N2")
    ref = process.monitor(server)
    await stop("N2")
    say("whereis after stop returned", gen_server.whereis("N2"))
    say("down", await down(ref))
    say("start again", await how(S.start(name="N2")))
    await kill("N2")
    say("after kill", process.whereis("N2"))


@twin.block("a name held by a process that is not a GenServer")
async def held() -> None:
    process.register("held", process.current())
    say("start", await result(S.start(name="held")))


@twin.block("forms of name")
async def forms() -> None:
    via = Via(Registry, ("R", "k"))
    say("via", await how(S.start_link(name=via)))
    say("via again", await result(S.start_link(name=via)))
    say("global", await how(S.start_link(name=Global("k"))))
    say("global again", await result(S.start_link(name=Global("k"))))
    say("name nil is no name", await how(S.start_link(name=None)))
    await try_say("a string", lambda: result(S.start_link(name="str")))
    await try_say("a tuple", lambda: result(S.start_link(name=("a", "b"))))  # type: ignore[arg-type]
    await try_say("via an unknown registry", lambda: result(S.start_link(name=Via("NoReg", "k"))))
    await try_say("name :undefined", lambda: how(S.start(name="undefined")))
    await try_say("name true", lambda: how(S.start(name=True)))  # type: ignore[arg-type]


ERLANGS_FORMS = (
    r'{:ERROR, %ArgumentError{message: "expected :name option to be one of the following:\n\n'
    r"  * nil\n  * atom\n  * {:global, term}\n  * {:via, module, term}\n\nGot: "
)
FORMS = (
    r'{:ERROR, %TypeError{message: "wanted a name in one of these forms:\n'
    r"  * None, for no name\n  * a string or a class\n  * Global(key)\n  * Via(registry, key)\nGot: "
)
twin.differs(
    "forms of name",
    r"a string: " + ERLANGS_FORMS + r'\"str\"\n"}}',
    "a string: {:ok, <C>}",
    because="a name is a string here, as every atom is",
)
twin.differs(
    "forms of name",
    "a tuple: " + ERLANGS_FORMS + r'{:a, :b}\n"}}',
    "a tuple: " + FORMS + """('a', 'b')"}}""",
    because="an error of use is a TypeError that says what was wanted",
)
twin.differs(
    "forms of name",
    'via an unknown registry: {:ERROR, %ArgumentError{message: "unknown registry: NoReg"}}',
    "via an unknown registry: {:ERROR, %ValueError{message: "
    "\"unknown registry: 'NoReg'. Start it first, or pass the object itself\"}}",
    because="an error of use is a ValueError that says what to do",
)
twin.differs(
    "forms of name",
    "name :undefined: {:error, {:already_started, :undefined}}\nname true: :ok",
    'name :undefined: :ok\nname true: {:ERROR, %TypeError{message: "wanted a name in one of these forms:'
    r"\n  * None, for no name\n  * a string or a class\n  * Global(key)\n  * Via(registry, key)\nGot: "
    'True"}}',
    because="None says that there is no name, so no word has to; and True is no atom",
)


@twin.block("a server cannot have two atom names; via names do not count")
async def two_names() -> None:
    server = await S.start_link(name="First")
    await try_say("register a second", lambda: process.register("second", server))
    say("registered_name", ("registered_name", process.info(server, "registered_name")))
    say("unregister", process.unregister("First"))
    say("register", process.register("second", server))
    await try_say("call under the old name", lambda: call("First", "x"))


twin.differs(
    "a server cannot have two atom names; via names do not count",
    'register a second: {:ERROR, %ArgumentError{message: "could not register <A> with name :second because it is not '
    'alive, the name is already taken, or it has already been given another name"}}',
    "register a second: {:ERROR, %ValueError{message: "
    "\"could not register <A> as 'second': it has the name 'First' already\"}}",
    because="the error says which of the three it is",
)
