"""What workflows refuse, with stable codes."""

from controlplane.lib.errors import Conflict, Invalid, NotFound


class WorkflowUnknown(NotFound):
    code, title = "workflow_unknown", "There is no such workflow"


class VersionTaken(Conflict):
    code, title = "version_taken", "This version is published with another content"


class VersionNotNewer(Conflict):
    code, title = "version_not_newer", "A published version may only be followed by a higher one"


class AssetMissing(Invalid):
    code, title = "asset_missing", "A prompt or schema that the definition names is missing"


class AssetInvalid(Invalid):
    code, title = "asset_invalid", "A prompt or schema cannot be used"


class AssetTaken(Conflict):
    code, title = "asset_taken", "This prompt or schema is published with another content"


class RunClosed(Conflict):
    code, title = "run_closed", "The run is over"


class RunNotWaiting(Conflict):
    code, title = "run_not_waiting", "The run waits for nothing that can be tried again"


class NotAttended(Conflict):
    code, title = "not_for_a_person", "The run does not need a person now"


class StartKeyReused(Conflict):
    code, title = "start_key_reused", "This key has started a run with another trigger"


class DeadLetterClosed(Conflict):
    code, title = "dead_letter_closed", "The dead letter has been dealt with already"


class NothingSelected(Conflict):
    code, title = "nothing_selected", "No open dead letter is in the selection"


class JobState(Conflict):
    code, title = "redrive_state", "The redrive is not in a state that allows this"


class NotATicket(Invalid):
    code, title = "not_a_ticket", "The event does not say which ticket it is about"


class ConnectorMissing(Conflict):
    code, title = "connector_missing", "A connector that the workflow needs is not set up"


class RunNotFound(NotFound):
    code, title = "run_not_found", "There is no such run"


class StepNotUnknown(Conflict):
    code, title = "step_not_unknown", "The outcome of this step is not open"


class InputsInvalid(Invalid):
    code, title = "inputs_invalid", "The trigger is not what the workflow takes"


class DryRunTooLong(Invalid):
    code, title = "dry_run_too_long", "A dry run looks at no more calls than this"


class BadItems(Invalid):
    code, title = "bad_items", "The items of a loop are not a list"


class TooManyItems(Invalid):
    code, title = "too_many_items", "A loop has more items than it may have"


class BadTime(Invalid):
    code, title = "bad_time", "A timer waits for something that is not a time"


class RunTurnsBack(Conflict):
    code, title = "run_turns_back", "The run is taking back what it did"


class RunNotPaused(Conflict):
    code, title = "run_not_paused", "The run is not paused"


class RunOpen(Conflict):
    code, title = "run_open", "The run is not over yet"


class EffectStands(Conflict):
    code, title = "effect_stands", "Something that the run did still stands"


class AlreadyRetried(Conflict):
    code, title = "already_retried", "There has been a second attempt at this run"


class TicketBusy(Conflict):
    code, title = "ticket_busy", "Another run is at work on the same ticket"


class StepUnknown(NotFound):
    code, title = "step_unknown", "The run has no such step"


class SubRunOfAnother(Conflict):
    code, title = "sub_run_of_another", "The run is a part of another one"
