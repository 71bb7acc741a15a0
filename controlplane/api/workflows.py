"""Published workflows. A version is never changed, only followed."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import idempotency, naming, paging
from tenants.http import ApiView
from workflows import access, services
from workflows.models import WorkflowVersion

LONGEST_SOURCE = 200_000


class PublishBody(serializers.Serializer[Any]):
    """`source`: the definition as YAML. `workspace`: its slug, needed only where you see more than one."""

    source = serializers.CharField(max_length=LONGEST_SOURCE, trim_whitespace=False)  # type: ignore[assignment]
    workspace = serializers.SlugField(required=False)


class Version(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="workflow.name")
    workspace_id = serializers.UUIDField(source="workflow.workspace_id")
    version = serializers.CharField()
    digest = serializers.CharField()
    published_by = serializers.CharField(source="published_label")
    published_at = serializers.DateTimeField(source="created_at")


class VersionDetail(Version):
    source = serializers.CharField()  # type: ignore[assignment]
    document = serializers.JSONField()
    assets = serializers.JSONField()


def version_of(row: WorkflowVersion) -> dict[str, Any]:
    return dict(Version(row).data)


class Workflows(ApiView):
    @extend_schema(operation_id="workflows_list", parameters=paging.PARAMETERS, responses=paging.page_of(Version))
    def get(self, request: Request) -> Response:
        """Every published version, newest first."""
        page = paging.asked(request)
        rows = access.versions(self.actor, before=page.before, limit=page.limit + 1)
        return Response(paging.envelope(rows, page, version_of))

    @extend_schema(operation_id="workflows_publish", request=PublishBody, responses={201: Version})
    def post(self, request: Request) -> Response:
        """Publish a version; refused with every finding when it could not be undone in order."""
        body = PublishBody(data=request.data)
        body.is_valid(raise_exception=True)
        return idempotency.once(
            request,
            actor=self.actor,
            verb=services.publish_version,
            render=version_of,
            status=201,
            workspace_id=naming.workspace(self.actor, body.validated_data.get("workspace")).pk,
            source=body.validated_data["source"],
        )


class WorkflowOne(ApiView):
    @extend_schema(operation_id="workflows_show", responses=VersionDetail)
    def get(self, request: Request, version_id: UUID) -> Response:
        return Response(VersionDetail(access.version(self.actor, version_id)).data)
