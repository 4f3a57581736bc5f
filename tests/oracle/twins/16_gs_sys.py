"""`system`: looking into and holding a server."""

from __future__ import annotations

from typing import Any

from regrow import Agent, From, GenServer, NoReply, Pid, Reply, Supervisor, call, cast, process, send, stop, system
from regrow.kernel.requests import CallRequest
from tests.oracle.terms import Keyword
from tests.oracle.twin import Twin, ev, mailbox, result, say, settle, try_say

twin = Twin("16_gs_sys")


class S(GenServer[list[Any]]):
    def handle_call(self, _request: Any, _from: From, state: list[Any]) -> Any:
        return Reply(("x", state), state)

    def handle_cast(self, request: Any, state: list[Any]) -> Any:
        ev("cast", request)
        return NoReply([request, *state])

    def handle_info(self, message: Any, state: list[Any]) -> Any:
        ev("info", message)
        return NoReply(state)

    def terminate(self, reason: Any, state: list[Any]) -> None:
        ev("terminate", (reason, state))


class F(GenServer[str]):
    def format_status(self, status: dict[str, Any]) -> dict[str, Any]:
        return {**status, "state": ("formatted", status["reason"], status["state"])}


def refuse(_state: Any) -> Any:
    raise RuntimeError("no")


@twin.block("get_state, replace_state")
async def states() -> None:
    server = await S.start_link(["a"])
    say("get_state", await system.get_state(server))
    say("replace_state gives the new state", await system.replace_state(server, lambda state: ["b", *state]))
    say("get_state", await system.get_state(server))
    await try_say("replace_state with a function that raises", lambda: system.replace_state(server, refuse))
    say("the server goes on with the old state", await system.get_state(server))


twin.differs(
    "get_state, replace_state",
    "replace_state with a function that raises: {:ERROR, %ErlangError{original: {:callback_failed, "
    '{:gen_server, :system_replace_state}, {:error, %RuntimeError{message: "no"}}}, reason: nil}}',
    "replace_state with a function that raises: {:ERROR, %CallbackFailed{message: "
    "\"the function given to replace_state raised RuntimeError('no')\"}}",
    because="an exception of its own, whose cause is what the function raised",
)


@twin.block("suspend: requests wait, system messages are served", raced=True)
async def suspended() -> None:
    server = await S.start_link([])
    say("suspend", await result(system.suspend(server)))
    cast(server, 1)
    send(server, "i")
    await try_say("call", lambda: call(server, "x", 0.03))
    say("get_state while suspended", await system.get_state(server))
    say("suspend twice", await result(system.suspend(server)))
    say("queue length", ("message_queue_len", process.info(server, "message_queue_len")))
    resumed = await result(system.resume(server))
    await settle(0)
    say("resume once is enough", resumed)
    say("state", await system.get_state(server))
    say("resume a running one", await result(system.resume(server)))


@twin.block("GenServer.stop reaches a suspended server")
async def stop_suspended() -> None:
    server = await S.start_link([])
    await system.suspend(server)
    cast(server, "never_handled")
    say("stop", await result(stop(server, "normal", 0.5)))


@twin.block("get_status")
async def status() -> None:
    server = await S.start_link(["st"], name="Nm")
    found = await system.get_status(server)
    say("pid is the server", found["pid"] is server)
    say("module", found["module"])
    say("pdict keys", list(found["dictionary"]))
    say("sys_state", found["status"])
    say("parent", found["parent"])
    say("debug", found["log"])
    say("misc", Keyword(name=found["name"], ancestors=found["ancestors"], state=found["state"]))


twin.differs(
    "get_status",
    'module: :gen_server\npdict keys: [:"$ancestors", :"$initial_call"]',
    "module: S\npdict keys: []",
    because="the status is a dict that names the user's class; ancestors are no part of the process dictionary",
)
twin.differs(
    "get_status",
    "misc: [header: 'Status for generic server Elixir.Nm', data: [{'Status', :running}, {'Parent', <main>}, "
    "{'Logged events', []}], data: [{'State', [:st]}]]",
    "misc: [name: Nm, ancestors: [<main>], state: [:st]]",
    because="the status is a dict, and each fact stands in it once",
)


@twin.block("format_status")
async def format_status() -> None:
    server = await F.start("secret")
    found = await system.get_status(server)
    say("misc's last", found["state"])
    say("get_state is not formatted", await system.get_state(server))


def as_message(event: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a received request as the tuple that it is in an Erlang mailbox."""
    if event[0] == "in" and isinstance(event[1], CallRequest):
        return ("in", ("$gen_call", event[1], event[1].request))
    return event


@twin.block("debug options: statistics, log, trace hook")
async def debug_options() -> None:
    server = await S.start_link([], debug=["statistics"])
    await call(server, "x")
    cast(server, "c")
    await system.get_state(server)
    counts = await system.statistics(server, "get")
    say("statistics", Keyword({key: counts[key] for key in ("messages_in", "messages_out")}))
    main = process.current()

    def saw(count: int, event: Any, _pid: Pid) -> int:
        send(main, ("saw", count, as_message(event)))
        return count + 1

    await system.install(server, saw, 0)
    await call(server, "x")
    cast(server, "c2")
    await system.get_state(server)
    say("hook saw", await mailbox())


@twin.block("a process that is no OTP process never answers")
async def no_otp_process() -> None:
    plain = process.spawn(settle, 1_000_000)
    await try_say("get_state", lambda: system.get_state(plain, 0.03))


@twin.block("the work of sys on a supervisor, an agent and a task")
async def of_others() -> None:
    sup = await Supervisor.start_link()
    state: object = await system.get_state(sup)
    say("supervisor state is a record named", type(state))
    agent = await Agent.start_link(lambda: 7)
    say("agent", await system.get_state(agent))


twin.differs(
    "the work of sys on a supervisor, an agent and a task",
    "supervisor state is a record named: :state",
    "supervisor state is a record named: Children",
    because="the state is an object of a class, not a record",
)
