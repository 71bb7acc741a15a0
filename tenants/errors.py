from controlplane.lib.errors import Conflict, DomainError, Forbidden, NotFound, Unavailable


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
