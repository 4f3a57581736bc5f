"""The reports of checkers on addresses, names, children and the states of servers; `check.py` runs them.

Every checker must report the lines that end in `# error`, and no others. `# error: NAME, …` names the checkers that can
see a mistake; the comment above such a line says why the others cannot.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from regrow import (
    Address,
    Agent,
    Child,
    ChildSpec,
    DynamicSupervisor,
    From,
    GenEvent,
    GenServer,
    GenStatem,
    Global,
    ModuleSupervisor,
    Name,
    NextState,
    Node,
    NoReply,
    Ok,
    PartitionSupervisor,
    Pid,
    Registry,
    Reply,
    Service,
    Start,
    Supervisor,
    Task,
    TaskSupervisor,
    Via,
    call,
    cast,
    child_spec,
    from_thread,
    gen_event,
    gen_server,
    proc_lib,
    process,
    send,
    service,
    stop,
    system,
    timer,
)
from regrow.behaviours.gen_server.gen_server import CallReturn, InitReturn
from regrow.behaviours.supervision.supervisor_server import Init


class Stack(GenServer[list[int]]):
    """A server whose state is what it is started with."""

    def handle_call(self, _request: str, _from: From, state: list[int], /) -> CallReturn[list[int]]:
        return Reply(state[0], state[1:])


class Room(GenServer[set[str]]):
    """A server that defines `init`."""

    def init(self, arg: str, /) -> InitReturn[set[str]]:
        return Ok({arg})


class Later(GenServer[str]):
    """A server whose callbacks wait."""

    async def init(self, arg: int, /) -> Ok[str]:
        return Ok(str(arg))

    async def handle_call(self, _request: Any, _from: From, state: str, /) -> Reply[str]:
        return Reply(state, state)

    async def handle_cast(self, _request: Any, state: str, /) -> NoReply[str]:
        return NoReply(state)


class Queue(Service):
    def __init__(self, items: list[int]) -> None:
        self.items = items

    @service.call
    def first(self) -> int:
        return self.items[0]


class Door(GenStatem[str, int]):
    pass


class Machine(GenStatem[str, int]):
    def init(self, arg: int, /) -> NextState[str, int]:
        return NextState("open", arg)


class Log(GenEvent[int]):
    pass


class Pool(ModuleSupervisor):
    def init(self, arg: int, /) -> Init:
        return Supervisor.init([(Stack, [number]) for number in range(arg)], strategy="one_for_one")


class OwnSpec:
    """A class that is no behaviour, and can be a child."""

    @classmethod
    def child_spec(cls, arg: int) -> ChildSpec:
        return ChildSpec("own", (cls.start, [arg]))

    @classmethod
    async def start(cls, arg: int) -> Pid:
        return process.spawn_link(print, arg)


class NoSpec:
    """A class that cannot be a child."""


async def run_stack(arg: int) -> Pid:
    return await Stack.start_link([arg])


def every_address(node: Node, pid: Pid, queue: Queue) -> list[Address]:
    return [pid, "name", Stack, Queue, Global("key"), Via("rooms", 7), ("name", node), (Stack, "there"), queue]


async def right_addresses(node: Node, pid: Pid, queue: Queue, address: Address, name: Name, child: Child) -> None:
    for one in every_address(node, pid, queue):
        await call(one, "pop")
        cast(one, "pop")
        send(one, "pop")
        await stop(one)
    await call(process.alias(), "pop")
    send(process.alias(), "pop")
    process.monitor(queue)
    process.monitor(("name", node))
    process.send_after(queue, "late", 1.0)
    timer.send_after(1.0, Stack, "late")
    timer.kill_after(1.0)
    process.register("stack", pid)
    process.register(Stack, queue)
    process.unregister("stack")
    found = process.whereis("stack")
    if found is not None:
        await call(found, "pop")
    await system.get_state(queue)
    from_thread.call(Stack, "pop")
    gen_server.send_request("stack", "pop")
    await gen_server.multi_call("stack", "pop", nodes=["there", node])
    await Agent.get(name, len)
    await gen_event.add_handler(name, Log)
    await gen_event.add_handler(name, (Log, 7), "arg")
    Queue.at(name)
    Queue.at(("name", node))
    await Stack.start_link([1], name=name, debug=["trace", ("log", 5)])
    await Stack.start_link([1], name=Global("stack"))
    await Door.start_link(1, name=Via(Registry, ("rooms", "door")))
    await gen_event.start_link("events")
    await Queue.named("queue").start_link([1])
    await Supervisor.start_link([child], name=name)
    await call(address, "pop")


async def right_states() -> None:
    await Stack.start_link([1])
    await Stack.start()
    await Room.start_link("lobby")
    await Later.start_monitor(1)
    await Machine.start_link(1, name="machine", timeout=1.0)
    await Pool.start_link(3, name="pool")
    started = partial(Room.start_link, "lobby")
    await started()
    start: Start = Room.start_link
    ChildSpec("room", start)


async def right_children(sup: Pid, child: Child, start: Start) -> None:
    children: list[Child] = [
        Stack,
        (Stack, [1]),
        (Queue, [1]),
        Door,
        (Pool, 3),
        (OwnSpec, 1),
        (Registry, {"keys": "unique", "name": "rooms"}),
        (Agent, dict),
        (Task, print),
        TaskSupervisor,
        (Supervisor, [Stack]),
        (DynamicSupervisor, {"name": "pool"}),
        PartitionSupervisor.child_spec(child_spec=Stack, name="parts"),
        ChildSpec("a", Stack.start_link),
        ChildSpec("b", (Stack.start_link, ([1],))),
        ChildSpec("c", (run_stack, [1])),
        ChildSpec("d", partial(run_stack, 1)),
        ChildSpec("e", start),
        ChildSpec(7, lambda: run_stack(1)),
        child_spec((Stack, [1]), id="f"),
        Queue.named("queue").child_spec([1]),
        gen_event.child_spec("events"),
    ]
    await Supervisor.start_link(children)
    await Supervisor.start_link([Stack, (Queue, [1]), ChildSpec("a", Stack.start_link)])
    await Supervisor.start_link((Stack, number) for number in range(3))
    await Supervisor.start_link()
    await Supervisor.start_child(sup, child)
    await Supervisor.start_child(sup, ["for", "simple_one_for_one"])
    await DynamicSupervisor.start_child("pool", (Stack, [1]))
    await PartitionSupervisor.start_link(child_spec=(Stack, [1]), name="parts")
    Supervisor.child_spec([Stack], strategy="one_for_all")
    Supervisor.child_spec((Stack, [1]), id="first")


async def wrong_addresses(pid: Pid, maybe: Pid | None) -> None:
    await call(12.5, "pop")  # error
    await call(None, "pop")  # error
    await call(maybe, "pop")  # error
    await call(["stack"], "pop")  # error
    await call(("stack",), "pop")  # error
    await call(("stack", 7), "pop")  # error
    await call(process.make_ref(), "pop")  # error
    cast(None, "pop")  # error
    cast(b"stack", "pop")  # error
    cast(maybe, "pop")  # error
    send(3.5, "pop")  # error
    send({"stack"}, "pop")  # error
    send(maybe, "pop")  # error
    await stop(7)  # error
    process.register(3, pid)  # error
    process.register(Global("stack"), pid)  # error
    process.register("stack", "other")  # error
    process.unregister(None)  # error
    process.monitor(7)  # error
    process.monitor(process.alias())  # error
    process.send_after(7, "late", 1.0)  # error
    timer.send_interval(1.0, 7, "tick")  # error
    timer.kill_after(1.0, 7)  # error
    await system.get_state(7)  # error
    from_thread.call(7, "pop")  # error
    from_thread.send(None, "pop")  # error
    gen_server.send_request(7, "pop")  # error
    gen_server.abcast(7, "pop")  # error
    await gen_server.multi_call("stack", "pop", nodes=[7])  # error
    await Agent.get(7, len)  # error
    gen_event.notify(7, "event")  # error
    await gen_event.add_handler(pid, "Log")  # error
    Queue.at(7)  # error
    await Stack.start_link([1], name=7)  # error
    await Stack.start_link([1], name=("a", "b"))  # error
    await Stack.start_link([1], debug=True)  # error
    await Door.start_link(1, name=7)  # error
    await gen_event.start_link(7)  # error
    await Agent.start_link(dict, name=7)  # error
    await Supervisor.start_link([], name=7)  # error
    Queue.named(7)  # error


async def wrong_children(sup: Pid) -> None:
    await Supervisor.start_link([42])  # error
    await Supervisor.start_link(Stack)  # error
    await Supervisor.start_link((Stack, 1))  # error
    await Supervisor.start_link("Stack")  # error
    await Supervisor.start_link([NoSpec])  # error
    await Supervisor.start_link([(NoSpec, 1)])  # error
    await Supervisor.start_link([Stack.start_link([1])])  # error
    Supervisor.init([42], strategy="one_for_one")  # error
    Supervisor.child_spec([42])  # error
    await Supervisor.start_child(sup, 42)  # error
    await Supervisor.start_child(7, Stack)  # error
    await DynamicSupervisor.start_child(sup, "child")  # error
    await PartitionSupervisor.start_link(child_spec=42, name="parts")  # error
    await PartitionSupervisor.start_link(child_spec=Stack, name=7)  # error
    await PartitionSupervisor.partitions(7)  # error
    await proc_lib.stop(7)  # error
    ChildSpec("a", 42)  # error
    ChildSpec("a", Stack.start_link([1]))  # error
    ChildSpec("a", (Stack.start_link, 1))  # error
    ChildSpec("a", Stack.start_link, restart="always")  # error
    child_spec(42)  # error
    child_spec(NoSpec)  # error


async def wrong_states() -> None:
    await Room.start_link(7)  # error
    await Room.start(["lobby"])  # error
    await Later.start_link("seven")  # error
    await Later.start_monitor("seven")  # error
    await Machine.start_link("open")  # error
    await Pool.start_link("three")  # error
    # mypy and ty do not compare the default of a parameter, None, with the type that it has for a class.
    await Room.start_link()  # error: basedpyright, pyrefly


class WrongReply(GenServer[list[int]]):
    def handle_call(self, _request: str, _from: From, _state: list[int], /) -> CallReturn[list[int]]:
        return Reply("x", "not a list")  # error


class WrongCast(GenServer[list[int]]):
    def handle_cast(self, _request: str, _state: list[int], /) -> NoReply[list[int]]:
        return NoReply("not a list")  # error


class WrongInit(GenServer[list[int]]):
    def init(self, arg: str, /) -> Ok[list[int]]:
        return Ok(arg)  # error


async def what_no_checker_can_see() -> None:
    """The mistakes that are found when the program runs, and why no earlier."""
    # GenServer's `init` takes anything, for a subclass may take anything; that a server without its own `init` has its
    # argument as its state is in no type. An `init(self, arg: list[int], /)` makes this an error.
    await Stack.start_link("not a list")
    # A child's argument is checked by the class's own start function, which the pair does not name.
    await Supervisor.start_link([(Room, 7)])
    # `call` cannot know which server has the address; a `Request`, or a `Service`, says what may be asked.
    await call("stack", "pip")
