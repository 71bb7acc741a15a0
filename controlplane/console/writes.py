"""What a call did to its target: fields before and after, and how it would be or was undone."""

from dataclasses import dataclass

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
    changes, unchanged = diffs.between(images.before, images.after)
    return Shown(call, changes, unchanged, images)
