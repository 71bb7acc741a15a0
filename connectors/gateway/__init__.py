"""The gateway: the only door outward. One call goes propose → decide → wait → dispatch → send → settle."""

from connectors.calls import Answer, CallSpec, CallState, CallStatus, Lane
from connectors.gateway.compensation import compensate
from connectors.gateway.examination import Examination, examine
from connectors.gateway.progress import advance
from connectors.gateway.proposal import propose
from connectors.gateway.recovery import probe
from connectors.gateway.resolution import resolve
from connectors.gateway.status import status

__all__ = [
    "Answer",
    "CallSpec",
    "CallState",
    "CallStatus",
    "Examination",
    "Lane",
    "advance",
    "compensate",
    "examine",
    "probe",
    "propose",
    "resolve",
    "status",
]
