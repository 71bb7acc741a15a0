"""Refusals of the gateway, and the two signals that end a dispatch before anything is sent."""

from datetime import datetime

from connectors.calls import CallState
from controlplane.lib.errors import Conflict, Invalid, NotFound


class CallNotFound(NotFound):
    title = "No such call"


class ArgsInvalid(Invalid):
    code, title = "args_invalid", "The arguments do not fit the tool's schema"


class InstanceUnusable(Conflict):
    code, title = "connector_unusable", "The connector instance cannot be used"


class KeyReused(Conflict):
    code, title = "idempotency_key_reused", "The idempotency key belongs to another action"


class NothingToUndo(Conflict):
    code, title = "nothing_to_undo", "This call changed nothing that could be undone"


class DryRunWrites(Conflict):
    code, title = "dry_run_writes_nothing", "A dry run writes nothing: a write is examined, never proposed"


class NotReconcilable(Conflict):
    code, title = "not_reconcilable", "Only a call whose outcome is unknown is decided by a person"


class AnswerUnlawful(Invalid):
    code, title = "answer_unlawful", "This answer is not possible for this call"


class FoundAfterAll(Conflict):
    code, title = "found_after_all", "The target has told meanwhile"


class NotAnUndo(Invalid):
    code, title = "not_an_undo", "Only `compensate` makes undoing calls, from the recipe of what was written"


class IllegalMove(RuntimeError):
    """A defect: the state machine has no such move."""


class DispatchRefused(Exception):
    """Rolls the dispatch transaction back, so that nothing it took stays taken; says where the call goes."""

    def __init__(self, state: CallState, code: str, detail: str = "", retry_at: datetime | None = None) -> None:
        super().__init__(code)
        self.state, self.code, self.detail, self.retry_at = state, code, detail, retry_at


class DecideAgain(Exception):
    """Rolls the dispatch transaction back: what was decided no longer holds, ask the PDP again."""
