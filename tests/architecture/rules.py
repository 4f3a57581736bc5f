"""The rules for the source. Each rule returns a complaint for each place that breaks it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter

from tests.architecture.owners import mailboxes_have_one_owner
from tests.architecture.prose import docstrings_are_sentences, docstrings_stand_alone, plain_tests, plain_words
from tests.architecture.source import FunctionNode, Module, Package

Rule = Callable[[Package], list[str]]

LONGEST_MODULE = 500
LONGEST_FUNCTION = 60

# From the ground up; layers on one floor do not import each other. The modules in the package's folder are its front:
# they show the interface, so they may import everything, and only the top floor imports them.
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

# Only these modules use the time or random numbers, so that a test can replace both.
ASKS_FOR_TIME = {"kernel.clock", "kernel.schedule"}
TIME_AND_CHANCE = {"time", "random", "secrets", "uuid"}

# The tables, which every supervisor uses, decide what these words mean for a child. The class of specs checks which
# words a spec may have. The start types of applications share three of the words, with other meanings.
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
    """Modules that import each other can only be read together, also if one needs the other for its types alone.

    An import in a function does not count here: `no_hidden_imports` asks for its reason.
    """
    graph = {
        module.name: {
            target
            for target, imported in package.own_imports(module)
            if target != module.name and not imported.in_function
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
    """Each public name has a docstring."""
    return [
        f"{module.at(line)}: {name} has no docstring"
        for module in package.modules.values()
        if not is_private(module.name.rpartition(".")[2])
        for name, line in undocumented(module)
    ]


def module_length(package: Package) -> list[str]:
    """A module can be read at one sitting."""
    return [
        f"{module.path}: {len(module.lines)} lines, more than {LONGEST_MODULE}"
        for module in package.modules.values()
        if len(module.lines) > LONGEST_MODULE
    ]


def no_test_imports_a_test(package: Package) -> list[str]:
    """A test file can be read, moved and run alone; helpers of several files are in a module beside them."""
    return [
        f"{module.at(imported.line)}: imports {target}, which is a file of tests"
        for module in package.modules.values()
        for target, imported in package.own_imports(module)
        if is_test_file(target)
    ]


def function_length(package: Package) -> list[str]:
    """A function fits on a screen."""
    return [
        f"{module.at(node.lineno)}: {node.name} has {length} lines, more than {LONGEST_FUNCTION}"
        for module in package.modules.values()
        for node in ast.walk(module.tree)
        if isinstance(node, FunctionNode)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]


def time_and_chance(package: Package) -> list[str]:
    """The kernel and the behaviours take time and order only from the clock and the scheduler."""
    return [
        f"{module.at(line)}: {what}; ask the node's clock or scheduler"
        for module in package.modules.values()
        if layer_of(package, module.name) in {"kernel", "behaviours"}
        if module.name.removeprefix(f"{package.name}.") not in ASKS_FOR_TIME
        for what, line in uses_of_time_and_chance(module)
    ]


def no_weak_references(package: Package) -> list[str]:
    """The collector decides when a weak reference is cleared: two runs with one seed would differ."""
    return [
        f"{module.at(imported.line)}: imports {imported.module}"
        for module in package.modules.values()
        if layer_of(package, module.name) == "kernel"
        for imported in module.imports
        if imported.module in {"weakref", "_weakref"}
    ]


def decisions_in_tables(package: Package) -> list[str]:
    """Only the tables decide on restart types, strategies and shutdowns."""
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


# The rules for the source of the tests.
RULES_OF_TESTS: list[Rule] = [module_length, no_test_imports_a_test, plain_tests]


# Helpers of the rules


def layer_of(package: Package, name: str) -> str:
    """Return the folder of a module. A file beside the folders belongs to the front, unless it is a whole layer."""
    parts = name.split(".")
    if len(parts) == 1:
        return FRONT
    is_file = len(parts) == 2 and name in package.modules and not package.modules[name].is_package
    return FRONT if is_file and floor_of(parts[1]) is None else parts[1]


def floor_of(layer: str) -> int | None:
    """Return the floor of a layer, counted from the ground; None for a folder that is no layer."""
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
    # `known_layers` reports a folder without a floor.
    return above is None or below is None or above > below


def room_of(package: Package, name: str) -> str | None:
    """Return the folder of the behaviours that a module is in; None for other modules."""
    parts = name.removeprefix(f"{package.name}.").split(".")
    return parts[1] if parts[0] == "behaviours" and len(parts) > 1 else None


def room_floor(room: str | None) -> int | None:
    """Return the floor of a room, counted from the ground; None for an unknown room."""
    return next((floor for floor, names in enumerate(ROOMS) if room in names), None)


def is_below(target: str | None, importer: str) -> bool:
    """Whether a room is on a lower floor, or has none, which `known_rooms` reports."""
    above, below = room_floor(importer), room_floor(target)
    return above is None or below is None or above > below


def is_test_file(name: str) -> bool:
    """Whether pytest collects this module."""
    return name.rpartition(".")[2].startswith("test_")


def explained_by_start_up(module: Module, line: int) -> bool:
    """Whether a comment on this line, or on the one above, gives start-up as the reason."""
    return any("start-up" in text.partition("#")[2] for text in module.lines[max(0, line - 2) : line])


def undocumented(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the module and each public name in it without a docstring, with the line."""
    if ast.get_docstring(module.tree) is None:
        yield "the module", 1
    yield from undocumented_names(module.tree, "")


def undocumented_names(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield public classes, functions and methods without a docstring; definitions within functions do not count."""
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
    """Whether a name begins with an underscore; this includes dunder methods, which Python documents."""
    return name.startswith("_") and name != "__main__"


def is_part_of_another(node: ast.ClassDef | FunctionNode) -> bool:
    """Whether a definition is an overload of a function, or a setter or deleter of a property."""
    return any(
        ast.unparse(decorator).rpartition(".")[2] in {"overload", "setter", "deleter"}
        for decorator in node.decorator_list
    )


def uses_of_time_and_chance(module: Module) -> Iterator[tuple[str, int]]:
    """Yield each use of the time or of random numbers, with its line."""
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
    """Yield each word of the decision tables that is compared with, and its line."""
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
