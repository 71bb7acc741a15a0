"""Block Kit limits that the vendor enforces with `invalid_blocks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Block = dict[str, Any]
MAX_BLOCKS = 50


def problem(blocks: Any) -> str | None:
    """The first thing wrong, in words; None when the blocks would be accepted."""
    if not isinstance(blocks, list):
        return "blocks is not an array"
    if len(blocks) > MAX_BLOCKS:
        return f"no more than {MAX_BLOCKS} items allowed [blocks]"
    return next(filter(None, (_block(block, f"/blocks/{n}") for n, block in enumerate(blocks))), None)


def _block(block: Any, at: str) -> str | None:
    check = CHECKS.get(block.get("type", "")) if isinstance(block, dict) else None
    if check is None:
        return f"unsupported type [{at}]"
    if len(str(block.get("block_id", ""))) > 255:
        return f"block_id is longer than 255 characters [{at}]"
    return check(block, at)


def _text(text: Any, limit: int, at: str, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> str | None:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return f"a text object of {' or '.join(kinds)} is expected [{at}]"
    length = len(str(text.get("text", "")))
    return None if 0 < length <= limit else f"text must be 1 to {limit} characters, is {length} [{at}]"


def _header(block: Block, at: str) -> str | None:
    return _text(block.get("text"), 150, at, ("plain_text",))


def _section(block: Block, at: str) -> str | None:
    fields = block.get("fields", [])
    if "text" not in block and not fields:
        return f"text or fields is required [{at}]"
    if len(fields) > 10:
        return f"no more than 10 items allowed [{at}/fields]"
    wrong = [_text(block["text"], 3000, at)] if "text" in block else []
    wrong += [_text(cell, 2000, f"{at}/fields/{n}") for n, cell in enumerate(fields)]
    return next(filter(None, wrong), None)


def _actions(block: Block, at: str) -> str | None:
    elements = block.get("elements", [])
    if not 0 < len(elements) <= 25:
        return f"1 to 25 elements are expected [{at}]"
    return next(filter(None, (_button(element, at) for element in elements)), None)


def _button(element: Block, at: str) -> str | None:
    if element.get("type") != "button":
        return None
    if len(str(element.get("value", ""))) > 2000 or len(str(element.get("action_id", ""))) > 255:
        return f"value or action_id is too long [{at}]"
    return _text(element.get("text"), 75, at, ("plain_text",))


def _context(block: Block, at: str) -> str | None:
    elements = block.get("elements", [])
    return None if 0 < len(elements) <= 10 else f"1 to 10 elements are expected [{at}]"


def _anything(_block: Block, _at: str) -> str | None:
    return None


CHECKS: dict[str, Callable[[Block, str], str | None]] = {
    "header": _header,
    "section": _section,
    "actions": _actions,
    "context": _context,
    "divider": _anything,
    "input": _anything,
    "rich_text": _anything,
    "markdown": _anything,
    "image": _anything,
}
