"""Rules for the prose of the source: docstrings, comments and the strings that people read.

They keep out patterns that a reader has to read twice; they cannot make a sentence good. They apply to the whole
package, except for what `NOT_YET` lists.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from tests.architecture.source import FunctionNode, Module, Package

# The parts of the package whose prose is not held to these rules: none today. A part is a folder or a module, as a dotted
# name below the package.
NOT_YET: tuple[str, ...] = ()

# The folders of the tests to which the rules for tests apply.
PLAIN_TESTS: tuple[str, ...] = (
    "architecture",
    "cli",
    "conformance",
    "installs",
    "mutants",
    "ops",
    "oracle",
    "program",
    "simulation",
    "snippets",
    "testing",
    "typing",
)

FEWEST_WORDS = 4

# A word or phrase that is not used, and what a technical writer says instead.
INSTEAD = {
    r"whoever|whomever|somebody|nobody|everybody|anybody|those who": "name the role: caller, starter, supervisor",
    r"told": "raised, reported, returned, sent, notified",
    r"hears? of|heard of": "is notified of, receives",
    r"of ours": "internal, of regrow",
    r"of (?:its|their|his) own": "separate, private",
    r"(?:goes|go|going) on as": "becomes, continues with",
    r"dear": "expensive, slow",
    r"in vain": "without effect, unsuccessfully",
    r"round it": "around it",
}
DIALECT = [(re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), advice) for pattern, advice in INSTEAD.items()]
# More words to avoid in tests; in a message of the source some of them may be right.
DIALECT_OF_TESTS = [
    (re.compile(r"\b(?:tells?|hears?|heard|ours|theirs|anew|borne)\b", re.IGNORECASE), "say who sends or reports what"),
]

# "What a task ends with", "With what it ends", "Which task is done, and how": a relative clause as a sentence.
FREE_RELATIVE = re.compile(
    r"(?:(?:as|at|by|for|from|in|of|on|to|under|with) (?:what|which|whom|whose)|what|which|who|whom|whose|how|why)\b",
    re.IGNORECASE,
)
LEANS_ON_ANOTHER = re.compile(r"the same\b|as (?:of )?`", re.IGNORECASE)
CODE = re.compile(r"`[^`]*`")


class Text(NamedTuple):
    """A piece of prose in a module, and the line where it begins."""

    line: int
    text: str


def docstrings_stand_alone(package: Package) -> list[str]:
    """A public docstring can be read without its neighbours: no "The same, …", no "As `get`", at least four words."""
    return [
        f"{module.at(found.line)}: {first_line(found.text)!r}: {complaint}"
        for module in source_modules(package)
        for found in docstrings_of(module, public=True)
        if (complaint := leaning(found.text)) is not None
    ]


def docstrings_are_sentences(package: Package) -> list[str]:
    """A docstring is a main clause or a noun phrase, not a relative clause alone ("With what …", "Which …, and how")."""
    return [
        f"{module.at(found.line)}: {first_line(found.text)!r}: begin with a verb (Return …, Report …) or a noun"
        for module in source_modules(package)
        for found in docstrings_of(module, public=False)
        if FREE_RELATIVE.match(found.text)
    ]


def plain_words(package: Package) -> list[str]:
    """Docstrings, comments and messages use plain technical English, and name roles."""
    return [
        f"{module.at(line)}: {word!r}: {advice}"
        for module in source_modules(package)
        for line, word, advice in dialect_words(module)
    ]


def plain_tests(package: Package) -> list[str]:
    """The names, docstrings and comments of tests are plain English, and no docstring is a relative clause alone."""
    modules = plain_modules(package, PLAIN_TESTS)
    return [
        f"{module.at(line)}: {word!r}: {advice}" for module in modules for line, word, advice in words_of_tests(module)
    ] + [
        f"{module.at(found.line)}: {first_line(found.text)!r}: begin with a verb (Return …, Report …) or a noun"
        for module in modules
        for found in docstrings_of(module, public=False)
        if FREE_RELATIVE.match(found.text)
    ]


def source_modules(package: Package) -> list[Module]:
    """Return the modules to which the rules for the source apply."""
    not_yet = {module.name for module in plain_modules(package, NOT_YET)}
    return [module for module in package.modules.values() if module.name not in not_yet]


def plain_modules(package: Package, parts: tuple[str, ...]) -> list[Module]:
    """Return the modules in these parts of a package."""
    return [
        module
        for module in package.modules.values()
        for name in [module.name.removeprefix(package.name).removeprefix(".")]
        if any(name == part or name.startswith(f"{part}.") for part in parts)
    ]


def leaning(docstring: str) -> str | None:
    """Return what is wrong with a public docstring that does not stand alone; None for one that does."""
    if LEANS_ON_ANOTHER.match(docstring):
        return "say the whole of it, for a reader who has not read its neighbour"
    if len(docstring.split()) < FEWEST_WORDS:
        return f"fewer than {FEWEST_WORDS} words"
    return None


def dialect_words(module: Module) -> Iterator[tuple[int, str, str]]:
    """Yield each word to avoid: its line, the word, and what to write instead."""
    yield from words_in([*docstrings_of(module, public=False), *comments_of(module), *strings_of(module)], DIALECT)


def words_of_tests(module: Module) -> Iterator[tuple[int, str, str]]:
    """Yield each word to avoid in the names, docstrings and comments of a module of tests. Strings are test data."""
    texts = [*names_of_tests(module), *docstrings_of(module, public=False), *comments_of(module)]
    yield from words_in(texts, [*DIALECT, *DIALECT_OF_TESTS])


def words_in(texts: list[Text], dialect: list[tuple[re.Pattern[str], str]]) -> Iterator[tuple[int, str, str]]:
    """Yield each word to avoid in some texts: its line, the word, and what to write instead."""
    for line, text in texts:
        # Code may use any name; blanks of the same length keep the lines right.
        prose = CODE.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
        for pattern, advice in dialect:
            for match in pattern.finditer(prose):
                yield line + prose.count("\n", 0, match.start()), match[0], advice


def docstrings_of(module: Module, *, public: bool) -> Iterator[Text]:
    """Yield the docstrings of a module, its classes and functions; with `public`, only those of public names."""
    yield from docstrings_below(module.tree, public)


def docstrings_below(node: ast.AST, public: bool) -> Iterator[Text]:
    """Yield the docstrings of a node and of all nodes in it. Definitions within a function are not public."""
    match node:
        case (
            ast.Module(body=body)
            | ast.ClassDef(body=body)
            | ast.FunctionDef(body=body)
            | ast.AsyncFunctionDef(body=body)
        ):
            match body:
                case [ast.Expr(value=ast.Constant(value=str(text)) as constant), *_]:
                    yield Text(constant.lineno, text)
                case _:
                    pass
        case _:
            pass
    if public and isinstance(node, FunctionNode):
        return
    for child in ast.iter_child_nodes(node):
        name = getattr(child, "name", None)
        if not (public and isinstance(name, str) and name.startswith("_")):
            yield from docstrings_below(child, public)


def comments_of(module: Module) -> Iterator[Text]:
    """Yield the comments, without those for tools."""
    source = "\n".join(module.lines) + "\n"
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not re.match(r"#\s*(?:type|pyright|noqa|pragma)\b", token.string):
            yield Text(token.start[0], token.string)


def names_of_tests(module: Module) -> Iterator[Text]:
    """Yield the names of the tests as sentences, with blanks for underscores."""
    for node in ast.walk(module.tree):
        if isinstance(node, FunctionNode) and node.name.startswith("test_"):
            yield Text(node.lineno, node.name.replace("_", " "))


def strings_of(module: Module) -> Iterator[Text]:
    """Yield the strings that a person may read: those of more than one word, and the parts of f-strings."""
    known = {(found.line, found.text) for found in docstrings_of(module, public=False)}
    for node in ast.walk(module.tree):
        match node:
            case ast.Constant(value=str(text)) if " " in text and (node.lineno, text) not in known:
                yield Text(node.lineno, text)
            case _:
                pass


def first_line(docstring: str) -> str:
    """Return the beginning of a docstring."""
    return docstring.strip().partition("\n")[0][:60]
