"""The only fetch for views. What is foreign is missing: both are 404."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from controlplane.lib.errors import NotFound
from evidence import presenters, searching, trust
from evidence.models import Checkpoint, Event, ExportJob, Leaf, LogHead, RunHead
from evidence.searching import Wanted
from evidence.verify import envelope
from tenants import access as tenants
from tenants.actors import Actor
from tenants.models import Membership, User
from tenants.permissions import Perm, holds, holds_anywhere, require


def run_head(actor: Actor, run_id: UUID, perm: Perm = Perm.VIEW) -> RunHead:
    """The chain of a run in a log that the actor may see."""
    head = RunHead.objects.filter(pk=run_id).first()
    if head is None or not _may_see(actor, head.log_id, perm):
        raise NotFound
    return head


def log_head(actor: Actor, log_id: UUID, perm: Perm = Perm.VIEW) -> LogHead:
    """A log that the actor may see."""
    head = LogHead.objects.filter(pk=log_id).first()
    if head is None or not _may_see(actor, log_id, perm):
        raise NotFound
    return head


def run_events(actor: Actor, run_id: UUID, after: int = 0, limit: int = 200) -> list[dict[str, Any]]:
    """Timeline of a run behind `after`, each `{id, seq, type, at, actor, actor_kind, title, summary, data, leaf}`.

    `data` is what the event contains (commitments as `{c, len, mt}`), `leaf` its index in the log or None.
    """
    run_head(actor, run_id)
    rows = list(Event.objects.filter(run_id=run_id, run_seq__gt=after).order_by("run_seq")[:limit])
    parsed = [envelope.parse_event(bytes(row.body)) for row in rows]
    leaves = dict(Leaf.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", "index"))
    labels = _labels(event.actor for event in parsed)
    return [_line(event, labels, leaves.get(row.pk)) for row, event in zip(rows, parsed, strict=True)]


def search(
    actor: Actor, *, wanted: Wanted, before: UUID | None = None, limit: int = 50
) -> list[tuple[UUID, dict[str, Any]]]:
    """Events in logs that the actor may see, newest first: (id, line of `run_events` with `run`, `log`, `sealed`)."""
    names = _visible(actor)
    logs = [log_id for log_id in names if wanted.log in (None, log_id)]
    who = _person(wanted.actor) if wanted.actor else None
    if not logs or (wanted.actor and who is None):
        return []
    rows = searching.rows(wanted, logs, who, before, limit)
    parsed = [envelope.parse_event(bytes(row.body)) for row in rows]
    leaves = dict(Leaf.objects.filter(pk__in=[row.pk for row in rows]).values_list("pk", "index"))
    signed = dict(LogHead.objects.filter(pk__in=logs).values_list("pk", "signed_size"))
    labels = _labels(event.actor for event in parsed)
    found = []
    for row, event in zip(rows, parsed, strict=True):
        leaf = leaves.get(row.pk)
        sealed = leaf is not None and leaf < signed.get(row.log_id, 0)
        more = {"run": row.run_id, "log": names[row.log_id], "sealed": sealed}
        found.append((row.pk, {**_line(event, labels, leaf), **more}))
    return found


def _person(text: str) -> UUID | None:
    """The id that is given, or whose name it is among the people of the tenant."""
    try:
        return UUID(text)
    except ValueError:
        named = Membership.objects.filter(user__username__iexact=text).values_list("user_id", flat=True)
        return named.first()


def logs(actor: Actor) -> list[dict[str, Any]]:
    """Logs that the actor may see: `{id, label, origin, size, signed_size, sealed_at, note, frozen_reason}`."""
    names = _visible(actor)
    heads = LogHead.objects.filter(pk__in=names).order_by("id")
    return [_log(head, names[head.pk]) for head in heads]


def _visible(actor: Actor) -> dict[UUID, str]:
    """Logs that the actor may see, with what they are called."""
    names = {place.id: place.slug for place in tenants.workspaces(actor)}
    if holds_anywhere(actor, Perm.VIEW):
        names[actor.tenant_id] = "tenant-wide"
    return names


def exportable(actor: Actor) -> dict[UUID, str]:
    """Logs that the actor may export from, with what they are called."""
    names = _visible(actor)
    return {log_id: names[log_id] for log_id in names if _may_see(actor, log_id, Perm.EXPORT_EVIDENCE)}


def latest_checkpoint(log_id: UUID) -> Checkpoint | None:
    return Checkpoint.objects.filter(log_id=log_id).order_by("-size").first()


def _log(head: LogHead, label: str) -> dict[str, Any]:
    newest = latest_checkpoint(head.pk)
    return {
        "id": head.pk,
        "label": label,
        "origin": head.origin,
        "size": head.size,
        "signed_size": head.signed_size,
        "sealed_at": newest.created_at if newest else None,
        "note": newest.note if newest else "",
        "frozen_reason": head.frozen_reason,
    }


def _may_see(actor: Actor, log_id: UUID, perm: Perm) -> bool:
    """A workspace's log needs the permission there, the tenant-wide log needs it somewhere."""
    return holds_anywhere(actor, perm) if log_id == actor.tenant_id else holds(actor, perm, log_id)


def _line(event: envelope.Event, labels: dict[str, str], leaf: int | None) -> dict[str, Any]:
    actor_id = str(event.actor["id"])
    return {
        "id": event.id,
        "seq": event.seq,
        "type": event.type,
        "at": datetime.fromtimestamp(event.time_ms / 1000, UTC),
        "actor": labels.get(actor_id, str(event.actor["kind"])),
        "actor_kind": event.actor["kind"],
        "actor_id": actor_id,
        "title": presenters.title(event),
        "summary": presenters.summary(event),
        "data": event.data,
        "leaf": leaf,
    }


def _labels(actors: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Names live outside the record; parts of the system are called by what they are."""
    people = User.objects.filter(pk__in={actor["id"] for actor in actors})
    return {str(user.pk): user.label for user in people}


def export_jobs(actor: Actor, *, before: UUID | None = None, limit: int = 50) -> list[ExportJob]:
    """Exports out of logs that the actor may export from, newest first."""
    rows = ExportJob.objects.filter(log_id__in=exportable(actor))
    return list((rows.filter(id__lt=before) if before else rows).order_by("-id")[:limit])


def export_job(actor: Actor, job_id: UUID) -> ExportJob:
    job = ExportJob.objects.filter(pk=job_id).first()
    if job is None or not _may_see(actor, job.log_id, Perm.EXPORT_EVIDENCE):
        raise NotFound
    return job


def trust_file(actor: Actor) -> dict[str, Any]:
    """The trust file of the actor's tenant: public keys only, for everybody who may look."""
    require(actor, Perm.VIEW)
    return dict(trust.export(actor.tenant_id))
