"""What the providers' protocols have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Refusal(Exception):
    """An answer with an error status; the provider's module gives it the provider's shape."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def flatten(content: Any) -> str:
    """Text of a message whose content is a string or a list of typed parts."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text", "")) for part in content or [] if isinstance(part, dict))


def required(body: dict[str, Any], names: Iterable[str]) -> None:
    missing = next((name for name in names if not body.get(name)), None)
    if missing:
        raise Refusal(400, f"{missing}: Field required", "missing_required_parameter")
