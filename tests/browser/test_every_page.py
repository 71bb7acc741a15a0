"""What holds on every page: accessible in both themes, reflows at 320 px, quiet under the policy."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from tests.asking import ask

pytestmark = pytest.mark.browser

PAGES = [
    "/",
    "/o/a/",
    "/o/a/approvals/",
    "/o/a/approvals/?show=all",
    "/o/a/costs/",
    "/o/a/halts/",
    "/o/a/nothing/",
    "/o/a/admin/",
]


@pytest.fixture
def pages(server: str, world: SimpleNamespace) -> list[str]:
    """Every page: empty ones, and one with a question on it."""
    return [*PAGES, f"/o/a/approvals/{ask(world).id}/"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(visit: Callable, world: SimpleNamespace, pages: list[str], theme: str) -> None:
    found = {}
    for user in (world.a.alice, world.a.bob):
        visitor = visit(user, theme=theme)
        for path in pages:
            visitor.open(path)
            found[user.username, path] = visitor.accessibility()
    assert {where: said for where, said in found.items() if said} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_in(visit: Callable, theme: str) -> None:
    visitor = visit(None, theme=theme)
    visitor.open("/login/")
    assert visitor.accessibility() == []


def test_every_page_reflows_at_320_pixels(visit: Callable, world: SimpleNamespace, pages: list[str]) -> None:
    visitor = visit(world.a.bob, width=320)
    wider = {path: visitor.widest() for path in pages if visitor.open(path)}
    assert {path: pixels for path, pixels in wider.items() if pixels > 0} == {}
