"""Pages that show one room each: policies, workflows, connectors."""

from typing import Any

from connectors import access as connectors
from controlplane.console.pages import PAGE, Page, older
from policies import access as policies
from tenants import access as places
from tenants.permissions import held
from tenants.roles import Perm
from workflows import access as workflows


class Policies(Page):
    template_name = "console/policies.html"
    here = "policies"

    def context(self) -> dict[str, Any]:
        decisions = policies.list_decisions(self.actor, before=self.cursor, limit=PAGE)
        return {
            "environments": [self._active(place) for place in places.environments(self.actor)],
            "decisions": decisions,
            "older": older(self.query, decisions[-1].id if len(decisions) == PAGE else None),
        }

    def _active(self, place: Any) -> dict[str, Any]:
        standing = policies.active(self.actor, place.id)
        return {"place": place, "standing": standing, "doubt": policies.doubt(standing) if standing else ""}


class Workflows(Page):
    template_name = "console/workflows.html"
    here = "workflows"

    def context(self) -> dict[str, Any]:
        versions = workflows.versions(self.actor, before=self.cursor, limit=PAGE)
        return {
            "versions": versions,
            "older": older(self.query, versions[-1].id if len(versions) == PAGE else None),
        }


class WorkflowDetail(Page):
    template_name = "console/workflow.html"
    here = "workflows"

    def context(self) -> dict[str, Any]:
        version = workflows.version(self.actor, self.row_id)
        return {"version": version, "may_try": Perm.START_RUN in held(self.actor, version.workflow.workspace_id)}


class Connectors(Page):
    template_name = "console/connectors.html"
    here = "connectors"

    def context(self) -> dict[str, Any]:
        return {"instances": connectors.health(self.actor)}
