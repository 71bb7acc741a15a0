"""Orders to a process under test and its proofs, as files: what to do to oneself on reaching a fault point.

An order lies in the folder of its run until a process reaches the point; whoever takes it (an atomic rename) does
it once, after its proof is on disk. Standard library only: the processes under test read this before Django.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

ANYBODY = "anybody"
"""The run of an order that strikes whoever gets to its point first."""


class Deed(StrEnum):
    """What a process does to itself. `NOTE` only proves that the point was reached."""

    KILL = "kill"
    STOP = "stop"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Order:
    """`facts` narrow the moment (tool, lane, step …); `skip` lets so many matching moments pass."""

    case: str
    run: str
    point: str
    deed: Deed
    facts: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Proof:
    """`at`: seconds since 1970, of the moment that the point was reached by process `pid`."""

    case: str
    point: str
    deed: Deed
    pid: int
    at: float
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Orders:
    """The folder that the runner and the processes share."""

    folder: Path

    def give(self, order: Order) -> None:
        place = self.folder / "orders" / order.run
        place.mkdir(parents=True, exist_ok=True)
        _write(place / f"{order.case}.json", asdict(order))

    def for_runs(self, runs: set[str]) -> Iterator[tuple[Path, Order]]:
        """What is ordered for any of these runs; looks only, so it is cheap where nothing is ordered."""
        for run in runs:
            place = self.folder / "orders" / run
            if place.is_dir():
                for path in sorted(place.glob("*.json")):
                    order = _read(path)
                    if order is not None:
                        yield path, Order(**order)

    def take(self, path: Path, order: Order, *, at: float, facts: Mapping[str, str]) -> bool:
        """Pass once more, or make the order ours and prove it; True when the deed is to be done now."""
        if order.skip > 0:
            _write(path, {**asdict(order), "skip": order.skip - 1})
            return False
        claimed = path.with_suffix(f".{os.getpid()}")
        try:
            path.rename(claimed)
        except FileNotFoundError:
            return False
        proof = Proof(order.case, order.point, order.deed, os.getpid(), at, dict(facts))
        _write(self.folder / "proofs" / f"{order.case}.json", asdict(proof))
        return True

    def proof(self, case: str) -> Proof | None:
        found = _read(self.folder / "proofs" / f"{case}.json")
        return Proof(**found) if found is not None else None

    def prepare(self) -> None:
        for name in ("orders", "proofs", "pids"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Whole and on disk before anything else happens."""
    draft = path.with_suffix(f".draft{os.getpid()}")
    with draft.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return content
