"""What a list shows is its URL: filters and the keyset cursor, parsed once, kept by every link."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlencode

# filter name → its possible values; None takes any text
Allowed = Mapping[str, frozenset[str] | None]


@dataclass(frozen=True, slots=True)
class QueryState:
    """`chosen` maps a filter's name to its values: OR inside a filter, AND across filters."""

    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    before: str | None = None

    @classmethod
    def parse(cls, lists: Iterable[tuple[str, list[str]]], *, allowed: Allowed) -> "QueryState":
        """From `QueryDict.lists()`; a value that `allowed` does not know is dropped."""
        given = dict(lists)
        chosen = {name: _known(given.get(name, []), values) for name, values in allowed.items()}
        before = (given.get("before") or [""])[0]
        return cls(MappingProxyType({name: values for name, values in chosen.items() if values}), before or None)

    def first(self, name: str) -> str:
        return next(iter(self.chosen.get(name, ())), "")

    def values(self, name: str) -> tuple[str, ...]:
        return self.chosen.get(name, ())

    @property
    def filtered(self) -> bool:
        return bool(self.chosen)

    def older(self, cursor: str) -> str:
        """The query string of the next page: the same filters, below the cursor."""
        return self._encode({**self.chosen, "before": (cursor,)})

    def with_only(self, name: str, value: str) -> str:
        """The query string of the first page with this one value in the place of the filter's own."""
        return self._encode({**self.chosen, name: (value,)})

    def newest(self) -> str:
        return self._encode(self.chosen)

    def __str__(self) -> str:
        return self.older(self.before) if self.before else self.newest()

    @staticmethod
    def _encode(chosen: Mapping[str, tuple[str, ...]]) -> str:
        encoded = urlencode([(name, value) for name, values in sorted(chosen.items()) for value in values])
        return f"?{encoded}" if encoded else "?"


def _known(given: list[str], values: frozenset[str] | None) -> tuple[str, ...]:
    clean = dict.fromkeys(value.strip() for value in given if value.strip())
    return tuple(value for value in clean if values is None or value in values)
