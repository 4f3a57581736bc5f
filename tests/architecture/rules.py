"""What is asked of the source. Each rule lists the places that break it, in words for whoever broke it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter

from tests.architecture.owners import mailboxes_have_one_owner
from tests.architecture.prose import docstrings_are_sentences, docstrings_stand_alone, plain_words
from tests.architecture.source import FunctionNode, Module, Package

Rule = Callable[[Package], list[str]]

LONGEST_MODULE = 500
LONGEST_FUNCTION = 60

# From the ground up; layers on one floor do not know each other. What stands in the package's own folder is
# its front: it shows what the house has, so it may import everything, and only the top floor imports it.
FLOORS = [{"kernel"}, {"behaviours"}, {"servers", "cluster"}, {"ops"}, {"cli", "testing"}]
FRONT = "the package itself"

# The rooms inside the behaviours, from the ground up as well: what all behaviours share; the server; the behaviours
# that are built on these two; and those that are themselves supervised, or supervise.
ROOMS = [
    {"gen"},
    {"gen_server"},
    {"gen_statem", "gen_event", "service", "supervision", "agent"},
    {"task", "naming", "application"},
]

# Only these ask for the time or for chance, so that a test can replace both.
ASKS_FOR_TIME = {"kernel.clock", "kernel.schedule"}
TIME_AND_CHANCE = {"time", "random", "secrets", "uuid"}

# What these words mean for a child is decided by the tables, which every keeper asks. What a spec may say is checked
# where it is made, and of the applications the start types, which bear three of the words, are another matter.
TABLES = "behaviours.supervision.restart"
MAY_COMPARE = {TABLES, "behaviours.gen.child_spec"}
APPLICATIONS = "behaviours.application"
DECIDED_WORDS = frozenset(
    [
        "permanent",
        "transient",
        "temporary",
        "one_for_one",
        "rest_for_one",
        "one_for_all",
        "simple_one_for_one",
        "any_significant",
        "all_significant",
        "brutal_kill",
    ]
)


def layers(package: Package) -> list[str]:
    """An import points down, or stays within its layer."""
    return [
        f"{module.at(imported.line)}: {layer_of(package, module.name)} imports {target}, which is not below it"
        for module in package.modules.values()
        for target, imported in package.own_imports(module)
        if not may_import(layer_of(package, module.name), layer_of(package, target))
    ]


def known_layers(package: Package) -> list[str]:
    """Every folder of the package is a layer that has its floor."""
    return [
        f"{module.path}: {layer_of(package, module.name)!r} is no layer; give it a floor in rules.py"
        for module in package.modules.values()
        if floor_of(layer_of(package, module.name)) is None
    ]


def rooms(package: Package) -> list[str]:
    """Inside the behaviours an import points down, too, or stays within its room."""
    return [
        f"{module.at(imported.line)}: {room} imports {target}, which is not below it"
        for module in package.modules.values()
        if (room := room_of(package, module.name)) is not None
        for target, imported in package.own_imports(module)
        if (other := room_of(package, target)) not in {None, room} and not is_below(other, room)
    ]


def known_rooms(package: Package) -> list[str]:
    """Every folder of the behaviours is a room that has its floor, and no module stands beside them."""
    return [
        f"{module.path}: {room!r} is no room of the behaviours; give it a floor in rules.py"
        for module in package.modules.values()
        if (room := room_of(package, module.name)) is not None and room_floor(room) is None
    ]


def no_cycles(package: Package) -> list[str]:
    """Modules that import each other can only be read together."""
    graph = {
        module.name: {
            target
            for target, imported in package.own_imports(module)
            if target != module.name and not imported.in_function and not imported.for_types
        }
        for module in package.modules.values()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"modules import each other: {' -> '.join(reversed(error.args[1]))}"]
    return []


def no_hidden_imports(package: Package) -> list[str]:
    """A cycle hides where a function imports. Only start-up time is a reason, and a comment there says so."""
    return [
        f"{module.at(imported.line)}: imports {target} in a function, and no comment there names start-up as the reason"
        for module in package.modules.values()
        for target, imported in package.own_imports(module)
        if imported.in_function and not explained_by_start_up(module, imported.line)
    ]


def docstrings(package: Package) -> list[str]:
    """What is public tells what it is for."""
    return [
        f"{module.at(line)}: {name} has no docstring"
        for module in package.modules.values()
        if not is_private(module.name.rpartition(".")[2])
        for name, line in undocumented(module)
    ]


def module_length(package: Package) -> list[str]:
    """A module is one sitting."""
    return [
        f"{module.path}: {len(module.lines)} lines, more than {LONGEST_MODULE}"
        for module in package.modules.values()
        if len(module.lines) > LONGEST_MODULE
    ]


def no_test_imports_a_test(package: Package) -> list[str]:
    """A test file can be read, moved and run alone; what several of them need stands in a module beside them."""
    return [
        f"{module.at(imported.line)}: imports {target}, which is a file of tests"
        for module in package.modules.values()
        for target, imported in package.own_imports(module)
        if is_test_file(target)
    ]


def function_length(package: Package) -> list[str]:
    """A function is seen at once."""
    return [
        f"{module.at(node.lineno)}: {node.name} has {length} lines, more than {LONGEST_FUNCTION}"
        for module in package.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, FunctionNode)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]


def time_and_chance(package: Package) -> list[str]:
    """The kernel and the behaviours take time and order from the clock and the scheduler alone."""
    return [
        f"{module.at(line)}: {what}; ask the node's clock or scheduler"
        for module in package.modules.values()
        if layer_of(package, module.name) in {"kernel", "behaviours"}
        if module.name.removeprefix(f"{package.name}.") not in ASKS_FOR_TIME
        for what, line in uses_of_time_and_chance(module)
    ]


def no_weak_references(package: Package) -> list[str]:
    """When a weak reference goes empty depends on the collector: two runs under one seed would differ."""
    return [
        f"{module.at(imported.line)}: imports {imported.module}"
        for module in package.modules.values()
        if layer_of(package, module.name) == "kernel"
        for imported in module.imports
        if imported.module in {"weakref", "_weakref"}
    ]


def decisions_in_tables(package: Package) -> list[str]:
    """Restart types, strategies and shutdowns are decided upon once: by the tables."""
    return [
        f"{module.at(line)}: decides by {word!r}; ask {TABLES}"
        for module in package.modules.values()
        if (name := module.name.removeprefix(f"{package.name}.")) not in MAY_COMPARE
        if layer_of(package, module.name) == "behaviours" and not name.startswith(APPLICATIONS)
        for word, line in decided_words(module)
    ]


RULES: list[Rule] = [
    layers,
    known_layers,
    rooms,
    known_rooms,
    no_cycles,
    no_hidden_imports,
    docstrings,
    module_length,
    function_length,
    time_and_chance,
    no_weak_references,
    decisions_in_tables,
    mailboxes_have_one_owner,
    docstrings_stand_alone,
    docstrings_are_sentences,
    plain_words,
]


# What is asked of the tests' own source.
RULES_OF_TESTS: list[Rule] = [module_length, no_test_imports_a_test]


# What the rules ask


def layer_of(package: Package, name: str) -> str:
    """The folder a module is in. A file beside the folders belongs to the front, unless it is a whole layer."""
    parts = name.split(".")
    if len(parts) == 1:
        return FRONT
    is_file = len(parts) == 2 and name in package.modules and not package.modules[name].is_package
    return FRONT if is_file and floor_of(parts[1]) is None else parts[1]


def floor_of(layer: str) -> int | None:
    """How far up a layer is; None for a folder that is no layer."""
    if layer == FRONT:
        return len(FLOORS)
    return next((floor for floor, names in enumerate(FLOORS) if layer in names), None)


def may_import(importer: str, target: str) -> bool:
    """Whether an arrow between two layers points the right way."""
    if importer in {target, FRONT}:
        return True
    if target == FRONT:
        return importer in FLOORS[-1]
    above, below = floor_of(importer), floor_of(target)
    # A folder without a floor is known_layers' affair.
    return above is None or below is None or above > below


def room_of(package: Package, name: str) -> str | None:
    """The folder of the behaviours that a module is in; None for what is not in one of the behaviours' folders."""
    parts = name.removeprefix(f"{package.name}.").split(".")
    return parts[1] if parts[0] == "behaviours" and len(parts) > 1 else None


