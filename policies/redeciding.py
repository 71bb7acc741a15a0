"""R2: recorded decisions, decided again by the bundle that made them, and compared bit for bit.

What is compared is the digest of the whole verdict: effect, every reason, obligations, routes and what was observed.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from controlplane.lib.canonical import sha256_hex
from policies import backtest, bundles, contract, controls
from policies.bundles import ROOT
from policies.engine.protocol import Program
from policies.errors import BundleInvalid
from policies.types import PackSource, Verdict

PEP_RULE = backtest.PEP_RULE


@dataclass(frozen=True)
class Past:
    """A decision as the record tells of it. `input`: the question's bytes, None when they are not open."""

    id: str
    effect: str
    codes: tuple[str, ...]
    bundle_sha256: str
    seq: int
    decision_digest: str
    input: bytes | None

    @classmethod
    def told(cls, data: Mapping[str, Any], content: bytes | None) -> "Past":
        """From the data of a `policy.decided` event."""
        return cls(
            id=str(data["decision_id"]),
            effect=str(data["effect"]),
            codes=tuple(f"{reason['rule']}: {reason['code']}" for reason in data["reasons"]),
            bundle_sha256=str(data["bundle_sha256"]),
            seq=int(data["seq"]),
            decision_digest=str(data["decision_digest"]),
            input=content,
        )


class Outcome(StrEnum):
    """`ENFORCED`: the gateway itself refused, no policy was asked, so there is nothing to decide again.

    `NO_RECORD`: its event was pruned.
    """

    SAME = "same"
    DIFFERS = "differs"
    ENFORCED = "enforced"
    NO_INPUT = "no_input"
    NO_BUNDLE = "no_bundle"
    NO_ANSWER = "no_answer"
    NO_RECORD = "no_record"


UNCOVERED = frozenset({Outcome.NO_INPUT, Outcome.NO_BUNDLE, Outcome.NO_ANSWER, Outcome.NO_RECORD})


@dataclass(frozen=True)
class Again:
    """A decision made again; `verdict` is None where there was no answer."""

    past: Past
    outcome: Outcome
    verdict: Verdict | None = None


Programs: TypeAlias = Callable[[str, int], Program | None]


def again(evaluator: backtest.Trial, pasts: Sequence[Past], programs: Programs) -> list[Again]:
    """Decide again, in the order of `pasts`; those of one bundle are asked together."""
    found: dict[str, Again] = {}
    asked: dict[str, tuple[Program, list[Past]]] = {}
    for past in pasts:
        outcome, program = _askable(past, programs)
        if program is None:
            found[past.id] = Again(past, outcome)
        else:
            asked.setdefault(program.key, (program, []))[1].append(past)
    for program, group in asked.values():
        found |= {each.past.id: each for each in _decided(evaluator, program, group)}
    return [found[past.id] for past in pasts]


def otherwise(evaluator: backtest.Trial, pasts: Sequence[Past], program: Program) -> list[Again]:
    """What another policy would have said."""
    covered = [past for past in pasts if past.input is not None and not _enforced(past)]
    found = {each.past.id: each for each in _decided(evaluator, program, covered)}
    missing = {past.id: Outcome.ENFORCED if _enforced(past) else Outcome.NO_INPUT for past in pasts}
    return [found.get(past.id) or Again(past, missing[past.id]) for past in pasts]


def candidate_over(standing: Program | None, packs: Mapping[str, PackSource]) -> Program:
    """A policy of these packs, in place of those of their names in one that stood."""
    made = backtest.candidate(packs)
    if standing is None:
        return made
    inner, before = made.data[ROOT], standing.data[ROOT]
    config = {**before.get("config", {}), **inner["config"]}
    asked = sorted({*before.get("asked", []), *inner["asked"]})
    data = {**before, **inner, "config": config, "asked": asked}
    return Program("candidate", {**standing.modules, **made.modules}, {ROOT: data})


def digest_of(verdict: Verdict) -> str:
    """As the record commits to a verdict."""
    return sha256_hex(contract.encode(dataclasses.asdict(verdict)))


def programs_in(documents: Mapping[str, bytes]) -> Programs:
    """Of bundles by their SHA-256, each opened once."""
    known: dict[tuple[str, int], Program | None] = {}

    def program(sha256: str, seq: int) -> Program | None:
        if (sha256, seq) not in known:
            known[sha256, seq] = _program(documents.get(sha256), sha256, seq)
        return known[sha256, seq]

    return program


def _program(content: bytes | None, sha256: str, seq: int) -> Program | None:
    if content is None:
        return None
    try:
        return controls.program_of(bundles.open_named(content, sha256=sha256), seq)
    except BundleInvalid:
        return None


def _askable(past: Past, programs: Programs) -> tuple[Outcome, Program | None]:
    if _enforced(past):
        return Outcome.ENFORCED, None
    if past.input is None:
        return Outcome.NO_INPUT, None
    return Outcome.NO_BUNDLE, programs(past.bundle_sha256, past.seq)


def _enforced(past: Past) -> bool:
    return not past.bundle_sha256 or any(code.startswith(f"{PEP_RULE}: ") for code in past.codes)


def _decided(evaluator: backtest.Trial, program: Program, pasts: Sequence[Past]) -> Iterator[Again]:
    documents = [json.loads(past.input or b"{}") for past in pasts]
    for past, verdict in zip(pasts, evaluator.decide(program, documents), strict=True):
        if verdict is None:
            yield Again(past, Outcome.NO_ANSWER)
        else:
            same = digest_of(verdict) == past.decision_digest
            yield Again(past, Outcome.SAME if same else Outcome.DIFFERS, verdict)
