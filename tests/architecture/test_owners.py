"""The rule of ownership finds what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.owners import mailboxes_have_one_owner
from tests.architecture.source import Package


def package_with(folder: Path, name: str, source: str) -> Package:
    """Write a package of one module."""
    path = folder.joinpath("house", *name.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
    return Package(folder / "house")


@pytest.mark.parametrize(
    "body",
    [
        "process.mailbox = None",
        "process.mailbox: object = deque()",
        "del process.mailbox",
        "process.mailbox.append(message)",
        "process.node.init.mailbox.clear()",
        "del process.mailbox[0]",
        "process.mailbox[0] = message",
        "mine = process.mailbox\n    mine.extend([])",
        "mailbox: object = process.mailbox\n    del mailbox[1]",
        "if (mail := process.mailbox): mail.popleft()",
        "process.a, process.mailbox = 1, None",
    ],
)
def test_a_change_of_a_mailbox_is_found(tmp_path: Path, body: str) -> None:
    package = package_with(tmp_path, "behaviours.gen.proc_lib", f"def work(process, message):\n    {body}\n")
    assert mailboxes_have_one_owner(package)


@pytest.mark.parametrize(
    "body",
    [
        "return len(process.mailbox or ())",
        "return process.mailbox is None",
        "mail = process.mailbox\n    return mail[0]",
        "mailbox.remove(process, bool)",
        "mailbox.clear(process)",
        "self.messages.append(message)",
    ],
)
def test_a_look_at_a_mailbox_is_not(tmp_path: Path, body: str) -> None:
    package = package_with(tmp_path, "behaviours.gen.proc_lib", f"def work(process, message):\n    {body}\n")
    assert not mailboxes_have_one_owner(package)


@pytest.mark.parametrize("name", ["kernel.mailbox", "testing.simulation.simulated_node"])
def test_the_owner_and_the_simulator_may(tmp_path: Path, name: str) -> None:
    package = package_with(tmp_path, name, "def work(process):\n    process.mailbox.rotate(1)\n")
    assert not mailboxes_have_one_owner(package)
