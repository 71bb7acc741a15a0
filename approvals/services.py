"""The verbs of approvals.

`cast_vote` is the only decider: the console, Slack, the API, the CLI and selections all end there. `open_request`,
`consume` and `void` are parts of the gateway's transactions.
"""

from approvals.asking import open_request, void
from approvals.delegating import delegate, end_delegation
from approvals.expiring import expire_due
from approvals.using import approvals_for, consume, lapsed
from approvals.voting import cast_vote, take_back
from approvals.withdrawing import withdraw

__all__ = [
    "approvals_for",
    "cast_vote",
    "consume",
    "delegate",
    "end_delegation",
    "expire_due",
    "lapsed",
    "open_request",
    "take_back",
    "void",
    "withdraw",
]
