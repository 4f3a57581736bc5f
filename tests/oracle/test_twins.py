"""Every twin prints what its scenario printed on the real BEAM, but for the lines that it names."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.oracle.twin import Block, Twin, transcript

TWINS: list[Twin] = [
    importlib.import_module(f"tests.oracle.twins.{file.stem}").twin
    for file in sorted((Path(__file__).parent / "twins").glob("[0-9]*.py"))
]
ORDERS = (None, 1, 4, 7)  # as it comes, and as three seeds shuffle it
BLOCKS = [
    pytest.param(
        twin,
        block,
        seed,
        id=f"{twin.scenario[:2]}: {block.title}" + (f", seed {seed}" if seed else ""),
        marks=[pytest.mark.skip(reason=f"open until there is {block.needs}")] if block.needs else [],
    )
    for twin in TWINS
    for block in twin.blocks
    for seed in ((None,) if block.raced or block.needs else ORDERS)
]


@pytest.mark.parametrize(("twin", "block", "seed"), BLOCKS)
def test_block(twin: Twin, block: Block, seed: int | None) -> None:
    """A block prints the lines of the transcript, in whatever order its processes run."""
    twin.check(block, seed)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.scenario)
def test_blocks_are_all_there(twin: Twin) -> None:
    """A twin has the blocks of its scenario, all of them, in their order; what it names as different is there."""
    assert [block.title for block in twin.blocks] == list(transcript(twin.scenario))
    for difference in twin.differences:
        twin.expected(difference.title)
