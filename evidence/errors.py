from controlplane.lib.errors import Conflict, Invalid, Unavailable


class EventTooLarge(Invalid):
    code, title = "event_too_large", "The event is larger than the record takes"


class EventMalformed(Invalid):
    code, title = "event_malformed", "The event does not have the shape of its type"


class WrongLog(Conflict):
    code, title = "wrong_log", "The run writes into another log"


class NotSealed(Unavailable):
    """The sequencer did not get to these events in time; nothing is lost, ask again."""

    code, title = "not_sealed", "The events are not sealed yet"


class NothingSealed(Conflict):
    code, title = "nothing_sealed", "The log has no sealed events in this period"


class ExportNotReady(Conflict):
    code, title = "export_not_ready", "The export is not ready"


class PeriodTooLong(Invalid):
    code, title = "period_too_long", "The period holds more events than one bundle takes"


class RunPruned(Conflict):
    """What the run said was removed when its time was over."""

    code, status, title = "run_pruned", 410, "Only the leaves of this run are left"


class LogFrozen(Unavailable):
    """The log does not extend what was signed before: somebody must look before anything is signed again."""

    code, title = "log_frozen", "The log is frozen"


class NotFrozen(Conflict):
    code, title = "log_not_frozen", "The log is in order: it needs no new epoch"


class Contradictory(Conflict):
    """What is signed in the database is not over the leaves in it: somebody changed it, a backup must be restored."""

    code, title = "log_contradictory", "The database contradicts itself"


class SignerUnknown(Invalid):
    code, title = "signer_unknown", "No key can live at this address"


class SignerUnavailable(Unavailable):
    """The service that holds a root key did not answer, or holds another kind of key."""

    code, title = "signer_unavailable", "The root key cannot sign now"


class OutsideMisconfigured(Invalid):
    code, title = "anchors_misconfigured", "The file that says who hears of signed heads cannot be used"


class OutsideUnavailable(Unavailable):
    """Somebody outside did not answer, or not as agreed; the next round asks again."""

    code, title = "anchor_unavailable", "Nobody outside has seen this head yet"


class WitnessRefused(Conflict):
    """A witness has seen another history of this log than the one it is shown."""

    code, title = "witness_refused", "A witness knows another history"


class OnHold(Conflict):
    """Erasing is refused: the record of the refusal stays."""

    code, title = "on_hold", "A legal hold forbids it"


class NotOver(Conflict):
    code, title = "run_open", "The run is not over"
