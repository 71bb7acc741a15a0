from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.lib.events import event


@event("tenant.created")
@dataclass(frozen=True)
class TenantCreated:
    slug: str


@event("member.role_granted")
@dataclass(frozen=True)
class RoleGranted:
    user_id: UUID
    role: str
    workspace_id: UUID
    environment_id: UUID | None = None


@event("member.role_withdrawn")
@dataclass(frozen=True)
class RoleWithdrawn:
    user_id: UUID
    role: str
    workspace_id: UUID
    environment_id: UUID | None = None


@event("token.issued")
@dataclass(frozen=True)
class TokenIssued:
    token_id: UUID
    user_id: UUID
    prefix: str
    scopes: list[str]
    expires_at: str
    on_behalf_of: UUID | None = None


@event("token.revoked")
@dataclass(frozen=True)
class TokenRevoked:
    token_id: UUID
    prefix: str


@event("token.rotated")
@dataclass(frozen=True)
class TokenRotated:
    """`old_until`: how long the old one still goes on."""

    token_id: UUID
    new_token_id: UUID
    old_until: str


@event("service.made")
@dataclass(frozen=True)
class ServiceMade:
    """A service or an agent, and the person who answers for it."""

    identity_id: UUID
    user_id: UUID
    name: str
    kind: str
    owner_id: UUID


@event("service.closed")
@dataclass(frozen=True)
class ServiceClosed:
    identity_id: UUID
    user_id: UUID
    tokens_revoked: int


@event("break_glass.opened")
@dataclass(frozen=True)
class GlassBroken:
    """A platform operator may look into this tenant until then, for this reason."""

    glass_id: UUID
    operator_id: UUID
    reason: str
    until: datetime


@event("break_glass.looked")
@dataclass(frozen=True)
class GlassLookedThrough:
    """A page that the operator opened."""

    glass_id: UUID
    operator_id: UUID
    path: str


@event("break_glass.closed")
@dataclass(frozen=True)
class GlassClosed:
    """Before its time."""

    glass_id: UUID
    operator_id: UUID


@event("credential.stored")
@dataclass(frozen=True)
class CredentialStored:
    name: str
    rotated: bool


@event("member.admitted")
@dataclass(frozen=True)
class MemberAdmitted:
    """A person came from the identity provider for the first time."""

    user_id: UUID
    issuer: str
    role: str


@event("tenant.identity_provider_set")
@dataclass(frozen=True)
class IdentityProviderSet:
    """Where the people of the tenant sign in, as it stands from now on."""

    issuer: str
    client_id: str
    step_up: bool
    step_up_acr: str
    default_role: str
    enabled: bool


@event("session.opened")
@dataclass(frozen=True)
class SessionOpened:
    """A person signed in, by these methods in this order."""

    user_id: UUID
    methods: list[str]


@event("session.ended")
@dataclass(frozen=True)
class SessionsEnded:
    """Sessions of a person were ended before their time."""

    user_id: UUID
    count: int


@event("member.factors_changed")
@dataclass(frozen=True)
class FactorsChanged:
    """A person's own second factors or password changed."""

    user_id: UUID
    change: str


@event("step_up.proved")
@dataclass(frozen=True)
class StepUpProved:
    """A person proved to be there, for exactly this action. `assertion`: what a passkey signed (base64url), whose
    challenge is the SHA-256 of the action digest's 64 characters, and the COSE key that checks it."""

    step_up_id: UUID
    user_id: UUID
    method: str
    action_digest: str
    assertion: Mapping[str, str] | None


@event("step_up.failed")
@dataclass(frozen=True)
class StepUpFailed:
    """Somebody in this session could not prove it, so many times for this challenge."""

    challenge_id: UUID
    user_id: UUID
    method: str
    action_digest: str
    attempts: int


@event("halt.engaged")
@dataclass(frozen=True)
class HaltEngaged:
    """`engaged_by`, also when the record is filled later and by somebody else; `trigger_id`: it engaged itself."""

    halt_id: UUID
    scope: str
    mode: str
    reason: str
    engaged_by: UUID
    engaged_at: datetime
    trigger_id: UUID | None
    drill: bool


@event("halt.confirmed")
@dataclass(frozen=True)
class HaltConfirmed:
    """Nothing that was dispatched before is in flight, so many milliseconds after it was engaged."""

    halt_id: UUID
    after_ms: int


@event("halt.release_requested")
@dataclass(frozen=True)
class HaltReleaseRequested:
    halt_id: UUID
    reason: str


@event("halt.released")
@dataclass(frozen=True)
class HaltReleased:
    halt_id: UUID
    engaged_by: UUID
    requested_by: UUID


@event("halt.drill_finished")
@dataclass(frozen=True)
class HaltDrillFinished:
    """What a rehearsal proved; times in milliseconds after it began, None for what did not come to pass."""

    drill_id: UUID
    environment_id: UUID
    halt_id: UUID | None
    call_id: UUID | None
    passed: bool
    engaged_ms: int | None
    confirmed_ms: int | None
    refused_ms: int | None
    refused_as: str
    released_ms: int | None
    resumed_ms: int | None
    resumed_as: str
    detail: str


@event("halt.trigger_set")
@dataclass(frozen=True)
class HaltTriggerSet:
    """A rule by which the kill switch engages itself, as it stands from now on."""

    trigger_id: UUID
    name: str
    kind: str
    watch: str
    threshold: int
    window_s: int
    minimum: int
    reach: str
    mode: str
    enabled: bool


@event("data_keys.ended")
@dataclass(frozen=True)
class DataKeysEnded:
    """Nothing of this tenant is under data keys that former key-encryption keys had wrapped: they are gone.

    `epochs` are the names of those key-encryption keys, `newest_id` is the data key that stays.
    """

    count: int
    epochs: list[str]
    newest_id: UUID
