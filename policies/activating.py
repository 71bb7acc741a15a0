"""From an approved draft to the policy in force: the very bundle that was approved, after its canaries."""

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from controlplane.lib import clock
from controlplane.lib.errors import LostRace, NotFound
from policies import backtest, canary, candidates, controls, locks, point, publishing, report
from policies.bundles import open_verified
from policies.errors import DraftClosed, PolicyRefused, ProposalChanged, SecondPersonNeeded
from policies.gate import finding
from policies.models import Activation, Bundle, Draft
from policies.publishing import Ground
from policies.types import DraftState, Effect
from policies.voting import needed
from tenants import access as places
from tenants.actors import Actor
from tenants.permissions import Perm, require


@dataclass(frozen=True, slots=True)
class Ready:
    """A bundle whose canaries were asked: these bytes, for this draft."""

    draft_id: UUID
    sha256: str


def activate(*, draft_id: UUID, actor: Actor) -> Activation:
    """Make an approved draft the policy of its environment. Needs ACTIVATE_POLICY; its author may have it.

    Raises LostRace when another policy was activated meanwhile, SecondPersonNeeded, PolicyRefused by a canary.
    """
    return activate_ready(ready=prepare(draft_id=draft_id, actor=actor), actor=actor)


def prepare(*, draft_id: UUID, actor: Actor) -> Ready:
    """The first half: build again what was approved and ask it the canaries, outside any transaction."""
    with transaction.atomic():
        draft = Draft.objects.select_related("environment", "restores__bundle").filter(pk=draft_id).first()
        if draft is None:
            raise NotFound
        _require_leave(draft, actor)
        content = _content(draft)
    return Ready(draft_id, proven(content))


@transaction.atomic(durable=True)
def activate_ready(*, ready: Ready, actor: Actor) -> Activation:
    """The second half: everything that was approved is looked at again under the locks."""
    draft = locks.draft(ready.draft_id)
    _require_leave(draft, actor)
    publishing.require_seq(draft.environment_id, draft.base_seq)
    candidate = candidates.of(draft)
    if candidates.identity(draft, candidate) != draft.digest:
        raise ProposalChanged("what would be active is not what was approved: propose it again")
    asked = needed(draft)
    if asked.missing:
        raise SecondPersonNeeded(f"{asked.missing} more must approve this")
    bundle = draft.restores.bundle if draft.restores else publishing.written(candidate.packs, author_id=draft.author_id)
    _require_same(bundle, ready.sha256, draft)
    ground = Ground("approved", draft.author_id, draft.proposed_reason, draft, asked.approvals, draft.restores)
    activation = publishing.activate(draft.environment_id, bundle, ground, actor=actor)
    draft.state, draft.closed_at, draft.activation = DraftState.ACTIVE, clock.now(), activation
    draft.save(update_fields=["state", "closed_at", "activation"])
    return activation


def _require_leave(draft: Draft, actor: Actor) -> None:
    places.environment(actor, draft.environment_id)
    require(actor, Perm.ACTIVATE_POLICY, draft.environment.workspace_id, draft.environment_id)
    if draft.state != DraftState.APPROVED:
        raise DraftClosed(f"the draft is {draft.state.lower()}, not approved")


def _content(draft: Draft) -> bytes:
    """The bytes that were approved, built anew; in an open transaction."""
    if draft.restores is not None:
        return bytes(draft.restores.bundle.content)
    candidate = candidates.of(draft)
    if candidate.seq != draft.base_seq:
        raise LostRace("another policy was activated meanwhile: look at it, save with rebase, check again")
    revision, content = publishing.content_of(candidate.packs)
    if revision != draft.report["bundle"]["revision"]:
        raise ProposalChanged("Interlock's own rules changed since the check: check and propose it again")
    return content


def proven(content: bytes) -> str:
    """The hash of a bundle that is signed and denies what nobody can have meant to allow."""
    contents = open_verified(content, keys=point.keyring().trusted())
    with backtest.trial() as trial:
        answers = trial.decide(controls.program_of(contents, 1), canary.documents())
    told = [answer.effect.value if answer else "no answer" for answer in answers]
    wrong = [effect for effect in told if effect != Effect.DENY]
    if wrong:
        found = finding("bundle", "grants_everything", f"the canary is answered with {', '.join(wrong)}")
        raise PolicyRefused(f"{found.code}: {found.message}", findings=report.told([found]))
    return contents.sha256


def _require_same(bundle: Bundle, sha256: str, draft: Draft) -> None:
    if bundle.sha256 != sha256 or bundle.revision != draft.report["bundle"]["revision"]:
        raise ProposalChanged("the bundle is not the one that was approved")
