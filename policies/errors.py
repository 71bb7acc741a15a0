"""What the policy room refuses."""

from controlplane.lib.errors import Conflict, Invalid, NotFound, Unavailable


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
