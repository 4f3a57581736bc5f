"""The supervision tree as data and as text."""

from __future__ import annotations

import pytest

from regrow import Application, ChildSpec, GenServer, Node, Pid, Supervisor, application, cast, process
from regrow.ops import tree
from regrow.ops.tree import Branch


class Worker(GenServer[None]):
    """A server that does nothing."""


class Named(GenServer[None], named=True):
    """A server that does nothing, registered under a name."""


class Shop(Application):
    """An application with a small tree."""

    async def start(self, _start_type: str, _args: object, /) -> Pid:
        """Start the tree."""
        inner = Supervisor.child_spec([Worker, Named], strategy="rest_for_one", name="inner")
        return await Supervisor.start_link([inner, ChildSpec("last", Worker.start_link)], name="shop.supervisor")


class Library(Application):
    """An application that runs nothing."""


def numbered(branch: Branch) -> list[str]:
    """Return the lines of a tree, with numbers in order in place of the pids."""
    lines = "\n".join(tree.lines(branch))
    for position, found in enumerate(one.pid for one in branch.each() if one.pid is not None):
        lines = lines.replace(repr(found), f"#{position}")
    return lines.splitlines()


async def test_tree_is_drawn_in_the_order_of_its_start(node: Node) -> None:
    await application.start(Shop)
    (root,) = await tree.applications()
    assert numbered(root) == [
        "shop.supervisor  #0  one_for_one",
        "├─ inner  #1  rest_for_one",
        "│  ├─ Worker  #2  waiting",
        "│  └─ Named   #3  waiting",
        "└─ last   #4  waiting",
    ]
    assert tree.counted(root) == "5 processes, 2 supervisors"


async def test_child_that_does_not_run_is_shown_as_stopped(node: Node) -> None:
    await application.start(Shop)
    await Supervisor.terminate_child("shop.supervisor", "last")
    root = await tree.look("shop.supervisor")
    assert numbered(root)[-1] == "└─ last   stopped"
    assert tree.counted(root) == "4 processes, 2 supervisors"


async def test_waiting_messages_are_counted(node: Node) -> None:
    async def deaf() -> None:
        await process.sleep(1000)

    async def start() -> Pid:
        return process.spawn_link(deaf)

    await Supervisor.start_link([ChildSpec("deaf", start)], name="top")
    pid = (await Supervisor.which_children("top"))[0].pid
    cast(pid, "one")
    assert numbered(await tree.look("top"))[-1].endswith("1 message waits")
    cast(pid, "two")
    assert numbered(await tree.look("top"))[-1].endswith("2 messages wait")


async def test_supervisor_that_does_not_answer_is_busy(node: Node) -> None:
    async def slow() -> Pid:
        await process.sleep(100)
        return await Worker.start_link()

    await Supervisor.start_link([Worker], name="top")
    process.spawn(Supervisor.start_child, "top", ChildSpec("slow", slow))
    await process.sleep(1)
    root = await tree.look("top")
    assert (root.status, root.children) == ("busy", ())


async def test_process_that_is_no_supervisor_is_a_leaf(node: Node) -> None:
    pid = await Worker.start_link()
    root = await tree.look(pid)
    assert (root.kind, root.children, root.pid) == ("worker", (), pid)


async def test_unknown_name_is_reported(node: Node) -> None:
    with pytest.raises(ValueError, match="no process has the name 'nowhere'"):
        await tree.look("nowhere")


async def test_application_without_processes_has_no_tree(node: Node) -> None:
    await application.start(Library)
    assert await tree.application_tree(Library) is None
    assert await tree.application_tree(Shop) is None
    assert await tree.applications() == []


async def test_processes_are_shown_by_name_then_label_then_function(node: Node) -> None:
    named = await Named.start_link()
    labelled = process.spawn(labelled_process)
    plain = process.spawn(process.sleep, 10)
    await process.sleep(1)
    assert [tree.called(pid) for pid in (named, labelled, plain)] == ["Named", "the one with a label", "sleep"]
    assert tree.called(node.init.pid) == "init"


async def labelled_process() -> None:
    """Set a label, and wait."""
    process.set_label("the one with a label")
    await process.sleep(10)
