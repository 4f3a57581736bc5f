"""The catalogue is complete, and all references to it name existing rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.conformance.catalogue import (
    DECISIONS,
    applicable_rows,
    every_mark,
    every_row,
    rejected_rows,
)

MOST_REJECTED = 12


def test_594_rows_apply() -> None:
    assert sum(row.applies for row in every_row()) == 594


def test_every_row_says_whether_it_applies() -> None:
    assert [row for row in every_row() if not row.applies and not row.port.startswith("no:")] == []


def test_each_id_has_one_row() -> None:
    assert [row_id for row_id, times in Counter(row.id for row in every_row()).items() if times > 1] == []


def test_every_mark_names_a_row_that_applies() -> None:
    rows = applicable_rows()
    wrong = [f"{mark.place}: {mark.id or 'write the id out'}" for mark in every_mark() if mark.id not in rows]
    assert not wrong, "\n".join(["no row that applies has these ids:", *wrong])


def test_marks_are_found(tmp_path: Path) -> None:
    source = '@pytest.mark.otp("GS-001", "GS-002")\n@pytest.mark.otp(computed)\ndef test_one(): ...\n'
    (tmp_path / "test_one.py").write_text(source, encoding="utf-8")
    assert [mark.id for mark in every_mark(tmp_path)] == ["GS-001", "GS-002", None]


def test_every_rejected_row_applies_and_has_its_decision() -> None:
    rows = applicable_rows()
    for row_id, page in rejected_rows().items():
        assert row_id in rows, f"{row_id} does not apply: there is nothing to reject"
        assert page, f"{row_id} names no decision"
        assert (DECISIONS / page).is_file(), f"{row_id} is rejected by a page that is not there: {page}"


def test_no_test_proves_a_rejected_row() -> None:
    rejected = rejected_rows()
    assert [mark for mark in every_mark() if mark.id in rejected] == []


def test_few_rows_are_rejected() -> None:
    assert len(rejected_rows()) <= MOST_REJECTED


def test_a_rejected_row_is_read_with_its_page(tmp_path: Path) -> None:
    table = tmp_path / "rejected.md"
    table.write_text("| id | decision |\n| --- | --- |\n| GS-001 | 0001-tools.md |\n", encoding="utf-8")
    assert rejected_rows(table) == {"GS-001": "0001-tools.md"}
