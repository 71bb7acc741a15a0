"""What holds on every page: accessible in both themes, reflows at 320 px, quiet under the policy."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.browser

PAGES = ["/o/a/", "/o/a/halts/", "/o/a/nothing/", "/o/a/admin/", "/"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(visit: Callable, world: SimpleNamespace, theme: str) -> None:
    visitor = visit(world.a.alice, theme=theme)
    found = {}
    for path in PAGES:
        visitor.open(path)
        found[path] = visitor.accessibility()
    visitor.complaints = [said for said in visitor.complaints if "404" not in said]
    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_the_way_in(visit: Callable, theme: str) -> None:
    visitor = visit(None, theme=theme)
    visitor.open("/login/")
    assert visitor.accessibility() == []


def test_every_page_reflows_at_320_pixels(visit: Callable, world: SimpleNamespace) -> None:
    visitor = visit(world.a.alice, width=320)
    wider = {path: visitor.widest() for path in PAGES if visitor.open(path)}
    assert {path: pixels for path, pixels in wider.items() if pixels > 0} == {}
