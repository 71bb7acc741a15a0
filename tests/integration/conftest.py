"""Whatever these suites make the product do, it leaves its events."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import leaving

WATCHED = frozenset({"approvals", "metering", "tenants"})


@pytest.fixture(autouse=True)
def every_verb_leaves_its_event(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which a verb changed rows of business and left no event in the same transaction."""
    if Path(request.node.path).parent.name not in WATCHED:
        yield
        return
    with leaving.watching(monkeypatch) as found:
        yield
    assert found == {}, "record an event, or say in tests/leaving.py why there is none"
