from controlplane.lib.errors import Conflict, Forbidden, Invalid, NotFound


class RequestNotFound(NotFound):
    """Missing and foreign look the same."""

    code, title = "approval_not_found", "No such approval request"


class MayNotVote(Forbidden):
    """The detail says in one sentence why not."""

    code, title = "may_not_vote", "You cannot decide this"


class ReasonNeeded(Invalid):
    code, title = "reason_needed", "Say why"


class StaleDisplay(Conflict):
    """The voter saw something else than what would be executed."""

    code, title = "stale_display", "What you saw is not what this request asks now"


class AlreadyDecided(Conflict):
    code, title = "already_decided", "This request is already decided"


class RequestExpired(Conflict):
    code, title = "approval_expired", "The time to decide this has run out"


class ApprovalUnusable(Conflict):
    """Not approved, not for this call, for another digest, or used before. Nothing may be sent."""

    code, title = "approval_unusable", "There is no unused approval for exactly this"


class MayNotWithdraw(Forbidden):
    code, title = "may_not_withdraw", "Only those behind the question and operators withdraw it"


class NotWithdrawable(Conflict):
    code, title = "not_withdrawable", "It is used or closed, so it cannot be withdrawn"


class NothingToTakeBack(Conflict):
    code, title = "nothing_to_take_back", "There is no yes of yours that could be taken back"


class DelegationNotFound(NotFound):
    code, title = "delegation_not_found", "No such delegation"


class SelectionInvalid(Conflict):
    code, title = "selection_invalid", "This selection is not yours or too old: choose again and look at it"
