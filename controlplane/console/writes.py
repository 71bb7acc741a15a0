"""What a call did to its target: fields before and after, and how it would be or was undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.access import Images
from connectors.models import ToolCall
from controlplane.console import diffs


@dataclass(frozen=True, slots=True)
class Shown:
    call: ToolCall
    changes: tuple[diffs.Change, ...]
    unchanged: int
    images: Images


def shown(call: ToolCall, images: Images) -> Shown:
    changes, unchanged = diffs.between(readable(images.before), readable(images.after))
    return Shown(call, changes, unchanged, images)


def readable(image: Mapping[str, Any] | None) -> dict[str, Any]:
    """A record as people know it: where a driver kept the displayed value of a field beside the stored one."""
    fields = dict(image or {})
    displayed = fields.pop("display", None)
    return {**fields, **displayed} if isinstance(displayed, Mapping) else fields
