"""Why a decision came out as it did: the rules and where they stand, what was asked, and every step on demand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from controlplane.lib.errors import Conflict, Unavailable
from evidence.services import record
from policies import access, bundles, contract, controls, locating, point, tracing, withholding
from policies.backtest import PEP_RULE
from policies.contract import BadInput
from policies.engine import workshop
from policies.engine.process import Refusal
from policies.engine.protocol import DECISION_ENTRYPOINT, PointFailure, Program
from policies.engine.workshop import Purpose
from policies.errors import BundleInvalid
from policies.events import DecisionTraced
from policies.locating import Place
from policies.models import Activation, Bundle, DecisionRecord
from policies.tracing import Trace
from tenants import payloads
from tenants.actors import Actor
from tenants.errors import PayloadExpired
from tenants.permissions import Perm, holds, require

TRACE_S = 10.0
_MOST_HISTORY = 50


@dataclass(frozen=True, slots=True)
class Fired:
    """A reason and where its rule stands in the bundle that decided; None for the decision point's own refusals."""

    reason: Mapping[str, Any]
    place: Place | None


@dataclass(frozen=True, slots=True)
class Asked:
    """The question as this person may read it. `document` is None when nobody can: `note` says why, or what is left
    out of it."""

    document: dict[str, Any] | None
    note: str


@dataclass(frozen=True, slots=True)
class Counted:
    """An approval that was part of the question, and whether it is for exactly this action."""

    approval: Mapping[str, Any]
    fits: bool
    people: int


@dataclass(frozen=True, slots=True)
class Explanation:
    record: DecisionRecord
    fired: tuple[Fired, ...]
    observed: tuple[Fired, ...]
    asked: Asked
    approvals: tuple[Counted, ...]
    bundle: Bundle | None
    activation: Activation | None
    replaced_by: Activation | None
    history: Sequence[DecisionRecord]
    may_trace: bool


class NothingToTrace(Conflict):
    """No policy was asked, or what was asked is gone."""

    code, title = "nothing_to_trace", "This decision cannot be traced"


@dataclass(frozen=True, slots=True)
class Traced:
    """The decision made again. `same`: the effect is that of the record."""

    effect: str
    same: bool
    trace: Trace
    modules: Mapping[str, str]


def explain(actor: Actor, decision_id: UUID) -> Explanation:
    """Everything that is known of a decision; raises NotFound."""
    row = access.decision(actor, decision_id)
    bundle = Bundle.objects.filter(sha256=row.bundle_sha256).first() if row.bundle_sha256 else None
    modules = _modules(bundle)
    asked, document = _asked(actor, row)
    activations = Activation.objects.filter(environment_id=row.environment_id)
    return Explanation(
        record=row,
        fired=_located(modules, row.reasons),
        observed=_located(modules, row.observed),
        asked=asked,
        approvals=_approvals(document),
        bundle=bundle,
        activation=activations.filter(seq=row.seq).first() if row.seq else None,
        replaced_by=activations.filter(seq__gt=row.seq).order_by("seq").first() if row.seq else None,
        history=_history(row),
        may_trace=document is not None and bool(modules) and _may_read(actor, row),
    )


def sources(actor: Actor, bundle_id: UUID) -> tuple[Bundle, Mapping[str, str]]:
    """A bundle and its Rego by path, as signed; raises NotFound, BundleInvalid."""
    bundle = access.bundle(actor, bundle_id)
    return bundle, bundles.open_verified(bytes(bundle.content), keys=point.keyring().trusted()).modules


def texts(bundle: Bundle) -> Mapping[str, str]:
    """Everything that a bundle says, as texts by path: its Rego, and its data one member a line."""
    contents = bundles.open_verified(bytes(bundle.content), keys=point.keyring().trusted())
    data = json.dumps(contents.data[bundles.ROOT], indent=2, ensure_ascii=False, sort_keys=True)
    return {**contents.modules, f"{bundles.ROOT}/data.json": data}


