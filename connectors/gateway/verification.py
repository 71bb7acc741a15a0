"""verify: after an undo the target is read back, and only that read gives the label."""

from connectors.errors import SendAborted
from connectors.gateway import sending
from connectors.gateway.binding import Bound
from connectors.models import ToolCall
from connectors.types import Done, Label, Outcome, Unknown, Verified, WriteVerbs
from controlplane.lib.logs import get_logger
from tenants.errors import CredentialMissing

log = get_logger(__name__)

WORDS = "the undo has landed, but the target could not be read back"


def verify(call: ToolCall, bound: Bound, outcome: Outcome) -> Verified | None:
    """None for anything but a finished undo. `FAILED` is the label of what could not be read back."""
    verbs = bound.tool.verbs
    if call.compensates_id is None or not isinstance(outcome, Done) or not isinstance(verbs, WriteVerbs):
        return None
    try:
        context = sending.context_for(call, bound.draft.instance, gate=sending.probe_gate)
        return verbs.verify(context, bound.action.args, outcome.after or {})
    except (CredentialMissing, SendAborted) as reason:
        return Verified(False, Label.FAILED, reason.detail)
    except Exception:
        log.exception("reading back after %s failed", call.tool)
        return Verified(False, Label.FAILED, "the target could not be read back")


def judged(outcome: Outcome, verified: Verified | None) -> Outcome:
    """An undo that could not be read back is in doubt: it is looked for again, never taken for done or for failed."""
    if isinstance(outcome, Done) and unreadable(verified):
        return Unknown("read_back_failed", WORDS, usage=outcome.usage, wire=outcome.wire)
    return outcome


def unreadable(verified: Verified | None) -> bool:
    return verified is not None and verified.label is Label.FAILED
