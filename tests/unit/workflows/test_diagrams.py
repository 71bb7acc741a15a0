"""The document shows the states that the code has."""

from pathlib import Path

import pytest

from workflows.diagrams import DIAGRAMS, main, updated
from workflows.types import RUN_MOVES

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "engine.md"


def test_the_document_is_up_to_date():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert updated(text) == text, "run: python -m workflows.diagrams docs/engine.md"


@pytest.mark.parametrize("name", DIAGRAMS)
def test_the_document_shows_every_diagram(name):
    assert f"<!-- diagram: {name} -->" in DOCUMENT.read_text(encoding="utf-8")


def test_every_transition_is_an_arrow():
    drawn = DIAGRAMS["runs"]()
    for old, onward in RUN_MOVES.items():
        for new in onward:
            assert f"    {old} --> {new}\n" in drawn


def test_an_old_diagram_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- diagram: runs -->\nold\n<!-- end -->\nb\n")
    main(page)
    assert "old" not in page.read_text()
    assert page.read_text().startswith("a\n<!-- diagram: runs -->\n```mermaid")
    assert page.read_text().endswith("<!-- end -->\nb\n")
