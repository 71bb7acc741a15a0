"""Many requests of every kind. One of each is asked and voted on for real, the others are copies of its rows."""

from types import SimpleNamespace
from typing import Any

import psycopg
from django.db import transaction

from approvals import services
from approvals.models import ApprovalRequest
from approvals.types import Channel, State, Tier, Verdict
from controlplane.lib import ids
from tenants import scope
from tenants.actors import Actor
from tests import ground
from tests.asking import ask

COPY = """
INSERT INTO approvals_approvalrequest
SELECT (jsonb_populate_record(r, jsonb_build_object(
    'id', uuidv7(), 'call_id', gen_random_uuid(), 'run_id', gen_random_uuid()))).*
  FROM approvals_approvalrequest r, generate_series(1, %s) WHERE r.id = %s
"""
COPY_VOTES = """
INSERT INTO approvals_vote
SELECT (jsonb_populate_record(v, jsonb_build_object('id', uuidv7(), 'request_id', r.id))).*
  FROM approvals_vote v JOIN approvals_approvalrequest o ON o.id = v.request_id
  JOIN approvals_approvalrequest r ON r.tier = o.tier AND r.state = o.state AND r.requester_id = o.requester_id
   AND r.id <> o.id
"""


def gather(world: SimpleNamespace, pending: int, decided: int) -> int:
    """So many open ones, of which carol may decide seven in ten, and so many that are decided."""
    week = {"expires_in_s": 7 * 86_400, "requester_id": ids.uuid7()}
    kinds: list[tuple[Any, int]] = [
        (ask(world, **week), pending * 4 // 10),
        (ask(world, **{**week, "requester_id": world.a.carol.id}), pending * 2 // 10),
        (ask(world, tier=Tier.HIGH, **week), pending // 10),
        (ask(world, tier=Tier.TWO_PERSON, **{**week, "requester_id": ids.uuid7()}), pending * 2 // 10),
    ]
    half = ask(world, tier=Tier.TWO_PERSON, **{**week, "requester_id": ids.uuid7()})
    _say_yes(world, world.a.bob, half)
    done = ask(world, **{**week, "requester_id": ids.uuid7()})
    _say_yes(world, world.a.bob, done)
    kinds += [(half, pending - sum(count for _, count in kinds) - len(kinds) - 1), (done, decided)]
    return _copied(kinds)


def _say_yes(world: SimpleNamespace, person: Any, request: Any) -> None:
    actor = Actor(person.kind, person.id, world.a.tenant.id, person.label, "session")
    with scope.enter(world.a.tenant.id):
        services.cast_vote(
            request_id=request.pk,
            actor=actor,
            verdict=Verdict.APPROVE,
            reason="bench",
            channel=Channel.CONSOLE,
            seen_digest=request.display_digest,
        )


def _copied(kinds: list[tuple[Any, int]]) -> int:
    with psycopg.connect(ground.superuser_dsn(ground.session_database()), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")
        for request, count in kinds:
            admin.execute(COPY, [count, request.pk])
        admin.execute(COPY_VOTES)
        admin.execute("VACUUM ANALYZE approvals_approvalrequest")
        admin.execute("VACUUM ANALYZE approvals_vote")
        found = admin.execute("SELECT count(*) FROM approvals_approvalrequest WHERE state = 'PENDING'").fetchone()
    assert found is not None
    return int(found[0])


def open_for(world: SimpleNamespace, person: Any, count: int) -> list[ApprovalRequest]:
    """The oldest that this person may decide: nobody else's vote, no second factor."""
    with scope.enter(world.a.tenant.id), transaction.atomic():
        rows = ApprovalRequest.objects.filter(state=State.PENDING, high=False).exclude(requester_id=person.id)
        return list(rows.only("id", "display_digest").order_by("id")[:count])