def room_floor(room: str | None) -> int | None:
    """How far up a room is; None for one that is not known."""
    return next((floor for floor, names in enumerate(ROOMS) if room in names), None)


def is_below(target: str | None, importer: str) -> bool:
    """Whether a room is on a lower floor. A room without a floor is known_rooms' affair."""
    above, below = room_floor(importer), room_floor(target)
    return above is None or below is None or above > below


def is_test_file(name: str) -> bool:
    """Whether pytest collects this module."""
    return name.rpartition(".")[2].startswith("test_")


def explained_by_start_up(module: Module, line: int) -> bool:
    """Whether a comment on this line, or on the one above, gives start-up as the reason."""
    return any("start-up" in text.partition("#")[2] for text in module.lines[max(0, line - 2) : line])


def undocumented(module: Module) -> Iterator[tuple[str, int]]:
    """The module itself and every public name in it that says nothing, with its line."""
    if ast.get_docstring(module.tree) is None:
        yield "the module", 1
    yield from undocumented_names(module.tree, "")


def undocumented_names(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    """Public classes, functions and methods without a docstring. What a function defines is its own affair."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | FunctionNode):
            if not isinstance(child, ast.expr):
                yield from undocumented_names(child, prefix)
            continue
        if is_private(child.name) or is_part_of_another(child):
            continue
        if ast.get_docstring(child) is None:
            yield prefix + child.name, child.lineno
        if isinstance(child, ast.ClassDef):
            yield from undocumented_names(child, f"{prefix}{child.name}.")


def is_private(name: str) -> bool:
    """An underscore in front: what is not ours to promise, and dunder methods, which mean what Python says."""
    return name.startswith("_") and name != "__main__"


def is_part_of_another(node: ast.ClassDef | FunctionNode) -> bool:
    """An overload belongs to the function it stands before, a setter to its property."""
    return any(
        ast.unparse(decorator).rpartition(".")[2] in {"overload", "setter", "deleter"}
        for decorator in node.decorator_list
    )


def uses_of_time_and_chance(module: Module) -> Iterator[tuple[str, int]]:
    """Every place that could ask for the time or for a random number, and what it uses."""
    for imported in module.imports:
        if imported.module in TIME_AND_CHANCE:
            yield f"imports {imported.module}", imported.line
        elif (imported.module, imported.name) == ("asyncio", "sleep"):
            yield "imports asyncio.sleep", imported.line
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="asyncio"), attr="sleep"):
                yield "uses asyncio.sleep", node.lineno
            case ast.Attribute(value=owner, attr="time") if "loop" in ast.unparse(owner).rpartition(".")[2]:
                yield "asks the event loop for the time", node.lineno
            case ast.Attribute(value=owner, attr="now" | "utcnow" | "today") if names_a_date(owner):
                yield "asks datetime for the time", node.lineno
            case _:
                pass


def decided_words(module: Module) -> Iterator[tuple[str, int]]:
    """Every place that compares something with a word of the decision tables."""
    for node in ast.walk(module.tree):
        match node:
            case ast.Compare(left=left, comparators=others):
                compared = [left, *others]
            case ast.MatchValue(value=value):
                compared = [value]
            case _:
                continue
        for constant in (part for one in compared for part in ast.walk(one)):
            match constant:
                case ast.Constant(value=str(word)) if word in DECIDED_WORDS:
                    yield word, constant.lineno
                case _:
                    pass


def names_a_date(owner: ast.expr) -> bool:
    """Whether this is the class that `datetime.datetime.now()` and `date.today()` ask."""
    return ast.unparse(owner).rpartition(".")[2] in {"datetime", "date"}
