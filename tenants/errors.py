from controlplane.lib.errors import Conflict, DomainError, Forbidden, NotFound, TooMany, Unavailable


class ScopeMissing(RuntimeError):
    """A tenant's rows were asked for without saying which tenant. A defect, never a user's error."""


class ScopeConflict(RuntimeError):
    """Two tenants in one piece of work. A defect: nothing may mix them."""


class OutsideTransaction(RuntimeError):
    """A tenant query outside a transaction: row security would see no tenant. A defect."""


class TenantUnknown(NotFound):
    code, title = "not_found", "Not found"


class PermissionMissing(Forbidden):
    code, title = "permission_missing", "A permission is missing"


class TokenRefused(DomainError):
    code, status, title = "token_refused", 401, "The token is unknown, expired or revoked"


class CredentialMissing(Conflict):
    code, title = "credential_missing", "No such credential"


class PayloadExpired(NotFound):
    code, title = "payload_expired", "The content has expired or was never kept"


class HaltsUnreadable(Unavailable):
    """The kill switch cannot be read. Unreadable counts as halted."""

    code, title = "halts_unreadable", "The kill switch cannot be read, so everything counts as halted"


class HaltState(Conflict):
    code, title = "halt_state", "The halt is not in a state that allows this"


class SecondPersonNeeded(Forbidden):
    code, title = "second_person_needed", "A second person must do this"


class StepUpRequired(Forbidden):
    """A fresh second factor, given for exactly this deed, is missing."""

    code, title = "step_up_required", "Confirm with your second factor in the console first"


class StepUpRefused(Forbidden):
    """One sentence for everything that can be wrong with a proof."""

    code, title = "step_up_refused", "That did not prove that it is you"


class NoSecondFactor(StepUpRequired):
    code, title = "no_second_factor", "You have no second factor, so you cannot confirm this"


class TooManyProofs(TooMany):
    code, title = "too_many_proofs", "Too many attempts to confirm"


class IdentityRefused(Forbidden):
    code, title = "identity_refused", "The sign-in at your organisation was not accepted"
