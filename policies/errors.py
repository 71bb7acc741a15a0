"""What the policy room refuses."""

from controlplane.lib.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable


class PolicyRefused(Invalid):
    """A pack does not pass the gate: it does not parse, reaches out of its room, or its tests fail."""

    code, title = "policy_refused", "The policy was refused"


class BundleInvalid(Invalid):
    """A bundle is not what was signed. Never loaded."""

    code, title = "bundle_invalid", "The policy bundle is not what was signed"


class DecisionStale(Conflict):
    """The decision may no longer be acted on: decide again."""

    code, title = "decision_stale", "The decision is stale"


class NoActiveBundle(NotFound):
    code, title = "bundle_missing", "No policy is published for this environment"


class EvaluatorUnavailable(Unavailable):
    """A draft cannot be checked: no evaluator can be had, or the draft stalled it."""

    code, title = "evaluator_unavailable", "The policy cannot be checked"


class NotYetChecked(Conflict):
    """The draft as it stands has no clean check: check it first."""

    code, title = "not_checked", "The draft is not checked"


class DraftClosed(Conflict):
    """The draft is in a state that does not allow this."""

    code, title = "draft_closed", "The draft does not allow this now"


class OwnProposal(Forbidden):
    """Whoever wrote or proposed a policy does not approve it."""

    code, title = "own_proposal", "A second person must decide about this"


class ProposalChanged(Conflict):
    """What was voted on is not what is proposed now: look at it again."""

    code, title = "proposal_changed", "Another text is proposed now"


class SecondPersonNeeded(Conflict):
    """The environment has a policy; nobody replaces it alone."""

    code, title = "second_person_needed", "A second person must approve this"
