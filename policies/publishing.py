"""From packs to an active bundle: versions, build, signature, canary, activation, freshness."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, LostRace, NotFound
from evidence.services import record
from policies import authoring, bundles, locks, point
from policies.engine.protocol import PointFailure
from policies.errors import EvaluatorUnavailable
from policies.events import PolicyActivated
from policies.freshness import Statement
from policies.models import Activation, Bundle, PolicyVersion, Standing
from policies.types import PackSource
from tenants import scope
from tenants.actors import Actor
from tenants.models import Environment

SHORTEST_TTL_S, LONGEST_TTL_S = 300, 900


def require_ttl(ttl_s: int | None) -> None:
    if ttl_s is not None and not SHORTEST_TTL_S <= ttl_s <= LONGEST_TTL_S:
        raise Invalid(f"a policy lives {SHORTEST_TTL_S} to {LONGEST_TTL_S} seconds between confirmations")


def check(packs: Mapping[str, PackSource]) -> None:
    """Raises PolicyRefused or EvaluatorUnavailable; no transaction is open meanwhile."""
    try:
        authoring.check(packs, confined_only=settings.INTERLOCK_PRODUCTION)
    except PointFailure as failure:
        raise EvaluatorUnavailable(f"{failure.code}: {failure.detail}") from failure


@transaction.atomic(durable=True)
def activate_packs(
    *,
    environment_id: UUID,
    packs: Mapping[str, PackSource],
    actor: Actor,
    reason: str,
    ttl_s: int | None,
    after_seq: int | None = None,
) -> Activation:
    """The second half of publishing: everything written or nothing."""
    standing = locks.standing_for_change(environment_id)
    if after_seq is not None and after_seq != (standing.seq if standing else 0):
        raise LostRace("another policy was activated meanwhile: look at it first")
    versions = [_version(name, pack, actor) for name, pack in sorted(packs.items())]
    bundle = _bundle(packs, versions)
    return _activate(environment_id, bundle, author_id=actor.id, actor=actor, reason=reason, ttl_s=ttl_s)


def standing_packs(environment_id: UUID) -> tuple[int, dict[str, PackSource]]:
    """Number and packs of what is active; (0, {}) when nothing is. Needs an open transaction."""
    standing = Standing.objects.select_related("activation__bundle").filter(environment_id=environment_id).first()
    if standing is None:
        return 0, {}
    listed = standing.activation.bundle.packs
    return standing.seq, {entry["pack"]: _source(entry["digest"]) for entry in listed}


def _source(digest: str) -> PackSource:
    version = PolicyVersion.objects.get(digest=digest)
    return PackSource(version.source, version.data, version.tests)


@transaction.atomic(durable=True)
def activate_again(*, environment_id: UUID, activation_id: UUID, reason: str, actor: Actor) -> Activation:
    earlier = (
        Activation.objects.select_related("bundle").filter(pk=activation_id, environment_id=environment_id).first()
    )
    if earlier is None:
        raise NotFound
    return _activate(
        environment_id, earlier.bundle, author_id=earlier.author_id, actor=actor, reason=reason, ttl_s=None
    )


def due(limit: int) -> list[tuple[UUID, UUID]]:
    """Tenant and environment ids whose statement is to be re-issued."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, environment_id FROM routing.policies_due(%s, %s)", [clock.now(), limit])
        return list(cursor.fetchall())


def refresh(tenant_id: UUID, environment_id: UUID) -> bool:
    """Sign the same fact anew; False when another sweeper was faster. No event: the decisions carry its number."""
    with scope.enter(tenant_id), transaction.atomic():
        standing = locks.standing_for_change(environment_id)
        if standing is None or standing.refresh_at > clock.now():
            return False
        _confirm(standing, standing.activation)
        standing.save(update_fields=["statement", "issued_at", "not_after", "refresh_at"])
        return True


def _version(name: str, pack: PackSource, actor: Actor) -> PolicyVersion:
    """The version with this text, written if it is new."""
    row = locks.pack_for_version(name)
    known = PolicyVersion.objects.filter(pack=row, digest=pack.digest).first()
    return known or PolicyVersion.objects.create(
        pack=row,
        number=PolicyVersion.objects.filter(pack=row).count() + 1,
        digest=pack.digest,
        source=pack.source,
        data=dict(pack.data),
        tests=pack.tests,
        author_id=actor.id,
    )


def _bundle(packs: Mapping[str, PackSource], versions: list[PolicyVersion]) -> Bundle:
    signing = point.keyring().signing()
    revision, content = bundles.build(
        modules=authoring.modules(packs), data=authoring.data(packs), key=signing.private, kid=signing.kid
    )
    verified = bundles.open_verified(content, keys=point.keyring().trusted())
    listed = [
        {"pack": name, "number": version.number, "digest": version.digest}
        for name, version in zip(sorted(packs), versions, strict=True)
    ]
    bundle, _ = Bundle.objects.get_or_create(
        sha256=verified.sha256, defaults={"revision": revision, "content": content, "packs": listed}
    )
    return bundle


def _activate(
    environment_id: UUID, bundle: Bundle, *, author_id: UUID, actor: Actor, reason: str, ttl_s: int | None
) -> Activation:
    """Under the lock of the standing row: next number, statement, event."""
    standing = locks.standing_for_change(environment_id)
    activation = Activation.objects.create(
        environment_id=environment_id,
        bundle=bundle,
        seq=(standing.seq if standing else 0) + 1,
        author_id=author_id,
        activated_by_id=actor.id,
        activated_at=clock.now(),
        reason=reason[:200],
    )
    _stand(standing, activation, ttl_s)
    _tell(activation, bundle, actor)
    return activation


def _stand(standing: Standing | None, activation: Activation, ttl_s: int | None) -> None:
    standing = standing or Standing(environment_id=activation.environment_id, ttl_s=_default_ttl_s())
    standing.ttl_s = ttl_s or standing.ttl_s
    standing.activation, standing.seq = activation, activation.seq
    _confirm(standing, activation)
    standing.save()


def _confirm(standing: Standing, activation: Activation) -> None:
    """Sign that this activation holds from now for the time to live."""
    issued = clock.now()
    statement = Statement(
        tenant=str(scope.current()),
        environment=str(standing.environment_id),
        sha256=activation.bundle.sha256,
        revision=activation.bundle.revision,
        seq=activation.seq,
        issued_ns=_nanoseconds(issued),
        not_after_ns=_nanoseconds(issued + timedelta(seconds=standing.ttl_s)),
    )
    signing = point.keyring().signing()
    standing.statement = statement.signed(key=signing.private, kid=signing.kid)
    standing.issued_at, standing.not_after = issued, issued + timedelta(seconds=standing.ttl_s)
    standing.refresh_at = issued + timedelta(seconds=standing.ttl_s / 3)


def _tell(activation: Activation, bundle: Bundle, actor: Actor) -> None:
    environment = Environment.objects.get(pk=activation.environment_id)
    event = PolicyActivated(
        activation_id=activation.id,
        environment_id=environment.id,
        seq=activation.seq,
        revision=bundle.revision,
        bundle_sha256=bundle.sha256,
        packs=bundle.packs,
        author_id=activation.author_id,
        reason=activation.reason,
    )
    record(event, actor=actor, workspace_id=environment.workspace_id)


def _default_ttl_s() -> int:
    return int(settings.INTERLOCK_BUNDLE_TTL.total_seconds())


def _nanoseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
