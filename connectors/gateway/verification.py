"""verify: after an undo the target is read back, and only that read gives the label."""

from connectors.errors import SendAborted
from connectors.gateway import sending
from connectors.gateway.binding import Bound
from connectors.models import ToolCall
from connectors.types import Done, Label, Outcome, Verified, WriteVerbs
from controlplane.lib.logs import get_logger
from tenants.errors import CredentialMissing

log = get_logger(__name__)


def verify(call: ToolCall, bound: Bound, outcome: Outcome) -> Verified | None:
    """None for anything but a finished undo. What cannot be read back counts as FAILED, not as undone."""
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
