"""The text of a signed bundle, line by line: where the reasons of decisions point."""

from collections.abc import Mapping
from typing import Any, ClassVar

from controlplane.console.inert import inert
from controlplane.console.pages import Page
from controlplane.console.querystate import Allowed
from controlplane.lib.errors import NotFound
from policies import explaining, packs


class BundleSource(Page):
    template_name = "console/bundle.html"
    here = "policies"
    filters: ClassVar[Allowed] = {"module": None}

    def context(self) -> dict[str, Any]:
        bundle, modules = explaining.sources(self.actor, self.row_id)
        path = self.query.first("module") or _first(modules)
        if path not in modules:
            raise NotFound
        listed = sorted(modules, key=lambda each: (is_ours(each), each))
        return {
            "bundle": bundle,
            "modules": [(each, is_ours(each)) for each in listed],
            "path": path,
            "lines": lines(modules[path]),
        }


def is_ours(path: str) -> bool:
    """Whether a module comes with Interlock: in every bundle, written by no tenant."""
    return path in packs.platform_modules()


def lines(source: str) -> list[str]:
    """Lines as the engine counts them, made safe to read: an author is outside, too."""
    return [inert(line) for line in source.replace("\r\n", "\n").split("\n")]


def _first(modules: Mapping[str, str]) -> str:
    return min(modules, key=lambda path: (is_ours(path), path), default="")
