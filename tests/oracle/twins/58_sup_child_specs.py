"""Forms of child specs, defaults, module-based supervisors, errors."""

from __future__ import annotations

from typing import Any

from regrow import (
    IGNORE,
    Agent,
    ChildSpec,
    DynamicSupervisor,
    GenServer,
    ModuleSupervisor,
    Ok,
    PartitionSupervisor,
    Pid,
    Registry,
    Supervisor,
    Task,
    TaskSupervisor,
    child_spec,
    process,
)
from tests.oracle.twin import Twin, ev, result, say, transcript, try_say

twin = Twin("58_sup_child_specs")


class W(GenServer[Any]):
    def init(self, arg: Any) -> Ok[Any]:
        ev("init", arg)
        return Ok(arg)


class W2(GenServer[Any], restart="temporary", shutdown=0.01):
    def init(self, arg: Any) -> Ok[Any]:
        ev("init", arg)
        return Ok(arg)


class NoSpec:
    pass


class Sup(ModuleSupervisor):
    def init(self, arg: Any) -> Any:
        match arg:
            case "ignore":
                return IGNORE
            case "bad":
                return "bad"
            case _:
                ev("sup init", arg)
                return Supervisor.init([(W, arg)], strategy="one_for_one")


async def started(children: list[Any]) -> Pid:
    return await Supervisor.start_link(children, strategy="one_for_one")


FORMS = "a module, {module, arg}, a map"
NO_ARGUMENT = "a class alone is started without an argument, not with an empty list"


def wrong_child(label: str, shown: str) -> str:
    """Return the line that lists the forms of a child."""
    forms = r"\n  * a class, such as Queue\n  * (class, argument)\n  * ChildSpec(id=…, start=…)\nGot: "
    message = f'"a supervisor expects each child to be one of:{forms}{shown}"'
    return f"{label}: {{:ERROR, %InvalidChild{{message: {message}}}}}"


@twin.block(FORMS)
async def forms() -> None:
    sup = await started([W, (W2, "arg"), ChildSpec("m", (W.start_link, ("map",)))])
    say("children", await Supervisor.which_children(sup))


twin.differs(FORMS, "<A> init: []", "<A> init: nil", because=NO_ARGUMENT)


@twin.block("Supervisor.child_spec")
async def of_all_kinds() -> None:
    say("of a module", child_spec(W))
    say("with an arg and overrides", child_spec((W2, 1), id="other", shutdown="brutal_kill"))
    say("of a supervisor", child_spec((Sup, 1)))
    say("of Task", child_spec((Task, lambda: "ok")))
    say("of Agent", child_spec((Agent, lambda: "ok")))
    say("of Registry", child_spec((Registry, {"keys": "unique", "name": "R"})))
    say("of DynamicSupervisor", child_spec((DynamicSupervisor, {"name": "D"})))
    say("of DynamicSupervisor without a name", child_spec((DynamicSupervisor, {})))
    say("of Task.Supervisor", child_spec((TaskSupervisor, {"name": "TS"})))
    say("of PartitionSupervisor", child_spec((PartitionSupervisor, {"name": "P", "child_spec": W})))
    wrong: Any = ("Nope", 1)
    await try_say("of a module without child_spec", lambda: child_spec(NoSpec))  # type: ignore[arg-type]
    await try_say("of an unknown module", lambda: child_spec(wrong[0]))
    await try_say("of a wrong term", lambda: child_spec(wrong[1]))


THEIRS = transcript("58_sup_child_specs")["Supervisor.child_spec"]
OWN = "an error of its own, which says the same"
WITHOUT = (
    'of a module without child_spec: {:ERROR, %InvalidChild{message: "NoSpec was given as a child to a supervisor, '
    r"but it has no child_spec.\n  If it is yours, derive it from GenServer, or give it a classmethod child_spec(arg) "
    r"that returns a ChildSpec.\n  If not, write ChildSpec(id=NoSpec, start=…) with an async function that starts it "
    'and returns its pid."}}'
)
for at, ours, because in (
    (0, "of a module: %{id: W, start: {W, :start_link, []}}", NO_ARGUMENT),
    (8, THEIRS[8].replace("{Task.Supervisor", "{TaskSupervisor"), "a class's name has no dot"),
    (-3, WITHOUT, OWN),
    (
        -2,
        wrong_child("of an unknown module", "'Nope'"),
        "a class that is not there cannot be given; a string is no child",
    ),
    (-1, wrong_child("of a wrong term", "1"), OWN),
):
    twin.differs("Supervisor.child_spec", THEIRS[at], ours, because=because)


@twin.block("duplicate ids")
async def duplicates() -> None:
    process.trap_exit(True)
    await try_say("start_link", lambda: result(started([W, W])))


@twin.block("bad specs")
async def bad() -> None:
    process.trap_exit(True)
    wrong: Any = ("sometimes", "boss", (W, "start_link"))
    start = (W.start_link, (1,))
    await try_say("no start", lambda: ChildSpec("x"))  # type: ignore[call-arg]
    await try_say("no id", lambda: ChildSpec(start=start))  # type: ignore[call-arg]
    await try_say("bad start", lambda: result(begun(start=wrong[2])))
    await try_say("bad restart", lambda: result(begun(restart=wrong[0])))
    await try_say("bad shutdown", lambda: result(begun(shutdown=-1)))
    await try_say("bad type", lambda: result(begun(type=wrong[1])))
    await try_say("an unknown key", lambda: begun(colour="red"))
    sup = await started([])
    await try_say("start_child with a bad spec", lambda: result(Supervisor.start_child(sup, 1)))  # type: ignore[arg-type]


