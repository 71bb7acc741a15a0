"""The ServiceNow driver: read, update and restore incidents and catalogue tasks, and memberships of groups."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.outcomes import settled
from connectors.servicenow import session
from connectors.servicenow.choices import GetChoices
from connectors.servicenow.incident import INCIDENTS, TASKS, Desk, observed
from connectors.servicenow.membership import GetMembership, RemoveMembership, RestoreMembership
from connectors.servicenow.restore import RestoreRecord
from connectors.servicenow.session import Open, open_pysnow
from connectors.servicenow.transport import ServiceNowTransport
from connectors.servicenow.update import UpdateRecord
from connectors.types import About, CallContext, Done, JsonObject, Outcome, ReadVerbs, WriteVerbs


@dataclass(frozen=True, slots=True)
class GetRecord:
    """`servicenow.incident.get`, `servicenow.task.get`, args `{sys_id, references?}`: raw values by field name, and
    `display`. `references` (sys_id by field) are looked up too and come back as `names` (name by sys_id).
    """

    desk: Desk = INCIDENTS
    open: Open = open_pysnow

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _get(transport, self.desk, args))


def _get(transport: ServiceNowTransport, desk: Desk, args: JsonObject) -> Done:
    output = observed(session.read(transport, args["sys_id"], desk.fields, table=desk.table), desk.fields)
    return Done(output={**output, "names": session.names_of(transport, args.get("references", {}))})


_INCIDENT, _TASK = About("incident", ("sys_id",)), About("sc_task", ("sys_id",))
_MEMBERSHIP = About("membership", ("user", "group"))


@dataclass(frozen=True, slots=True)
class ServiceNowDriver:
    name: str = "servicenow"
    records: Mapping[str, About] = field(
        default_factory=lambda: {
            "servicenow.incident.get": _INCIDENT,
            "servicenow.incident.update": _INCIDENT,
            "servicenow.incident.restore": _INCIDENT,
            "servicenow.membership.get": _MEMBERSHIP,
            "servicenow.membership.remove": _MEMBERSHIP,
            "servicenow.membership.restore": _MEMBERSHIP,
            "servicenow.task.get": _TASK,
            "servicenow.task.update": _TASK,
            "servicenow.task.restore": _TASK,
        }
    )
    events: Mapping[str, About] = field(
        default_factory=lambda: {
            "incident.created": _INCIDENT,
            "incident.changed": _INCIDENT,
            "review.decided": _TASK,
        }
    )
    verbs: Mapping[str, ReadVerbs | WriteVerbs] = field(
        default_factory=lambda: {
            "servicenow.choices.get": GetChoices(),
            "servicenow.incident.get": GetRecord(),
            "servicenow.incident.update": UpdateRecord(),
            "servicenow.incident.restore": RestoreRecord(),
            "servicenow.membership.get": GetMembership(),
            "servicenow.membership.remove": RemoveMembership(),
            "servicenow.membership.restore": RestoreMembership(),
            "servicenow.task.get": GetRecord(TASKS),
            "servicenow.task.update": UpdateRecord(TASKS),
            "servicenow.task.restore": RestoreRecord(TASKS),
        }
    )
