"""What halt triggers look at and what they see there. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watch:
    """`kind` and `value` narrow what is measured (empty: each one); `minimum`: of how many calls at least."""

    kind: str
    value: str
    minimum: int


@dataclass(frozen=True, slots=True)
class Reading:
    """`level` is compared with the threshold; `scope_kind` and `scope_value` are what a halt would cover."""

    scope_kind: str
    scope_value: str
    level: int
    words: str