def trace(*, decision_id: UUID, actor: Actor) -> Traced:
    """Decide a recorded question again under the bundle that decided it, with every step told. Needs VIEW_PAYLOADS.

    It goes on record as a read of the content, before it happens. Raises NothingToTrace, Unavailable.
    """
    row, document, program = _recorded(decision_id, actor)
    request = {"modules": dict(program.modules), "data": dict(program.data), "document": document}
    try:
        with workshop.evaluator(Purpose.AUTHORING, confined_only=settings.INTERLOCK_PRODUCTION) as author:
            asked = {"verb": "trace", "entrypoint": DECISION_ENTRYPOINT, **request}
            told = author.ask(asked, deadline_s=TRACE_S)
    except (PointFailure, Refusal) as failure:
        raise Unavailable(f"it could not be traced: {failure.code}") from failure
    effect = str(told["value"].get("effect", ""))
    return Traced(effect, effect == row.effect, tracing.read(told["steps"]), program.modules)


@transaction.atomic(durable=True)
def _recorded(decision_id: UUID, actor: Actor) -> tuple[DecisionRecord, dict[str, Any], Program]:
    row = access.decision(actor, decision_id)
    require(actor, Perm.VIEW_PAYLOADS, row.workspace_id, row.environment_id)
    if not row.bundle_sha256 or any(reason["rule"] == PEP_RULE for reason in row.reasons):
        raise NothingToTrace("No policy was asked: the decision point refused by itself.")
    program = controls.recorded_program(row.bundle_sha256, row.seq)
    if program is None:
        raise NothingToTrace("The bundle that decided is no longer what was signed.")
    try:
        document = json.loads(payloads.get(row.input_digest))
    except PayloadExpired as gone:
        raise NothingToTrace("The content of the question is no longer kept.") from gone
    event = DecisionTraced(row.pk, row.environment_id, row.bundle_sha256)
    record(event, actor=actor, workspace_id=row.workspace_id, run_id=row.run_id)
    return row, document, program


def _located(modules: Mapping[str, str], reasons: Sequence[Mapping[str, Any]]) -> tuple[Fired, ...]:
    return tuple(Fired(each, locating.place_of(modules, each["rule"], each["code"])) for each in reasons)


def _asked(actor: Actor, row: DecisionRecord) -> tuple[Asked, dict[str, Any] | None]:
    """What is shown of the question, and the question itself for what is derived from it."""
    if not row.input_digest:
        return Asked(None, "The question was malformed and is not kept."), None
    try:
        document: dict[str, Any] = json.loads(payloads.get(row.input_digest))
    except PayloadExpired:
        return Asked(None, "The content has expired. Its digest stays in the evidence."), None
    if _may_read(actor, row):
        return Asked(document, ""), document
    note = "What may be content is withheld: seeing it needs the permission “View payloads”."
    return Asked(withholding.withheld(document), note), document


def _may_read(actor: Actor, row: DecisionRecord) -> bool:
    return holds(actor, Perm.VIEW_PAYLOADS, row.workspace_id, row.environment_id)


def _approvals(document: Mapping[str, Any] | None) -> tuple[Counted, ...]:
    if document is None or not _sound(document):
        return ()
    subject = document["subject"]
    interested = {subject["id"], subject.get("on_behalf_of")}
    return tuple(
        Counted(each, each["action_digest"] == document["action_digest"], len({*each["approvers"]} - interested))
        for each in document["approvals"]
    )


def _sound(document: Mapping[str, Any]) -> bool:
    """False for a question that was refused because it was malformed."""
    try:
        contract.check_input(document)
    except BadInput:
        return False
    return True


def _history(row: DecisionRecord) -> list[DecisionRecord]:
    """Every decision about the same call, in order: asked, approved, decided again."""
    if row.call_id is None or row.run_id is None:
        return []
    rows = DecisionRecord.objects.filter(run_id=row.run_id, call_id=row.call_id, workspace_id=row.workspace_id)
    return list(rows.order_by("id")[:_MOST_HISTORY])


def _modules(bundle: Bundle | None) -> Mapping[str, str]:
    if bundle is None:
        return {}
    try:
        return bundles.open_verified(bytes(bundle.content), keys=point.keyring().trusted()).modules
    except BundleInvalid:
        return {}
