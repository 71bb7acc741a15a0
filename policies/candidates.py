"""What a draft would make of the policy of its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.lib.canonical import digest
from policies import publishing, simulation
from policies.models import Draft
from policies.types import PackSource


@dataclass(frozen=True, slots=True)
class Candidate:
    """`seq` and `standing`: what is active now; `packs`: what would be; `pack`: the one that changes, "" for a
    rollback."""

    seq: int
    standing: Mapping[str, PackSource]
    packs: Mapping[str, PackSource]
    pack: str

    @property
    def before(self) -> PackSource | None:
        return self.standing.get(self.pack)

    @property
    def after(self) -> PackSource | None:
        return self.packs.get(self.pack)


def pack_of(draft: Draft) -> PackSource:
    return PackSource(draft.source, draft.data, draft.tests, draft.golden, draft.version)


def of(draft: Draft) -> Candidate:
    """In an open transaction."""
    seq, standing = publishing.standing_packs(draft.environment_id)
    return Candidate(seq, standing, _packs(draft, standing), draft.pack)


def _packs(draft: Draft, standing: Mapping[str, PackSource]) -> dict[str, PackSource]:
    if draft.restores is not None:
        return publishing.packs_of(draft.restores.bundle)
    others = {name: pack for name, pack in standing.items() if name != draft.pack}
    return others if draft.removes else {**others, draft.pack: pack_of(draft)}


def identity(draft: Draft, candidate: Candidate) -> str:
    """A digest of all that people say yes or no to: every text that would be active, after which activation, the
    bundle that was built of it, and what the simulation found."""
    simulated = draft.simulation
    told: dict[str, Any] = {
        "environment": str(draft.environment_id),
        "base_seq": draft.base_seq,
        "packs": simulation.listed(candidate.packs),
        "bundle": (draft.report.get("bundle") or {}).get("revision", ""),
        "restores": str(draft.restores_id or ""),
        "simulation": {"id": str(simulated.pk), "report": digest(simulated.report)} if simulated else None,
    }
    return digest(told)
