"""A draft examined: what is to be changed, tests, cases, coverage, the bundle it makes, and the size of the change."""

from dataclasses import dataclass

from django.conf import settings

from controlplane.lib.canonical import sha256_hex
from policies import authoring, bundles, point, publishing, versions
from policies.authoring import Examined
from policies.candidates import Candidate
from policies.engine.protocol import PointFailure
from policies.errors import BundleInvalid, EvaluatorUnavailable
from policies.gate import Finding, finding
from policies.models import Activation
from policies.report import Report
from policies.versions import Bump, Change


@dataclass(frozen=True, slots=True)
class Asked:
    """A draft as it was when the check began."""

    revision: int
    base_seq: int
    candidate: Candidate
    restores: Activation | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of it, and of which revision."""

    revision: int
    report: Report


def examine(asked: Asked) -> Checked:
    """Outside any transaction. Raises EvaluatorUnavailable."""
    if asked.restores is not None:
        return Checked(asked.revision, restored(asked.restores, asked.candidate, asked.base_seq))
    return Checked(asked.revision, report_on(asked.candidate, asked.base_seq))


def report_on(candidate: Candidate, base_seq: int) -> Report:
    done = _examined(candidate)
    contract = _contract(candidate, done)
    found = [*done.findings, *_moved(candidate, base_seq), *_too_small(candidate, contract)]
    bundle = None if found else _built(candidate)
    told = {**_told(candidate, contract), "changes": [change.told() for change in contract]}
    return Report(found, done.tests, done.golden, done.coverage, told, bundle)


def _examined(candidate: Candidate) -> Examined:
    covering = (candidate.pack,) if candidate.after else ()
    try:
        return authoring.examine(
            candidate.packs,
            confined_only=settings.INTERLOCK_PRODUCTION,
            covering=covering,
            minimum=settings.INTERLOCK_POLICY_COVERAGE,
            before=candidate.before,
        )
    except PointFailure as failure:
        raise EvaluatorUnavailable(f"{failure.code}: {failure.detail}") from failure


def _contract(candidate: Candidate, done: Examined) -> list[Change]:
    before, after = candidate.before, candidate.after
    if before is None:
        return []
    if after is None:
        return [Change(Bump.MAJOR, f"pack {candidate.pack}: gone")]
    if candidate.pack not in done.trees or done.before is None:
        return []
    return versions.changes(before, done.before, after, done.trees[candidate.pack])


def _told(candidate: Candidate, contract: list[Change]) -> dict[str, object]:
    bump = versions.bump_of(contract)
    before, after = candidate.before, candidate.after
    return {
        "bump": bump.name.lower(),
        "before": before.version if before else "",
        "after": after.version if after else "",
        "least": versions.least(before.version, bump) if before else versions.FIRST_VERSION,
    }


def _too_small(candidate: Candidate, contract: list[Change]) -> list[Finding]:
    before, after = candidate.before, candidate.after
    if before is None or after is None:
        return []
    bump = versions.bump_of(contract)
    if before.digest == after.digest:
        return [finding(candidate.pack, "nothing_changed", "the active pack says the same")]
    if versions.suffices(before.version, after.version, bump):
        return []
    said = "; ".join(change.what for change in contract if change.bump is bump)
    asked = f"{versions.least(before.version, max(bump, Bump.PATCH))} or above"
    was = before.version or "no version"
    message = f"{after.version} after {was} is too small for a {bump.name.lower()} change, {asked}: {said}"
    return [finding(candidate.pack, "bump_too_small", message)]


def _moved(candidate: Candidate, base_seq: int) -> list[Finding]:
    if candidate.seq == base_seq:
        return []
    said = f"#{candidate.seq} is active, the draft was begun on top of #{base_seq}"
    return [finding(candidate.pack, "base_moved", said)]


def _built(candidate: Candidate) -> dict[str, str]:
    revision, content = publishing.content_of(candidate.packs)
    return {"revision": revision, "sha256": sha256_hex(content)}


def restored(earlier: Activation, candidate: Candidate, base_seq: int) -> Report:
    """An earlier bundle is what it is: it must still be what was signed, and the one to follow what stands."""
    row, found = earlier.bundle, _moved(candidate, base_seq)
    try:
        bundles.open_verified(bytes(row.content), keys=point.keyring().trusted())
    except BundleInvalid as error:
        found.append(finding(authoring.BUNDLE, "does_not_evaluate", error.detail))
    bundle = None if found else {"revision": row.revision, "sha256": row.sha256}
    return Report(found, contract={"bump": "none", "changes": []}, bundle=bundle)
