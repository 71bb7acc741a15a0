"""The ServiceNow driver: read, update and restore one incident."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.outcomes import settled
from connectors.servicenow import session
from connectors.servicenow.choices import GetChoices
from connectors.servicenow.incident import READ_FIELDS, observed
from connectors.servicenow.restore import RestoreIncident
from connectors.servicenow.session import Open, open_pysnow
from connectors.servicenow.transport import ServiceNowTransport
from connectors.servicenow.update import UpdateIncident
from connectors.types import CallContext, Done, JsonObject, Outcome, ReadVerbs, WriteVerbs


@dataclass(frozen=True, slots=True)
class GetIncident:
    """`servicenow.incident.get`, args `{sys_id, references?}`: raw values by field name, and `display`.

    `references` (sys_id by field) are looked up too and come back as `names` (name by sys_id).
    """

    open: Open = open_pysnow

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        return settled(ctx, self.open, lambda transport: _get(transport, args))


def _get(transport: ServiceNowTransport, args: JsonObject) -> Done:
    output = observed(session.read(transport, args["sys_id"], READ_FIELDS))
    return Done(output={**output, "names": session.names_of(transport, args.get("references", {}))})


@dataclass(frozen=True, slots=True)
class ServiceNowDriver:
    name: str = "servicenow"
    verbs: Mapping[str, ReadVerbs | WriteVerbs] = field(
        default_factory=lambda: {
            "servicenow.choices.get": GetChoices(),
            "servicenow.incident.get": GetIncident(),
            "servicenow.incident.update": UpdateIncident(),
            "servicenow.incident.restore": RestoreIncident(),
        }
    )
