"""From packs to an active bundle: versions, build, signature, canary, activation, freshness."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from controlplane.lib import clock
from controlplane.lib.errors import Invalid, LostRace
from evidence.services import record
from policies import authoring, bundles, locks, point
from policies.engine.protocol import PointFailure
from policies.errors import EvaluatorUnavailable, SecondPersonNeeded
from policies.events import PolicyActivated
from policies.freshness import LONGEST_NS, SKEW_NS, Statement
from policies.models import Activation, Bundle, Draft, PolicyVersion, Standing
from policies.types import PackSource
from tenants import scope
from tenants.actors import Actor
from tenants.models import Environment

SHORTEST_TTL_S, LONGEST_TTL_S = 300, LONGEST_NS // 1_000_000_000


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
def activate_first(
    *, environment_id: UUID, packs: Mapping[str, PackSource], actor: Actor, reason: str, ttl_s: int | None = None
) -> Activation:
    """The second half of publishing, for an environment without a policy: everything written or nothing."""
    require_none(environment_id)
    bundle = written(packs, author_id=actor.id)
    return activate(environment_id, bundle, Ground("first", actor.id, reason), actor=actor, ttl_s=ttl_s)


def require_none(environment_id: UUID) -> None:
    """Lock the standing row; raises SecondPersonNeeded where there is a policy already."""
    if locks.standing_for_change(environment_id) is not None:
        raise SecondPersonNeeded("this environment has a policy: begin a draft and have it approved")


def require_seq(environment_id: UUID, after_seq: int | None) -> None:
    """Lock the standing row; raises LostRace when another activation stands than the one that was looked at."""
    standing = locks.standing_for_change(environment_id)
    if after_seq is not None and after_seq != (standing.seq if standing else 0):
        raise LostRace("another policy was activated meanwhile: look at it first")


def written(packs: Mapping[str, PackSource], *, author_id: UUID) -> Bundle:
    """The bundle of these packs, with the versions that are new; in an open transaction."""
    versions = [_version(name, pack, author_id) for name, pack in sorted(packs.items())]
    return _bundle(packs, versions)


def standing_packs(environment_id: UUID) -> tuple[int, dict[str, PackSource]]:
    """Number and packs of what is active; (0, {}) when nothing is. Needs an open transaction."""
    standing = Standing.objects.select_related("activation__bundle").filter(environment_id=environment_id).first()
    return (standing.seq, packs_of(standing.activation.bundle)) if standing else (0, {})


def packs_of(bundle: Bundle) -> dict[str, PackSource]:
    """The packs of a bundle as their authors wrote them. Needs an open transaction."""
    return {entry["pack"]: _source(entry["pack"], entry["digest"]) for entry in bundle.packs}


def _source(pack: str, digest: str) -> PackSource:
    version = PolicyVersion.objects.get(pack__name=pack, digest=digest)
    return PackSource(version.source, version.data, version.tests, version.golden, version.version)


def content_of(packs: Mapping[str, PackSource]) -> tuple[str, bytes]:
    """Revision and bytes of the signed bundle of these packs: the same packs under the same key, the same bytes."""
    signing = point.keyring().signing()
    return bundles.build(
        modules=authoring.modules(packs), data=authoring.data(packs), key=signing.private, kid=signing.kid
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
        if standing is None or not _to_be_confirmed(standing, clock.now()):
            return False
        _confirm(standing, standing.activation)
        standing.save(update_fields=["statement", "issued_at", "not_after", "refresh_at"])
        return True


def _to_be_confirmed(standing: Standing, now: datetime) -> bool:
    """Past a third of its life; or issued in the future, because the clock has been set back since."""
    return standing.refresh_at <= now or standing.issued_at > now + timedelta(microseconds=SKEW_NS // 1000)


def _version(name: str, pack: PackSource, author_id: UUID) -> PolicyVersion:
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
        golden=[dict(case) for case in pack.golden],
        version=pack.version,
        author_id=author_id,
    )


def _bundle(packs: Mapping[str, PackSource], versions: list[PolicyVersion]) -> Bundle:
    revision, content = content_of(packs)
    verified = bundles.open_verified(content, keys=point.keyring().trusted())
    listed = [_listed(name, version) for name, version in zip(sorted(packs), versions, strict=True)]
    bundle, _ = Bundle.objects.get_or_create(
        sha256=verified.sha256, defaults={"revision": revision, "content": content, "packs": listed}
    )
    return bundle


def _listed(name: str, version: PolicyVersion) -> dict[str, Any]:
    told = {"pack": name, "number": version.number, "digest": version.digest}
    return {**told, "version": version.version} if version.version else told


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a bundle may stand, and whose it is: see `PolicyActivated.ground`."""

    kind: str
    author_id: UUID
    reason: str
    draft: Draft | None = None
    approvers: Sequence[UUID] = ()
    restores: Activation | None = None


def activate(
    environment_id: UUID, bundle: Bundle, ground: Ground, *, actor: Actor, ttl_s: int | None = None
) -> Activation:
    """Under the lock of the standing row: next number, statement, event."""
    standing = locks.standing_for_change(environment_id)
    activation = Activation.objects.create(
        environment_id=environment_id,
        bundle=bundle,
        seq=(standing.seq if standing else 0) + 1,
        author_id=ground.author_id,
        activated_by_id=actor.id,
        activated_at=clock.now(),
        reason=ground.reason[:200],
        draft=ground.draft,
        restores=ground.restores,
    )
    _stand(standing, activation, ttl_s)
    _tell(activation, bundle, ground, actor)
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


def _tell(activation: Activation, bundle: Bundle, ground: Ground, actor: Actor) -> None:
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
        ground=ground.kind,
        draft_id=activation.draft_id,
        approvers=[str(person) for person in ground.approvers],
    )
    record(event, actor=actor, workspace_id=environment.workspace_id)


def _default_ttl_s() -> int:
    return int(settings.INTERLOCK_BUNDLE_TTL.total_seconds())


def _nanoseconds(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
