"""Every twin prints the lines that its scenario printed on the real BEAM, except for named differences."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.oracle.twin import Block, Twin, transcript

TWINS: list[Twin] = [
    importlib.import_module(f"tests.oracle.twins.{file.stem}").twin
    for file in sorted((Path(__file__).parent / "twins").glob("[0-9]*.py"))
]
ORDERS = (None, 1, 4, 7)  # the ordinary order, and the orders of three seeds
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
def test_block_prints_the_transcript(twin: Twin, block: Block, seed: int | None) -> None:
    """A block prints the lines of the transcript, in any order of its processes."""
    twin.check(block, seed)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.scenario)
def test_twin_has_all_blocks(twin: Twin) -> None:
    """A twin has all blocks of its scenario in order, and its named differences exist."""
    assert [block.title for block in twin.blocks] == list(transcript(twin.scenario))
    for difference in twin.differences:
        twin.expected(difference.title)
