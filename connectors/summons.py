"""People are told directly: of one request that they can decide, as they wish, and of all that waits, once a day."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from approvals import access, links
from approvals.models import ApprovalRequest
from approvals.people import who_could_decide
from approvals.types import State
from connectors import rotas
from connectors.models import SlackIdentity
from connectors.people_models import NotificationPreference
from connectors.preferences import Direct
from connectors.slack import private
from connectors.slack.private import Letter
from connectors.turns import next_digest
from controlplane.lib import clock
from controlplane.lib.logs import get_logger
from tenants import scope
from tenants.actors import Actor

log = get_logger(__name__)

MOST_LINES = 10
BATCH = 100


def summon(*, request_id: UUID) -> int:
    """Tell those who asked for it that a request waits for them; how many. May run any number of times."""
    with transaction.atomic():
        request = ApprovalRequest.objects.filter(pk=request_id, state=State.PENDING).first()
        told = _to_tell(request) if request else {}
        letters = {user: _summons(request, user, why) for user, why in told.items()} if request else {}
    return sum(private.tell(user_id=user, about_id=request_id, letter=letter) for user, letter in letters.items())


def _to_tell(request: ApprovalRequest) -> dict[UUID, str]:
    """By person, why they are told. Cheap where nobody wants to be told: most requests are seen in the channel."""
    turns = {one.user_id: f"It is your turn in {one.rota.name}." for one in rotas.of_workspace(request.workspace_id)}
    wishes = dict(NotificationPreference.objects.values_list("user_id", "direct"))
    always = {user: "You asked to be told of each." for user, wish in wishes.items() if wish == Direct.ALWAYS}
    wanted = {**always, **{user: why for user, why in turns.items() if wishes.get(user) != Direct.NEVER}}
    linked = (
        set(SlackIdentity.objects.filter(user_id__in=wanted).values_list("user_id", flat=True)) if wanted else set()
    )
    if not linked:
        return {}
    return {user: wanted[user] for user in who_could_decide(request) if user in linked}


def _summons(request: ApprovalRequest, user: UUID, why: str) -> Letter:
    lines = (f"{request.tool} · risk {request.risk} · tier {request.tier}", f"Until {request.expires_at:%H:%M} UTC.")
    about = f"{why} ticket {request.ticket or '–'}"
    where, key = links.console(request.pk), f"summons:{request.pk}:{user}"
    return Letter(f"You are asked: {request.title}", lines, about, where, key)


def send_digests() -> int:
    """For the sweeper, in the entered tenant: one message a day to each who wants it, none when nothing waits."""
    return sum(_send_digest(user_id, at) for user_id, at in _due(clock.now()))


@transaction.atomic
def _due(now: datetime) -> list[tuple[UUID, datetime]]:
    rows = NotificationPreference.objects.filter(digest_due_at__lte=now).order_by("digest_due_at")[:BATCH]
    return [(row.user_id, row.digest_due_at) for row in rows if row.digest_due_at]


def _send_digest(user_id: UUID, due_at: datetime) -> int:
    """The day is taken first: of several sweepers one sends it, and what fails to be sent waits for the next day."""
    taken = _take(user_id, due_at)
    if taken is None:
        return 0
    letter = _digest(taken, due_at)
    return private.tell(user_id=user_id, about_id=taken.pk, letter=letter) if letter else 0


@transaction.atomic(durable=True)
def _take(user_id: UUID, due_at: datetime) -> NotificationPreference | None:
    row = NotificationPreference.objects.select_related("user").get(user_id=user_id)
    if row.digest_hour is None or not row.user.is_active:
        NotificationPreference.objects.filter(pk=row.pk).update(digest_due_at=None)
        return None
    coming = next_digest(
        hour=row.digest_hour, timezone=row.timezone, weekdays_only=row.weekdays_only, after=clock.now()
    )
    mine = NotificationPreference.objects.filter(pk=row.pk, digest_due_at=due_at)
    return row if mine.update(digest_due_at=coming) else None


@transaction.atomic
def _digest(row: NotificationPreference, due_at: datetime) -> Letter | None:
    actor = Actor(row.user.kind, row.user_id, scope.current(), row.user.label, "digest")
    count = access.waiting(actor)
    if not count:
        return None
    items = access.queue(actor, "mine", limit=MOST_LINES)
    lines = [f"{item.request.title} · until {item.deadline:%d %b %H:%M} UTC · {item.request.tier}" for item in items]
    if count > len(lines):
        lines.append(f"and {count - len(lines)} more")
    title = f"{count} request{'s wait' if count > 1 else ' waits'} for you"
    return Letter(title, lines, "Your daily digest", links.queue(), f"digest:{row.user_id}:{due_at.isoformat()}")
