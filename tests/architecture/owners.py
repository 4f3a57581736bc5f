"""A rule of ownership: `kernel/mailbox.py` alone changes a mailbox."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.source import FunctionNode, Module, Package

MAILBOX_OWNER = "kernel.mailbox"
# Makes the empty one; and lets a message overtake others, as the network between two senders does.
MAY_CHANGE_MAILBOXES = {MAILBOX_OWNER, "kernel.process_record", "testing.simulation.simulated_node"}
CHANGES = {"append", "appendleft", "clear", "extend", "extendleft", "insert", "pop", "popleft", "remove", "rotate"}


def mailboxes_have_one_owner(package: Package) -> list[str]:
    """A limit of mailboxes has one place only if no other module puts or takes."""
    return [
        f"{module.at(line)}: changes a mailbox; add a function to {MAILBOX_OWNER}"
        for module in package.modules.values()
        if module.name.removeprefix(f"{package.name}.") not in MAY_CHANGE_MAILBOXES
        for line in changes_of_a_mailbox(module)
    ]


def changes_of_a_mailbox(module: Module) -> Iterator[int]:
    """The lines that assign to `.mailbox`, or change the deque: through the attribute, or a local name for it."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr == "mailbox" and not isinstance(node.ctx, ast.Load):
            yield node.lineno
    for function in ast.walk(module.tree):
        if isinstance(function, FunctionNode):
            names = {name for node in ast.walk(function) for name in names_of_a_mailbox(node)}
            yield from (
                child.lineno for child in ast.walk(function) if isinstance(child, ast.expr) and changes(child, names)
            )


def names_of_a_mailbox(node: ast.AST) -> Iterator[str]:
    """The local names that an assignment gives to a process's mailbox."""
    match node:
        case ast.Assign(targets=targets, value=ast.Attribute(attr="mailbox")):
            yield from (target.id for target in targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.Attribute(attr="mailbox")):
            yield name
        case ast.NamedExpr(target=ast.Name(id=name), value=ast.Attribute(attr="mailbox")):
            yield name
        case _:
            pass


def changes(node: ast.expr, names: set[str]) -> bool:
    """Whether this changes a deque that one of these names, or an attribute `mailbox` of an object, stands for."""
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in CHANGES:
            return is_a_mailbox(owner, names)
        case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()):
            return is_a_mailbox(owner, names)
        case _:
            return False


def is_a_mailbox(owner: ast.expr, names: set[str]) -> bool:
    """Whether an expression is a process's mailbox. A bare `mailbox` that no assignment made is the module."""
    return (isinstance(owner, ast.Attribute) and owner.attr == "mailbox") or (
        isinstance(owner, ast.Name) and owner.id in names
    )
