"""Reading the environment. Every bad value is collected, then start-up is refused with one sentence each."""

import base64
import binascii
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class Misconfigured(SystemExit):
    """Start-up is refused: the message names every value that is missing or malformed, and what it should be."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Interlock does not start:\n" + "\n".join(f"  - {p}" for p in problems))


class Environment:
    def __init__(self, values: dict[str, str] | None = None) -> None:
        self._values = dict(os.environ) if values is None else values
        self._problems: list[str] = []

    def refuse(self, problem: str) -> None:
        self._problems.append(problem)

    def check(self) -> None:
        """Raise `Misconfigured` if any value read so far was wrong."""
        if self._problems:
            raise Misconfigured(self._problems)

    def text(self, name: str, default: str = "") -> str:
        return self._values.get(name, "").strip() or default

    def flag(self, name: str, *, default: bool) -> bool:
        return self._read(name, default, _flag, "must be 1 or 0 (also true/false, yes/no)")

    def integer(self, name: str, default: int, *, at_least: int, at_most: int) -> int:
        def parse(raw: str) -> int:
            number = int(raw)
            if not at_least <= number <= at_most:
                raise ValueError(raw)
            return number

        return self._read(name, default, parse, f"must be a whole number from {at_least} to {at_most}")

    def names(self, name: str, default: list[str]) -> list[str]:
        raw = self.text(name)
        return [part.strip() for part in raw.split(",") if part.strip()] if raw else default

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            self.refuse(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
        return value

    def folder(self, name: str, default: Path) -> Path:
        return Path(self.text(name, str(default))).expanduser().absolute()

    def secret_bytes(self, name: str, length: int) -> bytes | None:
        """A base64 secret of exactly `length` bytes, or None when unset."""

        def parse(raw: str) -> bytes:
            value = base64.b64decode(raw, validate=True)
            if len(value) != length:
                raise ValueError(raw)
            return value

        return self._read(name, None, parse, f"must be {length} bytes in base64")

    def _read(self, name: str, default: T, parse: Callable[[str], T], rule: str) -> T:
        raw = self.text(name)
        if not raw:
            return default
        try:
            return parse(raw)
        except (ValueError, binascii.Error):
            self.refuse(f"{name} {rule}")
            return default


def _flag(raw: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if raw.lower() not in known:
        raise ValueError(raw)
    return known[raw.lower()]
