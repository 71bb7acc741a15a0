"""Erasing a person: everything kept that holds their data, wherever in the platform it lies. The record stays whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals import traces as approvals
from connectors import traces as connectors
from controlplane.lib.errors import Invalid
from evidence import erasing, keeping
from evidence.errors import OnHold
from policies import traces as policies
from tenants import payloads
from tenants.actors import Actor
from tenants.permissions import Perm, require
from workflows.models import DeadLetter, Run, Step
from workflows.types import OPEN_RUN_STATES

SHORTEST = 4
"""A text of fewer characters would be found in everybody's data."""

GONE = "(erased)"


@dataclass
class Found:
    """What holds a person's data. `subjects`: content of events that belong to no run."""

    runs: set[UUID] = field(default_factory=set)
    subjects: set[UUID] = field(default_factory=set)
    contents: int = 0
    payloads: set[str] = field(default_factory=set)


@transaction.atomic
def search(*, texts: Sequence[str], tickets: Sequence[str] = (), actor: Actor) -> Found:
    """Where these texts (a name, an address, an id) stand in anything that is kept, and the runs about these tickets.

    Everything that any key opens is read, letter case aside. Needs ADMIN.
    """
    require(actor, Perm.ADMIN)
    if not texts and not tickets:
        raise Invalid("name a text or a ticket", field="texts")
    if any(len(text.strip()) < SHORTEST for text in texts):
        raise Invalid(f"a text has {SHORTEST} characters at least", field="texts")
    wanted = [text.strip().casefold() for text in texts]
    found = Found(runs=_about(tickets))
    for item, content in keeping.everything():
        if holds(content, wanted):
            found.contents += 1
            found.subjects.add(item.subject_id)
    found.payloads = (
        {digest for digest, content in payloads.everything() if holds(content, wanted)} if wanted else set()
    )
    found.runs |= _runs_with(found)
    found.subjects -= found.runs
    return found


def holds(content: bytes, wanted: Collection[str]) -> bool:
    text = content.decode(errors="replace").casefold()
    return any(each in text for each in wanted)


def erase(*, texts: Sequence[str], tickets: Sequence[str] = (), reason: str, actor: Actor) -> Found:
    """Erase what `search` finds: the keys and the content of those runs, and every payload that holds the texts.

    Chain, bundles and proofs stay valid; commitments can no longer be confirmed, however guessable the content was.
    Backups die with the key epoch (`manage.py rekey`). Needs ADMIN; raises OnHold, on record, and NotOver.
    """
    if not reason.strip():
        raise Invalid("say on what ground", field="reason")
    found = search(texts=texts, tickets=tickets, actor=actor)
    try:
        _erase(found, reason, actor)
    except OnHold as held:
        erasing.refuse(found.runs, held.detail, actor)
        raise
    return found


@transaction.atomic(durable=True)
def _erase(found: Found, reason: str, actor: Actor) -> None:
    erasing.require_free(found.runs)
    gone = payloads.forget(sorted(found.payloads | _only_theirs(found.runs)))
    for run_id in sorted(found.runs):
        erasing.destroy(run_id, reason, actor)
    erasing.destroy_subjects(found.subjects)
    _blank(found.runs)
    erasing.tell_of_person(runs=found.runs, contents=found.contents, payloads=gone, reason=reason, actor=actor)


def _about(tickets: Sequence[str]) -> set[UUID]:
    rows = Run.objects.filter(Q(ticket_number__in=tickets) | Q(ticket_id__in=tickets))
    return set(rows.values_list("pk", flat=True)) if tickets else set()


def _runs_with(found: Found) -> set[UUID]:
    """The runs among the subjects, and those whose rows name a payload that holds the texts."""
    digests = found.payloads
    runs = set(Run.objects.filter(pk__in=found.subjects).values_list("pk", flat=True))
    runs |= set(Run.objects.filter(trigger_digest__in=digests).values_list("pk", flat=True))
    runs |= set(Step.objects.filter(output_digest__in=digests).values_list("run_id", flat=True))
    known = connectors.runs_with(digests) | approvals.runs_with(digests) | policies.runs_with(digests)
    return runs | set(Run.objects.filter(pk__in=known).values_list("pk", flat=True))


def _only_theirs(runs: Collection[UUID]) -> set[str]:
    """Payloads of these runs that no open run refers to."""
    mine = _digests(Q(pk__in=runs), Q(run_id__in=runs))
    mine |= connectors.digests_of(runs) | approvals.digests_of(runs) | policies.digests_of(runs)
    going = Q(state__in=sorted(OPEN_RUN_STATES))
    return mine - _digests(going, Q(run__state__in=sorted(OPEN_RUN_STATES))) - {""}


def _digests(runs: Q, steps: Q) -> set[str]:
    pairs = Run.objects.filter(runs).values_list("trigger_digest", "output_digest")
    outputs = set(Step.objects.filter(steps).values_list("output_digest", flat=True))
    return {digest for pair in pairs for digest in pair} | outputs


def _blank(runs: Collection[UUID]) -> None:
    """Words beside the states, which may repeat what a system had answered."""
    Run.objects.filter(pk__in=runs).exclude(detail="").update(detail=GONE)
    Step.objects.filter(run_id__in=runs).exclude(detail="").update(detail=GONE)
    DeadLetter.objects.filter(run_id__in=runs).exclude(detail="").update(detail=GONE)
    connectors.blank(runs, GONE)
    approvals.blank(runs, GONE)
