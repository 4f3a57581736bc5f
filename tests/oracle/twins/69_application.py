"""Application: callbacks, order, environment, start failures."""

from __future__ import annotations

from typing import Any

from regrow import Application, Error, Pid, Supervisor, application, process
from regrow.behaviours.application.spec import ApplicationError
from tests.oracle.actors import child
from tests.oracle.terms import Text
from tests.oracle.twin import Twin, ev, kill, say, settle

twin = Twin("69_application")


async def answer(doing: Any) -> Any:
    """Return OTP's result: "ok", ("ok", value) or ("error", reason)."""
    try:
        value = await doing
    except ApplicationError as error:
        return ("error", error.reason)
    return "ok" if value is None else ("ok", value)


class App(Application):
    async def start(self, start_type: str, args: Any) -> Any:
        ev("start", (start_type, args))
        match args:
            case ["fail"]:
                return Error("cannot")
            case ["raise"]:
                raise RuntimeError("boom")
            case ["bad"]:
                return "bad"
            case ["state"]:
                return await top(), "my_state"
            case _:
                return await top()

    def prep_stop(self, state: Any) -> Any:
        ev("prep_stop", state)
        return ("prepped", state)

    def stop(self, state: Any) -> None:
        ev(f"stop, children gone: {'true' if process.whereis('a') is None else 'false'}", state)


async def top() -> Pid:
    return await Supervisor.start_link([child("a", trap=True)], name="App.Sup")


def app(word: str, **options: Any) -> type[App]:
    """Make an application, which prints as an atom."""
    made = type("App", (App,), {"__elixir__": f":{word}"}, version="1", **options)
    assert issubclass(made, App)
    return made


def versions(of: type[Application]) -> list[str]:
    return [version for one, _, version in application.started_applications() if one is of]


@twin.block("start and stop")
async def start_and_stop() -> None:
    app1 = app("app1", env={"k": 1})
    say("start", await answer(application.start(app1, args=[])))
    say("start again", await answer(application.start(app1)))
    say("started", versions(app1))
    say("children", await Supervisor.which_children("App.Sup"))
    say("stop", await answer(application.stop(app1)))
    say("stop again", await answer(application.stop(app1)))
    say("start of an unknown", await answer(application.start("no_such_app")))


twin.differs(
    "start and stop",
    "started: ['1']",
    'started: [:"1"]',
    because="Python does not distinguish text and atoms",
)
twin.differs(
    "start and stop",
    "start of an unknown: {:error, {'no such file or directory', 'no_such_app.app'}}",
    "start of an unknown: {:error, {:not_found, :no_such_app}}",
    because="an application is a class, or a text that names one: there is no file to be missed",
)


@twin.block("a state returned by start reaches prep_stop and stop")
async def state() -> None:
    app2 = app("app2")
    say("start", await answer(application.start(app2, args=["state"])))
    say("stop", await answer(application.stop(app2)))


async def failing(way: str) -> None:
    broken = app(f"app_{way}")
    broken.__elixir__ = "App"  # type: ignore[attr-defined]  # its place is named by the module of its callbacks
    say("start", await answer(application.start(broken, args=[way])))
    say("started", versions(broken))


for word in ("fail", "raise", "bad"):
    twin.add(f"start that {word}s", failing, word)


@twin.block("environment")
async def environment() -> None:
    app1 = app("app1", env={"k": 1})
    say("from the app file", application.get_env(app1, "k"))
    application.put_env(app1, "k", 2)
    say("put", "ok")
    say("get", application.get_env(app1, "k"))
    say("default", application.get_env(app1, "none", "default"))
    try:
        application.fetch_env(app1, "none")
    except KeyError as error:
        say("fetch_env!", ("KeyError", Text(error.args[0])))
        say("fetch_env", "error")
    application.delete_env(app1, "k")
    say("delete", "ok")
    say("get", application.get_env(app1, "k"))


twin.differs(
    "environment",
    'fetch_env!: {:ArgumentError, "could not fetch application environment :none for application :app1 because '
    'configuration at :none was not set"}',
    "fetch_env!: {KeyError, \"could not fetch application environment 'none' for application App because "
    "configuration at 'none' was not set\"}",
    because="what is not there is a KeyError in Python",
)


@twin.block("dependencies")
async def dependencies() -> None:
    base = type("Base", (Application,), {"__elixir__": ":base"})
    needs = app("needs", applications=[base])
    say("start without its dependency", await answer(application.start(needs)))
    say("ensure_all_started: what it started, in order", await answer(application.ensure_all_started(needs)))
    say("again", await answer(application.ensure_all_started(needs)))
    say("stopping the dependency does not stop the dependant", await answer(application.stop(base)))
    say("needs still runs", process.whereis("App.Sup") is not None)
    await application.stop(needs)
    needs2 = app("needs2", applications=["missing_app"])
    say("missing dependency", await answer(application.ensure_all_started(needs2)))


twin.differs(
    "dependencies",
    "<A> start: {:normal, []}",
    "<A> start: {:normal, {}}",
    because="no arguments are an empty tuple, which is immutable",
)
twin.differs(
    "dependencies",
    "missing dependency: {:error, {:missing_app, {'no such file or directory', 'missing_app.app'}}}",
    "missing dependency: {:error, {:missing_app, {:not_found, :missing_app}}}",
    because="an application is a class, or a text that names one: there is no file to be missed",
)


@twin.block("its top supervisor gives up: a temporary application just ends")
async def gives_up() -> None:
    app6 = app("app6")
    await application.start(app6, "temporary", [])
    for _ in range(4):
        await kill("a")
        await settle(50)
    await settle()
    say("started", versions(app6))


@twin.block("the application of a process")
async def of_a_process() -> None:
    app1 = app("app1")
    await application.start(app1, args=[])
    say("of a child", ("ok", application.get_application(process.whereis("a"))))
    say("of main", application.get_application(process.current()))
    await application.stop(app1)


twin.differs("the application of a process", "of main: :undefined", "of main: nil", because="what is not there is None")