async def begun(**options: Any) -> Pid:
    parts: dict[str, Any] = {"id": "x", "start": (W.start_link, (1,))}
    return await started([ChildSpec(**{**parts, **options})])


RAISED_AT_THE_SPEC = "raised where the spec is made, before there is a supervisor whose start it could fail"
UNEXPECTED = "ChildSpec.__init__() got an unexpected keyword argument 'colour'"
MISSING = "__init__() missing 1 required positional argument"
for theirs, ours, because in (
    (
        "start_link: {:error, {:start_spec, {:duplicate_child_name, W}}}",
        "start_link: {:error, {:duplicate_child_name, W}}",
        RAISED_AT_THE_SPEC,
    ),
    (
        "no start: {:error, {:start_spec, :missing_start}}",
        f"no start: {{:ERROR, %TypeError{{message: \"ChildSpec.{MISSING}: 'start'\"}}}}",
        "an argument that is missing is Python's own affair",
    ),
    (
        "no id: {:error, {:start_spec, :missing_id}}",
        f"no id: {{:ERROR, %TypeError{{message: \"ChildSpec.{MISSING}: 'id'\"}}}}",
        "an argument that is missing is Python's own affair",
    ),
    (
        "bad start: {:error, {:start_spec, {:invalid_mfa, {W, :start_link}}}}",
        "bad start: {:error, {:invalid_mfa, {W, :start_link}}}",
        RAISED_AT_THE_SPEC,
    ),
    (
        "bad restart: {:error, {:start_spec, {:invalid_restart_type, :sometimes}}}",
        "bad restart: {:error, {:invalid_restart_type, :sometimes}}",
        RAISED_AT_THE_SPEC,
    ),
    (
        "bad shutdown: {:error, {:start_spec, {:invalid_shutdown, -1}}}",
        "bad shutdown: {:error, {:invalid_shutdown, -1}}",
        RAISED_AT_THE_SPEC,
    ),
    (
        "bad type: {:error, {:start_spec, {:invalid_child_type, :boss}}}",
        "bad type: {:error, {:invalid_child_type, :boss}}",
        RAISED_AT_THE_SPEC,
    ),
    (
        "<A> init: 1\nan unknown key is ignored: :ok",
        f'an unknown key: {{:ERROR, %TypeError{{message: "{UNEXPECTED}"}}}}',
        "a misspelt option is a mistake, and is reported where it is made",
    ),
    (
        "start_child with a bad spec: {:error, :missing_start}",
        "start_child with a bad spec: {:error, {:invalid_child_spec, 1}}",
        "a spec without start cannot be made at all; what is no child is named as such",
    ),
):
    title = "duplicate ids" if theirs.startswith("start_link") else "bad specs"
    twin.differs(title, theirs, ours, because=because)


@twin.block("a module-based supervisor")
async def by_module() -> None:
    sup = await Sup.start_link(1, name=Sup)
    say("children", await Supervisor.which_children(sup))
    say("again", await result(Sup.start_link(1, name=Sup)))
    await Supervisor.stop(sup)
    say("init :ignore", await result(Sup.start_link("ignore", name=Sup)))
    process.trap_exit(True)
    say("init gives nonsense", await result(Sup.start_link("bad", name=Sup)))


@twin.block("Supervisor.init/2 gives")
async def init() -> None:
    made = Supervisor.init([W], strategy="one_for_all")
    flags = made.flags
    shown = {"intensity": flags.max_restarts, "period": int(flags.max_seconds), "strategy": flags.strategy}
    say("flags", shown)
    say("specs", made.specs)


twin.differs(
    "Supervisor.init/2 gives",
    "specs: [%{id: W, start: {W, :start_link, [[]]}}]",
    "specs: [%{id: W, start: {W, :start_link, []}}]",
    because=NO_ARGUMENT,
)


@twin.block("the defaults of worker and supervisor children: shutdown")
async def defaults() -> None:
    inner = ChildSpec("s", (Supervisor.start_link, ([],)), type="supervisor")
    sup = await started([ChildSpec("w", (W.start_link, (1,))), inner])
    for label, id in (("worker", "w"), ("supervisor", "s")):
        spec = await Supervisor.get_childspec(sup, id)
        say(label, all_of(spec))


def all_of(spec: ChildSpec) -> dict[str, object]:
    owner: Any = getattr(spec.start, "__self__", None)
    shutdown = spec.shutdown if isinstance(spec.shutdown, str) else round(spec.shutdown * 1000)
    return {
        "id": spec.id,
        "modules": list(spec.modules),
        "restart": spec.restart,
        "shutdown": shutdown,
        "significant": spec.significant,
        "start": (owner, "start_link", list(spec.args)),
        "type": spec.type,
    }


LAST = "id: :s, modules: [Supervisor], restart: :permanent, shutdown: :infinity, significant: false"
twin.differs(
    "the defaults of worker and supervisor children: shutdown",
    f"supervisor: %{{{LAST}, start: {{Supervisor, :start_link, [[], [strategy: :one_for_one]]}}, type: :supervisor}}",
    f"supervisor: %{{{LAST}, start: {{Supervisor, :start_link, [[]]}}, type: :supervisor}}",
    because="strategy has a default, one_for_one",
)
