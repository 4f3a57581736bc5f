"""The pictures in docs/pictures are the scenes of website/terminal.py, and pages can show them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from website.check import file_loads

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
SCENES = re.findall(
    r'^    "(\w+)": Scene\(', (ROOT / "website" / "terminal.py").read_text(encoding="utf-8"), re.MULTILINE
)


def test_each_picture_has_a_scene_and_is_shown_on_a_page() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    shown = set(re.findall(r"pictures/(\w+)\.svg\)", "\n".join(page.read_text(encoding="utf-8") for page in pages)))
    assert set(SCENES) == {path.stem for path in PICTURES.iterdir()} == shown


@pytest.mark.parametrize("name", SCENES)
def test_picture_is_small_and_loads_nothing(name: str) -> None:
    text = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("svg")
    assert list(file_loads(".svg", text)) == []
    assert len(text) < 40_000


@pytest.mark.parametrize("name", SCENES)
def test_picture_has_no_path_of_a_machine(name: str) -> None:
    text = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    assert re.findall(r"[\s>&;](/(?:home|root|tmp|Users|work)\S*)", text) == []
